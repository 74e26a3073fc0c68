//! Subscriptions: a thin shell that carries out what [`flow`] decides, over the same questions as ReceiveMessage and DeleteMessage.
//!
//! In: an opened stream of requests.
//! Out: messages, each against a credit; what became of receipts; how the stream stands.
//! Never: a message that waits in memory for a client, a step without a pause that asks in vain, a task of its own: the stream runs
//! when the connection has room for an answer. What it held when its client goes comes again after the visibility timeout.

mod asked;
mod flow;

use std::time::Duration;

use futures_util::{Stream, stream};
use tokio::sync::watch;

use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_api::v1::subscribe_response::Event;
use bascule_api::v1::{
    QueueMessage, SettledReceipt, SubscribeMessages, SubscribeRequest, SubscribeResponse, SubscribeSettled,
    SubscribeState, SubscriptionState as State,
};
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::uid::{ControlIndex, GroupId, Uid};
use bascule_routing::view::View;
use bascule_statemachine::ports::ask::AskError;
use bascule_statemachine::shard::reply::{Received, Settled};

use crate::family::subscribe::asked::{Asked, Start};
use crate::family::subscribe::flow::{Flow, Looked, Step};
use crate::family::{Front, queues};
use crate::limits::{STREAM_RETRY_MS, SUBSCRIBE_GIVEN_BACK_MS, SUBSCRIBE_LIMIT_CREDITS, SUBSCRIBE_START_LIMIT_MS};
use crate::stack::{Opened, Opening, about_to_stop};
use crate::wire;

/// The answers of one stream.
pub(super) fn answers(
    front: Front,
    opening: Opening<SubscribeRequest>,
) -> impl Stream<Item = Result<SubscribeResponse, Refusal>> + Send {
    stream::try_unfold(Phase::Opening(Box::new((front, opening))), |phase| async {
        let mut subscription = match phase {
            Phase::Opening(opening) => Box::new(Subscription::begin(opening.0, opening.1).await?),
            Phase::Begun(subscription) => subscription,
        };
        match subscription.next().await {
            Ok(Some(event)) => Ok(Some((SubscribeResponse { event: Some(event) }, Phase::Begun(subscription)))),
            Ok(None) => Ok(None),
            Err(refusal) => Err(named(refusal, &subscription.request_id)),
        }
    })
}

enum Phase {
    Opening(Box<(Front, Opening<SubscribeRequest>)>),
    Begun(Box<Subscription>),
}

struct Subscription {
    front: Front,
    opened: Opened<SubscribeRequest>,
    request_id: String,
    queue: Uid,
    name: String,
    visibility_ms: u64,
    flow: Flow,
    changes: watch::Receiver<ControlIndex>,
    /// The next answer, of one step at most.
    event: Option<Event>,
    /// Why it ends, once there is nothing more to say.
    end: Option<Refusal>,
}

fn named(refusal: Refusal, request_id: &str) -> Refusal {
    if request_id.is_empty() { refusal } else { refusal.with_request_id(request_id) }
}

fn draining() -> Refusal {
    about_to_stop().with_retry_after(Duration::from_millis(STREAM_RETRY_MS))
}

impl Subscription {
    /// Waits for the start, and finds its queue.
    async fn begin(front: Front, opening: Opening<SubscribeRequest>) -> Result<Self, Refusal> {
        let limit = Duration::from_millis(SUBSCRIBE_START_LIMIT_MS);
        let first = tokio::select! {
            first = opening.first(limit, asked::first) => first?,
            () = front.stack.drained() => return Err(draining()),
        };
        let nothing = || asked::no_start(&format!("nothing within {SUBSCRIBE_START_LIMIT_MS} ms"));
        let (opened, start) = first.ok_or_else(nothing)?;
        let Start { queue, credits, visibility_ms, request_id } = start;
        // Before the look, so that a deletion after it is heard of.
        let changes = front.rooms.viewer.changes();
        let view = front.rooms.viewer.now();
        let row = Front::find_queue(&view, opened.permit(), &queue).map_err(|refusal| named(refusal, &request_id))?;
        let own_ms = row.queue.as_ref().map_or(0, |queue| queue.visibility_ms);
        Ok(Self {
            queue: Uid(row.uid),
            name: queue.name,
            visibility_ms: visibility_ms.unwrap_or(own_ms),
            flow: Flow::new(credits),
            event: None,
            end: None,
            front,
            opened,
            request_id,
            changes,
        })
    }

    /// The next answer; `None` at the end that the client asked for.
    async fn next(&mut self) -> Result<Option<Event>, Refusal> {
        loop {
            if let Some(event) = self.event.take() {
                return Ok(Some(event));
            }
            if let Some(refusal) = self.end.take() {
                return Err(refusal);
            }
            if !self.step().await? {
                return Ok(None);
            }
        }
    }

    /// Does one thing; `false` when there is nothing more to do.
    async fn step(&mut self) -> Result<bool, Refusal> {
        self.opened.recheck()?;
        if self.front.stack.is_draining() {
            self.finish(State::Draining, draining());
            return Ok(true);
        }
        let view = self.front.rooms.viewer.now();
        if view.queue_by_uid(self.queue).is_none() {
            self.gone();
            return Ok(true);
        }
        // What the client has said comes before what it may be told next.
        let heard = tokio::select! {
            biased;
            heard = self.opened.next(asked::later) => Some(heard?),
            () = std::future::ready(()) => None,
        };
        match heard {
            Some(Some(heard)) => {
                self.hear(heard).await?;
                return Ok(true);
            }
            Some(None) => return Ok(false),
            None => {}
        }
        match self.flow.next(self.front.rooms.clock.boot()) {
            Step::Look { limit } => self.look(&view, limit).await,
            Step::Tell(state) => self.tell(state),
            Step::Wait { ms } => return self.wait(ms, true).await,
            Step::Pause { ms } => return self.wait(ms, false).await,
        }
        Ok(true)
    }

    fn tell(&mut self, state: State) {
        self.event = Some(Event::State(SubscribeState { state: state.into(), reason: why(state).to_owned() }));
    }

    fn finish(&mut self, state: State, refusal: Refusal) {
        self.tell(state);
        self.end = Some(refusal);
    }

    fn gone(&mut self) {
        self.finish(State::QueueGone, wire::fault(Fault::not_found(Noun::Queue, self.name.as_str())));
    }

    /// Waits for a request, a change of the view, the node's stop, or until `ms` have passed; and for the queue, if that is of use.
    /// `false` when the client has closed its side.
    async fn wait(&mut self, ms: u64, for_queue: bool) -> Result<bool, Refusal> {
        let Self { front, opened, changes, queue, .. } = self;
        let passed = async {
            match for_queue {
                true => front.rooms.ask.visible(*queue, ms).await,
                false => tokio::time::sleep(Duration::from_millis(ms)).await,
            }
        };
        let heard = tokio::select! {
            heard = opened.next(asked::later) => Some(heard?),
            () = passed => {
                self.flow.woken();
                None
            }
            () = front.stack.drained() => None,
            Ok(()) = changes.changed() => None,
        };
        match heard {
            Some(Some(heard)) => self.hear(heard).await?,
            Some(None) => return Ok(false),
            None => {}
        }
        Ok(true)
    }

    async fn hear(&mut self, heard: Asked) -> Result<(), Refusal> {
        match heard {
            Asked::Credit(more) => self.flow.credit(more).map_err(|over| {
                let reason = format!("what is outstanding in all must be at most {SUBSCRIBE_LIMIT_CREDITS}");
                let refusal = wire::field("Credit.Credits", reason, &over.value.to_string());
                refusal.with_metadata("limit", SUBSCRIBE_LIMIT_CREDITS.to_string())
            })?,
            Asked::Settle { handles, visible_in_ms } => {
                let (mut judged, of_group) = self.front.sort(self.queue, handles, visible_in_ms);
                self.front.carry_out(&mut judged, of_group).await;
                let results = judged.into_iter().map(|judged| settled(judged, visible_in_ms)).collect();
                self.event = Some(Event::Settled(SubscribeSettled { results }));
            }
        }
        Ok(())
    }

    /// Asks the groups that may have something, until one has.
    async fn look(&mut self, view: &View, limit: u32) {
        let redrive = queues::redrive(view, self.queue);
        let mut looked = Looked::Nothing;
        for group in self.front.rooms.ask.hinted(self.queue).await {
            let asking = self.front.rooms.ask.receive(group, self.queue, limit, self.visibility_ms, redrive.clone());
            match asking.await {
                Ok(received) if received.is_empty() => {}
                Ok(received) => return self.hand_out(view, group, received).await,
                Err(AskError::NoQueue) => return self.gone(),
                Err(error) => {
                    looked = self.failed(wire::asked(&error));
                    continue;
                }
            }
            if looked == Looked::Nothing {
                looked = Looked::NothingYet;
            }
        }
        self.flow.looked(looked, self.front.rooms.clock.boot());
    }

    /// A look failed: for now, or so that the stream ends.
    fn failed(&mut self, refusal: Refusal) -> Looked {
        match state_of(refusal.reason) {
            Some(state) => Looked::Failed(state),
            None => {
                self.end = Some(refusal);
                Looked::Nothing
            }
        }
    }

    /// Opens what a group handed out. What cannot be opened now is given back; what can never be stays in the queue.
    async fn hand_out(&mut self, view: &View, group: GroupId, received: Vec<Received>) {
        let mut messages: Vec<QueueMessage> = Vec::with_capacity(received.len());
        let mut looked = Looked::NothingYet;
        for (at, message) in received.iter().enumerate() {
            match self.front.opened(view, group, message).await {
                Ok(message) => messages.extend(message),
                Err(refusal) => {
                    self.front.give_back(group, &received[at..], SUBSCRIBE_GIVEN_BACK_MS).await;
                    looked = self.failed(refusal);
                    break;
                }
            }
        }
        let now = self.front.rooms.clock.boot();
        if !messages.is_empty() {
            let count = u32::try_from(messages.len()).unwrap_or(u32::MAX);
            self.event = Some(Event::Messages(SubscribeMessages { messages }));
            self.flow.looked(Looked::Messages(count), now);
            if looked == Looked::NothingYet {
                return;
            }
        }
        self.flow.looked(looked, now);
    }
}

/// How a stream stands whose look failed for now; `None` for what no later look can mend.
const fn state_of(reason: Reason) -> Option<State> {
    match reason {
        Reason::KeyUnavailable => Some(State::KeyUnavailable),
        Reason::Overloaded => Some(State::Overloaded),
        // With an outcome that is not known, what may have been handed out comes again after its visibility timeout.
        Reason::NoLeader | Reason::OutcomeUnknown => Some(State::NoLeader),
        _ => None,
    }
}

fn settled((receipt_handle, result): queues::Judged, visible_in_ms: Option<u64>) -> SettledReceipt {
    let refusal = match (result, visible_in_ms) {
        (Err(refusal), _) => Some(refusal),
        // Deleted before is deleted; but what is gone cannot be hidden or given back.
        (Ok(Settled::Stale), _) | (Ok(Settled::Gone), Some(_)) => Some(queues::stale()),
        (Ok(Settled::Deleted | Settled::Moved | Settled::Gone), _) => None,
    };
    let (error_code, error_message) =
        refusal.map(|refusal| (refusal.reason.name().to_owned(), refusal.message)).unwrap_or_default();
    SettledReceipt { receipt_handle, error_code, error_message }
}

/// What a state means, for people.
const fn why(state: State) -> &'static str {
    match state {
        State::Unspecified => "",
        State::Active => "messages come as there are any",
        State::WaitingForMessages => "the queue has nothing that is visible now",
        State::WaitingForCredit => "every credit is used",
        State::KeyUnavailable => "the queue's key cannot be used now; it is tried again",
        State::NoLeader => "no leader answers for messages of the queue now; it is tried again",
        State::Overloaded => "the node has more work than it takes; it is tried again",
        State::Draining => "the node is about to stop",
        State::QueueGone => "the queue was deleted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_are_answered() {
        let judged = |result| ("handle".to_owned(), result);
        let refused = || Err(Refusal::new(Reason::ReceiptHandleInvalid, "none of this queue"));
        for (result, visible_in_ms, code) in [
            (Ok(Settled::Deleted), None, ""),
            (Ok(Settled::Gone), None, ""),
            (Ok(Settled::Moved), Some(0), ""),
            (Ok(Settled::Gone), Some(0), "RECEIPT_HANDLE_STALE"),
            (Ok(Settled::Stale), None, "RECEIPT_HANDLE_STALE"),
            (Ok(Settled::Stale), Some(5), "RECEIPT_HANDLE_STALE"),
            (refused(), None, "RECEIPT_HANDLE_INVALID"),
            (refused(), Some(0), "RECEIPT_HANDLE_INVALID"),
        ] {
            let told = settled(judged(result), visible_in_ms);
            assert_eq!((told.receipt_handle.as_str(), told.error_code.as_str()), ("handle", code));
            assert_eq!(told.error_message.is_empty(), code.is_empty());
        }
    }

    #[test]
    fn failures_are_states_or_ends() {
        for reason in Reason::ALL.iter().copied() {
            let expected = match reason {
                Reason::KeyUnavailable => Some(State::KeyUnavailable),
                Reason::NoLeader | Reason::OutcomeUnknown => Some(State::NoLeader),
                Reason::Overloaded => Some(State::Overloaded),
                _ => None,
            };
            assert_eq!(state_of(reason), expected, "{reason:?}");
        }
    }
}
