//! The organisation: how it begins, and where something stands in its tree.

use bascule_model::fault::{Fault, Kind};
use bascule_model::name::AccountId;
use bascule_model::organization::{Node, OrganizationId, RootId};
use bascule_model::policy::{PolicyArn, PolicyKind};

use crate::codec::control as wire;
use crate::codec::control::PrincipalKind;
use crate::codec::control::rows::{AccountRow, OrganizationRow, UnitRow};
use crate::control::desk::{Desk, Stop};
use crate::control::reply::Done;
use crate::control::state::{organization_key, unit_key};
use crate::control::{principal, user};

/// A second beginning changes nothing: every node of an old cluster may propose one, with ids of its own.
pub(super) fn organize(desk: &mut Desk<'_, '_>, organize: &wire::Organize) -> Result<Done, Stop> {
    if desk.get::<OrganizationRow>(&organization_key())?.is_some() {
        return Ok(Done::default());
    }
    only(desk, desk.meta.account)?;
    let (id, root) = (OrganizationId::parse(&organize.id)?, RootId::parse(&organize.root)?);
    let attached = born_with(desk);
    desk.put(OrganizationRow {
        id: id.to_string(),
        root: root.to_string(),
        management: desk.account,
        attached: attached.clone(),
        child_accounts: 1,
        accounts: 1,
        created_ms: desk.now_ms,
        changed_at: desk.index.0,
        ..OrganizationRow::default()
    });
    desk.put(AccountRow {
        number: desk.account,
        name: organize.account_name.clone(),
        parent: root.to_string(),
        attached,
        created_ms: desk.now_ms,
        changed_ms: desk.now_ms,
        changed_at: desk.index.0,
        ..AccountRow::default()
    });
    if let Some(administrator) = &organize.administrator {
        user::create(desk, administrator)?;
        let principal = wire::Principal { kind: PrincipalKind::User as i32, name: administrator.name.clone() };
        let attach = wire::AttachPolicy { principal: Some(principal), policy: organize.administrator_policy.clone() };
        principal::attach(desk, &attach)?;
    }
    Ok(Done::default())
}

/// The organisation, for a command of its management account.
pub(super) fn managed(desk: &Desk<'_, '_>) -> Result<OrganizationRow, Stop> {
    let row = need(desk)?;
    only(desk, row.management)?;
    Ok(row)
}

/// The organisation.
pub(super) fn need(desk: &Desk<'_, '_>) -> Result<OrganizationRow, Stop> {
    let none = || Fault::Unavailable { reason: "the cluster has no organization yet".to_owned() };
    Ok(desk.get(&organization_key())?.ok_or_else(none)?)
}

fn only(desk: &Desk<'_, '_>, management: u64) -> Result<(), Stop> {
    if desk.account == management {
        return Ok(());
    }
    let reason = format!("the organization belongs to account `{}`", digits(management));
    Err(Fault::invalid("Account", reason, &digits(desk.account)).into())
}

/// What a new root, unit or account has attached, ascending: every level must allow, so that each begins by allowing all.
pub(super) fn born_with(desk: &Desk<'_, '_>) -> Vec<String> {
    let kinds = PolicyKind::ALL.into_iter();
    let arns = kinds.filter_map(|kind| PolicyArn::full_access(&desk.meta.partition, kind));
    let mut arns: Vec<String> = arns.map(|arn| arn.to_string()).collect();
    arns.sort_unstable();
    arns
}

/// How deep the root or unit of this id stands; 0 for the root.
pub(super) fn depth(desk: &Desk<'_, '_>, organization: &OrganizationRow, parent: &str) -> Result<u32, Stop> {
    match Node::parse("ParentId", parent)? {
        Node::Root(id) if id.as_str() == organization.root => Ok(0),
        Node::Unit(_) => Ok(unit(desk, parent)?.depth),
        Node::Root(_) => Err(Fault::not_found(Kind::Organization, parent).into()),
        Node::Account(_) => Err(Fault::invalid("ParentId", "it must be the id of a root or unit", parent).into()),
    }
}

/// The unit of this id.
pub(super) fn unit(desk: &Desk<'_, '_>, id: &str) -> Result<UnitRow, Stop> {
    Ok(desk.get(&unit_key(id))?.ok_or_else(|| Fault::not_found(Kind::Unit, id))?)
}

/// Counts what stands right below a root or unit; `organization` is put by whoever called.
///
/// INVARIANT CO-2: counts of the tree are those of its rows.
pub(super) fn count_below(
    desk: &mut Desk<'_, '_>,
    organization: &mut OrganizationRow,
    parent: &str,
    units: i32,
    accounts: i32,
) -> Result<(), Stop> {
    if parent == organization.root {
        organization.child_units = organization.child_units.saturating_add_signed(units);
        organization.child_accounts = organization.child_accounts.saturating_add_signed(accounts);
        return Ok(());
    }
    let mut row = unit(desk, parent)?;
    row.child_units = row.child_units.saturating_add_signed(units);
    row.child_accounts = row.child_accounts.saturating_add_signed(accounts);
    desk.put(row);
    Ok(())
}

/// Twelve digits.
pub(super) fn digits(account: u64) -> String {
    AccountId::from_number(account).map_or_else(|| account.to_string(), |account| account.to_string())
}
