//! The cluster's nodes, as they are made up: three in three zones, of which the third is away.

use bascule_api::admin::v1::cluster_server::Cluster;
use bascule_api::admin::v1::*;
use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_api::time::timestamp;
use bascule_model::time::Millis;
use tonic::{Request, Response, Status};

use super::{Fake, gone};

fn node(id: u64, state: NodeState) -> Node {
    Node {
        id,
        zone: format!("z{id}"),
        state: state.into(),
        address: format!("n{id}:6473"),
        api_address: format!("n{id}:6470"),
        build: "0.1.0".into(),
        joined_time: Some(timestamp(Millis(1_000))),
        ..Default::default()
    }
}

fn described() -> DescribeClusterResponse {
    let sight = |id: u64, reachable: bool| NodeSight {
        node: Some(node(id, NodeState::Active)),
        reachable,
        silent_ms: Some(if reachable { 0 } else { 61_000 }),
        clock_ahead_ms: Some(0),
        led_group_count: u32::from(id == 1) * 2,
        group_count: 2,
        began_time: Some(timestamp(Millis(id * 1_000))),
    };
    let replica = |node_id: u64, caught_up: bool| GroupReplica {
        node_id,
        votes: true,
        lag_entries: caught_up.then_some(0),
        caught_up,
    };
    let group = |id: u32, name: &str| Group {
        id,
        name: name.into(),
        leader_node_id: 1,
        term: 3,
        committed_index: 70,
        applied_index: 69,
        replicas: vec![replica(1, true), replica(2, true), replica(3, false)],
        ..Default::default()
    };
    DescribeClusterResponse {
        cluster_id: "07070707-0707-0707-0707-070707070707".into(),
        seen_from_node_id: 1,
        nodes: vec![sight(1, true), sight(2, true), sight(3, false)],
        groups: vec![group(0, "control"), group(1, "shard-1")],
        plan: Some(Plan::default()),
        ..Default::default()
    }
}

fn plan() -> Option<Plan> {
    let step = PlanStep { group_id: 1, action: PlanAction::TransferLeader.into(), node_ids: vec![2] };
    let assignment = GroupAssignment { group_id: 1, voter_node_ids: vec![2, 1, 3], ..Default::default() };
    Some(Plan { assignments: vec![assignment], steps: vec![step] })
}

/// Node 1 is needed.
fn unless_needed<T>(id: u64, answer: T) -> Result<T, Status> {
    match id {
        1 => Err(Refusal::new(Reason::InvalidState, "node `1` can't leave since `2` nodes would be left")
            .with_resource("node", "1")
            .to_status()),
        _ => Ok(answer),
    }
}

answers! { Cluster:
    describe_cluster(DescribeClusterRequest) -> DescribeClusterResponse = |_| Ok(described());
    list_nodes(ListNodesRequest) -> ListNodesResponse = |it| {
        let (ids, next_page_token) = super::page(&it.page_token, |id| if id == "one" { vec![1, 2] } else { vec![3] });
        Ok(ListNodesResponse { nodes: ids.into_iter().flatten().map(|id| node(id, NodeState::Active)).collect(), next_page_token })
    };
    create_join_token(CreateJoinTokenRequest) -> CreateJoinTokenResponse = |it| {
        let token = if it.zone == "again" || it.validate_only { String::new() } else { "bascule1.dG9rZW4".into() };
        let join_token = (!it.validate_only).then(|| JoinToken { id: "t".into(), zone: it.zone, ..Default::default() });
        Ok(CreateJoinTokenResponse { join_token, token, control_index: 7 })
    };
    list_join_tokens(ListJoinTokensRequest) -> ListJoinTokensResponse = |it| {
        let (join_tokens, next_page_token) = super::page(&it.page_token, |id| JoinToken { id: id.into(), ..Default::default() });
        Ok(ListJoinTokensResponse { join_tokens, next_page_token })
    };
    delete_join_token(DeleteJoinTokenRequest) -> DeleteJoinTokenResponse = |it| gone("join token", &it.token_id, DeleteJoinTokenResponse::default());
    drain_node(DrainNodeRequest) -> DrainNodeResponse = |it| unless_needed(it.node_id, DrainNodeResponse { node: Some(node(it.node_id, NodeState::Draining)), plan: plan(), control_index: 7 });
    resume_node(ResumeNodeRequest) -> ResumeNodeResponse = |it| unless_needed(it.node_id, ResumeNodeResponse { node: Some(node(it.node_id, NodeState::Active)), plan: None, control_index: 7 });
    remove_node(RemoveNodeRequest) -> RemoveNodeResponse = |it| unless_needed(it.node_id, RemoveNodeResponse { node: Some(node(it.node_id, NodeState::Leaving)), plan: plan(), control_index: 7 });
    can_stop_node(CanStopNodeRequest) -> CanStopNodeResponse = |it| match it.node_id {
        1 => Ok(CanStopNodeResponse { can_stop: false, obstacles: vec!["it leads control".into()] }),
        _ => Ok(CanStopNodeResponse { can_stop: true, obstacles: Vec::new() }),
    };
}
