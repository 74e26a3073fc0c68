//! The page of a queue's campaign: what was seen, what it comes to, and what was wrong.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use bascule_tests::ledger::Put;

use crate::arguments::Arguments;
use crate::evidence;
use crate::queue::account::Account;
use crate::queue::book::Ask;
use crate::queue::cause::Cause;
use crate::queue::subscriber::Habit;
use crate::queue::watch::{Counts, PLENTY, STUCK, Standing};
use crate::queue::{Campaign, Shape};

/// Items that are named of a finding.
const NAMED: usize = 10;

/// Everything that is told.
pub struct Page<'a> {
    /// What was wrong.
    pub wrong: Vec<String>,
    arguments: &'a Arguments,
    commit: &'a str,
    took: Duration,
    shape: Shape,
    account: Account,
    answers: BTreeMap<(Ask, String), u64>,
    receipts: u64,
    left: u64,
    counts: Counts,
    standings: Vec<Standing>,
    back_ms: Vec<u64>,
    served_ms: Vec<u64>,
}

/// What repeats may come to, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bounds {
    /// Receipts that were given back.
    nacks: u64,
    /// What subscribers held that left.
    left: u64,
    /// Credits of streams that ended without having been closed.
    unheard: u64,
    /// Receipts that were open or on their way at a kill, and those for which nothing was asked in time.
    timeout: u64,
    /// Messages that came back, which are told by themselves.
    deleted: u64,
}

impl Bounds {
    const fn of(self, cause: Cause) -> u64 {
        match cause {
            Cause::Nack => self.nacks,
            Cause::Left => self.left,
            Cause::Unheard => self.unheard,
            Cause::Timeout => self.timeout,
            Cause::Deleted => self.deleted,
            Cause::Ignored | Cause::Early => 0,
        }
    }

    fn sum(self) -> u64 {
        Cause::ALL.iter().map(|cause| self.of(*cause)).sum()
    }
}

impl<'a> Page<'a> {
    /// Of a campaign that is over.
    pub fn of(campaign: &Campaign, arguments: &'a Arguments, puts: &[Put], commit: &'a str, took: Duration) -> Self {
        let book = campaign.shared.book();
        let mut page = Self {
            wrong: campaign.wrong.clone(),
            arguments,
            commit,
            took,
            shape: campaign.shape,
            account: Account::of(puts, &book, u64::from(campaign.shape.hidden_s) * 1_000),
            answers: book.answers.clone(),
            receipts: book.receipts,
            left: book.left,
            counts: campaign.shared.counts(),
            standings: campaign.shared.standings(),
            back_ms: campaign.kills.back_ms.clone(),
            served_ms: campaign.kills.served_ms.clone(),
        };
        drop(book);
        page.judge();
        page
    }

    fn judge(&mut self) {
        let account = &self.account;
        let mut found: Vec<String> = Vec::new();
        for (what, items) in [
            ("LOST: acknowledged, and no subscriber had it", &account.lost),
            ("VANISHED: handed out, and gone although its last receipt cannot have deleted it", &account.vanished),
            ("STRANGE: handed out under another id, or never put", &account.strangers),
            ("DOUBLED: two messages of one event", &account.doubled),
            ("TWICE: handed out twice as the same receipt", &account.twice),
            ("RESURRECTED: received after its deletion was acknowledged", &account.resurrected),
            ("REFUSED: settlements, without a reason", &account.refused),
            ("EARLY: received again before its time, or although its settlement was asked for in time", &account.early),
            ("STUCK", &self.counts.stuck),
            ("UNSERVED: nothing from a stream that was opened after the last kill", &self.counts.unserved),
            ("SCARCE: nobody can be found to be stuck", &self.counts.scarce),
            ("GIVEN UP: streams that the client did not open again", &self.counts.given_up),
        ] {
            if !items.is_empty() {
                let named: Vec<&str> = items.iter().take(NAMED).map(String::as_str).collect();
                found.push(format!("{what}: {}, among them\n{}", items.len(), named.join("\n")));
            }
        }
        let bounds = self.bounds();
        for cause in Cause::ALL {
            let (repeats, most) = (account.repeats_by(cause), bounds.of(cause));
            // The others are told message by message.
            if repeats > most && !matches!(cause, Cause::Early | Cause::Ignored) {
                found.push(format!("REPEATS: {repeats} of at most {most}: {}", cause.name()));
            }
        }
        if account.kept == 0 {
            found.push("NEVER KEPT: no message was held past its timeout, and so no extension was needed".to_owned());
        }
        self.wrong.extend(found);
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            nacks: self.account.nacks,
            left: self.left,
            unheard: self.counts.lent,
            timeout: self.account.at_kill + self.account.late,
            deleted: self.account.repeats_by(Cause::Deleted),
        }
    }

    /// What was planted, if something was: its findings, and no others, must be there.
    fn planted(&self) -> Option<(&[String], &'static str)> {
        let Arguments { planted, forgetful, .. } = self.arguments;
        match (planted, forgetful) {
            (true, _) => Some((&self.account.resurrected, "came back after an acknowledged deletion")),
            (_, true) => Some((&self.account.lost, "lost")),
            _ => None,
        }
    }

    /// Whether it ended as it must: nothing wrong, or with a planted fault exactly what that does.
    #[must_use]
    pub fn has_passed(&self) -> bool {
        match self.planted() {
            Some((found, _)) => !found.is_empty() && self.wrong.len() == 1,
            None => self.wrong.is_empty(),
        }
    }

    /// The verdict in words.
    #[must_use]
    pub fn verdict(&self) -> String {
        let Account { owed, lost, deleted, unanswered, .. } = &self.account;
        let repeats: u64 = self.account.repeats.values().sum();
        match (self.has_passed(), self.planted()) {
            (true, None) => format!(
                "PASSED: {} kills, 0 of {owed} messages lost, {} deleted ({unanswered} of them without an answer), {repeats} repeats of at most {}",
                self.back_ms.len(),
                deleted + unanswered,
                self.bounds().sum()
            ),
            (true, Some((found, what))) => {
                format!("PASSED: the planted fault was found: {} of {owed} messages {what}", found.len())
            }
            (false, None) => format!("FAILED: {} findings, {} of {owed} messages lost", self.wrong.len(), lost.len()),
            (false, Some((found, what))) => {
                let others = self.wrong.len().saturating_sub(usize::from(!found.is_empty()));
                format!("FAILED: a fault was planted: {} messages {what}, and {others} other findings", found.len())
            }
        }
    }

    /// All of it.
    #[must_use]
    pub fn text(&self) -> String {
        let Arguments { seed, typed, planted, forgetful, .. } = self.arguments;
        let control = match (planted, forgetful) {
            (true, _) => {
                "\nThe daemon of this run answers every 97th deletion and does not do it (`BASCULE_PLANT=no-delete`): the campaign passes if \
                 it finds\nmessages that come back, and nothing else.\n"
            }
            (_, true) => {
                "\nOne subscriber of this run deletes a message of which it writes nothing down: the campaign passes if it finds this loss \
                 and\nnothing else.\n"
            }
            _ => "",
        };
        let Shape { subscribers, hidden_s, .. } = self.shape;
        let wrong: Vec<String> = self.wrong.iter().map(|wrong| evidence::finding(wrong)).collect();
        format!(
            "# Campaign `queue`{}\n\n\
             Eight producers put batches of ten on a bus whose rule has a queue as its target; {subscribers} subscribers follow the queue by \
             the Rust client,\nfour over one connection, while the daemon is killed with SIGKILL and started again at the same address. Each kill \
             comes after\nat least 1,000 more deletions (with few messages: half of its share), and after every subscriber had one. Messages are hidden for {hidden_s} s.\n{control}\n\
             It passes if every acknowledged event was handed to a subscriber, its last receipt asked for its deletion, and the queue is empty at\n\
             the end; if none was received after its deletion had been acknowledged, none twice by the same number, none before its time; if\n\
             every settlement that was refused has a reason, and repeats stay within their bounds; if between two kills every subscriber was\n\
             served by a stream that was opened after the first, {PLENTY} messages were visible, and nobody got nothing for {} s of that; if the\n\
             client opened every stream again; and if the daemon ends well when it is told to.\n\n\
             | | |\n|---|---|\n| commit | {}, development build |\n| command | `./x campaign {typed}` |\n| seed | {seed} |\n| machine | {} |\n| took | {} s |\n\n\
             {}\n{}\n{}\n{}\n**{}**\n{}",
            if *planted || *forgetful { ", with a planted fault" } else { "" },
            STUCK.as_secs(),
            self.commit,
            evidence::machine(),
            self.took.as_secs(),
            self.figures(),
            self.repeats(),
            self.names(),
            self.habits(),
            self.verdict(),
            wrong.concat(),
        )
    }

    fn figures(&self) -> String {
        let Account { owed, unknown_came, lost, deleted, unanswered, resurrected, at_kill, late, kept, .. } =
            &self.account;
        let (least, most) = (self.back_ms.iter().min().copied(), self.back_ms.iter().max().copied());
        let rows = [
            ("events acknowledged", *owed),
            ("of unknown outcome, and came", *unknown_came),
            ("receipts", self.receipts),
            ("deletions acknowledged", *deleted),
            ("deletions without an answer", *unanswered),
            ("lost", lost.len() as u64),
            ("received after an acknowledged deletion", resurrected.len() as u64),
            ("receipts open or on their way at a kill", *at_kill),
            ("other receipts for which nothing was asked in time", *late),
            ("receipts held past their timeout, by extensions", *kept),
            ("kills", self.back_ms.len() as u64),
            ("serving again after, ms, least", least.unwrap_or_default()),
            ("serving again after, ms, most", most.unwrap_or_default()),
            (
                "every subscriber had a message after, ms, most",
                self.served_ms.iter().max().copied().unwrap_or_default(),
            ),
            ("messages of a subscriber between two kills, least", self.counts.least.unwrap_or_default()),
        ];
        table("figure", "count", rows.map(|(name, count)| (name.to_owned(), count)))
    }

    fn repeats(&self) -> String {
        let bounds = self.bounds();
        let mut text = "A message is received again at most once for each receipt that was given back; each receipt that a leaving subscriber \
                        held, those\namong them whose deletion had no answer yet; each credit of a stream that ended without being closed; and each \
                        receipt that was\nopen or on its way at a kill, or for which nothing was asked until a quarter of a timeout before its end.\n\n\
                        | received again because | repeats | at most |\n|---|---|---|\n"
            .to_owned();
        for cause in Cause::ALL {
            // A String takes everything.
            let _ = writeln!(text, "| {} | {} | {} |", cause.name(), self.account.repeats_by(cause), bounds.of(cause));
        }
        text
    }

    fn names(&self) -> String {
        let states = table("state told", "times", self.counts.states.clone());
        let ends = table("end of a stream", "times", self.counts.ends.clone());
        let answers = self.answers.iter().map(|((ask, code), count)| (format!("{} {code}", ask.name()), *count));
        format!("{states}\n{ends}\n{}", table("answer to", "receipts", answers))
    }

    fn habits(&self) -> String {
        let mut text = "| subscribers that | credits | messages |\n|---|---|---|\n".to_owned();
        for (at, habit) in Habit::ALL.iter().enumerate() {
            let numbers: Vec<usize> = (at..self.shape.subscribers).step_by(Habit::ALL.len()).collect();
            let credits: Vec<String> = numbers.iter().map(|number| credits(*number).to_string()).collect();
            let received =
                numbers.iter().filter_map(|number| self.standings.get(*number)).map(|it| it.received.to_string());
            let received: Vec<String> = received.collect();
            let _ = writeln!(text, "| {} | {} | {} |", habit.name(), credits.join(", "), received.join(", "));
        }
        text
    }
}

fn credits(number: usize) -> u32 {
    Habit::ALL[number % Habit::ALL.len()].credits(number / Habit::ALL.len())
}

fn table(head: &str, count: &str, rows: impl IntoIterator<Item = (String, u64)>) -> String {
    let mut text = format!("| {head} | {count} |\n|---|---|\n");
    for (name, count) in rows {
        let _ = writeln!(text, "| {name} | {count} |");
    }
    text
}
