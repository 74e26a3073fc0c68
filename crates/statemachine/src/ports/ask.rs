//! The port for what only a group's leader can answer: reads that must be linearizable, and the calls of queues.
//!
//! In: questions, of this node or of another.
//! Out: answers as plain values, and the form of both between nodes.
//! Never: an answer made of a message that leaves something open.

pub mod question;
pub mod wire;

use bascule_model::ambient::Pending;
use bascule_model::id::EventId;
use bascule_model::uid::{ControlIndex, GroupId, Sequence, Uid};

use crate::codec::shard::{CountRow, DeadLetterRow, EventRow, Redrive, RefRow, Settlement, Why};
use crate::ports::propose::ProposeError;
use crate::ports::tables::TableError;
use crate::shard;
use crate::shard::reply::{Received, Settled};

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// It became a command, and that has no answer.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// The rows could not be read.
    #[error(transparent)]
    Tables(#[from] TableError),
    /// A row is none of this build's, or contradicts another.
    #[error("the rows of {group} contradict themselves")]
    Rows {
        /// The group.
        group: GroupId,
        /// What is wrong.
        #[source]
        source: shard::Error,
    },
    /// The queue was deleted.
    #[error("the queue is gone")]
    NoQueue,
    /// This node neither leads the group nor knows who does.
    #[error("{group} has no leader now")]
    NoLeader {
        /// The group.
        group: GroupId,
    },
    /// Who answers does not know the rules and targets of then yet.
    #[error("the view of {group}'s leader is behind control index {index}")]
    Behind {
        /// The group.
        group: GroupId,
        /// What its view has not reached.
        index: ControlIndex,
    },
}

/// What a queue holds in one group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Messages that can be received now.
    pub visible: u64,
    /// Messages that are received and neither deleted nor visible again.
    pub in_flight: u64,
    /// When the oldest of them was laid there, group time; zero if there is none.
    pub oldest_ms: u64,
    /// Whether there are more than were counted.
    pub more: bool,
}

/// How far a purge has come in one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurgeMark {
    /// The first sequence that stays.
    pub end: Sequence,
    /// Messages due before are looked at.
    pub due_ms: u64,
}

/// A dead letter of a bus's own table, in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// The group that has it.
    pub group: GroupId,
    /// The event's sequence in that group.
    pub sequence: Sequence,
    /// The row.
    pub row: DeadLetterRow,
}

/// What is owed to a target in one group, and how the rest ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Ended deliveries.
    pub counts: CountRow,
    /// Deliveries that have not ended.
    pub pending: u64,
    /// When the oldest pending event was accepted, group time; zero if there is none.
    pub oldest_ms: u64,
    /// Whether there are more than were counted.
    pub more: bool,
    /// Why its lane is detached, if it is.
    pub detached: Option<Why>,
}

/// How one delivery of an event stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivery {
    /// It has ended.
    Ended,
    /// It is owed, and was never parked.
    Waits,
    /// It is owed, and this is written down of it.
    Parked(RefRow),
}

/// An event that somebody is owed.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracked {
    /// Its row.
    pub row: EventRow,
    /// By target, every delivery that there ever was to those that still are; direct messages are none.
    pub deliveries: Vec<(Uid, Delivery)>,
}

/// Asks leaders, wherever they are.
pub trait Ask: Send + Sync {
    /// Waits until everything committed in the control group before the call is applied here; gives the index.
    fn barrier(&self) -> Pending<'_, Result<ControlIndex, AskError>>;

    /// The groups in which the queue may have visible messages now, those with the oldest first. Groups whose leader does not
    /// say in time are left out.
    fn hinted(&self, queue: Uid) -> Pending<'_, Vec<GroupId>>;

    /// Returns when the queue may have something visible, or after `limit_ms` milliseconds.
    fn visible(&self, queue: Uid, limit_ms: u64) -> Pending<'_, ()>;

    /// Hands out at most `limit` visible messages of a group, hidden from then on for `visibility_ms`. What was received too
    /// often goes to the queue of `redrive` instead.
    fn receive(
        &self,
        group: GroupId,
        queue: Uid,
        limit: u32,
        visibility_ms: u64,
        redrive: Option<Redrive>,
    ) -> Pending<'_, Result<Vec<Received>, AskError>>;

    /// Settles receipts of one group, in order.
    fn settle(&self, group: GroupId, settlements: Vec<Settlement>) -> Pending<'_, Result<Vec<Settled>, AskError>>;

    /// Deletes what lies in a queue in one group, a bounded number of it; says how many, and where to go on, if there may be more.
    /// What is appended after the first call, the one without a mark, stays.
    fn purge(
        &self,
        group: GroupId,
        queue: Uid,
        mark: Option<PurgeMark>,
    ) -> Pending<'_, Result<(u64, Option<PurgeMark>), AskError>>;

    /// Every shard group there is, ascending.
    fn groups(&self) -> Vec<GroupId>;

    /// What a queue holds in a group.
    fn depth(&self, group: GroupId, queue: Uid) -> Pending<'_, Result<Depth, AskError>>;

    /// At most `limit_rows` dead letters of a bus in a group, those behind `after` (sequence and target), in order.
    fn letters(
        &self,
        group: GroupId,
        bus: Uid,
        after: (Sequence, Uid),
        limit_rows: usize,
    ) -> Pending<'_, Result<Vec<Letter>, AskError>>;

    /// How a target stands in a group; `rule` and `minted` say which events owe it.
    fn standing(
        &self,
        group: GroupId,
        target: Uid,
        rule: Uid,
        minted: ControlIndex,
    ) -> Pending<'_, Result<Standing, AskError>>;

    /// The event of this id on a bus, if the group holds one that somebody is owed; the first, if it came there twice.
    fn event(&self, group: GroupId, bus: Uid, id: EventId) -> Pending<'_, Result<Option<Tracked>, AskError>>;
}
