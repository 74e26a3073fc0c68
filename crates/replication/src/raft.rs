//! Our concrete openraft types, named once.

use std::fmt;

use bytes::Bytes;
use openraft::impls::leader_id_std::LeaderId;
use openraft::vote::RaftLeaderId;

/// A command as the log carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The encoded entry of the control or shard machine.
    pub bytes: Bytes,
    /// Whether it holds nothing but uids, integers, MACs and sealed frames, so that storage need not seal it again.
    pub clear: bool,
}

impl fmt::Display for Proposal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} bytes", self.bytes.len())
    }
}

/// A member of a group: where its peers find it. The address is a hint, the id is what counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// `host:port` of its peer listener; empty for a node that is alone.
    pub address: String,
    /// The zone it stands in.
    pub zone: String,
}

openraft::declare_raft_types!(
    /// What every group of Bascule runs on: standard Raft with one leader a term.
    pub Types:
        D = Proposal,
        R = crate::machine::Answer,
        NodeId = u64,
        Node = Peer,
        LeaderId = LeaderId<u64, u64>,
        AsyncRuntime = crate::runtime::Runtime,
);

/// Who led when an entry was proposed: a term.
pub type CommittedLeader = <LeaderId<u64, u64> as RaftLeaderId>::Committed;
/// A place in a log.
pub type LogId = openraft::LogId<CommittedLeader>;
/// A vote.
pub type Vote = openraft::impls::Vote<LeaderId<u64, u64>>;
/// What an entry carries.
pub type Payload = openraft::EntryPayload<Proposal, u64, Peer>;
/// A log entry.
pub type Entry = openraft::Entry<CommittedLeader, Payload>;
/// Who belongs to a group.
pub type Membership = openraft::Membership<u64, Peer>;
/// Who belonged to it as of a log id.
pub type StoredMembership = openraft::StoredMembership<CommittedLeader, u64, Peer>;
/// What a snapshot says of itself.
pub type SnapshotMeta = openraft::storage::SnapshotMeta<CommittedLeader, u64, Peer>;
