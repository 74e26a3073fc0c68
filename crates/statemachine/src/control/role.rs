//! Commands about roles.

use bascule_model::fault::{Fault, Kind};
use bascule_model::limits::{ACCOUNT_ROLES_LIMIT_COUNT, TRUST_LIMIT_CHARS};

use crate::codec::control as wire;
use crate::codec::control::rows::{Grants, RoleRow};
use crate::control::attachment::{rebound, release_all};
use crate::control::desk::{Desk, Stop, folded, room};
use crate::control::limits::REVOKED_AHEAD_LIMIT_MS;
use crate::control::reply::Done;
use crate::control::{account, document};
use crate::register::Table;

pub(super) fn create(desk: &mut Desk<'_, '_>, create: &wire::CreateRole) -> Result<Done, Stop> {
    let mut account = account::open(desk)?;
    if desk.get::<RoleRow>(&folded(Table::Roles, desk.account, &create.name))?.is_some() {
        return Err(Fault::already_exists(Kind::Role, &create.name).into());
    }
    room("roles per account", account.roles, ACCOUNT_ROLES_LIMIT_COUNT)?;
    trusts(&create.trust)?;
    rebound(desk, "", &create.boundary)?;
    account.roles += 1;
    desk.put(account);
    let grants = Grants { boundary: create.boundary.clone(), tags: create.tags.clone(), ..Grants::default() };
    let uid = desk.mint()?;
    desk.put(RoleRow {
        uid,
        account: desk.account,
        name: create.name.clone(),
        path: create.path.clone(),
        description: create.description.clone(),
        trust: create.trust.clone(),
        max_session_s: create.max_session_s,
        sessions_revoked_before_ms: 0,
        grants: Some(grants),
        created_ms: desk.now_ms,
        changed_ms: desk.now_ms,
        changed_at: desk.index.0,
    });
    Ok(Done::about(uid))
}

pub(super) fn update(desk: &mut Desk<'_, '_>, update: &wire::UpdateRole) -> Result<Done, Stop> {
    account::open(desk)?;
    let mut row = need(desk, &update.name)?;
    if let Some(description) = &update.description {
        row.description.clone_from(description);
    }
    if let Some(trust) = &update.trust {
        trusts(trust)?;
        row.trust.clone_from(trust);
    }
    if let Some(max_session_s) = update.max_session_s {
        row.max_session_s = max_session_s;
    }
    if let Some(boundary) = &update.boundary {
        let grants = row.grants.get_or_insert_default();
        rebound(desk, &grants.boundary, boundary)?;
        grants.boundary.clone_from(boundary);
    }
    if let Some(before_ms) = update.sessions_revoked_before_ms {
        if before_ms > desk.now_ms.saturating_add(REVOKED_AHEAD_LIMIT_MS) {
            let reason = format!("group time is `{}`", desk.now_ms);
            return Err(Fault::invalid("SessionsRevokedBefore", reason, &before_ms.to_string()).into());
        }
        // INVARIANT CO-6: a session that was revoked stays so.
        row.sessions_revoked_before_ms = row.sessions_revoked_before_ms.max(before_ms);
    }
    Ok(changed(desk, row))
}

/// What it holds goes with it, and is held by one less.
pub(super) fn delete(desk: &mut Desk<'_, '_>, name: &str) -> Result<Done, Stop> {
    let row = need(desk, name)?;
    let mut account = account::need(desk, desk.account)?;
    release_all(desk, &row.grants.clone().unwrap_or_default())?;
    account.roles = account.roles.saturating_sub(1);
    desk.put(account);
    desk.delete(&row, Kind::Role, row.uid);
    Ok(Done::about(row.uid))
}

/// The role of that name in that case, unless the caller saw another state of it.
pub(super) fn need(desk: &Desk<'_, '_>, name: &str) -> Result<RoleRow, Stop> {
    let row = desk.get::<RoleRow>(&folded(Table::Roles, desk.account, name))?.filter(|row| row.name == name);
    let row = row.ok_or_else(|| Fault::not_found(Kind::Role, name))?;
    desk.unless_changed(Kind::Role, name, row.changed_at)?;
    Ok(row)
}

pub(super) fn changed(desk: &mut Desk<'_, '_>, mut row: RoleRow) -> Done {
    row.changed_ms = desk.now_ms;
    row.changed_at = desk.index.0;
    let uid = row.uid;
    desk.put(row);
    Done::about(uid)
}

fn trusts(document: &str) -> Result<(), Stop> {
    document::check("AssumeRolePolicyDocument", document, "characters of a trust policy", TRUST_LIMIT_CHARS)
}
