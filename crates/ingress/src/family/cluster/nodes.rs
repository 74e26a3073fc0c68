//! Nodes: how they and their groups stand, and their states changed.

use std::sync::Arc;

use bascule_api::admin::v1::{
    self as admin, CanStopNodeRequest, CanStopNodeResponse, DescribeClusterResponse, DrainNodeRequest,
    ListNodesRequest, ListNodesResponse, RemoveNodeRequest, ResumeNodeRequest,
};
use bascule_api::status::Refusal;
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::uid::NodeId;
use bascule_routing::view::View;
use bascule_statemachine::codec::control::rows::NodeRow;
use bascule_statemachine::codec::control::{ChangeNode, Kind, NodeState};
use bascule_statemachine::ports::cluster::Change;

use super::shown;
use crate::family::{Front, given};
use crate::page::Page;
use crate::rooms::{Rooms, Writing};
use crate::stack::{Checked, Permitted};
use crate::wire;

pub(super) struct List {
    page: Page,
    gone: Gone,
    allow_stale: bool,
}

/// Whether those that are gone are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gone {
    Listed,
    Left,
}

/// A node and the state that it is to have.
pub(super) struct Turn {
    node: NodeId,
    state: NodeState,
    writing: Writing,
}

/// A node in its new state, and what that moves.
pub(super) struct Moved {
    pub(super) node: Option<admin::Node>,
    pub(super) plan: Option<admin::Plan>,
    pub(super) control_index: u64,
}

fn node(id: u64) -> Result<NodeId, Refusal> {
    if id == 0 {
        return Err(wire::field("NodeId", "it must be 1 or more", "0"));
    }
    Ok(NodeId(id))
}

fn turn(id: u64, state: NodeState, writing: Writing) -> Result<Turn, Refusal> {
    Ok(Turn { node: node(id)?, state, writing })
}

pub(super) fn check_list(permit: &Permitted, request: ListNodesRequest) -> Result<List, Refusal> {
    let gone = if request.include_gone { Gone::Listed } else { Gone::Left };
    let page = Page::check(permit, request.page_size, request.page_token, &[&format!("{gone:?}")])?;
    Ok(List { page, gone, allow_stale: request.allow_stale })
}

pub(super) fn check_drain(_: &Permitted, request: DrainNodeRequest) -> Result<Turn, Refusal> {
    let writing = given::writing(request.request_id, request.validate_only)?;
    turn(request.node_id, NodeState::Draining, writing)
}

pub(super) fn check_resume(_: &Permitted, request: ResumeNodeRequest) -> Result<Turn, Refusal> {
    let writing = given::writing(request.request_id, request.validate_only)?;
    turn(request.node_id, NodeState::Active, writing)
}

pub(super) fn check_remove(_: &Permitted, request: RemoveNodeRequest) -> Result<Turn, Refusal> {
    let writing = given::writing(request.request_id, request.validate_only)?;
    turn(request.node_id, NodeState::Leaving, writing)
}

pub(super) fn check_can_stop(_: &Permitted, request: CanStopNodeRequest) -> Result<NodeId, Refusal> {
    node(request.node_id)
}

fn there(view: &View, node: NodeId) -> Result<(), Refusal> {
    let missing = || wire::fault(Fault::not_found(Noun::Node, node.0.to_string()));
    if view.members.is_member(node) { Ok(()) } else { Err(missing()) }
}

impl Front {
    pub(super) async fn describe_the_cluster(&self) -> Result<DescribeClusterResponse, Refusal> {
        let status = self.rooms.nodes.status().await.map_err(|error| wire::asked(&error))?;
        let plan = self.rooms.nodes.plan(Change::Nothing).await.map_err(|error| wire::asked(&error))?;
        // Nobody may be there to ask when this is wanted most.
        let view = self.rooms.viewer.now();
        shown::cluster(&view, &status, &plan)
    }

    pub(super) async fn list_the_nodes(&self, checked: Checked<List>) -> Result<ListNodesResponse, Refusal> {
        let (_, List { page, gone, allow_stale }) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let scope = &Rooms::cluster(&view)?.scope;
        let listed = |row: &&Arc<NodeRow>| gone == Gone::Listed || shown::is_there(row);
        // As wide as the widest, so that their order is that of numbers.
        let rows: Vec<_> = view.members.nodes().filter(listed).map(|row| (format!("{:020}", row.id), row)).collect();
        let named = rows.iter().map(|(id, row)| (id.as_str(), *row));
        let (rows, next_page_token) = page.take(&self.rooms.handles, named)?;
        Ok(ListNodesResponse { nodes: rows.into_iter().map(|row| shown::node(scope, row)).collect(), next_page_token })
    }

    /// What moves is planned before the change: behind it, it may have begun.
    pub(super) async fn change_a_node(&self, checked: Checked<Turn>) -> Result<Moved, Refusal> {
        let (permit, Turn { node, state, writing }) = checked.into_parts();
        let plan = self.rooms.nodes.plan(Change::State { node, state }).await;
        let plan = plan.map_err(|error| wire::asked(&error))?;
        let kind = Kind::ChangeNode(ChangeNode { node: node.0, state: state.into() });
        let changed = self.rooms.change(&permit, writing, [0; 16], kind).await?;
        let scope = &Rooms::cluster(&changed.view)?.scope;
        let node = changed.view.members.node(node).map(|row| shown::node(scope, row));
        Ok(Moved { node, plan: Some(shown::plan(&plan)), control_index: changed.index.0 })
    }

    pub(super) async fn can_stop_a_node(&self, checked: Checked<NodeId>) -> Result<CanStopNodeResponse, Refusal> {
        let (_, node) = checked.into_parts();
        there(&self.rooms.viewer.now(), node)?;
        let status = self.rooms.nodes.status().await.map_err(|error| wire::asked(&error))?;
        let obstacles: Vec<String> = status.obstacles(node).iter().map(ToString::to_string).collect();
        Ok(CanStopNodeResponse { can_stop: obstacles.is_empty(), obstacles })
    }
}
