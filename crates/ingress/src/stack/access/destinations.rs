//! API destinations and connections: a destination is given a connection only by who may use it so.

use bascule_api::v1::{
    CreateApiDestinationRequest, CreateConnectionRequest, DeauthorizeConnectionRequest, DeleteApiDestinationRequest,
    DeleteConnectionRequest, DescribeApiDestinationRequest, DescribeConnectionRequest, ListApiDestinationsRequest,
    ListConnectionsRequest, UpdateApiDestinationRequest, UpdateConnectionRequest,
};

use crate::operation::Operation;
use crate::stack::access::{Access, Accesses, Asking, Asks, Named, asks};

asks! {
    DescribeApiDestinationRequest DescribeApiDestination |request, asking| asking.destination(&request.name);
    DeleteApiDestinationRequest DeleteApiDestination |request, asking| asking.destination(&request.name);
    ListApiDestinationsRequest ListApiDestinations |_request, asking| asking.everything();
    CreateConnectionRequest CreateConnection |request, asking| asking.connection(&request.name);
    DescribeConnectionRequest DescribeConnection |request, asking| asking.connection(&request.name);
    UpdateConnectionRequest UpdateConnection |request, asking| asking.connection(&request.name);
    DeleteConnectionRequest DeleteConnection |request, asking| asking.connection(&request.name);
    DeauthorizeConnectionRequest DeauthorizeConnection |request, asking| asking.connection(&request.name);
    ListConnectionsRequest ListConnections |_request, asking| asking.everything();
}

impl Asks for CreateApiDestinationRequest {
    const OPERATION: Operation = Operation::CreateApiDestination;

    fn resource(&self, asking: &Asking) -> Named {
        asking.destination(&self.name)
    }

    fn accesses(&self, asking: &Asking) -> Accesses {
        let connection = Access::of(Self::OPERATION, asking.connection_given(&self.connection_arn));
        Accesses::one(Access::of(Self::OPERATION, self.resource(asking))).and([connection])
    }
}

impl Asks for UpdateApiDestinationRequest {
    const OPERATION: Operation = Operation::UpdateApiDestination;

    fn resource(&self, asking: &Asking) -> Named {
        asking.destination(&self.name)
    }

    fn accesses(&self, asking: &Asking) -> Accesses {
        let given = self.connection_arn.iter().filter(|arn| !arn.is_empty());
        let connection = given.map(|arn| Access::of(Self::OPERATION, asking.connection_given(arn)));
        Accesses::one(Access::of(Self::OPERATION, self.resource(asking))).and(connection)
    }
}
