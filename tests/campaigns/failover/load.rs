//! Callers over several endpoints: producers, a writer of the control plane, consumers. Each goes to another node when one fails, and
//! repeats a put only if it certainly was not written.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use bascule_api::reasons::{Again, Reason};
use bascule_api::status::Refusal;
use bascule_api::v1::{PutEventsRequestEntry, TagResourceRequest};
use bascule_tests::Outcome;
use bascule_tests::client::{entry, reason};
use bascule_tests::ledger::{Fate, Put};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tonic::Status;

use crate::arrivals::mark;
use crate::failover::board::Board;
use crate::failover::session::Door;

/// Source of all events.
pub const SOURCE: &str = "failover";
/// The queue of the queue lane.
pub const QUEUE: &str = "kept";
/// Tags that a resource gets: fewer than it may have.
const KEYS: u64 = 40;

/// Producers at once.
const PRODUCERS: usize = 5;
/// Consumers of the queue at once.
const CONSUMERS: usize = 6;
/// Entries of a call.
const BATCH: u64 = 10;
/// Time of one call of a producer: all of them together put 250 entries in a second, which leaves a small machine its processors.
const PUT_EVERY: Duration = Duration::from_millis(200);
/// The same of the writer of the control plane.
const WRITE_EVERY: Duration = Duration::from_millis(200);
/// Milliseconds for a put.
pub const PUT_MS: u64 = 1_000;
/// Milliseconds for a write, and for a receive that waits a second.
pub const CALL_MS: u64 = 3_000;
/// A node that failed is left alone for so long, while there are others.
const REST: Duration = Duration::from_millis(500);
/// A pause after a refusal.
const PAUSE: Duration = Duration::from_millis(20);
/// A message that was received is hidden for so long.
const HIDDEN_SECONDS: u32 = 5;

/// The nodes, and which of them failed of late.
#[derive(Clone)]
struct Doors(VecDeque<(Door, Option<Instant>)>);

impl Doors {
    /// The next one that has not failed of late, or else the next.
    fn next(&mut self, now: Instant) -> Option<&mut Door> {
        for _ in 0..self.0.len() {
            self.0.rotate_left(1);
            if self.0.front().is_some_and(|(_, failed)| failed.is_none_or(|failed| now > failed + REST)) {
                break;
            }
        }
        self.0.front_mut().map(|(door, _)| door)
    }

    /// The one that was given last failed.
    fn failed(&mut self, now: Instant) {
        if let Some((_, failed)) = self.0.front_mut() {
            *failed = Some(now);
        }
    }
}

/// Starts them all over these nodes, with the rules whose tags are written. Dropping what it gives ends them.
pub fn start(doors: &[Door], board: &Arc<Board>, rules: &[String]) -> JoinSet<()> {
    let over = |from: usize, attempt_ms: u64| {
        let turned = doors.iter().cycle().skip(from).take(doors.len());
        Doors(turned.map(|door| (door.clone().with_limit(attempt_ms), None)).collect())
    };
    let mut tasks = JoinSet::new();
    for number in 0..PRODUCERS {
        tasks.spawn(produce(number, over(number, PUT_MS), Arc::clone(board)));
    }
    for number in 0..CONSUMERS {
        tasks.spawn(consume(over(number, CALL_MS), Arc::clone(board)));
    }
    tasks.spawn(write(over(0, CALL_MS), Arc::clone(board), rules.to_vec()));
    tasks
}

async fn produce(number: usize, mut doors: Doors, board: Arc<Board>) {
    let mut ticks = interval(PUT_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next = 0;
    loop {
        ticks.tick().await;
        // At work first: whoever holds all and finds nobody at work may trust in it.
        let _work = board.work();
        if board.is_held() {
            continue;
        }
        let mut open: Vec<String> = (next..next + BATCH).map(|at| format!("{number}-{at}")).collect();
        next += BATCH;
        while !open.is_empty() {
            let Some(door) = doors.next(Instant::now()) else { return };
            let told = put(door, &open, &board).await;
            let mut again = Vec::new();
            let mut puts = Vec::new();
            for (own, told) in open.into_iter().zip(told) {
                match told {
                    Told::Over(fate) => puts.push(Put { mark: mark(SOURCE, &own), fate }),
                    Told::NotWritten => again.push(own),
                }
            }
            open = again;
            let is_well = open.is_empty() && puts.iter().all(|put| matches!(put.fate, Fate::Acknowledged(_)));
            board.told(puts, Instant::now());
            if !is_well {
                doors.failed(Instant::now());
                sleep(PAUSE).await;
            }
        }
    }
}

/// What became of one entry.
enum Told {
    Over(Fate),
    /// It certainly was not written.
    NotWritten,
}

async fn put(door: &mut Door, open: &[String], board: &Board) -> Vec<Told> {
    let Ok(client) = door.client().await else { return open.iter().map(|_| Told::NotWritten).collect() };
    let entries: Vec<PutEventsRequestEntry> =
        open.iter().map(|own| entry(SOURCE, "put", &format!(r#"{{"mark":"{own}"}}"#))).collect();
    let call = board.call(door.node);
    let answer = client.try_put(entries).await;
    drop(call);
    match answer {
        Ok(answer) => answer.entries.iter().map(|told| of_entry(&told.event_id, &told.error_code)).collect(),
        Err(status) => {
            if Refusal::from_status(&status).is_err() {
                door.close();
            }
            open.iter().map(|_| of_call(&status)).collect()
        }
    }
}

fn of_entry(id: &str, code: &str) -> Told {
    if !id.is_empty() {
        return Told::Over(Fate::Acknowledged(id.to_owned()));
    }
    of_reason(Reason::from_name(code), code)
}

fn of_call(status: &Status) -> Told {
    match Refusal::from_status(status) {
        Ok(refusal) => of_reason(Some(refusal.reason), refusal.reason.name()),
        Err(_) => of_reason(None, &format!("{:?}", status.code())),
    }
}

fn of_reason(reason: Option<Reason>, name: &str) -> Told {
    match reason.map(|reason| (reason, reason.again())) {
        Some((_, Again::Later)) => Told::NotWritten,
        // Whoever withdraws a call, or breaks in it, does not know what became of it, although repeating it is not advised.
        Some((reason, Again::Never)) if reason != Reason::Cancelled && reason != Reason::Internal => {
            Told::Over(Fate::Refused(name.to_owned()))
        }
        _ => Told::Over(Fate::Unknown(name.to_owned())),
    }
}

/// Where a write goes: the rule's place, the tag's key.
fn place(slot: u64) -> (u64, String) {
    (slot / KEYS, format!("slot-{}", slot % KEYS))
}

/// Writes tags, one after the other, each until it is acknowledged: the same value into the same slot, under one request id.
async fn write(mut doors: Doors, board: Arc<Board>, rules: Vec<String>) {
    let mut ticks = interval(WRITE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let slots = KEYS * rules.len() as u64;
    for value in 0.. {
        let mut work = board.work();
        while board.is_held() {
            drop(work);
            ticks.tick().await;
            work = board.work();
        }
        let slot = value % slots;
        let (rule, key) = place(slot);
        let request = TagResourceRequest {
            resource_arn: rules[usize::try_from(rule).unwrap_or_default()].clone(),
            tags: [(key, value.to_string())].into(),
            request_id: format!("failover-{value}"),
            ..TagResourceRequest::default()
        };
        board.write(slot, value);
        loop {
            let Some(door) = doors.next(Instant::now()) else { return };
            match tag(door, request.clone()).await {
                Ok(()) => break,
                Err(error) => board.refused(format!("write: {error:#}")),
            }
            doors.failed(Instant::now());
            sleep(PAUSE).await;
        }
        board.written(slot, value, Instant::now());
        drop(work);
        ticks.tick().await;
    }
}

async fn tag(door: &mut Door, request: TagResourceRequest) -> Outcome {
    let answer = door.client().await?.session().tags().tag_resource(request).await;
    let Err(status) = answer else { return Ok(()) };
    if Refusal::from_status(&status).is_err() {
        door.close();
    }
    bail!("{}", reason(&status))
}

/// The values that tags of these rules hold, by slot.
///
/// # Errors
/// The node does not say.
pub async fn held(door: &mut Door, rules: &[String]) -> Outcome<BTreeMap<u64, u64>> {
    let client = door.client().await?;
    let mut held = BTreeMap::new();
    for (rule, arn) in (0..).zip(rules) {
        let request = bascule_api::v1::ListTagsForResourceRequest { resource_arn: arn.clone(), allow_stale: false };
        let tags = client.session().tags().list_tags_for_resource(request).await?.into_inner().tags;
        for slot in rule * KEYS..(rule + 1) * KEYS {
            if let Some(value) = tags.get(&place(slot).1) {
                held.insert(slot, value.parse()?);
            }
        }
    }
    Ok(held)
}

/// Receives and deletes, through whatever happens.
async fn consume(mut doors: Doors, board: Arc<Board>) {
    loop {
        let Some(door) = doors.next(Instant::now()) else { return };
        if receive(door, &board).await.is_err() {
            door.close();
            doors.failed(Instant::now());
            sleep(PAUSE).await;
        }
    }
}

async fn receive(door: &mut Door, board: &Board) -> Outcome {
    let client = door.client().await?;
    let messages = client.receive(QUEUE, Some(HIDDEN_SECONDS)).await?;
    let handles: Vec<String> = messages.iter().map(|message| message.receipt_handle.clone()).collect();
    // Whatever becomes of the deletion: what was received is received, and comes again at most.
    board.received(messages);
    if handles.is_empty() { Ok(()) } else { client.delete(QUEUE, handles).await }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_certainly_was_not_written_is_repeated() {
        let word = |told: Told| match told {
            Told::Over(Fate::Acknowledged(_)) => "acknowledged",
            Told::Over(Fate::Refused(_)) => "refused",
            Told::Over(Fate::Unknown(_)) => "unknown",
            Told::NotWritten => "again",
        };
        for (id, code, told) in [
            ("a", "", "acknowledged"),
            ("", "NO_LEADER", "again"),
            ("", "STALE_VIEW", "again"),
            ("", "OUTCOME_UNKNOWN", "unknown"),
            ("", "CANCELLED", "unknown"),
            ("", "INTERNAL", "unknown"),
            ("", "ACCESS_DENIED", "refused"),
            ("", "SOMETHING_NEWER", "unknown"),
        ] {
            assert_eq!(word(of_entry(id, code)), told, "{id} {code}");
        }
        assert_eq!(word(of_call(&Status::unavailable("connection reset"))), "unknown");
        assert_eq!(word(of_call(&Status::cancelled("timeout"))), "unknown");
    }

    #[test]
    fn slots_have_places_of_their_own() {
        let places: std::collections::BTreeSet<_> = (0..3 * KEYS).map(place).collect();
        assert_eq!(places.len() as u64, 3 * KEYS);
        assert!(places.iter().all(|(rule, _)| *rule < 3));
    }
}
