//! Commands about connections.

use bytes::Bytes;

use bascule_model::fault::{Fault, Kind};

use crate::codec::control as wire;
use crate::codec::control::AuthKind;
use crate::codec::control::rows::ConnectionRow;
use crate::control::Error;
use crate::control::desk::{Desk, Stop, named, room};
use crate::control::reply::Done;
use crate::register::Table;

pub(super) fn create(desk: &mut Desk<'_, '_>, connection: &wire::Connection) -> Result<Done, Stop> {
    if desk.get::<ConnectionRow>(&named(Table::Connections, desk.account, &connection.name))?.is_some() {
        return Err(Fault::already_exists(Kind::Connection, &connection.name).into());
    }
    let auth = checked(connection.auth.as_ref())?;
    let max = desk.quotas().account_connections;
    room("connections per account", desk.counts().connections, max)?;
    let uid = desk.mint()?;
    desk.counts().connections += 1;
    desk.put(ConnectionRow {
        uid,
        account: desk.account,
        name: connection.name.clone(),
        description: connection.description.clone(),
        auth: Some(auth),
        authorized: true,
        created_ms: desk.now_ms,
        changed_ms: desk.now_ms,
        authorized_ms: desk.now_ms,
        changed_at: desk.index.0,
    });
    Ok(Done::about(uid))
}

pub(super) fn update(desk: &mut Desk<'_, '_>, update: &wire::UpdateConnection) -> Result<Done, Stop> {
    let mut row = need(desk, &update.name)?;
    if let Some(description) = &update.description {
        row.description.clone_from(description);
    }
    if update.auth.is_some() {
        row.auth = Some(checked(update.auth.as_ref())?);
        row.authorized = true;
        row.authorized_ms = desk.now_ms;
    }
    Ok(changed(desk, row))
}

/// Wipes the secrets, and what is shown of them; the connection stays.
pub(super) fn deauthorize(desk: &mut Desk<'_, '_>, name: &str) -> Result<Done, Stop> {
    let mut row = need(desk, name)?;
    if let Some(auth) = &mut row.auth {
        auth.secret = Bytes::new();
        auth.shown = Bytes::new();
    }
    row.authorized = false;
    Ok(changed(desk, row))
}

/// API destinations that name it stay, and cannot be called.
pub(super) fn delete(desk: &mut Desk<'_, '_>, name: &str) -> Result<Done, Stop> {
    let row = need(desk, name)?;
    desk.delete(&row, Kind::Connection, row.uid);
    desk.counts().connections -= 1;
    Ok(Done::about(row.uid))
}

fn need(desk: &Desk<'_, '_>, name: &str) -> Result<ConnectionRow, Stop> {
    let row: ConnectionRow = desk.need(Table::Connections, Kind::Connection, name)?;
    desk.unless_changed(Kind::Connection, name, row.changed_at)?;
    Ok(row)
}

fn changed(desk: &mut Desk<'_, '_>, mut row: ConnectionRow) -> Done {
    row.changed_ms = desk.now_ms;
    row.changed_at = desk.index.0;
    let uid = row.uid;
    desk.put(row);
    Done::about(uid)
}

fn checked(auth: Option<&wire::Auth>) -> Result<wire::Auth, Stop> {
    let missing = || Fault::invalid("AuthParameters", "it must be there", "");
    let auth = auth.ok_or_else(missing)?;
    if AuthKind::try_from(auth.kind).map_err(|_| Error::NewerCommand)? == AuthKind::Unspecified {
        return Err(missing().into());
    }
    Ok(auth.clone())
}
