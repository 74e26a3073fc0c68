//! A queue followed over one stream: messages, receipts, credit that is topped up, and a new stream when one ends.
//!
//! What it holds is bounded: messages by the credit, receipts without an answer by a limit. A subscription that is dropped leaves
//! its messages to their visibility timeout; one that is [closed](Subscription::close) first hears of all its receipts.

use std::collections::VecDeque;
use std::fmt;

use tokio::sync::mpsc;
// The streams that tonic's own generated code speaks of.
use tonic::codegen::tokio_stream::StreamExt;
use tonic::codegen::tokio_stream::{self, wrappers::ReceiverStream};
use tonic::{Code, Status, Streaming};

use crate::client::Session;
use crate::client::retry::{Repeat, Schedule};
use crate::error::Error;
use crate::limits::{MESSAGE_MAX_BYTES, SUBSCRIBE_CREDITS_MAX_COUNT, SUBSCRIBE_UNANSWERED_MAX_COUNT};
use crate::status::Refusal;
use crate::v1::queues_client::QueuesClient;
use crate::v1::subscribe_request::Action;
use crate::v1::subscribe_response::Event;
use crate::v1::{
    QueueMessage, SettledReceipt, SubscribeAck, SubscribeCredit, SubscribeExtend, SubscribeNack, SubscribeRequest,
    SubscribeResponse, SubscribeStart, SubscriptionState,
};

/// Requests that are on their way to the connection.
const REQUESTS_ON_THE_WAY_COUNT: usize = 16;

/// What to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Following {
    /// Name or ARN of the queue.
    pub queue_name: String,
    /// Messages that may be here or on their way without having been taken, 1 to 1,000.
    pub credits: u32,
    /// How long each message is hidden, in seconds; none: as long as the queue says.
    pub visibility_timeout: Option<u32>,
}

/// What a subscription hears.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// A message, hidden from others until its time is over.
    Message(Box<QueueMessage>),
    /// What became of the receipts of one ack, nack or extend, in the order in which those were sent.
    Settled(Vec<SettledReceipt>),
    /// How the stream stands from now on.
    State {
        /// How it stands; unspecified for a state of a newer server.
        state: SubscriptionState,
        /// Why, for people.
        reason: String,
    },
}

/// One queue that is followed. Made by [`Session::subscribe`].
pub struct Subscription {
    session: Session,
    following: Following,
    credit: Credit,
    inbox: VecDeque<Heard>,
    /// Acks, nacks and extends without an answer yet, to be sent again on the next stream: a handle is good on any.
    unanswered: VecDeque<Action>,
    /// Streams that failed since the last word of the server.
    failures: u32,
    stream: Option<Stream>,
}

struct Stream {
    requests: mpsc::Sender<SubscribeRequest>,
    responses: Streaming<SubscribeResponse>,
}

/// How much credit the server has, and when it gets more: not for each message, and before it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Credit {
    limit: u32,
    /// Messages taken since credit was last given.
    taken: u32,
}

impl Credit {
    const fn taken(&mut self) {
        self.taken = self.taken.saturating_add(1);
    }

    /// What a new stream begins with, while `held` messages of the last one are not taken yet.
    fn anew(&mut self, held: usize) -> u32 {
        self.taken = 0;
        let held = u32::try_from(held).unwrap_or(u32::MAX);
        self.limit.saturating_sub(held).max(1)
    }

    /// Credit that is to be given now: half of all at once.
    const fn due(&self) -> Option<u32> {
        if self.taken == 0 || self.taken < self.limit.div_ceil(2) { None } else { Some(self.taken) }
    }

    /// It was given; with a new stream it already is.
    const fn given(&mut self, credits: u32) {
        self.taken = self.taken.saturating_sub(credits);
    }
}

impl Session {
    /// Follows a queue.
    ///
    /// # Errors
    /// As [`Session::call`]. What is wrong with the queue or the credits is said by [`Subscription::next`].
    pub async fn subscribe(&self, following: Following) -> Result<Subscription, Error> {
        let limit = following.credits.min(SUBSCRIBE_CREDITS_MAX_COUNT);
        let mut subscription = Subscription {
            session: self.clone(),
            following,
            credit: Credit { limit, taken: 0 },
            inbox: VecDeque::new(),
            unanswered: VecDeque::new(),
            failures: 0,
            stream: None,
        };
        subscription.reconnect(self.schedule).await?;
        Ok(subscription)
    }
}

impl Subscription {
    /// Waits for the next thing to hear. When a stream ends for a reason that passes, another is opened, after the server's wait or a
    /// backoff, as often as it takes: put a timeout around it if you will not wait so long. Nothing is lost if the wait is given up.
    ///
    /// # Errors
    /// [`Error::Refused`] for what does not pass: the queue is gone, the caller may not, a request was wrong.
    pub async fn next(&mut self) -> Result<Heard, Error> {
        loop {
            if let Some(heard) = self.inbox.pop_front() {
                if matches!(heard, Heard::Message(_)) {
                    self.credit.taken();
                }
                return Ok(heard);
            }
            if let Some(credits) = self.credit.due() {
                self.send(Action::Credit(SubscribeCredit { credits })).await?;
                self.credit.given(credits);
                continue;
            }
            self.hear().await?;
        }
    }

    /// The next message, past everything else there is to hear.
    ///
    /// # Errors
    /// As [`Subscription::next`].
    pub async fn message(&mut self) -> Result<QueueMessage, Error> {
        loop {
            if let Heard::Message(message) = self.next().await? {
                return Ok(*message);
            }
        }
    }

    /// Deletes messages; [`Heard::Settled`] says what became of each.
    ///
    /// # Errors
    /// As [`Subscription::next`].
    pub async fn ack(&mut self, receipt_handles: Vec<String>) -> Result<(), Error> {
        self.send(Action::Ack(SubscribeAck { receipt_handles })).await
    }

    /// Gives messages back, to come again after so many seconds.
    ///
    /// # Errors
    /// As [`Subscription::next`].
    pub async fn nack(&mut self, receipt_handles: Vec<String>, delay_seconds: u32) -> Result<(), Error> {
        self.send(Action::Nack(SubscribeNack { receipt_handles, delay_seconds })).await
    }

    /// Keeps messages hidden for so many seconds from now.
    ///
    /// # Errors
    /// As [`Subscription::next`].
    pub async fn extend(&mut self, receipt_handles: Vec<String>, seconds: u32) -> Result<(), Error> {
        self.send(Action::Extend(SubscribeExtend { receipt_handles, visibility_timeout: seconds })).await
    }

    /// Ends the stream once every ack, nack and extend is answered; gives what was not heard yet. Messages among it come again after
    /// their time.
    ///
    /// # Errors
    /// As [`Subscription::next`].
    pub async fn close(mut self) -> Result<Vec<Heard>, Error> {
        while !self.unanswered.is_empty() {
            self.hear().await?;
        }
        Ok(self.inbox.into())
    }

    /// Sends a request, on another stream if need be, and hears what comes meanwhile.
    async fn send(&mut self, action: Action) -> Result<(), Error> {
        let answered = !matches!(action, Action::Credit(_) | Action::Start(_));
        loop {
            let full = answered && self.unanswered.len() >= SUBSCRIBE_UNANSWERED_MAX_COUNT;
            let Some(stream) = &mut self.stream else {
                self.reconnect(self.patient()).await?;
                if !answered {
                    // A new stream begins with all the credit there may be.
                    return Ok(());
                }
                continue;
            };
            let response = tokio::select! {
                place = stream.requests.reserve(), if !full => match place {
                    Ok(place) => {
                        place.send(SubscribeRequest { action: Some(action.clone()) });
                        if answered {
                            self.unanswered.push_back(action);
                        }
                        return Ok(());
                    }
                    // The connection takes no more; its answer says why.
                    Err(_) => stream.responses.message().await,
                },
                response = stream.responses.message() => response,
            };
            self.took(response).await?;
        }
    }

    async fn hear(&mut self) -> Result<(), Error> {
        let Some(stream) = &mut self.stream else {
            return self.reconnect(self.patient()).await;
        };
        let response = stream.responses.message().await;
        self.took(response).await
    }

    async fn took(&mut self, response: Result<Option<SubscribeResponse>, Status>) -> Result<(), Error> {
        let status = match response {
            Ok(Some(response)) => {
                self.failures = 0;
                match response.event {
                    Some(Event::Messages(messages)) => {
                        self.inbox.extend(messages.messages.into_iter().map(|it| Heard::Message(Box::new(it))));
                    }
                    Some(Event::Settled(settled)) => {
                        self.unanswered.pop_front();
                        self.inbox.push_back(Heard::Settled(settled.results));
                    }
                    Some(Event::State(told)) => {
                        self.inbox.push_back(Heard::State { state: told.state(), reason: told.reason });
                    }
                    // A newer server's word.
                    None => {}
                }
                return Ok(());
            }
            Ok(None) => Status::unavailable("the stream ended"),
            Err(status) => status,
        };
        self.stream = None;
        self.pause(&status, self.patient()).await
    }

    /// The schedule of a stream that was there once: it is opened again as often as it takes.
    fn patient(&self) -> Schedule {
        Schedule { attempts_max_count: u32::MAX, ..self.session.schedule }
    }

    /// Waits after a stream that failed.
    ///
    /// # Errors
    /// What it failed with, if that does not pass.
    async fn pause(&mut self, status: &Status, schedule: Schedule) -> Result<(), Error> {
        self.failures = self.failures.saturating_add(1);
        let wait = schedule.wait(self.failures, Repeat::Freely, &passing(status), self.session.chance()?);
        let Some(wait) = wait else { return Err(Error::from(status.clone())) };
        tokio::time::sleep(wait).await;
        Ok(())
    }

    async fn reconnect(&mut self, schedule: Schedule) -> Result<(), Error> {
        loop {
            match self.open().await {
                Ok(stream) => {
                    self.stream = Some(stream);
                    return Ok(());
                }
                Err(status) => self.pause(&status, schedule).await?,
            }
        }
    }

    async fn open(&mut self) -> Result<Stream, Status> {
        let held = self.inbox.iter().filter(|heard| matches!(heard, Heard::Message(_))).count();
        let start = SubscribeStart {
            queue_name: self.following.queue_name.clone(),
            // More than the limit is for the server to refuse.
            credits: if self.following.credits > self.credit.limit || self.credit.limit == 0 {
                self.following.credits
            } else {
                self.credit.anew(held)
            },
            visibility_timeout: self.following.visibility_timeout,
            request_id: String::new(),
        };
        let again = std::iter::once(Action::Start(start)).chain(self.unanswered.iter().cloned());
        let first: Vec<_> = again.map(|action| SubscribeRequest { action: Some(action) }).collect();
        let (requests, later) = mpsc::channel(REQUESTS_ON_THE_WAY_COUNT);
        let sent = tokio_stream::iter(first).chain(ReceiverStream::new(later));
        // Without the deadline of calls: a stream lives as long as its client.
        let mut stub = QueuesClient::new(self.session.channel.clone())
            .max_decoding_message_size(MESSAGE_MAX_BYTES)
            .max_encoding_message_size(MESSAGE_MAX_BYTES);
        let responses = stub.subscribe(sent).await?.into_inner();
        Ok(Stream { requests, responses })
    }
}

/// The same status; that of a connection that broke is one of a server that is away.
fn passing(status: &Status) -> Status {
    let broke = matches!(status.code(), Code::Unknown | Code::Internal | Code::Cancelled | Code::Unavailable);
    // A refusal has its own word on whether it passes.
    if broke && Refusal::from_status(status).is_err() { Status::unavailable(status.message()) } else { status.clone() }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("following", &self.following)
            .field("credit", &self.credit)
            .field("inbox", &self.inbox.len())
            .field("unanswered", &self.unanswered.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::reasons::Reason;

    #[test]
    fn credit_is_given_in_halves_and_never_too_much() {
        for limit in [1, 2, 3, 10, 1_000] {
            let mut credit = Credit { limit, taken: 0 };
            let (mut server, mut held) = (credit.anew(0), 0_u32);
            let mut given = 0;
            for turn in 0..5_000_u32 {
                // The server sends what it may, in bursts; the client takes one.
                let sent = server.min(turn % 7);
                server -= sent;
                held += sent;
                if held > 0 {
                    held -= 1;
                    credit.taken();
                }
                if let Some(due) = credit.due() {
                    credit.given(due);
                    server += due;
                    given += 1;
                }
                assert!(server + held <= limit, "{limit}: {server} and {held}");
            }
            assert!(given > 0, "{limit}");
            if limit == 1_000 {
                assert!(given <= 10, "credit was given {given} times");
            }
        }
    }

    #[test]
    fn a_new_stream_begins_with_what_is_left() {
        for (limit, held, expected) in [(10, 0, 10), (10, 4, 6), (10, 10, 1), (10, 11, 1), (1, 0, 1)] {
            let mut credit = Credit { limit, taken: 3 };
            assert_eq!((credit.anew(held), credit.taken), (expected, 0), "{limit} {held}");
        }
    }

    #[test]
    fn only_what_passes_is_waited_for() {
        let schedule = Schedule { attempts_max_count: u32::MAX, ..Schedule::default() };
        let refused = |reason| Refusal::new(reason, "no").to_status();
        let told = Refusal::new(Reason::Draining, "no").with_retry_after(Duration::from_millis(1_500)).to_status();
        let rows = [
            (refused(Reason::Draining), true),
            (refused(Reason::NoLeader), true),
            (refused(Reason::Overloaded), true),
            (refused(Reason::ResourceNotFound), false),
            (refused(Reason::AccessDenied), false),
            (refused(Reason::ValidationFailed), false),
            (Status::unknown("transport error"), true),
            (Status::internal("h2 protocol error"), true),
            (Status::unavailable("tcp connect error"), true),
            (Status::unimplemented("no such method"), false),
        ];
        for (status, passes) in rows {
            let wait = schedule.wait(1_000, Repeat::Freely, &passing(&status), 0);
            assert_eq!(wait.is_some(), passes, "{status:?}");
        }
        let wait = schedule.wait(1, Repeat::Freely, &passing(&told), 0);
        assert_eq!(wait, Some(Duration::from_millis(1_500)));
    }
}
