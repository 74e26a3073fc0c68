//! Commands about targets.

use std::collections::BTreeSet;

use bascule_model::arn::Arn;
use bascule_model::fault::{Fault, Kind};
use bascule_model::limits::TARGETS_CALL_LIMIT_ENTRIES;
use bascule_model::name::TargetId;
use bascule_model::target::TargetKind;

use crate::codec::control as wire;
use crate::codec::control::rows::{DestinationRow, TargetRow};
use crate::control::desk::{Desk, Stop, named};
use crate::control::reply::Done;
use crate::control::rule;
use crate::register::Table;

/// Adds or replaces targets. One that cannot be is refused by itself; too many refuse the call.
pub(super) fn put(desk: &mut Desk<'_, '_>, put: &wire::PutTargets) -> Result<Done, Stop> {
    distinct("Targets", put.targets.iter().map(|target| target.id.as_str()))?;
    let mut row = rule::need(desk, &put.rule.clone().unwrap_or_default())?;
    let mut done = Done::about(row.uid);
    let mut rows = Vec::new();
    let mut new = 0;
    for target in &put.targets {
        if let Err(fault) = check(desk, target)? {
            done.failed.push((target.id.clone(), fault));
            continue;
        }
        let old = desk.get::<TargetRow>(&named(Table::Targets, row.uid, &target.id))?;
        new += u32::from(old.is_none());
        rows.push((old, target.clone()));
    }
    let (count, max) = (row.targets.saturating_add(new), desk.quotas().rule_targets);
    // Replacing stays possible for a rule that has more than a quota lowered since.
    if new > 0 && count > max {
        return Err(Fault::limit("targets per rule", count, max).into());
    }
    for (old, target) in rows {
        place(desk, row.uid, old, target)?;
    }
    row.targets = count;
    desk.put(row);
    Ok(done)
}

pub(super) fn remove(desk: &mut Desk<'_, '_>, remove: &wire::RemoveTargets) -> Result<Done, Stop> {
    distinct("Ids", remove.ids.iter().map(String::as_str))?;
    let mut row = rule::need(desk, &remove.rule.clone().unwrap_or_default())?;
    let mut done = Done::about(row.uid);
    for id in &remove.ids {
        match desk.get::<TargetRow>(&named(Table::Targets, row.uid, id))? {
            Some(target) => {
                desk.delete(&target, Kind::Target, target.uid);
                row.targets -= 1;
            }
            None => done.failed.push((id.clone(), Fault::not_found(Kind::Target, id))),
        }
    }
    desk.put(row);
    Ok(done)
}

/// The same id and ARN keep the uid, so that what is owed stays owed; anything else is another lane.
fn place(desk: &mut Desk<'_, '_>, rule_uid: u64, old: Option<TargetRow>, target: wire::Target) -> Result<(), Stop> {
    let same = |old: &TargetRow| old.target.as_ref().is_some_and(|before| before.arn == target.arn);
    let (uid, minted_at) = match old {
        Some(old) if same(&old) => (old.uid, old.minted_at),
        Some(old) => {
            desk.delete(&old, Kind::Target, old.uid);
            (desk.mint()?, desk.index.0)
        }
        None => (desk.mint()?, desk.index.0),
    };
    desk.put(TargetRow { uid, rule_uid, minted_at, target: Some(target) });
    Ok(())
}

/// What may be wrong with one target alone: its id, its ARN, or an API destination that is not there.
fn check(desk: &Desk<'_, '_>, target: &wire::Target) -> Result<Result<(), Fault>, Stop> {
    let kind = TargetId::parse(&target.id).and_then(|_| Arn::parse("Arn", &target.arn)).and_then(|arn| {
        let kind = TargetKind::of(&arn)?;
        Ok((arn, kind))
    });
    let (arn, kind) = match kind {
        Ok(resolved) => resolved,
        Err(fault) => return Ok(Err(fault)),
    };
    let TargetKind::Destination(name) = kind else {
        return Ok(Ok(()));
    };
    let account = arn.account().map_or(u64::MAX, |account| account.number());
    let found = desk.get::<DestinationRow>(&named(Table::Destinations, account, name.as_str()))?;
    let here = arn.region() == desk.meta.region && arn.partition() == desk.meta.partition;
    Ok(if here && found.is_some() { Ok(()) } else { Err(Fault::not_found(Kind::Destination, target.arn.clone())) })
}

fn distinct<'id>(field: &str, ids: impl ExactSizeIterator<Item = &'id str>) -> Result<(), Stop> {
    let count = ids.len();
    if count == 0 || count > TARGETS_CALL_LIMIT_ENTRIES {
        let reason = format!("there must be 1 to {TARGETS_CALL_LIMIT_ENTRIES}");
        return Err(Fault::invalid(field, reason, &count.to_string()).into());
    }
    let mut seen = BTreeSet::new();
    for id in ids {
        if !seen.insert(id) {
            return Err(Fault::invalid(field, "each id may stand there once", id).into());
        }
    }
    Ok(())
}
