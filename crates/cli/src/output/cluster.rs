//! The cluster as it stands: nodes, groups, plans, what is wrong and what to do about it.

use bascule_api::admin::v1::{
    DescribeClusterResponse, Group, GroupAssignment, JoinToken, Node, NodeSight, NodeState, Plan, PlanAction, PlanStep,
};

use crate::output::record::{Item, Record};
use crate::output::{Part, View, rows};

/// A clock that is off by more gives up the lead of its groups.
const CLOCK_LIMIT_MS: u64 = 2_000;

/// Everything about a node.
pub fn node(node: &Node) -> Record {
    Record::new()
        .number("Id", node.id)
        .text("Zone", &node.zone)
        .choice("State", node.state().as_str_name(), "NODE_STATE_")
        .text("Address", &node.address)
        .text("ApiAddress", &node.api_address)
        .texts("Names", &node.names)
        .text("Build", &node.build)
        .text("Arn", &node.arn)
        .time("JoinedTime", node.joined_time.as_ref().map(|time| time.seconds))
        .time("LastModifiedTime", node.last_modified_time.as_ref().map(|time| time.seconds))
}

/// A list of nodes.
pub fn nodes(nodes: &[Node]) -> View {
    let columns = [("NODE", "Id"), ("ZONE", "Zone"), ("STATE", "State"), ("ADDRESS", "Address"), ("BUILD", "Build")];
    let more = [("API", "ApiAddress"), ("NAMES", "Names"), ("JOINED", "JoinedTime"), ("CHANGED", "LastModifiedTime")];
    View::list("Nodes", nodes.iter().map(node).collect(), &columns, &more, "no nodes are written down")
}

/// Everything about a join token but its secret.
pub fn token(token: &JoinToken) -> Record {
    let record = Record::new()
        .text("Id", &token.id)
        .text("Zone", &token.zone)
        .time("CreationTime", token.creation_time.as_ref().map(|time| time.seconds))
        .time("ExpirationTime", token.expiration_time.as_ref().map(|time| time.seconds));
    if token.used_by_node_id == 0 { record } else { record.number("UsedByNodeId", token.used_by_node_id) }
}

/// A list of join tokens.
pub fn tokens(tokens: &[JoinToken]) -> View {
    let columns =
        [("TOKEN", "Id"), ("ZONE", "Zone"), ("GOOD UNTIL", "ExpirationTime"), ("USED BY NODE", "UsedByNodeId")];
    let more = [("CREATED", "CreationTime")];
    View::list("JoinTokens", tokens.iter().map(token).collect(), &columns, &more, "no join tokens")
}

/// The name of a group.
fn name(group: u32) -> String {
    if group == 0 { "control".to_owned() } else { format!("shard-{group}") }
}

fn listed(nodes: &[u64]) -> String {
    nodes.iter().map(u64::to_string).collect::<Vec<String>>().join(", ")
}

/// A plan for programs.
pub fn plan(plan: &Plan) -> Record {
    let numbers = |nodes: &[u64]| nodes.iter().copied().map(Item::Number).collect::<Vec<Item>>();
    let assignment = |it: &GroupAssignment| {
        let record = Record::new().number("GroupId", u64::from(it.group_id));
        Item::Record(
            record
                .items("VoterNodeIds", numbers(&it.voter_node_ids))
                .items("LearnerNodeIds", numbers(&it.learner_node_ids)),
        )
    };
    let step = |it: &PlanStep| {
        let record = Record::new().number("GroupId", u64::from(it.group_id));
        let record = record.choice("Action", it.action().as_str_name(), "PLAN_ACTION_");
        Item::Record(record.items("NodeIds", numbers(&it.node_ids)))
    };
    Record::new()
        .items("Assignments", plan.assignments.iter().map(assignment).collect())
        .items("Steps", plan.steps.iter().map(step).collect())
}

/// A plan for people, a line for each group that changes.
pub fn plan_lines(plan: &Plan) -> Vec<String> {
    let line = |it: &GroupAssignment| {
        let steps = plan.steps.iter().filter(|step| step.group_id == it.group_id).map(step_words);
        let steps = steps.collect::<Vec<String>>().join(", then ");
        let steps = if steps.is_empty() { "nothing to move".to_owned() } else { steps };
        format!("{}: {steps}", name(it.group_id))
    };
    plan.assignments.iter().map(line).collect()
}

fn step_words(step: &PlanStep) -> String {
    let nodes = listed(&step.node_ids);
    match step.action() {
        PlanAction::AddLearner => format!("{nodes} follows"),
        PlanAction::ChangeVoters => format!("{nodes} vote"),
        PlanAction::RemoveLearner => format!("{nodes} goes"),
        PlanAction::TransferLeader => format!("{nodes} leads"),
        PlanAction::Unspecified => "a step of a later build".to_owned(),
    }
}

fn sight(it: &NodeSight) -> Record {
    let record = node(&it.node.clone().unwrap_or_default()).flag("Reachable", it.reachable);
    let record = match it.silent_ms {
        Some(silent_ms) => record.number("SilentMs", silent_ms),
        None => record,
    };
    let record = match it.clock_ahead_ms {
        Some(ahead) => record.text("ClockAheadMs", &ahead.to_string()),
        None => record,
    };
    let record = record.time("BeganTime", it.began_time.as_ref().map(|time| time.seconds));
    record.number("LedGroupCount", u64::from(it.led_group_count)).number("GroupCount", u64::from(it.group_count))
}

/// The greatest lag of a group's replicas, if one is known.
fn lag(group: &Group) -> Option<u64> {
    group.replicas.iter().filter_map(|replica| replica.lag_entries).max()
}

fn group(it: &Group) -> Record {
    let of = |votes: bool| {
        let nodes: Vec<u64> =
            it.replicas.iter().filter(|replica| replica.votes == votes).map(|replica| replica.node_id).collect();
        listed(&nodes)
    };
    let leader = if it.leader_node_id == 0 { "none".to_owned() } else { it.leader_node_id.to_string() };
    let record = Record::new()
        .text("Name", &it.name)
        .text("Leader", &leader)
        .number("Term", it.term)
        .number("CommittedIndex", it.committed_index)
        .number("AppliedIndex", it.applied_index)
        .text("QuorumMargin", &it.quorum_margin.to_string())
        .text("Voters", &of(true))
        .text("Learners", &of(false));
    match lag(it) {
        Some(lag) => record.number("LagEntries", lag),
        None => record,
    }
}

/// The whole cluster: what is wrong first.
pub fn status(answer: &DescribeClusterResponse) -> View {
    let nodes: Vec<Record> = answer.nodes.iter().map(sight).collect();
    let groups: Vec<Record> = answer.groups.iter().map(group).collect();
    let wrong = wrong(answer);
    let head = format!("cluster {} as node {} sees it", answer.cluster_id, answer.seen_from_node_id);
    let mut parts = vec![Part::Line(head)];
    parts.push(match wrong.is_empty() {
        true => Part::Line("nothing is wrong".to_owned()),
        false => Part::Block(wrong.clone()),
    });
    if !nodes.is_empty() {
        parts.push(rows(&nodes, &NODE_COLUMNS));
    }
    parts.push(rows(&groups, &GROUP_COLUMNS));
    let moves = answer.plan.as_ref().map(plan_lines).unwrap_or_default();
    if !moves.is_empty() {
        let lines = std::iter::once("still to move:".to_owned()).chain(moves);
        parts.push(Part::Block(lines.collect()));
    }
    let json = Record::new()
        .text("ClusterId", &answer.cluster_id)
        .text("Arn", &answer.arn)
        .number("SeenFromNodeId", answer.seen_from_node_id)
        .items("Wrong", wrong.into_iter().map(Item::Text).collect())
        .items("Nodes", nodes.into_iter().map(Item::Record).collect())
        .items("Groups", groups.into_iter().map(Item::Record).collect())
        .record("Plan", answer.plan.as_ref().map(plan).unwrap_or_default());
    View::new(parts, json)
}

const NODE_COLUMNS: [(&str, &str); 8] = [
    ("NODE", "Id"),
    ("ZONE", "Zone"),
    ("STATE", "State"),
    ("REACHABLE", "Reachable"),
    ("SILENT MS", "SilentMs"),
    ("CLOCK MS", "ClockAheadMs"),
    ("LEADS", "LedGroupCount"),
    ("GROUPS", "GroupCount"),
];

const GROUP_COLUMNS: [(&str, &str); 7] = [
    ("GROUP", "Name"),
    ("LEADER", "Leader"),
    ("MARGIN", "QuorumMargin"),
    ("LAG", "LagEntries"),
    ("VOTERS", "Voters"),
    ("LEARNERS", "Learners"),
    ("TERM", "Term"),
];

/// What is wrong, each with what to do next; the worst first.
pub fn wrong(answer: &DescribeClusterResponse) -> Vec<String> {
    let mut lines = Vec::new();
    for group in &answer.groups {
        if group.leader_node_id == 0 || group.quorum_margin < 0 {
            let voters: Vec<u64> = group.replicas.iter().filter(|it| it.votes).map(|it| it.node_id).collect();
            let of = if voters.is_empty() { String::new() } else { format!(" of nodes {}", listed(&voters)) };
            lines.push(format!("{} STANDS STILL: bring back a majority{of}", group.name));
        }
    }
    for it in &answer.nodes {
        let node = it.node.clone().unwrap_or_default();
        if !it.reachable && node.state() != NodeState::Joining {
            let since = it
                .silent_ms
                .map_or_else(|| "was never heard of".to_owned(), |ms| format!("is silent for {} s", ms / 1_000));
            lines.push(format!(
                "node {} in zone `{}` {since}: look at its machine and its link; if it is lost, `bascule cluster replace {}`",
                node.id, node.zone, node.id
            ));
        }
        if it.clock_ahead_ms.is_some_and(|ahead| ahead.unsigned_abs() > CLOCK_LIMIT_MS) {
            let ahead = it.clock_ahead_ms.unwrap_or_default();
            lines.push(format!(
                "the clock of node {} is off by {ahead} ms and it gives up its groups: mend its time service",
                node.id
            ));
        }
        if node.state() == NodeState::Joining {
            lines.push(format!(
                "node {} has been admitted and is not up yet: start it, or `bascule cluster remove {}`",
                node.id, node.id
            ));
        }
        if node.state() == NodeState::Draining {
            lines.push(format!(
                "node {} leads nothing: `bascule cluster resume {}` when its work is done",
                node.id, node.id
            ));
        }
    }
    for group in &answer.groups {
        let voters = group.replicas.iter().filter(|it| it.votes).count();
        if group.leader_node_id != 0 && voters >= 3 && group.quorum_margin == 0 {
            let behind: Vec<u64> =
                group.replicas.iter().filter(|it| it.votes && !it.caught_up).map(|it| it.node_id).collect();
            lines.push(format!(
                "{} stops with one more failure: its replicas on nodes {} are behind or away",
                group.name,
                listed(&behind)
            ));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use bascule_api::admin::v1::GroupReplica;

    fn node(id: u64, state: NodeState, reachable: bool, clock_ahead_ms: i64) -> NodeSight {
        let node = Node { id, zone: format!("z{id}"), state: state.into(), ..Default::default() };
        NodeSight {
            node: Some(node),
            reachable,
            silent_ms: Some(if reachable { 0 } else { 9_000 }),
            clock_ahead_ms: Some(clock_ahead_ms),
            ..Default::default()
        }
    }

    fn group(leader: u64, margin: i32, caught_up: [bool; 3]) -> Group {
        let replica = |(at, caught_up): (usize, &bool)| GroupReplica {
            node_id: at as u64 + 1,
            votes: true,
            lag_entries: Some(0),
            caught_up: *caught_up,
        };
        let replicas = caught_up.iter().enumerate().map(replica).collect();
        Group {
            id: 1,
            name: "shard-1".to_owned(),
            leader_node_id: leader,
            quorum_margin: margin,
            replicas,
            ..Default::default()
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_do() {
        let well = || node(1, NodeState::Active, true, 0);
        for (nodes, groups, starts) in [
            (vec![well()], vec![group(1, 1, [true; 3])], vec![]),
            (
                vec![well()],
                vec![group(0, 1, [true; 3])],
                vec!["shard-1 STANDS STILL: bring back a majority of nodes 1, 2, 3"],
            ),
            (vec![well()], vec![group(1, -1, [true, false, false])], vec!["shard-1 STANDS STILL"]),
            (
                vec![well(), node(2, NodeState::Active, false, 0)],
                vec![group(1, 0, [true, false, true])],
                vec![
                    "node 2 in zone `z2` is silent for 9 s",
                    "shard-1 stops with one more failure: its replicas on nodes 2 ",
                ],
            ),
            (vec![node(3, NodeState::Active, true, -2_001)], vec![], vec!["the clock of node 3 is off by -2001 ms"]),
            (vec![node(3, NodeState::Joining, false, 0)], vec![], vec!["node 3 has been admitted"]),
            (vec![node(3, NodeState::Draining, true, 0)], vec![], vec!["node 3 leads nothing"]),
        ] {
            let answer = DescribeClusterResponse { nodes, groups, ..Default::default() };
            let lines = wrong(&answer);
            assert_eq!(lines.len(), starts.len(), "{lines:?}");
            for (line, start) in lines.iter().zip(starts) {
                assert!(line.starts_with(start), "{line}");
            }
        }
    }

    #[test]
    fn a_plan_is_a_line_for_each_group() {
        let step = |group_id, action: PlanAction, node_ids: &[u64]| PlanStep {
            group_id,
            action: action.into(),
            node_ids: node_ids.to_vec(),
        };
        let assignment =
            |group_id| GroupAssignment { group_id, voter_node_ids: vec![1, 2, 4], learner_node_ids: vec![] };
        let plan = Plan {
            assignments: vec![assignment(0), assignment(2)],
            steps: vec![
                step(0, PlanAction::AddLearner, &[4]),
                step(0, PlanAction::ChangeVoters, &[1, 2, 4]),
                step(0, PlanAction::RemoveLearner, &[3]),
                step(2, PlanAction::TransferLeader, &[1]),
            ],
        };
        assert_eq!(plan_lines(&plan), ["control: 4 follows, then 1, 2, 4 vote, then 3 goes", "shard-2: 1 leads"]);
    }
}
