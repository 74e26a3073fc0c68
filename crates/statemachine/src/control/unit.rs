//! Commands about organisational units.

use bascule_model::fault::{Fault, Kind};
use bascule_model::limits::{ORGANIZATION_UNITS_LIMIT_COUNT, UNIT_LIMIT_DEPTH};
use bascule_model::organization::{RootId, UnitId};

use crate::codec::control as wire;
use crate::codec::control::rows::{UnitNameRow, UnitRow};
use crate::control::desk::{Desk, Stop, room};
use crate::control::reply::Done;
use crate::control::state::unit_key;
use crate::control::{node, organization};
use crate::key::{Key, Part};
use crate::register::Table;

/// A unit never moves, and its parent is there before it: the tree has no cycles.
pub(super) fn create(desk: &mut Desk<'_, '_>, create: &wire::CreateUnit) -> Result<Done, Stop> {
    let mut organization = organization::managed(desk)?;
    let id = UnitId::parse(&create.id)?;
    if !id.is_below(&RootId::parse(&organization.root)?) {
        let reason = format!("it must have the letters of root `{}`", organization.root);
        return Err(Fault::invalid("OrganizationalUnitId", reason, &create.id).into());
    }
    if desk.get::<UnitRow>(&unit_key(&create.id))?.is_some() {
        return Err(Fault::already_exists(Kind::Unit, &create.id).into());
    }
    let depth = organization::depth(desk, &organization, &create.parent)? + 1;
    if depth > UNIT_LIMIT_DEPTH {
        return Err(Fault::limit("depth of organizational units", depth, UNIT_LIMIT_DEPTH).into());
    }
    room("organizational units", organization.units, ORGANIZATION_UNITS_LIMIT_COUNT)?;
    name(desk, &create.parent, &create.name, &create.id)?;
    let uid = desk.mint()?;
    organization::count_below(desk, &mut organization, &create.parent, 1, 0)?;
    organization.units += 1;
    desk.put(organization);
    desk.put(UnitRow {
        uid,
        id: create.id.clone(),
        parent: create.parent.clone(),
        name: create.name.clone(),
        depth,
        attached: organization::born_with(desk),
        child_units: 0,
        child_accounts: 0,
        created_ms: desk.now_ms,
        changed_ms: desk.now_ms,
        changed_at: desk.index.0,
    });
    Ok(Done::about(uid))
}

pub(super) fn rename(desk: &mut Desk<'_, '_>, rename: &wire::RenameUnit) -> Result<Done, Stop> {
    organization::managed(desk)?;
    let mut row = organization::unit(desk, &rename.id)?;
    desk.unless_changed(Kind::Unit, &row.id, row.changed_at)?;
    let uid = row.uid;
    if row.name == rename.name {
        return Ok(Done::about(uid));
    }
    name(desk, &row.parent, &rename.name, &row.id)?;
    desk.delete_index(name_key(&row.parent, &row.name));
    row.name.clone_from(&rename.name);
    row.changed_ms = desk.now_ms;
    row.changed_at = desk.index.0;
    desk.put(row);
    Ok(Done::about(uid))
}

/// A unit goes empty; what is attached to it is attached to one node less.
pub(super) fn delete(desk: &mut Desk<'_, '_>, id: &str) -> Result<Done, Stop> {
    let mut organization = organization::managed(desk)?;
    let row = organization::unit(desk, id)?;
    desk.unless_changed(Kind::Unit, id, row.changed_at)?;
    for (count, what) in [(row.child_units, "organizational units"), (row.child_accounts, "accounts")] {
        if count > 0 {
            let reason = format!("can't be deleted since it has {what}.");
            return Err(Fault::InvalidState { kind: Kind::Unit, name: id.to_owned(), reason }.into());
        }
    }
    for policy in &row.attached {
        node::release(desk, policy)?;
    }
    organization::count_below(desk, &mut organization, &row.parent, -1, 0)?;
    organization.units = organization.units.saturating_sub(1);
    desk.put(organization);
    desk.delete_index(name_key(&row.parent, &row.name));
    desk.delete(&row, Kind::Unit, row.uid);
    Ok(Done::about(row.uid))
}

/// INVARIANT CO-3: a name stands once below a parent, in `UnitNames`.
fn name(desk: &mut Desk<'_, '_>, parent: &str, name: &str, id: &str) -> Result<(), Stop> {
    let key = name_key(parent, name);
    if desk.get::<UnitNameRow>(&key)?.is_some() {
        return Err(Fault::already_exists(Kind::Unit, name).into());
    }
    desk.put_index(key, &UnitNameRow { id: id.to_owned() });
    Ok(())
}

fn name_key(parent: &str, name: &str) -> Key {
    Key::new(Table::UnitNames, [Part::from(parent), Part::from(name)])
}
