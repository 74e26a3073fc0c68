//! Matching and stamping: which rules and queues want an event, by one view. Pure.

use std::sync::Arc;

use bascule_model::target::{Input, TargetKind};
use bascule_pattern::matcher::Unmatched;
use bascule_statemachine::codec::shard::{Direct, Stamp};
use bascule_statemachine::limits::STAMP_UIDS_LIMIT_COUNT;

use crate::envelope::Envelope;
use crate::error::EntryError;
use crate::view::{Bus, Lane, Rule, View};
use crate::wanted::Scratches;

/// An event that is to be matched.
#[derive(Clone, Copy)]
pub enum Arriving<'e> {
    /// As it was written once.
    Written(&'e str),
    /// As its entry says it.
    Entry(&'e Envelope<'e>),
}

/// The stamp of an event on `bus`; `None` if nothing wants it. `may` says of a queue target whether it may be invoked.
///
/// # Errors
/// [`EntryError::TooManyCombinations`], [`EntryError::TooManyMatches`], [`EntryError::Internal`].
pub(crate) fn stamp(
    view: &View,
    bus: &Bus,
    event: Arriving<'_>,
    scratches: &Scratches,
    may: impl Fn(&Rule, &Arc<Lane>) -> bool,
) -> Result<Option<Stamp>, EntryError> {
    if bus.wanted.matcher().is_empty() {
        return Ok(None);
    }
    scratches.with(|scratch, found| {
        let matcher = bus.wanted.matcher();
        match event {
            Arriving::Written(text) => matcher.find(text, scratch, found),
            Arriving::Entry(envelope) => matcher.find_in(&envelope.fields(), envelope.detail(), scratch, found),
        }
        .map_err(|unmatched| match unmatched {
            Unmatched::TooManyCombinations(_) => EntryError::TooManyCombinations,
            Unmatched::Event(error) => EntryError::Internal(error.to_string()),
        })?;
        let mut stamp = Stamp { control_index: view.index.0, ..Stamp::default() };
        for rule in found.iter().filter_map(|number| bus.rules.get(bus.wanted.name(*number)?)) {
            add(&mut stamp, view, rule, &may);
        }
        stamp.rules.sort_unstable();
        stamp.direct.sort_unstable_by_key(|direct| direct.target);
        let count = stamp.rules.len() + stamp.direct.len();
        if count > STAMP_UIDS_LIMIT_COUNT {
            return Err(EntryError::TooManyMatches { count, limit: STAMP_UIDS_LIMIT_COUNT });
        }
        Ok((count > 0).then_some(stamp))
    })
}

/// The stamp of an event that one rule alone gets; `None` if it has no target.
pub fn of_rule(view: &View, rule: &Rule, may: impl Fn(&Rule, &Arc<Lane>) -> bool) -> Option<Stamp> {
    let mut stamp = Stamp { control_index: view.index.0, ..Stamp::default() };
    add(&mut stamp, view, rule, &may);
    stamp.direct.sort_unstable_by_key(|direct| direct.target);
    (!rule.targets.is_empty()).then_some(stamp)
}

fn add(stamp: &mut Stamp, view: &View, rule: &Rule, may: &impl Fn(&Rule, &Arc<Lane>) -> bool) {
    let mut others = false;
    for lane in rule.targets.values() {
        match direct(view, lane).filter(|_| may(rule, lane)) {
            Some(queue) => stamp.direct.push(Direct { target: lane.uid.0, queue, rule: rule.row.uid }),
            None => others = true,
        }
    }
    // A rule whose targets all become messages at once needs no row of its own to be followed.
    if others {
        stamp.rules.push(rule.row.uid);
    }
}

/// The queue into which the event goes as it is. A queue that is not there is a delivery, and fails as one; so is, and does, one
/// that may not be invoked.
fn direct(view: &View, lane: &Lane) -> Option<u64> {
    let plain = matches!(lane.target.kind, TargetKind::Queue(_)) && lane.target.input == Input::Event;
    view.queue_of(&lane.target.arn).filter(|_| plain).map(|queue| queue.uid)
}
