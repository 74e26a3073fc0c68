//! The cluster for operators: its nodes, its groups, and the tokens by which nodes join.
//!
//! In: checked requests of `bascule.admin.v1.Cluster`.
//! Out: answers made of the view and of what the port to all nodes sees; changes with what they move.
//! Never: a step of a plan taken here, a token shown twice, or which change of a node may be, which apply says.

mod nodes;
mod shown;
mod tokens;

use tonic::{Request, Response, Status};

use bascule_api::admin::v1::cluster_server::Cluster;
use bascule_api::admin::v1::{
    CanStopNodeRequest, CanStopNodeResponse, CreateJoinTokenRequest, CreateJoinTokenResponse, DeleteJoinTokenRequest,
    DeleteJoinTokenResponse, DescribeClusterRequest, DescribeClusterResponse, DrainNodeRequest, DrainNodeResponse,
    ListJoinTokensRequest, ListJoinTokensResponse, ListNodesRequest, ListNodesResponse, RemoveNodeRequest,
    RemoveNodeResponse, ResumeNodeRequest, ResumeNodeResponse,
};

use crate::family::Front;
use crate::stack::Permitted;

#[tonic::async_trait]
impl Cluster for Front {
    async fn describe_cluster(
        &self,
        request: Request<DescribeClusterRequest>,
    ) -> Result<Response<DescribeClusterResponse>, Status> {
        let check = |_: &Permitted, _: DescribeClusterRequest| Ok(());
        self.stack.run(request, check, |_| self.describe_the_cluster()).await
    }

    async fn list_nodes(&self, request: Request<ListNodesRequest>) -> Result<Response<ListNodesResponse>, Status> {
        self.stack.run(request, nodes::check_list, |checked| self.list_the_nodes(checked)).await
    }

    async fn create_join_token(
        &self,
        request: Request<CreateJoinTokenRequest>,
    ) -> Result<Response<CreateJoinTokenResponse>, Status> {
        self.stack.run(request, tokens::check_create, |checked| self.create_a_join_token(checked)).await
    }

    async fn list_join_tokens(
        &self,
        request: Request<ListJoinTokensRequest>,
    ) -> Result<Response<ListJoinTokensResponse>, Status> {
        self.stack.run(request, tokens::check_list, |checked| self.list_the_join_tokens(checked)).await
    }

    async fn delete_join_token(
        &self,
        request: Request<DeleteJoinTokenRequest>,
    ) -> Result<Response<DeleteJoinTokenResponse>, Status> {
        self.stack.run(request, tokens::check_delete, |checked| self.delete_a_join_token(checked)).await
    }

    async fn drain_node(&self, request: Request<DrainNodeRequest>) -> Result<Response<DrainNodeResponse>, Status> {
        let work = async |checked| {
            let nodes::Moved { node, plan, control_index } = self.change_a_node(checked).await?;
            Ok(DrainNodeResponse { node, plan, control_index })
        };
        self.stack.run(request, nodes::check_drain, work).await
    }

    async fn resume_node(&self, request: Request<ResumeNodeRequest>) -> Result<Response<ResumeNodeResponse>, Status> {
        let work = async |checked| {
            let nodes::Moved { node, plan, control_index } = self.change_a_node(checked).await?;
            Ok(ResumeNodeResponse { node, plan, control_index })
        };
        self.stack.run(request, nodes::check_resume, work).await
    }

    async fn remove_node(&self, request: Request<RemoveNodeRequest>) -> Result<Response<RemoveNodeResponse>, Status> {
        let work = async |checked| {
            let nodes::Moved { node, plan, control_index } = self.change_a_node(checked).await?;
            Ok(RemoveNodeResponse { node, plan, control_index })
        };
        self.stack.run(request, nodes::check_remove, work).await
    }

    async fn can_stop_node(
        &self,
        request: Request<CanStopNodeRequest>,
    ) -> Result<Response<CanStopNodeResponse>, Status> {
        self.stack.run(request, nodes::check_can_stop, |checked| self.can_stop_a_node(checked)).await
    }
}
