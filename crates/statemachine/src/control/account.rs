//! Commands about accounts, and whether the account of a command may have anything new.

use bascule_model::fault::{Fault, Kind};
use bascule_model::limits::ORGANIZATION_ACCOUNTS_LIMIT_COUNT;
use bascule_model::name::{AccountId, BusName};

use crate::codec::control as wire;
use crate::codec::control::PrincipalKind;
use crate::codec::control::rows::{AccountRow, BusRow};
use crate::control::desk::{Desk, Stop, named, room};
use crate::control::organization::{self, digits};
use crate::control::reply::Done;
use crate::control::state::account_key;
use crate::control::{bus, principal, role};
use crate::register::Table;

/// A new account, with its default bus if a data key for it comes along, and its first role.
pub(super) fn create(desk: &mut Desk<'_, '_>, create: &wire::CreateAccount) -> Result<Done, Stop> {
    let mut organization = organization::managed(desk)?;
    let name = digits(create.number);
    if AccountId::from_number(create.number).is_none() {
        return Err(Fault::invalid("AccountId", "it must have twelve digits", &name).into());
    }
    if desk.get::<AccountRow>(&account_key(create.number))?.is_some() {
        return Err(Fault::already_exists(Kind::Account, name).into());
    }
    organization::depth(desk, &organization, &create.parent)?;
    room("accounts of the organization", organization.accounts, ORGANIZATION_ACCOUNTS_LIMIT_COUNT)?;
    organization::count_below(desk, &mut organization, &create.parent, 0, 1)?;
    organization.accounts += 1;
    desk.put(organization);
    desk.put(AccountRow {
        number: create.number,
        name: create.name.clone(),
        parent: create.parent.clone(),
        attached: organization::born_with(desk),
        created_ms: desk.now_ms,
        changed_ms: desk.now_ms,
        changed_at: desk.index.0,
        ..AccountRow::default()
    });
    if create.data_key.is_some() {
        default_bus(desk, create)?;
    }
    if let Some(first) = &create.role {
        let management = std::mem::replace(&mut desk.account, create.number);
        role::create(desk, first)?;
        let holder = wire::Principal { kind: PrincipalKind::Role as i32, name: first.name.clone() };
        let attach = wire::AttachPolicy { principal: Some(holder), policy: create.role_policy.clone() };
        principal::attach(desk, &attach)?;
        desk.account = management;
    }
    Ok(Done::default())
}

/// Accounts had buses before they had rows: one that is there stays.
fn default_bus(desk: &mut Desk<'_, '_>, create: &wire::CreateAccount) -> Result<(), Stop> {
    if desk.get::<BusRow>(&named(Table::Buses, create.number, BusName::DEFAULT))?.is_some() {
        return Ok(());
    }
    let default =
        wire::Bus { name: BusName::DEFAULT.to_owned(), data_key: create.data_key.clone(), ..wire::Bus::default() };
    let management = std::mem::replace(&mut desk.account, create.number);
    bus::create(desk, &default)?;
    desk.account = management;
    Ok(())
}

pub(super) fn relocate(desk: &mut Desk<'_, '_>, to: &wire::MoveAccount) -> Result<Done, Stop> {
    let mut organization = organization::managed(desk)?;
    let mut row = expected(desk, to.number)?;
    organization::depth(desk, &organization, &to.parent)?;
    if row.parent == to.parent {
        return Ok(Done::default());
    }
    organization::count_below(desk, &mut organization, &row.parent, 0, -1)?;
    organization::count_below(desk, &mut organization, &to.parent, 0, 1)?;
    desk.put(organization);
    row.parent.clone_from(&to.parent);
    Ok(changed(desk, row))
}

pub(super) fn close(desk: &mut Desk<'_, '_>, number: u64) -> Result<Done, Stop> {
    let organization = organization::managed(desk)?;
    if organization.management == number {
        let reason = "can't be closed since it manages the organization.".to_owned();
        return Err(Fault::InvalidState { kind: Kind::Account, name: digits(number), reason }.into());
    }
    turn(desk, number, true)
}

pub(super) fn reopen(desk: &mut Desk<'_, '_>, number: u64) -> Result<Done, Stop> {
    organization::managed(desk)?;
    turn(desk, number, false)
}

fn turn(desk: &mut Desk<'_, '_>, number: u64, closed: bool) -> Result<Done, Stop> {
    let mut row = expected(desk, number)?;
    if row.closed == closed {
        return Ok(Done::default());
    }
    row.closed = closed;
    Ok(changed(desk, row))
}

fn changed(desk: &mut Desk<'_, '_>, mut row: AccountRow) -> Done {
    row.changed_ms = desk.now_ms;
    row.changed_at = desk.index.0;
    desk.put(row);
    Done::default()
}

/// The account of this number, unless the caller saw another state of it.
fn expected(desk: &Desk<'_, '_>, number: u64) -> Result<AccountRow, Stop> {
    let row = need(desk, number)?;
    desk.unless_changed(Kind::Account, &digits(number), row.changed_at)?;
    Ok(row)
}

/// The account of this number.
pub(super) fn need(desk: &Desk<'_, '_>, number: u64) -> Result<AccountRow, Stop> {
    Ok(desk.get(&account_key(number))?.ok_or_else(|| Fault::not_found(Kind::Account, digits(number)))?)
}

/// The command's account, if it is not closed: in a closed one things only go.
pub(super) fn open(desk: &Desk<'_, '_>) -> Result<AccountRow, Stop> {
    let row = need(desk, desk.account)?;
    if row.closed {
        let reason = "is closed.".to_owned();
        return Err(Fault::InvalidState { kind: Kind::Account, name: digits(row.number), reason }.into());
    }
    Ok(row)
}
