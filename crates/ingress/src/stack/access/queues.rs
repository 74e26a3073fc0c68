//! Queues. On a stream the start names the queue, and each receipt that is settled is asked about on it.

use bascule_api::v1::subscribe_request::Action;
use bascule_api::v1::{
    ChangeMessageVisibilityRequest, CreateQueueRequest, DeleteMessageRequest, DeleteQueuePolicyRequest,
    DeleteQueueRequest, DescribeQueueRequest, ListQueuesRequest, PurgeQueueRequest, PutQueuePolicyRequest,
    ReceiveMessageRequest, SubscribeRequest,
};

use crate::operation::Operation;
use crate::stack::access::{Access, Accesses, Asking, Asks, Named, asks};

asks! {
    DeleteQueueRequest DeleteQueue |request, asking| asking.queue(&request.queue_name);
    PurgeQueueRequest PurgeQueue |request, asking| asking.queue(&request.queue_name);
    DescribeQueueRequest DescribeQueue |request, asking| asking.queue(&request.queue_name);
    ListQueuesRequest ListQueues |_request, asking| asking.everything();
    PutQueuePolicyRequest PutQueuePolicy |request, asking| asking.queue(&request.queue_name);
    DeleteQueuePolicyRequest DeleteQueuePolicy |request, asking| asking.queue(&request.queue_name);
    ReceiveMessageRequest ReceiveMessage |request, asking| asking.queue(&request.queue_name);
    DeleteMessageRequest DeleteMessage |request, asking| asking.queue(&request.queue_name);
    ChangeMessageVisibilityRequest ChangeMessageVisibility |request, asking| asking.queue(&request.queue_name);
    SubscribeRequest Subscribe |request, asking| match &request.action {
        Some(Action::Start(start)) => asking.queue(&start.queue_name),
        // What begins with something else begins nothing.
        _ => asking.everything(),
    };
}

impl Asks for CreateQueueRequest {
    const OPERATION: Operation = Operation::CreateQueue;

    fn resource(&self, asking: &Asking) -> Named {
        asking.queue_named(&self.name)
    }

    /// What is received too often is laid into another queue, where the caller has to be able to lay it.
    fn accesses(&self, asking: &Asking) -> Accesses {
        let redrive = self.redrive_policy.as_ref().map_or("", |policy| &policy.dead_letter_target_arn);
        Accesses::one(Access::of(Self::OPERATION, self.resource(asking))).and(Access::laying(redrive, asking))
    }
}

/// A request on an open stream, which says what it does and not on what.
pub trait Settles: Asks {
    /// What it asks for on the resource with which the stream was opened.
    fn later(&self, opened_on: &Named) -> Access;
}

impl Settles for SubscribeRequest {
    fn later(&self, opened_on: &Named) -> Access {
        let operation = match &self.action {
            Some(Action::Ack(_)) => Operation::DeleteMessage,
            Some(Action::Nack(_) | Action::Extend(_)) => Operation::ChangeMessageVisibility,
            Some(Action::Start(_) | Action::Credit(_)) | None => Operation::Subscribe,
        };
        Access::of(operation, opened_on.clone())
    }
}
