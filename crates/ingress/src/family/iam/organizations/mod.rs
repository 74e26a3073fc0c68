//! The organisation: its tree of units and accounts, and the control policies of their nodes.
//!
//! In: checked requests of `bascule.iam.v1.Organizations`.
//! Out: answers made of the view's realm, or of what a proposal did.
//! Never: who may change the tree, which apply says: its management account alone.

mod control_policies;
mod shown;
mod tree;

use tonic::{Request, Response, Status};

use bascule_api::iam::v1::organizations_server::Organizations;
use bascule_api::iam::v1::{
    AttachControlPolicyRequest, AttachControlPolicyResponse, CloseAccountRequest, CloseAccountResponse,
    CreateAccountRequest, CreateAccountResponse, CreateControlPolicyRequest, CreateControlPolicyResponse,
    CreateOrganizationalUnitRequest, CreateOrganizationalUnitResponse, DeleteControlPolicyRequest,
    DeleteControlPolicyResponse, DeleteOrganizationalUnitRequest, DeleteOrganizationalUnitResponse,
    DescribeAccountRequest, DescribeAccountResponse, DescribeControlPolicyRequest, DescribeControlPolicyResponse,
    DescribeOrganizationRequest, DescribeOrganizationResponse, DetachControlPolicyRequest, DetachControlPolicyResponse,
    ListAccountsRequest, ListAccountsResponse, ListControlPoliciesRequest, ListControlPoliciesResponse,
    ListOrganizationalUnitsRequest, ListOrganizationalUnitsResponse, MoveAccountRequest, MoveAccountResponse,
    ReopenAccountRequest, ReopenAccountResponse, UpdateControlPolicyRequest, UpdateControlPolicyResponse,
    UpdateOrganizationalUnitRequest, UpdateOrganizationalUnitResponse,
};

use crate::family::Front;

#[tonic::async_trait]
impl Organizations for Front {
    async fn describe_organization(
        &self,
        request: Request<DescribeOrganizationRequest>,
    ) -> Result<Response<DescribeOrganizationResponse>, Status> {
        self.stack.run(request, tree::check_describe, |checked| self.describe_the_organization(checked)).await
    }

    async fn create_organizational_unit(
        &self,
        request: Request<CreateOrganizationalUnitRequest>,
    ) -> Result<Response<CreateOrganizationalUnitResponse>, Status> {
        self.stack.run(request, tree::check_create_unit, |checked| self.create_a_unit(checked)).await
    }

    async fn update_organizational_unit(
        &self,
        request: Request<UpdateOrganizationalUnitRequest>,
    ) -> Result<Response<UpdateOrganizationalUnitResponse>, Status> {
        let work = async |checked| {
            let (organizational_unit, control_index) = self.change_a_unit(checked).await?;
            Ok(UpdateOrganizationalUnitResponse { organizational_unit, control_index })
        };
        self.stack.run(request, tree::check_update_unit, work).await
    }

    async fn delete_organizational_unit(
        &self,
        request: Request<DeleteOrganizationalUnitRequest>,
    ) -> Result<Response<DeleteOrganizationalUnitResponse>, Status> {
        let work =
            async |checked| Ok(DeleteOrganizationalUnitResponse { control_index: self.act(checked).await?.index() });
        self.stack.run(request, tree::check_delete_unit, work).await
    }

    async fn list_organizational_units(
        &self,
        request: Request<ListOrganizationalUnitsRequest>,
    ) -> Result<Response<ListOrganizationalUnitsResponse>, Status> {
        self.stack.run(request, tree::check_list_units, |checked| self.list_the_units(checked)).await
    }

    async fn create_account(
        &self,
        request: Request<CreateAccountRequest>,
    ) -> Result<Response<CreateAccountResponse>, Status> {
        self.stack.run(request, tree::check_create_account, |checked| self.create_an_account(checked)).await
    }

    async fn describe_account(
        &self,
        request: Request<DescribeAccountRequest>,
    ) -> Result<Response<DescribeAccountResponse>, Status> {
        self.stack.run(request, tree::check_describe_account, |checked| self.describe_an_account(checked)).await
    }

    async fn list_accounts(
        &self,
        request: Request<ListAccountsRequest>,
    ) -> Result<Response<ListAccountsResponse>, Status> {
        self.stack.run(request, tree::check_list_accounts, |checked| self.list_the_accounts(checked)).await
    }

    async fn move_account(
        &self,
        request: Request<MoveAccountRequest>,
    ) -> Result<Response<MoveAccountResponse>, Status> {
        let work = async |checked| {
            let (account, control_index) = self.change_an_account(checked).await?;
            Ok(MoveAccountResponse { account, control_index })
        };
        self.stack.run(request, tree::check_move_account, work).await
    }

    async fn close_account(
        &self,
        request: Request<CloseAccountRequest>,
    ) -> Result<Response<CloseAccountResponse>, Status> {
        let work = async |checked| {
            let (account, control_index) = self.change_an_account(checked).await?;
            Ok(CloseAccountResponse { account, control_index })
        };
        self.stack.run(request, tree::check_close_account, work).await
    }

    async fn reopen_account(
        &self,
        request: Request<ReopenAccountRequest>,
    ) -> Result<Response<ReopenAccountResponse>, Status> {
        let work = async |checked| {
            let (account, control_index) = self.change_an_account(checked).await?;
            Ok(ReopenAccountResponse { account, control_index })
        };
        self.stack.run(request, tree::check_reopen_account, work).await
    }

    async fn create_control_policy(
        &self,
        request: Request<CreateControlPolicyRequest>,
    ) -> Result<Response<CreateControlPolicyResponse>, Status> {
        self.stack.run(request, control_policies::check_create, |checked| self.create_a_control_policy(checked)).await
    }

    async fn update_control_policy(
        &self,
        request: Request<UpdateControlPolicyRequest>,
    ) -> Result<Response<UpdateControlPolicyResponse>, Status> {
        self.stack.run(request, control_policies::check_update, |checked| self.update_a_control_policy(checked)).await
    }

    async fn describe_control_policy(
        &self,
        request: Request<DescribeControlPolicyRequest>,
    ) -> Result<Response<DescribeControlPolicyResponse>, Status> {
        let work = |checked| self.describe_a_control_policy(checked);
        self.stack.run(request, control_policies::check_describe, work).await
    }

    async fn list_control_policies(
        &self,
        request: Request<ListControlPoliciesRequest>,
    ) -> Result<Response<ListControlPoliciesResponse>, Status> {
        self.stack.run(request, control_policies::check_list, |checked| self.list_the_control_policies(checked)).await
    }

    async fn delete_control_policy(
        &self,
        request: Request<DeleteControlPolicyRequest>,
    ) -> Result<Response<DeleteControlPolicyResponse>, Status> {
        let work = async |checked| {
            Ok(DeleteControlPolicyResponse { control_index: self.delete_a_control_policy(checked).await? })
        };
        self.stack.run(request, control_policies::check_delete, work).await
    }

    async fn attach_control_policy(
        &self,
        request: Request<AttachControlPolicyRequest>,
    ) -> Result<Response<AttachControlPolicyResponse>, Status> {
        let work = async |checked| Ok(AttachControlPolicyResponse { control_index: self.act(checked).await?.index() });
        self.stack.run(request, control_policies::check_attach, work).await
    }

    async fn detach_control_policy(
        &self,
        request: Request<DetachControlPolicyRequest>,
    ) -> Result<Response<DetachControlPolicyResponse>, Status> {
        let work = async |checked| Ok(DetachControlPolicyResponse { control_index: self.act(checked).await?.index() });
        self.stack.run(request, control_policies::check_detach, work).await
    }
}
