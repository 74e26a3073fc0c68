//! Commands about users, which are services with certificates.

use std::collections::BTreeSet;

use bascule_model::fault::{Fault, Kind};
use bascule_model::identity::Identity;
use bascule_model::limits::{ACCOUNT_USERS_LIMIT_COUNT, USER_IDENTITIES_LIMIT_COUNT};

use crate::codec::control as wire;
use crate::codec::control::IdentityKind;
use crate::codec::control::rows::{Grants, IdentityRow, UserRow};
use crate::control::attachment::{rebound, release_all};
use crate::control::desk::{Desk, Stop, folded, room};
use crate::control::reply::Done;
use crate::control::{Error, account};
use crate::key::{Key, Part};
use crate::register::Table;

pub(super) fn create(desk: &mut Desk<'_, '_>, create: &wire::CreateUser) -> Result<Done, Stop> {
    let mut account = account::open(desk)?;
    if desk.get::<UserRow>(&folded(Table::Users, desk.account, &create.name))?.is_some() {
        return Err(Fault::already_exists(Kind::User, &create.name).into());
    }
    room("users per account", account.users, ACCOUNT_USERS_LIMIT_COUNT)?;
    rebound(desk, "", &create.boundary)?;
    account.users += 1;
    desk.put(account);
    let grants = Grants { boundary: create.boundary.clone(), tags: create.tags.clone(), ..Grants::default() };
    let uid = desk.mint()?;
    let identities = claim(desk, uid, &[], &create.identities)?;
    desk.put(UserRow {
        uid,
        account: desk.account,
        name: create.name.clone(),
        path: create.path.clone(),
        description: create.description.clone(),
        identities,
        grants: Some(grants),
        created_ms: desk.now_ms,
        changed_ms: desk.now_ms,
        changed_at: desk.index.0,
        access_keys: Vec::new(),
    });
    Ok(Done::about(uid))
}

pub(super) fn update(desk: &mut Desk<'_, '_>, update: &wire::UpdateUser) -> Result<Done, Stop> {
    account::open(desk)?;
    let mut row = need(desk, &update.name)?;
    if let Some(description) = &update.description {
        row.description.clone_from(description);
    }
    if let Some(boundary) = &update.boundary {
        let grants = row.grants.get_or_insert_default();
        rebound(desk, &grants.boundary, boundary)?;
        grants.boundary.clone_from(boundary);
    }
    Ok(changed(desk, row))
}

pub(super) fn set_identities(desk: &mut Desk<'_, '_>, set: &wire::SetIdentities) -> Result<Done, Stop> {
    account::open(desk)?;
    let mut row = need(desk, &set.user)?;
    row.identities = claim(desk, row.uid, &row.identities, &set.identities)?;
    Ok(changed(desk, row))
}

/// Its identities are anybody's again; what it holds is held by one less. Access keys go first: somebody has them (`API_DeleteUser`).
pub(super) fn delete(desk: &mut Desk<'_, '_>, name: &str) -> Result<Done, Stop> {
    let row = need(desk, name)?;
    if !row.access_keys.is_empty() {
        let reason = format!("can't be deleted since it has `{}` access keys.", row.access_keys.len());
        return Err(Fault::InvalidState { kind: Kind::User, name: name.to_owned(), reason }.into());
    }
    let mut account = account::need(desk, desk.account)?;
    claim(desk, row.uid, &row.identities, &[])?;
    release_all(desk, &row.grants.clone().unwrap_or_default())?;
    account.users = account.users.saturating_sub(1);
    desk.put(account);
    desk.delete(&row, Kind::User, row.uid);
    Ok(Done::about(row.uid))
}

/// The user of that name in that case, unless the caller saw another state of it.
pub(super) fn need(desk: &Desk<'_, '_>, name: &str) -> Result<UserRow, Stop> {
    let row = desk.get::<UserRow>(&folded(Table::Users, desk.account, name))?.filter(|row| row.name == name);
    let row = row.ok_or_else(|| Fault::not_found(Kind::User, name))?;
    desk.unless_changed(Kind::User, name, row.changed_at)?;
    Ok(row)
}

pub(super) fn changed(desk: &mut Desk<'_, '_>, mut row: UserRow) -> Done {
    row.changed_ms = desk.now_ms;
    row.changed_at = desk.index.0;
    let uid = row.uid;
    desk.put(row);
    Done::about(uid)
}

/// Takes `new` for the user in place of `old`; gives them in order.
///
/// INVARIANT CO-5: a certificate identity belongs to at most one user of the cluster, by its row in `Identities`.
fn claim(
    desk: &mut Desk<'_, '_>,
    user: u64,
    old: &[wire::Identity],
    new: &[wire::Identity],
) -> Result<Vec<wire::Identity>, Stop> {
    if new.len() > USER_IDENTITIES_LIMIT_COUNT {
        let max = USER_IDENTITIES_LIMIT_COUNT as u64;
        return Err(Fault::limit("certificate identities of a user", new.len() as u64, max).into());
    }
    for identity in old {
        desk.delete_index(key(&text(identity)?));
    }
    let mut taken = BTreeSet::new();
    for identity in new {
        let text = text(identity)?;
        if Identity::parse(&text)?.value() != identity.value {
            return Err(Fault::invalid("Identities", "it must be of its kind", &text).into());
        }
        if !taken.insert(identity.clone()) {
            return Err(Fault::invalid("Identities", "each may stand there once", &text).into());
        }
        if desk.get::<IdentityRow>(&key(&text))?.is_some() {
            return Err(Fault::already_exists(Kind::Identity, text).into());
        }
        desk.put_index(key(&text), &IdentityRow { user });
    }
    Ok(taken.into_iter().collect())
}

/// The one text of an identity, as `model::identity` has it.
fn text(identity: &wire::Identity) -> Result<String, Stop> {
    let value = &identity.value;
    match IdentityKind::try_from(identity.kind).map_err(|_| Error::NewerCommand)? {
        IdentityKind::Spiffe => Ok(value.clone()),
        IdentityKind::Dns => Ok(format!("dns:{value}")),
        IdentityKind::Uri => Ok(format!("uri:{value}")),
        IdentityKind::Unspecified => Err(Fault::invalid("Identities", "its kind must be there", value).into()),
    }
}

fn key(text: &str) -> Key {
    Key::new(Table::Identities, [Part::from(text)])
}
