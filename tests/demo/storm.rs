//! The puts: as fast as they are answered until the daemon is killed, and then again what was not acknowledged.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use bascule_api::client::Context;
use bascule_api::v1::{PutEventsRequest, PutEventsRequestEntry};
use bascule_tests::Outcome;
use bascule_tests::chance::now_ms;
use bascule_tests::client::Client;
use bascule_tests::daemon::Daemon;
use bascule_tests::receiver::Receiver;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::commands::{Commands, Shown};
use crate::say;
use crate::script::{self, Script};

/// Puts that are open at once.
const OPEN_PUTS: usize = 128;
/// Connections that they go over.
const CONNECTIONS: usize = 4;
/// Acknowledged puts before which the daemon is not killed.
const ACKNOWLEDGED_LEAST: u64 = 300;
/// Puts without an answer, and deliveries without one, that there must be at the kill.
const OPEN_LEAST: usize = 50;
/// Between two looks for the moment.
const LOOK_PAUSE: Duration = Duration::from_millis(10);
/// How long the moment may take to come.
const MOMENT_LIMIT: Duration = Duration::from_secs(40);
/// Puts on their way at once when the rest is put again.
const AGAIN_IN_FLIGHT: &str = "16";

/// What the puts of all events were answered.
#[derive(Debug, Default)]
pub struct Puts {
    /// By mark, the ids of acknowledged events.
    pub ids: BTreeMap<String, String>,
    /// Puts that were sent and never answered.
    pub unanswered: usize,
    /// Deliveries that the receiver had and had not answered at the kill.
    pub open: usize,
}

impl Puts {
    /// How many were acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        self.ids.len()
    }

    /// Both together.
    #[must_use]
    pub fn join(mut self, other: Self) -> Self {
        self.ids.extend(other.ids);
        self
    }
}

/// What the putting tasks share.
struct Desk {
    entries: Vec<PutEventsRequestEntry>,
    control_index: u64,
    next: AtomicUsize,
    sent: AtomicUsize,
    ended: AtomicUsize,
    acknowledged: AtomicU64,
    stop: AtomicBool,
    ids: Mutex<BTreeMap<String, String>>,
    refused: Mutex<Option<String>>,
}

/// Puts until there is enough in the air, kills the daemon, and says what was answered by then.
///
/// # Errors
/// The moment did not come; an entry was refused; or the system's.
pub async fn until_killed(
    script: &Script,
    (daemon, publisher): (&mut Daemon, &Context),
    receiver: &Receiver,
    control_index: u64,
) -> Outcome<Puts> {
    let desk = Arc::new(Desk {
        entries: script.events.iter().map(script::Event::entry).collect(),
        control_index,
        next: AtomicUsize::new(0),
        sent: AtomicUsize::new(0),
        ended: AtomicUsize::new(0),
        acknowledged: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        ids: Mutex::default(),
        refused: Mutex::default(),
    });
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(Client::connect(publisher).await?);
    }
    let mut tasks = JoinSet::new();
    for nth in 0..OPEN_PUTS {
        tasks.spawn(put(Arc::clone(&desk), clients[nth % CONNECTIONS].clone()));
    }
    let began = Instant::now();
    let open = loop {
        tokio::time::sleep(LOOK_PAUSE).await;
        let open = open_deliveries(receiver)?;
        let in_flight = desk.sent.load(Ordering::Relaxed) - desk.ended.load(Ordering::Relaxed);
        let acknowledged = desk.acknowledged.load(Ordering::Relaxed);
        if acknowledged >= ACKNOWLEDGED_LEAST && open >= OPEN_LEAST && in_flight > OPEN_PUTS * 3 / 4 {
            break open;
        }
        ensure!(
            began.elapsed() < MOMENT_LIMIT && desk.next.load(Ordering::Relaxed) < desk.entries.len(),
            "the moment did not come: {acknowledged} acknowledged, {in_flight} puts and {open} deliveries open"
        );
    };
    desk.stop.store(true, Ordering::Relaxed);
    daemon.kill9()?;
    while let Some(ended) = tasks.join_next().await {
        ended?;
    }
    if let Some(refusal) = desk.refused.lock().unwrap_or_else(PoisonError::into_inner).take() {
        bail!("an entry was refused: {refusal}");
    }
    let ids = std::mem::take(&mut *desk.ids.lock().unwrap_or_else(PoisonError::into_inner));
    let unanswered = desk.sent.load(Ordering::Relaxed) - ids.len();
    ensure!(
        unanswered >= OPEN_LEAST,
        "only {unanswered} puts were unanswered when the daemon was killed: run it again"
    );
    Ok(Puts { ids, unanswered, open })
}

async fn put(desk: Arc<Desk>, client: Client) {
    while !desk.stop.load(Ordering::Relaxed) {
        let at = desk.next.fetch_add(1, Ordering::Relaxed);
        let Some(entry) = desk.entries.get(at) else { return };
        let request = PutEventsRequest {
            entries: vec![entry.clone()],
            min_control_index: desk.control_index,
            ..PutEventsRequest::default()
        };
        desk.sent.fetch_add(1, Ordering::Relaxed);
        let answer = client.session().events().put_events(request).await;
        desk.ended.fetch_add(1, Ordering::Relaxed);
        // A call that broke is unanswered; while the daemon is not killed yet there is none.
        let Ok(answer) = answer else { continue };
        for told in answer.into_inner().entries {
            if told.event_id.is_empty() {
                let text = format!("line {}: {} {}", at + 1, told.error_code, told.error_message);
                desk.refused.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(text);
            } else {
                desk.acknowledged.fetch_add(1, Ordering::Relaxed);
                desk.ids.lock().unwrap_or_else(PoisonError::into_inner).insert((at + 1).to_string(), told.event_id);
            }
        }
    }
}

/// Requests that the receiver holds: it writes each down when it comes, and its path says when it is answered.
fn open_deliveries(receiver: &Receiver) -> Outcome<usize> {
    let now = now_ms();
    let open = receiver.records()?.into_iter().filter(|record| {
        let mut words = record.path.split('/').skip(1);
        let slow = (words.next() == Some("slow")).then(|| words.next()?.parse::<u64>().ok()).flatten();
        slow.is_some_and(|after_ms| record.time_ms + after_ms > now)
    });
    Ok(open.count())
}

/// Puts what was not acknowledged, by the command line, under other marks.
///
/// # Errors
/// The command failed, or not every event was accepted.
pub fn put_again(commands: &Commands, script: &Script, first: &Puts, control_index: u64) -> Outcome<Puts> {
    let missing: Vec<usize> = (1..=script.events.len()).filter(|n| !first.ids.contains_key(&n.to_string())).collect();
    let lines: Vec<String> = missing.iter().map(|n| script.events[n - 1].line_again(*n)).collect();
    let file = commands.file("again.jsonl", &(lines.join("\n") + "\n"))?;
    let index = control_index.to_string();
    let words = ["event", "put", "--file", &file, "--in-flight", AGAIN_IN_FLIGHT, "--min-control-index", &index];
    let answer = commands.run(&words, Shown::Yes)?;
    let entries = answer["Entries"].as_array().context("an answer without `Entries`")?;
    let ids: BTreeMap<String, String> = entries.iter().filter_map(|entry| told(entry, &missing)).collect();
    ensure!(ids.len() == missing.len(), "of {} events put again {} were accepted", missing.len(), ids.len());
    let never = missing.len() - first.unanswered.min(missing.len());
    say(&format!(
        "     {} accepted: {} that were unanswered, {never} that had not been put",
        ids.len(),
        first.unanswered
    ));
    Ok(Puts { ids, ..Puts::default() })
}

fn told(entry: &Value, missing: &[usize]) -> Option<(String, String)> {
    let line = usize::try_from(entry["Line"].as_u64()?).ok()?;
    let number = missing.get(line.checked_sub(1)?)?;
    Some((script::again(*number), entry["EventId"].as_str()?.to_owned()))
}
