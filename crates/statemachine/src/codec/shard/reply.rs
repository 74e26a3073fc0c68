//! Replies of the shard machine, on their way from the node that leads a group to the one that asked it. Numbers are for good.

use bytes::Bytes;
use prost::{Enumeration, Message, Oneof};

use crate::codec::Blank;
use crate::codec::shard::{MessageRow, Receipt};

/// The replies to all commands of a call, in order.
#[derive(Clone, PartialEq, Message)]
pub struct Replies {
    /// One a command.
    #[prost(message, repeated, tag = "1")]
    pub replies: Vec<Reply>,
}

/// The reply to one command.
#[derive(Clone, PartialEq, Message)]
pub struct Reply {
    /// Which one; a missing one is a reply of a later build and no reply.
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15")]
    pub kind: Option<Kind>,
}

/// The kinds of reply, by number.
#[derive(Clone, PartialEq, Oneof)]
pub enum Kind {
    /// Proposed for another term.
    #[prost(message, tag = "1")]
    Deposed(Blank),
    /// Not even tried.
    #[prost(enumeration = "Refusal", tag = "2")]
    Refused(i32),
    /// To an append.
    #[prost(message, tag = "3")]
    Appended(Appended),
    /// To an append with a token that is remembered: id of the event that was put with it first, sixteen bytes.
    #[prost(bytes = "bytes", tag = "4")]
    Repeated(Bytes),
    /// To an append with a token that is remembered with other content.
    #[prost(message, tag = "5")]
    TokenReused(Blank),
    /// To an append with a token too many.
    #[prost(message, tag = "6")]
    TokensFull(Blank),
    /// To a checkpoint.
    #[prost(message, tag = "7")]
    Checkpointed(Checkpointed),
    /// To a detach or park.
    #[prost(message, tag = "8")]
    Detached(Detached),
    /// To an attach: whether the lane was detached.
    #[prost(bool, tag = "9")]
    Attached(bool),
    /// To a dead letter or a transformed delivery.
    #[prost(message, tag = "10")]
    Placed(Placed),
    /// To a receive.
    #[prost(message, tag = "11")]
    Received(ReceivedMessages),
    /// To a receive: the queue was deleted.
    #[prost(message, tag = "12")]
    NoQueue(Blank),
    /// To a settle.
    #[prost(message, tag = "13")]
    Settled(Settlements),
    /// To a tombstone.
    #[prost(message, tag = "14")]
    Buried(Buried),
    /// To an expire: how many are deleted.
    #[prost(uint32, tag = "15")]
    Expired(u32),
}

/// Why a command was not even tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum Refusal {
    /// Never written.
    Unspecified = 0,
    /// A field is missing or has another length.
    Incomplete = 1,
    /// Rules or direct targets do not ascend.
    Unsorted = 2,
    /// More items than one command may have.
    TooMany = 3,
    /// The uid zero.
    NoUid = 4,
}

/// Where the events of an append stand.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Appended {
    /// In order; zero where nothing wanted the event.
    #[prost(uint64, repeated, tag = "1")]
    pub sequences: Vec<u64>,
}

/// What a checkpoint did.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Checkpointed {
    /// Where the watermark stands now.
    #[prost(uint64, tag = "1")]
    pub watermark: u64,
    /// Outcomes that ended a delivery.
    #[prost(uint32, tag = "2")]
    pub ended: u32,
}

/// What a detach or park did.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Detached {
    /// How many of the owed sequences were looked at.
    #[prost(uint32, tag = "1")]
    pub taken: u32,
    /// References written or updated.
    #[prost(uint32, tag = "2")]
    pub refs: u32,
    /// Events up to here are followed or referenced.
    #[prost(uint64, tag = "3")]
    pub reached: u64,
    /// Whether work is left.
    #[prost(bool, tag = "4")]
    pub more: bool,
}

/// Where a delivery went.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Placed {
    /// Which place.
    #[prost(oneof = "Place", tags = "1, 2, 3, 4, 5")]
    pub place: Option<Place>,
}

/// The places, by number.
#[derive(Clone, Copy, PartialEq, Eq, Oneof)]
pub enum Place {
    /// Uid of the queue.
    #[prost(uint64, tag = "1")]
    Queue(u64),
    /// Uid of the bus that has it in its own table.
    #[prost(uint64, tag = "2")]
    Bus(u64),
    /// Uid of the bus whose table is full.
    #[prost(uint64, tag = "3")]
    Full(u64),
    /// Queue or bus was deleted.
    #[prost(message, tag = "4")]
    Gone(Blank),
    /// It had ended before.
    #[prost(message, tag = "5")]
    Ended(Blank),
}

/// What a receive hands out.
#[derive(Clone, PartialEq, Message)]
pub struct ReceivedMessages {
    /// In (due, sequence) order.
    #[prost(message, repeated, tag = "1")]
    pub messages: Vec<ReceivedMessage>,
}

/// One message handed out.
#[derive(Clone, PartialEq, Message)]
pub struct ReceivedMessage {
    /// Names this very receive.
    #[prost(message, optional, tag = "1")]
    pub receipt: Option<Receipt>,
    /// The message as it lies there now.
    #[prost(message, optional, tag = "2")]
    pub row: Option<MessageRow>,
}

/// What became of settlements.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Settlements {
    /// In order.
    #[prost(enumeration = "Settled", repeated, tag = "1")]
    pub settled: Vec<i32>,
}

/// What became of one settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum Settled {
    /// Never written.
    Unspecified = 0,
    /// Deleted.
    Deleted = 1,
    /// Visible again at another time.
    Moved = 2,
    /// A later receive has the message.
    Stale = 3,
    /// There is no such message.
    Gone = 4,
}

/// What a tombstone deleted.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Buried {
    /// Rows deleted now.
    #[prost(uint32, tag = "1")]
    pub rows: u32,
    /// Whether there are more.
    #[prost(bool, tag = "2")]
    pub more: bool,
}
