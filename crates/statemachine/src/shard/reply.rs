//! What a command is answered, and what the leader is to do about it.
//!
//! In: nothing.
//! Out: replies, their form between nodes, and effects.
//! Never: a reply made of a message that leaves something open.

pub mod wire;

use bascule_model::uid::{Sequence, Uid};

use crate::codec::shard::{MessageRow, Receipt, Why};

/// The answer to one command.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The entry was proposed for another term: nothing was changed.
    Deposed,
    /// The command has a form that no leader proposes: nothing was changed.
    Refused(Refusal),
    /// To an append: each event's sequence in order, zero where nothing wanted the event.
    Appended(Vec<Sequence>),
    /// To an append with a token that is remembered: the event that was put with it first. Nothing was appended.
    Repeated([u8; 16]),
    /// To an append with a token that is remembered with other content: nothing was appended.
    TokenReused,
    /// To an append with a token: the group remembers as many as it may. Nothing was appended.
    TokensFull,
    /// To a checkpoint.
    Checkpointed {
        /// Where the watermark stands now: less than asked for if the step was too long, then propose the rest again.
        watermark: Sequence,
        /// Outcomes that ended a delivery; the others had ended before.
        ended: u32,
    },
    /// To a detach or park.
    Detached {
        /// How many of `owed` were looked at, from the first on; propose the rest again if it is not all.
        taken: u32,
        /// References written or updated.
        refs: u32,
        /// For a lane: events up to here are followed or referenced; `followed` of the next proposal if there is more.
        reached: Sequence,
        /// Whether work is left, so that the lane is *not yet* detached.
        more: bool,
    },
    /// To an attach: whether the lane was detached.
    Attached(bool),
    /// To a dead letter or a transformed delivery.
    Placed(Place),
    /// To a receive, in (due, sequence) order.
    Received(Vec<Received>),
    /// To a receive: the queue was deleted.
    NoQueue,
    /// To a settle, in order.
    Settled(Vec<Settled>),
    /// To a tombstone: whether rows are left to delete, so that the same command is proposed again.
    Buried {
        /// Rows deleted now.
        rows: u32,
        /// Whether there are more.
        more: bool,
    },
    /// To an expire: how many were older by group time and are deleted.
    Expired(u32),
}

/// Why a command was not even tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A field of the event, stamp, receipt or id is missing or has another length.
    Incomplete,
    /// Rules or direct targets of a stamp do not ascend.
    Unsorted,
    /// More items than one command may have.
    TooMany,
    /// The uid zero, which nothing has.
    NoUid,
}

/// Where a delivery went that ended by a command of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Into this queue.
    Queue(Uid),
    /// Into the own table of this bus.
    Bus(Uid),
    /// Nowhere: the table of this bus is full.
    Full(Uid),
    /// Nowhere: queue or bus was deleted.
    Gone,
    /// Nowhere: it had ended before, nothing was changed.
    Ended,
}

/// One message handed out.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// Names this very receive.
    pub receipt: Receipt,
    /// The message as it lies there now.
    pub row: MessageRow,
}

/// What became of one settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The message is deleted.
    Deleted,
    /// The message is visible again at another time.
    Moved,
    /// A later receive hands the message to somebody else: nothing was changed.
    Stale,
    /// There is no such message.
    Gone,
}

/// Something to do after apply, by the leader alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Follow has new events to look at.
    Appended {
        /// The first new sequence.
        first: Sequence,
        /// The last.
        last: Sequence,
    },
    /// A message of this queue is, or will be, visible.
    MessagesVisible {
        /// The queue.
        queue: Uid,
        /// From this group time on, milliseconds.
        at_ms: u64,
    },
    /// A lane was detached for this reason, or attached again.
    LaneChanged {
        /// The target.
        target: Uid,
        /// Why it is detached; `None` if it is attached.
        detached: Option<Why>,
    },
    /// A lane has references that it did not have.
    RefsAdded {
        /// The target.
        target: Uid,
    },
    /// Deliveries of this target ended.
    Ended {
        /// The target.
        target: Uid,
    },
}
