//! Callers over all nodes by the client library: producers, a writer of the control plane, consumers. The library goes to another node
//! when one fails, and repeats a put only if it certainly was not written.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bascule_api::client::endpoints::Endpoints;
use bascule_api::client::retry::Repeat;
use bascule_api::client::{Context, Deadlines, Session};
use bascule_api::error::Error;
use bascule_api::reasons::{Again, Reason};
use bascule_api::v1::{
    DeleteMessageRequest, ListTagsForResourceRequest, PutEventsRequest, PutEventsRequestEntry, ReceiveMessageRequest,
    TagResourceRequest,
};
use bascule_tests::Outcome;
use bascule_tests::chance::Air;
use bascule_tests::client::entry;
use bascule_tests::ledger::{Fate, Put};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

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
pub const PRODUCERS: usize = 8;
/// Consumers of the queue at once.
const CONSUMERS: usize = 6;
/// Entries of a call.
const BATCH: u64 = 10;
/// Time of one call of a producer: all of them together put 800 entries in a second, which leaves a small machine its processors.
const PUT_EVERY: Duration = Duration::from_millis(100);
/// The same of the writer of the control plane.
const WRITE_EVERY: Duration = Duration::from_millis(100);
/// What one node may take to answer a put or a write, as PD8 says, and what a call may take over all nodes.
const PUT_DEADLINES: Deadlines = Deadlines { attempt_ms: 1_000, call_ms: 10_000 };
/// The same of a receive, which waits a second for the first message.
const RECEIVE_DEADLINES: Deadlines = Deadlines { attempt_ms: 2_500, call_ms: 10_000 };
/// Milliseconds for a look at one node.
pub const LOOK_MS: u64 = 3_000;
/// A pause after a call that failed at all nodes.
const PAUSE: Duration = Duration::from_millis(20);
/// A message that was received is hidden for so long.
const HIDDEN_SECONDS: u32 = 5;

/// All callers, and the nodes that producers call.
pub struct Load {
    /// Where puts go: a clone of what all producers share.
    pub puts: Endpoints,
    // Dropped, they end.
    _tasks: JoinSet<()>,
}

/// Starts all callers over these nodes, with the rules whose tags are written.
///
/// # Errors
/// The contexts cannot be used.
pub fn start(contexts: &[Context], board: &Arc<Board>, rules: &[String]) -> Outcome<Load> {
    let over = |deadlines| -> Outcome<Endpoints> {
        Ok(Endpoints::new(contexts, Arc::new(Air), Arc::new(Air))?.with_deadlines(deadlines))
    };
    let puts = over(PUT_DEADLINES)?;
    let mut tasks = JoinSet::new();
    for number in 0..PRODUCERS {
        tasks.spawn(produce(number, puts.clone(), Arc::clone(board)));
    }
    let receives = over(RECEIVE_DEADLINES)?;
    for _ in 0..CONSUMERS {
        tasks.spawn(consume(receives.clone(), Arc::clone(board)));
    }
    tasks.spawn(write(over(PUT_DEADLINES)?, Arc::clone(board), rules.to_vec()));
    Ok(Load { puts, _tasks: tasks })
}

async fn produce(number: usize, nodes: Endpoints, board: Arc<Board>) {
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
            let told = put(&nodes, &open).await;
            let mut again = Vec::new();
            let mut puts = Vec::new();
            for (own, told) in open.into_iter().zip(told) {
                match told {
                    Told::Over(fate) => puts.push(Put { mark: mark(SOURCE, &own), fate }),
                    Told::NotWritten(why) => {
                        board.refused(why);
                        again.push(own);
                    }
                }
            }
            open = again;
            board.told(number, puts, Instant::now());
            if !open.is_empty() {
                sleep(PAUSE).await;
            }
        }
    }
}

/// What became of one entry.
enum Told {
    Over(Fate),
    /// It certainly was not written, and why.
    NotWritten(String),
}

async fn put(nodes: &Endpoints, open: &[String]) -> Vec<Told> {
    let entries: Vec<PutEventsRequestEntry> =
        open.iter().map(|own| entry(SOURCE, "put", &format!(r#"{{"mark":"{own}"}}"#))).collect();
    match nodes.put_events(PutEventsRequest { entries, ..PutEventsRequest::default() }).await {
        Ok(answer) => answer.entries.iter().map(|told| of_entry(&told.event_id, &told.error_code)).collect(),
        Err(error) => open.iter().map(|_| of_error(&error)).collect(),
    }
}

fn of_entry(id: &str, code: &str) -> Told {
    if !id.is_empty() {
        return Told::Over(Fate::Acknowledged(id.to_owned()));
    }
    of_reason(Reason::from_name(code), code)
}

fn of_error(error: &Error) -> Told {
    match error {
        Error::Refused(refusal) => of_reason(Some(refusal.reason), refusal.reason.name()),
        Error::Unreachable { .. } | Error::Silent { .. } => Told::NotWritten("no connection".to_owned()),
        Error::Deadline { .. } => of_reason(None, "no answer in time"),
        other => of_reason(None, &other.to_string()),
    }
}

fn of_reason(reason: Option<Reason>, name: &str) -> Told {
    match reason.map(|reason| (reason, reason.again())) {
        Some((_, Again::Later)) => Told::NotWritten(name.to_owned()),
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
async fn write(nodes: Endpoints, board: Arc<Board>, rules: Vec<String>) {
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
            let send = |session: Session, request| async move { session.tags().tag_resource(request).await };
            match nodes.call(Repeat::Freely, request.clone(), send).await {
                Ok(_) => break,
                Err(error) => board.refused(format!("write: {}", word(&error))),
            }
            sleep(PAUSE).await;
        }
        board.written(slot, value, Instant::now());
        drop(work);
        ticks.tick().await;
    }
}

/// An error without what differs each time.
fn word(error: &Error) -> String {
    match error {
        Error::Refused(refusal) => refusal.reason.name().to_owned(),
        Error::Unreachable { .. } | Error::Silent { .. } => "no connection".to_owned(),
        other => other.to_string(),
    }
}

/// The values that tags of these rules hold, by slot.
///
/// # Errors
/// The node does not say.
pub async fn held(door: &mut Door, rules: &[String]) -> Outcome<BTreeMap<u64, u64>> {
    let client = door.client().await?;
    let mut held = BTreeMap::new();
    for (rule, arn) in (0..).zip(rules) {
        let request = ListTagsForResourceRequest { resource_arn: arn.clone(), allow_stale: false };
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
async fn consume(nodes: Endpoints, board: Arc<Board>) {
    loop {
        if let Err(error) = receive(&nodes, &board).await {
            board.refused(format!("receive or delete: {}", word(&error)));
            sleep(PAUSE).await;
        }
    }
}

async fn receive(nodes: &Endpoints, board: &Board) -> Result<(), Error> {
    let request = ReceiveMessageRequest {
        queue_name: QUEUE.to_owned(),
        max_messages: 10,
        visibility_timeout: Some(HIDDEN_SECONDS),
        wait_seconds: 1,
    };
    let receive = |session: Session, request| async move { session.queues().receive_message(request).await };
    let messages = nodes.call(Repeat::Freely, request, receive).await?.messages;
    let receipt_handles: Vec<String> = messages.iter().map(|message| message.receipt_handle.clone()).collect();
    // Whatever becomes of the deletion: what was received is received, and comes again at most.
    board.received(messages);
    if receipt_handles.is_empty() {
        return Ok(());
    }
    let request =
        DeleteMessageRequest { queue_name: QUEUE.to_owned(), receipt_handles, ..DeleteMessageRequest::default() };
    let delete = |session: Session, request| async move { session.queues().delete_message(request).await };
    nodes.call(Repeat::Freely, request, delete).await.map(drop)
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
            Told::NotWritten(_) => "again",
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
        let broken = Error::Foreign { code: tonic::Code::Unavailable, message: "connection reset".to_owned() };
        assert_eq!(word(of_error(&broken)), "unknown");
        assert_eq!(word(of_error(&Error::Deadline { deadline_ms: 1 })), "unknown");
        assert_eq!(word(of_error(&Error::Silent { endpoint: String::new(), deadline_ms: 1 })), "again");
    }

    #[test]
    fn slots_have_places_of_their_own() {
        let places: std::collections::BTreeSet<_> = (0..3 * KEYS).map(place).collect();
        assert_eq!(places.len() as u64, 3 * KEYS);
        assert!(places.iter().all(|(rule, _)| *rule < 3));
    }
}
