//! Single commands whose answer is known, each found once by the random histories.

use bascule_model::uid::{Sequence, Uid};

use super::{append, entry, event, run};
use crate::codec::shard::{Detach, Kind, Owed, Why};
use crate::overlay::InMemory;
use crate::shard::read;
use crate::shard::reply::Reply;

/// (control index of the event, rules of its stamp, references that parking it for rule 20 leaves)
const PARKED: [(u64, &[u64], u32); 3] = [(5, &[20], 1), (4, &[20], 0), (5, &[10], 0)];

#[test]
fn only_what_is_owed_is_parked() {
    for (control_index, rules, refs) in PARKED {
        let mut rows = InMemory::default();
        run(&mut rows, 1, &entry(1, [append([event(1, control_index, rules, &[])])]));
        let owed = vec![Owed { sequence: 1, attempts: 1, due_ms: 9, fault: "f".to_owned() }];
        let (why, lane) = (Why::Failing as i32, false);
        let detach = Detach { target: 21, rule: 20, owed, followed: 1, lane, why, minted: 5 };
        let applied = run(&mut rows, 1, &entry(2, [Kind::Detach(detach)]));
        let reply = Reply::Detached { taken: 1, refs, reached: Sequence(1), more: false };
        assert_eq!(applied.replies, [reply], "{control_index} {rules:?}");
        let found = read::refs_of(&rows, Uid(21), Sequence(0), 9).unwrap();
        assert_eq!(found.len(), refs as usize, "{control_index} {rules:?}");
    }
}
