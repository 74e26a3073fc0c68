//! Producers over several nodes: a put that was certainly not written goes to the next node, one that may have been is never repeated.
//!
//! In: where the nodes are and as whom; how many put at once, and how often.
//! Out: what each put was told in the end, and when events were acknowledged.
//! Never: a put that is repeated although it may have happened, or an unknown one that is called something else.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bascule_api::client::{Context, Deadlines};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::Status;

use crate::Outcome;
use crate::client::{Client, entry};
use crate::ledger::{Fate, Put};
use crate::producers;

/// How long one node may take to answer a put.
const ANSWER_LIMIT_MS: u64 = 5_000;
/// How long one node may take to be connected to.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// How long a producer stays away from its own node after it went elsewhere.
const AWAY_SPAN: Duration = Duration::from_secs(1);
/// Between two tries of one put.
const AGAIN_PAUSE: Duration = Duration::from_millis(20);

/// What is put.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Tasks that put at once, each at a node of its own: it leaves it when it has to, and comes back when a second has passed.
    pub producers: usize,
    /// Between two puts of one task.
    pub pause: Duration,
    /// `source` of every event.
    pub source: String,
    /// `detail-type` of the events, in turn.
    pub detail_types: Vec<String>,
    /// Every put is decided by a view that has reached this.
    pub min_control_index: u64,
}

/// One put, its detail type, and what became of it.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Which of the plan's detail types it has.
    pub detail_type: String,
    /// Mark and fate.
    pub put: Put,
}

/// Running producers.
#[derive(Debug)]
pub struct Traffic {
    tasks: JoinSet<()>,
    desk: Arc<Desk>,
}

#[derive(Debug)]
struct Desk {
    plan: Plan,
    contexts: Vec<Context>,
    stop: AtomicBool,
    open: AtomicU64,
    tries: AtomicU64,
    begun: Mutex<BTreeMap<usize, usize>>,
    sent: Mutex<Vec<Sent>>,
    acknowledged: Mutex<Vec<Instant>>,
}

impl Traffic {
    /// Starts them. Marks are `P-N`: the producer's number and the put's.
    #[must_use]
    pub fn start(contexts: Vec<Context>, plan: Plan) -> Self {
        let desk = Arc::new(Desk {
            plan,
            contexts,
            stop: AtomicBool::new(false),
            open: AtomicU64::new(0),
            tries: AtomicU64::new(0),
            begun: Mutex::default(),
            sent: Mutex::default(),
            acknowledged: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        for producer in 0..desk.plan.producers {
            tasks.spawn(produce(producer, Arc::clone(&desk)));
        }
        Self { tasks, desk }
    }

    /// Events acknowledged so far.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        self.desk.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// How many puts each producer has begun: the next one's mark has this number.
    #[must_use]
    pub fn begun(&self) -> BTreeMap<usize, usize> {
        self.desk.begun.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts that have no answer yet.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        self.desk.open.load(Ordering::Relaxed)
    }

    /// Tries beyond a put's first, so far.
    #[must_use]
    pub fn again(&self) -> u64 {
        self.desk.tries.load(Ordering::Relaxed)
    }

    /// The longest span from `from` to `to` in which nothing was acknowledged.
    #[must_use]
    pub fn silence(&self, from: Instant, to: Instant) -> Duration {
        let times = self.desk.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        longest(&times, from, to)
    }

    /// Lets open puts end, and gives every one with what its producer was told.
    ///
    /// # Errors
    /// A producer panicked.
    pub async fn stop(mut self) -> Outcome<Vec<Sent>> {
        self.desk.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended?;
        }
        Ok(std::mem::take(&mut *self.desk.sent.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// The longest span from `from` to `to` in which none of these times lies.
#[must_use]
pub fn longest(times: &[Instant], from: Instant, to: Instant) -> Duration {
    let mut inside: Vec<Instant> = times.iter().copied().filter(|time| (from..=to).contains(time)).collect();
    inside.push(to);
    inside.sort_unstable();
    let mut before = from;
    let mut longest = Duration::ZERO;
    for time in inside {
        longest = longest.max(time.duration_since(before));
        before = time;
    }
    longest
}

async fn produce(producer: usize, desk: Arc<Desk>) {
    let mut clients = BTreeMap::new();
    let (mut at, mut left) = (producer, Instant::now());
    let mut number = 0;
    while !desk.stop.load(Ordering::Relaxed) {
        if at != producer && left.elapsed() > AWAY_SPAN {
            at = producer;
        }
        let from = at;
        let detail_type = &desk.plan.detail_types[number % desk.plan.detail_types.len()];
        let mark = format!("{producer}-{number}");
        number += 1;
        desk.begun.lock().unwrap_or_else(PoisonError::into_inner).insert(producer, number);
        let fate = put(&desk, &mut clients, &mut at, (detail_type, &mark)).await;
        if at != from {
            left = Instant::now();
        }
        if matches!(fate, Fate::Acknowledged(_)) {
            desk.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
        }
        let sent = Sent { detail_type: detail_type.clone(), put: Put { mark, fate } };
        desk.sent.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
        tokio::time::sleep(desk.plan.pause).await;
    }
}

/// Tries one node after the other until one says what became of it.
async fn put(desk: &Desk, clients: &mut BTreeMap<usize, Client>, at: &mut usize, what: (&str, &str)) -> Fate {
    let (detail_type, mark) = what;
    let detail = format!(r#"{{"mark":"{mark}"}}"#);
    let mut last = None;
    loop {
        // Only between tries, where it is known that nothing was written.
        if let Some(reason) = last.take() {
            if desk.stop.load(Ordering::Relaxed) {
                return Fate::Refused(reason);
            }
            desk.tries.fetch_add(1, Ordering::Relaxed);
            *at += 1;
            tokio::time::sleep(AGAIN_PAUSE).await;
        }
        let node = *at % desk.contexts.len();
        let client = match connected(desk, clients, node).await {
            Ok(client) => client,
            Err(error) => {
                last = Some(format!("no connection: {error:#}"));
                continue;
            }
        };
        let entry = entry(&desk.plan.source, detail_type, &detail);
        desk.open.fetch_add(1, Ordering::Relaxed);
        let answer = client.try_put_after(desk.plan.min_control_index, vec![entry]).await;
        desk.open.fetch_sub(1, Ordering::Relaxed);
        if let Err(status) = &answer
            && never_left(status)
        {
            last = Some(format!("no connection: {status}"));
            continue;
        }
        match told(answer) {
            Fate::Refused(reason) if producers::may_come_later(&reason) => last = Some(reason),
            Fate::Unknown(reason) => {
                // Whatever comes next goes to another node, over another connection.
                clients.remove(&node);
                *at += 1;
                return Fate::Unknown(reason);
            }
            known => return known,
        }
    }
}

async fn connected(desk: &Desk, clients: &mut BTreeMap<usize, Client>, node: usize) -> Outcome<Client> {
    if let Some(client) = clients.get(&node) {
        return Ok(client.clone());
    }
    let client = timeout(CONNECT_LIMIT, Client::connect(&desk.contexts[node])).await.context("in time")??;
    let deadlines = Deadlines { attempt_ms: ANSWER_LIMIT_MS, call_ms: ANSWER_LIMIT_MS };
    let client = Client::over(client.session().clone().with_deadlines(deadlines));
    clients.insert(node, client.clone());
    Ok(client)
}

/// Whether there was no connection to put over: one that is closed is made anew at the next call.
fn never_left(status: &Status) -> bool {
    let mut next = status.source();
    while let Some(error) = next {
        if error.is::<tonic::ConnectError>() {
            return true;
        }
        next = error.source();
    }
    false
}

fn told(answer: Result<bascule_api::v1::PutEventsResponse, Status>) -> Fate {
    match answer {
        Ok(answer) => match answer.entries.first() {
            Some(told) => producers::told_of_entry(&told.event_id, &told.error_code),
            None => Fate::Unknown("an answer without an entry".to_owned()),
        },
        Err(status) => producers::told_of_call(&status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_silence_counts_both_ends() {
        let from = Instant::now();
        let at = |ms: u64| from + Duration::from_millis(ms);
        let check = |times: &[u64], to: u64| {
            let times: Vec<Instant> = times.iter().map(|ms| at(*ms)).collect();
            u64::try_from(longest(&times, from, at(to)).as_millis()).unwrap()
        };
        assert_eq!(check(&[], 100), 100);
        assert_eq!(check(&[10, 70, 80], 100), 60);
        assert_eq!(check(&[80, 10], 100), 70, "in any order");
        assert_eq!(check(&[90], 100), 90, "from the beginning");
        assert_eq!(check(&[10], 100), 90, "to the end");
        assert_eq!(check(&[10, 500], 100), 90, "what is later does not count");
    }
}
