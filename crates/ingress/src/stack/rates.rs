//! How often a certificate's identity may call, and how fast events may come to a bus, on this node.
//!
//! Each key has a bucket that fills evenly and holds a second's worth (the generic cell rate algorithm, ITU-T I.371, with one number
//! a key). Refusing costs a look-up.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use bascule_model::time::BootMillis;
use parking_lot::Mutex;

use crate::limits::RATES_LIMIT_KEYS;

/// Buckets of one kind.
pub(super) struct Rates<K> {
    /// None: without limit.
    interval_us: Option<u64>,
    /// When each bucket that is not full will be, microseconds since boot.
    full_at_us: Mutex<HashMap<K, u64>>,
}

impl<K: Eq + Hash> Rates<K> {
    /// `per_second` for each key; 0: without limit.
    pub(super) fn new(per_second: u32) -> Self {
        let interval_us = (per_second > 0).then(|| (1_000_000 / u64::from(per_second)).max(1));
        Self { interval_us, full_at_us: Mutex::default() }
    }

    /// Takes `count` out of a key's bucket.
    ///
    /// # Errors
    /// How long to wait until there is as much.
    pub(super) fn take(&self, key: K, count: u32, now: BootMillis) -> Result<(), Duration> {
        let Some(interval_us) = self.interval_us else { return Ok(()) };
        let now_us = now.0.saturating_mul(1_000);
        let mut full_at_us = self.full_at_us.lock();
        // Buckets that are full need not be kept.
        if full_at_us.len() >= RATES_LIMIT_KEYS && !full_at_us.contains_key(&key) {
            full_at_us.retain(|_, at| *at > now_us);
            if full_at_us.len() >= RATES_LIMIT_KEYS {
                return Err(Duration::from_micros(SECOND_US));
            }
        }
        let from = full_at_us.get(&key).copied().unwrap_or_default().max(now_us);
        let next = from.saturating_add(interval_us.saturating_mul(u64::from(count)));
        let over = next.saturating_sub(now_us.saturating_add(SECOND_US));
        // More at once than a second's worth would never pass; it takes the whole of a full bucket.
        if over > 0 && from > now_us {
            return Err(Duration::from_micros(over));
        }
        full_at_us.insert(key, next.min(now_us.saturating_add(SECOND_US)));
        Ok(())
    }
}

const SECOND_US: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(rates: &Rates<&str>, key: &'static str, ms: std::ops::Range<u64>, each_ms: u64) -> u64 {
        ms.map(|at| (0..each_ms).filter(|_| rates.take(key, 1, BootMillis(at)).is_ok()).count() as u64).sum()
    }

    #[test]
    fn a_key_passes_at_its_rate_and_a_seconds_worth_more() {
        for per_second in [1, 10, 50, 1_000] {
            let rates = Rates::new(per_second);
            let passed = passes(&rates, "a", 5_000..15_000, 3);
            let most = u64::from(per_second) * 11;
            assert!((most - u64::from(per_second)..=most + 1).contains(&passed), "{per_second}: {passed}");
            // Others are not slowed.
            assert!(rates.take("b", 1, BootMillis(15_000)).is_ok());
        }
    }

    #[test]
    fn who_waits_as_told_passes() {
        let rates = Rates::new(10);
        let mut now = BootMillis(1_000);
        for _ in 0..10 {
            rates.take("a", 1, now).unwrap();
        }
        for _ in 0..100 {
            let wait = rates.take("a", 1, now).unwrap_err();
            assert!(wait <= Duration::from_millis(100), "{wait:?}");
            now = BootMillis(now.0 + u64::try_from(wait.as_millis()).unwrap() + 1);
            rates.take("a", 1, now).unwrap();
        }
    }

    #[test]
    fn many_at_once_are_charged_for_all() {
        let rates = Rates::new(100);
        rates.take("a", 60, BootMillis(1_000)).unwrap();
        assert!(rates.take("a", 60, BootMillis(1_000)).is_err());
        rates.take("a", 60, BootMillis(1_200)).unwrap();
        // More than fits into a bucket passes once it is full, and empties it.
        rates.take("b", 1_000, BootMillis(1_000)).unwrap();
        assert!(rates.take("b", 1, BootMillis(1_000)).is_err());
        rates.take("b", 1, BootMillis(1_020)).unwrap();
    }

    #[test]
    fn no_limit_is_none_and_keys_are_bounded() {
        let free = Rates::new(0);
        assert!((0..100_000).all(|_| free.take("a", 10, BootMillis(0)).is_ok()));
        assert!(free.full_at_us.lock().is_empty());
        let rates = Rates::new(1);
        for key in 0..RATES_LIMIT_KEYS {
            rates.take(key, 1, BootMillis(1_000)).unwrap();
        }
        assert!(rates.take(RATES_LIMIT_KEYS, 1, BootMillis(1_000)).is_err());
        rates.take(RATES_LIMIT_KEYS, 1, BootMillis(2_001)).unwrap();
        assert_eq!(rates.full_at_us.lock().len(), 1);
    }
}
