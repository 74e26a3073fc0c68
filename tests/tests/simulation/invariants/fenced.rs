//! Fencing: once a later term of a group has delivered anything, no earlier one does.

use std::collections::BTreeMap;

use super::super::run::Scene;

pub(super) fn check(scene: &Scene) -> Vec<String> {
    let mut latest = BTreeMap::new();
    let mut wrong = Vec::new();
    // In the order in which targets were called.
    for came in scene.receiver.all() {
        let term = latest.entry(came.group).or_insert(came.term);
        if came.term < *term {
            wrong.push(format!("delivered for {} when its term {term} delivered already: {came:?}", came.group));
        }
        *term = came.term.max(*term);
    }
    wrong
}
