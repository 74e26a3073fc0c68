//! Single commands whose answer is known, each found once by the random histories.

use bascule_model::id::EventId;
use bascule_model::uid::{Sequence, Uid};

use super::{append, entry, event, run};
use crate::codec::shard::{Checkpoint, Detach, Kind, Outcome, Owed, Terminal, Why};
use crate::key::Range;
use crate::overlay::{InMemory, Overlay};
use crate::ports::tables::Read;
use crate::register::Table;
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

/// The same id twice on one bus and once on another: the end of one arrival leaves the others where they are.
#[test]
fn each_arrival_of_an_id_is_found_until_it_ends() {
    let mut rows = InMemory::default();
    let found = |rows: &InMemory, bus| read::sequences_of(rows, Uid(bus), EventId([7; 16]), 9).unwrap();
    let put = |bus| event(bus, 5, &[20], &[]);
    run(&mut rows, 1, &entry(1, [append([put(1), put(2), put(1), event(1, 5, &[], &[(31, 50)])])]));
    assert_eq!((found(&rows, 1), found(&rows, 2)), (vec![Sequence(1), Sequence(3)], vec![Sequence(2)]));
    assert_eq!(read::sequences_of(&rows, Uid(1), EventId([8; 16]), 9).unwrap(), []);
    let ended = |sequence| Outcome { sequence, target: 21, terminal: Terminal::Delivered as i32, ..Outcome::default() };
    let owed = vec![Owed { sequence: 1, attempts: 1, due_ms: 9, fault: "f".to_owned() }];
    let detach = Detach { target: 21, rule: 20, owed, followed: 3, lane: false, why: Why::Failing as i32, minted: 5 };
    let checkpoint = Checkpoint { watermark: 4, outcomes: vec![ended(2), ended(3)] };
    run(&mut rows, 1, &entry(2, [Kind::Detach(detach), Kind::Checkpoint(checkpoint)]));
    assert_eq!((found(&rows, 1), found(&rows, 2)), (vec![Sequence(1)], vec![]));
    let checkpoint = Checkpoint { watermark: 4, outcomes: vec![ended(1)] };
    run(&mut rows, 1, &entry(3, [Kind::Checkpoint(checkpoint)]));
    assert_eq!(found(&rows, 1), []);
}

/// What a build before the index wrote is delivered and forgotten as ever; it is only not found.
#[test]
fn an_event_without_a_row_in_the_index_ends_as_any_other() {
    let mut rows = InMemory::default();
    run(&mut rows, 1, &entry(1, [append([event(1, 5, &[20], &[])])]));
    let index = rows.scan(&Range::all(Table::EventIds, []), 9).unwrap();
    assert_eq!(index.len(), 1);
    let mut overlay = Overlay::over(&rows);
    index.into_iter().for_each(|(key, _)| overlay.delete(key));
    let batch = overlay.into_batch();
    rows.write(batch);
    let outcomes =
        vec![Outcome { sequence: 1, target: 21, terminal: Terminal::Delivered as i32, ..Outcome::default() }];
    let applied = run(&mut rows, 1, &entry(2, [Kind::Checkpoint(Checkpoint { watermark: 2, outcomes })]));
    assert_eq!(applied.replies, [Reply::Checkpointed { watermark: Sequence(2), ended: 1 }]);
    assert_eq!(read::event(&rows, Sequence(1)).unwrap(), None);
}
