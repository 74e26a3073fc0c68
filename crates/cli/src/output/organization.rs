//! The organisation, its units and accounts as records.

use bascule_api::iam::v1::{Account, Organization, OrganizationalUnit};

use crate::output::View;
use crate::output::record::Record;

/// Everything about the organisation.
pub fn record(organization: &Organization) -> Record {
    Record::new()
        .text("Id", &organization.id)
        .text("Arn", &organization.arn)
        .text("RootId", &organization.root_id)
        .text("ManagementAccountId", &organization.management_account_id)
        .text("Path", &organization.path)
        .texts("AttachedPolicyArns", &organization.attached_policy_arns)
        .number("OrganizationalUnitCount", u64::from(organization.organizational_unit_count))
        .number("AccountCount", u64::from(organization.account_count))
        .time("CreationTime", organization.creation_time.as_ref().map(|time| time.seconds))
}

/// Everything about a unit.
pub fn unit(unit: &OrganizationalUnit) -> Record {
    Record::new()
        .text("Id", &unit.id)
        .text("Name", &unit.name)
        .text("ParentId", &unit.parent_id)
        .text("Arn", &unit.arn)
        .text("Path", &unit.path)
        .texts("AttachedPolicyArns", &unit.attached_policy_arns)
        .number("OrganizationalUnitCount", u64::from(unit.organizational_unit_count))
        .number("AccountCount", u64::from(unit.account_count))
        .time("CreationTime", unit.creation_time.as_ref().map(|time| time.seconds))
        .time("LastModifiedTime", unit.last_modified_time.as_ref().map(|time| time.seconds))
}

/// A list of units.
pub fn units(units: &[OrganizationalUnit]) -> View {
    let columns = [
        ("ID", "Id"),
        ("NAME", "Name"),
        ("PARENT", "ParentId"),
        ("UNITS", "OrganizationalUnitCount"),
        ("ACCOUNTS", "AccountCount"),
    ];
    let more = [
        ("POLICIES", "AttachedPolicyArns"),
        ("CREATED", "CreationTime"),
        ("CHANGED", "LastModifiedTime"),
        ("ARN", "Arn"),
    ];
    View::list("OrganizationalUnits", units.iter().map(unit).collect(), &columns, &more, "no units")
}

/// Everything about an account.
pub fn account(account: &Account) -> Record {
    Record::new()
        .text("Id", &account.id)
        .text("Name", &account.name)
        .choice("State", account.state().as_str_name(), "ACCOUNT_STATE_")
        .text("ParentId", &account.parent_id)
        .text("Arn", &account.arn)
        .text("Path", &account.path)
        .texts("AttachedPolicyArns", &account.attached_policy_arns)
        .number("UserCount", u64::from(account.user_count))
        .number("RoleCount", u64::from(account.role_count))
        .number("PolicyCount", u64::from(account.policy_count))
        .time("CreationTime", account.creation_time.as_ref().map(|time| time.seconds))
        .time("LastModifiedTime", account.last_modified_time.as_ref().map(|time| time.seconds))
}

/// A list of accounts.
pub fn accounts(accounts: &[Account]) -> View {
    let columns = [
        ("ID", "Id"),
        ("NAME", "Name"),
        ("STATE", "State"),
        ("PARENT", "ParentId"),
        ("USERS", "UserCount"),
        ("ROLES", "RoleCount"),
    ];
    let more = [
        ("MANAGED POLICIES", "PolicyCount"),
        ("CONTROL POLICIES", "AttachedPolicyArns"),
        ("CREATED", "CreationTime"),
        ("CHANGED", "LastModifiedTime"),
        ("ARN", "Arn"),
    ];
    View::list("Accounts", accounts.iter().map(account).collect(), &columns, &more, "no accounts")
}
