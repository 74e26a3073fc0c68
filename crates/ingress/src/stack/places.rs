//! Places of open streams, bounded for each connection and for the node: a stream may last for days, so that calls at once do not
//! bound it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;

use crate::limits::{CONNECTION_LIMIT_SUBSCRIPTIONS, NODE_LIMIT_SUBSCRIPTIONS, STREAM_RETRY_MS};

/// How many are taken, by connection; one without any has no row.
#[derive(Debug, Default)]
pub(super) struct Places {
    taken: Mutex<BTreeMap<usize, usize>>,
}

/// One open stream's place, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    connection: usize,
}

impl Places {
    /// Takes a place on a connection, which is known by an address that nothing else has while the place is taken.
    ///
    /// # Errors
    /// [`Reason::LimitExceeded`] for the connection, [`Reason::Overloaded`] for the node.
    pub(super) fn take(self: &Arc<Self>, connection: usize) -> Result<Place, Refusal> {
        let mut taken = self.taken.lock();
        let (here, all) = (taken.get(&connection).copied().unwrap_or_default(), taken.values().sum::<usize>());
        if here >= CONNECTION_LIMIT_SUBSCRIPTIONS {
            let refusal =
                full(Reason::LimitExceeded, "subscriptions of one connection", CONNECTION_LIMIT_SUBSCRIPTIONS);
            return Err(refusal);
        }
        if all >= NODE_LIMIT_SUBSCRIPTIONS {
            let refusal = full(Reason::Overloaded, "subscriptions of one node", NODE_LIMIT_SUBSCRIPTIONS);
            return Err(refusal.with_retry_after(Duration::from_millis(STREAM_RETRY_MS)));
        }
        taken.insert(connection, here + 1);
        Ok(Place { places: Arc::clone(self), connection })
    }
}

fn full(reason: Reason, limit: &str, max: usize) -> Refusal {
    let message = format!("limit `{limit}` exceeded: {} of at most {max}", max + 1);
    let refusal = Refusal::new(reason, message.clone()).with_quota(limit, message);
    refusal
        .with_metadata("limit", limit)
        .with_metadata("value", (max + 1).to_string())
        .with_metadata("max", max.to_string())
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        match taken.get_mut(&self.connection) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                taken.remove(&self.connection);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_come_back() {
        let places = Arc::new(Places::default());
        let take = |connection: usize| places.take(connection).map_err(|refusal| (refusal.reason, refusal.message));
        let mut open: Vec<Place> = (0..CONNECTION_LIMIT_SUBSCRIPTIONS).map(|_| take(1).unwrap()).collect();
        let (reason, message) = take(1).unwrap_err();
        assert_eq!(reason, Reason::LimitExceeded);
        assert_eq!(message, "limit `subscriptions of one connection` exceeded: 65 of at most 64");
        open.pop();
        open.push(take(1).unwrap());
        for connection in 2.. {
            if open.len() == NODE_LIMIT_SUBSCRIPTIONS {
                break;
            }
            let left = NODE_LIMIT_SUBSCRIPTIONS - open.len();
            open.extend((0..CONNECTION_LIMIT_SUBSCRIPTIONS.min(left)).map(|_| take(connection).unwrap()));
        }
        assert_eq!(take(1_000_000).unwrap_err().0, Reason::Overloaded);
        drop(open);
        assert!(places.taken.lock().is_empty());
        assert!(take(1).is_ok());
    }
}
