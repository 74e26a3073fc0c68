//! What a subscription holds: things that were heard and not told yet, and receipts without an answer.
//!
//! In: what a server says, what was sent.
//! Out: things to tell in their order, what to send again on another stream.
//! Never: more messages than there is room for, or a state or an end beside a later one.

use std::collections::VecDeque;

use super::Heard;
use super::credit::Credit;
use crate::v1::subscribe_request::Action;
use crate::v1::{QueueMessage, SettledReceipt};

/// What is held.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) credit: Credit,
    inbox: VecDeque<Heard>,
    /// In the order in which they were sent.
    unanswered: VecDeque<Sent>,
}

/// An ack, nack or extend without an answer.
#[derive(Debug)]
struct Sent {
    action: Action,
    /// Whose it is.
    by: By,
}

/// Who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// The caller, who hears of the answer, from another stream if need be.
    Caller,
    /// The subscription itself.
    Itself,
}

impl Held {
    pub(super) fn new(limit: u32) -> Self {
        Self { credit: Credit::new(limit), inbox: VecDeque::new(), unanswered: VecDeque::new() }
    }

    /// The next thing to tell.
    pub(super) fn next(&mut self) -> Option<Heard> {
        let heard = self.inbox.pop_front()?;
        if matches!(heard, Heard::Message(_)) {
            self.credit.taken();
        }
        Some(heard)
    }

    /// Everything that was not told.
    pub(super) fn rest(self) -> Vec<Heard> {
        self.inbox.into()
    }

    pub(super) fn heard_count(&self) -> usize {
        self.inbox.len()
    }

    /// Messages that are held.
    pub(super) fn message_count(&self) -> u32 {
        let count = self.inbox.iter().filter(|heard| matches!(heard, Heard::Message(_))).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Messages came. Gives the handles of those for which there is no room.
    pub(super) fn messages(&mut self, messages: Vec<QueueMessage>) -> Vec<String> {
        let mut room = self.credit.room().saturating_sub(self.message_count());
        let mut refused = Vec::new();
        for message in messages {
            self.credit.came();
            if room == 0 {
                refused.push(message.receipt_handle);
                continue;
            }
            room -= 1;
            self.inbox.push_back(Heard::Message(Box::new(message)));
        }
        refused
    }

    /// A state or an end: an earlier one that was not told yet says nothing any more.
    pub(super) fn news(&mut self, news: Heard) {
        let kind = std::mem::discriminant(&news);
        self.inbox.retain(|heard| std::mem::discriminant(heard) != kind);
        self.inbox.push_back(news);
    }

    /// The first receipts without an answer have one.
    pub(super) fn settled(&mut self, results: Vec<SettledReceipt>) {
        let sent = self.unanswered.pop_front();
        if sent.is_none_or(|sent| sent.by == By::Caller) {
            self.inbox.push_back(Heard::Settled(results));
        }
    }

    /// Receipts were sent.
    pub(super) fn sent(&mut self, action: Action, by: By) {
        self.unanswered.push_back(Sent { action, by });
    }

    pub(super) fn unanswered_count(&self) -> usize {
        self.unanswered.len()
    }

    /// The stream ended. What the subscription itself gave back comes again by itself.
    pub(super) fn ended(&mut self, news: Heard) {
        self.unanswered.retain(|sent| sent.by == By::Caller);
        self.news(news);
    }

    /// What is sent on a new stream after its start.
    pub(super) fn again(&self) -> impl Iterator<Item = Action> {
        self.unanswered.iter().map(|sent| sent.action.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::{SubscribeAck, SubscriptionState};

    fn message(id: u32) -> QueueMessage {
        QueueMessage { message_id: id.to_string(), receipt_handle: format!("r{id}"), ..QueueMessage::default() }
    }

    fn state(reason: u32) -> Heard {
        Heard::State { state: SubscriptionState::Active, reason: reason.to_string() }
    }

    fn end(reason: u32) -> Heard {
        Heard::Ended { code: "DRAINING".to_owned(), reason: reason.to_string() }
    }

    fn ack(handle: &str) -> Action {
        Action::Ack(SubscribeAck { receipt_handles: vec![handle.to_owned()] })
    }

    #[test]
    fn streams_that_come_and_go_leave_no_more_than_there_is_room_for() {
        let mut held = Held::new(3);
        held.sent(ack("a"), By::Caller);
        let mut refused_count = 0;
        for turn in 0..1_000 {
            let credits = held.credit.anew(held.message_count());
            held.news(state(turn));
            // The server uses all that it was lent.
            let refused = held.messages((0..credits).map(message).collect());
            refused_count += refused.len();
            if !refused.is_empty() {
                held.sent(ack("refused"), By::Itself);
            }
            held.ended(end(turn));
            assert!(held.heard_count() <= 5 && held.message_count() <= 3, "{held:?}");
            assert_eq!(held.again().collect::<Vec<_>>(), [ack("a")]);
        }
        assert_eq!(refused_count, 999);
        // The last of each, in the order in which they came.
        let mut told: Vec<_> = std::iter::from_fn(|| held.next()).collect();
        assert_eq!(told.split_off(3), [state(999), end(999)]);
    }

    #[test]
    fn answers_to_what_nobody_asked_are_not_told() {
        let mut held = Held::new(3);
        held.sent(ack("a"), By::Caller);
        held.sent(ack("b"), By::Itself);
        held.sent(ack("c"), By::Caller);
        for handle in ["a", "b", "c"] {
            let receipt_handle = handle.to_owned();
            held.settled(vec![SettledReceipt { receipt_handle, ..SettledReceipt::default() }]);
        }
        let told: Vec<_> = held.rest().into_iter().map(|heard| format!("{heard:?}")).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("\"a\"") && told[1].contains("\"c\""), "{told:?}");
    }
}
