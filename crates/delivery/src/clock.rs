//! Scheduled rules: the control leader puts the event of each due time, once, and writes down that it is put.
//!
//! In: the view's schedules, and the time.
//! Out: events for the one rule, on its group's disk; then the due time in the rule's row.
//! Never: two due times of a rule that were missed: of those only the last is caught up with.
//!
//! An event's id is made of rule and due time, and is its client token: whoever leads next and does not know whether it was put
//! puts it again, and nothing comes of that
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html>).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::watch;

use bascule_model::time::{BootMillis, Millis};
use bascule_model::uid::{ControlIndex, GroupId};
use bascule_routing::view::{Bus, Rule, View};
use bascule_statemachine::codec::control::{self, Fired, RuleName};
use bascule_statemachine::control::index_of;
use bascule_statemachine::ports::propose::Change;

use crate::limits::{CLOCK_INTERVAL_MS, CLOCK_LIMIT_RULES, CLOCK_RETRY_LIMIT_MS, VIEW_LIMIT_MS};
use crate::service::Shared;

/// What is due for one rule.
pub(crate) struct Due {
    bus: Arc<Bus>,
    rule: Arc<Rule>,
    at: Millis,
}

/// What is known of one rule between two looks.
struct Known {
    /// Since when it counts, what fired last, and its last change: with others everything is new.
    of: (u64, u64, u64),
    next: Option<Millis>,
    /// Failures in a row, and when it is tried again.
    failures: u32,
    again: BootMillis,
}

/// The rules' next due times, so that a look asks no calendar that has not changed. Pure.
#[derive(Default)]
pub(crate) struct Calendar(BTreeMap<u64, Known>);

impl Calendar {
    /// The last due time of each rule that is not written down, up to `now`.
    fn due(&mut self, view: &View, now: Millis, boot: BootMillis) -> Vec<Due> {
        let mut due = Vec::new();
        let mut seen = BTreeSet::new();
        for (bus, rule) in view.scheduled() {
            let Some(schedule) = &rule.schedule else { continue };
            let row = &rule.row;
            seen.insert(row.uid);
            let (anchor, of) = (Millis(row.anchored_ms), (row.anchored_ms, row.fired_ms, row.changed_at));
            let after = anchor.max(Millis(row.fired_ms));
            let fresh = || Known { of, next: schedule.next_after(after, anchor), failures: 0, again: BootMillis(0) };
            let known = self.0.entry(row.uid).or_insert_with(fresh);
            if known.of != of {
                *known = fresh();
            }
            if known.next.is_none_or(|next| next > now) || known.again > boot {
                continue;
            }
            if let Some(at) = schedule.last_until(now, after, anchor) {
                due.push(Due { bus: Arc::clone(bus), rule: Arc::clone(rule), at });
            }
        }
        self.0.retain(|uid, _| seen.contains(uid));
        due
    }

    /// Puts a rule off that could not fire: a second, then twice that each time, a minute at most.
    fn failed(&mut self, rule: u64, boot: BootMillis) {
        if let Some(known) = self.0.get_mut(&rule) {
            let wait_ms = (1_000_u64 << known.failures.min(6)).min(CLOCK_RETRY_LIMIT_MS);
            known.failures = known.failures.saturating_add(1);
            known.again = BootMillis(boot.0.saturating_add(wait_ms));
        }
    }
}

/// Looks until `stop`; what fails is due at a later look still.
pub(crate) async fn run(shared: &Shared, mut stop: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(CLOCK_INTERVAL_MS));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut sure_of, mut calendar) = (None, Calendar::default());
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let Some(term) = shared.propose.control_term() else { continue };
        // What the leader before wrote down must be seen before anything is put.
        if sure_of != Some(term) {
            if let Err(why) = catch_up(shared).await {
                tracing::info!(why, "scheduled rules wait for this node's view");
                continue;
            }
            sure_of = Some(term);
        }
        let view = shared.viewer.now();
        let boot = shared.clock.boot();
        // Group time: a clock that is set wrong for a moment fires nothing that lies years ahead.
        let now = shared.propose.time(GroupId::CONTROL, term);
        let due = calendar.due(&view, now, boot);
        let firing = stream::iter(due).map(|due| {
            let view = &view;
            async move {
                let fired = fire(shared, term, view, &due).await;
                (due, fired)
            }
        });
        let mut firing = std::pin::pin!(firing.buffer_unordered(CLOCK_LIMIT_RULES));
        loop {
            let fired = tokio::select! {
                fired = firing.next() => fired,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let Some((due, fired)) = fired else { break };
            if let Err(why) = fired {
                calendar.failed(due.rule.row.uid, boot);
                tracing::warn!(rule = due.rule.row.uid, due = %due.at, why, "a scheduled rule is due and has not fired yet");
            }
        }
    }
}

async fn catch_up(shared: &Shared) -> Result<(), String> {
    let index = shared.propose.control_barrier().await.map_err(|error| error.to_string())?;
    let rows = shared.tables.view(GroupId::CONTROL).map_err(|error| error.to_string())?;
    let index: ControlIndex = index_of(&*rows, index).map_err(|error| error.to_string())?;
    let reached = shared.viewer.reached_within(index, VIEW_LIMIT_MS).await;
    reached.map(drop).ok_or_else(|| format!("the view does not reach `{index}`"))
}

async fn fire(shared: &Shared, term: u64, view: &View, due: &Due) -> Result<(), String> {
    shared.put.scheduled(view, &due.bus, &due.rule, due.at).await.map_err(|error| error.to_string())?;
    let rule = RuleName { bus: due.bus.name.as_str().to_owned(), name: due.rule.name.as_str().to_owned() };
    let fired = Fired { rule: Some(rule), uid: due.rule.row.uid, due_ms: due.at.0 };
    let command = control::Command {
        account: due.bus.row.account,
        request_id: String::new(),
        content: Bytes::new(),
        if_changed_at: 0,
        epochs: None,
        kind: Some(control::Kind::Fired(fired)),
    };
    // A refusal means that the rule is gone, and its due time with it; or that this node's clock is ahead of group time.
    let change = Change { command, record: Bytes::new(), only_in_term: Some(term) };
    let reply = shared.propose.control(change).await.map_err(|error| error.to_string())?;
    // The next look must see it: it would say the same once more.
    shared.viewer.reached_within(reply.index, VIEW_LIMIT_MS).await;
    Ok(())
}

#[cfg(test)]
mod tests;
