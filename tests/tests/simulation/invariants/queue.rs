//! A message that was acknowledged is handed out, and one whose deletion was confirmed never again.

use std::collections::{BTreeMap, BTreeSet};

use super::super::history::{Acked, Put, Seen};
use super::super::run::Scene;

pub(super) fn check(scene: &Scene) -> Vec<String> {
    let seen = scene.history.seen();
    let mut wrong = Vec::new();
    let received: BTreeSet<[u8; 16]> = seen.iter().map(|(event, _)| *event).collect();
    // The message is made by the entry that owes the deliveries.
    let written: BTreeSet<[u8; 16]> = scene.receiver.all().iter().map(|came| came.event).collect();
    let is_owed = |put: &&Put| put.queued && (matches!(put.acked, Acked::Yes(..)) || written.contains(&put.event));
    for put in scene.history.puts().iter().filter(is_owed) {
        if !received.contains(&put.event) {
            wrong.push(format!("written and never handed out: {put:?}"));
        }
    }
    let mut deleted: BTreeMap<[u8; 16], u64> = BTreeMap::new();
    for (event, seen) in &seen {
        if let Seen::Deleted(at) = seen {
            deleted.entry(*event).and_modify(|first| *first = (*first).min(*at)).or_insert(*at);
        }
    }
    for (event, seen) in seen {
        if let Seen::Received(began) = seen
            && deleted.get(&event).is_some_and(|at| began > *at)
        {
            wrong.push(format!("handed out after its deletion was confirmed: {}", hex::encode(event)));
        }
    }
    wrong
}
