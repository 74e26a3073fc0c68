//! A change of the control group on its way to the node that leads it, and why a proposal has no answer. Numbers are for good.

use bytes::Bytes;
use prost::{Message, Oneof};

use crate::codec::control::Command;

/// A change of the control group.
#[derive(Clone, PartialEq, Message)]
pub struct Change {
    /// The command.
    #[prost(message, optional, tag = "1")]
    pub command: Option<Command>,
    /// Its sealed audit record; empty for none.
    #[prost(bytes = "bytes", tag = "2")]
    pub record: Bytes,
    /// Present: dropped by every term but this one, which is not zero.
    #[prost(uint64, optional, tag = "3")]
    pub only_in_term: Option<u64>,
}

/// Why a proposal has no answer. Its group is the one that was asked.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ProposeError {
    /// Which one; a missing one is of a later build, and leaves open whether something was written.
    #[prost(oneof = "Reason", tags = "1, 2, 3, 4")]
    pub reason: Option<Reason>,
}

/// The reasons, by number.
#[derive(Clone, PartialEq, Eq, Oneof)]
pub enum Reason {
    /// Nothing was written: another leads.
    #[prost(message, tag = "1")]
    NotLeading(NotLeading),
    /// Nothing was written: too much waits.
    #[prost(message, tag = "2")]
    Busy(Exceeded),
    /// Nothing was written: a command is larger than an entry.
    #[prost(message, tag = "3")]
    TooLarge(Exceeded),
    /// It may have been written or not, and this is known of it, in at most 256 characters.
    #[prost(string, tag = "4")]
    Unknown(String),
}

/// Who leads instead.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct NotLeading {
    /// The node, if it is known.
    #[prost(uint64, optional, tag = "1")]
    pub leader: Option<u64>,
}

/// A number of bytes beside its limit.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Exceeded {
    /// What waits, or the command's size.
    #[prost(uint64, tag = "1")]
    pub bytes: u64,
    /// How many there may be.
    #[prost(uint64, tag = "2")]
    pub limit_bytes: u64,
}
