//! Producers that put at once from many tasks, through kills and restarts, and write down what each entry was told.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bascule_api::client::Context;
use bascule_api::reasons::{Again, Reason};
use bascule_api::status::Refusal;
use bascule_api::v1::PutEventsRequestEntry;
use tokio::task::JoinSet;
use tonic::Status;

use crate::Outcome;
use crate::client::{Client, entry};
use crate::ledger::{Fate, Put};

/// A pause before a connection is tried again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);

/// What producers do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Tasks that put at once, each over a connection of its own.
    pub producers: usize,
    /// Entries of one call, 1 to 10.
    pub batch: usize,
    /// Calls of each producer, after which it ends; none: until it is stopped.
    pub calls: Option<usize>,
    /// `source` of every event.
    pub source: String,
    /// `detail-type` of every event.
    pub detail_type: String,
    /// Bytes that are added to each detail.
    pub padding_bytes: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            producers: 4,
            batch: 1,
            calls: None,
            source: "test.producers".to_owned(),
            detail_type: "put".to_owned(),
            padding_bytes: 0,
        }
    }
}

/// Running producers.
#[derive(Debug)]
pub struct Producers {
    tasks: JoinSet<()>,
    stop: Arc<AtomicBool>,
    place: Arc<Place>,
}

/// A pause of producers that are held.
const HELD_PAUSE: Duration = Duration::from_millis(10);

#[derive(Debug)]
struct Place {
    plan: Plan,
    context: Mutex<Context>,
    puts: Mutex<Vec<Put>>,
    acknowledged: AtomicU64,
    is_held: AtomicBool,
}

impl Producers {
    /// Starts them. Marks are `P-N`: the producer's number and the entry's.
    #[must_use]
    pub fn start(context: Context, plan: Plan) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (context, puts, acknowledged) = (Mutex::new(context), Mutex::default(), AtomicU64::new(0));
        let place = Arc::new(Place { plan, context, puts, acknowledged, is_held: AtomicBool::new(false) });
        let mut tasks = JoinSet::new();
        for producer in 0..place.plan.producers {
            tasks.spawn(produce(producer, Arc::clone(&place), Arc::clone(&stop)));
        }
        Self { tasks, stop, place }
    }

    /// The daemon is somewhere else now.
    pub fn redirect(&self, context: Context) {
        *self.place.context.lock().unwrap_or_else(PoisonError::into_inner) = context;
    }

    /// Entries acknowledged so far.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.place.acknowledged.load(Ordering::Relaxed)
    }

    /// Lets them put no more, until they may again.
    pub fn hold(&self, is_held: bool) {
        self.place.is_held.store(is_held, Ordering::Relaxed);
    }

    /// Lets open calls end, and gives every entry with what its producer was told.
    ///
    /// # Errors
    /// A producer panicked.
    pub async fn stop(self) -> Outcome<Vec<Put>> {
        self.stop.store(true, Ordering::Relaxed);
        self.finish().await
    }

    /// Waits until each has made its calls, and gives the same.
    ///
    /// # Errors
    /// A producer panicked.
    pub async fn finish(mut self) -> Outcome<Vec<Put>> {
        while let Some(ended) = self.tasks.join_next().await {
            ended?;
        }
        Ok(std::mem::take(&mut *self.place.puts.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

async fn produce(producer: usize, place: Arc<Place>, stop: Arc<AtomicBool>) {
    let mut client = None;
    let mut calls = 0;
    while !stop.load(Ordering::Relaxed) && place.plan.calls.is_none_or(|most| calls < most) {
        if place.is_held.load(Ordering::Relaxed) {
            tokio::time::sleep(HELD_PAUSE).await;
            continue;
        }
        let Some(open) = &client else {
            let context = place.context.lock().unwrap_or_else(PoisonError::into_inner).clone();
            client = Client::connect(&context).await.ok();
            if client.is_none() {
                tokio::time::sleep(RECONNECT_PAUSE).await;
            }
            continue;
        };
        let marks: Vec<String> =
            (0..place.plan.batch).map(|at| format!("{producer}-{}", calls * place.plan.batch + at)).collect();
        let answer = open.try_put(marks.iter().map(|mark| place.plan.entry(mark)).collect()).await;
        calls += 1;
        let fates: Vec<Fate> = match answer {
            Ok(answer) => {
                answer.entries.into_iter().map(|told| told_of_entry(&told.event_id, &told.error_code)).collect()
            }
            Err(status) => {
                if Refusal::from_status(&status).is_err() {
                    client = None;
                }
                vec![told_of_call(&status); marks.len()]
            }
        };
        let acknowledged = fates.iter().filter(|fate| matches!(fate, Fate::Acknowledged(_))).count();
        place.acknowledged.fetch_add(acknowledged as u64, Ordering::Relaxed);
        let puts = marks.into_iter().zip(fates).map(|(mark, fate)| Put { mark, fate });
        place.puts.lock().unwrap_or_else(PoisonError::into_inner).extend(puts);
    }
}

impl Plan {
    fn entry(&self, mark: &str) -> PutEventsRequestEntry {
        let padding = "p".repeat(self.padding_bytes);
        let detail = format!(r#"{{"mark":"{mark}","padding":"{padding}"}}"#);
        entry(&self.source, &self.detail_type, &detail)
    }
}

/// Whether what was refused for this reason, by its name, may be taken later or elsewhere.
pub(crate) fn may_come_later(reason: &str) -> bool {
    Reason::from_name(reason).is_some_and(|reason| reason.again() == Again::Later)
}

pub(crate) fn told_of_entry(id: &str, code: &str) -> Fate {
    if !id.is_empty() {
        return Fate::Acknowledged(id.to_owned());
    }
    match Reason::from_name(code).map(Reason::again) {
        Some(Again::Never | Again::Later) => Fate::Refused(code.to_owned()),
        Some(Again::Unknown) | None => Fate::Unknown(code.to_owned()),
    }
}

pub(crate) fn told_of_call(status: &Status) -> Fate {
    match Refusal::from_status(status) {
        // Whoever withdraws a call does not know what became of it, although repeating it is not advised.
        Ok(refusal) if refusal.reason.again() != Again::Unknown && refusal.reason != Reason::Cancelled => {
            Fate::Refused(refusal.reason.name().to_owned())
        }
        Ok(refusal) => Fate::Unknown(refusal.reason.name().to_owned()),
        Err(_) => Fate::Unknown(format!("{:?}: {}", status.code(), status.message())),
    }
}
