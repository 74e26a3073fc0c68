//! Groups brought to where they are to be: each leader takes its group's next step; the control group's leader plans.
//!
//! Plans and steps are made by [`crate::placement`], pure; here they are proposed and done, one at a time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use bascule_model::uid::{GroupId, NodeId};
use bascule_statemachine::codec::control::rows::{AssignmentRow, NodeRow};
use bascule_statemachine::codec::control::{Assign, ChangeNode, Command, Kind, NodeState};
use bascule_statemachine::control::reply::Outcome;
use bascule_statemachine::control::state;
use bascule_statemachine::ports::cluster::{Action, Assignment};
use bascule_statemachine::ports::propose::{Change, ProposeError};

use crate::group::Group;
use crate::groups::Groups;
use crate::limits::{CONDUCT_INTERVAL_MS, HAND_OVER_PAUSE_MS, REPLICAS_COUNT, STEP_LIMIT_MS};
use crate::machine::Machine;
use crate::placement::{self, Membership, Node};
use crate::raft::Peer;

/// What the control group says of nodes and groups.
pub(super) struct Score {
    /// Control index of its last change.
    pub(super) at: u64,
    /// The account that the cluster belongs to.
    pub(super) account: u64,
    /// Every node there ever was, ascending.
    pub(super) nodes: Vec<NodeRow>,
    /// Which nodes are to have which group, ascending.
    pub(super) assignments: Vec<Assignment>,
}

impl Score {
    fn in_state(&self, state: NodeState) -> impl Iterator<Item = &NodeRow> {
        self.nodes.iter().filter(move |row| row.state() == state)
    }

    /// What a group is to be now. Who joins follows the control group until it has caught up.
    fn wanted(&self, group: GroupId) -> Option<Assignment> {
        let mut wanted = self.assignments.iter().find(|assignment| assignment.group == group).cloned()?;
        if group == GroupId::CONTROL {
            wanted.learners.extend(self.in_state(NodeState::Joining).map(|row| NodeId(row.id)));
        }
        Some(wanted)
    }

    /// Where a node is, for a membership.
    fn peer(&self, node: NodeId) -> Option<Peer> {
        let row = self.nodes.iter().find(|row| row.id == node.0)?;
        let address = row.facts.as_ref().map(|facts| facts.address.clone()).unwrap_or_default();
        Some(Peer { address, zone: row.zone.clone() })
    }
}

impl Groups {
    /// Reads the score from this node's rows.
    pub(super) fn score(&self) -> Result<Score, ProposeError> {
        let group = GroupId::CONTROL;
        let rows = self.tables.view(group).map_err(|error| ProposeError::Unknown { group, why: error.to_string() })?;
        let broken =
            |error: bascule_statemachine::control::Error| ProposeError::Unknown { group, why: error.to_string() };
        let meta = state::meta(&*rows).map_err(broken)?.unwrap_or_default();
        let assignments: Vec<AssignmentRow> = state::assignments(&*rows).map_err(broken)?;
        Ok(Score {
            at: meta.placement_at,
            account: meta.account,
            nodes: state::nodes(&*rows).map_err(broken)?,
            assignments: assignments.iter().filter_map(|row| row.assignment.as_ref()).map(Assignment::of).collect(),
        })
    }

    /// The shard groups, ascending.
    pub(super) fn shard_ids(&self) -> Vec<GroupId> {
        self.shards.keys().copied().collect()
    }

    async fn conduct(&self) {
        let score = match self.score() {
            Ok(score) => score,
            Err(error) => return tracing::warn!(%error, "nodes and assignments cannot be read"),
        };
        if self.control.group.holds().is_some() {
            self.plan_anew(&score).await;
        }
        self.step(GroupId::CONTROL, &self.control.group, &score).await;
        for (id, shard) in &self.shards {
            self.step(*id, &shard.group, &score).await;
        }
    }

    /// Takes in who has caught up, lets go who has nothing left, and plans for who there is.
    async fn plan_anew(&self, score: &Score) {
        let replicas = self.control.group.replicas();
        let caught_up = |id: u64| replicas.iter().any(|replica| replica.node.0 == id && replica.caught_up);
        for row in score.in_state(NodeState::Joining).filter(|row| caught_up(row.id)) {
            self.change_node(score, row, NodeState::Active).await;
        }
        for row in score.in_state(NodeState::Leaving) {
            let node = NodeId(row.id);
            let named = score.assignments.iter().any(|assignment| assignment.names(node));
            if !named && !self.has_replicas(node) {
                self.change_node(score, row, NodeState::Gone).await;
            }
        }
        let nodes: Vec<Node> = score.nodes.iter().map(Node::of).collect();
        let plan = placement::plan(&nodes, &self.shard_ids(), &score.assignments, REPLICAS_COUNT);
        if plan.assignments.is_empty() {
            return;
        }
        tracing::info!(groups = plan.assignments.len(), steps = plan.steps.len(), "groups are placed anew");
        let assignments = plan.assignments.iter().map(Assignment::to_wire).collect();
        self.direct(score, score.at, Kind::Assign(Assign { assignments })).await;
    }

    /// Whether any leader that is heard has a replica there, or a group has no leader that is heard.
    fn has_replicas(&self, node: NodeId) -> bool {
        let mut unheard: BTreeSet<u32> = self.states().iter().map(|state| state.group).collect();
        let ours = self.states();
        let known = self.known.all();
        let states = known.values().flat_map(|heard| heard.groups.iter()).chain(&ours);
        for state in states.filter(|state| state.leads) {
            if state.replicas.iter().any(|replica| replica.node == node.0) {
                return true;
            }
            unheard.remove(&state.group);
        }
        !unheard.is_empty()
    }

    async fn change_node(&self, score: &Score, row: &NodeRow, to: NodeState) {
        tracing::info!(node = row.id, ?to, "a node's state changes");
        self.direct(score, row.changed_at, Kind::ChangeNode(ChangeNode { node: row.id, state: to.into() })).await;
    }

    /// Proposes in the name of the cluster itself, in this node's term alone.
    async fn direct(&self, score: &Score, if_changed_at: u64, kind: Kind) {
        let command = Command { account: score.account, if_changed_at, kind: Some(kind), ..Command::default() };
        let only_in_term = self.control.group.holds();
        let change = Change { command, record: bytes::Bytes::new(), only_in_term };
        match self.change_here(change).await {
            Ok(reply) => match reply.outcome {
                Outcome::Done(_) | Outcome::Dropped => {}
                // Somebody changed nodes or assignments meanwhile: the next look sees it.
                Outcome::Refused(fault) => tracing::info!(%fault, "a change of nodes or assignments was refused"),
            },
            Err(error) => tracing::info!(%error, "a change of nodes or assignments was not made"),
        }
    }

    /// Takes the group's next step, if this node leads it.
    async fn step<M: Machine>(&self, id: GroupId, group: &Group<M>, score: &Score) {
        if group.holds().is_none() {
            return;
        }
        let Some(wanted) = score.wanted(id) else { return };
        let members = group.members();
        let now = Membership { configs: members.voters, learners: members.learners, leader: Some(self.node) };
        let caught_up: BTreeSet<NodeId> =
            group.replicas().into_iter().filter(|replica| replica.caught_up).map(|replica| replica.node).collect();
        let Some(action) = placement::next_step(&now, &wanted, &caught_up) else { return };
        if matches!(action, Action::TransferLeader(_)) && !self.may_hand_over(id) {
            return;
        }
        tracing::info!(group = %id, ?action, "a group takes a step");
        let limit = Duration::from_millis(STEP_LIMIT_MS);
        match tokio::time::timeout(limit, self.act(group, &action, score)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::info!(group = %id, ?action, %error, "a step failed and is looked at anew"),
            Err(_) => tracing::warn!(group = %id, ?action, limit_ms = STEP_LIMIT_MS, "a step takes too long"),
        }
    }

    /// Whether a lead may be handed over again: one that did not go at once goes no better for being pushed, and each try holds up writes.
    fn may_hand_over(&self, group: GroupId) -> bool {
        let now = self.clock.boot();
        let mut handed = self.handed.lock();
        let waits = handed.get(&group).is_some_and(|last| now.since(*last) < HAND_OVER_PAUSE_MS);
        if !waits {
            handed.insert(group, now);
        }
        !waits
    }

    async fn act<M: Machine>(&self, group: &Group<M>, action: &Action, score: &Score) -> Result<(), ProposeError> {
        match action {
            Action::AddLearner(node) => group.add_learner(*node, score.peer(*node).unwrap_or_default()).await,
            Action::ChangeVoters(voters) => group.set_voters(voters).await,
            Action::RemoveLearner(node) => group.remove_learner(*node).await,
            Action::TransferLeader(node) => group.hand_over(*node).await,
        }
    }
}

/// Looks twice a second, until the node stops.
pub(super) async fn run(groups: Arc<Groups>, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(CONDUCT_INTERVAL_MS));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = ticks.tick() => groups.conduct().await,
            _ = stopped.changed() => return,
        }
    }
}
