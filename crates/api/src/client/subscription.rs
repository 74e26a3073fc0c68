//! A queue followed over one stream: messages, receipts, credit that is topped up, and a new stream when one ends.
//!
//! In: a session, a queue's name, how many messages may be on their way; acks, nacks and extends.
//! Out: messages, what became of receipts, how the stream stands and why one ended.
//! Never: more messages than there is credit for, or an ack that is forgotten when a stream ends.
//!
//! What it holds is bounded: messages by the credit, receipts without an answer by a limit, of states and ends the last one each.
//! Only answers to acks, nacks and extends wait until they are heard, one for each. A subscription that is dropped leaves its messages
//! to their visibility timeout; one that is [closed](Subscription::close) first hears of all its receipts and of what is on its way.

use std::fmt;
use std::pin::Pin;

use tokio::sync::mpsc;
use tokio::time::Sleep;
// The streams that tonic's own generated code speaks of.
use tonic::codegen::tokio_stream::StreamExt;
use tonic::codegen::tokio_stream::{self, wrappers::ReceiverStream};
use tonic::{Code, Status, Streaming};

use crate::client::retry::{Repeat, Schedule};
use crate::client::{Session, chance};
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

mod credit;
mod held;

use held::{By, Held};

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
    /// A stream ended for a reason that passes; another is opened, with every ack, nack and extend that has no answer yet. Messages that
    /// were heard of before keep their receipts.
    Ended {
        /// The server's reason by its name, such as `DRAINING`; [`CONNECTION_LOST`] where it gave none.
        code: String,
        /// What is known of it, for people.
        reason: String,
    },
}

/// What a stream ends with when its connection breaks, or its server goes without a word.
pub const CONNECTION_LOST: &str = "CONNECTION_LOST";

/// One queue that is followed. Made by [`Session::subscribe`].
pub struct Subscription {
    session: Session,
    following: Following,
    /// Things to tell, and acks, nacks and extends to be sent again on the next stream: a handle is good on any.
    held: Held,
    /// Streams that failed since the last word of the server.
    failures: u32,
    /// No stream is opened before it is over; it goes on where somebody gives up waiting for it.
    pause: Option<Pin<Box<Sleep>>>,
    stream: Option<Stream>,
}

struct Stream {
    requests: mpsc::Sender<SubscribeRequest>,
    responses: Streaming<SubscribeResponse>,
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
            held: Held::new(limit),
            failures: 0,
            pause: None,
            stream: None,
        };
        subscription.reconnect(self.schedule).await?;
        Ok(subscription)
    }
}

impl Subscription {
    /// From now on no credit is given beyond so many messages: once they were taken, [`Subscription::next`] waits for other things alone.
    /// Called before the first message is taken it counts them all; the credits to begin with should be no more than that.
    pub const fn at_most(&mut self, count: u64) {
        self.held.credit.at_most(count);
    }

    /// Waits for the next thing to hear. When a stream ends for a reason that passes, another is opened, after the server's wait or a
    /// backoff, as often as it takes: put a timeout around it if you will not wait so long. Nothing is lost if the wait is given up.
    ///
    /// # Errors
    /// [`Error::Refused`] for what does not pass: the queue is gone, the caller may not, a request was wrong.
    pub async fn next(&mut self) -> Result<Heard, Error> {
        loop {
            if let Some(heard) = self.held.next() {
                return Ok(heard);
            }
            if let Some(credits) = self.held.credit.due(self.held.message_count()) {
                self.send(Action::Credit(SubscribeCredit { credits })).await?;
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

    /// Ends the stream in order: every ack, nack and extend is answered, and what was on its way comes. Gives what was not heard yet;
    /// messages among it come again after their time, or earlier where the caller gives them back.
    ///
    /// # Errors
    /// As [`Subscription::next`].
    pub async fn close(mut self) -> Result<Vec<Heard>, Error> {
        loop {
            let Some(stream) = &mut self.stream else {
                if self.held.unanswered_count() == 0 {
                    return Ok(self.held.rest());
                }
                self.reconnect(self.patient()).await?;
                continue;
            };
            // Nothing more is asked: the server hands out no more, answers what it was asked before, and ends.
            stream.requests = mpsc::channel(1).0;
            let response = stream.responses.message().await;
            if !matches!(response, Ok(Some(_))) && self.held.unanswered_count() == 0 {
                return Ok(self.held.rest());
            }
            self.took(response).await?;
        }
    }

    /// Sends a request, on another stream if need be, and hears what comes meanwhile.
    async fn send(&mut self, action: Action) -> Result<(), Error> {
        let answered = !matches!(action, Action::Credit(_) | Action::Start(_));
        loop {
            let full = answered && self.held.unanswered_count() >= SUBSCRIBE_UNANSWERED_MAX_COUNT;
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
                        match action {
                            Action::Credit(credit) => self.held.credit.given(credit.credits),
                            action if answered => self.held.sent(action, By::Caller),
                            _ => {}
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
                        let refused = self.held.messages(messages.messages);
                        self.refuse(refused);
                    }
                    Some(Event::Settled(settled)) => self.held.settled(settled.results),
                    Some(Event::State(told)) => {
                        self.held.news(Heard::State { state: told.state(), reason: told.reason });
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
        self.failed(&status, self.patient())?;
        self.held.ended(ended(&status));
        Ok(())
    }

    /// Gives back messages for which there is no room. Where no request can be sent now, they come again when their time is over.
    fn refuse(&mut self, receipt_handles: Vec<String>) {
        let Some(stream) = self.stream.as_ref().filter(|_| !receipt_handles.is_empty()) else { return };
        if self.held.unanswered_count() >= SUBSCRIBE_UNANSWERED_MAX_COUNT {
            return;
        }
        let action = Action::Nack(SubscribeNack { receipt_handles, delay_seconds: 0 });
        if stream.requests.try_send(SubscribeRequest { action: Some(action.clone()) }).is_ok() {
            self.held.sent(action, By::Itself);
        }
    }

    /// The schedule of a stream that was there once: it is opened again as often as it takes.
    fn patient(&self) -> Schedule {
        Schedule { attempts_max_count: u32::MAX, ..self.session.schedule }
    }

    /// Draws the wait after a stream that failed.
    ///
    /// # Errors
    /// What it failed with, if that does not pass.
    fn failed(&mut self, status: &Status, schedule: Schedule) -> Result<(), Error> {
        self.failures = self.failures.saturating_add(1);
        let wait = schedule.wait(self.failures, Repeat::Freely, &passing(status), chance(&*self.session.entropy)?);
        let Some(wait) = wait else { return Err(Error::from(status.clone())) };
        self.pause = Some(Box::pin(tokio::time::sleep(wait)));
        Ok(())
    }

    async fn reconnect(&mut self, schedule: Schedule) -> Result<(), Error> {
        loop {
            if let Some(pause) = &mut self.pause {
                pause.await;
            }
            self.pause = None;
            match self.open().await {
                Ok(stream) => {
                    self.stream = Some(stream);
                    return Ok(());
                }
                Err(status) => self.failed(&status, schedule)?,
            }
        }
    }

    async fn open(&mut self) -> Result<Stream, Status> {
        let limit = self.held.credit.limit();
        let start = SubscribeStart {
            queue_name: self.following.queue_name.clone(),
            // More than the limit is for the server to refuse.
            credits: if self.following.credits > limit || limit == 0 {
                self.following.credits
            } else {
                self.held.credit.anew(self.held.message_count())
            },
            visibility_timeout: self.following.visibility_timeout,
            request_id: String::new(),
        };
        let again = std::iter::once(Action::Start(start)).chain(self.held.again());
        let first: Vec<_> = again.map(|action| SubscribeRequest { action: Some(action) }).collect();
        let (requests, later) = mpsc::channel(REQUESTS_ON_THE_WAY_COUNT);
        let sent = tokio_stream::iter(first).chain(ReceiverStream::new(later));
        // Without the deadline of calls: a stream lives as long as its client.
        let mut stub = QueuesClient::new(self.session.channel())
            .max_decoding_message_size(MESSAGE_MAX_BYTES)
            .max_encoding_message_size(MESSAGE_MAX_BYTES);
        let responses = stub.subscribe(sent).await?.into_inner();
        Ok(Stream { requests, responses })
    }
}

/// The end of a stream as it is heard.
fn ended(status: &Status) -> Heard {
    let (code, reason) = match Refusal::from_status(status) {
        Ok(refusal) => (refusal.reason.name().to_owned(), refusal.message),
        Err(_) => (CONNECTION_LOST.to_owned(), status.message().to_owned()),
    };
    Heard::Ended { code, reason }
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
            .field("credit", &self.held.credit)
            .field("inbox", &self.held.heard_count())
            .field("unanswered", &self.held.unanswered_count())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::reasons::Reason;

    #[test]
    fn ends_have_names() {
        let heard = |status: &Status| match ended(status) {
            Heard::Ended { code, reason } => (code, reason),
            other => panic!("{other:?}"),
        };
        let told = Refusal::new(Reason::Draining, "about to stop").to_status();
        assert_eq!(heard(&told), ("DRAINING".to_owned(), "about to stop".to_owned()));
        let broken = Status::unknown("transport error");
        assert_eq!(heard(&broken), (CONNECTION_LOST.to_owned(), "transport error".to_owned()));
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
