//! Users: services with certificates.

use std::collections::BTreeMap;

use tonic::{Request, Response, Status};

use bascule_api::iam::v1::users_server::Users;
use bascule_api::iam::v1::{
    AttachUserPolicyRequest, AttachUserPolicyResponse, CreateUserRequest, CreateUserResponse, DeleteUserPolicyRequest,
    DeleteUserPolicyResponse, DeleteUserRequest, DeleteUserResponse, DetachUserPolicyRequest, DetachUserPolicyResponse,
    GetUserRequest, GetUserResponse, ListUsersRequest, ListUsersResponse, PutUserPolicyRequest, PutUserPolicyResponse,
    SetUserIdentitiesRequest, SetUserIdentitiesResponse, TagUserRequest, TagUserResponse, UntagUserRequest,
    UntagUserResponse, UpdateUserRequest, UpdateUserResponse, User,
};
use bascule_api::status::Refusal;
use bascule_api::time::timestamp;
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::identity::{self, Identity};
use bascule_model::name::UserName;
use bascule_model::principal::check_description;
use bascule_model::time::Millis;
use bascule_routing::realm;
use bascule_statemachine::codec::control::{self, CreateUser, IdentityKind, Kind, Named, SetIdentities, UpdateUser};

use crate::family::iam::grants::{self, Holder};
use crate::family::iam::{Acted, Change, given};
use crate::family::{Front, given as asked, tags};
use crate::page::Page;
use crate::stack::{Checked, Permitted};
use crate::wire;

struct List {
    page: Page,
    prefix: String,
    allow_stale: bool,
}

fn name(text: &str) -> Result<String, Refusal> {
    UserName::parse(text).map(|name| name.as_str().to_owned()).map_err(wire::fault)
}

fn check_create(_: &Permitted, request: CreateUserRequest) -> Result<Change, Refusal> {
    let name = name(&request.user_name)?;
    check_description(&request.description).map_err(wire::fault)?;
    let kind = Kind::CreateUser(CreateUser {
        name: name.clone(),
        path: given::path(request.path)?,
        description: request.description,
        boundary: given::boundary(&request.permissions_boundary)?,
        tags: tags::pairs(request.tags)?,
        identities: given::identities(&request.identities)?,
    });
    Ok(Change::new(name, kind, asked::writing(request.request_id, request.validate_only)?))
}

fn check_get(_: &Permitted, request: GetUserRequest) -> Result<(String, bool), Refusal> {
    Ok((name(&request.user_name)?, request.allow_stale))
}

fn check_list(permit: &Permitted, request: ListUsersRequest) -> Result<List, Refusal> {
    let prefix = request.path_prefix;
    given::path_prefix(&prefix)?;
    let page = Page::check(permit, request.page_size, request.page_token, &[&prefix])?;
    Ok(List { page, prefix, allow_stale: request.allow_stale })
}

fn check_update(_: &Permitted, request: UpdateUserRequest) -> Result<Change, Refusal> {
    let name = name(&request.user_name)?;
    request.description.as_deref().map_or(Ok(()), check_description).map_err(wire::fault)?;
    let boundary = request.permissions_boundary.as_deref().map(given::boundary).transpose()?;
    let kind = Kind::UpdateUser(UpdateUser { name: name.clone(), description: request.description, boundary });
    Ok(Change::new(name, kind, asked::writing(request.request_id, request.validate_only)?))
}

fn check_delete(_: &Permitted, request: DeleteUserRequest) -> Result<Change, Refusal> {
    let name = name(&request.user_name)?;
    let kind = Kind::DeleteUser(Named { name: name.clone() });
    Ok(Change::new(name, kind, asked::writing(request.request_id, request.validate_only)?))
}

fn check_identities(_: &Permitted, request: SetUserIdentitiesRequest) -> Result<Change, Refusal> {
    let name = name(&request.user_name)?;
    let identities = given::identities(&request.identities)?;
    let kind = Kind::SetIdentities(SetIdentities { user: name.clone(), identities });
    Ok(Change::new(name, kind, asked::writing(request.request_id, request.validate_only)?))
}

fn check_put_policy(_: &Permitted, request: PutUserPolicyRequest) -> Result<Change, Refusal> {
    let writing = asked::writing(request.request_id, request.validate_only)?;
    Holder::user(&request.user_name)?.put_inline(&request.policy_name, request.policy_document, writing)
}

fn check_delete_policy(_: &Permitted, request: DeleteUserPolicyRequest) -> Result<Change, Refusal> {
    let writing = asked::writing(request.request_id, request.validate_only)?;
    Holder::user(&request.user_name)?.delete_inline(&request.policy_name, writing)
}

fn check_attach(_: &Permitted, request: AttachUserPolicyRequest) -> Result<Change, Refusal> {
    let writing = asked::writing(request.request_id, request.validate_only)?;
    Holder::user(&request.user_name)?.attach(&request.policy_arn, writing)
}

fn check_detach(_: &Permitted, request: DetachUserPolicyRequest) -> Result<Change, Refusal> {
    let writing = asked::writing(request.request_id, request.validate_only)?;
    Holder::user(&request.user_name)?.detach(&request.policy_arn, writing)
}

fn check_tag(_: &Permitted, request: TagUserRequest) -> Result<Change, Refusal> {
    let writing = asked::writing(request.request_id, request.validate_only)?;
    Holder::user(&request.user_name)?.tag(request.tags, writing)
}

fn check_untag(_: &Permitted, request: UntagUserRequest) -> Result<Change, Refusal> {
    let writing = asked::writing(request.request_id, request.validate_only)?;
    Holder::user(&request.user_name)?.untag(request.tag_keys, writing)
}

/// An identity's text; of a kind of a later build its value, so that it is seen to be there.
fn shown_identity(identity: &control::Identity) -> String {
    let kind = match identity.kind() {
        IdentityKind::Spiffe => identity::IdentityKind::Spiffe,
        IdentityKind::Dns => identity::IdentityKind::Dns,
        IdentityKind::Uri => identity::IdentityKind::Uri,
        IdentityKind::Unspecified => return identity.value.clone(),
    };
    Identity::new(kind, &identity.value).map_or_else(|_| identity.value.clone(), |identity| identity.to_string())
}

fn shown(user: &realm::User) -> User {
    let row = &user.row;
    let grants = row.grants.clone().unwrap_or_default();
    User {
        user_name: row.name.clone(),
        arn: user.arn.clone(),
        path: row.path.clone(),
        description: row.description.clone(),
        identities: row.identities.iter().map(shown_identity).collect(),
        inline_policies: grants::inline(&grants),
        tags: grants::tags(&grants),
        permissions_boundary: grants.boundary,
        attached_policy_arns: grants.attached,
        creation_time: Some(timestamp(Millis(row.created_ms))),
        last_modified_time: Some(timestamp(Millis(row.changed_ms))),
    }
}

/// As one of a page, which is one message: without what may be long.
fn listed(user: User) -> User {
    User { inline_policies: Vec::new(), tags: BTreeMap::new(), ..user }
}

fn after(acted: &Acted) -> Option<User> {
    acted.changed.view.realm.user(acted.account, &acted.name).map(|user| shown(user))
}

impl Front {
    async fn get_the_user(&self, checked: Checked<(String, bool)>) -> Result<GetUserResponse, Refusal> {
        let (permit, (name, allow_stale)) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let user = view.realm.user(permit.account(), &name);
        let user = user.ok_or_else(|| wire::fault(Fault::not_found(Noun::User, name)))?;
        Ok(GetUserResponse { user: Some(shown(user)) })
    }

    async fn list_the_users(&self, checked: Checked<List>) -> Result<ListUsersResponse, Refusal> {
        let (permit, List { page, prefix, allow_stale }) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let users = view.realm.users(permit.account()).filter(|user| user.row.path.starts_with(&prefix));
        let users: Vec<_> = users.map(|user| (user.row.name.to_ascii_lowercase(), user)).collect();
        let named = users.iter().map(|(name, user)| (name.as_str(), *user));
        let (users, next_page_token) = page.take(&self.rooms.handles, named)?;
        let users = users.into_iter().map(|user| listed(shown(user))).collect();
        Ok(ListUsersResponse { users, next_page_token })
    }
}

#[tonic::async_trait]
impl Users for Front {
    async fn create_user(&self, request: Request<CreateUserRequest>) -> Result<Response<CreateUserResponse>, Status> {
        let work = async |checked| {
            let acted = self.act(checked).await?;
            Ok(CreateUserResponse { user: after(&acted), control_index: acted.index() })
        };
        self.stack.run(request, check_create, work).await
    }

    async fn get_user(&self, request: Request<GetUserRequest>) -> Result<Response<GetUserResponse>, Status> {
        self.stack.run(request, check_get, |checked| self.get_the_user(checked)).await
    }

    async fn list_users(&self, request: Request<ListUsersRequest>) -> Result<Response<ListUsersResponse>, Status> {
        self.stack.run(request, check_list, |checked| self.list_the_users(checked)).await
    }

    async fn update_user(&self, request: Request<UpdateUserRequest>) -> Result<Response<UpdateUserResponse>, Status> {
        let work = async |checked| {
            let acted = self.act(checked).await?;
            Ok(UpdateUserResponse { user: after(&acted), control_index: acted.index() })
        };
        self.stack.run(request, check_update, work).await
    }

    async fn delete_user(&self, request: Request<DeleteUserRequest>) -> Result<Response<DeleteUserResponse>, Status> {
        let work = async |checked| Ok(DeleteUserResponse { control_index: self.act(checked).await?.index() });
        self.stack.run(request, check_delete, work).await
    }

    async fn set_user_identities(
        &self,
        request: Request<SetUserIdentitiesRequest>,
    ) -> Result<Response<SetUserIdentitiesResponse>, Status> {
        let work = async |checked| {
            let acted = self.act(checked).await?;
            Ok(SetUserIdentitiesResponse { user: after(&acted), control_index: acted.index() })
        };
        self.stack.run(request, check_identities, work).await
    }

    async fn put_user_policy(
        &self,
        request: Request<PutUserPolicyRequest>,
    ) -> Result<Response<PutUserPolicyResponse>, Status> {
        let work = async |checked| Ok(PutUserPolicyResponse { control_index: self.act(checked).await?.index() });
        self.stack.run(request, check_put_policy, work).await
    }

    async fn delete_user_policy(
        &self,
        request: Request<DeleteUserPolicyRequest>,
    ) -> Result<Response<DeleteUserPolicyResponse>, Status> {
        let work = async |checked| Ok(DeleteUserPolicyResponse { control_index: self.act(checked).await?.index() });
        self.stack.run(request, check_delete_policy, work).await
    }

    async fn attach_user_policy(
        &self,
        request: Request<AttachUserPolicyRequest>,
    ) -> Result<Response<AttachUserPolicyResponse>, Status> {
        let work = async |checked| Ok(AttachUserPolicyResponse { control_index: self.act(checked).await?.index() });
        self.stack.run(request, check_attach, work).await
    }

    async fn detach_user_policy(
        &self,
        request: Request<DetachUserPolicyRequest>,
    ) -> Result<Response<DetachUserPolicyResponse>, Status> {
        let work = async |checked| Ok(DetachUserPolicyResponse { control_index: self.act(checked).await?.index() });
        self.stack.run(request, check_detach, work).await
    }

    async fn tag_user(&self, request: Request<TagUserRequest>) -> Result<Response<TagUserResponse>, Status> {
        let work = async |checked| Ok(TagUserResponse { control_index: self.act(checked).await?.index() });
        self.stack.run(request, check_tag, work).await
    }

    async fn untag_user(&self, request: Request<UntagUserRequest>) -> Result<Response<UntagUserResponse>, Status> {
        let work = async |checked| Ok(UntagUserResponse { control_index: self.act(checked).await?.index() });
        self.stack.run(request, check_untag, work).await
    }
}
