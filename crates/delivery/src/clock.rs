//! Scheduled rules: the control leader puts the event of each due time, once, and writes down that it is put.
//!
//! In: the view's schedules, and the time.
//! Out: events for the one rule, on its group's disk; then the due time in the rule's row.
//! Never: two due times of a rule that were missed: of those only the last is caught up with.
//!
//! An event's id is made of rule and due time, and is its client token: whoever leads next and does not know whether it was put
//! puts it again, and nothing comes of that
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html>).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use bascule_model::time::Millis;
use bascule_model::uid::ControlIndex;
use bascule_routing::view::{Bus, Rule, View};
use bascule_statemachine::codec::control::{self, Fired, RuleName};
use bascule_statemachine::control::index_of;
use bascule_statemachine::ports::propose::Change;

use crate::limits::{CLOCK_INTERVAL_MS, VIEW_LIMIT_MS};
use crate::service::Shared;

/// What is due for one rule.
pub(crate) struct Due {
    bus: Arc<Bus>,
    rule: Arc<Rule>,
    at: Millis,
}

/// The last due time of each rule that is not written down, up to `now`.
fn due(view: &View, now: Millis) -> Vec<Due> {
    let last = |(bus, rule): (&Arc<Bus>, &Arc<Rule>)| {
        let (anchor, fired) = (Millis(rule.row.anchored_ms), Millis(rule.row.fired_ms));
        let at = rule.schedule.as_ref()?.last_until(now, anchor.max(fired), anchor)?;
        Some(Due { bus: Arc::clone(bus), rule: Arc::clone(rule), at })
    };
    view.scheduled().filter_map(last).collect()
}

/// Looks until `stop`; what fails is due at the next look still.
pub(crate) async fn run(shared: &Shared, mut stop: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(CLOCK_INTERVAL_MS));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut sure_of = None;
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
        for due in due(&view, shared.clock.wall()) {
            if let Err(why) = fire(shared, term, &view, &due).await {
                tracing::warn!(rule = due.rule.row.uid, due = %due.at, why, "a scheduled rule is due and has not fired yet");
            }
        }
    }
}

async fn catch_up(shared: &Shared) -> Result<(), String> {
    let index = shared.propose.control_barrier().await.map_err(|error| error.to_string())?;
    let rows = shared.tables.view(bascule_model::uid::GroupId::CONTROL).map_err(|error| error.to_string())?;
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
        kind: Some(control::Kind::Fired(fired)),
    };
    // A refusal means that the rule is gone, and its due time with it.
    let change = Change { command, record: Bytes::new(), only_in_term: Some(term) };
    let reply = shared.propose.control(change).await.map_err(|error| error.to_string())?;
    // The next look must see it: it would say the same once more.
    shared.viewer.reached_within(reply.index, VIEW_LIMIT_MS).await;
    Ok(())
}

#[cfg(test)]
mod tests;
