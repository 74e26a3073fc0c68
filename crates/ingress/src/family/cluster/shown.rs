//! Nodes, groups and plans as they are answered.

use bascule_api::admin::v1::{
    DescribeClusterResponse, Group, GroupAssignment, GroupReplica, Node, NodeSight, NodeState as Shown, Plan,
    PlanAction, PlanStep,
};
use bascule_api::status::Refusal;
use bascule_api::time::timestamp;
use bascule_model::arn::Scope;
use bascule_model::time::Millis;
use bascule_model::uid::{GroupId, NodeId};
use bascule_routing::view::View;
use bascule_statemachine::codec::control::NodeState;
use bascule_statemachine::codec::control::rows::NodeRow;
use bascule_statemachine::ports::cluster::{self as port, Action, GroupStatus, NodeStatus, Status};

use crate::rooms::Rooms;

/// Whether a node is one of the cluster still.
pub(super) fn is_there(row: &NodeRow) -> bool {
    row.state() != NodeState::Gone
}

fn arn(scope: &Scope, kind: &str, id: &str) -> String {
    format!("arn:{}:bascule:{}:{}:{kind}/{id}", scope.partition(), scope.region(), scope.account())
}

pub(super) fn node(scope: &Scope, row: &NodeRow) -> Node {
    let facts = row.facts.clone().unwrap_or_default();
    Node {
        id: row.id,
        arn: arn(scope, "node", &row.id.to_string()),
        zone: row.zone.clone(),
        state: state(row.state()).into(),
        address: facts.address,
        api_address: facts.api_address,
        names: facts.names,
        build: facts.build,
        joined_time: Some(timestamp(Millis(row.joined_ms))),
        last_modified_time: Some(timestamp(Millis(row.changed_ms))),
        modified_index: row.changed_at,
    }
}

const fn state(state: NodeState) -> Shown {
    match state {
        NodeState::Unspecified => Shown::Unspecified,
        NodeState::Joining => Shown::Joining,
        NodeState::Active => Shown::Active,
        NodeState::Draining => Shown::Draining,
        NodeState::Leaving => Shown::Leaving,
        NodeState::Gone => Shown::Gone,
    }
}

pub(super) fn cluster(view: &View, status: &Status, plan: &port::Plan) -> Result<DescribeClusterResponse, Refusal> {
    let cluster = Rooms::cluster(view)?;
    let id = cluster.id.to_string();
    let rows = view.members.nodes().filter(|row| is_there(row));
    Ok(DescribeClusterResponse {
        arn: arn(&cluster.scope, "cluster", &id),
        cluster_id: id,
        seen_from_node_id: status.seen_from.0,
        nodes: rows.map(|row| sight(&cluster.scope, row, status)).collect(),
        groups: status.groups.iter().map(|(id, group)| self::group(view, *id, group)).collect(),
        plan: Some(self::plan(plan)),
    })
}

fn sight(scope: &Scope, row: &NodeRow, status: &Status) -> NodeSight {
    let id = NodeId(row.id);
    let unseen = NodeStatus::default();
    let seen = status.nodes.iter().find(|(node, _)| *node == id).map_or(&unseen, |(_, seen)| seen);
    let mut node = node(scope, row);
    if !seen.build.is_empty() {
        node.build.clone_from(&seen.build);
    }
    let has = |group: &GroupStatus| group.replicas.iter().any(|replica| replica.node == id);
    NodeSight {
        node: Some(node),
        reachable: seen.reachable,
        silent_ms: seen.silent_ms,
        clock_ahead_ms: seen.clock_ahead_ms,
        led_group_count: count(status.led(id)),
        group_count: count(status.groups.iter().filter(|(_, group)| has(group)).count()),
        began_time: seen.began.map(timestamp),
    }
}

fn group(view: &View, id: GroupId, group: &GroupStatus) -> Group {
    let replica = |replica: &port::Replica| GroupReplica {
        node_id: replica.node.0,
        votes: replica.votes,
        lag_entries: replica.lag_entries,
        caught_up: replica.caught_up,
    };
    let assigned = view.members.assignment(id);
    Group {
        id: id.0,
        name: id.to_string(),
        leader_node_id: group.leader.map_or(0, |leader| leader.0),
        term: group.term,
        committed_index: group.committed,
        applied_index: group.applied,
        replicas: group.replicas.iter().map(replica).collect(),
        quorum_margin: i32::try_from(group.margin()).unwrap_or(i32::MIN),
        assigned_voter_node_ids: assigned.map(|assigned| numbers(&assigned.voters)).unwrap_or_default(),
        assigned_learner_node_ids: assigned.map(|assigned| numbers(&assigned.learners)).unwrap_or_default(),
    }
}

pub(super) fn plan(plan: &port::Plan) -> Plan {
    let assignment = |assignment: &port::Assignment| GroupAssignment {
        group_id: assignment.group.0,
        voter_node_ids: numbers(&assignment.voters),
        learner_node_ids: numbers(&assignment.learners),
    };
    let step = |step: &port::Step| {
        let (action, node_ids) = match &step.action {
            Action::AddLearner(node) => (PlanAction::AddLearner, vec![node.0]),
            Action::ChangeVoters(voters) => (PlanAction::ChangeVoters, numbers(voters)),
            Action::RemoveLearner(node) => (PlanAction::RemoveLearner, vec![node.0]),
            Action::TransferLeader(node) => (PlanAction::TransferLeader, vec![node.0]),
        };
        PlanStep { group_id: step.group.0, action: action.into(), node_ids }
    };
    Plan {
        assignments: plan.assignments.iter().map(assignment).collect(),
        steps: plan.steps.iter().map(step).collect(),
    }
}

fn numbers<'a>(nodes: impl IntoIterator<Item = &'a NodeId>) -> Vec<u64> {
    nodes.into_iter().map(|node| node.0).collect()
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bascule_model::uid::ControlIndex;
    use bascule_statemachine::codec::control as wire;
    use bascule_statemachine::codec::control::rows::{AssignmentRow, MetaRow};
    use bascule_statemachine::control::state::{Effect, Row, State};

    use super::*;

    fn view() -> View {
        let mut state = State::default();
        let mut put = |row| state.absorb(Effect::Upsert(Box::new(row)));
        put(Row::Cluster(MetaRow {
            cluster_id: bytes::Bytes::from_static(&[7; 16]),
            partition: "aws".to_owned(),
            region: "us-east-1".to_owned(),
            ..MetaRow::default()
        }));
        for (id, state) in [(1, NodeState::Active), (2, NodeState::Gone), (3, NodeState::Draining)] {
            let facts =
                wire::NodeFacts { address: format!("n{id}:6473"), build: "old".to_owned(), ..Default::default() };
            let row =
                NodeRow { id, zone: "a".to_owned(), state: state.into(), facts: Some(facts), ..Default::default() };
            put(Row::Node(row));
        }
        let assignment = wire::Assignment { group: 1, voters: vec![3, 1, 4], learners: vec![5] };
        put(Row::Assignment(AssignmentRow { assignment: Some(assignment), changed_at: 1 }));
        View::of(ControlIndex(1), state)
    }

    #[test]
    fn what_is_seen_is_shown_beside_what_is_written_down() {
        let replica =
            |node, caught_up| port::Replica { node: NodeId(node), votes: true, lag_entries: Some(2), caught_up };
        let replicas = vec![replica(1, true), replica(3, true), replica(4, false)];
        let group = GroupStatus { leader: Some(NodeId(3)), term: 5, committed: 9, applied: 8, replicas };
        let seen = NodeStatus {
            reachable: true,
            silent_ms: Some(4),
            clock_ahead_ms: Some(-3),
            build: "new".to_owned(),
            began: None,
        };
        let status = Status {
            seen_from: NodeId(3),
            groups: vec![(GroupId(1), group), (GroupId(2), GroupStatus::default())],
            nodes: vec![(NodeId(3), seen)],
        };
        let plan = port::Plan {
            assignments: vec![port::Assignment {
                group: GroupId(1),
                voters: [1, 3, 4].map(NodeId).to_vec(),
                learners: BTreeSet::from([NodeId(5)]),
            }],
            steps: vec![port::Step { group: GroupId(1), action: Action::TransferLeader(NodeId(1)) }],
        };
        let answer = cluster(&view(), &status, &plan).unwrap();
        let nodes: Vec<_> = answer.nodes.iter().map(|it| (it.node.as_ref().unwrap().id, it.reachable)).collect();
        assert_eq!((nodes, answer.seen_from_node_id), (vec![(1, false), (3, true)], 3));
        let third = &answer.nodes[1];
        assert_eq!((third.silent_ms, third.clock_ahead_ms, third.led_group_count), (Some(4), Some(-3), 1));
        let node = third.node.as_ref().unwrap();
        assert_eq!((node.arn.as_str(), node.build.as_str()), ("arn:aws:bascule:us-east-1:000000000000:node/3", "new"));
        let [group, lost] = &answer.groups[..] else { panic!("{answer:?}") };
        assert_eq!((group.name.as_str(), group.leader_node_id, group.quorum_margin), ("shard-1", 3, 0));
        assert_eq!(
            (&group.assigned_voter_node_ids[..], &group.assigned_learner_node_ids[..]),
            (&[3, 1, 4][..], &[5][..])
        );
        assert_eq!((lost.leader_node_id, lost.quorum_margin), (0, -1));
        let step = &answer.plan.as_ref().unwrap().steps[0];
        assert_eq!((step.action(), &step.node_ids[..]), (PlanAction::TransferLeader, &[1][..]));
        assert_eq!(answer.arn, "arn:aws:bascule:us-east-1:000000000000:cluster/07070707-0707-0707-0707-070707070707");
    }
}
