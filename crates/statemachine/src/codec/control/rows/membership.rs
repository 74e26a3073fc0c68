//! Rows of nodes, join tokens and assignments.

use bytes::Bytes;
use prost::Message;

use crate::codec::control::{Assignment, NodeFacts};

/// Row of `Nodes`. It stays when the node is gone: an id is never used again.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct NodeRow {
    /// Its id.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Its zone, for good.
    #[prost(string, tag = "2")]
    pub zone: String,
    /// Its state.
    #[prost(enumeration = "crate::codec::control::NodeState", tag = "3")]
    pub state: i32,
    /// What it last said of itself.
    #[prost(message, optional, tag = "4")]
    pub facts: Option<NodeFacts>,
    /// When it was admitted, group time.
    #[prost(uint64, tag = "5")]
    pub joined_ms: u64,
    /// When its state last changed, group time.
    #[prost(uint64, tag = "6")]
    pub changed_ms: u64,
    /// Control index of that change; what it says of itself does not move it.
    #[prost(uint64, tag = "7")]
    pub changed_at: u64,
}

/// Row of `JoinTokens`.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct JoinTokenRow {
    /// Its uid.
    #[prost(uint64, tag = "1")]
    pub uid: u64,
    /// Its id.
    #[prost(string, tag = "2")]
    pub id: String,
    /// `control::secret_hash` of its secret.
    #[prost(bytes = "bytes", tag = "3")]
    pub secret_hash: Bytes,
    /// The only zone in which its node may stand; empty for any.
    #[prost(string, tag = "4")]
    pub zone: String,
    /// When it was created, group time.
    #[prost(uint64, tag = "5")]
    pub created_ms: u64,
    /// From when it is no good, group time.
    #[prost(uint64, tag = "6")]
    pub expires_ms: u64,
    /// The node that it admitted; zero for none yet.
    #[prost(uint64, tag = "7")]
    pub used_by: u64,
}

/// Row of `Assignments`.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AssignmentRow {
    /// The assignment, its group too.
    #[prost(message, optional, tag = "1")]
    pub assignment: Option<Assignment>,
    /// Control index of its last change.
    #[prost(uint64, tag = "2")]
    pub changed_at: u64,
}
