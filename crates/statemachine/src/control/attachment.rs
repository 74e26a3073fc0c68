//! Managed policies that are attached to principals or bound them, by ARN, and how often each is.

use bascule_model::fault::{Fault, Kind};
use bascule_model::policy::{PolicyArn, PolicyKind, PolicyOwner};

use crate::codec::control::PolicyKind as Number;
use crate::codec::control::rows::{Grants, PolicyRow};
use crate::control::desk::{Desk, Stop};
use crate::control::organization::digits;
use crate::control::state::policy_key;

/// How a principal holds a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// It is attached, and allows or denies.
    Attached,
    /// It is the permissions boundary.
    Bounds,
}

/// Counts one holder more; the policy must be there.
///
/// INVARIANT CO-4: a policy's counts are those of the rows that name it.
pub(super) fn take(desk: &mut Desk<'_, '_>, field: &str, arn: &str, hold: Hold) -> Result<(), Stop> {
    count(desk, field, arn, hold, 1)
}

/// Counts one holder less.
pub(super) fn release(desk: &mut Desk<'_, '_>, arn: &str, hold: Hold) -> Result<(), Stop> {
    count(desk, "PolicyArn", arn, hold, -1)
}

/// Counts one holder less of all that a principal holds.
pub(super) fn release_all(desk: &mut Desk<'_, '_>, grants: &Grants) -> Result<(), Stop> {
    rebound(desk, &grants.boundary, "")?;
    grants.attached.iter().try_for_each(|arn| release(desk, arn, Hold::Attached))
}

/// Another permissions boundary in place of the one before; empty for none.
pub(super) fn rebound(desk: &mut Desk<'_, '_>, old: &str, new: &str) -> Result<(), Stop> {
    if !new.is_empty() {
        take(desk, "PermissionsBoundary", new, Hold::Bounds)?;
    }
    if !old.is_empty() {
        release(desk, old, Hold::Bounds)?;
    }
    Ok(())
}

fn count(desk: &mut Desk<'_, '_>, field: &str, arn: &str, hold: Hold, by: i32) -> Result<(), Stop> {
    let Some(mut row) = own(desk, field, arn)? else {
        return Ok(());
    };
    let counted = match hold {
        Hold::Attached => &mut row.attachments,
        Hold::Bounds => &mut row.bounded,
    };
    *counted = counted.saturating_add_signed(by);
    desk.put(row);
    Ok(())
}

/// The row of an ARN; `None` for a shipped one, of which whoever proposed the command knows that its build has it.
fn own(desk: &Desk<'_, '_>, field: &str, text: &str) -> Result<Option<PolicyRow>, Stop> {
    let arn = PolicyArn::parse(field, text)?;
    let missing = || Fault::not_found(Kind::Policy, text);
    if arn.kind() != PolicyKind::Identity {
        return Err(Fault::invalid(field, "it must be a policy of identities", text).into());
    }
    if arn.partition() != desk.meta.partition {
        return Err(missing().into());
    }
    let name = match arn.owner() {
        PolicyOwner::Shipped => return Ok(None),
        PolicyOwner::Account(account) if account.number() == desk.account => arn.name().as_str(),
        PolicyOwner::Account(_) | PolicyOwner::Organization(..) => {
            let reason = format!("it must be a shipped policy, or one of account `{}`", digits(desk.account));
            return Err(Fault::invalid(field, reason, text).into());
        }
    };
    let row = desk.get::<PolicyRow>(&policy_key(desk.account, Number::Identity as i32, name))?;
    let same = |row: &PolicyRow| row.name == name && row.path == arn.path();
    Ok(Some(row.filter(same).ok_or_else(missing)?))
}
