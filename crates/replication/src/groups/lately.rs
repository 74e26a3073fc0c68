//! When a group's leader was heard last. Pure but for its one number, which many may write.

use std::sync::atomic::{AtomicU64, Ordering};

use bascule_model::time::BootMillis;

/// The moment, one millisecond later, so that zero is never.
#[derive(Debug, Default)]
pub(super) struct Lately(AtomicU64);

impl Lately {
    /// It is heard now.
    pub(super) fn heard(&self, now: BootMillis) {
        self.0.store(now.0.saturating_add(1), Ordering::Release);
    }

    /// Whether that is at most so many milliseconds ago.
    pub(super) fn within(&self, now: BootMillis, limit_ms: u64) -> bool {
        let heard = self.0.load(Ordering::Acquire);
        heard > 0 && now.0.saturating_add(1).saturating_sub(heard) <= limit_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_heard_is_not_of_late() {
        let lately = Lately::default();
        assert!(!lately.within(BootMillis(0), 500));
        lately.heard(BootMillis(0));
        assert!(lately.within(BootMillis(500), 500) && !lately.within(BootMillis(501), 500));
        lately.heard(BootMillis(400));
        assert!(lately.within(BootMillis(900), 500) && lately.within(BootMillis(300), 500));
    }
}
