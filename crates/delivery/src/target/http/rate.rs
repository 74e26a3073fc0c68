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
    /// Takes the next place of this destination.
    ///
    /// # Errors
    /// The milliseconds until there is one; none is taken.
    pub(super) fn take(&self, destination: Uid, rate_per_s: u32, now: BootMillis) -> Result<(), u64> {
        let interval_us = 1_000_000 / u64::from(rate_per_s.max(1));
        let now_us = now.0.saturating_mul(1_000);
        let mut until = self.0.lock();
        if until.len() > 1_024 {
            until.retain(|_, until_us| *until_us > now_us);
        }
        let until_us = until.entry(destination).or_insert(0);
        let next_us = (*until_us).max(now_us).saturating_add(interval_us);
        match next_us.saturating_sub(BURST_US.max(interval_us)).saturating_sub(now_us).div_ceil(1_000) {
            0 => {
                *until_us = next_us;
                Ok(())
            }
            wait_ms => Err(wait_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_holds_over_all_who_reserve() {
        let rates = Rates::default();
        let at = |ms: u64| BootMillis(50_000 + ms);
        let took =
            |uid, rate, count: usize, ms| (0..count).filter(|_| rates.take(Uid(uid), rate, at(ms)).is_ok()).count();
        assert_eq!(took(1, 10, 30, 0), 10, "a second's worth at once");
        assert_eq!(rates.take(Uid(1), 10, at(0)), Err(100));
        assert_eq!((took(1, 10, 30, 100), took(1, 10, 30, 1_100)), (1, 10));
        assert_eq!(took(2, 10, 1, 0), 1, "another destination waits for nobody");
        assert_eq!(took(1, 10, 30, 60_000), 10, "what was not used is lost");
        assert_eq!((took(3, 1, 5, 0), rates.take(Uid(3), 1, at(0)), took(3, 1, 5, 1_000)), (1, Err(1_000), 1));
    }
}
