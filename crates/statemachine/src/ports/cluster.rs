//! The port to the cluster as operators see it: how groups and nodes stand, and what a change of nodes would move.

use std::collections::BTreeSet;
use std::fmt;

use bascule_model::ambient::Pending;
use bascule_model::time::Millis;
use bascule_model::uid::{GroupId, NodeId};

use crate::codec::control as wire;
use crate::codec::control::NodeState;
use crate::ports::ask::AskError;

/// Which nodes a group is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The group.
    pub group: GroupId,
    /// Who votes: 1, 3 or 5 nodes. The first is to lead.
    pub voters: Vec<NodeId>,
    /// Who only follows.
    pub learners: BTreeSet<NodeId>,
}

impl Assignment {
    /// Reads its message.
    #[must_use]
    pub fn of(message: &wire::Assignment) -> Self {
        Self {
            group: GroupId(message.group),
            voters: message.voters.iter().copied().map(NodeId).collect(),
            learners: message.learners.iter().copied().map(NodeId).collect(),
        }
    }

    /// Its message.
    #[must_use]
    pub fn to_wire(&self) -> wire::Assignment {
        wire::Assignment {
            group: self.group.0,
            voters: self.voters.iter().map(|node| node.0).collect(),
            learners: self.learners.iter().map(|node| node.0).collect(),
        }
    }

    /// Whether the node is to have a replica.
    #[must_use]
    pub fn names(&self, node: NodeId) -> bool {
        self.voters.contains(&node) || self.learners.contains(&node)
    }
}

/// One thing to do with one group, and then to look again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// The node begins to follow, without a vote.
    AddLearner(NodeId),
    /// These vote, by joint consensus; who voted before and is not among them follows on.
    ChangeVoters(BTreeSet<NodeId>),
    /// The node, which has no vote, follows no more.
    RemoveLearner(NodeId),
    /// The node, which votes, is to lead.
    TransferLeader(NodeId),
}

/// An action and its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The group.
    pub group: GroupId,
    /// The action.
    pub action: Action,
}

/// What is to change, and how. Empty if everything is as it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Assignments of the groups that get another one, ascending by group.
    pub assignments: Vec<Assignment>,
    /// What is to be done, those of one group in order.
    pub steps: Vec<Step>,
}

/// What a plan is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The nodes as they are.
    Nothing,
    /// The nodes as they would be with one of them in another state.
    State {
        /// The node.
        node: NodeId,
        /// The state.
        state: NodeState,
    },
}

/// A replica of a group, as the group's leader sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replica {
    /// The node that has it.
    pub node: NodeId,
    /// Whether it votes.
    pub votes: bool,
    /// Entries of the leader's log that it has not confirmed; `None` if the leader has heard nothing of it.
    pub lag_entries: Option<u64>,
    /// Whether it answers, and lags by no more than what is on its way.
    pub caught_up: bool,
}

/// A group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupStatus {
    /// Who leads; `None` if nobody who was asked knows. Then the rest is of whoever knew last, or empty.
    pub leader: Option<NodeId>,
    /// The term.
    pub term: u64,
    /// The last committed index.
    pub committed: u64,
    /// The last index that the leader has applied.
    pub applied: u64,
    /// The replicas there are, ascending by node.
    pub replicas: Vec<Replica>,
}

/// A node, as seen from the node that was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeStatus {
    /// Whether it can be reached now; the node that was asked reaches itself.
    pub reachable: bool,
    /// For how long nothing was heard of it, milliseconds; `None` if nothing ever was.
    pub silent_ms: Option<u64>,
    /// By how much its clock is ahead of this node's, milliseconds; `None` if it never said.
    pub clock_ahead_ms: Option<i64>,
    /// Its build, as it last said; empty if it never did.
    pub build: String,
    /// When its process began, by its own clock, as it last said.
    pub began: Option<Millis>,
}

/// Everything, as far as the node that was asked could find out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The node that was asked.
    pub seen_from: NodeId,
    /// Every group, ascending.
    pub groups: Vec<(GroupId, GroupStatus)>,
    /// Every node that is not gone, ascending.
    pub nodes: Vec<(NodeId, NodeStatus)>,
}

/// Why a node should not be stopped now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// A group has no leader already.
    NoLeader(GroupId),
    /// The node leads a group: it should be drained first.
    Leads(GroupId),
    /// Without the node a group could commit nothing.
    NoQuorum {
        /// The group.
        group: GroupId,
        /// Voters that would be left and have what the leader has.
        left: usize,
        /// Voters that it needs.
        needed: usize,
    },
}

impl fmt::Display for Obstacle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLeader(group) => write!(out, "{group} has no leader"),
            Self::Leads(group) => write!(out, "it leads {group}"),
            Self::NoQuorum { group, left, needed } => {
                write!(out, "{group} would be left with `{left}` voters that are caught up, and needs {needed}")
            }
        }
    }
}

impl GroupStatus {
    fn voters(&self) -> impl Iterator<Item = &Replica> {
        self.replicas.iter().filter(|replica| replica.votes)
    }

    /// How many voters must agree.
    #[must_use]
    pub fn quorum(&self) -> usize {
        self.voters().count() / 2 + 1
    }

    /// How many of the voters that are caught up may fail before the group stops. Negative, if it stands already.
    #[must_use]
    pub fn margin(&self) -> i64 {
        let whole = self.voters().filter(|replica| replica.caught_up).count();
        i64::try_from(whole).unwrap_or(i64::MAX) - i64::try_from(self.quorum()).unwrap_or_default()
    }
}

impl Status {
    /// How many groups a node leads.
    #[must_use]
    pub fn led(&self, node: NodeId) -> usize {
        self.groups.iter().filter(|(_, group)| group.leader == Some(node)).count()
    }

    /// Why the node should not be stopped now; empty if it may be.
    #[must_use]
    pub fn obstacles(&self, node: NodeId) -> Vec<Obstacle> {
        let mut obstacles = Vec::new();
        for (group, status) in &self.groups {
            let group = *group;
            match status.leader {
                None => obstacles.push(Obstacle::NoLeader(group)),
                Some(leader) if leader == node => obstacles.push(Obstacle::Leads(group)),
                Some(_) => {}
            }
            let left = status.voters().filter(|replica| replica.caught_up && replica.node != node).count();
            let (votes, needed) = (status.voters().any(|replica| replica.node == node), status.quorum());
            if votes && left < needed {
                obstacles.push(Obstacle::NoQuorum { group, left, needed });
            }
        }
        obstacles
    }
}

/// Sees and moves groups over all nodes.
pub trait Cluster: Send + Sync {
    /// How everything stands. Nodes that do not answer are in it as such; that is no error.
    fn status(&self) -> Pending<'_, Result<Status, AskError>>;

    /// What a change would move, by the control group as it is now. Nothing is written.
    fn plan(&self, change: Change) -> Pending<'_, Result<Plan, AskError>>;

    /// Asks a group's leader to let `to` lead, and returns when that has begun. Whoever is to lead by the group's assignment may
    /// get it back later.
    fn hand_over(&self, group: GroupId, to: NodeId) -> Pending<'_, Result<(), AskError>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(leader: Option<u64>, replicas: &[(u64, bool, bool)]) -> GroupStatus {
        let replica = |(node, votes, caught_up): &(u64, bool, bool)| Replica {
            node: NodeId(*node),
            votes: *votes,
            lag_entries: Some(0),
            caught_up: *caught_up,
        };
        let replicas = replicas.iter().map(replica).collect();
        GroupStatus { leader: leader.map(NodeId), replicas, ..GroupStatus::default() }
    }

    #[test]
    fn a_node_may_stop_where_the_others_are_enough() {
        let (yes, no) = (true, false);
        let no_quorum = |left, needed| Obstacle::NoQuorum { group: GroupId(7), left, needed };
        for (leader, replicas, margin, obstacles) in [
            (Some(2), &[(1, yes, yes), (2, yes, yes), (3, yes, yes)][..], 1, vec![]),
            (Some(1), &[(1, yes, yes), (2, yes, yes), (3, yes, yes)], 1, vec![Obstacle::Leads(GroupId(7))]),
            (Some(2), &[(1, yes, yes), (2, yes, yes), (3, yes, no)], 0, vec![no_quorum(1, 2)]),
            (Some(2), &[(1, yes, no), (2, yes, yes), (3, yes, yes)], 0, vec![]),
            (Some(2), &[(1, yes, no), (2, yes, yes), (3, yes, no)], -1, vec![no_quorum(1, 2)]),
            (Some(2), &[(1, no, no), (2, yes, yes)], 0, vec![]),
            (Some(2), &[(2, yes, yes), (3, yes, yes), (4, yes, no)], 0, vec![]),
            (Some(1), &[(1, yes, yes)], 0, vec![Obstacle::Leads(GroupId(7)), no_quorum(0, 1)]),
            (None, &[(1, yes, yes), (2, yes, yes), (3, yes, yes)], 1, vec![Obstacle::NoLeader(GroupId(7))]),
            (None, &[], -1, vec![Obstacle::NoLeader(GroupId(7))]),
            (Some(2), &[(1, yes, yes), (2, yes, yes), (3, yes, yes), (4, yes, yes), (5, yes, no)], 1, vec![]),
        ] {
            let group = group(leader, replicas);
            assert_eq!(group.margin(), margin, "{replicas:?}");
            let status = Status { seen_from: NodeId(1), groups: vec![(GroupId(7), group)], nodes: Vec::new() };
            assert_eq!(status.obstacles(NodeId(1)), obstacles, "{leader:?} {replicas:?}");
        }
    }

    #[test]
    fn assignments_read_back() {
        let message = wire::Assignment { group: 3, voters: vec![4, 2, 9], learners: vec![1, 5] };
        let assignment = Assignment::of(&message);
        assert_eq!(assignment.to_wire(), message);
        assert_eq!([9, 5, 3].map(|node| assignment.names(NodeId(node))), [true, true, false]);
    }
}
