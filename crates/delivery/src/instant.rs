//! A term's own time: the wall clock as it stood at its beginning, moved on by the boot clock, so that no jump is felt. Pure.

use bascule_model::time::{BootMillis, Millis};

/// Where a term's time began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instant {
    wall: Millis,
    boot: BootMillis,
}

impl Instant {
    pub(crate) const fn new(wall: Millis, boot: BootMillis) -> Self {
        Self { wall, boot }
    }

    /// The term's time when the boot clock says `boot`.
    pub(crate) const fn at(self, boot: BootMillis) -> Millis {
        self.wall.plus(boot.since(self.boot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_by_the_boot_clock_alone() {
        let began = Instant::new(Millis(5_000), BootMillis(70));
        for (boot, expected) in [(70, 5_000), (71, 5_001), (1_070, 6_000), (60, 5_000)] {
            assert_eq!(began.at(BootMillis(boot)), Millis(expected), "{boot}");
        }
    }
}
