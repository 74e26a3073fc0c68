//! One event that somebody is owed: GetEvent.

use bascule_api::status::Refusal;
use bascule_api::time::timestamp;
use bascule_api::v1::{EventDelivery, EventDeliveryState, GetEventRequest, GetEventResponse};
use bascule_model::arn::Arn;
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::id::EventId;
use bascule_model::time::Millis;
use bascule_model::uid::{ControlIndex, Uid};
use bascule_routing::vault::Place;
use bascule_routing::view::View;
use bascule_statemachine::ports::ask::{Delivery, Tracked};

use crate::family::{Front, given};
use crate::rooms::Rooms;
use crate::stack::{Checked, Permitted};
use crate::wire;

/// An event that may be.
pub(super) struct Get {
    id: EventId,
    bus: given::NameOrArn,
}

pub(super) fn check(_: &Permitted, request: GetEventRequest) -> Result<Get, Refusal> {
    let text = &request.event_id;
    let none = || wire::field("EventId", "it must be a UUID, as PutEvents answers them", text);
    let id = EventId::parse(text).ok_or_else(none)?;
    let bus = given::bus("EventBusName", &request.event_bus_name)?;
    Ok(Get { id, bus })
}

impl Front {
    pub(super) async fn get_event(&self, checked: Checked<Get>) -> Result<GetEventResponse, Refusal> {
        let (permit, Get { id, bus }) = checked.into_parts();
        let view = self.rooms.view(false).await?;
        let scope = &Rooms::cluster(&view)?.scope;
        let name = bus.here(scope, permit.account(), Noun::Bus)?;
        let bus = view.bus(permit.account(), name).ok_or_else(|| wire::fault(Fault::not_found(Noun::Bus, name)))?;
        let event_bus_arn = Arn::bus(&scope.of_account(permit.account()), &bus.name).to_string();
        let tracked = self.tracked(Uid(bus.row.uid), id).await?;
        let missing = || wire::fault(Fault::not_found(Noun::Event, id.to_string()));
        let Tracked { row, deliveries } = tracked.ok_or_else(missing)?;
        // INVARIANT SH-7: no event's row is without its event and stamp.
        let torn = || wire::internal("the row of an event contradicts SH-7");
        let event = row.event.ok_or_else(torn)?;
        let stamp = event.stamp.ok_or_else(torn)?;
        // Put after this view was taken, it may be owed to targets that are newer.
        let index = ControlIndex(stamp.control_index);
        let view = match index > view.index {
            true => self.rooms.viewer.reached(index).await.ok_or_else(wire::stale)?,
            false => view,
        };
        let place = Place::of_stamp(Uid(event.bus), id, &stamp);
        let text = match self.rooms.vault.open(&view, place, &event.frame).await {
            Ok(payload) => String::from_utf8_lossy(&payload.body).into_owned(),
            // How its deliveries stand is answered all the same: its reader must know that it cannot be read.
            Err(error) if error.is_final() => String::new(),
            Err(error) => return Err(wire::sealed(&error)),
        };
        Ok(GetEventResponse {
            event_id: id.to_string(),
            event_bus_arn,
            event: text,
            accepted_time: Some(timestamp(Millis(row.accepted_ms))),
            hops: stamp.hops,
            deliveries: shown(&view, deliveries),
        })
    }

    /// The first group's that holds it: an event goes to one group, and a hop that is made again may go to another.
    async fn tracked(&self, bus: Uid, id: EventId) -> Result<Option<Tracked>, Refusal> {
        let mut silent = None;
        for group in self.rooms.ask.groups() {
            match self.rooms.ask.event(group, bus, id).await {
                Ok(Some(tracked)) => return Ok(Some(tracked)),
                Ok(None) => {}
                Err(error) => silent = Some(wire::asked(&error)),
            }
        }
        // It could be where nobody answered.
        silent.map_or(Ok(None), Err)
    }
}

/// In order of rule name and target id; targets that were removed since have no names any more.
fn shown(view: &View, deliveries: Vec<(Uid, Delivery)>) -> Vec<EventDelivery> {
    let mut shown: Vec<EventDelivery> = deliveries
        .into_iter()
        .filter_map(|(target, delivery)| {
            let lane = view.lane(target)?;
            let mut shown = EventDelivery {
                rule_name: view.rule(lane.rule)?.name.as_str().to_owned(),
                target_id: lane.target.id.as_str().to_owned(),
                target_arn: lane.target.arn.to_string(),
                ..EventDelivery::default()
            };
            shown.set_state(match delivery {
                Delivery::Ended => EventDeliveryState::Ended,
                Delivery::Waits | Delivery::Parked(_) => EventDeliveryState::Pending,
            });
            if let Delivery::Parked(reference) = delivery {
                shown.attempt_count = reference.attempts;
                shown.due_time = (reference.due_ms > 0).then(|| timestamp(Millis(reference.due_ms)));
                shown.last_error_code = reference.fault;
            }
            Some(shown)
        })
        .collect();
    shown.sort_by(|one, other| (&one.rule_name, &one.target_id).cmp(&(&other.rule_name, &other.target_id)));
    shown
}
