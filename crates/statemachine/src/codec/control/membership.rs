//! Nodes, join tokens and assignments as commands have them.

use bytes::Bytes;
use prost::{Enumeration, Message};

/// Where a node stands in its life. States follow each other as `control::membership` says; `Gone` is the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum NodeState {
    /// Never written.
    Unspecified = 0,
    /// It has an id and a certificate, and is not counted on yet.
    Joining = 1,
    /// It has replicas and leads.
    Active = 2,
    /// It keeps its replicas and leads nothing.
    Draining = 3,
    /// It gives its replicas up.
    Leaving = 4,
    /// It is no member any more, and its id is nobody's.
    Gone = 5,
}

/// What a node says of itself.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct NodeFacts {
    /// Where its peers find it, `host:port`.
    #[prost(string, tag = "1")]
    pub address: String,
    /// Where its callers find it, `host:port`.
    #[prost(string, tag = "2")]
    pub api_address: String,
    /// DNS names and addresses of its certificate.
    #[prost(string, repeated, tag = "3")]
    pub names: Vec<String>,
    /// Its build, for people.
    #[prost(string, tag = "4")]
    pub build: String,
    /// The format of logs, tables and commands that it reads and writes.
    #[prost(uint32, tag = "5")]
    pub format: u32,
    /// Serial number of its certificate among peers, big endian; empty while it does not know.
    #[prost(bytes = "bytes", tag = "6")]
    pub serial: Bytes,
}

/// A new join token.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct CreateJoinToken {
    /// Its id, drawn outside.
    #[prost(string, tag = "1")]
    pub id: String,
    /// `control::secret_hash` of its secret.
    #[prost(bytes = "bytes", tag = "2")]
    pub secret_hash: Bytes,
    /// For how long it is good, milliseconds of group time.
    #[prost(uint64, tag = "3")]
    pub life_ms: u64,
    /// The only zone in which its node may stand; empty for any.
    #[prost(string, tag = "4")]
    pub zone: String,
}

/// A node joins.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AdmitNode {
    /// Id of its token.
    #[prost(string, tag = "1")]
    pub token: String,
    /// `control::secret_hash` of the secret that it showed.
    #[prost(bytes = "bytes", tag = "2")]
    pub secret_hash: Bytes,
    /// Its zone.
    #[prost(string, tag = "3")]
    pub zone: String,
    /// The rest of it.
    #[prost(message, optional, tag = "4")]
    pub facts: Option<NodeFacts>,
}

/// The first node.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AdmitFirst {
    /// Its id.
    #[prost(uint64, tag = "1")]
    pub node: u64,
    /// Its zone.
    #[prost(string, tag = "2")]
    pub zone: String,
    /// The rest of it.
    #[prost(message, optional, tag = "3")]
    pub facts: Option<NodeFacts>,
}

/// A node says what it is now.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AnnounceNode {
    /// Its id.
    #[prost(uint64, tag = "1")]
    pub node: u64,
    /// What it is.
    #[prost(message, optional, tag = "2")]
    pub facts: Option<NodeFacts>,
}

/// Another state of a node.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ChangeNode {
    /// Its id.
    #[prost(uint64, tag = "1")]
    pub node: u64,
    /// The state.
    #[prost(enumeration = "NodeState", tag = "2")]
    pub state: i32,
}

/// The nodes that are to have a group.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Assignment {
    /// The group.
    #[prost(uint32, tag = "1")]
    pub group: u32,
    /// Who votes; the first is to lead.
    #[prost(uint64, repeated, tag = "2")]
    pub voters: Vec<u64>,
    /// Who only follows, ascending.
    #[prost(uint64, repeated, tag = "3")]
    pub learners: Vec<u64>,
}

/// Other assignments; groups that are not named keep theirs. `Command::if_changed_at` must be the placement index that the plan
/// was made at.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Assign {
    /// The assignments, ascending by group.
    #[prost(message, repeated, tag = "1")]
    pub assignments: Vec<Assignment>,
}
