//! Events and buses: PutEvents asks for each entry by itself.

use bascule_api::v1::{
    CreateEventBusRequest, DeleteEventBusRequest, DescribeEventBusRequest, GetEventRequest, ListEventBusesRequest,
    PutEventsRequest, PutEventsRequestEntry, PutPermissionRequest, RemovePermissionRequest, TailEventsRequest,
    UpdateEventBusRequest,
};
use bascule_model::limits::PUT_EVENTS_LIMIT_ENTRIES;
use bascule_model::name::BusName;

use crate::operation::Operation;
use crate::stack::access::{Access, Accesses, Asking, Asks, Given, Named, asks};

asks! {
    TailEventsRequest TailEvents |request, asking| asking.bus(&request.event_bus_name);
    GetEventRequest GetEvent |request, asking| asking.bus(&request.event_bus_name);
    DescribeEventBusRequest DescribeEventBus |request, asking| asking.bus(&request.name);
    DeleteEventBusRequest DeleteEventBus |request, asking| asking.bus_named(&request.name);
    ListEventBusesRequest ListEventBuses |_request, asking| asking.everything();
    PutPermissionRequest PutPermission |request, asking| asking.bus(&request.event_bus_name);
    RemovePermissionRequest RemovePermission |request, asking| asking.bus(&request.event_bus_name);
}

impl Asks for PutEventsRequest {
    const OPERATION: Operation = Operation::PutEvents;

    /// The first entry's bus. Without entries it is the default one's, so that who may put nothing is told so.
    fn resource(&self, asking: &Asking) -> Named {
        asking.bus(self.entries.first().map_or("", |entry| entry.event_bus_name.as_str()))
    }

    fn accesses(&self, asking: &Asking) -> Accesses {
        let Some((first, more)) = self.entries.split_first() else {
            return Accesses::one(Access::of(Self::OPERATION, self.resource(asking)));
        };
        // More are refused as a whole, so that no more are asked about.
        let asked = more.iter().take(PUT_EVENTS_LIMIT_ENTRIES - 1);
        let accesses = Accesses::one(put(first, asking)).and(asked.map(|entry| put(entry, asking)));
        if self.entries.len() > PUT_EVENTS_LIMIT_ENTRIES { accesses } else { accesses.each_by_itself() }
    }
}

fn put(entry: &PutEventsRequestEntry, asking: &Asking) -> Access {
    Access::of(Operation::PutEvents, asking.bus(&entry.event_bus_name))
        .with_text("events:source", &entry.source)
        .with_text("events:detail-type", &entry.detail_type)
        // A caller's; what a rule sends on has it true.
        .with("events:eventBusInvocation", Given::Bool(false))
}

impl Asks for CreateEventBusRequest {
    const OPERATION: Operation = Operation::CreateEventBus;

    fn resource(&self, asking: &Asking) -> Named {
        asking.bus_named(&self.name)
    }

    fn accesses(&self, asking: &Asking) -> Accesses {
        let bus = self.resource(asking);
        let tagging = Access::tagging("events:TagResource", &bus, &self.tags);
        let letters = self.dead_letter_config.as_ref().and_then(|config| Access::laying(&config.arn, asking));
        Accesses::one(Access::of(Self::OPERATION, bus).with_tags(&self.tags)).and(tagging).and(letters)
    }
}

impl Asks for UpdateEventBusRequest {
    const OPERATION: Operation = Operation::UpdateEventBus;

    fn resource(&self, asking: &Asking) -> Named {
        let name = if self.name.is_empty() { BusName::DEFAULT } else { &self.name };
        asking.bus_named(name)
    }

    fn accesses(&self, asking: &Asking) -> Accesses {
        let letters = self.dead_letter_config.as_ref().and_then(|config| Access::laying(&config.arn, asking));
        Accesses::one(Access::of(Self::OPERATION, self.resource(asking))).and(letters)
    }
}
