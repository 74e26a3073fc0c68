//! How fresh a node's view is: since when it is known that nobody had changed anything that the view does not show.
//!
//! Every second a node asks the control group for its index, confirmed by a quorum. Once the view has reached that index, it is as
//! fresh as the *start* of the question: a right that was taken away before is gone here. A node that is cut off grows stale, and
//! past the limit decides, delivers and opens nothing more (architecture, "Freshness").

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use bascule_model::ambient::Clock;
use bascule_model::time::BootMillis;
use bascule_statemachine::ports::ask::Ask;

use crate::limits::{FRESHNESS_INTERVAL_MS, STALENESS_LIMIT_MS};
use crate::vault::Vault;
use crate::viewer::Viewer;

/// A view that is too old to decide by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this node has not heard from a quorum of the control group for `{age_ms}` ms, the limit is {STALENESS_LIMIT_MS}"
)]
pub struct Stale {
    /// For how long.
    pub age_ms: u64,
}

/// One node's freshness. Before the first confirmation nothing is fresh.
#[derive(Debug, Default)]
pub struct Freshness {
    /// One more than the boot clock at the newest confirmation's start; 0 for none.
    since: AtomicU64,
}

impl Freshness {
    /// Whether the view may decide at that moment.
    ///
    /// # Errors
    /// [`Stale`].
    pub fn check(&self, now: BootMillis) -> Result<(), Stale> {
        let age_ms = match self.since.load(Ordering::Acquire) {
            0 => now.0.max(STALENESS_LIMIT_MS + 1),
            since => now.since(BootMillis(since - 1)),
        };
        if age_ms > STALENESS_LIMIT_MS { Err(Stale { age_ms }) } else { Ok(()) }
    }

    /// The view has reached what was confirmed by a question that began then.
    pub fn confirmed(&self, began: BootMillis) {
        self.since.fetch_max(began.0 + 1, Ordering::AcqRel);
    }
}

/// Asks again and again until `stop`; while the view is stale, data keys are forgotten.
pub async fn run(
    (viewer, vault): (Arc<Viewer>, Arc<Vault>),
    ask: Arc<dyn Ask>,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
) {
    let mut ticks = tokio::time::interval(Duration::from_millis(FRESHNESS_INTERVAL_MS));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut stale = false;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.changed() => return,
        }
        let began = clock.boot();
        match ask.barrier().await {
            Ok(index) if viewer.reached(index).await.is_some() => viewer.freshness().confirmed(began),
            Ok(index) => tracing::warn!(%index, "the view does not reach what the control group has committed"),
            Err(error) => tracing::debug!(%error, "the control group gave no index"),
        }
        match (viewer.freshness().check(clock.boot()), stale) {
            (Err(why), false) => {
                stale = true;
                tracing::error!(age_ms = why.age_ms, "the view is stale: nothing is taken, delivered or opened");
                vault.forget();
            }
            (Ok(()), true) => {
                stale = false;
                tracing::info!("the view is fresh again");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_as_fresh_as_the_start_of_its_confirmation() {
        let freshness = Freshness::default();
        assert!(freshness.check(BootMillis(0)).is_err() && freshness.check(BootMillis(50_000)).is_err());
        freshness.confirmed(BootMillis(0));
        assert_eq!(freshness.check(BootMillis(STALENESS_LIMIT_MS)), Ok(()));
        let age_ms = STALENESS_LIMIT_MS + 1;
        assert_eq!(freshness.check(BootMillis(age_ms)), Err(Stale { age_ms }));
        freshness.confirmed(BootMillis(5_000));
        // An older answer that comes late takes nothing away.
        freshness.confirmed(BootMillis(3_000));
        assert_eq!(freshness.check(BootMillis(5_000 + STALENESS_LIMIT_MS)), Ok(()));
    }
}
