//! One attempt: the event's row, its view, its payload opened, the target called.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use bascule_model::id::{ArrivalId, DeliveryId};
use bascule_model::target::HttpParameters;
use bascule_model::time::Millis;
use bascule_model::uid::GroupId;
use bascule_routing::error::SealError;
use bascule_routing::rights::invoking::{self, About, Leave};
use bascule_routing::transform::{self, Refused, Transform};
use bascule_routing::vault::Place;
use bascule_routing::view::{Lane, View};
use bascule_statemachine::codec::payload::Payload;
use bascule_statemachine::codec::shard::EventRow;
use bascule_statemachine::shard::read;

use crate::book::{Attempted, Scope, Start};
use crate::follower::may_attempt;
use crate::limits::{PAYLOADS_LIMIT_BYTES, VIEW_LIMIT_MS};
use crate::reading::stamped;
use crate::service::Shared;
use crate::target::code::Code;
use crate::target::{Call, Order};

/// Makes the attempt and says how it went.
pub(crate) async fn attempt(
    shared: &Shared,
    (group, term): (GroupId, u64),
    start: Start,
    over: &AtomicBool,
) -> Attempted {
    let began = shared.clock.boot();
    let (kind, attempted) = one(shared, (group, term), start, over).await;
    shared.meters.attempted(kind, &attempted, shared.clock.boot().since(began));
    attempted
}

/// The kind is `none` as long as nobody knows where to.
async fn one(
    shared: &Shared,
    (group, term): (GroupId, u64),
    start: Start,
    over: &AtomicBool,
) -> (&'static str, Attempted) {
    let Ok(loading) = shared.loading.acquire().await else {
        return ("none", Attempted::internal("the node stops"));
    };
    let row = match load(shared, group, start) {
        Ok(Some(row)) => row,
        // The delivery ended elsewhere, with its row: this leader's word no longer counts.
        Ok(None) => return ("none", Attempted::Settled),
        Err(error) => return ("none", Attempted::internal(&error)),
    };
    let Some(view) = shared.viewer.reached_within(stamped(&row), VIEW_LIMIT_MS).await else {
        return ("none", Attempted::internal("this node's view is behind the event's stamp"));
    };
    let Some(lane) = view.lane(start.target).cloned() else {
        return ("none", Attempted::Cancelled);
    };
    let call = Call::of(&view, &lane.target);
    let kind = call.kind();
    // Nothing is opened for a target that may not have it.
    let leave = invoking::leave(&view, &lane, shared.clock.wall());
    if let Leave::Never(refused) = leave {
        return (kind, Attempted::Forbidden { scope: Scope::Lane, index: view.index, message: refused.told });
    }
    let bytes = row.event.as_ref().map_or(0, |event| event.frame.len()) * 2;
    let permits = u32::try_from(bytes.min(PAYLOADS_LIMIT_BYTES)).unwrap_or(u32::MAX);
    let Ok(_payload) = shared.payloads.acquire_many(permits).await else {
        return (kind, Attempted::internal("the node stops"));
    };
    drop(loading);
    let Some((event, place)) = row.event.as_ref().and_then(|event| Some((event, Place::of_event(event)?))) else {
        return (kind, Attempted::internal("the event's row is torn"));
    };
    let Some(arrival) = ArrivalId::from_slice(&event.arrival_id) else {
        return (kind, Attempted::internal("the event's row is torn"));
    };
    let payload = match shared.vault.open(&view, place, &event.frame).await {
        Ok(payload) => payload,
        Err(error) if error.is_final() => return (kind, Attempted::Undecryptable),
        Err(error @ (SealError::Key { .. } | SealError::NoKey)) => {
            return (kind, Attempted::NoKey { message: error.to_string() });
        }
        Err(error) => return (kind, Attempted::internal(&error)),
    };
    let view = match still(shared, view, &lane, &leave, &payload) {
        Ok(view) => view,
        Err(refused) => return (kind, refused),
    };
    let hops = event.stamp.as_ref().map_or(0, |stamp| stamp.hops);
    let (payload, http) = match made(&view, &lane, payload, row.accepted_ms) {
        Ok(made) => made,
        Err(refused) => return (kind, refused),
    };
    let delivery = DeliveryId::of(arrival, start.target);
    if over.load(Ordering::Acquire) {
        // Nobody would hear how it went, and another leader makes it.
        return (kind, Attempted::Settled);
    }
    if !may_attempt(shared, group, term) {
        // Opening and making may have taken long: another node may lead the group by now, and call the target itself.
        return (kind, Attempted::Held { message: "no quorum confirms this node's lead".to_owned() });
    }
    let order = Order { group, term, start, view, delivery, place, hops, payload, http: &http };
    (kind, shared.targets.send(shared, call, order).await)
}

/// The newest view, if by it this event may still be delivered: opening it may have taken long. A lane that is not as it was is asked
/// about as it was, since it is called so.
fn still(
    shared: &Shared,
    asked: Arc<View>,
    lane: &Lane,
    leave: &Leave,
    payload: &Payload,
) -> Result<Arc<View>, Attempted> {
    let view = shared.viewer.now();
    if view.lane(lane.uid).is_none() {
        return Err(Attempted::Cancelled);
    }
    if view.index == asked.index && *leave == Leave::Every {
        return Ok(asked);
    }
    let about = std::str::from_utf8(&payload.body).ok().and_then(About::of);
    match invoking::deliverable(&view, lane, about.as_ref(), shared.clock.wall()) {
        Ok(()) => Ok(view),
        // If the whole lane is refused meanwhile, the next attempt or look says so.
        Err(refused) => Err(Attempted::Forbidden { scope: Scope::Single, index: view.index, message: refused.told }),
    }
}

/// What the target is sent, and with which HTTP parameters.
fn made(view: &View, lane: &Lane, payload: Payload, accepted_ms: u64) -> Result<(Payload, HttpParameters), Attempted> {
    let refused = |refused: &Refused| {
        let code = match refused {
            Refused::Missing | Refused::NotJson(_) => Code::InvalidJson,
            Refused::TooLong | Refused::TooMuch | Refused::Parameter(_) => Code::InvalidParameter,
        };
        Attempted::Refused { code, message: refused.to_string() }
    };
    let event = std::str::from_utf8(&payload.body).map_err(|_| Attempted::internal("the event is no UTF-8"))?;
    let http = transform::parameters(&lane.target.http, event).map_err(|error| refused(&error))?;
    if lane.transform == Transform::Event {
        return Ok((payload, http));
    }
    let body = transformed(view, lane, event, accepted_ms).map_err(|error| refused(&error))?;
    Ok((Payload { body: Bytes::from(body), ..payload }, http))
}

/// The target's input, made of the event.
fn transformed(view: &View, lane: &Lane, event: &str, accepted_ms: u64) -> Result<String, Refused> {
    let arn = invoking::rule_arn(view, lane).map(|arn| arn.to_string()).unwrap_or_default();
    let rule_name = view.rule(lane.rule).map(|rule| rule.name.as_str().to_owned()).unwrap_or_default();
    let about = transform::About { rule_arn: &arn, rule_name: &rule_name, accepted: Millis(accepted_ms) };
    lane.transform.apply(event, about)
}

fn load(shared: &Shared, group: GroupId, start: Start) -> Result<Option<EventRow>, bascule_statemachine::shard::Error> {
    let rows = shared.tables.view(group)?;
    read::event(&*rows, start.sequence)
}

impl Attempted {
    /// A fault of this house, which may pass. What it is goes to the log alone: a dead letter is read by others.
    pub(crate) fn internal(why: impl std::fmt::Display) -> Self {
        tracing::warn!(%why, "an attempt was not made");
        Self::Held { message: "a fault of this node, see its log".to_owned() }
    }
}
