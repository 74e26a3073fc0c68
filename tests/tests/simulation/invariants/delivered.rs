//! I1: every acknowledged event was delivered to each of its targets, lies among the dead letters, or is still owed.

use std::collections::BTreeSet;

use bascule_model::uid::{Sequence, Uid};
use bascule_statemachine::codec;
use bascule_statemachine::codec::shard::DeadLetterRow;
use bascule_statemachine::key::Range;
use bascule_statemachine::ports::tables::Read;
use bascule_statemachine::register::Table;
use bascule_statemachine::shard::read;

use super::super::history::{Acked, Put};
use super::super::run::Scene;
use super::leaders_rows;

const TARGETS: [u64; 3] = [11, 12, 21];

pub(super) fn check(scene: &Scene) -> Vec<String> {
    let came = scene.receiver.all();
    let mut ended: BTreeSet<([u8; 16], u64)> = came.iter().map(|came| (came.event, came.target)).collect();
    // Of a put whose outcome nobody knows one delivery says that it was written, and all the others are owed as well.
    let written: BTreeSet<[u8; 16]> = came.iter().map(|came| came.event).collect();
    let mut pending = BTreeSet::new();
    for group in &scene.ground.shards {
        let Some(rows) = leaders_rows(scene, *group) else { return vec![format!("nobody has {group}")] };
        for (_, row) in rows.scan(&Range::all(Table::DeadLetters, []), usize::MAX).unwrap() {
            let letter: DeadLetterRow = codec::decode(&row).unwrap();
            let event = letter.message.unwrap_or_default().event_id.as_ref().try_into().unwrap();
            ended.insert((event, letter.target));
        }
        let watermark = read::meta(&*rows).unwrap().watermark;
        for owed in read::owed_above(&*rows, Sequence(watermark), usize::MAX).unwrap() {
            let event: [u8; 16] = owed.row.event.unwrap_or_default().event_id.as_ref().try_into().unwrap();
            pending.insert((event, Uid(0)));
        }
        for target in TARGETS {
            for (sequence, _) in read::refs_of(&*rows, Uid(target), Sequence(0), usize::MAX).unwrap() {
                let row = read::event(&*rows, sequence).unwrap().unwrap();
                let event: [u8; 16] = row.event.unwrap_or_default().event_id.as_ref().try_into().unwrap();
                pending.insert((event, Uid(target)));
            }
        }
    }
    let mut wrong = Vec::new();
    let is_owed = |put: &&Put| matches!(put.acked, Acked::Yes(..)) || written.contains(&put.event);
    for put in scene.history.puts().iter().filter(is_owed) {
        for target in put.targets.iter().filter(|target| !ended.contains(&(put.event, **target))) {
            if ![Uid(0), Uid(*target)].iter().any(|target| pending.contains(&(put.event, *target))) {
                wrong.push(format!("written and lost for target {target}: {put:?}"));
            }
        }
    }
    wrong
}
