//! The view as the book's reader asks it: targets of rules with what their lanes may do.

use std::sync::Arc;

use bascule_model::target::TargetKind;
use bascule_model::uid::{ControlIndex, Uid};
use bascule_routing::view::{Lane, View};

use crate::book::Target;
use crate::limits::{LANE_HELD_LIMIT_DELIVERIES, LANE_OPEN_LIMIT_ATTEMPTS, OPEN_PER_RATE_ATTEMPTS};
use crate::pacing::Limits;
use crate::reading::Lookup;

/// A view.
pub(crate) struct Seen(pub(crate) Arc<View>);

impl Lookup for Seen {
    fn index(&self) -> ControlIndex {
        self.0.index
    }

    fn targets_of(&self, rule: Uid) -> Option<Vec<Target>> {
        let rule = self.0.rule(rule)?;
        Some(rule.targets.values().map(|lane| self.of(lane)).collect())
    }

    fn target(&self, uid: Uid) -> Option<Target> {
        self.0.lane(uid).map(|lane| self.of(lane))
    }
}

impl Seen {
    fn of(&self, lane: &Lane) -> Target {
        let rate_per_s = match lane.target.kind {
            TargetKind::Destination(_) => {
                let row = self.0.destination_of(&lane.target.arn);
                row.and_then(|row| row.destination.as_ref()).map(|destination| destination.rate_per_second.max(1))
            }
            _ => None,
        };
        // As many as a slow answer keeps open at this rate, so that a slow target takes no more than it needs.
        let most = |rate: u32| usize::try_from(rate).unwrap_or(usize::MAX).saturating_mul(OPEN_PER_RATE_ATTEMPTS);
        let limits = Limits {
            held: LANE_HELD_LIMIT_DELIVERIES,
            open: rate_per_s.map_or(LANE_OPEN_LIMIT_ATTEMPTS, |rate| most(rate).min(LANE_OPEN_LIMIT_ATTEMPTS)),
            rate_per_s,
            retries: lane.target.retry.attempts(),
            age_ms: u64::from(lane.target.retry.age_s()) * 1_000,
        };
        Target { uid: lane.uid, rule: lane.rule, minted: lane.minted, limits }
    }
}
