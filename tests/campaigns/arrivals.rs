//! What arrived: the receiver's file, read on from where it was read to, and the messages of queues.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use bascule_api::client::Context;
use bascule_api::v1::{DescribeQueueRequest, QueueMessage};
use bascule_tests::Outcome;
use bascule_tests::client::Client;
use bascule_tests::ledger::Arrived;
use bascule_tests::receiver::{RECORDS, Receiver};
use bascule_tests::wait;
use serde::Deserialize;
use tokio::task::JoinHandle;

/// How long a message that the running consumer has is hidden from others.
const HIDDEN_SECONDS: u32 = 2;
/// How long a queue may take to become empty.
const DRAIN_LIMIT: Duration = Duration::from_secs(60);
/// A pause before a connection is tried again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);

#[derive(Deserialize)]
struct Request {
    path: String,
    status: u16,
    body: String,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    source: String,
    detail: Detail,
}

#[derive(Deserialize)]
struct Detail {
    mark: String,
}

/// Reads an event; its mark is that of all rounds: `SOURCE/MARK`.
fn arrived(event: &str) -> Outcome<Arrived> {
    let event: Event = serde_json::from_str(event).with_context(|| format!("no event of a campaign: `{event}`"))?;
    Ok(Arrived { id: event.id, mark: mark(&event.source, &event.detail.mark) })
}

/// A mark among those of all rounds.
#[must_use]
pub fn mark(source: &str, mark: &str) -> String {
    format!("{source}/{mark}")
}

/// The receiver's file.
#[derive(Debug)]
pub struct Requests {
    path: PathBuf,
    read_bytes: u64,
}

impl Requests {
    /// From its beginning.
    #[must_use]
    pub fn of(receiver: &Receiver) -> Self {
        Self { path: receiver.folder().join(RECORDS), read_bytes: 0 }
    }

    /// What was taken since the last time, with its path.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn taken(&mut self) -> Outcome<Vec<(String, Arrived)>> {
        let mut all = Vec::new();
        let Ok(mut file) = File::open(&self.path) else { return Ok(all) };
        file.seek(SeekFrom::Start(self.read_bytes))?;
        let mut lines = BufReader::new(file);
        let mut line = String::new();
        // A line that is being written is left for the next time.
        while lines.read_line(&mut line)? > 0 && line.ends_with('\n') {
            self.read_bytes += line.len() as u64;
            let request: Request = serde_json::from_str(&line).with_context(|| line.clone())?;
            if (200..300).contains(&request.status) {
                all.push((request.path, arrived(&request.body)?));
            }
            line.clear();
        }
        Ok(all)
    }
}

/// Messages of one queue, each once: one that is received again is no other message.
#[derive(Debug, Default)]
pub struct Messages {
    seen: BTreeSet<String>,
}

impl Messages {
    /// Those that were not seen before.
    ///
    /// # Errors
    /// One is no event of a campaign.
    pub fn fresh(&mut self, messages: Vec<QueueMessage>) -> Outcome<Vec<Arrived>> {
        let fresh = messages.into_iter().filter(|message| self.seen.insert(message.message_id.clone()));
        fresh.map(|message| arrived(&message.body)).collect()
    }
}

/// Receives and deletes until the queue holds nothing, hidden messages included.
///
/// # Errors
/// It does not become empty in time, or the daemon refuses.
pub async fn drain(client: &Client, queue: &str) -> Outcome<Vec<QueueMessage>> {
    let mut drained = Vec::new();
    wait::until(&format!("queue `{queue}` empty"), DRAIN_LIMIT, async || {
        let request = DescribeQueueRequest { queue_name: queue.to_owned(), ..DescribeQueueRequest::default() };
        let told = client.session().queues().describe_queue(request).await?.into_inner();
        if told.visible_message_count + told.in_flight_message_count == 0 {
            return Ok(Some(()));
        }
        loop {
            let messages = client.receive(queue, Some(HIDDEN_SECONDS)).await?;
            if messages.is_empty() {
                return Ok(None);
            }
            // A receipt that is stale by now belongs to a message that comes again.
            let _ = client.delete(queue, messages.iter().map(|message| message.receipt_handle.clone()).collect()).await;
            drained.extend(messages);
        }
    })
    .await?;
    Ok(drained)
}

/// Somebody who receives and deletes all the time, through kills.
#[derive(Debug)]
pub struct Consumer {
    task: JoinHandle<Vec<QueueMessage>>,
    stop: Arc<AtomicBool>,
    context: Arc<Mutex<Context>>,
}

impl Consumer {
    /// Starts one.
    #[must_use]
    pub fn start(context: Context, queue: &'static str) -> Self {
        let (stop, context) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(context)));
        let task = tokio::spawn(consume(queue, Arc::clone(&context), Arc::clone(&stop)));
        Self { task, stop, context }
    }

    /// The daemon is somewhere else now.
    pub fn redirect(&self, context: Context) {
        *self.context.lock().unwrap_or_else(PoisonError::into_inner) = context;
    }

    /// Everything that it received.
    ///
    /// # Errors
    /// It panicked.
    pub async fn stop(self) -> Outcome<Vec<QueueMessage>> {
        self.stop.store(true, Ordering::Relaxed);
        Ok(self.task.await?)
    }
}

async fn consume(queue: &str, context: Arc<Mutex<Context>>, stop: Arc<AtomicBool>) -> Vec<QueueMessage> {
    let mut received = Vec::new();
    let mut client: Option<Client> = None;
    while !stop.load(Ordering::Relaxed) {
        let Some(open) = &client else {
            let context = context.lock().unwrap_or_else(PoisonError::into_inner).clone();
            client = Client::connect(&context).await.ok();
            if client.is_none() {
                tokio::time::sleep(RECONNECT_PAUSE).await;
            }
            continue;
        };
        let Ok(messages) = open.receive(queue, Some(HIDDEN_SECONDS)).await else {
            client = None;
            tokio::time::sleep(RECONNECT_PAUSE).await;
            continue;
        };
        let handles: Vec<String> = messages.iter().map(|message| message.receipt_handle.clone()).collect();
        // Whatever becomes of the deletion: what was received is received, and comes again at most.
        if !handles.is_empty() && open.delete(queue, handles).await.is_err() {
            client = None;
        }
        received.extend(messages);
    }
    received
}
