//! Detach, park and attach: what is owed of a lane outside the watermark.

use bascule_model::uid::{Sequence, Uid};
use prost::Message;

use crate::codec;
use crate::codec::shard::{Detach, EventRow, LaneRow, Owed, RefRow, Stamp};
use crate::key::Range;
use crate::limits::{DETACH_REWRITE_LIMIT_BYTES, DETACH_SCAN_LIMIT_ROWS, SCAN_CHUNK_ROWS};
use crate::register::Table;
use crate::shard::ledger::{Ledger, Standing, stamp};
use crate::shard::reply::{Effect, Reply};
use crate::shard::{Error, rows};

/// How much a command may still write again.
struct Budget {
    bytes: usize,
    refs: u32,
}

/// References for what is owed and, for a lane, for everything above what the leader has followed; then the lane itself.
///
/// References alone are the same as a park, so that a command which stops halfway leaves nothing wrong behind.
pub(super) fn detach(ledger: &mut Ledger<'_, '_>, detach: &Detach) -> Result<Reply, Error> {
    let mut budget = Budget { bytes: DETACH_REWRITE_LIMIT_BYTES, refs: 0 };
    let mut taken = 0;
    for owed in &detach.owed {
        if budget.bytes == 0 {
            break;
        }
        taken += 1;
        park(ledger, detach, owed, &mut budget)?;
    }
    let all = taken as usize == detach.owed.len();
    let (mut reached, mut more) = (detach.followed, !all);
    if detach.lane && all {
        reached = above(ledger, detach, &mut budget)?;
        more = reached + 1 < ledger.meta.next_sequence;
        if !more {
            write_lane(ledger, detach)?;
        }
    }
    if budget.refs > 0 {
        ledger.effect(Effect::RefsAdded { target: Uid(detach.target) });
    }
    Ok(Reply::Detached { taken, refs: budget.refs, reached: Sequence(reached), more })
}

/// Later appends write no more references for the lane; those that stand are served first.
pub(super) fn attach(ledger: &mut Ledger<'_, '_>, target: u64) -> Result<Reply, Error> {
    let key = rows::lane(target);
    let was = ledger.fetch::<LaneRow>(&key)?.is_some();
    if was {
        ledger.delete(key);
        // INVARIANT SH-6: the meta row counts the lanes.
        ledger.meta.lanes -= 1;
        ledger.forget_lanes();
        ledger.effect(Effect::LaneChanged { target: Uid(target), detached: None });
    }
    Ok(Reply::Attached(was))
}

fn write_lane(ledger: &mut Ledger<'_, '_>, detach: &Detach) -> Result<(), Error> {
    let key = rows::lane(detach.target);
    let before: Option<LaneRow> = ledger.fetch(&key)?;
    if before.is_none() {
        ledger.meta.lanes += 1;
    }
    let since_ms = before.map_or(ledger.meta.time_ms, |row| row.since_ms);
    ledger.put(key, &LaneRow { rule: detach.rule, why: detach.why, since_ms, minted: detach.minted });
    ledger.forget_lanes();
    ledger.effect(Effect::LaneChanged { target: Uid(detach.target), detached: Some(detach.why()) });
    Ok(())
}

fn park(ledger: &mut Ledger<'_, '_>, detach: &Detach, owed: &Owed, budget: &mut Budget) -> Result<(), Error> {
    let row = RefRow { attempts: owed.attempts, due_ms: owed.due_ms, fault: owed.fault.clone() };
    match ledger.standing(owed.sequence, detach.target)? {
        Standing::Ended => {}
        Standing::Referenced(_, before) => {
            // A repeat that comes late must not take attempts back.
            if row.attempts >= before.attempts {
                ledger.put(rows::reference(detach.target, owed.sequence), &row);
                budget.refs += 1;
            }
        }
        Standing::Open(event) => {
            if owes(stamp(&event)?, detach) {
                add(ledger, detach.target, owed.sequence, event, &row, budget);
            }
        }
    }
    Ok(())
}

/// Whether the event is owed to the lane at all: its rule matched, and the target was there already.
fn owes(stamp: &Stamp, detach: &Detach) -> bool {
    stamp.control_index >= detach.minted && stamp.rules.binary_search(&detach.rule).is_ok()
}

/// References for events above what is followed; gives the sequence up to which there are none left to write.
fn above(ledger: &mut Ledger<'_, '_>, detach: &Detach, budget: &mut Budget) -> Result<u64, Error> {
    let next = ledger.meta.next_sequence;
    let mut from = detach.followed.saturating_add(1).max(ledger.meta.watermark);
    let mut walked = 0;
    while from < next {
        if walked >= DETACH_SCAN_LIMIT_ROWS {
            return Ok(from - 1);
        }
        let chunk = Range { from: Some(from), to: Some(next), ..Range::all(Table::Events, []) };
        let events = ledger.scan(&chunk, SCAN_CHUNK_ROWS)?;
        walked += events.len();
        let full = events.len() == SCAN_CHUNK_ROWS;
        for (key, bytes) in events {
            if budget.bytes == 0 {
                return Ok(from - 1);
            }
            let sequence = rows::number(&key, 0)?;
            from = sequence + 1;
            let event: EventRow = codec::decode(&bytes)?;
            let stamp = stamp(&event)?;
            if !owes(stamp, detach) {
                continue;
            }
            if let Standing::Open(event) = ledger.standing(sequence, detach.target)? {
                add(ledger, detach.target, sequence, event, &RefRow::default(), budget);
            }
        }
        if !full {
            break;
        }
    }
    Ok(next - 1)
}

fn add(
    ledger: &mut Ledger<'_, '_>,
    target: u64,
    sequence: u64,
    mut event: EventRow,
    row: &RefRow,
    budget: &mut Budget,
) {
    // INVARIANT SH-2: one owner more, as there is one reference more.
    event.owners += 1;
    budget.bytes = budget.bytes.saturating_sub(event.encoded_len());
    budget.refs += 1;
    ledger.put(rows::event(sequence), &event);
    ledger.put(rows::reference(target, sequence), row);
}
