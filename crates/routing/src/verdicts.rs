//! What was decided of lanes a moment ago, so that a put costs no decision for each event.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use bascule_model::time::Millis;
use bascule_model::uid::Uid;

use crate::limits::{VERDICT_KEPT_MS, VERDICTS_LIMIT_COUNT};
use crate::rights::invoking::{Footing, Leave, leave};
use crate::view::{Lane, Rule, View};

/// One verdict for each lane, as long as nothing moves that decisions about it read.
#[derive(Default)]
pub(crate) struct Verdicts(RwLock<HashMap<Uid, Verdict>>);

struct Verdict {
    may: bool,
    footing: Footing,
    at: Millis,
}

impl Verdicts {
    /// Whether every event may be delivered to the lane's target: at most one decision in [`VERDICT_KEPT_MS`] milliseconds, or when
    /// an epoch moves.
    pub(crate) fn may(&self, view: &View, rule: &Rule, lane: &Arc<Lane>, now: Millis) -> bool {
        let holds = |known: &&Verdict| known.is_fresh(now) && known.footing.holds(view, rule, lane);
        if let Some(known) = self.0.read().get(&lane.uid).filter(holds) {
            return known.may;
        }
        let may = leave(view, lane, now) == Leave::Every;
        self.keep(lane.uid, Verdict { may, footing: Footing::of(view, rule, lane), at: now });
        may
    }

    fn keep(&self, lane: Uid, verdict: Verdict) {
        let mut all = self.0.write();
        // Which of them are asked for most nobody knows, and each costs one decision.
        if all.len() >= VERDICTS_LIMIT_COUNT && !all.contains_key(&lane) {
            all.clear();
        }
        all.insert(lane, verdict);
    }
}

impl Verdict {
    /// Conditions may be about the time, which a clock may set back as well.
    fn is_fresh(&self, now: Millis) -> bool {
        self.at <= now && now.since(self.at) < VERDICT_KEPT_MS
    }
}
