//! The leader's side of whoever asks: receive and settle, what queues hold, dead letters, how targets and events stand.
//!
//! In: questions and calls about a group that is led here.
//! Out: answers from its rows as of one moment, or what the command that a call became was answered.
//! Never: an answer for a group that another node leads.

mod event;

use std::sync::Arc;
use std::time::Duration;

use bascule_model::ambient::{Clock, Pending};
use bascule_model::id::EventId;
use bascule_model::time::Millis;
use bascule_model::uid::{ControlIndex, GroupId, Sequence, Uid};
use bascule_routing::viewer::Viewer;
use bascule_statemachine::codec::shard::{Command, EventRow, Expire, Item, Kind, Receive, Redrive, Settle, Settlement};
use bascule_statemachine::control;
use bascule_statemachine::ports::ask::{Ask, AskError, Depth, Letter, PurgeMark, Standing, Tracked};
use bascule_statemachine::ports::propose::{Propose, ProposeError};
use bascule_statemachine::ports::tables::{Read, Tables};
use bascule_statemachine::shard::reply::{Received, Reply, Settled};
use bascule_statemachine::shard::{self, read};

use crate::leads::Leads;
use crate::limits::{COUNT_LIMIT_ROWS, EVENTS_CHUNK_ROWS, PURGE_CHUNK_ROWS};
use crate::reading::stamped;

/// What the desk stands on.
pub struct Ports {
    /// The groups that are led here.
    pub leads: Arc<Leads>,
    /// Their rows.
    pub tables: Arc<dyn Tables>,
    /// The way into their logs.
    pub propose: Arc<dyn Propose>,
    /// The view, which says which groups there are.
    pub viewer: Arc<Viewer>,
    /// Time, for how long somebody waits.
    pub clock: Arc<dyn Clock>,
}

/// Answers questions to groups that are led here.
pub struct Desk(Ports);

impl Desk {
    /// A desk over these.
    #[must_use]
    pub fn new(ports: Ports) -> Arc<Self> {
        Arc::new(Self(ports))
    }

    /// The rows of a group, if it is led here by a quorum's word: elsewhere they may be behind.
    fn rows(&self, group: GroupId) -> Result<Box<dyn Read + '_>, AskError> {
        Ok(self.led(group)?.0)
    }

    /// With the group's time, by which its messages are visible.
    fn led(&self, group: GroupId) -> Result<(Box<dyn Read + '_>, Millis), AskError> {
        let term = self.0.leads.term(group).ok_or(AskError::NoLeader { group })?;
        if !self.0.propose.holds(group, term) {
            return Err(AskError::NoLeader { group });
        }
        Ok((self.0.tables.view(group)?, self.0.propose.time(group, term)))
    }

    /// In how many milliseconds the first message of the queue is visible in each group that has one.
    fn firsts(&self, queue: Uid) -> Vec<(u64, GroupId)> {
        let mut firsts = Vec::new();
        for group in self.0.leads.led() {
            let first = self.led(group).and_then(|(rows, now)| {
                let first = read::visible(&*rows, queue, 1).map_err(torn(group))?;
                Ok(first.first().map(|(due_ms, ..)| (due_ms.saturating_sub(now.0), group)))
            });
            match first {
                Ok(first) => firsts.extend(first),
                // Its lead is in doubt or over: whoever leads it next says what lies there.
                Err(AskError::NoLeader { .. }) => {}
                Err(error) => tracing::warn!(%group, %error, "a queue could not be looked at"),
            }
        }
        firsts.sort_unstable();
        firsts
    }

    async fn command(&self, group: GroupId, kind: Kind) -> Result<Option<Reply>, AskError> {
        let replies = self.0.propose.shard(group, None, vec![Command { kind: Some(kind) }]).await?;
        Ok(replies.into_iter().next())
    }
}

/// What of a chunk is to be deleted, and where the next begins; none behind the last.
fn purging(found: &[(u64, Sequence, Uid)], mark: PurgeMark) -> (Vec<Item>, Option<PurgeMark>) {
    let old = found.iter().filter(|(_, sequence, _)| *sequence < mark.end);
    let items: Vec<_> = old.map(|(_, sequence, target)| Item { sequence: sequence.0, target: target.0 }).collect();
    let last = found.last().filter(|_| found.len() >= PURGE_CHUNK_ROWS);
    // Of many that are due at one moment those that stay could fill the chunk again and again.
    let stuck = items.is_empty() && last.is_some_and(|(due_ms, ..)| *due_ms == mark.due_ms);
    let next = last.map(|(due_ms, ..)| PurgeMark { due_ms: due_ms + u64::from(stuck), ..mark });
    (items, next)
}

fn torn(group: GroupId) -> impl Fn(shard::Error) -> AskError {
    move |source| AskError::Rows { group, source }
}

fn surprise(group: GroupId, reply: Option<Reply>) -> AskError {
    match reply {
        // Dropped by a later term: nothing was written.
        Some(Reply::Deposed) => AskError::NoLeader { group },
        other => AskError::Propose(ProposeError::Unknown { group, why: format!("the machine answered `{other:?}`") }),
    }
}

impl Ask for Desk {
    fn barrier(&self) -> Pending<'_, Result<ControlIndex, AskError>> {
        Box::pin(async move {
            let index = self.0.propose.control_barrier().await?;
            let rows = self.0.tables.view(GroupId::CONTROL)?;
            let broken =
                |error: control::Error| ProposeError::Unknown { group: GroupId::CONTROL, why: error.to_string() };
            Ok(control::index_of(&*rows, index).map_err(broken)?)
        })
    }

    fn hinted(&self, queue: Uid) -> Pending<'_, Vec<GroupId>> {
        Box::pin(async move {
            let visible = self.firsts(queue).into_iter().filter(|(due_in_ms, _)| *due_in_ms == 0);
            visible.map(|(_, group)| group).collect()
        })
    }

    fn visible(&self, queue: Uid, limit_ms: u64) -> Pending<'_, ()> {
        Box::pin(async move {
            let waiter = self.0.leads.queue(queue);
            let began = self.0.clock.boot();
            loop {
                let heard = waiter.told.notified();
                tokio::pin!(heard);
                // Before the look, so that what comes between the look and the wait is heard.
                heard.as_mut().enable();
                let left_ms = limit_ms.saturating_sub(self.0.clock.boot().since(began));
                let due_in_ms = self.firsts(queue).first().map(|(due_in_ms, _)| *due_in_ms);
                if left_ms == 0 || due_in_ms == Some(0) {
                    break;
                }
                let wait = Duration::from_millis(due_in_ms.unwrap_or(left_ms).min(left_ms));
                // Either way the loop looks again.
                let _ = tokio::time::timeout(wait, heard).await;
            }
        })
    }

    fn receive(
        &self,
        group: GroupId,
        queue: Uid,
        limit: u32,
        visibility_ms: u64,
        redrive: Option<Redrive>,
    ) -> Pending<'_, Result<Vec<Received>, AskError>> {
        Box::pin(async move {
            match self.command(group, Kind::Receive(Receive { queue: queue.0, limit, visibility_ms, redrive })).await? {
                Some(Reply::Received(received)) => Ok(received),
                Some(Reply::NoQueue) => Err(AskError::NoQueue),
                other => Err(surprise(group, other)),
            }
        })
    }

    fn settle(&self, group: GroupId, settlements: Vec<Settlement>) -> Pending<'_, Result<Vec<Settled>, AskError>> {
        Box::pin(async move {
            match self.command(group, Kind::Settle(Settle { settlements })).await? {
                Some(Reply::Settled(settled)) => Ok(settled),
                other => Err(surprise(group, other)),
            }
        })
    }

    fn purge(
        &self,
        group: GroupId,
        queue: Uid,
        mark: Option<PurgeMark>,
    ) -> Pending<'_, Result<(u64, Option<PurgeMark>), AskError>> {
        Box::pin(async move {
            let (items, next) = {
                let rows = self.rows(group)?;
                let mark = match mark {
                    Some(mark) => mark,
                    None => {
                        PurgeMark { end: Sequence(read::meta(&*rows).map_err(torn(group))?.next_sequence), due_ms: 0 }
                    }
                };
                let found = read::visible_from(&*rows, queue, mark.due_ms, PURGE_CHUNK_ROWS).map_err(torn(group))?;
                purging(&found, mark)
            };
            if items.is_empty() {
                return Ok((0, next));
            }
            // Group time is at least that of each message, so that all of them are old enough.
            match self.command(group, Kind::Expire(Expire { uid: queue.0, kept_ms: 0, items })).await? {
                Some(Reply::Expired(deleted)) => Ok((u64::from(deleted), next)),
                other => Err(surprise(group, other)),
            }
        })
    }

    fn groups(&self) -> Vec<GroupId> {
        self.0.viewer.now().cluster.as_ref().map(|cluster| cluster.groups.clone()).unwrap_or_default()
    }

    fn depth(&self, group: GroupId, queue: Uid) -> Pending<'_, Result<Depth, AskError>> {
        Box::pin(async move {
            let (rows, now) = self.led(group)?;
            let messages = read::visible(&*rows, queue, COUNT_LIMIT_ROWS + 1).map_err(torn(group))?;
            let mut depth = Depth { more: messages.len() > COUNT_LIMIT_ROWS, ..Depth::default() };
            let first_due_ms = messages.first().map(|(due_ms, ..)| *due_ms);
            for (due_ms, ..) in messages.into_iter().take(COUNT_LIMIT_ROWS) {
                if due_ms <= now.0 { depth.visible += 1 } else { depth.in_flight += 1 }
            }
            // The oldest may be hidden, behind all that were counted: it is mostly that of the first event. Dead letters come in any
            // order, but one that was never received is due when it came.
            let by_event = read::first_message(&*rows, queue).map_err(torn(group))?.map(|row| row.enqueued_ms);
            depth.oldest_ms = by_event.into_iter().chain(first_due_ms).min().unwrap_or_default();
            Ok(depth)
        })
    }

    fn letters(
        &self,
        group: GroupId,
        bus: Uid,
        after: (Sequence, Uid),
        limit_rows: usize,
    ) -> Pending<'_, Result<Vec<Letter>, AskError>> {
        Box::pin(async move {
            let rows = self.rows(group)?;
            let letters = read::letters(&*rows, bus, after, limit_rows).map_err(torn(group))?;
            Ok(letters.into_iter().map(|(sequence, row)| Letter { group, sequence, row }).collect())
        })
    }

    fn standing(
        &self,
        group: GroupId,
        target: Uid,
        rule: Uid,
        minted: ControlIndex,
    ) -> Pending<'_, Result<Standing, AskError>> {
        Box::pin(async move {
            let rows = self.rows(group)?;
            standing(&*rows, target, rule, minted).map_err(torn(group))
        })
    }

    fn event(&self, group: GroupId, bus: Uid, id: EventId) -> Pending<'_, Result<Option<Tracked>, AskError>> {
        Box::pin(self.tracked(group, bus, id))
    }
}

/// References of a target, and events above the watermark that owe it and have none.
fn standing(rows: &dyn Read, target: Uid, rule: Uid, minted: ControlIndex) -> Result<Standing, shard::Error> {
    let detached = read::lane(rows, target)?.map(|lane| lane.why());
    let mut standing = Standing { counts: read::counts(rows, target)?, detached, ..Standing::default() };
    let references = read::refs_of(rows, target, Sequence(0), COUNT_LIMIT_ROWS + 1)?;
    standing.more = references.len() > COUNT_LIMIT_ROWS;
    standing.pending = references.len().min(COUNT_LIMIT_ROWS) as u64;
    if let Some((oldest, _)) = references.first() {
        standing.oldest_ms = read::event(rows, *oldest)?.map_or(0, |row| row.accepted_ms);
    }
    let mut from = Sequence(0);
    let mut walked = 0;
    loop {
        let events = read::owed_above(rows, from, EVENTS_CHUNK_ROWS)?;
        let Some(last) = events.last() else { break };
        from = Sequence(last.sequence.0 + 1);
        walked += events.len();
        let full = events.len() == EVENTS_CHUNK_ROWS;
        for event in events {
            let is_done = event.done.binary_search(&target).is_ok();
            if is_done || !owes(&event.row, rule, minted) || read::reference(rows, target, event.sequence)?.is_some() {
                continue;
            }
            standing.pending += 1;
            if standing.oldest_ms == 0 || event.row.accepted_ms < standing.oldest_ms {
                standing.oldest_ms = event.row.accepted_ms;
            }
        }
        if walked >= COUNT_LIMIT_ROWS && full {
            standing.more = true;
            break;
        }
        if !full {
            break;
        }
    }
    Ok(standing)
}

fn owes(row: &EventRow, rule: Uid, minted: ControlIndex) -> bool {
    let stamp = row.event.as_ref().and_then(|event| event.stamp.as_ref());
    stamped(row) >= minted && stamp.is_some_and(|stamp| stamp.rules.binary_search(&rule.0).is_ok())
}
