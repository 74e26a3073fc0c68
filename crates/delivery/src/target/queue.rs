//! Queue targets that were no messages when their event was appended: the body sealed again, and laid by a command of its own.

use bascule_keyring::context::RecordKind;
use bascule_model::uid::Uid;
use bascule_routing::vault::Place;
use bascule_statemachine::codec::shard::{Command, Enqueue, Kind};
use bascule_statemachine::shard::reply::Reply;

use crate::book::Attempted;
use crate::service::Shared;
use crate::target::Order;

pub(super) async fn send(shared: &Shared, queue: Uid, order: Order<'_>) -> Attempted {
    let Some(bus) = order.view.bus_by_uid(order.place.bus) else {
        return Attempted::Cancelled;
    };
    let place = Place { kind: RecordKind::Input, ..order.place };
    let frame = match shared.vault.seal(&order.view, bus.key, place, &order.payload).await {
        Ok(frame) => frame,
        Err(error) => return Attempted::NoKey { message: error.to_string() },
    };
    let (sequence, target) = (order.start.sequence.0, order.start.target.0);
    let enqueue = Enqueue { sequence, target, queue: queue.0, frame };
    let command = Command { kind: Some(Kind::Enqueue(enqueue)) };
    match shared.propose.shard(order.group, Some(order.term), vec![command]).await {
        // Wherever it went, the command was its end.
        Ok(replies) if matches!(replies.as_slice(), [Reply::Placed(_)]) => Attempted::Settled,
        Ok(replies) => Attempted::internal(format!("the machine answered `{replies:?}`")),
        // Said again, the command finds that the delivery has ended.
        Err(error) => Attempted::internal(error),
    }
}
