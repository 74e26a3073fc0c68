//! Roles: what callers act as for a while.

use std::collections::BTreeMap;

use tonic::{Request, Response, Status};

use bascule_api::iam::v1::roles_server::Roles;
use bascule_api::iam::v1::{
    AttachRolePolicyRequest, AttachRolePolicyResponse, CreateRoleRequest, CreateRoleResponse, DeleteRolePolicyRequest,
    DeleteRolePolicyResponse, DeleteRoleRequest, DeleteRoleResponse, DetachRolePolicyRequest, DetachRolePolicyResponse,
    GetRoleRequest, GetRoleResponse, ListRolesRequest, ListRolesResponse, PutRolePolicyRequest, PutRolePolicyResponse,
    RevokeRoleSessionsRequest, RevokeRoleSessionsResponse, Role, TagRoleRequest, TagRoleResponse, UntagRoleRequest,
    UntagRoleResponse, UpdateAssumeRolePolicyRequest, UpdateAssumeRolePolicyResponse, UpdateRoleRequest,
    UpdateRoleResponse,
};
use bascule_api::status::Refusal;
use bascule_api::time::timestamp;
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::id;
use bascule_model::limits::SESSION_LEAST_SECONDS;
use bascule_model::name::RoleName;
use bascule_model::principal::{check_description, check_session};
use bascule_model::time::Millis;
use bascule_policy::Kind as Document;
use bascule_routing::realm;
use bascule_statemachine::codec::control::{CreateRole, Kind, Named, UpdateRole};

use crate::family::iam::grants::{self, Holder};
use crate::family::iam::{Acted, Change, given};
use crate::family::{Front, given as asked, tags};
use crate::page::Page;
use crate::rooms::Writing;
use crate::stack::{Checked, Permitted};
use crate::wire;

/// The field of a trust policy.
const TRUST: &str = "AssumeRolePolicyDocument";

struct List {
    page: Page,
    prefix: String,
    allow_stale: bool,
}

struct Revoke {
    name: String,
    writing: Writing,
}

fn name(text: &str) -> Result<String, Refusal> {
    RoleName::parse(text).map(|name| name.as_str().to_owned()).map_err(wire::fault)
}

fn check_create(_: &Permitted, request: CreateRoleRequest) -> Result<Change, Refusal> {
    let name = name(&request.role_name)?;
    check_description(&request.description).map_err(wire::fault)?;
    given::document(TRUST, Document::Trust, &request.assume_role_policy_document)?;
    let max_session_s = match request.max_session_duration_seconds {
        0 => SESSION_LEAST_SECONDS,
        seconds => seconds,
    };
    check_session(max_session_s).map_err(wire::fault)?;
    let kind = Kind::CreateRole(CreateRole {
        name: name.clone(),
        path: given::path(request.path)?,
        description: request.description,
        trust: request.assume_role_policy_document,
        max_session_s,
        boundary: given::boundary(&request.permissions_boundary)?,
        tags: tags::pairs(request.tags)?,
    });
    Ok(Change::new(name, kind, asked::writing(request.request_id, request.validate_only)?))
}

fn check_get(_: &Permitted, request: GetRoleRequest) -> Result<(String, bool), Refusal> {
    Ok((name(&request.role_name)?, request.allow_stale))
}

fn check_list(permit: &Permitted, request: ListRolesRequest) -> Result<List, Refusal> {
    let prefix = request.path_prefix;
    given::path_prefix(&prefix)?;
    let page = Page::check(permit, request.page_size, request.page_token, &[&prefix])?;
    Ok(List { page, prefix, allow_stale: request.allow_stale })
}

fn check_update(_: &Permitted, request: UpdateRoleRequest) -> Result<Change, Refusal> {
    let name = name(&request.role_name)?;
    request.description.as_deref().map_or(Ok(()), check_description).map_err(wire::fault)?;
    request.max_session_duration_seconds.map_or(Ok(()), check_session).map_err(wire::fault)?;
    let kind = Kind::UpdateRole(UpdateRole {
        name: name.clone(),
        description: request.description,
        max_session_s: request.max_session_duration_seconds,
        boundary: request.permissions_boundary.as_deref().map(given::boundary).transpose()?,
        ..UpdateRole::default()
    });
    Ok(Change::new(name, kind, asked::writing(request.request_id, request.validate_only)?))
}

fn check_trust(_: &Permitted, request: UpdateAssumeRolePolicyRequest) -> Result<Change, Refusal> {
    let name = name(&request.role_name)?;
    given::document(TRUST, Document::Trust, &request.assume_role_policy_document)?;
    let trust = Some(request.assume_role_policy_document);
    let kind = Kind::UpdateRole(UpdateRole { name: name.clone(), trust, ..UpdateRole::default() });
    Ok(Change::new(name, kind, asked::writing(request.request_id, request.validate_only)?))
}

fn check_revoke(_: &Permitted, request: RevokeRoleSessionsRequest) -> Result<Revoke, Refusal> {
    let writing = asked::writing(request.request_id, request.validate_only)?;
    Ok(Revoke { name: name(&request.role_name)?, writing })
}

fn check_delete(_: &Permitted, request: DeleteRoleRequest) -> Result<Change, Refusal> {
    let name = name(&request.role_name)?;
    let kind = Kind::DeleteRole(Named { name: name.clone() });
    Ok(Change::new(name, kind, asked::writing(request.request_id, request.validate_only)?))
}

fn check_put_policy(_: &Permitted, request: PutRolePolicyRequest) -> Result<Change, Refusal> {
    let writing = asked::writing(request.request_id, request.validate_only)?;
    Holder::role(&request.role_name)?.put_inline(&request.policy_name, request.policy_document, writing)
}

fn check_delete_policy(_: &Permitted, request: DeleteRolePolicyRequest) -> Result<Change, Refusal> {
    let writing = asked::writing(request.request_id, request.validate_only)?;
    Holder::role(&request.role_name)?.delete_inline(&request.policy_name, writing)
}

fn check_attach(_: &Permitted, request: AttachRolePolicyRequest) -> Result<Change, Refusal> {
    let writing = asked::writing(request.request_id, request.validate_only)?;
    Holder::role(&request.role_name)?.attach(&request.policy_arn, writing)
}

fn check_detach(_: &Permitted, request: DetachRolePolicyRequest) -> Result<Change, Refusal> {
    let writing = asked::writing(request.request_id, request.validate_only)?;
    Holder::role(&request.role_name)?.detach(&request.policy_arn, writing)
}

fn check_tag(_: &Permitted, request: TagRoleRequest) -> Result<Change, Refusal> {
    let writing = asked::writing(request.request_id, request.validate_only)?;
    Holder::role(&request.role_name)?.tag(request.tags, writing)
}

fn check_untag(_: &Permitted, request: UntagRoleRequest) -> Result<Change, Refusal> {
    let writing = asked::writing(request.request_id, request.validate_only)?;
    Holder::role(&request.role_name)?.untag(request.tag_keys, writing)
}

fn shown(role: &realm::Role) -> Role {
    let row = &role.row;
    let grants = row.grants.clone().unwrap_or_default();
    let revoked = Some(row.sessions_revoked_before_ms).filter(|before_ms| *before_ms > 0);
    Role {
        role_name: row.name.clone(),
        arn: role.arn.clone(),
        path: row.path.clone(),
        description: row.description.clone(),
        assume_role_policy_document: row.trust.clone(),
        max_session_duration_seconds: row.max_session_s,
        inline_policies: grants::inline(&grants),
        tags: grants::tags(&grants),
        permissions_boundary: grants.boundary,
        attached_policy_arns: grants.attached,
        sessions_revoked_before_time: revoked.map(|before_ms| timestamp(Millis(before_ms))),
        creation_time: Some(timestamp(Millis(row.created_ms))),
        last_modified_time: Some(timestamp(Millis(row.changed_ms))),
    }
}

/// As one of a page, which is one message: without what may be long.
fn listed(role: Role) -> Role {
    let (inline_policies, tags) = (Vec::new(), BTreeMap::new());
    Role { assume_role_policy_document: String::new(), inline_policies, tags, ..role }
}

fn after(acted: &Acted) -> Option<Role> {
    acted.changed.view.realm.role(acted.account, &acted.name).map(|role| shown(role))
}

impl Front {
    async fn get_the_role(&self, checked: Checked<(String, bool)>) -> Result<GetRoleResponse, Refusal> {
        let (permit, (name, allow_stale)) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let role = view.realm.role(permit.account(), &name);
        let role = role.ok_or_else(|| wire::fault(Fault::not_found(Noun::Role, name)))?;
        Ok(GetRoleResponse { role: Some(shown(role)) })
    }

    async fn list_the_roles(&self, checked: Checked<List>) -> Result<ListRolesResponse, Refusal> {
        let (permit, List { page, prefix, allow_stale }) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let roles = view.realm.roles(permit.account()).filter(|role| role.row.path.starts_with(&prefix));
        let roles: Vec<_> = roles.map(|role| (role.row.name.to_ascii_lowercase(), role)).collect();
        let named = roles.iter().map(|(name, role)| (name.as_str(), *role));
        let (roles, next_page_token) = page.take(&self.rooms.handles, named)?;
        let roles = roles.into_iter().map(|role| listed(shown(role))).collect();
        Ok(ListRolesResponse { roles, next_page_token })
    }

    async fn revoke_sessions(&self, checked: Checked<Revoke>) -> Result<RevokeRoleSessionsResponse, Refusal> {
        let (permit, Revoke { name, writing }) = checked.into_parts();
        // A repeat comes at another time, and is the same request.
        let content = id::hash("content", &[name.as_bytes()]);
        // One more, so that sessions of this very millisecond are over too.
        let before_ms = self.rooms.clock.wall().0.saturating_add(1);
        let update =
            UpdateRole { name: name.clone(), sessions_revoked_before_ms: Some(before_ms), ..UpdateRole::default() };
        let change = Change { name, kind: Kind::UpdateRole(update), content, writing };
        let acted = self.act_for(&permit, change).await?;
        Ok(RevokeRoleSessionsResponse { role: after(&acted), control_index: acted.index() })
    }
}

#[tonic::async_trait]
impl Roles for Front {
    async fn create_role(&self, request: Request<CreateRoleRequest>) -> Result<Response<CreateRoleResponse>, Status> {
        let work = async |checked| {
            let acted = self.act(checked).await?;
            Ok(CreateRoleResponse { role: after(&acted), control_index: acted.index() })
        };
        self.stack.run(request, check_create, work).await
    }

    async fn get_role(&self, request: Request<GetRoleRequest>) -> Result<Response<GetRoleResponse>, Status> {
        self.stack.run(request, check_get, |checked| self.get_the_role(checked)).await
    }

    async fn list_roles(&self, request: Request<ListRolesRequest>) -> Result<Response<ListRolesResponse>, Status> {
        self.stack.run(request, check_list, |checked| self.list_the_roles(checked)).await
    }

    async fn update_role(&self, request: Request<UpdateRoleRequest>) -> Result<Response<UpdateRoleResponse>, Status> {
        let work = async |checked| {
            let acted = self.act(checked).await?;
            Ok(UpdateRoleResponse { role: after(&acted), control_index: acted.index() })
        };
        self.stack.run(request, check_update, work).await
    }

    async fn update_assume_role_policy(
        &self,
        request: Request<UpdateAssumeRolePolicyRequest>,
    ) -> Result<Response<UpdateAssumeRolePolicyResponse>, Status> {
        let work = async |checked| {
            let acted = self.act(checked).await?;
            Ok(UpdateAssumeRolePolicyResponse { role: after(&acted), control_index: acted.index() })
        };
        self.stack.run(request, check_trust, work).await
    }

    async fn revoke_role_sessions(
        &self,
        request: Request<RevokeRoleSessionsRequest>,
    ) -> Result<Response<RevokeRoleSessionsResponse>, Status> {
        self.stack.run(request, check_revoke, |checked| self.revoke_sessions(checked)).await
    }

    async fn delete_role(&self, request: Request<DeleteRoleRequest>) -> Result<Response<DeleteRoleResponse>, Status> {
        let work = async |checked| Ok(DeleteRoleResponse { control_index: self.act(checked).await?.index() });
        self.stack.run(request, check_delete, work).await
    }

    async fn put_role_policy(
        &self,
        request: Request<PutRolePolicyRequest>,
    ) -> Result<Response<PutRolePolicyResponse>, Status> {
        let work = async |checked| Ok(PutRolePolicyResponse { control_index: self.act(checked).await?.index() });
        self.stack.run(request, check_put_policy, work).await
    }

    async fn delete_role_policy(
        &self,
        request: Request<DeleteRolePolicyRequest>,
    ) -> Result<Response<DeleteRolePolicyResponse>, Status> {
        let work = async |checked| Ok(DeleteRolePolicyResponse { control_index: self.act(checked).await?.index() });
        self.stack.run(request, check_delete_policy, work).await
    }

    async fn attach_role_policy(
        &self,
        request: Request<AttachRolePolicyRequest>,
    ) -> Result<Response<AttachRolePolicyResponse>, Status> {
        let work = async |checked| Ok(AttachRolePolicyResponse { control_index: self.act(checked).await?.index() });
        self.stack.run(request, check_attach, work).await
    }

    async fn detach_role_policy(
        &self,
        request: Request<DetachRolePolicyRequest>,
    ) -> Result<Response<DetachRolePolicyResponse>, Status> {
        let work = async |checked| Ok(DetachRolePolicyResponse { control_index: self.act(checked).await?.index() });
        self.stack.run(request, check_detach, work).await
    }

    async fn tag_role(&self, request: Request<TagRoleRequest>) -> Result<Response<TagRoleResponse>, Status> {
        let work = async |checked| Ok(TagRoleResponse { control_index: self.act(checked).await?.index() });
        self.stack.run(request, check_tag, work).await
    }

    async fn untag_role(&self, request: Request<UntagRoleRequest>) -> Result<Response<UntagRoleResponse>, Status> {
        let work = async |checked| Ok(UntagRoleResponse { control_index: self.act(checked).await?.index() });
        self.stack.run(request, check_untag, work).await
    }
}
