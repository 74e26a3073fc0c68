//! I4: a change of leaders repeats at most as many deliveries as may be unconfirmed, and nothing else repeats any.

use std::collections::BTreeMap;

use super::super::follower::UNCONFIRMED_LIMIT;
use super::super::run::Scene;

pub(super) fn check(scene: &Scene) -> Vec<String> {
    let mut last = BTreeMap::new();
    let mut between: BTreeMap<_, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for came in scene.receiver.all() {
        let Some(before) = last.insert((came.event, came.target), (came.group, came.term)) else { continue };
        if before == (came.group, came.term) {
            wrong.push(format!("delivered twice in one term: {came:?}"));
        } else {
            *between.entry((before, (came.group, came.term))).or_default() += 1;
        }
    }
    for ((from, to), count) in between {
        if count > UNCONFIRMED_LIMIT {
            wrong.push(format!(
                "`{count}` deliveries of {from:?} came again in {to:?}, the limit is {UNCONFIRMED_LIMIT}"
            ));
        }
    }
    wrong
}
