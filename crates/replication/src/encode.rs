//! Log ids, votes, memberships and entries in our own messages, so that no disk depends on openraft's serialisation.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use prost::{Message, Oneof};

use bascule_statemachine::codec::{self, CodecError};

use crate::raft;

/// Why bytes that storage returned are none of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// They do not decode.
    #[error("a stored {what} does not decode")]
    Codec {
        /// Log id, vote, membership or entry.
        what: &'static str,
        /// What the codec said.
        #[source]
        source: CodecError,
    },
    /// They decode into something that cannot be.
    #[error("a stored {what} is impossible: {why}")]
    Impossible {
        /// Log id, vote, membership or entry.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
}

impl From<EncodeError> for std::io::Error {
    fn from(error: EncodeError) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, error)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct LogId {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "2")]
    index: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct Vote {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "2")]
    node: u64,
    #[prost(bool, tag = "3")]
    committed: bool,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Peer {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(string, tag = "2")]
    address: String,
    #[prost(string, tag = "3")]
    zone: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Voters {
    #[prost(uint64, repeated, tag = "1")]
    ids: Vec<u64>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Membership {
    #[prost(message, repeated, tag = "1")]
    configs: Vec<Voters>,
    #[prost(message, repeated, tag = "2")]
    peers: Vec<Peer>,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct StoredMembership {
    #[prost(message, optional, tag = "1")]
    log_id: Option<LogId>,
    #[prost(message, optional, tag = "2")]
    membership: Option<Membership>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct Blank {}

#[derive(Clone, PartialEq, Eq, Message)]
struct Entry {
    #[prost(oneof = "Payload", tags = "1, 2, 3")]
    payload: Option<Payload>,
}

#[derive(Clone, PartialEq, Eq, Oneof)]
enum Payload {
    #[prost(message, tag = "1")]
    Blank(Blank),
    #[prost(bytes = "bytes", tag = "2")]
    Normal(Bytes),
    #[prost(message, tag = "3")]
    Membership(Membership),
}

fn read<M: Message + Default>(what: &'static str, bytes: &Bytes) -> Result<M, EncodeError> {
    codec::decode(bytes).map_err(|source| EncodeError::Codec { what, source })
}

/// Encodes a log id.
#[must_use]
pub fn log_id(id: &raft::LogId) -> Bytes {
    codec::encode(&wire_log_id(id))
}

/// Reads a log id.
///
/// # Errors
/// [`EncodeError`].
pub fn read_log_id(bytes: &Bytes) -> Result<raft::LogId, EncodeError> {
    read::<LogId>("log id", bytes).map(our_log_id)
}

/// Encodes a vote.
#[must_use]
pub fn vote(vote: &raft::Vote) -> Bytes {
    codec::encode(&Vote { term: vote.leader_id.term, node: vote.leader_id.voted_for, committed: vote.committed })
}

/// Reads a vote.
///
/// # Errors
/// [`EncodeError`].
pub fn read_vote(bytes: &Bytes) -> Result<raft::Vote, EncodeError> {
    let wire: Vote = read("vote", bytes)?;
    let vote = if wire.committed { raft::Vote::new_committed } else { raft::Vote::new };
    Ok(vote(wire.term, wire.node))
}

/// Encodes a membership and the log id that set it.
#[must_use]
pub fn stored_membership(stored: &raft::StoredMembership) -> Bytes {
    let log_id = stored.log_id().as_ref().map(wire_log_id);
    codec::encode(&StoredMembership { log_id, membership: Some(wire_membership(stored.membership())) })
}

/// Reads a membership; empty bytes are that of a group that has none yet.
///
/// # Errors
/// [`EncodeError`].
pub fn read_stored_membership(bytes: &Bytes) -> Result<raft::StoredMembership, EncodeError> {
    if bytes.is_empty() {
        return Ok(raft::StoredMembership::default());
    }
    let wire: StoredMembership = read("membership", bytes)?;
    let membership = our_membership(wire.membership.unwrap_or_default())?;
    Ok(raft::StoredMembership::new(wire.log_id.map(our_log_id), membership))
}

/// Whether storage need not seal what an entry carries.
#[must_use]
pub const fn is_clear(payload: &raft::Payload) -> bool {
    // A membership names addresses and zones, which are the operator's business: sealed like every command that is not clear.
    match payload {
        raft::Payload::Blank => true,
        raft::Payload::Normal(proposal) => proposal.clear,
        raft::Payload::Membership(_) => false,
    }
}

/// Encodes what an entry carries; its log id stands beside it in the log.
#[must_use]
pub fn payload(payload: &raft::Payload) -> Bytes {
    let payload = match payload {
        raft::Payload::Blank => Payload::Blank(Blank {}),
        raft::Payload::Normal(proposal) => Payload::Normal(proposal.bytes.clone()),
        raft::Payload::Membership(membership) => Payload::Membership(wire_membership(membership)),
    };
    codec::encode(&Entry { payload: Some(payload) })
}

/// Reads what an entry carries. `clear` says how storage kept it.
///
/// # Errors
/// [`EncodeError`].
pub fn read_payload(bytes: &Bytes, clear: bool) -> Result<raft::Payload, EncodeError> {
    match read::<Entry>("entry", bytes)?.payload {
        Some(Payload::Blank(Blank {})) => Ok(raft::Payload::Blank),
        Some(Payload::Normal(bytes)) => Ok(raft::Payload::Normal(raft::Proposal { bytes, clear })),
        Some(Payload::Membership(wire)) => our_membership(wire).map(raft::Payload::Membership),
        None => Err(EncodeError::Impossible { what: "entry", why: "it carries nothing".to_owned() }),
    }
}

fn wire_log_id(id: &raft::LogId) -> LogId {
    LogId { term: id.committed_leader_id().term, index: id.index() }
}

fn our_log_id(wire: LogId) -> raft::LogId {
    raft::LogId::new_term_index(wire.term, wire.index)
}

fn wire_membership(membership: &raft::Membership) -> Membership {
    let voters = |ids: &BTreeSet<u64>| Voters { ids: ids.iter().copied().collect() };
    let peer =
        |(id, peer): (&u64, &raft::Peer)| Peer { id: *id, address: peer.address.clone(), zone: peer.zone.clone() };
    Membership {
        configs: membership.get_joint_config().iter().map(voters).collect(),
        peers: membership.nodes().map(peer).collect(),
    }
}

fn our_membership(wire: Membership) -> Result<raft::Membership, EncodeError> {
    let configs: Vec<BTreeSet<u64>> = wire.configs.into_iter().map(|voters| voters.ids.into_iter().collect()).collect();
    let peer = |peer: Peer| (peer.id, raft::Peer { address: peer.address, zone: peer.zone });
    let peers: BTreeMap<u64, raft::Peer> = wire.peers.into_iter().map(peer).collect();
    if configs.is_empty() && peers.is_empty() {
        return Ok(raft::Membership::default());
    }
    raft::Membership::new(configs, peers)
        .map_err(|error| EncodeError::Impossible { what: "membership", why: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_reads_back() {
        let id = raft::LogId::new_term_index(3, 7);
        assert_eq!(read_log_id(&log_id(&id)).unwrap(), id);
        for vote_in in [raft::Vote::new(3, 9), raft::Vote::new_committed(4, 1)] {
            assert_eq!(read_vote(&vote(&vote_in)).unwrap(), vote_in);
        }
        let peer = |zone: &str| raft::Peer { address: format!("{zone}.example:6473"), zone: zone.to_owned() };
        let configs = vec![BTreeSet::from([1, 2]), BTreeSet::from([2, 3])];
        let peers = BTreeMap::from([(1, peer("a")), (2, peer("b")), (3, peer("c")), (4, peer("d"))]);
        let membership = raft::Membership::new(configs, peers).unwrap();
        for stored in [
            raft::StoredMembership::default(),
            raft::StoredMembership::new(Some(id), membership.clone()),
            raft::StoredMembership::new(
                None,
                raft::Membership::new(vec![BTreeSet::from([1])], BTreeMap::from([(1, peer("a"))])).unwrap(),
            ),
        ] {
            assert_eq!(read_stored_membership(&stored_membership(&stored)).unwrap(), stored);
        }
        let proposal = raft::Proposal { bytes: Bytes::from_static(b"command"), clear: true };
        for payload_in in [raft::Payload::Blank, raft::Payload::Normal(proposal), raft::Payload::Membership(membership)]
        {
            assert_eq!(read_payload(&payload(&payload_in), true).unwrap(), payload_in);
        }
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        assert!(matches!(read_log_id(&Bytes::new()), Err(EncodeError::Codec { source: CodecError::Empty, .. })));
        assert!(matches!(
            read_vote(&Bytes::from_static(&[2])),
            Err(EncodeError::Codec { source: CodecError::Newer(2), .. })
        ));
        assert!(matches!(
            read_payload(&Bytes::from_static(&[1]), false),
            Err(EncodeError::Impossible { what: "entry", .. })
        ));
    }
}
