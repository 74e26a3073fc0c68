//! What was seen of a queue's messages, written down as it was seen. Pure.
//!
//! In: each receipt, each thing that was asked for it and what was answered, each stream that was left.
//! Out: the same, by message.
//! Never: a judgement; that is [`account`](super::account)'s.

use std::collections::{BTreeMap, VecDeque};

use bascule_api::v1::{QueueMessage, SettledReceipt};
use bascule_tests::ledger::read_event;

/// The code of a message that is gone or was received again.
pub const STALE: &str = "RECEIPT_HANDLE_STALE";
/// The code of what may have been done.
pub const UNKNOWN: &str = "OUTCOME_UNKNOWN";

/// What was asked for a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    /// To delete the message.
    Ack,
    /// To give it back.
    Nack,
    /// To keep it hidden.
    Extend,
}

impl Ask {
    /// Its name on the page.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ack => "ack",
            Self::Nack => "nack",
            Self::Extend => "extend",
        }
    }
}

/// A settlement that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What was asked.
    pub ask: Ask,
    /// Why it was not done.
    pub code: String,
    /// When that was heard, in milliseconds since 1970.
    pub heard_ms: u64,
}

/// One receipt of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Who took it.
    pub subscriber: usize,
    /// Which receipt the server says it is, from 1.
    pub number: u32,
    /// When it was taken, in milliseconds since 1970.
    pub heard_ms: u64,
    /// When it was taken, in the book's own order.
    pub heard: u64,
    /// It was taken from a stream that was opened after the last kill.
    pub fresh: bool,
    /// It was open, or on its way, when the daemon was killed.
    pub at_kill: bool,
    /// When its deletion or return was asked for, in milliseconds since 1970.
    pub asked_ms: Option<u64>,
    /// When its deletion was asked for, in the book's own order.
    pub ack_asked: Option<u64>,
    /// When its deletion was acknowledged, in the book's own order.
    pub ack_done: Option<u64>,
    /// Its deletion was refused, and cannot have been done.
    pub ack_refused: bool,
    /// When the last extension was asked for that was acknowledged, in milliseconds since 1970.
    pub extended_ms: Option<u64>,
    /// It was given back, and not refused to be.
    pub nacked: bool,
    /// Its stream was left while it was open.
    pub left: bool,
    /// Its stream broke while something was open: that may have been done, and is asked again.
    pub asked_again: bool,
    /// What was refused.
    pub refused: Vec<Refused>,
    open: VecDeque<(Ask, u64)>,
}

/// One message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Id of its event.
    pub event: String,
    /// The mark that its producer gave it.
    pub mark: String,
    /// When it was received for the first time, by the server's word, in milliseconds since 1970.
    pub first_received_ms: u64,
    /// A later receipt said another time: the first was taken back.
    pub began_anew: bool,
    /// Its receipts as they were taken.
    pub receipts: Vec<Receipt>,
}

impl Message {
    /// The highest number of a receipt that was taken.
    #[must_use]
    pub fn last_number(&self) -> u32 {
        self.receipts.iter().map(|receipt| receipt.number).max().unwrap_or_default()
    }
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub struct Book {
    /// By the message's id.
    pub messages: BTreeMap<String, Message>,
    /// Answers by what was asked and the code, `OK` where it is empty.
    pub answers: BTreeMap<(Ask, String), u64>,
    /// Receipts that were taken.
    pub receipts: u64,
    /// Deletions that were acknowledged.
    pub deleted: u64,
    /// Receipts that were open when their streams were left.
    pub left: u64,
    moment: u64,
    /// Where each receipt that is open lies: message and place; by subscriber and handle.
    open: BTreeMap<usize, BTreeMap<String, (String, usize)>>,
}

impl Book {
    const fn next(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    /// A subscriber took a message, `fresh` if from a stream that was opened after the last kill.
    pub fn heard(&mut self, subscriber: usize, message: &QueueMessage, fresh: bool, now_ms: u64) {
        let heard = self.next();
        self.receipts += 1;
        let first = message.first_received_time.unwrap_or_default();
        let millis = first.seconds * 1_000 + i64::from(first.nanos) / 1_000_000;
        let first_received_ms = u64::try_from(millis).unwrap_or_default();
        let row = self.messages.entry(message.message_id.clone()).or_insert_with(|| {
            let event = read_event(&message.body).unwrap_or_default();
            Message { event: event.id, mark: event.mark, first_received_ms, ..Message::default() }
        });
        row.began_anew |= row.first_received_ms != first_received_ms;
        let number = message.receive_count;
        let at_kill = !fresh;
        row.receipts.push(Receipt {
            subscriber,
            number,
            heard_ms: now_ms,
            heard,
            fresh,
            at_kill,
            ..Receipt::default()
        });
        let place = (message.message_id.clone(), row.receipts.len() - 1);
        self.open.entry(subscriber).or_default().insert(message.receipt_handle.clone(), place);
    }

    fn receipt(&mut self, subscriber: usize, handle: &str) -> Option<&mut Receipt> {
        let (message, at) = self.open.get(&subscriber)?.get(handle)?;
        self.messages.get_mut(message)?.receipts.get_mut(*at)
    }

    /// Something is about to be asked for receipts.
    pub fn asked(&mut self, subscriber: usize, handles: &[String], ask: Ask, now_ms: u64) {
        let moment = self.next();
        for handle in handles {
            let Some(receipt) = self.receipt(subscriber, handle) else { continue };
            receipt.open.push_back((ask, now_ms));
            match ask {
                Ask::Ack => (receipt.ack_asked, receipt.asked_ms) = (Some(moment), Some(now_ms)),
                // Until it is refused: what has no answer may have been done.
                Ask::Nack => (receipt.nacked, receipt.asked_ms) = (true, Some(now_ms)),
                Ask::Extend => {}
            }
        }
    }

    /// What became of receipts. Answers come in the order in which was asked.
    pub fn settled(&mut self, subscriber: usize, results: &[SettledReceipt], now_ms: u64) {
        let moment = self.next();
        for result in results {
            let is_done = result.error_code.is_empty();
            // One that is not in the book belongs to a subscriber that forgets.
            let Some(receipt) = self.receipt(subscriber, &result.receipt_handle) else { continue };
            let Some((ask, asked_ms)) = receipt.open.pop_front() else { continue };
            let code = if is_done { "OK" } else { &result.error_code };
            match ask {
                Ask::Ack if is_done => receipt.ack_done = Some(moment),
                Ask::Extend if is_done => receipt.extended_ms = Some(asked_ms),
                // The message is there and another has it; any other refusal may follow on something that was done.
                Ask::Ack => receipt.ack_refused = code == STALE || (!receipt.asked_again && code != UNKNOWN),
                Ask::Nack if !is_done && !receipt.asked_again => receipt.nacked = false,
                Ask::Nack | Ask::Extend => {}
            }
            if !is_done {
                receipt.refused.push(Refused { ask, code: code.to_owned(), heard_ms: now_ms });
            }
            self.deleted += u64::from(ask == Ask::Ack && is_done);
            *self.answers.entry((ask, code.to_owned())).or_default() += 1;
            if let Some(open) = self.open.get_mut(&subscriber).filter(|_| ask != Ask::Extend) {
                open.remove(&result.receipt_handle);
            }
        }
    }

    /// Changes what a subscriber holds; says how much that is.
    fn of_open(&mut self, subscriber: usize, change: impl Fn(&mut Receipt)) -> u64 {
        let handles: Vec<String> = self.open.get(&subscriber).into_iter().flat_map(BTreeMap::keys).cloned().collect();
        for handle in &handles {
            if let Some(receipt) = self.receipt(subscriber, handle) {
                change(receipt);
            }
        }
        handles.len() as u64
    }

    /// The daemon was killed: what is open may not have been done.
    pub fn killed(&mut self) {
        for subscriber in self.open.keys().copied().collect::<Vec<_>>() {
            self.of_open(subscriber, |receipt| receipt.at_kill = true);
        }
    }

    /// A stream broke; what has no answer yet is asked again on the next one.
    pub fn broke(&mut self, subscriber: usize) {
        self.of_open(subscriber, |receipt| receipt.asked_again |= !receipt.open.is_empty());
    }

    /// A subscriber leaves its stream without a word, and with it what it holds.
    pub fn left(&mut self, subscriber: usize) {
        self.left += self.of_open(subscriber, |receipt| receipt.left = true);
        self.open.remove(&subscriber);
    }
}
