//! Commands about tags of buses and rules.

use bascule_model::fault::{Fault, Kind};
use bascule_model::limits::TAGS_LIMIT_COUNT;

use crate::codec::control as wire;
use crate::codec::control::Pair;
use crate::codec::control::rows::BusRow;
use crate::control::desk::{Desk, Stop};
use crate::control::reply::Done;
use crate::control::rule;
use crate::register::Table;

/// Sets and removes; all of it or nothing.
pub(super) fn tag(desk: &mut Desk<'_, '_>, tag: &wire::Tag) -> Result<Done, Stop> {
    if tag.rule.is_empty() {
        let mut bus: BusRow = desk.need(Table::Buses, Kind::Bus, &tag.bus)?;
        bus.tags = merged(&bus.tags, &tag.set, &tag.remove)?;
        let uid = bus.uid;
        desk.put(bus);
        return Ok(Done::about(uid));
    }
    let name = wire::RuleName { bus: tag.bus.clone(), name: tag.rule.clone() };
    let mut row = rule::need(desk, &name)?;
    row.tags = merged(&row.tags, &tag.set, &tag.remove)?;
    let uid = row.uid;
    desk.put(row);
    Ok(Done::about(uid))
}

/// Tags after a change, ascending by key.
pub(super) fn merged(old: &[Pair], set: &[Pair], remove: &[String]) -> Result<Vec<Pair>, Stop> {
    let goes = |name: &String| remove.contains(name) || set.iter().any(|pair| pair.name == *name);
    let mut tags: Vec<Pair> = old.iter().filter(|pair| !goes(&pair.name)).cloned().collect();
    tags.extend(set.iter().cloned());
    tags.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    if tags.len() > TAGS_LIMIT_COUNT {
        let max = u32::try_from(TAGS_LIMIT_COUNT).unwrap_or(u32::MAX);
        return Err(Fault::limit("tags per resource", tags.len() as u64, max).into());
    }
    Ok(tags)
}
