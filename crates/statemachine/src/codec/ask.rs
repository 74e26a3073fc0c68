//! Questions on their way to the node that leads a group, and what it answers. Numbers are for good.
//! An answer repeats nothing that its question says, so that the two cannot contradict each other.

use bytes::Bytes;
use prost::{Message, Oneof};

use crate::codec::Blank;
use crate::codec::propose::ProposeError;
use crate::codec::shard::{CountRow, DeadLetterRow, EventRow, RefRow, Why};

/// A question.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Question {
    /// Which one; a missing one is of a later build and not answered.
    #[prost(oneof = "Asked", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub asked: Option<Asked>,
}

/// The questions, by number.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum Asked {
    /// Which groups have something visible in a queue.
    #[prost(message, tag = "1")]
    Hinted(Hinted),
    /// The same once one has, or after a while.
    #[prost(message, tag = "2")]
    Visible(Visible),
    /// What a queue holds in a group.
    #[prost(message, tag = "3")]
    Depth(DepthOf),
    /// Dead letters of a bus in a group.
    #[prost(message, tag = "4")]
    Letters(LettersOf),
    /// How a target stands in a group.
    #[prost(message, tag = "5")]
    Standing(StandingOf),
    /// An event by its id in a group.
    #[prost(message, tag = "6")]
    Event(EventOf),
    /// Deletes messages of a queue in a group.
    #[prost(message, tag = "7")]
    Purge(Purge),
}

/// Which of the groups that the asked node leads have something visible.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Hinted {
    /// The queue's uid.
    #[prost(uint64, tag = "1")]
    pub queue: u64,
}

/// Waits until something is visible in a group that the asked node leads.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Visible {
    /// The queue's uid.
    #[prost(uint64, tag = "1")]
    pub queue: u64,
    /// At most so long.
    #[prost(uint64, tag = "2")]
    pub limit_ms: u64,
}

/// What a queue holds.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct DepthOf {
    /// In which group.
    #[prost(uint32, tag = "1")]
    pub group: u32,
    /// The queue's uid.
    #[prost(uint64, tag = "2")]
    pub queue: u64,
}

/// Dead letters of a bus's own table.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct LettersOf {
    /// In which group.
    #[prost(uint32, tag = "1")]
    pub group: u32,
    /// The bus's uid.
    #[prost(uint64, tag = "2")]
    pub bus: u64,
    /// Behind this sequence and
    #[prost(uint64, tag = "3")]
    pub after_sequence: u64,
    /// this target.
    #[prost(uint64, tag = "4")]
    pub after_target: u64,
    /// At most so many, and one at least.
    #[prost(uint32, tag = "5")]
    pub limit_rows: u32,
}

/// How a target stands.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct StandingOf {
    /// In which group.
    #[prost(uint32, tag = "1")]
    pub group: u32,
    /// The target's uid.
    #[prost(uint64, tag = "2")]
    pub target: u64,
    /// Its rule's uid.
    #[prost(uint64, tag = "3")]
    pub rule: u64,
    /// Control index at which the target was minted.
    #[prost(uint64, tag = "4")]
    pub minted: u64,
}

/// An event of a bus.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct EventOf {
    /// In which group.
    #[prost(uint32, tag = "1")]
    pub group: u32,
    /// The bus's uid.
    #[prost(uint64, tag = "2")]
    pub bus: u64,
    /// The event's id, sixteen bytes.
    #[prost(bytes = "bytes", tag = "3")]
    pub id: Bytes,
}

/// A step of a purge.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Purge {
    /// In which group.
    #[prost(uint32, tag = "1")]
    pub group: u32,
    /// The queue's uid.
    #[prost(uint64, tag = "2")]
    pub queue: u64,
    /// How far it has come; absent at its beginning.
    #[prost(message, optional, tag = "3")]
    pub mark: Option<PurgeMark>,
}

/// How far a purge has come.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct PurgeMark {
    /// The first sequence that stays.
    #[prost(uint64, tag = "1")]
    pub end: u64,
    /// Messages due before are looked at.
    #[prost(uint64, tag = "2")]
    pub due_ms: u64,
}

/// An answer.
#[derive(Clone, PartialEq, Message)]
pub struct Answer {
    /// Which one; a missing one is of a later build and no answer.
    #[prost(oneof = "Answered", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub answered: Option<Answered>,
}

/// The answers, by number.
#[derive(Clone, PartialEq, Oneof)]
pub enum Answered {
    /// There is none, and why.
    #[prost(message, tag = "1")]
    Failed(Failure),
    /// To `Hinted` and `Visible`.
    #[prost(message, tag = "2")]
    Groups(Groups),
    /// To `DepthOf`.
    #[prost(message, tag = "3")]
    Depth(Depth),
    /// To `LettersOf`.
    #[prost(message, tag = "4")]
    Letters(Letters),
    /// To `StandingOf`.
    #[prost(message, tag = "5")]
    Standing(Standing),
    /// To `EventOf`.
    #[prost(message, tag = "6")]
    Event(Found),
    /// To `Purge`.
    #[prost(message, tag = "7")]
    Purged(Purged),
}

/// Why a question has no answer.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Failure {
    /// Which one; a missing one is of a later build, and leaves open whether something was written.
    #[prost(oneof = "Reason", tags = "1, 2, 3, 4, 5")]
    pub reason: Option<Reason>,
}

/// The reasons, by number.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum Reason {
    /// It became a command, and that has no answer.
    #[prost(message, tag = "1")]
    Propose(ProposeError),
    /// The asked node does not lead the group.
    #[prost(message, tag = "2")]
    NoLeader(Blank),
    /// The queue was deleted.
    #[prost(message, tag = "3")]
    NoQueue(Blank),
    /// The control index that the asked node's view has not reached.
    #[prost(uint64, tag = "4")]
    Behind(u64),
    /// The rows could not be read or contradict themselves, in at most 256 characters.
    #[prost(string, tag = "5")]
    Rows(String),
}

/// Shard groups.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Groups {
    /// Those with the oldest message first.
    #[prost(uint32, repeated, tag = "1")]
    pub groups: Vec<u32>,
}

/// What a queue holds in one group.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Depth {
    /// Messages that can be received now.
    #[prost(uint64, tag = "1")]
    pub visible: u64,
    /// Messages that are received and neither deleted nor visible again.
    #[prost(uint64, tag = "2")]
    pub in_flight: u64,
    /// When the oldest of them was laid there, group time.
    #[prost(uint64, tag = "3")]
    pub oldest_ms: u64,
    /// Whether there are more than were counted.
    #[prost(bool, tag = "4")]
    pub more: bool,
}

/// Dead letters of one group.
#[derive(Clone, PartialEq, Message)]
pub struct Letters {
    /// In order.
    #[prost(message, repeated, tag = "1")]
    pub letters: Vec<Letter>,
    /// Whether there are more than an answer has room for.
    #[prost(bool, tag = "2")]
    pub more: bool,
}

/// A dead letter in its place.
#[derive(Clone, PartialEq, Message)]
pub struct Letter {
    /// The event's sequence.
    #[prost(uint64, tag = "1")]
    pub sequence: u64,
    /// The row.
    #[prost(message, optional, tag = "2")]
    pub row: Option<DeadLetterRow>,
}

/// What is owed to a target in one group, and how the rest ended.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Standing {
    /// Ended deliveries.
    #[prost(message, optional, tag = "1")]
    pub counts: Option<CountRow>,
    /// Deliveries that have not ended.
    #[prost(uint64, tag = "2")]
    pub pending: u64,
    /// When the oldest pending event was accepted, group time.
    #[prost(uint64, tag = "3")]
    pub oldest_ms: u64,
    /// Whether there are more than were counted.
    #[prost(bool, tag = "4")]
    pub more: bool,
    /// Why its lane is detached, if it is.
    #[prost(enumeration = "Why", optional, tag = "5")]
    pub detached: Option<i32>,
}

/// An event, if the group holds one that somebody is owed.
#[derive(Clone, PartialEq, Message)]
pub struct Found {
    /// It, if there is one.
    #[prost(message, optional, tag = "1")]
    pub tracked: Option<Tracked>,
}

/// An event that somebody is owed.
#[derive(Clone, PartialEq, Message)]
pub struct Tracked {
    /// Its row.
    #[prost(message, optional, tag = "1")]
    pub row: Option<EventRow>,
    /// Its deliveries.
    #[prost(message, repeated, tag = "2")]
    pub deliveries: Vec<Delivery>,
}

/// One delivery of an event.
#[derive(Clone, PartialEq, Message)]
pub struct Delivery {
    /// The target's uid.
    #[prost(uint64, tag = "1")]
    pub target: u64,
    /// How it stands.
    #[prost(oneof = "Stands", tags = "2, 3, 4")]
    pub stands: Option<Stands>,
}

/// How a delivery stands, by number.
#[derive(Clone, PartialEq, Oneof)]
pub enum Stands {
    /// It has ended.
    #[prost(message, tag = "2")]
    Ended(Blank),
    /// It is owed, and was never parked.
    #[prost(message, tag = "3")]
    Waits(Blank),
    /// It is owed, and this is written down of it.
    #[prost(message, tag = "4")]
    Parked(RefRow),
}

/// What a step of a purge did.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Purged {
    /// Messages deleted.
    #[prost(uint64, tag = "1")]
    pub count: u64,
    /// Where to go on, if there may be more.
    #[prost(message, optional, tag = "2")]
    pub mark: Option<PurgeMark>,
}
