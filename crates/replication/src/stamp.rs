//! Group time: what a leader stamps on its entries. Pure.
//!
//! A stamp is the greater of the one before and the clock. Within a term it never runs ahead of the boot clock by more than
//! two seconds, so that a wall clock set wrong moves leases and retention by no more than that.

use bascule_model::time::{BootMillis, Millis};

use crate::limits::STAMP_AHEAD_LIMIT_MS;

/// The stamps of one group on this node.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stamper {
    /// The first stamp of the term being led, with the boot clock at that time.
    began: Option<(u64, Millis, BootMillis)>,
    last: Millis,
}

impl Stamper {
    /// Begins behind what the rows say was stamped last.
    pub(crate) const fn after(last: Millis) -> Self {
        Self { began: None, last }
    }

    /// The stamp of the next entry of `term`.
    pub(crate) fn stamp(&mut self, term: u64, wall: Millis, boot: BootMillis) -> Millis {
        let now = match self.began {
            Some((began_in, stamp, at)) if began_in == term => {
                wall.min(stamp.plus(boot.since(at)).plus(STAMP_AHEAD_LIMIT_MS))
            }
            _ => {
                // The first of a term: a node alone has no other clock to ask than its own.
                self.began = Some((term, wall.max(self.last), boot));
                wall
            }
        };
        self.last = self.last.max(now);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_never_go_back_and_never_run_ahead() {
        let mut stamper = Stamper::after(Millis(1_000));
        // Term, wall clock, boot clock → stamp.
        for (term, wall, boot, expected) in [
            (1, 500, 10, 1_000),
            (1, 1_500, 20, 1_500),
            (1, 9_000_000, 30, 1_000 + 20 + 2_000),
            (1, 400, 40, 3_020),
            (1, 9_000_000, 5_010, 1_000 + 5_000 + 2_000),
            (2, 9_000_000, 5_020, 9_000_000),
            (2, 10_000_000, 6_020, 9_000_000 + 1_000 + 2_000),
        ] {
            assert_eq!(stamper.stamp(term, Millis(wall), BootMillis(boot)), Millis(expected), "{term} {wall} {boot}");
        }
    }
}
