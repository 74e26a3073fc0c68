//! Messages of the control machine: its commands and its reply. Field numbers are for good.
//!
//! In: nothing but prost.
//! Out: messages here, rows in `rows`.
//! Never: a map, a float, or a number that was once something else.

pub mod credentials;
mod outlets;
pub mod rows;

use std::fmt;

use bytes::Bytes;
use prost::{Enumeration, Message, Oneof};

pub use outlets::{Destination, Queue, UpdateDestination};

/// What one Raft entry of the control group carries.
#[derive(Clone, PartialEq, Message)]
pub struct Entry {
    /// Group time in milliseconds since the Unix epoch, stamped by the leader; apply never lets it go back.
    #[prost(uint64, tag = "1")]
    pub time_ms: u64,
    /// Zero, or the term whose leader proposed this; apply drops the entry if its own term differs.
    #[prost(uint64, tag = "2")]
    pub only_in_term: u64,
    /// The one command.
    #[prost(message, optional, tag = "3")]
    pub command: Option<Command>,
    /// The sealed audit record of the change; opaque here.
    #[prost(bytes = "bytes", tag = "4")]
    pub record: Bytes,
}

/// One command.
#[derive(Clone, PartialEq, Message)]
pub struct Command {
    /// Number of the account whose resource it is about.
    #[prost(uint64, tag = "1")]
    pub account: u64,
    /// The caller's id of the request, by which a repeat gets the first answer; empty for none.
    #[prost(string, tag = "2")]
    pub request_id: String,
    /// Sixteen bytes: hash of what the caller sent, before keys were drawn or secrets sealed. Empty: hash of the command.
    #[prost(bytes = "bytes", tag = "3")]
    pub content: Bytes,
    /// Zero, or the control index at which the caller saw the resource last change; otherwise a concurrent modification.
    /// It is about the rule for targets; creations pass it over.
    #[prost(uint64, tag = "4")]
    pub if_changed_at: u64,
    /// Which one; a missing one is a command of a later build and refused.
    #[prost(
        oneof = "Kind",
        tags = "16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38"
    )]
    pub kind: Option<Kind>,
}

/// The kinds of command, by number. The number is also the operation of `Requests`.
#[derive(Clone, PartialEq, Oneof)]
pub enum Kind {
    /// The cluster begins.
    #[prost(message, tag = "16")]
    Init(Init),
    /// A new bus.
    #[prost(message, tag = "17")]
    CreateBus(Bus),
    /// New settings of a bus.
    #[prost(message, tag = "18")]
    UpdateBus(UpdateBus),
    /// A bus goes, by name.
    #[prost(message, tag = "19")]
    DeleteBus(Named),
    /// A rule as a whole, new or not.
    #[prost(message, tag = "20")]
    PutRule(Rule),
    /// A rule is on.
    #[prost(message, tag = "21")]
    EnableRule(RuleName),
    /// A rule is off.
    #[prost(message, tag = "22")]
    DisableRule(RuleName),
    /// A rule goes.
    #[prost(message, tag = "23")]
    DeleteRule(RuleName),
    /// Targets of a rule, new or not.
    #[prost(message, tag = "24")]
    PutTargets(PutTargets),
    /// Targets go.
    #[prost(message, tag = "25")]
    RemoveTargets(RemoveTargets),
    /// A new connection.
    #[prost(message, tag = "26")]
    CreateConnection(Connection),
    /// New settings of a connection.
    #[prost(message, tag = "27")]
    UpdateConnection(UpdateConnection),
    /// A connection goes, by name.
    #[prost(message, tag = "28")]
    DeleteConnection(Named),
    /// A connection's secrets are wiped.
    #[prost(message, tag = "29")]
    DeauthorizeConnection(Named),
    /// A new API destination.
    #[prost(message, tag = "30")]
    CreateDestination(Destination),
    /// New settings of an API destination.
    #[prost(message, tag = "31")]
    UpdateDestination(UpdateDestination),
    /// An API destination goes, by name.
    #[prost(message, tag = "32")]
    DeleteDestination(Named),
    /// A new queue.
    #[prost(message, tag = "33")]
    CreateQueue(Queue),
    /// A queue goes, by name.
    #[prost(message, tag = "34")]
    DeleteQueue(Named),
    /// A group has applied a tombstone.
    #[prost(message, tag = "35")]
    ConfirmTombstone(ConfirmTombstone),
    /// A scheduled rule was due, and its event is put.
    #[prost(message, tag = "36")]
    Fired(Fired),
    /// Tags of a bus or rule come and go.
    #[prost(message, tag = "37")]
    Tag(Tag),
    /// Other quotas.
    #[prost(message, tag = "38")]
    UpdateQuotas(UpdateQuotas),
}

impl Kind {
    /// Its number in this register.
    #[must_use]
    pub const fn number(&self) -> u64 {
        match self {
            Self::Init(_) => 16,
            Self::CreateBus(_) => 17,
            Self::UpdateBus(_) => 18,
            Self::DeleteBus(_) => 19,
            Self::PutRule(_) => 20,
            Self::EnableRule(_) => 21,
            Self::DisableRule(_) => 22,
            Self::DeleteRule(_) => 23,
            Self::PutTargets(_) => 24,
            Self::RemoveTargets(_) => 25,
            Self::CreateConnection(_) => 26,
            Self::UpdateConnection(_) => 27,
            Self::DeleteConnection(_) => 28,
            Self::DeauthorizeConnection(_) => 29,
            Self::CreateDestination(_) => 30,
            Self::UpdateDestination(_) => 31,
            Self::DeleteDestination(_) => 32,
            Self::CreateQueue(_) => 33,
            Self::DeleteQueue(_) => 34,
            Self::ConfirmTombstone(_) => 35,
            Self::Fired(_) => 36,
            Self::Tag(_) => 37,
            Self::UpdateQuotas(_) => 38,
        }
    }
}

/// A wrapped data key.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DataKey {
    /// Sixteen bytes, drawn once and never used again.
    #[prost(bytes = "bytes", tag = "1")]
    pub key_id: Bytes,
    /// What the key provider made of it.
    #[prost(bytes = "bytes", tag = "2")]
    pub wrapped: Bytes,
}

/// The quotas; all of `model::limits::Quotas`.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Quotas {
    /// Buses of an account.
    #[prost(uint32, tag = "1")]
    pub account_buses: u32,
    /// Rules of a bus.
    #[prost(uint32, tag = "2")]
    pub bus_rules: u32,
    /// Targets of a rule.
    #[prost(uint32, tag = "3")]
    pub rule_targets: u32,
    /// Connections of an account.
    #[prost(uint32, tag = "4")]
    pub account_connections: u32,
    /// API destinations of an account.
    #[prost(uint32, tag = "5")]
    pub account_destinations: u32,
    /// Queues of an account.
    #[prost(uint32, tag = "6")]
    pub account_queues: u32,
    /// Characters of a pattern.
    #[prost(uint32, tag = "7")]
    pub pattern_chars: u32,
}

/// Other quotas; those that are absent stay.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct UpdateQuotas {
    /// Buses of an account.
    #[prost(uint32, optional, tag = "1")]
    pub account_buses: Option<u32>,
    /// Rules of a bus.
    #[prost(uint32, optional, tag = "2")]
    pub bus_rules: Option<u32>,
    /// Targets of a rule.
    #[prost(uint32, optional, tag = "3")]
    pub rule_targets: Option<u32>,
    /// Connections of an account.
    #[prost(uint32, optional, tag = "4")]
    pub account_connections: Option<u32>,
    /// API destinations of an account.
    #[prost(uint32, optional, tag = "5")]
    pub account_destinations: Option<u32>,
    /// Queues of an account.
    #[prost(uint32, optional, tag = "6")]
    pub account_queues: Option<u32>,
    /// Characters of a pattern.
    #[prost(uint32, optional, tag = "7")]
    pub pattern_chars: Option<u32>,
}

/// The cluster begins, with its default account's default bus.
#[derive(Clone, PartialEq, Message)]
pub struct Init {
    /// Sixteen bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub cluster_id: Bytes,
    /// The first incarnation, 16 bits.
    #[prost(uint32, tag = "2")]
    pub incarnation: u32,
    /// Partition of all ARNs.
    #[prost(string, tag = "3")]
    pub partition: String,
    /// Region of all ARNs.
    #[prost(string, tag = "4")]
    pub region: String,
    /// The shard groups, ascending; each confirms every tombstone.
    #[prost(uint32, repeated, tag = "5")]
    pub groups: Vec<u32>,
    /// Absent: EventBridge's.
    #[prost(message, optional, tag = "6")]
    pub quotas: Option<Quotas>,
    /// Of the default bus.
    #[prost(message, optional, tag = "7")]
    pub data_key: Option<DataKey>,
}

/// A resource of the command's account, by name.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Named {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// A new bus.
#[derive(Clone, PartialEq, Message)]
pub struct Bus {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Free text.
    #[prost(string, tag = "2")]
    pub description: String,
    /// Customer-managed key; empty for the cluster's own.
    #[prost(string, tag = "3")]
    pub key_identifier: String,
    /// ARN of its dead-letter queue, or empty.
    #[prost(string, tag = "4")]
    pub dead_letter: String,
    /// Its first data key.
    #[prost(message, optional, tag = "5")]
    pub data_key: Option<DataKey>,
    /// Its first tags, ascending by key.
    #[prost(message, repeated, tag = "6")]
    pub tags: Vec<Pair>,
}

/// New settings of a bus; what is absent stays.
#[derive(Clone, PartialEq, Message)]
pub struct UpdateBus {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Free text.
    #[prost(string, optional, tag = "2")]
    pub description: Option<String>,
    /// Customer-managed key; empty for the cluster's own.
    #[prost(string, optional, tag = "3")]
    pub key_identifier: Option<String>,
    /// ARN of its dead-letter queue, or empty for none.
    #[prost(string, optional, tag = "4")]
    pub dead_letter: Option<String>,
    /// A new data key; the ones before stay for what they sealed.
    #[prost(message, optional, tag = "5")]
    pub data_key: Option<DataKey>,
}

/// Whether a rule is on, as `model::rule::RuleState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum RuleState {
    /// Never written.
    Unspecified = 0,
    /// On.
    Enabled = 1,
    /// Off.
    Disabled = 2,
    /// On, for read-only management events too.
    EnabledWithAllManagementEvents = 3,
}

/// A rule as a whole.
#[derive(Clone, PartialEq, Message)]
pub struct Rule {
    /// Name of its bus.
    #[prost(string, tag = "1")]
    pub bus: String,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Event pattern, JSON, already compiled once; or empty.
    #[prost(string, tag = "3")]
    pub pattern: String,
    /// Schedule, already parsed once; or empty.
    #[prost(string, tag = "4")]
    pub schedule: String,
    /// Whether it is on.
    #[prost(enumeration = "RuleState", tag = "5")]
    pub state: i32,
    /// Free text.
    #[prost(string, tag = "6")]
    pub description: String,
    /// ARN of its role, or empty.
    #[prost(string, tag = "7")]
    pub role: String,
    /// Tags of a new rule, ascending by key; one that is there keeps its own.
    #[prost(message, repeated, tag = "8")]
    pub tags: Vec<Pair>,
}

/// Tags of a bus, or of a rule on it.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Tag {
    /// The bus's name.
    #[prost(string, tag = "1")]
    pub bus: String,
    /// The rule's, or empty for the bus itself.
    #[prost(string, tag = "2")]
    pub rule: String,
    /// Tags that are set, ascending by key.
    #[prost(message, repeated, tag = "3")]
    pub set: Vec<Pair>,
    /// Keys of tags that go.
    #[prost(string, repeated, tag = "4")]
    pub remove: Vec<String>,
}

/// A rule by name.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RuleName {
    /// Name of its bus.
    #[prost(string, tag = "1")]
    pub bus: String,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
}

/// A name and a value.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Pair {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A target as its owner describes it.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Target {
    /// Its id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Its ARN.
    #[prost(string, tag = "2")]
    pub arn: String,
    /// ARN of its role, or empty for the rule's.
    #[prost(string, tag = "3")]
    pub role: String,
    /// Constant input.
    #[prost(string, optional, tag = "4")]
    pub input: Option<String>,
    /// Path into the event.
    #[prost(string, optional, tag = "5")]
    pub input_path: Option<String>,
    /// Variables and paths of the transformer, ascending by name.
    #[prost(message, repeated, tag = "6")]
    pub input_paths: Vec<Pair>,
    /// Template of the transformer.
    #[prost(string, optional, tag = "7")]
    pub template: Option<String>,
    /// Retries, 0 to 185.
    #[prost(uint32, tag = "8")]
    pub retry_attempts: u32,
    /// Seconds, 60 to 86,400.
    #[prost(uint32, tag = "9")]
    pub retry_age_s: u32,
    /// ARN of its dead-letter queue, or empty.
    #[prost(string, tag = "10")]
    pub dead_letter: String,
    /// For the `*`s of an endpoint.
    #[prost(string, repeated, tag = "11")]
    pub path_values: Vec<String>,
    /// Added headers.
    #[prost(message, repeated, tag = "12")]
    pub headers: Vec<Pair>,
    /// Added query parameters.
    #[prost(message, repeated, tag = "13")]
    pub query: Vec<Pair>,
}

/// Adds targets to a rule, or replaces those with the same ids.
#[derive(Clone, PartialEq, Message)]
pub struct PutTargets {
    /// The rule.
    #[prost(message, optional, tag = "1")]
    pub rule: Option<RuleName>,
    /// The targets, ids distinct, 1 to 10.
    #[prost(message, repeated, tag = "2")]
    pub targets: Vec<Target>,
}

/// Takes targets from a rule.
#[derive(Clone, PartialEq, Message)]
pub struct RemoveTargets {
    /// The rule.
    #[prost(message, optional, tag = "1")]
    pub rule: Option<RuleName>,
    /// The ids, distinct, 1 to 10.
    #[prost(string, repeated, tag = "2")]
    pub ids: Vec<String>,
}

/// How a connection authenticates, as `model::connection::AuthKind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum AuthKind {
    /// Never written.
    Unspecified = 0,
    /// A header with a key.
    ApiKey = 1,
    /// HTTP basic.
    Basic = 2,
    /// OAuth 2 client credentials.
    Oauth = 3,
    /// Standard Webhooks signatures.
    Signing = 4,
}

/// What a connection authenticates with.
#[derive(Clone, PartialEq, Eq, Message)]
#[prost(skip_debug)]
pub struct Auth {
    /// How.
    #[prost(enumeration = "AuthKind", tag = "1")]
    pub kind: i32,
    /// What may be shown to who describes the connection: [`credentials::Credentials`] without secrets, encoded.
    #[prost(bytes = "bytes", tag = "2")]
    pub shown: Bytes,
    /// The same with them, encoded: nothing here looks inside, and it is never shown.
    #[prost(bytes = "bytes", tag = "3")]
    pub secret: Bytes,
}

impl fmt::Debug for Auth {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Auth {{ kind: {}, secret: [hidden] }}", self.kind)
    }
}

/// A new connection.
#[derive(Clone, PartialEq, Message)]
pub struct Connection {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Free text.
    #[prost(string, tag = "2")]
    pub description: String,
    /// What it authenticates with.
    #[prost(message, optional, tag = "3")]
    pub auth: Option<Auth>,
}

/// New settings of a connection; what is absent stays.
#[derive(Clone, PartialEq, Message)]
pub struct UpdateConnection {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Free text.
    #[prost(string, optional, tag = "2")]
    pub description: Option<String>,
    /// What it authenticates with; authorises it again.
    #[prost(message, optional, tag = "3")]
    pub auth: Option<Auth>,
}

/// A group has applied a tombstone.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ConfirmTombstone {
    /// Of what.
    #[prost(uint64, tag = "1")]
    pub uid: u64,
    /// Which group.
    #[prost(uint32, tag = "2")]
    pub group: u32,
}

/// A scheduled rule's event of one due time is put, or nothing wanted it.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Fired {
    /// The rule's name.
    #[prost(message, optional, tag = "1")]
    pub rule: Option<RuleName>,
    /// Its uid: a rule that came since under the same name has its own times.
    #[prost(uint64, tag = "2")]
    pub uid: u64,
    /// When it was due, milliseconds.
    #[prost(uint64, tag = "3")]
    pub due_ms: u64,
}

/// A fault: a number of `control::reply`'s register, and its texts and numbers in order.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Fault {
    /// Which.
    #[prost(uint32, tag = "1")]
    pub number: u32,
    /// Number of its kind, or zero.
    #[prost(uint32, tag = "2")]
    pub kind: u32,
    /// Its texts.
    #[prost(string, repeated, tag = "3")]
    pub texts: Vec<String>,
    /// Its numbers.
    #[prost(uint64, repeated, tag = "4")]
    pub numbers: Vec<u64>,
}

/// A target that was refused while others of its call went on.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Failed {
    /// Its id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Why.
    #[prost(message, optional, tag = "2")]
    pub fault: Option<Fault>,
}

/// The answer to a command.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Reply {
    /// Where the change, or the refusal, stands.
    #[prost(uint64, tag = "1")]
    pub index: u64,
    /// Uid of what the command is about; zero if there is none.
    #[prost(uint64, tag = "2")]
    pub uid: u64,
    /// Refused targets.
    #[prost(message, repeated, tag = "3")]
    pub failed: Vec<Failed>,
    /// Present: refused as a whole.
    #[prost(message, optional, tag = "4")]
    pub fault: Option<Fault>,
    /// The entry was another term's and dropped: nothing is known of its outcome but that it changed nothing.
    #[prost(bool, tag = "5")]
    pub dropped: bool,
}
