//! Rows of the control group. Each names itself, so that it can be listed without its key.
//!
//! In: what commands have, as parts of rows.
//! Out: a message for each table; the organisation's and its principals' in files of their own.
//! Never: a map, a float, or a number that was once something else.

mod membership;
mod organization;
mod principals;

use bytes::Bytes;
use prost::{Enumeration, Message};

pub use membership::{AssignmentRow, JoinTokenRow, NodeRow};
pub use organization::{AccountRow, OrganizationRow, UnitNameRow, UnitRow};
pub use principals::{
    AccessKey, AccessKeyRow, Grants, IdentityRow, InlinePolicy, PolicyRow, RoleRow, UserRow, VersionRow,
};

use crate::codec::control::{Auth, Pair, Quotas, Reply, Target};

/// How many of each an account has.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct AccountCounts {
    /// The account's number.
    #[prost(uint64, tag = "1")]
    pub account: u64,
    /// Buses.
    #[prost(uint32, tag = "2")]
    pub buses: u32,
    /// Connections.
    #[prost(uint32, tag = "3")]
    pub connections: u32,
    /// API destinations.
    #[prost(uint32, tag = "4")]
    pub destinations: u32,
    /// Queues.
    #[prost(uint32, tag = "5")]
    pub queues: u32,
}

/// Row of `Meta`: the cluster.
#[derive(Clone, PartialEq, Message)]
pub struct MetaRow {
    /// Sixteen bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub cluster_id: Bytes,
    /// In front of every uid and control index.
    #[prost(uint32, tag = "2")]
    pub incarnation: u32,
    /// Counter of the next uid; the first is 1.
    #[prost(uint64, tag = "3")]
    pub next_uid: u64,
    /// Group time of the last entry.
    #[prost(uint64, tag = "4")]
    pub time_ms: u64,
    /// Partition of all ARNs.
    #[prost(string, tag = "5")]
    pub partition: String,
    /// Region of all ARNs.
    #[prost(string, tag = "6")]
    pub region: String,
    /// Number of the default account.
    #[prost(uint64, tag = "7")]
    pub account: u64,
    /// The shard groups, ascending.
    #[prost(uint32, repeated, tag = "8")]
    pub groups: Vec<u32>,
    /// The quotas.
    #[prost(message, optional, tag = "9")]
    pub quotas: Option<Quotas>,
    /// Ascending by account.
    #[prost(message, repeated, tag = "10")]
    pub accounts: Vec<AccountCounts>,
    /// Control index of the last change of which nodes there are, of a node's state, or of an assignment; a plan names it.
    #[prost(uint64, tag = "11")]
    pub placement_at: u64,
}

/// Row of `Buses`.
#[derive(Clone, PartialEq, Message)]
pub struct BusRow {
    /// Its uid.
    #[prost(uint64, tag = "1")]
    pub uid: u64,
    /// Number of its account.
    #[prost(uint64, tag = "2")]
    pub account: u64,
    /// Its name.
    #[prost(string, tag = "3")]
    pub name: String,
    /// Free text.
    #[prost(string, tag = "4")]
    pub description: String,
    /// Customer-managed key, or empty.
    #[prost(string, tag = "5")]
    pub key_identifier: String,
    /// ARN of its dead-letter queue, or empty.
    #[prost(string, tag = "6")]
    pub dead_letter: String,
    /// Id of the data key that seals now.
    #[prost(bytes = "bytes", tag = "7")]
    pub key_id: Bytes,
    /// How many rules stand on it.
    #[prost(uint32, tag = "8")]
    pub rules: u32,
    /// When it was created, group time.
    #[prost(uint64, tag = "9")]
    pub created_ms: u64,
    /// When its settings last changed, group time.
    #[prost(uint64, tag = "10")]
    pub changed_ms: u64,
    /// Control index of that change, or of its policy's; counts do not move it.
    #[prost(uint64, tag = "11")]
    pub changed_at: u64,
    /// Its tags, ascending by key.
    #[prost(message, repeated, tag = "12")]
    pub tags: Vec<Pair>,
    /// Its own policy, a document, or empty.
    #[prost(string, tag = "13")]
    pub policy: String,
}

/// Row of `Rules`.
#[derive(Clone, PartialEq, Message)]
pub struct RuleRow {
    /// Its uid.
    #[prost(uint64, tag = "1")]
    pub uid: u64,
    /// Uid of its bus.
    #[prost(uint64, tag = "2")]
    pub bus_uid: u64,
    /// Number of the bus's account.
    #[prost(uint64, tag = "3")]
    pub account: u64,
    /// The rule as put; its state is today's.
    #[prost(message, optional, tag = "4")]
    pub rule: Option<super::Rule>,
    /// How many targets it has.
    #[prost(uint32, tag = "5")]
    pub targets: u32,
    /// When it was created, group time.
    #[prost(uint64, tag = "6")]
    pub created_ms: u64,
    /// Control index of its last change; targets do not move it.
    #[prost(uint64, tag = "7")]
    pub changed_at: u64,
    /// From when its schedule counts, group time: its creation, last enabling or last change of schedule.
    #[prost(uint64, tag = "8")]
    pub anchored_ms: u64,
    /// The last due time of its schedule whose event was put; zero before the first.
    #[prost(uint64, tag = "9")]
    pub fired_ms: u64,
    /// Its tags, ascending by key.
    #[prost(message, repeated, tag = "10")]
    pub tags: Vec<Pair>,
}

/// Row of `Targets`.
#[derive(Clone, PartialEq, Message)]
pub struct TargetRow {
    /// Its uid, which names its lane.
    #[prost(uint64, tag = "1")]
    pub uid: u64,
    /// Uid of its rule.
    #[prost(uint64, tag = "2")]
    pub rule_uid: u64,
    /// Control index at which the uid was minted: events stamped before owe it nothing.
    #[prost(uint64, tag = "3")]
    pub minted_at: u64,
    /// The target as put.
    #[prost(message, optional, tag = "4")]
    pub target: Option<Target>,
}

/// Row of `Connections`.
#[derive(Clone, PartialEq, Message)]
pub struct ConnectionRow {
    /// Its uid.
    #[prost(uint64, tag = "1")]
    pub uid: u64,
    /// Number of its account.
    #[prost(uint64, tag = "2")]
    pub account: u64,
    /// Its name.
    #[prost(string, tag = "3")]
    pub name: String,
    /// Free text.
    #[prost(string, tag = "4")]
    pub description: String,
    /// What it authenticates with; its secret is empty once deauthorised.
    #[prost(message, optional, tag = "5")]
    pub auth: Option<Auth>,
    /// Whether it can be used.
    #[prost(bool, tag = "6")]
    pub authorized: bool,
    /// When it was created, group time.
    #[prost(uint64, tag = "7")]
    pub created_ms: u64,
    /// When it last changed, group time.
    #[prost(uint64, tag = "8")]
    pub changed_ms: u64,
    /// When it was last authorised, group time.
    #[prost(uint64, tag = "9")]
    pub authorized_ms: u64,
    /// Control index of its last change.
    #[prost(uint64, tag = "10")]
    pub changed_at: u64,
}

/// Row of `Destinations`.
#[derive(Clone, PartialEq, Message)]
pub struct DestinationRow {
    /// Its uid.
    #[prost(uint64, tag = "1")]
    pub uid: u64,
    /// Number of its account.
    #[prost(uint64, tag = "2")]
    pub account: u64,
    /// The destination as its owner describes it.
    #[prost(message, optional, tag = "3")]
    pub destination: Option<super::Destination>,
    /// Uid of the connection; a later one of the same name is not meant.
    #[prost(uint64, tag = "4")]
    pub connection_uid: u64,
    /// When it was created, group time.
    #[prost(uint64, tag = "5")]
    pub created_ms: u64,
    /// When it last changed, group time.
    #[prost(uint64, tag = "6")]
    pub changed_ms: u64,
    /// Control index of its last change.
    #[prost(uint64, tag = "7")]
    pub changed_at: u64,
}

/// Row of `Queues`.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct QueueRow {
    /// Its uid.
    #[prost(uint64, tag = "1")]
    pub uid: u64,
    /// Number of its account.
    #[prost(uint64, tag = "2")]
    pub account: u64,
    /// The queue as its owner describes it.
    #[prost(message, optional, tag = "3")]
    pub queue: Option<super::Queue>,
    /// When it was created, group time.
    #[prost(uint64, tag = "4")]
    pub created_ms: u64,
    /// Control index of its creation, or of the last change of its policy.
    #[prost(uint64, tag = "5")]
    pub changed_at: u64,
    /// Its own policy, a document, or empty.
    #[prost(string, tag = "6")]
    pub policy: String,
}

/// What was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum DeletedKind {
    /// Never written.
    Unspecified = 0,
    /// A bus.
    Bus = 1,
    /// A queue.
    Queue = 2,
}

/// Row of `Deleted`.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DeletedRow {
    /// Whose uid.
    #[prost(uint64, tag = "1")]
    pub uid: u64,
    /// What it was.
    #[prost(enumeration = "DeletedKind", tag = "2")]
    pub kind: i32,
    /// Number of its account.
    #[prost(uint64, tag = "3")]
    pub account: u64,
    /// Its name.
    #[prost(string, tag = "4")]
    pub name: String,
    /// The groups that have not confirmed, ascending.
    #[prost(uint32, repeated, tag = "5")]
    pub waiting: Vec<u32>,
    /// When, group time.
    #[prost(uint64, tag = "6")]
    pub deleted_ms: u64,
}

/// Row of `DataKeys`. It stays after its bus: messages and dead letters are still sealed under it.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DataKeyRow {
    /// Sixteen bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub key_id: Bytes,
    /// What the key provider made of it.
    #[prost(bytes = "bytes", tag = "2")]
    pub wrapped: Bytes,
    /// Uid of its bus.
    #[prost(uint64, tag = "3")]
    pub bus_uid: u64,
    /// Which key wrapped it: the bus's key identifier then.
    #[prost(string, tag = "4")]
    pub key_identifier: String,
    /// When it came, group time.
    #[prost(uint64, tag = "5")]
    pub created_ms: u64,
}

/// Row of `Requests`: an answer, or (under the reserved account) the place of an answer in order of age.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RequestRow {
    /// Number of the account.
    #[prost(uint64, tag = "1")]
    pub account: u64,
    /// Number of the command.
    #[prost(uint64, tag = "2")]
    pub operation: u64,
    /// Sixteen bytes: hash of the request id.
    #[prost(bytes = "bytes", tag = "3")]
    pub request: Bytes,
    /// Sixteen bytes: hash of what was asked.
    #[prost(bytes = "bytes", tag = "4")]
    pub content: Bytes,
    /// When, group time.
    #[prost(uint64, tag = "5")]
    pub answered_ms: u64,
    /// The first answer.
    #[prost(message, optional, tag = "6")]
    pub reply: Option<Reply>,
}
