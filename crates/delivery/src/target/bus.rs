//! Another bus as a target: the event goes there as it is, once more matched, and no further than that.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html>.

use bascule_model::id::ArrivalId;
use bascule_model::uid::Uid;
use bascule_routing::error::EntryError;
use bascule_routing::put::Hop;

use crate::book::Attempted;
use crate::limits::HOPS_LIMIT_COUNT;
use crate::service::Shared;
use crate::target::Order;
use crate::target::code::Code;

pub(super) async fn send(shared: &Shared, bus: Uid, order: Order<'_>) -> Attempted {
    if order.hops >= HOPS_LIMIT_COUNT {
        let message = format!("the event came from another bus already ({} of {HOPS_LIMIT_COUNT} hops)", order.hops);
        return Attempted::Refused { code: Code::ThirdAccountHopDetected, message };
    }
    // The same arrival at each try: what comes of it has the same delivery ids.
    let arrival = ArrivalId(order.delivery.0);
    let hop = Hop { bus, event: order.place.event, arrival, hops: order.hops + 1, payload: order.payload };
    match shared.put.hop(&order.view, hop).await {
        Ok(()) => Attempted::Taken,
        Err(EntryError::NoBus(_)) => {
            Attempted::Refused { code: Code::NoResource, message: "the bus does not exist".to_owned() }
        }
        Err(EntryError::Key(_)) => {
            Attempted::NoKey { message: "the key of the other bus cannot be used now".to_owned() }
        }
        Err(error @ (EntryError::NoLeader | EntryError::Busy | EntryError::Unknown)) => Attempted::internal(error),
        Err(error) => Attempted::Failed {
            code: Code::ErrorFromTarget,
            message: error.to_string(),
            retry_after_ms: None,
            quiet_ms: 0,
        },
    }
}
