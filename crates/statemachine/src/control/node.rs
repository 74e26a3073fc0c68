//! Control policies that are attached to the root, to units and to accounts.

use bascule_model::fault::{Fault, Kind};
use bascule_model::limits::NODE_ATTACHED_LIMIT_COUNT;
use bascule_model::organization::Node;
use bascule_model::policy::{PolicyArn, PolicyKind, PolicyOwner};

use crate::codec::control as wire;
use crate::codec::control::rows::{OrganizationRow, PolicyRow};
use crate::control::desk::{Desk, Stop};
use crate::control::reply::Done;
use crate::control::state::policy_key;
use crate::control::{account, organization, policy};

/// Attached already is as good as attached.
pub(super) fn attach(desk: &mut Desk<'_, '_>, attach: &wire::AttachControlPolicy) -> Result<Done, Stop> {
    let organization = organization::managed(desk)?;
    let arn = control(&attach.policy)?;
    let own = own(desk, &arn)?;
    let (kind, text) = (arn.kind(), arn.to_string());
    let changed = change(desk, organization, &attach.node, |list| {
        let Err(place) = list.binary_search(&text) else {
            return Ok(false);
        };
        let count = of_kind(list, kind) + 1;
        if count > NODE_ATTACHED_LIMIT_COUNT {
            let limit = "policies of one type attached to a root, unit or account";
            return Err(Fault::limit(limit, count as u64, NODE_ATTACHED_LIMIT_COUNT as u64).into());
        }
        list.insert(place, text);
        Ok(true)
    })?;
    if let (true, Some(mut row)) = (changed, own) {
        row.attachments += 1;
        desk.put(row);
    }
    Ok(Done::default())
}

/// The last one of its type stays: a node without one would deny everything, and a rule that it denies nothing would open what
/// was meant to be closed.
pub(super) fn detach(desk: &mut Desk<'_, '_>, detach: &wire::AttachControlPolicy) -> Result<Done, Stop> {
    let organization = organization::managed(desk)?;
    let arn = control(&detach.policy)?;
    let (kind, text) = (arn.kind(), arn.to_string());
    let always = PolicyArn::full_access(&desk.meta.partition, PolicyKind::ResourceControl);
    change(desk, organization, &detach.node, |list| {
        let Ok(place) = list.binary_search(&text) else {
            return Err(Fault::not_found(Kind::Policy, &text).into());
        };
        let stays = |reason: String| Fault::InvalidState { kind: Kind::Policy, name: text.clone(), reason };
        if always.as_ref() == Some(&arn) {
            return Err(stays("can't be detached from anything.".to_owned()).into());
        }
        if of_kind(list, kind) == 1 {
            return Err(stays(format!("can't be detached since `{}` has no other of its type.", detach.node)).into());
        }
        list.remove(place);
        Ok(true)
    })?;
    release(desk, &detach.policy)?;
    Ok(Done::default())
}

/// Counts one attachment less, of a policy that has a row.
pub(super) fn release(desk: &mut Desk<'_, '_>, arn: &str) -> Result<(), Stop> {
    if let Some(mut row) = own(desk, &control(arn)?)? {
        row.attachments = row.attachments.saturating_sub(1);
        desk.put(row);
    }
    Ok(())
}

/// Changes the list of what is attached to a node, unless the caller saw another state of it; whether there was a change.
fn change(
    desk: &mut Desk<'_, '_>,
    mut organization: OrganizationRow,
    node: &str,
    with: impl FnOnce(&mut Vec<String>) -> Result<bool, Stop>,
) -> Result<bool, Stop> {
    let (now_ms, index) = (desk.now_ms, desk.index.0);
    match Node::parse("TargetId", node)? {
        Node::Root(_) if node != organization.root => Err(Fault::not_found(Kind::Organization, node).into()),
        Node::Root(_) => {
            desk.unless_changed(Kind::Organization, node, organization.changed_at)?;
            let changed = with(&mut organization.attached)?;
            if changed {
                organization.changed_at = index;
                desk.put(organization);
            }
            Ok(changed)
        }
        Node::Unit(_) => {
            let mut row = organization::unit(desk, node)?;
            desk.unless_changed(Kind::Unit, node, row.changed_at)?;
            let changed = with(&mut row.attached)?;
            if changed {
                (row.changed_ms, row.changed_at) = (now_ms, index);
                desk.put(row);
            }
            Ok(changed)
        }
        Node::Account(number) => {
            let mut row = account::need(desk, number.number())?;
            desk.unless_changed(Kind::Account, node, row.changed_at)?;
            let changed = with(&mut row.attached)?;
            if changed {
                (row.changed_ms, row.changed_at) = (now_ms, index);
                desk.put(row);
            }
            Ok(changed)
        }
    }
}

fn control(text: &str) -> Result<PolicyArn, Stop> {
    let arn = PolicyArn::parse("PolicyId", text)?;
    if arn.kind() == PolicyKind::Identity {
        let reason = "it must be a service or resource control policy";
        return Err(Fault::invalid("PolicyId", reason, text).into());
    }
    Ok(arn)
}

/// The row of an ARN; `None` for a shipped one, of which whoever proposed the command knows that its build has it.
fn own(desk: &Desk<'_, '_>, arn: &PolicyArn) -> Result<Option<PolicyRow>, Stop> {
    let missing = || Fault::not_found(Kind::Policy, arn.to_string());
    let organization = organization::need(desk)?;
    match arn.owner() {
        _ if arn.partition() != desk.meta.partition => Err(missing().into()),
        PolicyOwner::Shipped => Ok(None),
        PolicyOwner::Organization(account, id)
            if account.number() == organization.management && id.as_str() == organization.id =>
        {
            let kind = policy::number(arn.kind());
            let row = desk.get::<PolicyRow>(&policy_key(organization.management, kind, arn.name().as_str()))?;
            Ok(Some(row.filter(|row| row.name == arn.name().as_str()).ok_or_else(missing)?))
        }
        PolicyOwner::Organization(..) | PolicyOwner::Account(_) => Err(missing().into()),
    }
}

fn of_kind(list: &[String], kind: PolicyKind) -> usize {
    list.iter().filter(|text| PolicyArn::parse("PolicyId", text).is_ok_and(|arn| arn.kind() == kind)).count()
}
