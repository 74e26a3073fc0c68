//! Consumers of the queue, one at each node: each receives, writes down and deletes, whoever leads what it asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bascule_api::client::{Context, Deadlines};
use bascule_tests::Outcome;
use bascule_tests::client::Client;
use bascule_tests::ledger::{Arrived, read_event};
use tokio::task::JoinSet;

/// How long a message that was received is hidden: if it is not deleted, it comes again.
const HIDDEN_S: u32 = 10;
/// How long one call may take; a receive waits for a second itself.
const ANSWER_LIMIT_MS: u64 = 5_000;
/// A pause before a node is asked again.
const AGAIN_PAUSE: Duration = Duration::from_millis(100);

/// Running consumers.
#[derive(Debug)]
pub struct Consumers {
    tasks: JoinSet<()>,
    desk: Arc<Desk>,
}

#[derive(Debug, Default)]
struct Desk {
    stop: AtomicBool,
    /// By id of the message: one that is received twice is one message.
    messages: Mutex<BTreeMap<String, Arrived>>,
}

impl Consumers {
    /// One at each of these.
    #[must_use]
    pub fn start(contexts: Vec<Context>, queue: &'static str) -> Self {
        let desk = Arc::new(Desk::default());
        let mut tasks = JoinSet::new();
        for context in contexts {
            tasks.spawn(consume(context, queue, Arc::clone(&desk)));
        }
        Self { tasks, desk }
    }

    /// The events of all messages so far.
    #[must_use]
    pub fn events(&self) -> BTreeSet<String> {
        let messages = self.desk.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.values().map(|arrived| arrived.id.clone()).collect()
    }

    /// Lets open calls end, and gives each message once.
    ///
    /// # Errors
    /// A consumer panicked.
    pub async fn stop(mut self) -> Outcome<Vec<Arrived>> {
        self.desk.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended?;
        }
        let messages = std::mem::take(&mut *self.desk.messages.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(messages.into_values().collect())
    }
}

async fn consume(context: Context, queue: &str, desk: Arc<Desk>) {
    let mut client = None;
    while !desk.stop.load(Ordering::Relaxed) {
        let done = match &client {
            Some(client) => take(client, queue, &desk).await,
            None => match connect(&context).await {
                Ok(open) => {
                    client = Some(open);
                    Ok(())
                }
                Err(error) => Err(error),
            },
        };
        if done.is_err() {
            // Dead or cut off. What it had given and was not told to delete comes again, here or elsewhere.
            client = None;
            tokio::time::sleep(AGAIN_PAUSE).await;
        }
    }
}

async fn connect(context: &Context) -> Outcome<Client> {
    let client = Client::connect(context).await?;
    let deadlines = Deadlines { attempt_ms: ANSWER_LIMIT_MS, call_ms: ANSWER_LIMIT_MS };
    Ok(Client::over(client.session().clone().with_deadlines(deadlines)))
}

async fn take(client: &Client, queue: &str, desk: &Desk) -> Outcome {
    let received = client.receive(queue, Some(HIDDEN_S)).await?;
    let handles: Vec<String> = received.iter().map(|message| message.receipt_handle.clone()).collect();
    {
        let mut messages = desk.messages.lock().unwrap_or_else(PoisonError::into_inner);
        for message in received {
            let arrived = read_event(&message.body).unwrap_or_default();
            messages.insert(message.message_id, arrived);
        }
    }
    if handles.is_empty() { Ok(()) } else { client.delete(queue, handles).await }
}
