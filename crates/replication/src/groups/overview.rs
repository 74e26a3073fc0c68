//! The port `Cluster`: how everything stands, put together from what nodes told each other within the last seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bascule_api::peer::v1::{GroupState, HandOverRequest};
use bascule_model::ambient::Pending;
use bascule_model::time::Millis;
use bascule_model::uid::{GroupId, NodeId};
use bascule_statemachine::codec::control::NodeState;
use bascule_statemachine::ports::ask::AskError;
use bascule_statemachine::ports::cluster::{Change, Cluster, GroupStatus, NodeStatus, Plan, Replica, Status};
use bascule_statemachine::ports::propose::ProposeError;

use crate::groups::Groups;
use crate::known::Heard;
use crate::limits::{ASK_LIMIT_MS, HEARD_LIMIT_MS, REPLICAS_COUNT};
use crate::placement::{self, Node};

/// The group by its leader's word; by the latest word of anybody, if no leader is heard.
fn group_status(id: GroupId, states: &[(NodeId, GroupState)]) -> GroupStatus {
    let of_group = || states.iter().filter(|(_, state)| state.group == id.0);
    let leader = of_group().filter(|(_, state)| state.leads).max_by_key(|(_, state)| state.term);
    let Some((node, state)) = leader.or_else(|| of_group().max_by_key(|(_, state)| state.term)) else {
        return GroupStatus::default();
    };
    let replica = |replica: &bascule_api::peer::v1::Replica| Replica {
        node: NodeId(replica.node),
        votes: replica.votes,
        lag_entries: replica.lag_entries,
        caught_up: replica.caught_up,
    };
    GroupStatus {
        leader: leader.map(|_| *node),
        term: state.term,
        committed: state.committed,
        applied: state.applied,
        replicas: state.replicas.iter().map(replica).collect(),
    }
}

impl Groups {
    fn fresh(&self) -> BTreeMap<NodeId, Heard> {
        let now = self.clock.boot();
        let mut known = self.known.all();
        known.retain(|_, heard| now.since(heard.clock.boot) <= HEARD_LIMIT_MS);
        known
    }

    fn status_now(&self) -> Result<Status, AskError> {
        let score = self.score()?;
        let (known, fresh) = (self.known.all(), self.fresh());
        let mut states: Vec<(NodeId, GroupState)> = self.states().into_iter().map(|state| (self.node, state)).collect();
        for (node, heard) in &fresh {
            states.extend(heard.groups.iter().map(|state| (*node, state.clone())));
        }
        let ids = [GroupId::CONTROL].into_iter().chain(self.shard_ids());
        let groups = ids.map(|id| (id, group_status(id, &states))).collect();
        let rows = score.nodes.iter().filter(|row| row.state() != NodeState::Gone).map(|row| NodeId(row.id));
        // A node that has no row yet stands for itself.
        let nodes: BTreeSet<NodeId> = rows.chain([self.node]).collect();
        let status = |node: NodeId| (node, self.node_status(node, known.get(&node)));
        Ok(Status { seen_from: self.node, groups, nodes: nodes.into_iter().map(status).collect() })
    }

    fn node_status(&self, node: NodeId, heard: Option<&Heard>) -> NodeStatus {
        if node == self.node {
            let build = self.face.build.to_owned();
            let began = Some(Millis(self.began_ms));
            return NodeStatus { reachable: true, silent_ms: Some(0), clock_ahead_ms: Some(0), build, began };
        }
        let Some(heard) = heard else { return NodeStatus::default() };
        let (wall, boot) = (self.clock.wall(), self.clock.boot());
        let silent_ms = boot.since(heard.clock.boot);
        let theirs = i64::try_from(heard.clock.wall.0.saturating_add(silent_ms)).unwrap_or(i64::MAX);
        let ours = i64::try_from(wall.0).unwrap_or(i64::MAX);
        NodeStatus {
            reachable: silent_ms <= HEARD_LIMIT_MS,
            silent_ms: Some(silent_ms),
            clock_ahead_ms: Some(theirs.saturating_sub(ours)),
            build: heard.build.clone(),
            began: Some(heard.began).filter(|began| began.0 > 0),
        }
    }
}

impl Cluster for Groups {
    fn status(&self) -> Pending<'_, Result<Status, AskError>> {
        Box::pin(async move { self.status_now() })
    }

    fn plan(&self, change: Change) -> Pending<'_, Result<Plan, AskError>> {
        Box::pin(async move {
            self.barrier().await?;
            let score = self.score()?;
            let mut nodes: Vec<Node> = score.nodes.iter().map(Node::of).collect();
            if let Change::State { node, state } = change
                && let Some(changed) = nodes.iter_mut().find(|other| other.id == node)
            {
                changed.state = state;
            }
            Ok(placement::plan(&nodes, &self.shard_ids(), &score.assignments, REPLICAS_COUNT))
        })
    }

    fn hand_over(&self, group: GroupId, to: NodeId) -> Pending<'_, Result<(), AskError>> {
        Box::pin(async move {
            let leader = if group == GroupId::CONTROL { self.control.group.leader() } else { self.shard_leader(group) };
            let leader = leader.ok_or(AskError::NoLeader { group })?;
            if leader == self.node {
                return Ok(self.hand_over_here(group, to).await?);
            }
            let call = self.peers.hand_over(leader, HandOverRequest { group: group.0, to: to.0 });
            let unknown = |why: String| AskError::from(ProposeError::Unknown { group, why });
            match tokio::time::timeout(Duration::from_millis(ASK_LIMIT_MS), call).await {
                Ok(Ok(answer)) if answer.refused.is_empty() => Ok(()),
                Ok(Ok(answer)) => Err(unknown(answer.refused)),
                Ok(Err(error)) => Err(unknown(error.to_string())),
                Err(_) => Err(unknown(format!("node {} gave no answer", leader.0))),
            }
        })
    }
}
