//! Which nodes are to have which group: pure, and the same answer on every node.
//!
//! In: the nodes with their zones and states, the groups, and the assignments in force.
//! Out: the assignments that change, with their steps; and one group's next step from where it really stands.
//! Never: a vote, a network, or a move that no rule asks for.
//!
//! The rules, strongest first:
//!
//! 1. Replicas are on usable nodes alone: active or draining ones.
//! 2. The control group has five voters from five usable nodes on, three from three on, else one; every other usable node follows
//!    it, since each needs its view. A shard group has `replicas` voters, three while there are too few nodes for more, and one
//!    below three nodes; with two nodes the second follows.
//! 3. Voters of a group are in different zones, or spread evenly where there are fewer zones.
//! 4. Replicas of shard groups are spread over the nodes: no move to an active node that the rules above allow evens out a difference
//!    of two or more. Below three nodes nothing moves for it: each move would only be undone by the third.
//! 5. The first voter of a group is to lead it. Those are active nodes where there is one, spread over nodes to within one where the
//!    replicas allow it, and then over zones.
//!
//! What satisfies the rules stays as it is.

mod balance;
mod leaders;
mod replicas;
mod step;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use bascule_model::uid::{GroupId, NodeId};
use bascule_statemachine::codec::control::NodeState;
use bascule_statemachine::codec::control::rows::NodeRow;
use bascule_statemachine::ports::cluster::{Assignment, Plan};

pub use step::{Membership, next_step};

/// Voters of the control group, once there are as many nodes.
const CONTROL_VOTERS_COUNT: usize = 5;
/// Voters of a group, once there are as many nodes and not enough for more.
const VOTERS_COUNT: usize = 3;

/// A node, as far as placement minds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// Its zone.
    pub zone: String,
    /// Its state.
    pub state: NodeState,
}

impl Node {
    /// The node of a row.
    #[must_use]
    pub fn of(row: &NodeRow) -> Self {
        Self { id: NodeId(row.id), zone: row.zone.clone(), state: row.state() }
    }

    const fn is_usable(&self) -> bool {
        matches!(self.state, NodeState::Active | NodeState::Draining)
    }
}

/// Plans for `nodes` and the shard groups `shards`, of which each is to have `replicas` voters (an odd number). The control group
/// is planned too. Without a usable node nothing changes.
#[must_use]
pub fn plan(nodes: &[Node], shards: &[GroupId], current: &[Assignment], replicas: usize) -> Plan {
    let ground = Ground::of(nodes);
    if ground.nodes.is_empty() {
        return Plan::default();
    }
    let old: BTreeMap<GroupId, &Assignment> = current.iter().map(|assignment| (assignment.group, assignment)).collect();
    let placed = replicas::place(&ground, shards, &old, replicas);
    let leaders = leaders::choose(&ground, &placed, &old);
    let mut plan = Plan::default();
    for (group, voters) in placed {
        let learners = followers(&ground, group, &voters);
        let first = leaders.get(&group).copied();
        let rest = voters.iter().copied().filter(|node| Some(*node) != first);
        let assignment = Assignment { group, voters: first.into_iter().chain(rest).collect(), learners };
        let before = old.get(&group).copied();
        if before.is_some_and(|before| is_same(before, &assignment)) {
            continue;
        }
        plan.steps.extend(step::all(before, &assignment));
        plan.assignments.push(assignment);
    }
    plan
}

/// The order of those who are not to lead says nothing.
fn is_same(a: &Assignment, b: &Assignment) -> bool {
    let set = |assignment: &Assignment| assignment.voters.iter().copied().collect::<BTreeSet<NodeId>>();
    a.voters.first() == b.voters.first() && set(a) == set(b) && a.learners == b.learners
}

/// Who follows a group without a vote.
fn followers(ground: &Ground<'_>, group: GroupId, voters: &BTreeSet<NodeId>) -> BTreeSet<NodeId> {
    let all = group == GroupId::CONTROL || ground.nodes.len() < VOTERS_COUNT;
    let others = ground.nodes.keys().copied().filter(|node| !voters.contains(node));
    if all { others.collect() } else { BTreeSet::new() }
}

/// The usable nodes.
struct Ground<'nodes> {
    nodes: BTreeMap<NodeId, &'nodes Node>,
}

impl<'nodes> Ground<'nodes> {
    fn of(nodes: &'nodes [Node]) -> Self {
        Self { nodes: nodes.iter().filter(|node| node.is_usable()).map(|node| (node.id, node)).collect() }
    }

    fn zone(&self, node: NodeId) -> &'nodes str {
        self.nodes.get(&node).map_or("", |node| node.zone.as_str())
    }

    fn is_active(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|node| node.state == NodeState::Active)
    }

    /// How many voters a group has.
    fn voters(&self, group: GroupId, replicas: usize) -> usize {
        let most = if group == GroupId::CONTROL { CONTROL_VOTERS_COUNT } else { replicas };
        let count = self.nodes.len();
        if count < VOTERS_COUNT || most < VOTERS_COUNT {
            1
        } else if count < most {
            VOTERS_COUNT
        } else {
            most
        }
    }

    /// How many of `voters` are in the zone of `node`.
    fn beside(&self, voters: &BTreeSet<NodeId>, node: NodeId) -> usize {
        let zone = self.zone(node);
        voters.iter().filter(|voter| self.zone(**voter) == zone).count()
    }
}
