//! Commands about access keys, which stand in the rows of their users. Secrets come sealed, and nothing here opens them.

use bascule_model::fault::{Fault, Kind};
use bascule_model::limits::USER_ACCESS_KEYS_LIMIT_COUNT;
use bascule_model::name::AccessKeyId;

use crate::codec::control as wire;
use crate::codec::control::rows::{AccessKey, AccessKeyRow, UserRow};
use crate::control::desk::{Desk, Stop, room};
use crate::control::reply::Done;
use crate::control::{account, user};
use crate::key::{Key, Part};
use crate::register::Table;

/// Done is about the key, by whose uid a repeated request finds it.
///
/// INVARIANT CO-8: an access key's id belongs to at most one user of the cluster, by its row in `AccessKeys`.
pub(super) fn create(desk: &mut Desk<'_, '_>, create: &wire::CreateAccessKey) -> Result<Done, Stop> {
    account::open(desk)?;
    let mut row = user::need(desk, &create.user)?;
    // The secret is sealed to that other user, so that nobody could open it here.
    if row.uid != create.user_uid {
        return Err(Fault::ConcurrentModification { kind: Kind::User, name: create.user.clone() }.into());
    }
    let id = AccessKeyId::parse(&create.id)?;
    if create.sealed.is_empty() {
        return Err(Fault::invalid("SecretAccessKey", "it must be there, sealed", "").into());
    }
    let count = u32::try_from(row.access_keys.len()).unwrap_or(u32::MAX);
    room("access keys of a user", count, USER_ACCESS_KEYS_LIMIT_COUNT)?;
    if desk.get::<AccessKeyRow>(&key(&create.id))?.is_some() {
        return Err(Fault::already_exists(Kind::AccessKey, id.as_str()).into());
    }
    desk.put_index(key(&create.id), &AccessKeyRow { user: row.uid });
    let uid = desk.mint()?;
    row.access_keys.push(AccessKey {
        uid,
        id: create.id.clone(),
        active: true,
        sealed: create.sealed.clone(),
        created_ms: desk.now_ms,
        created_at: desk.index.0,
    });
    row.access_keys.sort_by(|a, b| a.id.cmp(&b.id));
    user::changed(desk, row);
    Ok(Done::about(uid))
}

/// In a closed account a key may be taken out of force, and none put into it.
pub(super) fn update(desk: &mut Desk<'_, '_>, update: &wire::UpdateAccessKey) -> Result<Done, Stop> {
    if update.active {
        account::open(desk)?;
    }
    let mut row = user::need(desk, &update.user)?;
    let at = place(&row, &update.id)?;
    row.access_keys[at].active = update.active;
    let uid = row.access_keys[at].uid;
    user::changed(desk, row);
    Ok(Done::about(uid))
}

pub(super) fn delete(desk: &mut Desk<'_, '_>, name: &wire::AccessKeyName) -> Result<Done, Stop> {
    account::need(desk, desk.account)?;
    let mut row = user::need(desk, &name.user)?;
    let gone = row.access_keys.remove(place(&row, &name.id)?);
    desk.delete_index(key(&gone.id));
    user::changed(desk, row);
    Ok(Done::about(gone.uid))
}

/// Whose key it is otherwise is not told: for this user it is not there.
fn place(row: &UserRow, id: &str) -> Result<usize, Stop> {
    let found = row.access_keys.iter().position(|key| key.id == id);
    Ok(found.ok_or_else(|| Fault::not_found(Kind::AccessKey, id))?)
}

fn key(id: &str) -> Key {
    Key::new(Table::AccessKeys, [Part::from(id)])
}
