//! From a group's rows into its book: what is owed above the watermark, and references. Decides by rows and lookup alone.

use bascule_model::time::Millis;
use bascule_model::uid::{ControlIndex, Sequence, Uid};
use bascule_statemachine::codec::shard::{EventRow, Why};
use bascule_statemachine::ports::tables::Read;
use bascule_statemachine::shard::{self, read};

use crate::book::{Book, Target, Wanted};
use crate::limits::{EVENTS_CHUNK_ROWS, REFS_CHUNK_ROWS};
use crate::pacing::{Full, Owed, RETRY_AFTER_LONGEST_MS};
use crate::target::code::Code;

/// What the view says of rules and targets.
pub trait Lookup {
    /// The control index of what this says; nothing can be said of later stamps.
    fn index(&self) -> ControlIndex;
    /// The targets of a rule; `None` if it is gone.
    fn targets_of(&self, rule: Uid) -> Option<Vec<Target>>;
    /// A target; `None` if it is gone.
    fn target(&self, uid: Uid) -> Option<Target>;
}

/// Why rows could not be taken into the book. It must be dropped then.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A row is damaged or none of this build's.
    #[error(transparent)]
    Rows(#[from] shard::Error),
    /// The book has no room where DL-1 says that it has.
    #[error("DL-1 does not hold")]
    Full(#[from] Full),
}

/// How far a reading came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Everything that stood there was read.
    End,
    /// There may be more.
    More,
    /// What comes next was stamped by this view, which must be waited for.
    Waits(ControlIndex),
}

/// The book of a group at the beginning of a term.
///
/// # Errors
/// [`Error`].
pub fn begin(rows: &dyn Read, lookup: &dyn Lookup, unconfirmed_limit: usize, now: Millis) -> Result<Book, Error> {
    let meta = read::meta(rows)?;
    let mut book = Book::new(unconfirmed_limit, Sequence(meta.watermark), now);
    let mut from = Uid(0);
    loop {
        let lanes = read::lanes(rows, from, REFS_CHUNK_ROWS)?;
        for (uid, lane) in &lanes {
            book.detached(*uid, lookup.target(*uid), Why::try_from(lane.why).unwrap_or(Why::Slow));
            from = Uid(uid.0 + 1);
        }
        if lanes.len() < REFS_CHUNK_ROWS {
            break;
        }
    }
    let mut from = Uid(0);
    while let Some(uid) = read::referenced(rows, from)? {
        book.references_added(uid, lookup.target(uid));
        from = Uid(uid.0 + 1);
    }
    Ok(book)
}

/// Takes the next events in, if the book has room.
///
/// # Errors
/// [`Error`].
pub fn events(rows: &dyn Read, lookup: &dyn Lookup, book: &mut Book) -> Result<Progress, Error> {
    let Some(from) = book.wants_events() else { return Ok(Progress::More) };
    let next_sequence = read::meta(rows)?.next_sequence;
    let found = read::owed_above(rows, from, EVENTS_CHUNK_ROWS)?;
    let full = found.len() == EVENTS_CHUNK_ROWS;
    for event in found {
        if book.wants_events().is_none() {
            return Ok(Progress::More);
        }
        let stamped = stamped(&event.row);
        if stamped > lookup.index() {
            return Ok(Progress::Waits(stamped));
        }
        one(rows, lookup, book, &event)?;
    }
    if full {
        return Ok(Progress::More);
    }
    // Sequences without a row owe nothing.
    book.followed(Sequence(next_sequence.saturating_sub(1)));
    Ok(Progress::End)
}

fn one(rows: &dyn Read, lookup: &dyn Lookup, book: &mut Book, event: &read::OwedEvent) -> Result<(), Error> {
    let stamp = event.row.event.as_ref().and_then(|event| event.stamp.as_ref());
    let rules = stamp.map(|stamp| stamp.rules.as_slice()).unwrap_or_default();
    let index = stamped(&event.row);
    let is_done = |uid: Uid| event.done.binary_search(&uid).is_ok();
    let mut owed = Vec::new();
    for rule in rules.iter().copied().map(Uid) {
        let Some(targets) = lookup.targets_of(rule) else {
            if !is_done(rule) {
                book.rule_gone(event.sequence, rule);
            }
            continue;
        };
        for target in targets {
            // Exactly the targets that were minted at or before the stamp.
            if target.minted > index || is_done(target.uid) {
                continue;
            }
            let referenced = event.row.owners > 0 && read::reference(rows, target.uid, event.sequence)?.is_some();
            if !referenced {
                owed.push(target);
            }
        }
    }
    book.event(event.sequence, Millis(event.row.accepted_ms), &owed)?;
    Ok(())
}

/// Takes references in that the book wants.
///
/// # Errors
/// [`Error`].
pub fn references(
    rows: &dyn Read,
    lookup: &dyn Lookup,
    book: &mut Book,
    wanted: Wanted,
    now: Millis,
) -> Result<Progress, Error> {
    let found = read::refs_of(rows, wanted.target, wanted.from, REFS_CHUNK_ROWS)?;
    let full = found.len() == REFS_CHUNK_ROWS;
    // Written by the clock of an earlier leader, which may have been ahead.
    let latest = now.plus(RETRY_AFTER_LONGEST_MS);
    let mut owed = Vec::with_capacity(found.len());
    let mut next = None;
    let mut progress = Progress::End;
    for (sequence, row) in found {
        let refused = row.fault == Code::NoPermissions.word();
        let due = Millis(row.due_ms).min(latest);
        let due = if refused { book.refused_until(wanted.target, due) } else { due };
        if !book.is_wanted(wanted.target, due, now) {
            // Passed over by the book, whenever it was accepted.
            owed.push(Owed { sequence, accepted: Millis(0), attempts: row.attempts, due, refused });
            continue;
        }
        let Some(event) = read::event(rows, sequence)? else {
            // INVARIANT SH-2: a reference owns its event's row.
            let torn = shard::Error::Torn { table: bascule_statemachine::register::Table::Refs, invariant: "SH-2" };
            return Err(Error::Rows(torn));
        };
        let stamped = stamped(&event);
        if stamped > lookup.index() {
            (next, progress) = (Some(sequence), Progress::Waits(stamped));
            break;
        }
        let accepted = Millis(event.accepted_ms);
        owed.push(Owed { sequence, accepted, attempts: row.attempts, due, refused });
    }
    if full && next.is_none() {
        next = owed.last().map(|last| Sequence(last.sequence.0 + 1));
        progress = Progress::More;
    }
    book.references(wanted.target, &owed, next, now);
    Ok(progress)
}

/// Takes in the oldest references of a lane that are older than `age_ms`: they are dead, whenever they are due.
///
/// # Errors
/// [`Error`].
pub fn aged(rows: &dyn Read, book: &mut Book, (target, age_ms): (Uid, u64), now: Millis) -> Result<(), Error> {
    let found = read::refs_of(rows, target, Sequence(0), REFS_CHUNK_ROWS)?;
    let mut more = found.len() == REFS_CHUNK_ROWS;
    let mut old = Vec::new();
    for (sequence, row) in found {
        let accepted = Millis(read::event(rows, sequence)?.map_or(0, |event| event.accepted_ms));
        // Sequences grow with time.
        if now.since(accepted) <= age_ms {
            more = false;
            break;
        }
        let refused = row.fault == Code::NoPermissions.word();
        old.push(Owed { sequence, accepted, attempts: row.attempts, due: now, refused });
    }
    book.aged(target, &old, more, now);
    Ok(())
}

/// The index of the view that stamped an event.
pub(crate) fn stamped(row: &EventRow) -> ControlIndex {
    let stamp = row.event.as_ref().and_then(|event| event.stamp.as_ref());
    ControlIndex(stamp.map_or(0, |stamp| stamp.control_index))
}
