//! Commands about managed policies and their versions.

use bascule_model::fault::{Fault, Kind};
use bascule_model::limits::{
    ACCOUNT_POLICIES_LIMIT_COUNT, CONTROL_LIMIT_CHARS, MANAGED_LIMIT_CHARS, ORGANIZATION_POLICIES_LIMIT_COUNT,
    POLICY_VERSIONS_LIMIT_COUNT,
};
use bascule_model::policy;
use bascule_model::principal::NO_PATH;

use crate::codec::control as wire;
use crate::codec::control::PolicyKind;
use crate::codec::control::rows::{PolicyRow, VersionRow};
use crate::control::desk::{Desk, Stop, room};
use crate::control::reply::Done;
use crate::control::state::policy_key;
use crate::control::{Error, account, document, organization};

/// The number of a kind in rows and keys.
pub(super) const fn number(kind: policy::PolicyKind) -> i32 {
    match kind {
        policy::PolicyKind::Identity => PolicyKind::Identity as i32,
        policy::PolicyKind::ServiceControl => PolicyKind::ServiceControl as i32,
        policy::PolicyKind::ResourceControl => PolicyKind::ResourceControl as i32,
    }
}

/// A policy with version 1, in force.
pub(super) fn create(desk: &mut Desk<'_, '_>, create: &wire::CreatePolicy) -> Result<Done, Stop> {
    let kind = known(create.kind)?;
    account::open(desk)?;
    if kind != PolicyKind::Identity {
        organization::managed(desk)?;
        if create.path != NO_PATH {
            return Err(Fault::invalid("Path", "a control policy has none", &create.path).into());
        }
    }
    if desk.get::<PolicyRow>(&policy_key(desk.account, create.kind, &create.name))?.is_some() {
        return Err(Fault::already_exists(Kind::Policy, &create.name).into());
    }
    check(kind, &create.document)?;
    count(desk, kind, 1)?;
    let uid = desk.mint()?;
    desk.put(PolicyRow {
        uid,
        account: desk.account,
        kind: create.kind,
        name: create.name.clone(),
        path: create.path.clone(),
        description: create.description.clone(),
        versions: vec![VersionRow { number: 1, document: create.document.clone(), created_ms: desk.now_ms }],
        in_force: 1,
        next_version: 2,
        attachments: 0,
        bounded: 0,
        created_ms: desk.now_ms,
        changed_ms: desk.now_ms,
        changed_at: desk.index.0,
    });
    Ok(Done::about(uid))
}

/// What somebody holds stays; all versions go with it.
pub(super) fn delete(desk: &mut Desk<'_, '_>, name: &wire::PolicyName) -> Result<Done, Stop> {
    let row = need(desk, Some(name))?;
    for (count, how) in [(row.attachments, "is attached"), (row.bounded, "is a permissions boundary")] {
        if count > 0 {
            let reason = format!("can't be deleted since it {how} `{count}` times.");
            return Err(Fault::InvalidState { kind: Kind::Policy, name: row.name, reason }.into());
        }
    }
    count(desk, known(row.kind)?, -1)?;
    desk.delete(&row, Kind::Policy, row.uid);
    Ok(Done::about(row.uid))
}

pub(super) fn create_version(desk: &mut Desk<'_, '_>, create: &wire::CreatePolicyVersion) -> Result<Done, Stop> {
    account::open(desk)?;
    let mut row = need(desk, create.policy.as_ref())?;
    check(known(row.kind)?, &create.document)?;
    if row.versions.len() >= POLICY_VERSIONS_LIMIT_COUNT {
        let (count, max) = (row.versions.len() as u64 + 1, POLICY_VERSIONS_LIMIT_COUNT as u64);
        return Err(Fault::limit("versions of a managed policy", count, max).into());
    }
    // INVARIANT CO-7: a version's number is never used again.
    let number = row.next_version;
    row.next_version = number.checked_add(1).ok_or(Error::Exhausted)?;
    row.versions.push(VersionRow { number, document: create.document.clone(), created_ms: desk.now_ms });
    if create.in_force {
        row.in_force = number;
    }
    Ok(changed(desk, row))
}

pub(super) fn delete_version(desk: &mut Desk<'_, '_>, delete: &wire::PolicyVersion) -> Result<Done, Stop> {
    let mut row = need(desk, delete.policy.as_ref())?;
    let place = place(&row, delete.version)?;
    if delete.version == row.in_force {
        let name = version_name(&row, delete.version);
        let reason = "can't be deleted since it is in force.".to_owned();
        return Err(Fault::InvalidState { kind: Kind::PolicyVersion, name, reason }.into());
    }
    row.versions.remove(place);
    Ok(changed(desk, row))
}

pub(super) fn set_in_force(desk: &mut Desk<'_, '_>, set: &wire::PolicyVersion) -> Result<Done, Stop> {
    account::open(desk)?;
    let mut row = need(desk, set.policy.as_ref())?;
    place(&row, set.version)?;
    row.in_force = set.version;
    Ok(changed(desk, row))
}

/// The policy of that name in that case, unless the caller saw another state of it.
fn need(desk: &Desk<'_, '_>, policy: Option<&wire::PolicyName>) -> Result<PolicyRow, Stop> {
    let policy = policy.cloned().unwrap_or_default();
    known(policy.kind)?;
    let row = desk.get::<PolicyRow>(&policy_key(desk.account, policy.kind, &policy.name))?;
    let row = row.filter(|row| row.name == policy.name && row.path == policy.path);
    let row = row.ok_or_else(|| Fault::not_found(Kind::Policy, &policy.name))?;
    desk.unless_changed(Kind::Policy, &policy.name, row.changed_at)?;
    Ok(row)
}

fn changed(desk: &mut Desk<'_, '_>, mut row: PolicyRow) -> Done {
    row.changed_ms = desk.now_ms;
    row.changed_at = desk.index.0;
    let uid = row.uid;
    desk.put(row);
    Done::about(uid)
}

/// One policy more or less of the account, or of the organisation.
fn count(desk: &mut Desk<'_, '_>, kind: PolicyKind, by: i32) -> Result<(), Stop> {
    let step = |limit: &str, count: &mut u32, max: u32| {
        if by > 0 {
            room(limit, *count, max)?;
        }
        *count = count.saturating_add_signed(by);
        Ok::<(), Stop>(())
    };
    if kind == PolicyKind::Identity {
        let mut row = account::need(desk, desk.account)?;
        step("managed policies per account", &mut row.policies, ACCOUNT_POLICIES_LIMIT_COUNT)?;
        desk.put(row);
        return Ok(());
    }
    let mut row = organization::managed(desk)?;
    let (limit, count) = if kind == PolicyKind::ServiceControl {
        ("service control policies", &mut row.service_policies)
    } else {
        ("resource control policies", &mut row.resource_policies)
    };
    step(limit, count, ORGANIZATION_POLICIES_LIMIT_COUNT)?;
    desk.put(row);
    Ok(())
}

fn check(kind: PolicyKind, document: &str) -> Result<(), Stop> {
    if kind == PolicyKind::Identity {
        return document::check("PolicyDocument", document, "characters of a managed policy", MANAGED_LIMIT_CHARS);
    }
    document::check_whole("Content", document, "characters of a control policy", CONTROL_LIMIT_CHARS)
}

fn known(kind: i32) -> Result<PolicyKind, Stop> {
    match PolicyKind::try_from(kind).map_err(|_| Error::NewerCommand)? {
        PolicyKind::Unspecified => Err(Fault::invalid("Type", "it must be there", "").into()),
        kind => Ok(kind),
    }
}

fn place(row: &PolicyRow, version: u32) -> Result<usize, Stop> {
    let place = row.versions.iter().position(|old| old.number == version);
    Ok(place.ok_or_else(|| Fault::not_found(Kind::PolicyVersion, version_name(row, version)))?)
}

fn version_name(row: &PolicyRow, version: u32) -> String {
    format!("{} v{version}", row.name)
}
