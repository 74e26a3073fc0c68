//! Commands about rules.

use bascule_model::fault::{Fault, Kind};

use crate::codec::control as wire;
use crate::codec::control::RuleState;
use crate::codec::control::rows::{BusRow, RuleRow};
use crate::control::Error;
use crate::control::desk::{Desk, Stop, named, room};
use crate::control::limits::FIRED_AHEAD_LIMIT_MS;
use crate::control::reply::Done;
use crate::register::Table;

/// A new rule, or all of a rule but its uid and targets replaced.
pub(super) fn put(desk: &mut Desk<'_, '_>, rule: &wire::Rule) -> Result<Done, Stop> {
    let mut bus: BusRow = desk.need(Table::Buses, Kind::Bus, &rule.bus)?;
    // A state that this build does not know is a later build's command; to refuse it would be to differ from that build.
    let state = RuleState::try_from(rule.state).map_err(|_| Error::NewerCommand)?;
    if state == RuleState::Unspecified {
        return Err(Fault::invalid("State", "it must be there", "").into());
    }
    let old = desk.get::<RuleRow>(&named(Table::Rules, bus.uid, &rule.name))?;
    let mut row = if let Some(old) = old {
        desk.unless_changed(Kind::Rule, &rule.name, old.changed_at)?;
        old
    } else {
        desk.unless_expected(Kind::Rule, &rule.name)?;
        room("rules per event bus", bus.rules, desk.quotas().bus_rules)?;
        bus.rules += 1;
        let (bus_uid, account) = (bus.uid, bus.account);
        desk.put(bus);
        let (uid, created_ms) = (desk.mint()?, desk.now_ms);
        RuleRow { uid, bus_uid, account, created_ms, tags: rule.tags.clone(), ..RuleRow::default() }
    };
    let kept = row.rule.as_ref().is_some_and(|old| old.schedule == rule.schedule && (is_on(old) || !is_on(rule)));
    if !kept {
        row.anchored_ms = desk.now_ms;
    }
    // Tags are the row's: a later put of the rule leaves them as they are.
    row.rule = Some(wire::Rule { tags: Vec::new(), ..rule.clone() });
    row.changed_at = desk.index.0;
    let uid = row.uid;
    desk.put(row);
    Ok(Done::about(uid))
}

pub(super) fn enable(desk: &mut Desk<'_, '_>, name: &wire::RuleName) -> Result<Done, Stop> {
    turn(desk, name, |rule| {
        // EnableRule leaves the third state, which is on too, as it is.
        if is_on(rule) { rule.state } else { RuleState::Enabled as i32 }
    })
}

pub(super) fn disable(desk: &mut Desk<'_, '_>, name: &wire::RuleName) -> Result<Done, Stop> {
    turn(desk, name, |_| RuleState::Disabled as i32)
}

/// A rule that is not there is as good as deleted, as in EventBridge; its bus must be there.
pub(super) fn delete(desk: &mut Desk<'_, '_>, name: &wire::RuleName) -> Result<Done, Stop> {
    let mut bus: BusRow = desk.need(Table::Buses, Kind::Bus, &name.bus)?;
    let Some(row) = desk.get::<RuleRow>(&named(Table::Rules, bus.uid, &name.name))? else {
        desk.unless_expected(Kind::Rule, &name.name)?;
        return Ok(Done::default());
    };
    desk.unless_changed(Kind::Rule, &name.name, row.changed_at)?;
    if row.targets > 0 {
        let reason = "can't be deleted since it has targets.".to_owned();
        return Err(Fault::InvalidState { kind: Kind::Rule, name: name.name.clone(), reason }.into());
    }
    desk.delete(&row, Kind::Rule, row.uid);
    bus.rules -= 1;
    desk.put(bus);
    Ok(Done::about(row.uid))
}

/// A due time is over. It is no change of the rule: whoever edits it sees the same one as before.
pub(super) fn fired(desk: &mut Desk<'_, '_>, fired: &wire::Fired) -> Result<Done, Stop> {
    let name = fired.rule.clone().unwrap_or_default();
    let bus: BusRow = desk.need(Table::Buses, Kind::Bus, &name.bus)?;
    let row = desk.get::<RuleRow>(&named(Table::Rules, bus.uid, &name.name))?;
    // Deleted since, or made anew: the time that was due is nobody's.
    let mut row = row.filter(|row| row.uid == fired.uid).ok_or_else(|| Fault::not_found(Kind::Rule, &name.name))?;
    // A clock that ran ahead must not silence the rule until that time has come.
    if fired.due_ms > desk.now_ms.saturating_add(FIRED_AHEAD_LIMIT_MS) {
        let reason = format!("group time is `{}`", desk.now_ms);
        return Err(Fault::invalid("due time", reason, &fired.due_ms.to_string()).into());
    }
    // INVARIANT SH-10: due times go forward only.
    if fired.due_ms > row.fired_ms {
        row.fired_ms = fired.due_ms;
        desk.put(row);
    }
    Ok(Done::about(fired.uid))
}

/// The rule of that name, unless the caller saw another state of it.
pub(super) fn need(desk: &Desk<'_, '_>, name: &wire::RuleName) -> Result<RuleRow, Stop> {
    let bus: BusRow = desk.need(Table::Buses, Kind::Bus, &name.bus)?;
    let row = desk.get::<RuleRow>(&named(Table::Rules, bus.uid, &name.name))?;
    let row = row.ok_or_else(|| Fault::not_found(Kind::Rule, &name.name))?;
    desk.unless_changed(Kind::Rule, &name.name, row.changed_at)?;
    Ok(row)
}

fn turn(desk: &mut Desk<'_, '_>, name: &wire::RuleName, to: fn(&wire::Rule) -> i32) -> Result<Done, Stop> {
    let mut row = need(desk, name)?;
    let uid = row.uid;
    let mut rule = row.rule.take().unwrap_or_default();
    let state = to(&rule);
    if state == rule.state {
        return Ok(Done::about(uid));
    }
    if !is_on(&rule) {
        row.anchored_ms = desk.now_ms;
    }
    rule.state = state;
    row.rule = Some(rule);
    row.changed_at = desk.index.0;
    desk.put(row);
    Ok(Done::about(uid))
}

const fn is_on(rule: &wire::Rule) -> bool {
    rule.state != RuleState::Disabled as i32
}
