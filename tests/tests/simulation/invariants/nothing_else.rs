//! I2: nothing is delivered that was not put, nor to a target that did not match, nor what was certainly not written.

use std::collections::BTreeMap;

use super::super::history::{Acked, Put};
use super::super::run::Scene;

pub(super) fn check(scene: &Scene) -> Vec<String> {
    let puts: BTreeMap<[u8; 16], Put> = scene.history.puts().into_iter().map(|put| (put.event, put)).collect();
    let mut wrong = Vec::new();
    for came in scene.receiver.all() {
        match puts.get(&came.event) {
            None => wrong.push(format!("delivered and never put: {came:?}")),
            Some(put) if put.acked == Acked::No => wrong.push(format!("certainly not written, and delivered: {put:?}")),
            Some(put) if !put.targets.contains(&came.target) => {
                wrong.push(format!("not wanted there: {came:?} {put:?}"))
            }
            Some(_) => {}
        }
    }
    for (event, seen) in scene.history.seen() {
        if puts.get(&event).is_none_or(|put| !put.queued || put.acked == Acked::No) {
            wrong.push(format!("no message of this queue: {} {seen:?}", hex::encode(event)));
        }
    }
    wrong
}
