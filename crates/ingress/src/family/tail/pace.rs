//! How much a tail shows, and what it says of the rest. Pure; time is an argument.

use bascule_api::v1::TailSkipped;
use bascule_model::time::BootMillis;

use crate::limits::TAIL_SKIPPED_INTERVAL_MS;

/// A second's worth of events may be shown at once.
const FULL_MS: u64 = 1_000;

/// What becomes of a matching event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// It is shown.
    Shown,
    /// It is beyond the rate, and counted.
    Skipped,
}

/// A token bucket, and the counts of what was not shown.
#[derive(Debug)]
pub(super) struct Pace {
    rate: u32,
    /// Thousandths of an event that may be shown now.
    thousandths: u64,
    at: BootMillis,
    since_word: TailSkipped,
    word_at: Option<BootMillis>,
}

impl Pace {
    /// With a rate of at least one event in a second.
    pub(super) fn new(rate: u32, now: BootMillis) -> Self {
        let thousandths = u64::from(rate) * FULL_MS;
        Self { rate, thousandths, at: now, since_word: TailSkipped::default(), word_at: None }
    }

    /// Whether a matching event is shown at `now`.
    pub(super) fn keep(&mut self, now: BootMillis) -> Kept {
        let rate = u64::from(self.rate);
        // Events a second are thousandths a millisecond.
        let grown = now.since(self.at).min(FULL_MS) * rate;
        self.thousandths = (self.thousandths + grown).min(rate * FULL_MS);
        self.at = now;
        match self.thousandths.checked_sub(1_000) {
            Some(left) => {
                self.thousandths = left;
                Kept::Shown
            }
            None => {
                self.since_word.rate_limited_count += 1;
                Kept::Skipped
            }
        }
    }

    /// So many events never came to be looked at.
    pub(super) const fn missed(&mut self, count: u64) {
        self.since_word.overrun_count = self.since_word.overrun_count.saturating_add(count);
    }

    /// An event could not be decided.
    pub(super) const fn undecided(&mut self) {
        self.since_word.undecided_count += 1;
    }

    /// In how many milliseconds there is something to say of what was not shown; `None` if there is nothing.
    pub(super) fn word_due_in_ms(&self, now: BootMillis) -> Option<u64> {
        if self.since_word == TailSkipped::default() {
            return None;
        }
        let since_ms = self.word_at.map_or(u64::MAX, |at| now.since(at));
        Some(TAIL_SKIPPED_INTERVAL_MS.saturating_sub(since_ms))
    }

    /// What was not shown since the last word, if it is time to say so.
    pub(super) fn skipped(&mut self, now: BootMillis) -> Option<TailSkipped> {
        if self.word_due_in_ms(now) != Some(0) {
            return None;
        }
        self.word_at = Some(now);
        self.last()
    }

    /// What was not shown since the last word, if anything, at the end.
    pub(super) fn last(&mut self) -> Option<TailSkipped> {
        Some(std::mem::take(&mut self.since_word)).filter(|skipped| *skipped != TailSkipped::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `count` events at one moment are shown.
    fn shown(pace: &mut Pace, count: usize, now: u64) -> usize {
        (0..count).filter(|_| pace.keep(BootMillis(now)) == Kept::Shown).count()
    }

    #[test]
    fn a_second_s_worth_comes_at_once_and_then_the_rate() {
        for rate in [1, 3, 100, 1_000] {
            let at_once = rate as usize;
            let mut pace = Pace::new(rate, BootMillis(50));
            assert_eq!(shown(&mut pace, 5_000, 50), at_once, "{rate}");
            assert_eq!(shown(&mut pace, 5_000, 50), 0);
            assert_eq!(shown(&mut pace, 5_000, 550), at_once / 2);
            // However long nothing comes, it is a second's worth.
            assert_eq!(shown(&mut pace, 5_000, 90_000), at_once);
            let mut steady = 0;
            for ms in 90_001..=100_000 {
                steady += shown(&mut pace, 2, ms);
            }
            assert_eq!(steady, 10 * at_once, "{rate}");
            // A clock that goes back gives nothing.
            assert_eq!(shown(&mut pace, 9, 10), 0);
        }
    }

    #[test]
    fn what_is_not_shown_is_told_once_a_second() {
        let mut pace = Pace::new(1, BootMillis(0));
        assert_eq!(shown(&mut pace, 1, 0), 1);
        assert_eq!((pace.word_due_in_ms(BootMillis(0)), pace.skipped(BootMillis(0))), (None, None));
        assert_eq!(shown(&mut pace, 4, 0), 0);
        pace.missed(7);
        pace.undecided();
        let told = TailSkipped { rate_limited_count: 4, overrun_count: 7, undecided_count: 1 };
        assert_eq!(pace.skipped(BootMillis(10)), Some(told));
        assert_eq!(pace.skipped(BootMillis(10)), None);
        pace.missed(2);
        assert_eq!(pace.word_due_in_ms(BootMillis(310)), Some(700));
        assert_eq!(pace.skipped(BootMillis(1_009)), None);
        let told = TailSkipped { overrun_count: 2, ..TailSkipped::default() };
        assert_eq!(pace.skipped(BootMillis(1_010)), Some(told));
        pace.missed(u64::MAX);
        pace.missed(1);
        assert_eq!(pace.skipped(BootMillis(9_000)).unwrap().overrun_count, u64::MAX);
    }
}
