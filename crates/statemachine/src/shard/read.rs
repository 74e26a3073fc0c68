//! What a leader reads of a shard's rows: events owed above a sequence, references of a lane, counts.

use std::collections::BTreeMap;

use bascule_model::id::EventId;
use bascule_model::uid::{Sequence, Uid};

use crate::codec;
use crate::codec::shard::{
    CountRow, DeadLetterRow, EventRow, ExceptionRow, Item, LaneRow, MessageRow, MetaRow, RefRow,
};
use crate::key::Range;
use crate::limits::LAID_CHUNK_ROWS;
use crate::ports::tables::Read;
use crate::register::Table;
use crate::shard::{Error, ledger, rows};

/// An event at or above the watermark.
#[derive(Debug, Clone, PartialEq)]
pub struct OwedEvent {
    /// Its sequence.
    pub sequence: Sequence,
    /// Its row. While `owners` is not zero, some targets have references: [`reference`] tells which.
    pub row: EventRow,
    /// Targets that have ended, ascending: those of the stamp's direct messages among them.
    pub done: Vec<Uid>,
}

/// The group's own row: the first sequence and watermark are 1.
///
/// # Errors
/// [`Error`] for damage.
pub fn meta(read: &dyn Read) -> Result<MetaRow, Error> {
    let row = rows::fetch(read, &rows::meta())?;
    Ok(row.unwrap_or(MetaRow { next_sequence: 1, watermark: 1, ..MetaRow::default() }))
}

/// At most `limit_rows` events whose sequence is at least `from` and the watermark, in order. Ask again from the last one's
/// successor; fewer than the limit means that there are no more. Rows hold frames: keep the limit small.
///
/// # Errors
/// [`Error`] for damage.
pub fn owed_above(read: &dyn Read, from: Sequence, limit_rows: usize) -> Result<Vec<OwedEvent>, Error> {
    let from = from.0.max(meta(read)?.watermark);
    let range = Range { from: Some(from), ..Range::all(Table::Events, []) };
    let mut events = Vec::new();
    for (key, bytes) in read.scan(&range, limit_rows)? {
        let sequence = rows::number(&key, 0)?;
        let row: EventRow = codec::decode(&bytes)?;
        let done = done(read, sequence, &row)?;
        events.push(OwedEvent { sequence: Sequence(sequence), row, done });
    }
    Ok(events)
}

/// Targets of an event at or above the watermark that have ended, ascending.
fn done(read: &dyn Read, sequence: u64, row: &EventRow) -> Result<Vec<Uid>, Error> {
    let exception: Option<ExceptionRow> = rows::fetch(read, &rows::exception(sequence))?;
    let direct = ledger::stamp(row)?.direct.iter().map(|direct| direct.target);
    let mut done: Vec<Uid> = exception.unwrap_or_default().done.into_iter().chain(direct).map(Uid).collect();
    done.sort_unstable();
    Ok(done)
}

/// At most `limit_rows` sequences of the events that a bus has under this id, in order: more than one if it came there twice.
/// What a build before the index appended is not among them.
///
/// # Errors
/// [`Error`] for damage.
pub fn sequences_of(read: &dyn Read, bus: Uid, id: EventId, limit_rows: usize) -> Result<Vec<Sequence>, Error> {
    let found = read.scan(&rows::event_ids(bus, id), limit_rows)?.into_iter();
    found.map(|(key, _)| Ok(Sequence(rows::number(&key, 3)?))).collect()
}

/// Which of `targets`, all owed the event at `sequence`, still are, with their references: none for one that the watermark waits
/// for and that was never parked.
///
/// # Errors
/// [`Error`] for damage.
pub fn open(
    read: &dyn Read,
    sequence: Sequence,
    row: &EventRow,
    targets: &[Uid],
) -> Result<BTreeMap<Uid, Option<RefRow>>, Error> {
    // INVARIANT SH-1: what is below the watermark and has no reference has ended.
    let ended = if sequence.0 < meta(read)?.watermark { None } else { Some(done(read, sequence.0, row)?) };
    let mut open = BTreeMap::new();
    for target in targets {
        let found = if row.owners > 0 { reference(read, *target, sequence)? } else { None };
        let waits = ended.as_ref().is_some_and(|done| done.binary_search(target).is_err());
        if found.is_some() || waits {
            open.insert(*target, found);
        }
    }
    Ok(open)
}

/// The row of one event, above the watermark or owned by a reference.
///
/// # Errors
/// [`Error`] for damage.
pub fn event(read: &dyn Read, sequence: Sequence) -> Result<Option<EventRow>, Error> {
    rows::fetch(read, &rows::event(sequence.0))
}

/// The reference of one delivery, if it waits outside the watermark.
///
/// # Errors
/// [`Error`] for damage.
pub fn reference(read: &dyn Read, target: Uid, sequence: Sequence) -> Result<Option<RefRow>, Error> {
    rows::fetch(read, &rows::reference(target.0, sequence.0))
}

/// At most `limit_rows` references of a target whose sequence is at least `from`, in order.
///
/// # Errors
/// [`Error`] for damage.
pub fn refs_of(
    read: &dyn Read,
    target: Uid,
    from: Sequence,
    limit_rows: usize,
) -> Result<Vec<(Sequence, RefRow)>, Error> {
    let range = Range { from: Some(from.0), ..Range::all(Table::Refs, [target.0]) };
    let found = read.scan(&range, limit_rows)?.into_iter();
    found.map(|(key, bytes)| Ok((Sequence(rows::number(&key, 1)?), codec::decode(&bytes)?))).collect()
}

/// The least target that is at least `from` and has a reference.
///
/// # Errors
/// [`Error`] for damage.
pub fn referenced(read: &dyn Read, from: Uid) -> Result<Option<Uid>, Error> {
    let range = Range { from: Some(from.0), ..Range::all(Table::Refs, []) };
    let found = read.scan(&range, 1)?;
    found.first().map(|(key, _)| rows::number(key, 0).map(Uid)).transpose()
}

/// At most `limit_rows` messages of a queue in order of when they are visible, each with that time.
///
/// # Errors
/// [`Error`] for damage.
pub fn visible(read: &dyn Read, queue: Uid, limit_rows: usize) -> Result<Vec<(u64, Sequence, Uid)>, Error> {
    visible_from(read, queue, 0, limit_rows)
}

/// As [`visible`], those due at `from_ms` or later.
///
/// # Errors
/// [`Error`] for damage.
pub fn visible_from(
    read: &dyn Read,
    queue: Uid,
    from_ms: u64,
    limit_rows: usize,
) -> Result<Vec<(u64, Sequence, Uid)>, Error> {
    let range = Range { from: Some(from_ms), ..Range::all(Table::Visible, [queue.0]) };
    let found = read.scan(&range, limit_rows)?.into_iter();
    found
        .map(|(key, _)| Ok((rows::number(&key, 1)?, Sequence(rows::number(&key, 2)?), Uid(rows::number(&key, 3)?))))
        .collect()
}

/// The message of a queue whose event came first: the oldest, but for dead letters, which come later than others of younger events.
///
/// # Errors
/// [`Error`] for damage.
pub fn first_message(read: &dyn Read, queue: Uid) -> Result<Option<MessageRow>, Error> {
    let found = read.scan(&Range::all(Table::Messages, [queue.0]), 1)?;
    found.first().map(|(_, bytes)| Ok(codec::decode(bytes)?)).transpose()
}

/// One message of a queue.
///
/// # Errors
/// [`Error`] for damage.
pub fn message(read: &dyn Read, queue: Uid, sequence: Sequence, target: Uid) -> Result<Option<MessageRow>, Error> {
    rows::fetch(read, &rows::message(queue.0, sequence.0, target.0))
}

/// At most `limit_rows` dead letters of a bus's own table behind `after`, in order.
///
/// # Errors
/// [`Error`] for damage.
pub fn letters(
    read: &dyn Read,
    bus: Uid,
    after: (Sequence, Uid),
    limit_rows: usize,
) -> Result<Vec<(Sequence, DeadLetterRow)>, Error> {
    let mut found = Vec::new();
    // A sequence has as many letters as its event had targets, so that one more than those passed over is enough.
    let mut limit = limit_rows.saturating_add(1);
    loop {
        let range = Range { from: Some(after.0.0), ..Range::all(Table::DeadLetters, [bus.0]) };
        let rows = read.scan(&range, limit)?;
        let all = rows.len() < limit;
        found.clear();
        for (key, bytes) in rows {
            let place = (Sequence(rows::number(&key, 1)?), Uid(rows::number(&key, 2)?));
            if place > after && found.len() < limit_rows {
                found.push((place.0, codec::decode(&bytes)?));
            }
        }
        if all || found.len() == limit_rows {
            return Ok(found);
        }
        limit = limit.saturating_mul(2);
    }
}

/// Which of the first messages of a queue, or dead letters of a bus's own table, have lain since before `before_ms`: at most `limit_rows`, and
/// none behind a chunk with younger ones, so that a look at a queue of young messages reads a few.
///
/// # Errors
/// [`Error`] for damage.
pub fn laid_before(read: &dyn Read, uid: Uid, before_ms: u64, limit_rows: usize) -> Result<Vec<Item>, Error> {
    let mut old = Vec::new();
    for table in [Table::Messages, Table::DeadLetters] {
        let mut from = 0;
        loop {
            let chunk = Range { from: Some(from), ..Range::all(table, [uid.0]) };
            let rows = read.scan(&chunk, LAID_CHUNK_ROWS)?;
            let full = rows.len() == LAID_CHUNK_ROWS;
            let mut all_old = true;
            for (key, bytes) in rows {
                let enqueued_ms = if table == Table::Messages {
                    codec::decode::<MessageRow>(&bytes)?.enqueued_ms
                } else {
                    codec::decode::<DeadLetterRow>(&bytes)?.message.map_or(0, |message| message.enqueued_ms)
                };
                let item = Item { sequence: rows::number(&key, 1)?, target: rows::number(&key, 2)? };
                from = item.sequence + 1;
                if enqueued_ms < before_ms { old.push(item) } else { all_old = false }
            }
            if !full || !all_old || old.len() + LAID_CHUNK_ROWS > limit_rows {
                break;
            }
        }
    }
    Ok(old)
}

/// At most `limit_rows` detached lanes whose target is at least `from`, in order.
///
/// # Errors
/// [`Error`] for damage.
pub fn lanes(read: &dyn Read, from: Uid, limit_rows: usize) -> Result<Vec<(Uid, LaneRow)>, Error> {
    let range = Range { from: Some(from.0), ..Range::all(Table::Lanes, []) };
    let found = read.scan(&range, limit_rows)?.into_iter();
    found.map(|(key, bytes)| Ok((Uid(rows::number(&key, 0)?), codec::decode(&bytes)?))).collect()
}

/// The lane of a target, if it is detached.
///
/// # Errors
/// [`Error`] for damage.
pub fn lane(read: &dyn Read, target: Uid) -> Result<Option<LaneRow>, Error> {
    rows::fetch(read, &rows::lane(target.0))
}

/// How the deliveries of a target ended so far; under a bus's uid, how many dead letters its own table holds.
///
/// # Errors
/// [`Error`] for damage.
pub fn counts(read: &dyn Read, uid: Uid) -> Result<CountRow, Error> {
    Ok(rows::fetch(read, &rows::count(uid.0))?.unwrap_or_default())
}
