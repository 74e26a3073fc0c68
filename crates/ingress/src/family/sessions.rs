//! Sessions of roles, and who calls.
//!
//! Source: `API_AssumeRole`, `id_roles_terms-and-concepts` on chaining, `id_session-tags`.

use std::collections::BTreeMap;

use tonic::{Request, Response, Status};

use bascule_api::iam::v1::sessions_server::Sessions;
use bascule_api::iam::v1::{
    AssumeRoleRequest, AssumeRoleResponse, GetCallerIdentityRequest, GetCallerIdentityResponse,
};
use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_api::time::timestamp;
use bascule_keyring::limits::SESSION_TOKEN_LIMIT_BYTES;
use bascule_model::fault::Fault;
use bascule_model::tag;
use bascule_model::time::Millis;
use bascule_policy::{Kind, Policy};

use crate::family::Front;
use crate::limits::{
    EXTERNAL_ID_LIMIT_CHARS, SESSION_CHAINED_LIMIT_SECONDS, SESSION_DEFAULT_SECONDS, SESSION_LIMIT_SECONDS,
    SESSION_MIN_SECONDS, SESSION_NAME_LIMIT_CHARS,
};
use crate::stack::{Checked, Claims, Permitted};
use crate::wire;

/// A session that can be.
struct Wanted {
    role: String,
    name: String,
    seconds: u32,
    policy: String,
    source_identity: String,
    tags: BTreeMap<String, String>,
}

fn check(permit: &Permitted, request: AssumeRoleRequest) -> Result<Wanted, Refusal> {
    word("RoleSessionName", &request.role_session_name)?;
    let before = permit.principal().session();
    let source_identity = match before.map_or("", |claims| &claims.source_identity) {
        "" => request.source_identity,
        // Whoever it is was said where the chain began, and stays.
        first if request.source_identity.is_empty() || request.source_identity == first => first.to_owned(),
        first => {
            let reason = format!("this session's is `{first}`, and stays");
            return Err(wire::field("SourceIdentity", reason, &request.source_identity));
        }
    };
    if !source_identity.is_empty() {
        word("SourceIdentity", &source_identity)?;
    }
    let chars = request.external_id.chars().count();
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&byte);
    if chars > EXTERNAL_ID_LIMIT_CHARS || chars == 1 || !request.external_id.bytes().all(fine) {
        let reason = format!("it must be empty or 2 to {EXTERNAL_ID_LIMIT_CHARS} of `A-Za-z0-9_+=,.@:/-`");
        return Err(wire::field("ExternalId", reason, &request.external_id));
    }
    if !request.policy.is_empty() {
        let read = Policy::parse(Kind::Session, "the session's", &request.policy);
        read.map_err(|why| wire::policy("Policy", &why))?;
    }
    tag::check(request.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))).map_err(wire::fault)?;
    let seconds = seconds(request.duration_seconds, before.is_some())?;
    Ok(Wanted {
        role: request.role_arn,
        name: request.role_session_name,
        seconds,
        policy: request.policy,
        source_identity,
        tags: request.tags.into_iter().collect(),
    })
}

/// How long a session is to last, as far as the request says.
fn seconds(asked: u32, chained: bool) -> Result<u32, Refusal> {
    let asked = if asked == 0 { SESSION_DEFAULT_SECONDS } else { asked };
    let most = if chained { SESSION_CHAINED_LIMIT_SECONDS } else { SESSION_LIMIT_SECONDS };
    if (SESSION_MIN_SECONDS..=most).contains(&asked) {
        return Ok(asked);
    }
    let of = if chained { " of a session that is assumed from a session" } else { "" };
    let reason = format!("it must be {SESSION_MIN_SECONDS} to {most}{of}");
    Err(wire::field("DurationSeconds", reason, &asked.to_string()))
}

/// 2 to 64 of `A-Za-z0-9_+=,.@-`.
fn word(field: &str, text: &str) -> Result<(), Refusal> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    if (2..=SESSION_NAME_LIMIT_CHARS).contains(&text.len()) && text.bytes().all(fine) {
        return Ok(());
    }
    Err(wire::field(field, format!("it must be 2 to {SESSION_NAME_LIMIT_CHARS} of `A-Za-z0-9_+=,.@-`"), text))
}

impl Front {
    async fn assume(&self, checked: Checked<Wanted>) -> Result<AssumeRoleResponse, Refusal> {
        let (permit, wanted) = checked.into_parts();
        let view = self.rooms.viewer.now();
        // It was there when it was asked for, or nobody would have been let in.
        let gone = || Refusal::new(Reason::AccessDenied, "the role is gone");
        let role = view.realm.role_of(&wanted.role).ok_or_else(gone)?;
        if wanted.seconds > role.row.max_session_s {
            let reason = format!("the role's sessions last at most {} seconds", role.row.max_session_s);
            return Err(wire::field("DurationSeconds", reason, &wanted.seconds.to_string()));
        }
        let issued = self.rooms.clock.wall();
        let expires_ms = issued.0.saturating_add(u64::from(wanted.seconds) * 1_000);
        let claims = Claims {
            role: wanted.role,
            role_uid: role.row.uid,
            name: wanted.name,
            issued_ms: issued.0,
            expires_ms,
            tags: wanted.tags,
            policy: wanted.policy,
            source_identity: wanted.source_identity,
        };
        let (session_token, bytes) =
            claims.seal(&self.rooms.sessions, permit.principal().identity()).map_err(|why| {
                tracing::warn!(%why, "a session could not be sealed");
                wire::fault(Fault::limit("bytes of a session token", u64::MAX, SESSION_TOKEN_LIMIT_BYTES as u64))
            })?;
        let partition = role.arn.split(':').nth(1).unwrap_or("aws");
        let percent = bytes.saturating_mul(100).div_ceil(SESSION_TOKEN_LIMIT_BYTES);
        Ok(AssumeRoleResponse {
            session_token,
            assumed_role_arn: format!(
                "arn:{partition}:sts::{}:assumed-role/{}/{}",
                role.account, role.row.name, claims.name
            ),
            assumed_role_id: format!("{:016x}:{}", role.row.uid, claims.name),
            expiration: Some(timestamp(Millis(claims.expires_ms))),
            packed_policy_size_percent: u32::try_from(percent).unwrap_or(u32::MAX),
        })
    }

    async fn who_calls(&self, checked: Checked<()>) -> Result<GetCallerIdentityResponse, Refusal> {
        let (permit, ()) = checked.into_parts();
        let caller = permit.caller()?;
        Ok(GetCallerIdentityResponse {
            account: permit.caller_account().to_string(),
            arn: caller.arn().to_owned(),
            user_id: caller.id().to_owned(),
            identity: permit.principal().identity().to_string(),
        })
    }
}

#[tonic::async_trait]
impl Sessions for Front {
    async fn assume_role(&self, request: Request<AssumeRoleRequest>) -> Result<Response<AssumeRoleResponse>, Status> {
        self.stack.run(request, check, |checked| self.assume(checked)).await
    }

    async fn get_caller_identity(
        &self,
        request: Request<GetCallerIdentityRequest>,
    ) -> Result<Response<GetCallerIdentityResponse>, Status> {
        self.stack.run(request, |_, _| Ok(()), |checked| self.who_calls(checked)).await
    }
}
