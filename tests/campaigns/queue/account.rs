//! What a book of a queue says: lost, repeated and why, or come again after its deletion was acknowledged. Pure.

use std::collections::{BTreeMap, BTreeSet};

use bascule_tests::ledger::{Fate, Put};

use crate::queue::book::{Ask, Book, Message, Receipt, Refused, STALE, UNKNOWN};
use crate::queue::cause::{Cause, TOLERANCE_MS, Times};

/// What may be refused for a kill, and for nothing else.
const PASSING: [&str; 4] = [UNKNOWN, "NO_LEADER", "OVERLOADED", "DRAINING"];

/// The account.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Events that were acknowledged.
    pub owed: u64,
    /// Events of which nobody knows whether they were accepted, and that came.
    pub unknown_came: u64,
    /// Acknowledged, and no subscriber ever had it.
    pub lost: Vec<String>,
    /// Some subscriber had it, and nothing that its last one asked for can have deleted it: gone, if the queue is empty.
    pub vanished: Vec<String>,
    /// Deletion acknowledged.
    pub deleted: u64,
    /// Deletion asked for, the answer lost.
    pub unanswered: u64,
    /// Events that nobody put, or under another id.
    pub strangers: Vec<String>,
    /// Events that lay in the queue as two messages.
    pub doubled: Vec<String>,
    /// Two receipts of one number, or a first receipt that was taken back: what was handed out is durable before it is heard.
    pub twice: Vec<String>,
    /// Received after its deletion had been acknowledged.
    pub resurrected: Vec<String>,
    /// Settlements that were refused without a reason that anybody could see.
    pub refused: Vec<String>,
    /// Receipts beyond the first, by cause.
    pub repeats: BTreeMap<Cause, u64>,
    /// Receipts that were given back.
    pub nacks: u64,
    /// Receipts that were open, or on their way, at a kill.
    pub at_kill: u64,
    /// Other receipts for which nothing was asked until it may have been too late.
    pub late: u64,
    /// Receipts that were held past the first timeout, by extensions, and then deleted.
    pub kept: u64,
    /// Of the early ones and those that were ignored, a description of each.
    pub early: Vec<String>,
}

impl Account {
    /// Of what was put and what was seen; messages were hidden for so long at least.
    #[must_use]
    pub fn of(puts: &[Put], book: &Book, hidden_ms: u64) -> Self {
        let mut account = Self::default();
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for (id, message) in &book.messages {
            if let Some(other) = seen.insert(&message.mark, &message.event) {
                account.doubled.push(format!("{}: events {other} and {}", message.mark, message.event));
            }
            account.message(id, message, hidden_ms);
        }
        account.events(puts, &seen);
        account
    }

    fn events(&mut self, puts: &[Put], seen: &BTreeMap<&str, &str>) {
        let mut known: BTreeSet<&str> = BTreeSet::new();
        for put in puts {
            let came = seen.get(put.mark.as_str()).copied();
            match &put.fate {
                Fate::Acknowledged(id) => {
                    self.owed += 1;
                    match came {
                        None => self.lost.push(format!("{} (event {id})", put.mark)),
                        Some(event) if event != id => {
                            self.strangers.push(format!("{}: event {event}, not {id}", put.mark));
                        }
                        Some(_) => {}
                    }
                    known.insert(&put.mark);
                }
                Fate::Unknown(_) => {
                    self.unknown_came += u64::from(came.is_some());
                    known.insert(&put.mark);
                }
                Fate::Refused(_) => {}
            }
        }
        let strange = seen.iter().filter(|(mark, _)| !known.contains(*mark));
        self.strangers.extend(strange.map(|(mark, event)| format!("{mark}: event {event}, which nobody put")));
    }

    fn message(&mut self, id: &str, message: &Message, hidden_ms: u64) {
        let (receipts, last) = (&message.receipts, message.last_number());
        let named = format!("{} (message {id})", message.mark);
        let can_be_gone = |it: &Receipt| it.number == last && it.ack_asked.is_some() && !it.ack_refused;
        // Whoever had it before the last can delete it no more, whatever it is told.
        if !receipts.iter().any(can_be_gone) {
            self.vanished.push(format!("{named}, event {}", message.event));
        } else if receipts.iter().any(|receipt| receipt.ack_done.is_some()) {
            self.deleted += 1;
        } else {
            self.unanswered += 1;
        }
        if let Some(text) = twice(message) {
            self.twice.push(format!("{named}: {text}"));
        }
        let came_back = resurrected(receipts);
        if let Some(after) = came_back {
            self.resurrected.push(format!("{named}: receipt {}", after.number));
        }
        let times = Times::of(message, hidden_ms);
        for receipt in receipts {
            self.receipt(&named, message, receipt, &times, hidden_ms);
        }
        for number in 1..last {
            let cause = times.cause(message, number, came_back.is_some());
            *self.repeats.entry(cause).or_default() += 1;
            if matches!(cause, Cause::Early | Cause::Ignored) {
                self.early.push(format!("{named}: {}: receipts {receipts:?}", cause.name()));
            }
        }
    }

    fn receipt(&mut self, named: &str, message: &Message, receipt: &Receipt, times: &Times, hidden_ms: u64) {
        self.nacks += u64::from(receipt.nacked);
        self.at_kill += u64::from(receipt.at_kill);
        // Of these the cause is known.
        let is_told = receipt.nacked || receipt.left || receipt.at_kill;
        self.late += u64::from(!is_told && times.is_late(receipt));
        let held_ms = receipt.asked_ms.unwrap_or_default().saturating_sub(receipt.heard_ms);
        self.kept += u64::from(receipt.extended_ms.is_some() && receipt.ack_done.is_some() && held_ms > hidden_ms);
        for refused in receipt.refused.iter().filter(|refused| !is_fair(message, receipt, refused, times)) {
            let Refused { ask, code, heard_ms } = refused;
            let after_ms = heard_ms.saturating_sub(receipt.heard_ms);
            let text = format!("{} of receipt {}: {code}, {after_ms} ms after it came", ask.name(), receipt.number);
            self.refused.push(format!("{named}: {text}"));
        }
    }

    /// How often it was for this reason.
    #[must_use]
    pub fn repeats_by(&self, cause: Cause) -> u64 {
        self.repeats.get(&cause).copied().unwrap_or_default()
    }
}

/// What of a message was handed out twice as the same receipt.
fn twice(message: &Message) -> Option<String> {
    let mut takers: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for receipt in &message.receipts {
        takers.entry(receipt.number).or_default().push(receipt.subscriber);
    }
    let found = takers.iter().find(|(_, takers)| takers.len() > 1);
    let number = found.map(|(number, takers)| format!("receipt {number} was taken by the subscribers {takers:?}"));
    number.or_else(|| message.began_anew.then(|| "it was received for the first time at two times".to_owned()))
}

/// A receipt that was taken after a deletion by the same or an earlier receipt had been acknowledged. One that was handed out before
/// the deletion and lay on its way is none: then the deletion was done by a later receipt, asked for before.
fn resurrected(receipts: &[Receipt]) -> Option<&Receipt> {
    receipts.iter().find(|after| {
        let deleted =
            receipts.iter().filter(|before| before.number <= after.number).filter_map(|before| before.ack_done);
        let Some(first) = deleted.min().filter(|done| *done < after.heard) else { return false };
        let asked = |later: &Receipt| later.ack_asked.is_some_and(|asked| asked < first) && !later.ack_refused;
        !receipts.iter().any(|later| later.number > after.number && asked(later))
    })
}

/// Whether a refusal has a reason: the message was, or can have been, received again by then; what was asked again had been done; or
/// the daemon was killed.
fn is_fair(message: &Message, receipt: &Receipt, refused: &Refused, times: &Times) -> bool {
    if refused.code != STALE {
        return PASSING.contains(&refused.code.as_str()) && (receipt.at_kill || receipt.asked_again);
    }
    // Extended and deleted, the answers lost with the stream, and both asked again.
    let is_own = refused.ask == Ask::Extend && receipt.asked_again && receipt.ack_asked.is_some();
    let in_time = refused.heard_ms.saturating_add(TOLERANCE_MS) >= times.over_ms(receipt.number);
    is_own || (in_time && message.last_number() > receipt.number)
}

#[cfg(test)]
mod tests {
    use bascule_api::time::timestamp;
    use bascule_api::v1::{QueueMessage, SettledReceipt};
    use bascule_model::time::Millis;

    use super::*;

    const HIDDEN_MS: u64 = 5_000;

    fn put(mark: &str) -> Put {
        Put { mark: mark.to_owned(), fate: Fate::Acknowledged(format!("event-of-{mark}")) }
    }

    /// The message `m`, as its receipt `number` has it.
    fn receipt(number: u32) -> QueueMessage {
        QueueMessage {
            message_id: "id-of-m".to_owned(),
            receipt_handle: format!("m-{number}"),
            body: r#"{"id":"event-of-m","detail":{"mark":"m"}}"#.to_owned(),
            receive_count: number,
            first_received_time: Some(timestamp(Millis(1_000))),
            ..QueueMessage::default()
        }
    }

    /// Subscribers and what they do, second by second: `h2@9` hears receipt 2 at second 9, `a2` asks to delete it, `d2` hears that it is
    /// done, `s2` that it came too late, `r2` that nobody leads, `n2` gives it back, `e2` extends it, `b` breaks, `x` leaves, `o2` hears
    /// receipt 2 from a stream of before the last kill; and `k`: the daemon is killed.
    fn played(script: &str) -> Account {
        let (mut book, mut now_ms) = (Book::default(), 0);
        for step in script.split_whitespace() {
            let (subscriber, step) = step.split_once(':').unwrap_or(("0", step));
            let subscriber = subscriber.parse().unwrap();
            let (step, second) = step.split_once('@').unwrap_or((step, ""));
            now_ms = second.parse().map_or(now_ms, |second: u64| second * 1_000);
            let number = step[1..].parse().unwrap_or_default();
            let handles = [format!("m-{number}")];
            let settled = |code: &str| {
                let (receipt_handle, error_code) = (handles[0].clone(), code.to_owned());
                [SettledReceipt { receipt_handle, error_code, ..SettledReceipt::default() }]
            };
            match &step[..1] {
                "h" => book.heard(subscriber, &receipt(number), true, now_ms),
                "o" => book.heard(subscriber, &receipt(number), false, now_ms),
                "a" => book.asked(subscriber, &handles, Ask::Ack, now_ms),
                "n" => book.asked(subscriber, &handles, Ask::Nack, now_ms),
                "e" => book.asked(subscriber, &handles, Ask::Extend, now_ms),
                "d" => book.settled(subscriber, &settled(""), now_ms),
                "s" => book.settled(subscriber, &settled(STALE), now_ms),
                "r" => book.settled(subscriber, &settled("NO_LEADER"), now_ms),
                "b" => book.broke(subscriber),
                "k" => book.killed(),
                "x" => book.left(subscriber),
                other => panic!("no step `{other}`"),
            }
        }
        Account::of(&[put("m")], &book, HIDDEN_MS)
    }

    /// What an account finds, by name.
    fn found(account: &Account) -> Vec<&'static str> {
        let rows = [
            ("lost", &account.lost),
            ("vanished", &account.vanished),
            ("strangers", &account.strangers),
            ("doubled", &account.doubled),
            ("twice", &account.twice),
            ("resurrected", &account.resurrected),
            ("refused", &account.refused),
            ("early", &account.early),
        ];
        rows.into_iter().filter(|(_, items)| !items.is_empty()).map(|(name, _)| name).collect()
    }

    #[test]
    fn repeats_have_causes() {
        for (script, causes) in [
            ("0:h1@1 0:a1 0:d1", vec![]),
            ("0:h1@1 0:n1 0:d1 0:h2@2 0:a2 0:d2", vec![Cause::Nack]),
            // A nack that came too late gave nothing back.
            ("0:h1@1 0:n1@6 0:h2@7 0:s1 0:a2 0:d2", vec![Cause::Timeout]),
            // One that was done, its answer lost, and asked again after the message was received again, did.
            ("0:h1@1 0:n1 k 0:b 1:h2@2 0:s1 1:a2 1:d2", vec![Cause::Nack]),
            ("0:h1@1 0:x 1:h2@7 1:a2 1:d2", vec![Cause::Left]),
            ("0:h1@1 0:a1 k 1:h2@7 0:s1 1:a2 1:d2", vec![Cause::Timeout]),
            // On its way at a kill, and taken after it: what it became of is seen late.
            ("0:h1@1 0:x k 1:h3@11 2:o2@9 1:a3 1:d3 2:a2 2:d2", vec![Cause::Left, Cause::Timeout]),
            ("0:h1@1 0:a1 k 0:b 0:r1@6 0:h2@7 0:a2 0:d2", vec![Cause::Timeout]),
            ("0:h2@7 0:a2 0:d2", vec![Cause::Unheard]),
            ("0:h3@12 0:n3 0:d3 0:h4@12 0:a4 0:d4", vec![Cause::Nack, Cause::Unheard, Cause::Unheard]),
            // Extended, so that it came again after its first timeout and not before the second; then deleted, twice asked.
            ("0:h1@1 0:e1@4 0:d1 0:x 1:h2@9 1:a2 1:d2", vec![Cause::Left]),
            ("0:h1@1 0:e1 0:a1 k 0:b 0:s1 0:d1", vec![]),
        ] {
            let account = played(script);
            let mut told = Vec::new();
            for (cause, count) in &account.repeats {
                told.extend((0..*count).map(|_| *cause));
            }
            assert_eq!(told, causes, "{script}");
            assert_eq!((account.owed, account.deleted, found(&account)), (1, 1, vec![]), "{script}");
        }
    }

    #[test]
    fn what_no_correct_daemon_does_is_found() {
        for (script, finds) in [
            // A kill takes back a receipt together with its acknowledged deletion.
            ("0:h1@1 0:a1 0:d1 0:b 1:h1@3 1:a1 1:d1", vec!["twice", "resurrected"]),
            ("0:h1@1 0:a1 0:d1 k 0:b 0:h1@3 0:a1 0:d1", vec!["twice", "resurrected"]),
            // One message is handed to two at once, or handed out again as if it never had been.
            ("0:h1@1 1:h1@1 0:a1 1:a1 0:d1 1:d1", vec!["twice"]),
            ("0:h1@1 k 0:b 1:h1@2 1:a1 1:d1", vec!["twice"]),
            ("0:h1@1 k 0:b 1:h2@2 1:a2 1:d2", vec!["early"]),
            ("0:h2@2 0:a2 0:d2", vec!["early"]),
            ("0:h1@1 0:x 1:h2@3 1:a2 1:d2", vec!["early"]),
            ("0:h1@1 1:h2@3 1:a2 1:d2", vec!["early"]),
            // Refused, and gone all the same; or refused before anybody else can have had it.
            ("0:h1@1 0:a1 0:s1", vec!["vanished", "refused"]),
            ("0:h1@1 0:a1@6 0:s1@7", vec!["vanished", "refused"]),
            ("0:h1@1 k 0:a1@6 0:s1@7", vec!["vanished", "refused"]),
            ("0:h1@1 k 0:a1 0:s1@2 1:h2@7 1:a2 1:d2", vec!["refused"]),
            ("0:h1@1 0:e1@2 0:s1 0:a1 0:d1", vec!["refused"]),
            ("0:h1@1 0:n1 0:s1 0:h2@7 0:a2 0:d2", vec!["refused", "early"]),
            ("0:h1@1 0:a1 0:r1 0:h2@7 0:a2 0:d2", vec!["refused", "early"]),
            // Not even refused: it just came again. With a kill in between that may be.
            ("0:h1@1 0:a1 1:h2@7 0:s1 1:a2 1:d2", vec!["early"]),
            // Whoever had it last asked for nothing.
            ("0:h1@1 0:a1 k 1:h2@7 0:s1 1:x", vec!["vanished"]),
            // An extension that was acknowledged and did nothing.
            ("0:h1@1 0:e1@4 0:d1 1:h2@7 1:a2 1:d2 0:a1@9 0:d1", vec!["early"]),
        ] {
            assert_eq!(found(&played(script)), finds, "{script}");
        }
        let kept = played("0:h1@1 0:e1@3 0:d1 0:e1@7 0:d1 0:a1@9 0:d1");
        assert_eq!((kept.kept, kept.late, found(&kept)), (1, 0, vec![]));
        let open = played("0:h1@1 0:a1 k 0:b 0:d1");
        assert_eq!((open.at_kill, open.late, open.nacks, found(&open)), (1, 0, 0, vec![]));
        let slow = played("0:h1@1 0:a1@5 0:d1");
        assert_eq!((slow.at_kill, slow.late, slow.kept), (0, 1, 0));
        let mut book = Book::default();
        book.heard(0, &receipt(1), true, 1_000);
        let first_received_time = Some(timestamp(Millis(6_000)));
        book.heard(0, &QueueMessage { first_received_time, ..receipt(2) }, true, 6_000);
        assert_eq!(Account::of(&[put("m")], &book, HIDDEN_MS).twice.len(), 1);
    }

    #[test]
    fn what_is_lost_or_comes_back_is_found() {
        let nothing = Account::of(&[put("m")], &Book::default(), HIDDEN_MS);
        assert_eq!((nothing.owed, nothing.lost.len()), (1, 1));
        let kept = played("0:h1@1");
        assert_eq!((kept.vanished.len(), kept.deleted, kept.unanswered), (1, 0, 0));
        let silent = played("0:h1@1 0:a1 0:x");
        assert_eq!((silent.vanished.len(), silent.deleted, silent.unanswered), (0, 0, 1));
        for (script, found) in [
            ("0:h1@1 0:a1 0:d1 1:h2@9", 1),
            ("0:h1@1 0:a1 0:d1 1:h2@9 1:a2 1:d2", 1),
            ("0:h1@1 0:a1 0:d1 1:h3@9", 1),
            // On its way while a later receipt deleted the message: the second was handed out before.
            ("0:h1@1 2:h3@12 0:a1 2:a3 2:d3 0:d1 1:h2@13", 0),
            ("0:h1@1 1:h2@7 1:a2 1:d2 0:a1 0:d1", 0),
        ] {
            assert_eq!(played(script).resurrected.len(), found, "{script}");
        }
        let mut book = Book::default();
        book.heard(0, &receipt(1), true, 1_000);
        let strange = Account::of(&[put("other")], &book, HIDDEN_MS);
        assert_eq!((strange.lost.len(), strange.strangers.len()), (1, 1));
        let other = QueueMessage { message_id: "another".to_owned(), ..receipt(1) };
        book.heard(0, &other, true, 1_000);
        assert_eq!(Account::of(&[put("m")], &book, HIDDEN_MS).doubled.len(), 1);
    }
}
