//! Looks after the listener's certificates while the node runs: files that change are read anew, a list that is about to end is told of.
//!
//! In: the time, the files that the certificates come from.
//! Out: another configuration once changed files stand still; a line of log and a count when they are refused, once for each fault.
//! Never: a configuration that does not hold in the place of one that does, or the same words again and again.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::metrics::Counter;
use tokio::sync::oneshot;

use bascule_model::ambient::{Clock, Spawn, TaskKind};
use bascule_pki::server::ServerTls;

use crate::error::Error;
use crate::limits::{CERTIFICATES_LOOK_INTERVAL_MS, LIST_ALARM_SECONDS};

/// What it looks after, and with what.
pub struct Lookout {
    /// The listener's certificates.
    pub tls: Arc<ServerTls>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Threads that may block.
    pub spawn: Arc<dyn Spawn>,
    /// Counts readings that were refused.
    pub failures: Counter<u64>,
}

/// How long the revocation lists still hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lists {
    /// For longer than a day, or there are none.
    Hold,
    /// One ends within a day.
    EndSoon,
    /// One is over: every client is refused.
    Over,
}

/// How lists stand whose first is over then.
#[must_use]
pub const fn lists(until_unix_s: Option<i64>, now_unix_s: i64) -> Lists {
    match until_unix_s {
        Some(until) if until <= now_unix_s => Lists::Over,
        Some(until) if until - now_unix_s <= LIST_ALARM_SECONDS => Lists::EndSoon,
        _ => Lists::Hold,
    }
}

/// What has been said already.
#[derive(Default)]
struct Said {
    generation: u64,
    fault: Option<String>,
    lists: Option<(Lists, Option<i64>)>,
}

impl Lookout {
    /// Looks, for ever.
    pub async fn watch(self) {
        let mut said = Said { generation: self.tls.generation(), ..Said::default() };
        loop {
            self.told_of_lists(&mut said);
            tokio::time::sleep(Duration::from_millis(CERTIFICATES_LOOK_INTERVAL_MS)).await;
            let (done, refreshed) = oneshot::channel();
            let tls = Arc::clone(&self.tls);
            let refresh = move || drop(done.send(tls.refresh().map_err(Error::Pki)));
            self.spawn.block(TaskKind::Upkeep, Box::new(refresh));
            // One that panicked was logged as such; the next look is another.
            let Ok(refreshed) = refreshed.await else { continue };
            self.told_of_files(refreshed, &mut said);
        }
    }

    fn told_of_files(&self, refreshed: Result<bool, Error>, said: &mut Said) {
        let generation = self.tls.generation();
        if generation != said.generation {
            (said.generation, said.fault) = (generation, None);
        }
        match refreshed {
            Ok(false) => {}
            Ok(true) => {
                tracing::info!(generation, "certificates, authorities and lists have changed, and are read anew")
            }
            Err(error) => {
                let fault = error.chain();
                if said.fault.as_ref() != Some(&fault) {
                    self.failures.add(1, &[]);
                    tracing::error!(error = fault, "the certificates are refused, the old ones stay");
                    said.fault = Some(fault);
                }
            }
        }
    }

    fn told_of_lists(&self, said: &mut Said) {
        let until = self.tls.crls_until_unix_s();
        let now = i64::try_from(self.clock.wall().0 / 1_000).unwrap_or(i64::MAX);
        let stands = Some((lists(until, now), until));
        if said.lists == stands {
            return;
        }
        said.lists = stands;
        match lists(until, now) {
            Lists::Hold => {}
            Lists::EndSoon => tracing::warn!(
                until_unix_s = until,
                "a revocation list ends within a day, and from then on every client is refused: renew it"
            ),
            Lists::Over => {
                tracing::error!(
                    until_unix_s = until,
                    "a revocation list is over: every client is refused until it is renewed"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_told_of_a_day_before_its_end() {
        const DAY: i64 = 86_400;
        for (until, expected) in [
            (None, Lists::Hold),
            (Some(2 * DAY + 1), Lists::Hold),
            (Some(2 * DAY), Lists::EndSoon),
            (Some(DAY + 1), Lists::EndSoon),
            (Some(DAY), Lists::Over),
            (Some(0), Lists::Over),
        ] {
            assert_eq!(lists(until, DAY), expected, "{until:?}");
        }
    }
}
