//! Callers of the campaign: each takes another certificate when it is told to, and goes on with what it does.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bascule_api::client::retry::Repeat;
use bascule_api::client::subscription::{Following, Heard, Subscription};
use bascule_api::client::{Context, Session};
use bascule_api::error::Error;
use bascule_api::reasons::Reason;
use bascule_api::v1::tail_events_response::Says;
use bascule_api::v1::{PutEventsRequest, ReceiveMessageRequest, TailEventsRequest};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry};
use tokio::time::timeout;

use crate::rotation::{EMPTY, QUEUE, SOURCE};

/// Between two looks whether it is over.
const LOOK: Duration = Duration::from_millis(500);
/// Failures that are kept word for word.
const KEPT_FAILURES: usize = 20;
/// Messages on their way.
const CREDITS: u32 = 50;

/// What all callers have seen.
#[derive(Debug, Default)]
pub struct Seen {
    over: AtomicBool,
    calls: AtomicU64,
    received: AtomicU64,
    tailed: AtomicU64,
    renewals: AtomicU64,
    waits: AtomicU64,
    ends: Mutex<BTreeMap<String, u64>>,
    failures: Mutex<Vec<String>>,
}

impl Seen {
    /// Calls that were answered.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Messages that a subscription brought.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Events that a tail showed.
    pub fn tailed(&self) -> u64 {
        self.tailed.load(Ordering::Relaxed)
    }

    /// Certificates that clients took.
    pub fn renewals(&self) -> u64 {
        self.renewals.load(Ordering::Relaxed)
    }

    /// Receives that waited for nothing.
    pub fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }

    /// How streams ended, by the reason's name.
    pub fn ends(&self) -> BTreeMap<String, u64> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What failed.
    pub fn failures(&self) -> Vec<String> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everybody ends.
    pub fn stop(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn failed(&self, what: &str, why: &dyn std::fmt::Display) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() < KEPT_FAILURES {
            failures.push(format!("{what}: {why}"));
        }
    }

    /// A stream that a retired connection ends is opened again; any other end is a failure.
    fn ended(&self, what: &str, code: &str, why: &dyn std::fmt::Display) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        *ends.entry(format!("{what}: {code}")).or_default() += 1;
        drop(ends);
        if code != Reason::Draining.name() {
            self.failed(what, &format!("it ended with {code}: {why}"));
        }
    }
}

/// One caller; clones share its session.
#[derive(Clone)]
pub struct Caller {
    session: Session,
    seen: Arc<Seen>,
}

impl Caller {
    /// Connects.
    ///
    /// # Errors
    /// It cannot.
    pub async fn connect(context: &Context, seen: Arc<Seen>) -> Outcome<Self> {
        Ok(Self { session: Client::connect(context).await?.session().clone(), seen })
    }

    /// Takes another certificate.
    ///
    /// # Errors
    /// The connection with it cannot be made.
    pub async fn renew(&self, context: &Context) -> Outcome {
        self.session.renew(context).await?;
        self.seen.renewals.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Puts one event after the other.
    pub async fn put(&self) {
        while !self.seen.is_over() {
            let request = PutEventsRequest { entries: vec![entry(SOURCE, "t", "{}")], ..PutEventsRequest::default() };
            let put = self.session.call(Repeat::IfRefused, request, |request| {
                let mut events = self.session.events();
                async move { events.put_events(request).await }
            });
            match put.await {
                Ok(answer) if answer.failed_entry_count == 0 => {
                    self.seen.calls.fetch_add(1, Ordering::Relaxed);
                }
                Ok(answer) => self.seen.failed("a put", &format!("{:?}", answer.entries)),
                Err(error) => self.seen.failed("a put", &error),
            }
            // A load that leaves the other processes of this machine room.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits for messages of a queue that has none, as long as a receive may.
    pub async fn wait(&self) {
        const WAIT_SECONDS: u32 = 20;
        while !self.seen.is_over() {
            let request = ReceiveMessageRequest {
                queue_name: EMPTY.to_owned(),
                max_messages: 10,
                wait_seconds: WAIT_SECONDS,
                ..ReceiveMessageRequest::default()
            };
            let waiting = self.session.call(Repeat::IfRefused, request, |request| {
                let mut queues = self.session.queues();
                async move { queues.receive_message(request).await }
            });
            match waiting.await {
                Ok(_) => {
                    self.seen.waits.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => self.seen.failed("a receive that waits", &error),
            }
        }
    }

    /// Follows the queue, and deletes what comes.
    pub async fn follow(&self) {
        let following = Following { queue_name: QUEUE.to_owned(), credits: CREDITS, visibility_timeout: Some(60) };
        let mut subscription = match self.session.subscribe(following).await {
            Ok(subscription) => subscription,
            Err(error) => return self.seen.failed("a subscription", &error),
        };
        while !self.seen.is_over() {
            if let Err(error) = self.hear(&mut subscription).await {
                return self.seen.failed("a subscription", &error);
            }
        }
    }

    async fn hear(&self, subscription: &mut Subscription) -> Result<(), Error> {
        let Ok(heard) = timeout(LOOK, subscription.next()).await else { return Ok(()) };
        match heard? {
            Heard::Message(message) => {
                self.seen.received.fetch_add(1, Ordering::Relaxed);
                subscription.ack(vec![message.receipt_handle]).await?;
            }
            Heard::Ended { code, reason } => self.seen.ended("a subscription", &code, &reason),
            Heard::Settled(_) | Heard::State { .. } => {}
        }
        Ok(())
    }

    /// Looks on at the default bus; opens the tail again when its connection retires.
    pub async fn tail(&self) {
        while !self.seen.is_over() {
            let mut tail = match self.session.tail(TailEventsRequest::default()).await {
                Ok(tail) => tail,
                Err(error) => return self.seen.failed("a tail", &error),
            };
            while !self.seen.is_over() {
                match timeout(LOOK, tail.next()).await {
                    Err(_) => {}
                    Ok(Ok(Some(Says::Event(_)))) => {
                        self.seen.tailed.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(Ok(Some(_))) => {}
                    Ok(Ok(None)) => {
                        self.seen.ended("a tail", "nothing", &"no reason");
                        break;
                    }
                    Ok(Err(Error::Refused(refusal))) => {
                        self.seen.ended("a tail", refusal.reason.name(), &refusal.message);
                        break;
                    }
                    Ok(Err(error)) => {
                        self.seen.ended("a tail", "a broken connection", &error);
                        break;
                    }
                }
            }
        }
    }
}
