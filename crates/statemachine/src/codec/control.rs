//! Messages of the control machine: its commands and its reply. Field numbers are for good.
//!
//! In: nothing but prost.
//! Out: messages here, rows in `rows`.
//! Never: a map, a float, or a number that was once something else.

mod command;
pub mod credentials;
mod membership;
mod organization;
mod outlets;
mod policies;
mod principals;
pub mod rows;

use std::fmt;

use bytes::Bytes;
use prost::{Enumeration, Message};

pub use command::{AccountEpoch, Command, Entry, Epochs, Kind};
pub use membership::{
    AdmitFirst, AdmitNode, AnnounceNode, Assign, Assignment, ChangeNode, CreateJoinToken, NodeFacts, NodeState,
};
pub use organization::{AccountNumber, CreateAccount, CreateUnit, MoveAccount, Organize, RenameUnit, UnitId};
pub use outlets::{Destination, Queue, UpdateDestination};
pub use policies::{
    AttachControlPolicy, CreatePolicy, CreatePolicyVersion, PolicyKind, PolicyName, PolicyVersion, PutResourcePolicy,
    ResourceKind, ResourceName,
};
pub use principals::{
    AccessKeyName, AttachPolicy, CreateAccessKey, CreateRole, CreateUser, DeleteInlinePolicy, Identity, IdentityKind,
    Principal, PrincipalKind, PutInlinePolicy, SetIdentities, TagPrincipal, UpdateAccessKey, UpdateRole, UpdateUser,
};

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
    /// The organisation. Absent in what was proposed before there was one; then `Organize` makes it.
    #[prost(message, optional, tag = "8")]
    pub organization: Option<Organize>,
    /// The first node, which has every group. Absent in what was proposed before nodes were written down; then `AdmitFirst` makes
    /// it.
    #[prost(message, optional, boxed, tag = "9")]
    pub first: Option<Box<AdmitFirst>>,
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
