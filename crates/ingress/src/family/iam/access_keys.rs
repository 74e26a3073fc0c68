//! Access keys: a user's id and secret for signing. The secret goes out once, to whoever made the key.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use bascule_api::iam::v1::access_keys_server::AccessKeys;
use bascule_api::iam::v1::{
    AccessKey, AccessKeyStatus, CreateAccessKeyRequest, CreateAccessKeyResponse, DeleteAccessKeyRequest,
    DeleteAccessKeyResponse, ListAccessKeysRequest, ListAccessKeysResponse, UpdateAccessKeyRequest,
    UpdateAccessKeyResponse,
};
use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_api::time::timestamp;
use bascule_api::v1::Secret as Shown;
use bascule_model::connection::Secret;
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::id;
use bascule_model::name::{AccessKeyId, AccountId, UserName};
use bascule_model::time::Millis;
use bascule_routing::access_keys::{self, Drawn};
use bascule_routing::realm::User;
use bascule_routing::view::View;
use bascule_statemachine::codec::control::rows::AccessKey as Held;
use bascule_statemachine::codec::control::{AccessKeyName, CreateAccessKey, Kind, UpdateAccessKey};

use crate::family::iam::{Acted, Change};
use crate::family::{Front, given as asked};
use crate::limits::SECRET_SHOWN_AGAIN_LIMIT_MS;
use crate::page::Page;
use crate::rooms::{Changed, Writing};
use crate::stack::{Checked, Permitted};
use crate::wire;

struct Create {
    user: String,
    /// Hash of who asked for what: nobody else's repeat shows the secret.
    content: [u8; 16],
    writing: Writing,
}

struct List {
    user: String,
    page: Page,
    allow_stale: bool,
}

/// A key that was made, with its secret while that may be shown.
struct Made {
    key: Option<AccessKey>,
    secret: Option<Secret>,
    index: u64,
}

/// The user who is named, or calls.
fn user(permit: &Permitted, text: &str) -> Result<String, Refusal> {
    if !text.is_empty() {
        return UserName::parse(text).map(|name| name.as_str().to_owned()).map_err(wire::fault);
    }
    let name = permit.caller()?.user_name().map(str::to_owned);
    name.ok_or_else(|| wire::field("UserName", "it must be there, since the caller is no user", ""))
}

fn key_id(text: &str) -> Result<String, Refusal> {
    AccessKeyId::parse(text).map(|id| id.as_str().to_owned()).map_err(wire::fault)
}

fn check_create(permit: &Permitted, request: CreateAccessKeyRequest) -> Result<Create, Refusal> {
    let user = user(permit, &request.user_name)?;
    let content = id::hash("content", &[permit.caller()?.arn().as_bytes(), user.as_bytes()]);
    Ok(Create { user, content, writing: asked::writing(request.request_id, request.validate_only)? })
}

fn check_list(permit: &Permitted, request: ListAccessKeysRequest) -> Result<List, Refusal> {
    let user = user(permit, &request.user_name)?;
    let page = Page::check(permit, request.page_size, request.page_token, &[&user])?;
    Ok(List { user, page, allow_stale: request.allow_stale })
}

fn check_update(permit: &Permitted, request: UpdateAccessKeyRequest) -> Result<Change, Refusal> {
    let active = match request.status() {
        AccessKeyStatus::Active => true,
        AccessKeyStatus::Inactive => false,
        AccessKeyStatus::Unspecified => return Err(wire::field("Status", "it must be ACTIVE or INACTIVE", "")),
    };
    let (user, id) = (user(permit, &request.user_name)?, key_id(&request.access_key_id)?);
    let kind = Kind::UpdateAccessKey(UpdateAccessKey { user, id: id.clone(), active });
    Ok(Change::new(id, kind, asked::writing(request.request_id, request.validate_only)?))
}

fn check_delete(permit: &Permitted, request: DeleteAccessKeyRequest) -> Result<Change, Refusal> {
    let (user, id) = (user(permit, &request.user_name)?, key_id(&request.access_key_id)?);
    let kind = Kind::DeleteAccessKey(AccessKeyName { user, id: id.clone() });
    Ok(Change::new(id, kind, asked::writing(request.request_id, request.validate_only)?))
}

fn shown(user: &User, key: &Held) -> AccessKey {
    let status = if key.active { AccessKeyStatus::Active } else { AccessKeyStatus::Inactive };
    AccessKey {
        user_name: user.row.name.clone(),
        access_key_id: key.id.clone(),
        status: status.into(),
        creation_time: Some(timestamp(Millis(key.created_ms))),
    }
}

/// A key that the view does not have yet.
fn shown_drawn(user: &User, drawn: &Drawn) -> AccessKey {
    AccessKey {
        user_name: user.row.name.clone(),
        access_key_id: drawn.id.to_string(),
        status: AccessKeyStatus::Active.into(),
        creation_time: None,
    }
}

fn after(acted: &Acted) -> Option<AccessKey> {
    acted.changed.view.realm.access_key(&acted.name).map(|(user, key)| shown(user, key))
}

fn existing(view: &View, account: AccountId, name: &str) -> Result<Arc<User>, Refusal> {
    let user = view.realm.user(account, name).map(Arc::clone);
    user.ok_or_else(|| wire::fault(Fault::not_found(Noun::User, name)))
}

impl Front {
    async fn create_the_access_key(&self, checked: Checked<Create>) -> Result<CreateAccessKeyResponse, Refusal> {
        let (permit, Create { user, content, writing }) = checked.into_parts();
        let view = self.rooms.view(false).await?;
        let user = existing(&view, permit.account(), &user)?;
        let drawn = access_keys::draw(&self.rooms.vault, &view, &user).await.map_err(|error| wire::sealed(&error))?;
        let kind = Kind::CreateAccessKey(CreateAccessKey {
            user: user.row.name.clone(),
            user_uid: user.row.uid,
            id: drawn.id.to_string(),
            sealed: drawn.sealed.clone(),
        });
        let (only_validated, named) = (writing.validate_only, !writing.request_id.is_empty());
        let changed = self.rooms.change(&permit, writing, content, kind).await?;
        let made = match (only_validated, named) {
            // Nobody keeps what was drawn for it.
            (true, _) => Made { key: None, secret: None, index: changed.index.0 },
            (false, false) => {
                let found = changed.view.realm.access_key(drawn.id.as_str());
                let key = found.map_or_else(|| shown_drawn(&user, &drawn), |(user, key)| shown(user, key));
                Made { key: Some(key), secret: Some(drawn.secret), index: changed.index.0 }
            }
            (false, true) => self.made_once(&user, drawn, &changed).await?,
        };
        let Made { key: access_key, secret, index: control_index } = made;
        let secret_access_key = secret.map(|secret| Shown { value: secret.reveal().to_owned() });
        Ok(CreateAccessKeyResponse { access_key, secret_access_key, control_index })
    }

    /// The key of a request with a name, which another call may have made before: then that one, and its secret for a while.
    async fn made_once(&self, user: &User, drawn: Drawn, changed: &Changed) -> Result<Made, Refusal> {
        let Changed { done, index, view } = changed;
        let index_seen = index.0;
        let holder = existing(view, user.account, &user.row.name)?;
        let Some(key) = holder.row.access_keys.iter().find(|key| key.uid == done.uid.0) else {
            if view.index < *index {
                return Err(wire::stale());
            }
            return Err(Refusal::new(
                Reason::ResourceNotFound,
                "the access key that this request made was deleted since",
            ));
        };
        let shown = Some(shown(&holder, key));
        if key.id == drawn.id.as_str() {
            return Ok(Made { key: shown, secret: Some(drawn.secret), index: index_seen });
        }
        let age_ms = self.rooms.clock.wall().0.saturating_sub(key.created_ms);
        let secret = match age_ms < SECRET_SHOWN_AGAIN_LIMIT_MS {
            true => Some(access_keys::secret(&self.rooms.vault, view, &holder, key).await),
            false => None,
        };
        let secret = secret.transpose().map_err(|error| wire::sealed(&error))?;
        Ok(Made { key: shown, secret, index: index_seen })
    }

    async fn list_the_access_keys(&self, checked: Checked<List>) -> Result<ListAccessKeysResponse, Refusal> {
        let (permit, List { user, page, allow_stale }) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let user = existing(&view, permit.account(), &user)?;
        let keys = user.row.access_keys.iter().map(|key| (key.id.as_str(), key));
        let (keys, next_page_token) = page.take(&self.rooms.handles, keys)?;
        let access_keys = keys.into_iter().map(|key| shown(&user, key)).collect();
        Ok(ListAccessKeysResponse { access_keys, next_page_token })
    }
}

#[tonic::async_trait]
impl AccessKeys for Front {
    async fn create_access_key(
        &self,
        request: Request<CreateAccessKeyRequest>,
    ) -> Result<Response<CreateAccessKeyResponse>, Status> {
        self.stack.run(request, check_create, |checked| self.create_the_access_key(checked)).await
    }

    async fn list_access_keys(
        &self,
        request: Request<ListAccessKeysRequest>,
    ) -> Result<Response<ListAccessKeysResponse>, Status> {
        self.stack.run(request, check_list, |checked| self.list_the_access_keys(checked)).await
    }

    async fn update_access_key(
        &self,
        request: Request<UpdateAccessKeyRequest>,
    ) -> Result<Response<UpdateAccessKeyResponse>, Status> {
        let work = async |checked| {
            let acted = self.act(checked).await?;
            Ok(UpdateAccessKeyResponse { access_key: after(&acted), control_index: acted.index() })
        };
        self.stack.run(request, check_update, work).await
    }

    async fn delete_access_key(
        &self,
        request: Request<DeleteAccessKeyRequest>,
    ) -> Result<Response<DeleteAccessKeyResponse>, Status> {
        let work = async |checked| Ok(DeleteAccessKeyResponse { control_index: self.act(checked).await?.index() });
        self.stack.run(request, check_delete, work).await
    }
}
