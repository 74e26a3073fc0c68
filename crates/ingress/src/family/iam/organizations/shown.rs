//! The organisation, units and accounts as they are answered.

use std::sync::Arc;

use bascule_api::iam::v1::{Account, AccountState, Organization, OrganizationalUnit};
use bascule_api::status::Refusal;
use bascule_api::time::timestamp;
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::limits::UNIT_LIMIT_DEPTH;
use bascule_model::name::AccountId;
use bascule_model::time::Millis;
use bascule_routing::realm;
use bascule_routing::view::View;

use crate::rooms::Rooms;
use crate::wire;

/// The organisation of a view.
pub(super) fn organization_of(view: &View) -> Result<&Arc<realm::Organization>, Refusal> {
    let missing = || wire::fault(Fault::not_found(Noun::Organization, "of this cluster"));
    view.realm.organization().ok_or_else(missing)
}

/// The ARN of one of its nodes, as policies are asked about it: ids are unique without the organisation's.
fn arn(view: &View, kind: &str, id: &str) -> Result<String, Refusal> {
    let management = AccountId::from_number(organization_of(view)?.row.management).unwrap_or_default();
    Ok(format!("arn:{}:organizations::{management}:{kind}/{id}", Rooms::cluster(view)?.scope.partition()))
}

/// `o-…/r-…/`, and the units from there down to the one of this id.
fn path(view: &View, id: &str) -> Result<String, Refusal> {
    let organization = &organization_of(view)?.row;
    let mut steps = Vec::new();
    let mut next = id;
    // A tree that apply made is no deeper; what is deeper is cut, and not walked for ever.
    while next != organization.root && steps.len() < UNIT_LIMIT_DEPTH as usize {
        let Some(unit) = view.realm.unit(next) else { break };
        steps.push(unit.row.id.as_str());
        next = &unit.row.parent;
    }
    let mut path = format!("{}/{}/", organization.id, organization.root);
    for step in steps.into_iter().rev() {
        path.push_str(step);
        path.push('/');
    }
    Ok(path)
}

pub(super) fn organization(view: &View) -> Result<Organization, Refusal> {
    let row = &organization_of(view)?.row;
    Ok(Organization {
        id: row.id.clone(),
        arn: arn(view, "organization", &row.id)?,
        root_id: row.root.clone(),
        management_account_id: AccountId::from_number(row.management).unwrap_or_default().to_string(),
        path: path(view, &row.root)?,
        attached_policy_arns: row.attached.clone(),
        organizational_unit_count: row.units,
        account_count: row.accounts,
        creation_time: Some(timestamp(Millis(row.created_ms))),
    })
}

pub(super) fn unit(view: &View, unit: &realm::Unit) -> Result<OrganizationalUnit, Refusal> {
    let row = &unit.row;
    Ok(OrganizationalUnit {
        id: row.id.clone(),
        arn: arn(view, "ou", &row.id)?,
        name: row.name.clone(),
        parent_id: row.parent.clone(),
        path: path(view, &row.id)?,
        attached_policy_arns: row.attached.clone(),
        organizational_unit_count: row.child_units,
        account_count: row.child_accounts,
        creation_time: Some(timestamp(Millis(row.created_ms))),
        last_modified_time: Some(timestamp(Millis(row.changed_ms))),
    })
}

pub(super) fn account(view: &View, account: &realm::Account) -> Result<Account, Refusal> {
    let row = &account.row;
    let number = AccountId::from_number(row.number).unwrap_or_default();
    let id = number.to_string();
    let state = if row.closed { AccountState::Closed } else { AccountState::Active };
    Ok(Account {
        arn: arn(view, "account", &id)?,
        id,
        name: row.name.clone(),
        parent_id: row.parent.clone(),
        path: view.realm.path(number).unwrap_or_default(),
        state: state.into(),
        attached_policy_arns: row.attached.clone(),
        user_count: row.users,
        role_count: row.roles,
        policy_count: row.policies,
        creation_time: Some(timestamp(Millis(row.created_ms))),
        last_modified_time: Some(timestamp(Millis(row.changed_ms))),
    })
}
