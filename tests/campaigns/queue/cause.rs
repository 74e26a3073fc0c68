//! Why a message was received again, and when it may have been at the earliest. Pure.

use std::collections::BTreeSet;

use crate::queue::book::{Message, Receipt};

/// What clocks of one machine, and a message's way to its subscriber, may make of a time.
pub const TOLERANCE_MS: u64 = 500;

/// What ended the receipt before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Its subscriber gave it back.
    Nack,
    /// Its subscriber left the stream without a word while it held the message.
    Left,
    /// It was handed out and reached nobody: on its way when a stream was left or a connection broke.
    Unheard,
    /// Its visibility timeout ended while the daemon was killed, or before its subscriber asked for anything.
    Timeout,
    /// Its deletion was acknowledged: the message is one that came back.
    Deleted,
    /// Its settlement was asked for long before its visibility timeout ended, no kill came between, and it came again.
    Ignored,
    /// None of these: it came again before its time.
    Early,
}

impl Cause {
    /// All, in the order of the page.
    pub const ALL: [Self; 7] =
        [Self::Nack, Self::Left, Self::Unheard, Self::Timeout, Self::Deleted, Self::Ignored, Self::Early];

    /// Its name on the page.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nack => "given back (nack)",
            Self::Left => "held by a subscriber that left its stream without a word",
            Self::Unheard => "on its way when a stream was left or its connection broke",
            Self::Timeout => "visibility timeout over, at a kill or before anything was asked for",
            Self::Deleted => "its deletion had been acknowledged",
            Self::Ignored => "its settlement was asked for in time, and no kill came between",
            Self::Early => "before its time, for no reason that is known",
        }
    }
}

/// When each receipt of a message may have been handed out at the earliest, as far as what was seen allows.
///
/// The server says when the first was. Each further one needs the one before to be given back or its time to be over, and time is at
/// least the visibility timeout from then, or from the last extension that was acknowledged.
#[derive(Debug)]
pub struct Times {
    /// Of the receipt 1, 2, …, and of the one after the last.
    from_ms: Vec<u64>,
    /// Receipts that another followed too early.
    early: BTreeSet<u32>,
    hidden_ms: u64,
}

impl Times {
    /// Of a message that is hidden for so long at least by each receipt.
    #[must_use]
    pub fn of(message: &Message, hidden_ms: u64) -> Self {
        let (mut from_ms, mut early) = (vec![message.first_received_ms], BTreeSet::new());
        let mut earliest = message.first_received_ms;
        for number in 1..=message.last_number() {
            let receipt = message.receipts.iter().find(|receipt| receipt.number == number);
            let over = receipt.map_or(earliest.saturating_add(hidden_ms), |it| over_ms(it, earliest, hidden_ms));
            let again = message.receipts.iter().filter(|later| later.number > number).map(|later| later.heard_ms).min();
            if again.is_some_and(|again| again.saturating_add(TOLERANCE_MS) < over) {
                early.insert(number);
            }
            // One that came too early is told once, and not of all that follow.
            earliest = again.map_or(over, |again| over.min(again));
            from_ms.push(earliest);
        }
        Self { from_ms, early, hidden_ms }
    }

    /// When the time of a receipt was over at the earliest.
    #[must_use]
    pub fn over_ms(&self, number: u32) -> u64 {
        self.from_ms.get(usize::try_from(number).unwrap_or(usize::MAX)).copied().unwrap_or_default()
    }

    /// Whether a receipt's subscriber asked for nothing until a quarter of a timeout before its end: then a correct daemon may be too late.
    #[must_use]
    pub fn is_late(&self, receipt: &Receipt) -> bool {
        let over_ms = self.over_ms(receipt.number);
        receipt.asked_ms.is_none_or(|asked_ms| asked_ms.saturating_add(self.hidden_ms / 4) >= over_ms)
    }

    /// What ended a receipt that another followed.
    #[must_use]
    pub fn cause(&self, message: &Message, number: u32, came_back: bool) -> Cause {
        let receipt = message.receipts.iter().find(|receipt| receipt.number == number);
        match receipt {
            _ if came_back => Cause::Deleted,
            _ if self.early.contains(&number) => Cause::Early,
            None => Cause::Unheard,
            Some(receipt) if receipt.nacked => Cause::Nack,
            Some(receipt) if receipt.left => Cause::Left,
            Some(receipt) if receipt.at_kill || self.is_late(receipt) => Cause::Timeout,
            Some(_) => Cause::Ignored,
        }
    }
}

fn over_ms(receipt: &Receipt, handed_out_ms: u64, hidden_ms: u64) -> u64 {
    if receipt.nacked {
        return receipt.asked_ms.unwrap_or_default().max(handed_out_ms);
    }
    let extended_ms = receipt.extended_ms.map_or(0, |asked_ms| asked_ms.saturating_add(hidden_ms));
    // On a stream that no kill cut, what is taken was handed out half a timeout before at most.
    let taken_ms = match receipt.number {
        2.. if receipt.fresh => receipt.heard_ms.saturating_add(hidden_ms / 2),
        _ => 0,
    };
    handed_out_ms.saturating_add(hidden_ms).max(extended_ms).max(taken_ms)
}
