//! Fencing: once a later term of a group has delivered anything, no earlier one does.

use std::collections::BTreeMap;

use super::super::follower::Came;
use super::super::run::Scene;

pub(super) fn check(scene: &Scene) -> Vec<String> {
    late(&scene.receiver.all())
}

/// In the order in which targets were called.
fn late(all: &[Came]) -> Vec<String> {
    let mut latest = BTreeMap::new();
    let mut wrong = Vec::new();
    for came in all {
        let term = latest.entry(came.group).or_insert(came.term);
        if came.term < *term {
            wrong.push(format!("delivered for {} when its term {term} had delivered already: {came:?}", came.group));
        }
        *term = came.term.max(*term);
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use bascule_model::uid::{GroupId, NodeId};

    #[test]
    fn a_leader_that_was_replaced_is_seen() {
        let check = |rows: &[(u32, u64)], expected: usize| {
            let came = |(group, term): &(u32, u64)| {
                let group = GroupId(*group);
                Came { event: [0; 16], target: 11, group, term: *term, from: NodeId(1), at_ms: 0 }
            };
            assert_eq!(late(&rows.iter().map(came).collect::<Vec<_>>()).len(), expected, "{rows:?}");
        };
        check(&[(1, 3), (1, 3), (1, 4), (2, 1), (1, 4)], 0);
        check(&[(1, 3), (1, 4), (1, 3)], 1);
        check(&[(1, 4), (2, 3), (1, 2), (1, 4), (1, 3)], 2);
    }
}
