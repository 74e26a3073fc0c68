//! Who belongs to a group, how far each is, and the single steps by which that changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use openraft::async_runtime::WatchReceiver;
use openraft::errors::{ClientWriteError, RaftError};
use openraft::{ChangeMembers, Instant, ServerState};

use bascule_model::uid::NodeId;
use bascule_statemachine::ports::propose::ProposeError;

use crate::group::Group;
use crate::limits::CAUGHT_UP_LIMIT_ENTRIES;
use crate::machine::Machine;
use crate::raft::{LogId, Peer, Types};

/// Who belongs to a group, as the node that is asked knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Members {
    /// Those that vote, in each of the configurations in force: two while they change.
    pub voters: Vec<BTreeSet<NodeId>>,
    /// Those that only follow.
    pub learners: BTreeSet<NodeId>,
}

impl Members {
    /// Whether a change is under way.
    #[must_use]
    pub fn is_joint(&self) -> bool {
        self.voters.len() > 1
    }

    /// Whether the node is the only voter.
    #[must_use]
    pub fn is_alone(&self, node: NodeId) -> bool {
        !self.voters.is_empty() && self.voters.iter().all(|voters| voters.len() == 1 && voters.contains(&node))
    }

    /// Whether the node has the group's log.
    #[must_use]
    pub fn has(&self, node: NodeId) -> bool {
        self.learners.contains(&node) || self.voters.iter().any(|voters| voters.contains(&node))
    }
}

/// One node's part of a group, as the leader knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replica {
    /// The node.
    pub node: NodeId,
    /// The last entry that it is known to have on disk.
    pub matched: u64,
    /// Whether it has a vote.
    pub votes: bool,
    /// Entries that it lacks; `None` if nothing of it was ever confirmed.
    pub lag_entries: Option<u64>,
    /// Whether it answered within a lease, and lags by no more than what is on its way.
    pub caught_up: bool,
}

/// Where a group stands at this node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// The term.
    pub term: u64,
    /// The last entry of the log.
    pub last: u64,
    /// What is committed.
    pub committed: u64,
    /// What is applied.
    pub applied: u64,
    /// What is flushed, so that the log before it may go.
    pub snapshot: u64,
    /// What has gone from the log.
    pub purged: u64,
}

/// What a node is in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It has no replica.
    Absent,
    /// It follows without a vote.
    Learner,
    /// It follows.
    Follower,
    /// It stands for election.
    Candidate,
    /// It leads.
    Leader,
    /// The group has stopped here.
    Stopped,
}

impl Role {
    /// Its name, as figures have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Learner => "learner",
            Self::Follower => "follower",
            Self::Candidate => "candidate",
            Self::Leader => "leader",
            Self::Stopped => "stopped",
        }
    }
}

impl<M: Machine> Group<M> {
    /// Who belongs to it, as of the last membership in this node's log.
    #[must_use]
    pub fn members(&self) -> Members {
        let metrics = self.raft.metrics();
        let now = metrics.borrow_watched();
        let membership = now.membership_config.membership();
        let of = |ids: &BTreeSet<u64>| ids.iter().copied().map(NodeId).collect();
        Members {
            voters: membership.get_joint_config().iter().map(of).collect(),
            learners: membership.learner_ids().map(NodeId).collect(),
        }
    }

    /// Where a member was when it became one.
    #[must_use]
    pub fn address(&self, node: NodeId) -> Option<String> {
        let metrics = self.raft.metrics();
        let now = metrics.borrow_watched();
        let peer = now.membership_config.membership().get_node(&node.0)?;
        Some(peer.address.clone()).filter(|address| !address.is_empty())
    }

    /// Where it stands here.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let metrics = self.raft.metrics();
        let now = metrics.borrow_watched();
        let index = |id: &Option<LogId>| id.as_ref().map_or(0, LogId::index);
        Standing {
            term: now.current_term,
            last: now.last_log_index.unwrap_or_default(),
            committed: index(&now.cluster_committed),
            applied: index(&now.last_applied),
            snapshot: index(&now.snapshot),
            purged: index(&now.purged),
        }
    }

    /// What this node is in it.
    #[must_use]
    pub fn role(&self) -> Role {
        let metrics = self.raft.metrics();
        let now = metrics.borrow_watched();
        match now.state {
            _ if now.running_state.is_err() => Role::Stopped,
            ServerState::Learner if now.membership_config.membership().get_node(&now.id).is_none() => Role::Absent,
            ServerState::Learner => Role::Learner,
            ServerState::Follower => Role::Follower,
            ServerState::Candidate => Role::Candidate,
            ServerState::Leader => Role::Leader,
            ServerState::Shutdown => Role::Stopped,
        }
    }

    /// How far everybody is, this node included, if it leads; ascending.
    #[must_use]
    pub fn replicas(&self) -> Vec<Replica> {
        let metrics = self.raft.metrics();
        let now = metrics.borrow_watched();
        let last = now.last_log_index.unwrap_or_default();
        let voters: BTreeSet<u64> = now.membership_config.membership().voter_ids().collect();
        let lease = self.lease();
        let answers = |node: &u64| {
            let heard = now.heartbeat.as_ref().and_then(|heard| heard.get(node).copied().flatten());
            *node == now.id || heard.is_some_and(|at| at.elapsed() < lease)
        };
        let replica = |(node, matched): (&u64, &Option<LogId>)| {
            let lag_entries = matched.as_ref().map(|matched| last.saturating_sub(matched.index()));
            Replica {
                node: NodeId(*node),
                matched: matched.as_ref().map_or(0, LogId::index),
                votes: voters.contains(node),
                lag_entries,
                caught_up: answers(node) && lag_entries.is_some_and(|lag| lag <= CAUGHT_UP_LIMIT_ENTRIES),
            }
        };
        now.replication.iter().flatten().map(replica).collect()
    }

    /// Takes a node in that only follows. It is not waited for.
    ///
    /// # Errors
    /// [`ProposeError`].
    pub async fn add_learner(&self, node: NodeId, peer: Peer) -> Result<(), ProposeError> {
        self.reshape(ChangeMembers::AddNodes(BTreeMap::from([(node.0, peer)]))).await
    }

    /// Lets exactly these vote. Each must follow already; who votes no more goes on following.
    ///
    /// # Errors
    /// [`ProposeError`].
    pub async fn set_voters(&self, voters: &BTreeSet<NodeId>) -> Result<(), ProposeError> {
        self.reshape(ChangeMembers::ReplaceAllVoters(voters.iter().map(|node| node.0).collect())).await
    }

    /// Lets a node go that only follows.
    ///
    /// # Errors
    /// [`ProposeError`].
    pub async fn remove_learner(&self, node: NodeId) -> Result<(), ProposeError> {
        self.reshape(ChangeMembers::RemoveNodes(BTreeSet::from([node.0]))).await
    }

    /// Asks a voter to lead. It does so at once, if its log is whole. Either way this node holds the lead of this term no more.
    ///
    /// # Errors
    /// [`ProposeError::Unknown`] when the group has stopped.
    pub async fn hand_over(&self, to: NodeId) -> Result<(), ProposeError> {
        let stopped =
            |fatal: openraft::errors::Fatal<Types>| ProposeError::Unknown { group: self.id, why: fatal.to_string() };
        if let Some(term) = self.term() {
            // Before anybody is asked: from then on a quorum's word of a moment ago says nothing.
            self.offered.store(term, Ordering::Release);
        }
        self.raft.trigger().transfer_leader(to.0).await.map_err(stopped)
    }

    async fn reshape(&self, change: ChangeMembers<u64, Peer>) -> Result<(), ProposeError> {
        let group = self.id;
        match self.raft.change_membership(change, true).await {
            Ok(_) => Ok(()),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(to))) => {
                Err(ProposeError::NotLeading { group, leader: to.leader_id.map(NodeId) })
            }
            Err(error) => Err(ProposeError::Unknown { group, why: error.to_string() }),
        }
    }
}
