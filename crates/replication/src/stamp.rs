//! Group time: what a leader stamps on its entries, and by which it decides what is due. Pure.
//!
//! It is the wall clock where a quorum's clocks agree with it within two seconds, and theirs where they do not. Without them it never
//! runs ahead of the boot clock by more than two seconds within a term, so that a wall clock set wrong moves leases and retention by no
//! more than that. It never goes back, and it never stands: behind what was stamped before it goes on at half speed, until the clock has
//! come after. What is due in a minute is due in two then, and not whenever a clock that was set back is where it was.

use bascule_model::time::{BootMillis, Millis};

use crate::limits::STAMP_AHEAD_LIMIT_MS;

/// Whose word a leader has for what time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agreed {
    /// Nobody's but its own: it is the only voter.
    Alone,
    /// A quorum's clocks say this.
    Median(Millis),
    /// Too few clocks are known now.
    Unknown,
}

/// The stamps of one group on this node.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stamper {
    /// The first stamp of the term being led, with the boot clock at that time.
    began: Option<(u64, Millis, BootMillis)>,
    /// The last stamp that was a clock's word, and when: from there time goes on at half speed at least.
    last: (Millis, BootMillis),
}

impl Stamper {
    /// Begins behind what the rows say was stamped last.
    pub(crate) const fn after(last: Millis, boot: BootMillis) -> Self {
        Self { began: None, last: (last, boot) }
    }

    /// The stamp of the next entry of `term`.
    pub(crate) fn stamp(&mut self, term: u64, wall: Millis, boot: BootMillis, agreed: Agreed) -> Millis {
        let least = self.last.0.plus(boot.since(self.last.1) / 2);
        let now = match (self.began, agreed) {
            // The quorum's time is the better clock at any moment of a term: this one's may be set wrong meanwhile.
            (_, Agreed::Median(median)) => {
                let earliest = Millis(median.0.saturating_sub(STAMP_AHEAD_LIMIT_MS));
                let now = wall.clamp(earliest, median.plus(STAMP_AHEAD_LIMIT_MS));
                self.began = Some((term, now.max(least), boot));
                now
            }
            (Some((began_in, stamp, at)), _) if began_in == term => {
                wall.min(stamp.plus(boot.since(at)).plus(STAMP_AHEAD_LIMIT_MS))
            }
            (_, Agreed::Alone) => {
                // The first of a term: a node alone has no other clock to ask than its own.
                self.began = Some((term, wall.max(least), boot));
                wall
            }
            (_, Agreed::Unknown) => {
                // No clock is believed until a quorum says what time it is: it may run late, but not ahead.
                self.began = Some((term, least, boot));
                least
            }
        };
        if now >= least {
            self.last = (now, boot);
        }
        now.max(least)
    }

    /// What another leader stamped meanwhile counts too.
    pub(crate) fn seen(&mut self, last: Millis, boot: BootMillis) {
        if last > self.last.0.plus(boot.since(self.last.1) / 2) {
            self.last = (last, boot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_never_go_back_and_never_run_ahead() {
        let mut stamper = Stamper::after(Millis(1_000), BootMillis(10));
        // Term, wall clock, boot clock → stamp.
        for (term, wall, boot, expected) in [
            (1, 500, 10, 1_000),
            (1, 1_500, 20, 1_500),
            (1, 9_000_000, 30, 1_000 + 20 + 2_000),
            (1, 400, 40, 3_020 + 5),
            (1, 9_000_000, 5_010, 1_000 + 5_000 + 2_000),
            (2, 9_000_000, 5_020, 9_000_000),
            (2, 10_000_000, 6_020, 9_000_000 + 1_000 + 2_000),
        ] {
            let stamp = stamper.stamp(term, Millis(wall), BootMillis(boot), Agreed::Alone);
            assert_eq!(stamp, Millis(expected), "{term} {wall} {boot}");
        }
    }

    #[test]
    fn a_quorum_says_what_time_it_is() {
        let mut stamper = Stamper::after(Millis(1_000), BootMillis(10));
        let median = |at| Agreed::Median(Millis(at));
        // Term, wall clock, boot clock, what others say → stamp.
        for (term, wall, boot, agreed, expected) in [
            // Nobody says anything: no clock is believed at first, and then the boot clock.
            (1, 9_000_000, 10, Agreed::Unknown, 1_000),
            (1, 9_000_000, 510, Agreed::Unknown, 1_000 + 500 + 2_000),
            (1, 9_000_000, 600, median(8_999_900), 9_000_000),
            // A clock that jumps ahead takes group time along by two seconds and no more.
            (1, 99_000_000, 700, median(9_000_100), 9_002_100),
            (1, 99_000_000, 800, Agreed::Unknown, 9_002_100 + 100 + 2_000),
            // One that is behind holds it up by two seconds and no more; it never goes back.
            (2, 50, 900, median(9_010_000), 9_008_000),
            (2, 9_011_000, 1_000, median(9_010_100), 9_011_000),
            // A quorum's clocks were ahead and are set right: time goes on at half speed.
            (2, 5_011_100, 1_100, median(5_011_100), 9_011_050),
            (2, 5_012_000, 2_000, median(5_012_000), 9_011_500),
        ] {
            let stamp = stamper.stamp(term, Millis(wall), BootMillis(boot), agreed);
            assert_eq!(stamp, Millis(expected), "{term} {wall} {boot} {agreed:?}");
        }
        stamper.seen(Millis(9_500_000), BootMillis(2_000));
        assert_eq!(stamper.stamp(3, Millis(9_100_000), BootMillis(2_000), Agreed::Unknown), Millis(9_500_000));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nothing_wait_for_it() {
        let mut stamper = Stamper::after(Millis(0), BootMillis(0));
        let hour_ms = 3_600_000;
        assert_eq!(stamper.stamp(1, Millis(2 * hour_ms), BootMillis(0), Agreed::Alone), Millis(2 * hour_ms));
        // Asked every millisecond or never between, it is the same time.
        for boot in 1..=60_000 {
            let stamp = stamper.stamp(1, Millis(hour_ms + boot), BootMillis(boot), Agreed::Alone);
            assert_eq!(stamp, Millis(2 * hour_ms + boot / 2));
        }
        let caught_up = 2 * hour_ms + 10;
        let stamp = stamper.stamp(1, Millis(hour_ms + caught_up), BootMillis(caught_up), Agreed::Alone);
        assert_eq!(stamp, Millis(hour_ms + caught_up));
    }
}
