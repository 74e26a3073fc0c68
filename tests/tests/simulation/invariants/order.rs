//! I3: a sequence is given once, and what was acknowledged before another put began comes before it in its group.
//!
//! Ordered lanes, to which the invariant is stated, are not built yet: this is what they will stand on.

use std::collections::BTreeMap;

use super::super::history::Acked;
use super::super::run::Scene;

pub(super) fn check(scene: &Scene) -> Vec<String> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for put in scene.history.puts() {
        if let Acked::Yes(group, sequence) = put.acked
            && sequence > 0
        {
            groups.entry(group).or_default().push((sequence, put));
        }
    }
    let mut wrong = Vec::new();
    for puts in groups.values_mut() {
        puts.sort_by_key(|(sequence, _)| *sequence);
        for pair in puts.windows(2) {
            if pair[0].0 == pair[1].0 {
                wrong.push(format!("one sequence twice: {:?} {:?}", pair[0].1, pair[1].1));
            }
        }
        let mut latest_began = 0;
        for (sequence, put) in puts.iter() {
            // What has a lower sequence must not have begun after this one ended.
            if put.ended < latest_began {
                wrong.push(format!("sequence {sequence} was acknowledged before an earlier one was put: {put:?}"));
            }
            latest_began = latest_began.max(put.began);
        }
    }
    wrong
}
