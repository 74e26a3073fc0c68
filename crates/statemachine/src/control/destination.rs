//! Commands about API destinations.

use bascule_model::fault::{Fault, Kind};

use crate::codec::control as wire;
use crate::codec::control::rows::{ConnectionRow, DestinationRow};
use crate::control::desk::{Desk, Stop, named, room};
use crate::control::reply::Done;
use crate::register::Table;

pub(super) fn create(desk: &mut Desk<'_, '_>, destination: &wire::Destination) -> Result<Done, Stop> {
    if desk.get::<DestinationRow>(&named(Table::Destinations, desk.account, &destination.name))?.is_some() {
        return Err(Fault::already_exists(Kind::Destination, &destination.name).into());
    }
    let connection: ConnectionRow = desk.need(Table::Connections, Kind::Connection, &destination.connection)?;
    let max = desk.quotas().account_destinations;
    room("api destinations per account", desk.counts().destinations, max)?;
    let uid = desk.mint()?;
    desk.counts().destinations += 1;
    desk.put(DestinationRow {
        uid,
        account: desk.account,
        destination: Some(destination.clone()),
        connection_uid: connection.uid,
        created_ms: desk.now_ms,
        changed_ms: desk.now_ms,
        changed_at: desk.index.0,
    });
    Ok(Done::about(uid))
}

pub(super) fn update(desk: &mut Desk<'_, '_>, update: &wire::UpdateDestination) -> Result<Done, Stop> {
    let mut row = need(desk, &update.name)?;
    let mut destination = row.destination.take().unwrap_or_default();
    if let Some(name) = &update.connection {
        let connection: ConnectionRow = desk.need(Table::Connections, Kind::Connection, name)?;
        row.connection_uid = connection.uid;
        destination.connection.clone_from(name);
    }
    if let Some(description) = &update.description {
        destination.description.clone_from(description);
    }
    if let Some(endpoint) = &update.endpoint {
        destination.endpoint.clone_from(endpoint);
    }
    if let Some(method) = &update.method {
        destination.method.clone_from(method);
    }
    if let Some(rate_per_second) = update.rate_per_second {
        destination.rate_per_second = rate_per_second;
    }
    row.destination = Some(destination);
    row.changed_ms = desk.now_ms;
    row.changed_at = desk.index.0;
    let uid = row.uid;
    desk.put(row);
    Ok(Done::about(uid))
}

pub(super) fn delete(desk: &mut Desk<'_, '_>, name: &str) -> Result<Done, Stop> {
    let row = need(desk, name)?;
    desk.delete(&row, Kind::Destination, row.uid);
    desk.counts().destinations -= 1;
    Ok(Done::about(row.uid))
}

fn need(desk: &Desk<'_, '_>, name: &str) -> Result<DestinationRow, Stop> {
    let row: DestinationRow = desk.need(Table::Destinations, Kind::Destination, name)?;
    desk.unless_changed(Kind::Destination, name, row.changed_at)?;
    Ok(row)
}
