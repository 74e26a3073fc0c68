//! When lanes are asked about, and what changed since: at each change of the view, not too often, and now and then. Pure.

use std::collections::BTreeMap;

use bascule_model::time::Millis;
use bascule_model::uid::{ControlIndex, Uid};
use bascule_routing::rights::invoking::{self, Footing, Leave};
use bascule_routing::view::View;

use crate::limits::{RIGHTS_LOOK_LEAST_MS, RIGHTS_LOOK_MS};

/// What a follower knows of its lanes' rights.
#[derive(Default)]
pub(crate) struct Rights {
    index: ControlIndex,
    looked: Option<Millis>,
    /// When all were asked about, whatever changed.
    looked_at_all: Millis,
    footings: BTreeMap<Uid, Footing>,
}

/// What is known anew of one lane.
pub(crate) struct News {
    pub(crate) target: Uid,
    /// What may be delivered.
    pub(crate) leave: Leave,
    /// Whether something moved that it was decided by, so that single deliveries may be decided otherwise too.
    pub(crate) moved: bool,
}

impl Rights {
    /// Whether a later view was asked since, so that what was refused by the view of this index is to be asked again.
    pub(crate) fn is_past(&self, index: ControlIndex) -> bool {
        index < self.index
    }

    /// When the view of this index is to be asked.
    pub(crate) fn due(&self, index: ControlIndex) -> Millis {
        let Some(looked) = self.looked else { return Millis(0) };
        let all = self.looked_at_all.plus(RIGHTS_LOOK_MS);
        if index != self.index { looked.plus(RIGHTS_LOOK_LEAST_MS).min(all) } else { all }
    }

    /// Asks about these lanes, if that is due: `now` is the follower's time, `wall` the policies'. Of a change of the view only those
    /// are asked about that it may be about.
    pub(crate) fn look(&mut self, view: &View, lanes: &[Uid], now: Millis, wall: Millis) -> Vec<News> {
        if now < self.due(view.index) {
            return Vec::new();
        }
        let all = now >= self.looked_at_all.plus(RIGHTS_LOOK_MS);
        let mut footings = BTreeMap::new();
        let mut news = Vec::new();
        for uid in lanes {
            // What is gone is cancelled, whoever may what.
            let Some(lane) = view.lane(*uid) else { continue };
            let Some(rule) = view.rule(lane.rule) else { continue };
            let known = self.footings.remove(uid).filter(|known| known.holds(view, rule, lane));
            let moved = known.is_none();
            if moved || all {
                news.push(News { target: *uid, leave: invoking::leave(view, lane, wall), moved });
            }
            footings.insert(*uid, known.unwrap_or_else(|| Footing::of(view, rule, lane)));
        }
        if all {
            self.looked_at_all = now;
        }
        (self.index, self.looked, self.footings) = (view.index, Some(now), footings);
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_looked_at_soon_and_everything_now_and_then() {
        let view = |index| View::of(ControlIndex(index), bascule_statemachine::control::state::State::default());
        let mut rights = Rights::default();
        assert_eq!(rights.due(ControlIndex(1)), Millis(0));
        rights.look(&view(1), &[], Millis(20_000), Millis(0));
        assert_eq!(rights.due(ControlIndex(1)), Millis(30_000));
        assert_eq!(rights.due(ControlIndex(2)), Millis(20_250));
        assert!(rights.look(&view(2), &[], Millis(20_249), Millis(0)).is_empty() && rights.is_past(ControlIndex(0)));
        assert!(!rights.is_past(ControlIndex(1)), "too early, so that it was not looked at");
        // However often the view changes, all are asked about every ten seconds.
        for (index, at) in (2..).zip((20_250..30_000).step_by(250)) {
            rights.look(&view(index), &[], Millis(at), Millis(0));
            assert!(rights.is_past(ControlIndex(index - 1)));
        }
        assert_eq!(rights.due(ControlIndex(99)), Millis(30_000));
    }
}
