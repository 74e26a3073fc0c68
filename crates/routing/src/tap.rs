//! Taps on the put path: who wants to see what is accepted on a bus sees it beside its way, and never holds it up.
//!
//! In: events that were accepted.
//! Out: the same events to each tap of their bus, or how many it missed.
//! Never: a put that waits for a tap, nor a tap that keeps more than its bound.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use bascule_model::id::EventId;
use bascule_model::uid::Uid;

use crate::limits::{TAP_LIMIT_BYTES, TAP_LIMIT_EVENTS, TAPS_LIMIT_COUNT};

/// Why there is no further tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are {TAPS_LIMIT_COUNT} taps already")]
pub struct Full;

/// What came through a tap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passed {
    /// An event was accepted.
    Event(Passing),
    /// So many were accepted before the next one and not kept: whoever looks was too slow.
    Missed(u64),
}

/// An accepted event.
#[derive(Clone, PartialEq, Eq)]
pub struct Passing {
    /// Its id.
    pub id: EventId,
    /// Its text, as rules see it.
    pub text: Bytes,
}

/// What an event says is nobody's business in a log.
impl std::fmt::Debug for Passing {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Passing").field("id", &self.id).field("bytes", &self.text.len()).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Passing>,
    bytes: usize,
    /// Since the last of `events`. While it counts, nothing is kept, so that all of it lies behind them.
    missed: u64,
}

#[derive(Default)]
struct Shelf {
    waiting: Mutex<Waiting>,
    told: Notify,
}

impl Shelf {
    fn lay(&self, passing: &Passing) {
        let mut waiting = self.waiting.lock();
        let full = waiting.events.len() >= TAP_LIMIT_EVENTS || waiting.bytes + passing.text.len() > TAP_LIMIT_BYTES;
        if full || waiting.missed > 0 {
            waiting.missed = waiting.missed.saturating_add(1);
        } else {
            waiting.bytes += passing.text.len();
            waiting.events.push_back(passing.clone());
        }
        drop(waiting);
        self.told.notify_one();
    }

    fn take(&self) -> Option<Passed> {
        let mut waiting = self.waiting.lock();
        if let Some(passing) = waiting.events.pop_front() {
            waiting.bytes -= passing.text.len();
            return Some(Passed::Event(passing));
        }
        let missed = std::mem::take(&mut waiting.missed);
        (missed > 0).then_some(Passed::Missed(missed))
    }
}

#[derive(Default)]
struct Open {
    next: u64,
    of_bus: BTreeMap<(Uid, u64), Arc<Shelf>>,
}

/// The taps of one node.
#[derive(Default)]
pub struct Taps {
    open: RwLock<Open>,
    /// How many there are, so that puts ask nothing else while there is none.
    count: AtomicUsize,
}

impl Taps {
    /// Opens a tap on a bus. It sees what is accepted from now on.
    ///
    /// # Errors
    /// [`Full`].
    pub fn open(self: &Arc<Self>, bus: Uid) -> Result<Tap, Full> {
        let mut open = self.open.write();
        if open.of_bus.len() >= TAPS_LIMIT_COUNT {
            return Err(Full);
        }
        let key = (bus, open.next);
        open.next += 1;
        let shelf = Arc::<Shelf>::default();
        open.of_bus.insert(key, Arc::clone(&shelf));
        self.count.store(open.of_bus.len(), Ordering::Release);
        Ok(Tap { taps: Arc::clone(self), key, shelf })
    }

    /// Whether anybody looks at a bus.
    pub(crate) fn is_watched(&self, bus: Uid) -> bool {
        self.count.load(Ordering::Acquire) > 0
            && self.open.read().of_bus.range((bus, 0)..=(bus, u64::MAX)).next().is_some()
    }

    /// Shows accepted events, each with its bus, to whoever looks there.
    pub(crate) fn pass(&self, events: &[(Uid, Passing)]) {
        if events.is_empty() || self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let open = self.open.read();
        for (bus, passing) in events {
            for (_, shelf) in open.of_bus.range((*bus, 0)..=(*bus, u64::MAX)) {
                shelf.lay(passing);
            }
        }
    }
}

/// A tap on a bus, until it is dropped.
pub struct Tap {
    taps: Arc<Taps>,
    key: (Uid, u64),
    shelf: Arc<Shelf>,
}

impl Tap {
    /// What waits now, if anything.
    #[must_use]
    pub fn try_next(&self) -> Option<Passed> {
        self.shelf.take()
    }

    /// The next thing that came through, in the order of acceptance by each call. Nothing is lost if the wait is given up.
    pub async fn next(&self) -> Passed {
        loop {
            // A word that came before the wait is kept for it.
            match self.shelf.take() {
                Some(passed) => return passed,
                None => self.shelf.told.notified().await,
            }
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        let mut open = self.taps.open.write();
        open.of_bus.remove(&self.key);
        self.taps.count.store(open.of_bus.len(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passing(number: u8, bytes: usize) -> Passing {
        Passing { id: EventId([number; 16]), text: Bytes::from(vec![b'x'; bytes]) }
    }

    fn all(tap: &Tap) -> Vec<Result<u8, u64>> {
        let told = std::iter::from_fn(|| tap.shelf.take());
        told.map(|passed| match passed {
            Passed::Event(passing) => Ok(passing.id.0[0]),
            Passed::Missed(count) => Err(count),
        })
        .collect()
    }

    fn pass(taps: &Taps, bus: u64, passing: Passing) {
        taps.pass(&[(Uid(bus), passing)]);
    }

    #[test]
    fn a_tap_sees_its_bus_from_now_on() {
        let taps = Arc::new(Taps::default());
        pass(&taps, 7, passing(0, 9));
        let first = taps.open(Uid(7)).unwrap();
        pass(&taps, 7, passing(1, 9));
        let second = taps.open(Uid(7)).unwrap();
        let other = taps.open(Uid(8)).unwrap();
        pass(&taps, 7, passing(2, 9));
        taps.pass(&[(Uid(9), passing(3, 9)), (Uid(7), passing(4, 9)), (Uid(8), passing(5, 9))]);
        assert_eq!([7, 8, 9].map(|bus| taps.is_watched(Uid(bus))), [true, true, false]);
        assert_eq!(all(&first), [Ok(1), Ok(2), Ok(4)]);
        assert_eq!(all(&second), [Ok(2), Ok(4)]);
        assert_eq!(all(&other), [Ok(5)]);
        drop((first, other));
        pass(&taps, 7, passing(6, 9));
        assert_eq!(all(&second), [Ok(6)]);
        drop(second);
        assert_eq!(taps.count.load(Ordering::Acquire), 0);
        assert!(taps.open.read().of_bus.is_empty());
    }

    #[test]
    fn whoever_does_not_look_misses_and_hears_how_much() {
        let taps = Arc::new(Taps::default());
        let tap = taps.open(Uid(7)).unwrap();
        (0..TAP_LIMIT_EVENTS + 3).for_each(|_| pass(&taps, 7, passing(1, 1)));
        // There would be room for this one, but then nobody could say where the gap was.
        assert_eq!(tap.shelf.take(), Some(Passed::Event(passing(1, 1))));
        pass(&taps, 7, passing(2, 1));
        let told = all(&tap);
        assert_eq!((told.len(), told.last()), (TAP_LIMIT_EVENTS, Some(&Err(4))));
        pass(&taps, 7, passing(3, 1));
        assert_eq!(all(&tap), [Ok(3)]);
        for _ in 0..3 {
            pass(&taps, 7, passing(4, TAP_LIMIT_BYTES / 2));
        }
        assert_eq!(all(&tap), [Ok(4), Ok(4), Err(1)]);
        assert_eq!(tap.shelf.waiting.lock().bytes, 0);
    }

    #[test]
    fn taps_are_bounded_and_come_back() {
        let taps = Arc::new(Taps::default());
        let mut open: Vec<_> = (0..TAPS_LIMIT_COUNT).map(|_| taps.open(Uid(1)).unwrap()).collect();
        assert_eq!(taps.open(Uid(2)).err(), Some(Full));
        open.pop();
        assert!(taps.open(Uid(2)).is_ok());
    }

    #[tokio::test]
    async fn a_wait_hears_what_comes() {
        let taps = Arc::new(Taps::default());
        let tap = taps.open(Uid(7)).unwrap();
        let (heard, ()) = tokio::join!(tap.next(), async { pass(&taps, 7, passing(5, 1)) });
        assert_eq!(heard, Passed::Event(passing(5, 1)));
    }

    #[test]
    fn what_an_event_says_is_not_printed() {
        assert!(!format!("{:?}", passing(1, 20)).contains("xxx"));
    }
}
