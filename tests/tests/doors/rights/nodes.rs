//! The cluster's nodes and the tokens by which they join, at a daemon that is alone: who may gets so far as to hear that there is no
//! such node.

use bascule_api::admin::v1::{
    CanStopNodeRequest, CreateJoinTokenRequest, DeleteJoinTokenRequest, DescribeClusterRequest, DrainNodeRequest,
    ListJoinTokensRequest, ListNodesRequest, RemoveNodeRequest, ResumeNodeRequest,
};
use bascule_tests::Outcome;
use bascule_tests::client::Client;

use super::{Row, row, text};

/// A node that never was.
const NOBODY: u64 = 99;
const NODE: &str = "bascule:node/99";
/// What is said of it.
const MISSING: &str = "RESOURCE_NOT_FOUND";

/// The cluster's id.
pub async fn set_up(operator: &Client) -> Outcome<String> {
    let answer = operator.session().cluster().describe_cluster(DescribeClusterRequest {}).await?;
    Ok(answer.into_inner().cluster_id)
}

/// One row for each operation.
pub fn rows(id: &str) -> Vec<Row> {
    let cluster = format!("bascule:cluster/{id}");
    let cluster = cluster.as_str();
    vec![
        row(
            "bascule.admin.v1.Cluster/DescribeCluster",
            &DescribeClusterRequest {},
            &[("bascule:DescribeCluster", cluster)],
        ),
        row("bascule.admin.v1.Cluster/ListNodes", &ListNodesRequest::default(), &[("bascule:ListNodes", cluster)]),
        // Nobody listens for peers here, so that nobody could join.
        row(
            "bascule.admin.v1.Cluster/CreateJoinToken",
            &CreateJoinTokenRequest::default(),
            &[("bascule:CreateJoinToken", cluster)],
        )
        .then_refused("INVALID_STATE"),
        row(
            "bascule.admin.v1.Cluster/ListJoinTokens",
            &ListJoinTokensRequest::default(),
            &[("bascule:ListJoinTokens", cluster)],
        ),
        row(
            "bascule.admin.v1.Cluster/DeleteJoinToken",
            &DeleteJoinTokenRequest { token_id: text("none"), ..DeleteJoinTokenRequest::default() },
            &[("bascule:DeleteJoinToken", cluster)],
        )
        .then_refused(MISSING),
        row(
            "bascule.admin.v1.Cluster/DrainNode",
            &DrainNodeRequest { node_id: NOBODY, ..DrainNodeRequest::default() },
            &[("bascule:DrainNode", NODE)],
        )
        .then_refused(MISSING),
        row(
            "bascule.admin.v1.Cluster/ResumeNode",
            &ResumeNodeRequest { node_id: NOBODY, ..ResumeNodeRequest::default() },
            &[("bascule:ResumeNode", NODE)],
        )
        .then_refused(MISSING),
        row(
            "bascule.admin.v1.Cluster/RemoveNode",
            &RemoveNodeRequest { node_id: NOBODY, ..RemoveNodeRequest::default() },
            &[("bascule:RemoveNode", NODE)],
        )
        .then_refused(MISSING),
        row(
            "bascule.admin.v1.Cluster/CanStopNode",
            &CanStopNodeRequest { node_id: NOBODY },
            &[("bascule:CanStopNode", NODE)],
        )
        .then_refused(MISSING),
    ]
}
