//! Commands about buses.

use bascule_model::fault::{Fault, Kind};
use bascule_model::name::BusName;

use crate::codec::control as wire;
use crate::codec::control::rows::{BusRow, DeletedKind};
use crate::control::desk::{Desk, Stop, named, room};
use crate::control::reply::Done;
use crate::register::Table;

pub(super) fn create(desk: &mut Desk<'_, '_>, bus: &wire::Bus) -> Result<Done, Stop> {
    if desk.get::<BusRow>(&named(Table::Buses, desk.account, &bus.name))?.is_some() {
        return Err(Fault::already_exists(Kind::Bus, &bus.name).into());
    }
    let max = desk.quotas().account_buses;
    room("event buses per account", desk.counts().buses, max)?;
    let uid = desk.mint()?;
    let key_id = desk.put_data_key(bus.data_key.as_ref(), uid, &bus.key_identifier)?;
    desk.counts().buses += 1;
    desk.put(BusRow {
        uid,
        account: desk.account,
        name: bus.name.clone(),
        description: bus.description.clone(),
        key_identifier: bus.key_identifier.clone(),
        dead_letter: bus.dead_letter.clone(),
        key_id,
        rules: 0,
        created_ms: desk.now_ms,
        changed_ms: desk.now_ms,
        changed_at: desk.index.0,
        tags: bus.tags.clone(),
        policy: String::new(),
    });
    Ok(Done::about(uid))
}

pub(super) fn update(desk: &mut Desk<'_, '_>, update: &wire::UpdateBus) -> Result<Done, Stop> {
    let mut row: BusRow = desk.need(Table::Buses, Kind::Bus, &update.name)?;
    desk.unless_changed(Kind::Bus, &row.name, row.changed_at)?;
    if let Some(description) = &update.description {
        row.description.clone_from(description);
    }
    if let Some(dead_letter) = &update.dead_letter {
        row.dead_letter.clone_from(dead_letter);
    }
    if let Some(key_identifier) = &update.key_identifier {
        // The data key in use is wrapped by the key before, so that a change of key without a new data key changes nothing.
        if *key_identifier != row.key_identifier && update.data_key.is_none() {
            let reason = "another key needs a new data key";
            return Err(Fault::invalid("KmsKeyIdentifier", reason, key_identifier).into());
        }
        row.key_identifier.clone_from(key_identifier);
    }
    if update.data_key.is_some() {
        row.key_id = desk.put_data_key(update.data_key.as_ref(), row.uid, &row.key_identifier)?;
    }
    row.changed_ms = desk.now_ms;
    row.changed_at = desk.index.0;
    let uid = row.uid;
    desk.put(row);
    Ok(Done::about(uid))
}

/// A bus that is not there is as good as deleted, as in EventBridge.
pub(super) fn delete(desk: &mut Desk<'_, '_>, name: &str) -> Result<Done, Stop> {
    if name == BusName::DEFAULT {
        return Err(Fault::invalid("Name", "Cannot delete event bus default.", name).into());
    }
    let Some(row) = desk.get::<BusRow>(&named(Table::Buses, desk.account, name))? else {
        desk.unless_expected(Kind::Bus, name)?;
        return Ok(Done::default());
    };
    desk.unless_changed(Kind::Bus, name, row.changed_at)?;
    if row.rules > 0 {
        let reason = "can't be deleted since it has rules.".to_owned();
        return Err(Fault::InvalidState { kind: Kind::Bus, name: name.to_owned(), reason }.into());
    }
    desk.delete(&row, Kind::Bus, row.uid);
    desk.counts().buses -= 1;
    desk.bury(DeletedKind::Bus, row.uid, name);
    Ok(Done::about(row.uid))
}
