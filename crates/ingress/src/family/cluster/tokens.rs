//! Join tokens: made and shown once, listed without their secrets, taken back.

use bascule_api::admin::v1::{
    CreateJoinTokenRequest, CreateJoinTokenResponse, DeleteJoinTokenRequest, DeleteJoinTokenResponse, JoinToken,
    ListJoinTokensRequest, ListJoinTokensResponse,
};
use bascule_api::status::Refusal;
use bascule_api::time::timestamp;
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::id;
use bascule_model::limits::{JOIN_TOKEN_LEAST_SECONDS, JOIN_TOKEN_LIMIT_SECONDS};
use bascule_model::name::ZoneName;
use bascule_model::time::Millis;
use bascule_pki::token::Token;
use bascule_routing::view::{Cluster, View};
use bascule_statemachine::codec::control::rows::JoinTokenRow;
use bascule_statemachine::codec::control::{CreateJoinToken, Kind, Named, NodeState};
use bascule_statemachine::control::secret_hash;

use crate::family::{Front, given};
use crate::limits::{JOIN_TOKEN_ID_LIMIT_CHARS, JOIN_TOKEN_MEMBERS_LIMIT_COUNT};
use crate::page::Page;
use crate::rooms::{Rooms, Writing};
use crate::stack::{Checked, Permitted};
use crate::wire;

/// How long a token is good that does not say.
const LIFE_SECONDS: u32 = 3_600;

pub(super) struct New {
    /// Empty for any.
    zone: String,
    life_seconds: u32,
    writing: Writing,
}

pub(super) struct List {
    page: Page,
    allow_stale: bool,
}

pub(super) struct Old {
    id: String,
    writing: Writing,
}

pub(super) fn check_create(_: &Permitted, request: CreateJoinTokenRequest) -> Result<New, Refusal> {
    if !request.zone.is_empty() {
        ZoneName::parse(&request.zone).map_err(wire::fault)?;
    }
    let life_seconds = if request.life_seconds == 0 { LIFE_SECONDS } else { request.life_seconds };
    if !(JOIN_TOKEN_LEAST_SECONDS..=JOIN_TOKEN_LIMIT_SECONDS).contains(&life_seconds) {
        let reason = format!("it must be 0, or {JOIN_TOKEN_LEAST_SECONDS} to {JOIN_TOKEN_LIMIT_SECONDS}");
        return Err(wire::field("LifeSeconds", reason, &life_seconds.to_string()));
    }
    let writing = given::writing(request.request_id, request.validate_only)?;
    Ok(New { zone: request.zone, life_seconds, writing })
}

pub(super) fn check_list(permit: &Permitted, request: ListJoinTokensRequest) -> Result<List, Refusal> {
    let page = Page::check(permit, request.page_size, request.page_token, &[])?;
    Ok(List { page, allow_stale: request.allow_stale })
}

pub(super) fn check_delete(_: &Permitted, request: DeleteJoinTokenRequest) -> Result<Old, Refusal> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let id = request.token_id;
    if id.is_empty() || id.len() > JOIN_TOKEN_ID_LIMIT_CHARS || !id.bytes().all(plain) {
        let reason = format!("it must have 1 to {JOIN_TOKEN_ID_LIMIT_CHARS} of `A-Za-z0-9_-`");
        return Err(wire::field("TokenId", reason, &id));
    }
    Ok(Old { id, writing: given::writing(request.request_id, request.validate_only)? })
}

fn shown(row: &JoinTokenRow) -> JoinToken {
    JoinToken {
        id: row.id.clone(),
        zone: row.zone.clone(),
        creation_time: Some(timestamp(Millis(row.created_ms))),
        expiration_time: Some(timestamp(Millis(row.expires_ms))),
        used_by_node_id: row.used_by,
    }
}

/// Where a node that joins may ask: members that are there to stay.
fn members(view: &View) -> Vec<String> {
    let stays = view.members.nodes().filter(|row| matches!(row.state(), NodeState::Active | NodeState::Draining));
    let addresses = stays.filter_map(|row| row.facts.as_ref()).map(|facts| facts.address.clone());
    addresses.filter(|address| !address.is_empty()).take(JOIN_TOKEN_MEMBERS_LIMIT_COUNT).collect()
}

/// The text by which a node joins.
fn render(
    cluster: &Cluster,
    row: &JoinTokenRow,
    secret: [u8; 32],
    authority: [u8; 32],
    members: Vec<String>,
) -> Result<String, Refusal> {
    let token = Token::new(cluster.id, row.id.clone(), secret, authority, row.expires_ms / 1_000, members);
    token.and_then(|token| token.render()).map_err(|error| wire::internal(&error.to_string()))
}

impl Front {
    pub(super) async fn create_a_join_token(&self, checked: Checked<New>) -> Result<CreateJoinTokenResponse, Refusal> {
        let (permit, New { zone, life_seconds, writing }) = checked.into_parts();
        let view = self.rooms.viewer.now();
        let members = members(&view);
        let Some(authority) = self.rooms.authority.filter(|_| !members.is_empty()) else {
            let name = Rooms::cluster(&view)?.id.to_string();
            let reason = "has no address where a node could join, or this node no authority for peers".to_owned();
            return Err(wire::fault(Fault::InvalidState { kind: Noun::Cluster, name, reason }));
        };
        let (mut drawn, mut secret) = ([0; 16], [0; 32]);
        self.rooms.vault.chance(&mut drawn).map_err(|error| wire::sealed(&error))?;
        self.rooms.vault.chance(&mut secret).map_err(|error| wire::sealed(&error))?;
        let id: String = drawn.iter().map(|byte| format!("{byte:02x}")).collect();
        // Of what the caller sent: a repeat draws another id and another secret.
        let content = id::hash("content", &[zone.as_bytes(), &life_seconds.to_be_bytes()]);
        let tried = writing.validate_only;
        let kind = Kind::CreateJoinToken(CreateJoinToken {
            id: id.clone(),
            secret_hash: bytes::Bytes::copy_from_slice(&secret_hash(&secret)),
            life_ms: u64::from(life_seconds) * 1_000,
            zone,
        });
        let changed = self.rooms.change(&permit, writing, content, kind).await?;
        let control_index = changed.index.0;
        let row = changed.view.members.token(changed.done.uid).filter(|_| !tried);
        let Some(row) = row else {
            return Ok(CreateJoinTokenResponse { join_token: None, token: String::new(), control_index });
        };
        // Of a repeated request it is the first one's, whose secret nobody has but who was answered first.
        let token = match row.id == id {
            true => render(Rooms::cluster(&changed.view)?, row, secret, authority, members)?,
            false => String::new(),
        };
        Ok(CreateJoinTokenResponse { join_token: Some(shown(row)), token, control_index })
    }

    pub(super) async fn list_the_join_tokens(&self, checked: Checked<List>) -> Result<ListJoinTokensResponse, Refusal> {
        let (_, List { page, allow_stale }) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        // As wide as the widest, so that their order is that of numbers.
        let rows: Vec<_> = view.members.tokens().map(|row| (format!("{:020}", row.uid), row)).collect();
        let (rows, next_page_token) =
            page.take(&self.rooms.handles, rows.iter().map(|(uid, row)| (uid.as_str(), *row)))?;
        Ok(ListJoinTokensResponse { join_tokens: rows.into_iter().map(|row| shown(row)).collect(), next_page_token })
    }

    pub(super) async fn delete_a_join_token(&self, checked: Checked<Old>) -> Result<DeleteJoinTokenResponse, Refusal> {
        let (permit, Old { id, writing }) = checked.into_parts();
        let kind = Kind::DeleteJoinToken(Named { name: id });
        let changed = self.rooms.change(&permit, writing, [0; 16], kind).await?;
        Ok(DeleteJoinTokenResponse { control_index: changed.index.0 })
    }
}

#[cfg(test)]
mod tests {
    use bascule_model::arn::Scope;
    use bascule_model::id::ClusterId;
    use bascule_model::limits::Quotas;
    use bascule_model::name::AccountId;
    use bascule_model::uid::ControlIndex;

    use super::*;

    #[test]
    fn a_token_reads_back_as_what_the_cluster_keeps_of_it() {
        let cluster = Cluster {
            id: ClusterId([7; 16]),
            scope: Scope::new("aws", "us-east-1", AccountId::default()).unwrap(),
            groups: Vec::new(),
            quotas: Quotas::default(),
            time_ms: 0,
            placement: ControlIndex(0),
        };
        let row = JoinTokenRow { id: "00ff".to_owned(), expires_ms: 9_999, ..JoinTokenRow::default() };
        let text = render(&cluster, &row, [3; 32], [4; 32], vec!["n1:6473".to_owned()]).unwrap();
        let token = Token::parse(&text).unwrap();
        assert_eq!((token.id(), token.cluster(), token.expires_unix_s()), ("00ff", cluster.id, 9));
        assert_eq!((token.members(), token.authority_sha256()), (&["n1:6473".to_owned()][..], [4; 32]));
        assert_eq!(secret_hash(token.expose_secret()), secret_hash(&[3; 32]));
    }
}
