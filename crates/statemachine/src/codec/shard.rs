//! Messages of the shard machine: its commands, its rows and its replies. Field numbers are for good.
//!
//! In: nothing but prost.
//! Out: messages.
//! Never: a map, a float, or a number that was once something else.

pub mod reply;
mod token;

use bytes::Bytes;
use prost::{Enumeration, Message, Oneof};

use bascule_model::id;

use crate::codec;

pub use token::{Token, TokenRow};

/// [`MessageRow::kind`]: the frame is the event's own.
pub const KIND_EVENT: u32 = 1;
/// [`MessageRow::kind`]: the frame is a body that a transformation made.
pub const KIND_BODY: u32 = 2;

/// What every row with a frame keeps of the stamp that the frame is bound to.
#[must_use]
pub fn stamp_hash(stamp: &Stamp) -> [u8; 16] {
    id::hash("stamp", &[&codec::encode(stamp)])
}

/// What one Raft entry of a shard group carries: many commands under one leader's stamp.
#[derive(Clone, PartialEq, Message)]
pub struct Entry {
    /// Group time in milliseconds since the Unix epoch, stamped by the leader; never less than the entry before.
    #[prost(uint64, tag = "1")]
    pub time_ms: u64,
    /// Zero, or the term whose leader proposed this; apply drops the entry if its own term differs.
    #[prost(uint64, tag = "2")]
    pub only_in_term: u64,
    /// The commands, applied in order.
    #[prost(message, repeated, tag = "3")]
    pub commands: Vec<Command>,
}

/// Commands on their way to the node that leads their group.
#[derive(Clone, PartialEq, Message)]
pub struct Commands {
    /// In order.
    #[prost(message, repeated, tag = "1")]
    pub commands: Vec<Command>,
}

/// One command.
#[derive(Clone, PartialEq, Message)]
pub struct Command {
    /// Which one; a missing one is a command of a later build and refused.
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10")]
    pub kind: Option<Kind>,
}

/// The kinds of command, by number.
#[derive(Clone, PartialEq, Oneof)]
pub enum Kind {
    /// New events.
    #[prost(message, tag = "1")]
    Append(Append),
    /// What the leader has seen to their end.
    #[prost(message, tag = "2")]
    Checkpoint(Checkpoint),
    /// Lets the watermark go on without a lane, or without single deliveries of it.
    #[prost(message, tag = "3")]
    Detach(Detach),
    /// Later appends no longer write references for a lane.
    #[prost(message, tag = "4")]
    Attach(Attach),
    /// A delivery ended in a dead letter.
    #[prost(message, tag = "5")]
    DeadLetter(DeadLetter),
    /// A transformed delivery became a message.
    #[prost(message, tag = "6")]
    Enqueue(Enqueue),
    /// Hands messages of a queue to a consumer.
    #[prost(message, tag = "7")]
    Receive(Receive),
    /// Deletes messages, or changes when they become visible, by receipt.
    #[prost(message, tag = "8")]
    Settle(Settle),
    /// Something was deleted that stamps may still name.
    #[prost(message, tag = "9")]
    Tombstone(Tombstone),
    /// Messages or dead letters have lain longer than they are kept.
    #[prost(message, tag = "10")]
    Expire(Expire),
}

/// Which rules and queues want an event, decided once at ingress.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Stamp {
    /// Control index of the view that decided.
    #[prost(uint64, tag = "1")]
    pub control_index: u64,
    /// Uids of matched rules, ascending.
    #[prost(uint64, repeated, tag = "2")]
    pub rules: Vec<u64>,
    /// Untransformed queue targets, which become messages in the same apply; ascending by target.
    #[prost(message, repeated, tag = "3")]
    pub direct: Vec<Direct>,
    /// How often the event went from bus to bus.
    #[prost(uint32, tag = "4")]
    pub hops: u32,
}

/// A queue target that becomes a message in the apply of its event.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Direct {
    /// The target's uid: follow passes it over, its delivery id is the message's.
    #[prost(uint64, tag = "1")]
    pub target: u64,
    /// The queue's uid.
    #[prost(uint64, tag = "2")]
    pub queue: u64,
    /// The uid of the rule that wanted it.
    #[prost(uint64, tag = "3")]
    pub rule: u64,
}

/// New events of one call or of several.
#[derive(Clone, PartialEq, Message)]
pub struct Append {
    /// The events, in order.
    #[prost(message, repeated, tag = "1")]
    pub events: Vec<Event>,
    /// With one event at most: what makes a repeat of this append one.
    #[prost(message, optional, tag = "2")]
    pub token: Option<Token>,
}

/// A matched, sealed event.
#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// Sixteen bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub event_id: Bytes,
    /// Sixteen bytes: the event id for a put.
    #[prost(bytes = "bytes", tag = "2")]
    pub arrival_id: Bytes,
    /// Uid of the bus.
    #[prost(uint64, tag = "3")]
    pub bus: u64,
    /// Who wants it.
    #[prost(message, optional, tag = "4")]
    pub stamp: Option<Stamp>,
    /// The envelope as JSON, sealed under the bus's data key.
    #[prost(bytes = "bytes", tag = "5")]
    pub frame: Bytes,
}

/// Row of `Events`.
#[derive(Clone, PartialEq, Message)]
pub struct EventRow {
    /// The event as appended.
    #[prost(message, optional, tag = "1")]
    pub event: Option<Event>,
    /// Group time of its entry.
    #[prost(uint64, tag = "2")]
    pub accepted_ms: u64,
    /// How many references own the row beyond the watermark.
    #[prost(uint32, tag = "3")]
    pub owners: u32,
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum Terminal {
    /// Never written.
    Unspecified = 0,
    /// The target took it.
    Delivered = 1,
    /// It lies in a dead-letter queue or in the bus's own table.
    DeadLettered = 2,
    /// Its rule, target, queue or bus is gone.
    Cancelled = 3,
    /// Its key was destroyed, or its frame fails authentication.
    Undecryptable = 4,
    /// The bus's own dead-letter table was full.
    Expired = 5,
}

/// The end of one delivery.
#[derive(Clone, PartialEq, Message)]
pub struct Outcome {
    /// The event's sequence.
    #[prost(uint64, tag = "1")]
    pub sequence: u64,
    /// The target's uid.
    #[prost(uint64, tag = "2")]
    pub target: u64,
    /// How it ended.
    #[prost(enumeration = "Terminal", tag = "3")]
    pub terminal: i32,
    /// Why, as a short fixed word such as `rule-gone`; empty when delivered.
    #[prost(string, tag = "4")]
    pub reason: String,
}

/// What a leader has seen to its end since the last one.
#[derive(Clone, PartialEq, Message)]
pub struct Checkpoint {
    /// Every event below this sequence is settled but for its references.
    #[prost(uint64, tag = "1")]
    pub watermark: u64,
    /// Ends of deliveries, of events above the watermark and of references.
    #[prost(message, repeated, tag = "2")]
    pub outcomes: Vec<Outcome>,
}

/// Why a lane or delivery waits outside the watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum Why {
    /// Never written.
    Unspecified = 0,
    /// More than the lane's bound of events or of time behind.
    Slow = 1,
    /// The target fails.
    Failing = 2,
    /// The role was refused.
    Forbidden = 3,
    /// The bus's key is not to be had for now.
    Key = 4,
}

/// Something owed that outlives the watermark.
#[derive(Clone, PartialEq, Message)]
pub struct Owed {
    /// The event's sequence.
    #[prost(uint64, tag = "1")]
    pub sequence: u64,
    /// Attempts so far.
    #[prost(uint32, tag = "2")]
    pub attempts: u32,
    /// When the next attempt is due, milliseconds since the Unix epoch.
    #[prost(uint64, tag = "3")]
    pub due_ms: u64,
    /// Error code of the last attempt; empty before the first.
    #[prost(string, tag = "4")]
    pub fault: String,
}

/// Detaches a lane, or parks single deliveries of it.
#[derive(Clone, PartialEq, Message)]
pub struct Detach {
    /// The target's uid.
    #[prost(uint64, tag = "1")]
    pub target: u64,
    /// The uid of its rule, by which apply finds later events of the lane.
    #[prost(uint64, tag = "2")]
    pub rule: u64,
    /// What is owed among the events that the leader has followed, at most 4,096.
    #[prost(message, repeated, tag = "3")]
    pub owed: Vec<Owed>,
    /// The highest sequence that the leader has followed.
    #[prost(uint64, tag = "4")]
    pub followed: u64,
    /// Whether the whole lane is detached from here on (else only `owed` is parked).
    #[prost(bool, tag = "5")]
    pub lane: bool,
    /// Why.
    #[prost(enumeration = "Why", tag = "6")]
    pub why: i32,
    /// Control index at which the target was minted: an event with an earlier stamp does not owe it.
    #[prost(uint64, tag = "7")]
    pub minted: u64,
}

/// Attaches a lane again.
#[derive(Clone, PartialEq, Message)]
pub struct Attach {
    /// The target's uid.
    #[prost(uint64, tag = "1")]
    pub target: u64,
}

/// Row of `Lanes`.
#[derive(Clone, PartialEq, Message)]
pub struct LaneRow {
    /// The uid of its rule.
    #[prost(uint64, tag = "1")]
    pub rule: u64,
    /// Why it is detached.
    #[prost(enumeration = "Why", tag = "2")]
    pub why: i32,
    /// Since when, group time.
    #[prost(uint64, tag = "3")]
    pub since_ms: u64,
    /// Control index at which the target was minted: an event with an earlier stamp does not owe it.
    #[prost(uint64, tag = "4")]
    pub minted: u64,
}

/// Row of `Refs`.
#[derive(Clone, PartialEq, Message)]
pub struct RefRow {
    /// Attempts so far.
    #[prost(uint32, tag = "1")]
    pub attempts: u32,
    /// When the next attempt is due.
    #[prost(uint64, tag = "2")]
    pub due_ms: u64,
    /// Error code of the last attempt.
    #[prost(string, tag = "3")]
    pub fault: String,
}

/// Row of `Exceptions`.
#[derive(Clone, PartialEq, Message)]
pub struct ExceptionRow {
    /// Targets that are done though the event is above the watermark, ascending.
    #[prost(uint64, repeated, tag = "1")]
    pub done: Vec<u64>,
}

/// Row of `Counts`, of a target or (only `held`) of a bus.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct CountRow {
    /// Deliveries that the target took.
    #[prost(uint64, tag = "1")]
    pub delivered: u64,
    /// Dead letters.
    #[prost(uint64, tag = "2")]
    pub dead_lettered: u64,
    /// Cancelled ones.
    #[prost(uint64, tag = "3")]
    pub cancelled: u64,
    /// Undecryptable ones.
    #[prost(uint64, tag = "4")]
    pub undecryptable: u64,
    /// Expired ones.
    #[prost(uint64, tag = "5")]
    pub expired: u64,
    /// Under the uid of a bus: how many dead letters lie in its own table.
    #[prost(uint64, tag = "6")]
    pub held: u64,
}

/// One attribute of a message or dead letter, as SQS has them.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Attribute {
    /// For example `ERROR_CODE`.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its text.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A delivery's end in a dead letter: it is the outcome too.
#[derive(Clone, PartialEq, Message)]
pub struct DeadLetter {
    /// The event's sequence.
    #[prost(uint64, tag = "1")]
    pub sequence: u64,
    /// The target's uid.
    #[prost(uint64, tag = "2")]
    pub target: u64,
    /// Uid of the queue that takes it; zero for the bus's own table.
    #[prost(uint64, tag = "3")]
    pub queue: u64,
    /// RULE_ARN, TARGET_ARN, ERROR_CODE, ERROR_MESSAGE, EXHAUSTED_RETRY_CONDITION, RETRY_ATTEMPTS.
    #[prost(message, repeated, tag = "4")]
    pub attributes: Vec<Attribute>,
    /// What was attempted, sealed again, if it was not the event itself; else empty.
    #[prost(bytes = "bytes", tag = "5")]
    pub frame: Bytes,
    /// Whether the event could not be opened, so that it lies there as it was sealed.
    #[prost(bool, tag = "6")]
    pub undecryptable: bool,
}

/// A transformed delivery to a queue: it is the outcome too.
#[derive(Clone, PartialEq, Message)]
pub struct Enqueue {
    /// The event's sequence.
    #[prost(uint64, tag = "1")]
    pub sequence: u64,
    /// The target's uid.
    #[prost(uint64, tag = "2")]
    pub target: u64,
    /// The queue's uid.
    #[prost(uint64, tag = "3")]
    pub queue: u64,
    /// The transformed body, sealed.
    #[prost(bytes = "bytes", tag = "4")]
    pub frame: Bytes,
}

/// Row of `Messages`.
#[derive(Clone, PartialEq, Message)]
pub struct MessageRow {
    /// The event's id, sixteen bytes, part of the frame's associated data.
    #[prost(bytes = "bytes", tag = "1")]
    pub event_id: Bytes,
    /// The delivery id, sixteen bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub delivery_id: Bytes,
    /// Uid of the bus it came from.
    #[prost(uint64, tag = "3")]
    pub bus: u64,
    /// Hash of the stamp that the frame is bound to, sixteen bytes.
    #[prost(bytes = "bytes", tag = "4")]
    pub stamp_hash: Bytes,
    /// The sealed body.
    #[prost(bytes = "bytes", tag = "5")]
    pub frame: Bytes,
    /// Since when it lies here, group time.
    #[prost(uint64, tag = "6")]
    pub enqueued_ms: u64,
    /// When it is visible next, group time.
    #[prost(uint64, tag = "7")]
    pub due_ms: u64,
    /// How often it was received.
    #[prost(uint32, tag = "8")]
    pub received: u32,
    /// Attributes of a dead letter.
    #[prost(message, repeated, tag = "9")]
    pub attributes: Vec<Attribute>,
    /// What the frame holds, by `keyring`'s register of record kinds.
    #[prost(uint32, tag = "10")]
    pub kind: u32,
    /// When it was first received, group time; zero before that.
    #[prost(uint64, tag = "11")]
    pub first_received_ms: u64,
}

/// Row of `DeadLetters`.
#[derive(Clone, PartialEq, Message)]
pub struct DeadLetterRow {
    /// The message as it would lie in a queue.
    #[prost(message, optional, tag = "1")]
    pub message: Option<MessageRow>,
    /// The rule's target.
    #[prost(uint64, tag = "2")]
    pub target: u64,
}

/// Hands out visible messages.
#[derive(Clone, PartialEq, Message)]
pub struct Receive {
    /// The queue's uid.
    #[prost(uint64, tag = "1")]
    pub queue: u64,
    /// At most this many, 1 to 10.
    #[prost(uint32, tag = "2")]
    pub limit: u32,
    /// For how long they are hidden then.
    #[prost(uint64, tag = "3")]
    pub visibility_ms: u64,
    /// Where those go that were received too often.
    #[prost(message, optional, tag = "4")]
    pub redrive: Option<Redrive>,
}

/// Another queue for messages that nobody could handle.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Redrive {
    /// Its uid.
    #[prost(uint64, tag = "1")]
    pub queue: u64,
    /// How often a message may be received before.
    #[prost(uint32, tag = "2")]
    pub after: u32,
    /// ARN of the queue that it came from, which it carries along.
    #[prost(string, tag = "3")]
    pub source: String,
}

/// Names one receipt of one message.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Receipt {
    /// The queue's uid.
    #[prost(uint64, tag = "1")]
    pub queue: u64,
    /// The message's sequence.
    #[prost(uint64, tag = "2")]
    pub sequence: u64,
    /// The target's uid, which tells apart messages that one event became in one queue.
    #[prost(uint64, tag = "3")]
    pub target: u64,
    /// The receive count that the handle was made for.
    #[prost(uint32, tag = "4")]
    pub received: u32,
}

/// Settles one receipt.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Settlement {
    /// Whose.
    #[prost(message, optional, tag = "1")]
    pub receipt: Option<Receipt>,
    /// Absent: delete. Present: visible again after this many milliseconds of group time.
    #[prost(uint64, optional, tag = "2")]
    pub visible_in_ms: Option<u64>,
    /// Nobody got to see the message: this receive does not count.
    #[prost(bool, tag = "3")]
    pub unseen: bool,
}

/// Settles receipts.
#[derive(Clone, PartialEq, Message)]
pub struct Settle {
    /// Each on its own.
    #[prost(message, repeated, tag = "1")]
    pub settlements: Vec<Settlement>,
}

/// What was deleted.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Tombstone {
    /// Uid of a bus or queue.
    #[prost(uint64, tag = "1")]
    pub uid: u64,
}

/// Deletes what has lain in a queue, or in a bus's own table of dead letters, for longer than it is kept there.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Expire {
    /// Uid of a queue or bus.
    #[prost(uint64, tag = "1")]
    pub uid: u64,
    /// For how long it is kept. Group time decides what is older.
    #[prost(uint64, tag = "2")]
    pub kept_ms: u64,
    /// What the leader found to be older.
    #[prost(message, repeated, tag = "3")]
    pub items: Vec<Item>,
}

/// One message or dead letter of a queue or bus.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Item {
    /// The event's sequence.
    #[prost(uint64, tag = "1")]
    pub sequence: u64,
    /// The target's uid.
    #[prost(uint64, tag = "2")]
    pub target: u64,
}

/// Row of `Tombstones`.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct TombstoneRow {
    /// Since when, group time.
    #[prost(uint64, tag = "1")]
    pub since_ms: u64,
}

/// Row of `Outcomes`.
#[derive(Clone, PartialEq, Message)]
pub struct OutcomeRow {
    /// How the delivery ended.
    #[prost(enumeration = "Terminal", tag = "1")]
    pub terminal: i32,
    /// Why, as a short fixed word.
    #[prost(string, tag = "2")]
    pub reason: String,
    /// When, group time.
    #[prost(uint64, tag = "3")]
    pub at_ms: u64,
}

/// Row of `Meta`.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct MetaRow {
    /// The sequence that the next event gets; the first is 1.
    #[prost(uint64, tag = "1")]
    pub next_sequence: u64,
    /// Every event below is settled but for its references.
    #[prost(uint64, tag = "2")]
    pub watermark: u64,
    /// Group time of the last entry.
    #[prost(uint64, tag = "3")]
    pub time_ms: u64,
    /// How many rows `Lanes` has, so that an append looks there only if there is something to find.
    #[prost(uint64, tag = "4")]
    pub lanes: u64,
    /// How many rows `Outcomes` has, for its cap.
    #[prost(uint64, tag = "5")]
    pub outcomes: u64,
    /// How many rows `Tokens` has, for its cap.
    #[prost(uint64, tag = "6")]
    pub tokens: u64,
}
