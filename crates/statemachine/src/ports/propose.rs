//! The port through which commands enter a group's log.
//!
//! In: commands.
//! Out: the machines' replies, or why there are none; the form of changes and errors between nodes.
//! Never: an error that says that nothing was written, made of one that does not.

pub(crate) mod wire;

use bascule_model::ambient::Pending;
use bascule_model::time::Millis;
use bascule_model::uid::{GroupId, NodeId};

use crate::codec::control;
use crate::codec::shard;
use crate::control::reply::Reply as ControlReply;
use crate::shard::reply::Reply as ShardReply;

/// Why a proposal has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Nothing was written: another node leads, or another term than was asked for.
    #[error("{group} is not led here{}", leader.map(|NodeId(id)| format!(", but by node {id}")).unwrap_or_default())]
    NotLeading {
        /// The group.
        group: GroupId,
        /// Who leads, if that is known.
        leader: Option<NodeId>,
    },
    /// Nothing was written: the group has as many bytes waiting as it may.
    #[error("{group} has {waiting_bytes} bytes waiting, the limit is {limit_bytes}")]
    Busy {
        /// The group.
        group: GroupId,
        /// What waits already.
        waiting_bytes: usize,
        /// What may wait.
        limit_bytes: usize,
    },
    /// Nothing was written: one command alone is larger than an entry may be.
    #[error("a command of {bytes} bytes for {group} is larger than {limit_bytes}")]
    TooLarge {
        /// The group.
        group: GroupId,
        /// Its size.
        bytes: usize,
        /// The size of an entry.
        limit_bytes: usize,
    },
    /// It may have been written or not. It must not be written again without a way to tell.
    #[error("whether {group} took the proposal is unknown: {why}")]
    Unknown {
        /// The group.
        group: GroupId,
        /// What is known.
        why: String,
    },
}

impl ProposeError {
    /// Whether it is certain that nothing was written.
    #[must_use]
    pub const fn nothing_written(&self) -> bool {
        !matches!(self, Self::Unknown { .. })
    }
}

/// A shard group that this node leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Led {
    /// The group.
    pub group: GroupId,
    /// The term of its lead.
    pub term: u64,
    /// Bytes of commands that wait for their entry.
    pub waiting_bytes: usize,
    /// Bytes that may wait.
    pub limit_bytes: usize,
}

/// Writes commands to the logs of groups and gives the machines' answers, once they are durable and applied at their leader,
/// wherever that is. Nothing is written twice: where it is unknown whether something was, the answer says so.
///
/// Commands to one group by one caller are applied in the order of the calls; those of several callers share entries.
pub trait Propose: Send + Sync {
    /// Proposes a change of the control group. While nobody leads it, this waits for an election.
    fn control(&self, change: Change) -> Pending<'_, Result<ControlReply, ProposeError>>;

    /// What a change of the control group would be answered now, after everything that was committed before the call. Nothing
    /// is written.
    fn rehearse(&self, change: Change) -> Pending<'_, Result<ControlReply, ProposeError>>;

    /// Proposes commands to a shard group, all in one entry; one answer each. It waits for no election: another group may have a
    /// leader now.
    fn shard(
        &self,
        group: GroupId,
        only_in_term: Option<u64>,
        commands: Vec<shard::Command>,
    ) -> Pending<'_, Result<Vec<ShardReply>, ProposeError>>;

    /// The shard groups that this node leads now, ascending.
    fn led(&self) -> Vec<Led>;

    /// The shard groups that another node is known to lead, ascending: a proposal to one of them goes there.
    fn elsewhere(&self) -> Vec<GroupId>;

    /// Whether this node leads the group in that term and a quorum confirmed it within the lease, so that nobody else leads it now.
    fn holds(&self, group: GroupId, term: u64) -> bool;

    /// Group time: what this node, leading the group in that term, would stamp on an entry now. Whatever is due in a group is due by it:
    /// it never goes back, no clock that is set wrong moves it, and the next leader's goes on from it.
    fn time(&self, group: GroupId, term: u64) -> Millis;

    /// The term in which this node leads the control group, if it does.
    fn control_term(&self) -> Option<u64>;

    /// Waits until everything committed in the control group before the call is applied here; gives the index of its log.
    fn control_barrier(&self) -> Pending<'_, Result<u64, ProposeError>>;
}

/// A change of the control group.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The command.
    pub command: control::Command,
    /// Its sealed audit record; empty until there is an audit.
    pub record: bytes::Bytes,
    /// Present: dropped by every term but this one.
    pub only_in_term: Option<u64>,
}
