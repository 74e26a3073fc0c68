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
    let hops = match next(order.hops) {
        Ok(hops) => hops,
        Err(refused) => return refused,
    };
    // The same arrival at each try: what comes of it has the same delivery ids.
    let arrival = ArrivalId(order.delivery.0);
    let hop = Hop { bus, event: order.place.event, arrival, hops, payload: order.payload };
    ended(shared.put.hop(&order.view, hop).await)
}

/// How many buses an event was on after the next hop, if it may make one.
fn next(hops: u32) -> Result<u32, Attempted> {
    if hops < HOPS_LIMIT_COUNT {
        return Ok(hops + 1);
    }
    let message = format!("the event came from another bus already ({hops} of {HOPS_LIMIT_COUNT} hops)");
    Err(Attempted::Refused { code: Code::ThirdAccountHopDetected, message })
}

/// What became of the attempt, by what became of the hop.
fn ended(hop: Result<(), EntryError>) -> Attempted {
    match hop {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// `eb-bus-to-bus`: an event goes from a bus to another, and what comes from another bus goes to no third one.
    #[test]
    fn an_event_makes_one_hop() {
        for (hops, expected) in [(0, Ok(1)), (1, Err("1 of 1")), (2, Err("2 of 1")), (u32::MAX, Err("of 1 hops"))] {
            match (next(hops), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{hops}"),
                (Err(Attempted::Refused { code: Code::ThirdAccountHopDetected, message }), Err(part)) => {
                    assert!(message.contains(part), "{message}");
                }
                (found, _) => panic!("{hops}: {found:?}"),
            }
        }
    }

    /// `eb-rule-dlq`: what a retry cannot mend, a resource that is gone, is dead at once; all else is tried again.
    #[test]
    fn what_a_hop_ends_with() {
        for (hop, expected) in [
            (Ok(()), "Taken"),
            (Err(EntryError::NoBus("b".to_owned())), "Refused { code: NoResource"),
            (Err(EntryError::NoLeader), "Held"),
            (Err(EntryError::Busy), "Held"),
            // It may be there: the next try is the same arrival.
            (Err(EntryError::Unknown), "Held"),
            (Err(EntryError::TooManyCombinations), "Failed { code: ErrorFromTarget"),
            (Err(EntryError::TooManyMatches { count: 70_000, limit: 65_536 }), "Failed { code: ErrorFromTarget"),
        ] {
            let found = format!("{:?}", ended(hop));
            assert!(found.starts_with(expected), "{found}, not {expected}");
        }
    }
}
