//! The shard machine: events, what is owed of them, and the queues, changed by one committed entry at a time.
//!
//! In: an entry, the term it was committed in, and the group's rows.
//! Out: changed rows in the overlay, one reply a command, and effects that only a leader carries out.
//! Never: a clock, chance, a name, or a frame's contents.

mod append;
mod checkpoint;
mod expire;
mod form;
pub mod forward;
mod kept;
mod lanes;
mod ledger;
mod place;
mod queue;
pub mod read;
pub mod reply;
mod rows;
#[cfg(test)]
mod tests;
mod token;
mod tombstone;

use crate::codec::CodecError;
use crate::codec::shard::{Entry, Kind};
use crate::overlay::Overlay;
use crate::ports::tables::TableError;
use crate::register::Table;
use crate::shard::ledger::Ledger;
use crate::shard::reply::{Effect, Reply};

/// Why an entry could not be applied. The overlay is then half changed and must be dropped, and the replica stops.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A row could not be read.
    #[error("a row could not be read")]
    Table(#[from] TableError),
    /// A row is none of this build's.
    #[error("a row does not decode")]
    Codec(#[from] CodecError),
    /// The entry holds a command, terminal state or reason of a later build.
    #[error("the entry holds a command or value that this build does not know")]
    Later,
    /// Two rows that always stand together do not.
    #[error("a row of table `{}` contradicts {invariant}", *table as u8)]
    Torn {
        /// The table where a row is missing or wrong.
        table: Table,
        /// The id of what should have held.
        invariant: &'static str,
    },
}

/// What one entry did beside its rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Applied {
    /// One for each command, in order.
    pub replies: Vec<Reply>,
    /// In a fixed order, each once.
    pub effects: Vec<Effect>,
}

/// Applies `entry`, committed in `term`, to the rows of `overlay`. The same rows and entry give the same changes and replies
/// everywhere. Group time becomes the greater of what it was and what the entry says.
///
/// # Errors
/// [`Error`]: damage, or a later build's entry; nothing that a client or an old leader can cause.
pub fn apply(overlay: &mut Overlay<'_>, term: u64, entry: &Entry) -> Result<Applied, Error> {
    if entry.only_in_term != 0 && entry.only_in_term != term {
        return Ok(Applied { replies: vec![Reply::Deposed; entry.commands.len()], effects: Vec::new() });
    }
    let kinds = form::known(entry)?;
    let mut ledger = Ledger::open(overlay, entry.time_ms)?;
    let mut replies = Vec::with_capacity(kinds.len());
    for kind in kinds {
        replies.push(match form::refusal(kind) {
            Some(refusal) => Reply::Refused(refusal),
            None => command(&mut ledger, kind)?,
        });
    }
    Ok(Applied { replies, effects: ledger.close()? })
}

fn command(ledger: &mut Ledger<'_, '_>, kind: &Kind) -> Result<Reply, Error> {
    match kind {
        Kind::Append(append) => match &append.token {
            Some(token) => token::append(ledger, append, token),
            None => append::append(ledger, append),
        },
        Kind::Checkpoint(checkpoint) => checkpoint::checkpoint(ledger, checkpoint),
        Kind::Detach(detach) => lanes::detach(ledger, detach),
        Kind::Attach(attach) => lanes::attach(ledger, attach.target),
        Kind::DeadLetter(letter) => place::dead_letter(ledger, letter),
        Kind::Enqueue(enqueue) => place::enqueue(ledger, enqueue),
        Kind::Receive(receive) => queue::receive(ledger, receive),
        Kind::Settle(settle) => queue::settle(ledger, settle),
        Kind::Tombstone(tombstone) => tombstone::bury(ledger, *tombstone),
        Kind::Expire(expire) => expire::expire(ledger, expire),
    }
}
