//! Random histories through the machine and the naive model: after each entry both must say the same.

use std::collections::{BTreeMap, BTreeSet};

use bascule_model::id::EventId;
use bascule_model::uid::{Sequence, Uid};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::naive::{Naive, State, minted, rule_of};
use super::{append, entry, event, run};
use crate::codec;
use crate::codec::shard::{
    Attach, Checkpoint, DeadLetter, DeadLetterRow, Detach, Enqueue, Entry, Event, Expire, Item, Kind, MessageRow,
    Outcome, Owed, Receipt, Receive, Redrive, Settle, Settlement, Terminal, Tombstone, Why,
};
use crate::key::Range;
use crate::overlay::{InMemory, Overlay};
use crate::ports::tables::Read;
use crate::register::Table;
use crate::shard::reply::{Place, Reply, Settled};
use crate::shard::{apply, read};

const TARGETS: [u64; 5] = [11, 12, 21, 31, 32];
const LANES: [u64; 3] = [11, 12, 21];
const BURIABLE: [u64; 4] = [50, 51, 2, 3];

#[derive(Debug, Clone)]
enum Op {
    Append { bus: u64, id: u8, control: u64, rules: u8, direct: u8 },
    Checkpoint { picks: Vec<(usize, i32)>, advance: u64, back: bool },
    Detach { target: usize, picks: Vec<usize>, attempts: u32, behind: u64, lane: bool },
    Attach { target: usize },
    DeadLetter { pick: usize, queue: u64 },
    Enqueue { pick: usize, queue: u64 },
    Receive { queue: u64, limit: u32, visibility_ms: u64, after: u32 },
    Settle { pick: usize, older: u32, visible_in_ms: Option<u64>, unseen: bool },
    Tombstone { which: usize },
    Expire { pick: usize, kept_ms: u64 },
}

fn op() -> impl Strategy<Value = Op> {
    let queue = || prop_oneof![Just(50_u64), Just(51)];
    prop_oneof![
        8 => (1_u64..4, 0_u8..4, prop_oneof![Just(3_u64), Just(7)], 0_u8..4, 0_u8..8)
            .prop_map(|(bus, id, control, rules, direct)| Op::Append { bus, id, control, rules, direct }),
        6 => (vec((any::<usize>(), 1_i32..6), 0..6), 0_u64..5, any::<bool>())
            .prop_map(|(picks, advance, back)| Op::Checkpoint { picks, advance, back }),
        3 => (0_usize..3, vec(any::<usize>(), 0..5), 0_u32..4, 0_u64..6, any::<bool>())
            .prop_map(|(target, picks, attempts, behind, lane)| Op::Detach { target, picks, attempts, behind, lane }),
        1 => (0_usize..3).prop_map(|target| Op::Attach { target }),
        2 => (any::<usize>(), prop_oneof![Just(0), queue()]).prop_map(|(pick, queue)| Op::DeadLetter { pick, queue }),
        2 => (any::<usize>(), queue()).prop_map(|(pick, queue)| Op::Enqueue { pick, queue }),
        3 => (queue(), 0_u32..4, 0_u64..30, 0_u32..4)
            .prop_map(|(queue, limit, visibility_ms, after)| Op::Receive { queue, limit, visibility_ms, after }),
        3 => (any::<usize>(), 0_u32..2, proptest::option::of(0_u64..30), any::<bool>())
            .prop_map(|(pick, older, visible_in_ms, unseen)| Op::Settle { pick, older, visible_in_ms, unseen }),
        1 => (0_usize..12).prop_map(|which| Op::Tombstone { which }),
        1 => (any::<usize>(), 0_u64..60).prop_map(|(pick, kept_ms)| Op::Expire { pick, kept_ms }),
    ]
}

/// Few ids, so that many arrivals share one; the halves differ.
fn id_of(id: u8) -> EventId {
    EventId([[id; 8], [id / 2; 8]].concat().try_into().unwrap())
}

/// An event and target that the model knows, or now and then one that there is not.
fn picked(naive: &Naive, pick: usize) -> (u64, u64) {
    let keys: Vec<(u64, u64)> = naive.states.keys().copied().collect();
    if keys.is_empty() { (naive.next + 3, 11) } else { keys[pick % keys.len()] }
}

/// Gives the command and what it must be answered, and lets the naive model do it.
fn resolve(naive: &mut Naive, op: &Op) -> (Kind, String) {
    match op {
        Op::Append { bus, id, control, rules, direct } => {
            let bits = |bits: u8, all: &[(u64, u64)]| -> Vec<(u64, u64)> {
                all.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, one)| *one).collect()
            };
            let rules: Vec<u64> = bits(*rules, &[(10, 0), (20, 0)]).iter().map(|(rule, _)| *rule).collect();
            let direct = bits(*direct, &[(12, 50), (31, 50), (32, 51)]);
            let sequence = naive.append((*bus, *id), *control, &rules, &direct);
            let reply = Reply::Appended(vec![Sequence(sequence)]);
            let event = Event { event_id: id_of(*id).0.to_vec().into(), ..event(*bus, *control, &rules, &direct) };
            (append([event]), format!("{reply:?}"))
        }
        Op::Checkpoint { picks, advance, back } => {
            let mut ended = 0;
            let mut outcomes = Vec::new();
            for (at, terminal) in picks {
                let (sequence, target) = picked(naive, *at);
                outcomes.push(Outcome { sequence, target, terminal: *terminal, reason: "why".to_owned() });
                ended += u32::from(naive.end(sequence, target, Terminal::try_from(*terminal).unwrap()));
            }
            let lowest = naive.lowest_pending();
            let after = (naive.watermark + advance).min(lowest);
            let asked = match (back, lowest == naive.next) {
                (true, _) => naive.watermark.saturating_sub(*advance),
                (false, true) if *advance == 4 => naive.next + 9,
                (false, _) => after,
            };
            naive.watermark = asked.clamp(naive.watermark, naive.next);
            let reply = Reply::Checkpointed { watermark: Sequence(naive.watermark), ended };
            (Kind::Checkpoint(Checkpoint { watermark: asked, outcomes }), format!("{reply:?}"))
        }
        Op::Detach { .. } | Op::Attach { .. } => resolve_lane(naive, op),
        Op::DeadLetter { pick: at, queue } => {
            let (sequence, target) = picked(naive, *at);
            let undecryptable = at % 2 == 1;
            let place = naive_dead_letter(naive, sequence, target, *queue, undecryptable);
            let letter = DeadLetter { sequence, target, queue: *queue, undecryptable, ..DeadLetter::default() };
            (Kind::DeadLetter(letter), format!("{:?}", Reply::Placed(place)))
        }
        Op::Enqueue { pick: at, queue } => {
            let (sequence, target) = picked(naive, *at);
            let gone = naive.buried.contains(queue);
            let end = if gone { Terminal::Cancelled } else { Terminal::Delivered };
            let place = match naive.end(sequence, target, end) {
                false => Place::Ended,
                true if gone => Place::Gone,
                true => {
                    naive.messages.insert((*queue, sequence, target), (naive.time_ms, 0));
                    naive.laid.insert((*queue, sequence, target), naive.time_ms);
                    Place::Queue(Uid(*queue))
                }
            };
            let enqueue = Enqueue { sequence, target, queue: *queue, frame: Bytes::from_static(b"body") };
            (Kind::Enqueue(enqueue), format!("{:?}", Reply::Placed(place)))
        }
        _ => resolve_queue(naive, op),
    }
}

/// [`resolve`] for what is about whole lanes.
fn resolve_lane(naive: &mut Naive, op: &Op) -> (Kind, String) {
    match op {
        Op::Detach { target, picks, attempts, behind, lane } => {
            let target = LANES[*target];
            let (mut owed, mut refs) = (Vec::new(), 0);
            for at in picks {
                let (sequence, _) = picked(naive, *at);
                refs += u32::from(naive.park(sequence, target, *attempts));
                owed.push(Owed { sequence, attempts: *attempts, due_ms: 5, fault: "f".to_owned() });
            }
            let followed = (naive.next - 1).saturating_sub(*behind);
            let mut reached = followed;
            if *lane {
                refs += naive.detach_above(followed, target);
                reached = naive.next - 1;
            }
            let taken = u32::try_from(owed.len()).unwrap();
            let reply = Reply::Detached { taken, refs, reached: Sequence(reached), more: false };
            let (rule, why) = (rule_of(target), Why::Failing as i32);
            let detach = Detach { target, rule, owed, followed, lane: *lane, why, minted: minted(target) };
            (Kind::Detach(detach), format!("{reply:?}"))
        }
        Op::Attach { target } => {
            let target = LANES[*target];
            let reply = Reply::Attached(naive.lanes.remove(&target));
            (Kind::Attach(Attach { target }), format!("{reply:?}"))
        }
        _ => unreachable!("resolve gives this function lanes only"),
    }
}

fn naive_dead_letter(naive: &mut Naive, sequence: u64, target: u64, queue: u64, undecryptable: bool) -> Place {
    if !naive.is_open(sequence, target) {
        return Place::Ended;
    }
    let bus = naive.ids[&sequence].0;
    let lies = if undecryptable { Terminal::Undecryptable } else { Terminal::DeadLettered };
    let (place, end) = if queue != 0 && !naive.buried.contains(&queue) {
        naive.messages.insert((queue, sequence, target), (naive.time_ms, 0));
        naive.laid.insert((queue, sequence, target), naive.time_ms);
        (Place::Queue(Uid(queue)), lies)
    } else if naive.buried.contains(&bus) {
        (Place::Gone, Terminal::Cancelled)
    } else {
        naive.held.insert((bus, sequence, target));
        naive.laid.insert((bus, sequence, target), naive.time_ms);
        (Place::Bus(Uid(bus)), lies)
    };
    naive.end(sequence, target, end);
    place
}

fn resolve_queue(naive: &mut Naive, op: &Op) -> (Kind, String) {
    match op {
        Op::Receive { queue, limit, visibility_ms, after } => {
            // Without a limit there is no other queue; 51 is its own, which changes nothing.
            let redrive = (*after > 0).then_some((51, *after));
            let handed = naive.receive(*queue, *limit as usize, *visibility_ms, redrive);
            let redrive = redrive.map(|(queue, after)| Redrive { queue, after, source: "arn".to_owned() });
            let receive = Receive { queue: *queue, limit: *limit, visibility_ms: *visibility_ms, redrive };
            let gone = naive.buried.contains(queue);
            (Kind::Receive(receive), if gone { "NoQueue".to_owned() } else { format!("{handed:?}") })
        }
        Op::Settle { pick, older, visible_in_ms, unseen } => {
            let keys: Vec<_> = naive.messages.keys().copied().collect();
            let key = if keys.is_empty() { (50, 1, 31) } else { keys[pick % keys.len()] };
            let now = naive.messages.get(&key).copied();
            let received = now.map_or(1, |(_, received)| received).saturating_sub(*older);
            let settled = match (now, visible_in_ms) {
                (None, _) => Settled::Gone,
                (Some((_, latest)), _) if latest != received || latest == 0 => Settled::Stale,
                (Some(_), None) => {
                    naive.messages.remove(&key);
                    Settled::Deleted
                }
                (Some((_, latest)), Some(more)) => {
                    naive.messages.insert(key, (naive.time_ms + more, latest - u32::from(*unseen)));
                    Settled::Moved
                }
            };
            let receipt = Some(Receipt { queue: key.0, sequence: key.1, target: key.2, received });
            let settlements = vec![Settlement { receipt, visible_in_ms: *visible_in_ms, unseen: *unseen }];
            (Kind::Settle(Settle { settlements }), format!("{:?}", Reply::Settled(vec![settled])))
        }
        Op::Tombstone { which } => {
            // Mostly a uid that nothing has, so that queues live long enough.
            let uid = BURIABLE.get(*which).copied().unwrap_or(77);
            let reply = Reply::Buried { rows: naive.bury(uid), more: false };
            (Kind::Tombstone(Tombstone { uid }), format!("{reply:?}"))
        }
        Op::Expire { pick, kept_ms } => {
            let laid: Vec<_> = naive.laid.keys().copied().collect();
            let (uid, sequence, target) = if laid.is_empty() { (50, 1, 31) } else { laid[pick % laid.len()] };
            let deleted = naive.expire((uid, sequence, target), *kept_ms);
            let expire = Expire { uid, kept_ms: *kept_ms, items: vec![Item { sequence, target }] };
            (Kind::Expire(expire), format!("{:?}", Reply::Expired(deleted)))
        }
        _ => unreachable!("resolved before"),
    }
}

fn shape(reply: &Reply) -> String {
    match reply {
        Reply::Received(received) => {
            let receipts = received.iter().map(|one| one.receipt);
            let handed: Vec<_> = receipts.map(|one| (one.sequence, one.target, one.received)).collect();
            format!("{handed:?}")
        }
        other => format!("{other:?}"),
    }
}

fn numbers(rows: &InMemory, table: Table) -> Vec<(Vec<u64>, Bytes)> {
    let found = rows.scan(&Range::all(table, []), usize::MAX).unwrap();
    found.into_iter().map(|(key, row)| (key.numbers().collect(), row)).collect()
}

fn compare(rows: &InMemory, naive: &Naive) -> Result<(), TestCaseError> {
    let meta = read::meta(rows).unwrap();
    prop_assert_eq!((meta.next_sequence, meta.watermark), (naive.next, naive.watermark));
    prop_assert_eq!(meta.time_ms, naive.time_ms);

    let mut refs = BTreeMap::new();
    for target in TARGETS {
        for (sequence, row) in read::refs_of(rows, Uid(target), Sequence(0), usize::MAX).unwrap() {
            refs.insert((target, sequence.0), row.attempts);
        }
    }
    let parked = naive.parked();
    prop_assert_eq!(&refs, &parked);
    prop_assert_eq!(numbers(rows, Table::Refs).len(), refs.len());

    // SH-2.
    let mut kept = BTreeMap::new();
    for sequence in &naive.has_rules {
        let owners = u32::try_from(parked.keys().filter(|(_, of)| of == sequence).count()).unwrap();
        if owners > 0 || *sequence >= naive.watermark {
            kept.insert(*sequence, owners);
        }
    }
    let events = numbers(rows, Table::Events).into_iter();
    let events: BTreeMap<u64, u32> =
        events.map(|(key, row)| (key[0], codec::decode::<codec::shard::EventRow>(&row).unwrap().owners)).collect();
    prop_assert_eq!(&events, &kept);
    indexed(rows, naive, &kept)?;
    prop_assert!(numbers(rows, Table::Exceptions).iter().all(|(key, _)| key[0] >= naive.watermark));

    // SH-4.
    let messages = numbers(rows, Table::Messages).into_iter().map(|(key, row)| {
        let row: MessageRow = codec::decode(&row).unwrap();
        ((key[0], key[1], key[2]), (row.due_ms, row.received))
    });
    let messages: BTreeMap<_, _> = messages.collect();
    prop_assert_eq!(&messages, &naive.messages);
    let due: BTreeSet<Vec<u64>> = messages.iter().map(|((q, s, t), (due, _))| vec![*q, *due, *s, *t]).collect();
    prop_assert_eq!(numbers(rows, Table::Visible).into_iter().map(|(key, _)| key).collect::<BTreeSet<_>>(), due);

    // SH-6 and dead letters.
    let lanes = read::lanes(rows, Uid(0), usize::MAX).unwrap();
    prop_assert_eq!(lanes.iter().map(|(target, _)| target.0).collect::<BTreeSet<_>>(), naive.lanes.clone());
    prop_assert_eq!(meta.lanes, lanes.len() as u64);
    prop_assert_eq!(meta.outcomes, numbers(rows, Table::Outcomes).len() as u64);
    let letters = numbers(rows, Table::DeadLetters).into_iter().map(|(key, row)| {
        assert_eq!(codec::decode::<DeadLetterRow>(&row).unwrap().target, key[2]);
        (key[0], key[1], key[2])
    });
    prop_assert_eq!(letters.collect::<BTreeSet<_>>(), naive.held.clone());
    for bus in 1..4 {
        let held = naive.held.iter().filter(|(of, ..)| *of == bus).count() as u64;
        prop_assert_eq!(read::counts(rows, Uid(bus)).unwrap().held, held);
    }
    conservation(rows, naive)
}

/// SH-11: the index names the events that have a row, each by its bus and id; and what is open of each is what the model says.
fn indexed(rows: &InMemory, naive: &Naive, kept: &BTreeMap<u64, u32>) -> Result<(), TestCaseError> {
    prop_assert_eq!(numbers(rows, Table::EventIds).len(), kept.len());
    for (bus, id) in (1..4).flat_map(|bus| (0..4).map(move |id| (bus, id))) {
        let found = read::sequences_of(rows, Uid(bus), id_of(id), usize::MAX).unwrap();
        let of_id = kept.keys().filter(|sequence| naive.ids[sequence] == (bus, id));
        prop_assert_eq!(found, of_id.map(|sequence| Sequence(*sequence)).collect::<Vec<_>>());
    }
    for sequence in kept.keys() {
        let row = read::event(rows, Sequence(*sequence)).unwrap().unwrap();
        let of_event = naive.states.iter().filter(|((of, _), _)| of == sequence);
        let (targets, open): (Vec<_>, Vec<_>) = of_event
            .map(|((_, target), state)| match state {
                State::Ended(_) => (Uid(*target), None),
                State::Pending => (Uid(*target), Some((Uid(*target), None))),
                State::Parked(attempts) => (Uid(*target), Some((Uid(*target), Some(*attempts)))),
            })
            .unzip();
        let found = read::open(rows, Sequence(*sequence), &row, &targets).unwrap();
        let found: Vec<_> = found.into_iter().map(|(target, row)| (target, row.map(|row| row.attempts))).collect();
        prop_assert_eq!(found, open.into_iter().flatten().collect::<Vec<_>>(), "{}", sequence);
    }
    Ok(())
}

/// For each target: what was owed = what ended + what the rows alone say is pending.
fn conservation(rows: &InMemory, naive: &Naive) -> Result<(), TestCaseError> {
    let owed_above = read::owed_above(rows, Sequence(0), usize::MAX).unwrap();
    for target in TARGETS {
        let of_target: Vec<_> = naive.states.iter().filter(|((_, of), _)| *of == target).collect();
        let ended = |terminal| of_target.iter().filter(|(_, state)| **state == State::Ended(terminal)).count() as u64;
        let counts = read::counts(rows, Uid(target)).unwrap();
        prop_assert_eq!(counts.delivered, ended(Terminal::Delivered));
        prop_assert_eq!(counts.dead_lettered, ended(Terminal::DeadLettered));
        prop_assert_eq!(counts.cancelled, ended(Terminal::Cancelled));
        prop_assert_eq!(counts.undecryptable, ended(Terminal::Undecryptable));
        prop_assert_eq!(counts.expired, ended(Terminal::Expired));
        let refs = read::refs_of(rows, Uid(target), Sequence(0), usize::MAX).unwrap();
        let referenced: BTreeSet<u64> = refs.iter().map(|(sequence, _)| sequence.0).collect();
        let open = owed_above.iter().filter(|event| {
            let stamp = event.row.event.as_ref().unwrap().stamp.as_ref().unwrap();
            stamp.rules.contains(&rule_of(target))
                && stamp.control_index >= minted(target)
                && !event.done.contains(&Uid(target))
                && !referenced.contains(&event.sequence.0)
        });
        let pending = (open.count() + refs.len()) as u64;
        let ends = counts.delivered + counts.dead_lettered + counts.cancelled + counts.undecryptable + counts.expired;
        prop_assert_eq!(of_target.len() as u64, ends + pending, "target {}", target);
    }
    Ok(())
}

/// All entries in overlays of `stretch` entries each.
fn replay(entries: &[Entry], stretch: usize) -> InMemory {
    let mut rows = InMemory::default();
    for stretch in entries.chunks(stretch) {
        let mut overlay = Overlay::over(&rows);
        for entry in stretch {
            apply(&mut overlay, 7, entry).unwrap();
        }
        let batch = overlay.into_batch();
        rows.write(batch);
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_naive_model_agrees(
        history in vec((vec(op(), 1..4), 0_u64..20, 0_u8..8), 1..60),
        stretch in 2_usize..9,
    ) {
        let mut rows = InMemory::default();
        let mut naive = Naive::new();
        let mut entries = Vec::new();
        for (ops, later_ms, term) in &history {
            let before = naive.clone();
            // One in twenty stamps lies behind the last.
            let time_ms = if *later_ms == 0 { naive.time_ms / 2 } else { naive.time_ms + later_ms };
            naive.time_ms = naive.time_ms.max(time_ms);
            let (kinds, mut expected): (Vec<Kind>, Vec<String>) = ops.iter().map(|op| resolve(&mut naive, op)).unzip();
            let mut entry = entry(time_ms, kinds);
            entry.only_in_term = match term { 0 => 6, 1 => 7, _ => 0 };
            if *term == 0 {
                naive = before;
                expected = vec!["Deposed".to_owned(); ops.len()];
            }
            let same = rows.clone();
            let applied = run(&mut rows, 7, &entry);
            prop_assert_eq!(applied.replies.iter().map(shape).collect::<Vec<_>>(), expected, "{:?}", entry);
            compare(&rows, &naive)?;
            let mut again = same;
            prop_assert_eq!(&run(&mut again, 7, &entry), &applied);
            prop_assert_eq!(&again, &rows);
            entries.push(entry);
        }
        prop_assert_eq!(&replay(&entries, stretch), &rows);
        prop_assert_eq!(&replay(&entries, entries.len()), &rows);
    }
}
