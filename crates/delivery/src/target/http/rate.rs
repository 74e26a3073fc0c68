//! The calls a second of a destination, shared by all lanes and groups of this node. Decides by time as an argument.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use bascule_model::time::BootMillis;
use bascule_model::uid::Uid;

/// A second's worth may start at once.
const BURST_US: u64 = 1_000_000;

/// Until when each destination's calls are spoken for, in microseconds of the boot clock. Those in the past are forgotten.
#[derive(Debug, Default)]
pub(super) struct Rates(Mutex<BTreeMap<Uid, u64>>);

impl Rates {
    /// Takes the next place in the row of this destination; gives how long to wait for it, in milliseconds.
    pub(super) fn reserve(&self, destination: Uid, rate_per_s: u32, now: BootMillis) -> u64 {
        let interval_us = 1_000_000 / u64::from(rate_per_s.max(1));
        let now_us = now.0.saturating_mul(1_000);
        let mut until = self.0.lock();
        if until.len() > 1_024 {
            until.retain(|_, until_us| *until_us > now_us);
        }
        let until_us = until.entry(destination).or_insert(0);
        *until_us = (*until_us).max(now_us).saturating_add(interval_us);
        until_us.saturating_sub(BURST_US.max(interval_us)).saturating_sub(now_us).div_ceil(1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_holds_over_all_who_reserve() {
        let rates = Rates::default();
        let waits: Vec<u64> = (0..30).map(|_| rates.reserve(Uid(1), 10, BootMillis(50_000))).collect();
        assert!(waits[..10].iter().all(|wait| *wait == 0), "a second's worth at once: {waits:?}");
        assert_eq!((waits[10], waits[19], waits[29]), (100, 1_000, 2_000));
        assert_eq!(rates.reserve(Uid(2), 10, BootMillis(50_000)), 0, "another destination waits for nobody");
        assert_eq!(rates.reserve(Uid(1), 10, BootMillis(60_000)), 0, "what was not used is lost, what was is over");
        let slow: Vec<u64> = (0..3).map(|_| rates.reserve(Uid(3), 1, BootMillis(0))).collect();
        assert_eq!(slow, [0, 1_000, 2_000]);
    }
}
