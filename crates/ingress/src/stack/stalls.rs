//! Streams whose client does not read: nobody asks them for an answer, so that they hear of nothing by themselves, neither of the node's
//! stop nor of a caller who may no more. They are found from outside, and their connection is cut.
//!
//! In: each stream's pulse, the time of each poll.
//! Out: connections that are cut.
//! Never: a cut of a stream that is polled: one that waits looks around by itself far more often than the limit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use bascule_model::ambient::Clock;
use bascule_model::time::BootMillis;

use crate::limits::{STALL_LOOK_INTERVAL_MS, STALLED_DRAINING_LIMIT_MS, STALLED_LIMIT_MS};
use crate::listener::Cut;
use crate::operation::Operation;

/// The streams of one node.
#[derive(Default)]
pub(super) struct Stalls {
    open: Mutex<(u64, BTreeMap<u64, Arc<Beat>>)>,
}

struct Beat {
    operation: Operation,
    polled_ms: AtomicU64,
    cut: Cut,
}

/// A stream's pulse, until it is dropped.
pub(super) struct Pulse {
    stalls: Arc<Stalls>,
    key: u64,
    beat: Arc<Beat>,
}

impl Pulse {
    /// The stream is asked for an answer.
    pub(super) fn beat(&self, now: BootMillis) {
        self.beat.polled_ms.store(now.0, Ordering::Relaxed);
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.stalls.open.lock().1.remove(&self.key);
    }
}

impl Stalls {
    pub(super) fn pulse(self: &Arc<Self>, operation: Operation, cut: Cut, now: BootMillis) -> Pulse {
        let beat = Arc::new(Beat { operation, polled_ms: AtomicU64::new(now.0), cut });
        let mut open = self.open.lock();
        let key = open.0;
        open.0 += 1;
        open.1.insert(key, Arc::clone(&beat));
        Pulse { stalls: Arc::clone(self), key, beat }
    }

    /// Cuts connections of streams that stall, for ever. `draining` says whether the node is about to stop.
    pub(super) async fn watch(&self, clock: &dyn Clock, draining: impl Fn() -> bool) {
        let mut drains_since = None;
        loop {
            tokio::time::sleep(Duration::from_millis(STALL_LOOK_INTERVAL_MS)).await;
            let now = clock.boot();
            if draining() {
                drains_since.get_or_insert(now);
            }
            for beat in self.open.lock().1.values() {
                let polled = BootMillis(beat.polled_ms.load(Ordering::Relaxed));
                if stalls(polled, drains_since, now) {
                    tracing::warn!(
                        operation = beat.operation.name(),
                        "a client does not read its stream: its connection is cut"
                    );
                    beat.cut.now();
                }
            }
        }
    }
}

/// Whether a stream that was last polled then stalls. A stop that has begun wakes all that can be woken.
fn stalls(polled: BootMillis, drains_since: Option<BootMillis>, now: BootMillis) -> bool {
    let quiet_ms = now.since(polled);
    let drain = drains_since.filter(|since| *since > polled);
    quiet_ms > STALLED_LIMIT_MS || drain.is_some_and(|since| now.since(since) > STALLED_DRAINING_LIMIT_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_polled_does_not_stall() {
        for (polled, drains_since, now, expected) in [
            (0, None, 0, false),
            (0, None, STALLED_LIMIT_MS, false),
            (0, None, STALLED_LIMIT_MS + 1, true),
            (9_000, Some(10_000), 10_001, false),
            (9_000, Some(10_000), 10_000 + STALLED_DRAINING_LIMIT_MS, false),
            (9_000, Some(10_000), 10_001 + STALLED_DRAINING_LIMIT_MS, true),
            // It heard of the stop, and has something left to say.
            (10_001, Some(10_000), 20_000, false),
        ] {
            let drains_since = drains_since.map(BootMillis);
            assert_eq!(stalls(BootMillis(polled), drains_since, BootMillis(now)), expected, "{polled} {now}");
        }
    }

    #[test]
    fn pulses_go_with_their_streams() {
        let registered = Arc::new(Stalls::default());
        let pulses: Vec<_> =
            (0..3).map(|ms| registered.pulse(Operation::TailEvents, Cut::default(), BootMillis(ms))).collect();
        assert_eq!(registered.open.lock().1.len(), 3);
        pulses[1].beat(BootMillis(77));
        assert_eq!(registered.open.lock().1[&1].polled_ms.load(Ordering::Relaxed), 77);
        drop(pulses);
        assert!(registered.open.lock().1.is_empty());
    }
}
