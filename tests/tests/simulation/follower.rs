//! A leader's deliveries, by production's book and readings, to a receiver that writes down what came.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;
use tokio::sync::Notify;

use bascule_delivery::book::{Attempted, Book, Start, Target};
use bascule_delivery::limits::LANE_HELD_LIMIT_DELIVERIES;
use bascule_delivery::pacing::Limits;
use bascule_delivery::reading::{self, Lookup, Progress};
use bascule_delivery::target::code::Code;
use bascule_model::ambient::{Clock, Pending};
use bascule_model::time::Millis;
use bascule_model::uid::{ControlIndex, GroupId, NodeId, Uid};
use bascule_replication::groups::Groups;
use bascule_statemachine::codec::shard::DeadLetter;
use bascule_statemachine::ports::propose::{Propose, ProposeError};
use bascule_statemachine::ports::tables::Tables;
use bascule_statemachine::shard::read;
use bascule_statemachine::shard::reply::{Effect, Reply};

use super::chance::Chance;
use super::clock::NodeClock;
use super::rows::NodeRows;

/// Open attempts and outcomes that are not committed, a group.
pub(crate) const UNCONFIRMED_LIMIT: usize = 8;
/// Rule → its targets.
pub(crate) const RULES: [(u64, &[u64]); 2] = [(10, &[11, 12]), (20, &[21])];
const CHECKPOINT_MS: u64 = 250;

/// The targets of a stamp's rules.
pub(crate) fn targets_of(rules: &[u64]) -> BTreeSet<u64> {
    RULES.iter().filter(|(rule, _)| rules.contains(rule)).flat_map(|(_, targets)| targets.iter().copied()).collect()
}

struct Rules;

fn target(rule: u64, uid: u64) -> Target {
    let limits =
        Limits { held: LANE_HELD_LIMIT_DELIVERIES, open: 64, rate_per_s: None, retries: 185, age_ms: 86_400_000 };
    Target { uid: Uid(uid), rule: Uid(rule), minted: ControlIndex(1), limits }
}

impl Lookup for Rules {
    fn index(&self) -> ControlIndex {
        ControlIndex(1)
    }

    fn targets_of(&self, rule: Uid) -> Option<Vec<Target>> {
        let (rule, targets) = RULES.iter().find(|(of, _)| *of == rule.0)?;
        Some(targets.iter().map(|uid| target(*rule, *uid)).collect())
    }

    fn target(&self, uid: Uid) -> Option<Target> {
        let (rule, _) = RULES.iter().find(|(_, targets)| targets.contains(&uid.0))?;
        Some(target(*rule, uid.0))
    }
}

/// One thing that a target was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Came {
    pub(crate) event: [u8; 16],
    pub(crate) target: u64,
    pub(crate) group: GroupId,
    pub(crate) term: u64,
    pub(crate) from: NodeId,
    pub(crate) at_ms: u64,
}

/// Writes down what targets were sent. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Receiver(Arc<Mutex<Vec<Came>>>);

impl Receiver {
    pub(crate) fn all(&self) -> Vec<Came> {
        self.0.lock().clone()
    }
}

/// The leads of one node, and what its follower has not looked at yet.
#[derive(Default)]
pub(crate) struct Leading {
    terms: Mutex<BTreeMap<GroupId, u64>>,
    news: Mutex<BTreeMap<GroupId, BTreeSet<Uid>>>,
    heard: Notify,
}

impl Leading {
    pub(crate) fn begins(&self, group: GroupId, term: u64) {
        self.terms.lock().insert(group, term);
        self.heard.notify_waiters();
    }

    pub(crate) fn ends(&self, group: GroupId) {
        self.terms.lock().remove(&group);
        self.heard.notify_waiters();
    }

    pub(crate) fn hears(&self, group: GroupId, effects: &[Effect]) {
        let mut news = self.news.lock();
        for effect in effects {
            if let Effect::RefsAdded { target } = effect {
                news.entry(group).or_default().insert(*target);
            }
        }
        drop(news);
        self.heard.notify_waiters();
    }

    pub(crate) fn all(&self) -> Vec<(GroupId, u64)> {
        self.terms.lock().iter().map(|(group, term)| (*group, *term)).collect()
    }

    fn still(&self, group: GroupId, term: u64) -> bool {
        self.terms.lock().get(&group) == Some(&term)
    }
}

/// What a follower is begun with.
#[derive(Clone)]
pub(crate) struct Begin {
    pub(crate) node: NodeId,
    pub(crate) groups: Arc<Groups>,
    pub(crate) rows: NodeRows,
    pub(crate) clock: NodeClock,
    pub(crate) chance: Chance,
    pub(crate) receiver: Receiver,
    pub(crate) now: Arc<Leading>,
}

type Answer = Pending<'static, Result<Vec<Reply>, ProposeError>>;

struct Follower {
    begin: Begin,
    group: GroupId,
    term: u64,
    book: Book,
    attempts: FuturesUnordered<Pending<'static, (Start, Attempted)>>,
    answer: Option<Answer>,
    next_commands: Millis,
}

/// Follows one group in one term.
pub(crate) async fn run(begin: Begin, group: GroupId, term: u64) {
    while begin.now.still(group, term) {
        let now = begin.groups.time(group, term);
        let book =
            begin.rows.view(group).ok().and_then(|rows| reading::begin(&*rows, &Rules, UNCONFIRMED_LIMIT, now).ok());
        let Some(book) = book else { return };
        let next_commands = now.plus(CHECKPOINT_MS);
        let (attempts, begin) = (FuturesUnordered::new(), begin.clone());
        let follower = Follower { begin, group, term, book, attempts, answer: None, next_commands };
        if follower.follow().await.is_some() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

impl Follower {
    fn now(&self) -> Millis {
        self.begin.groups.time(self.group, self.term)
    }

    /// `None` if the book is to be begun anew.
    async fn follow(mut self) -> Option<()> {
        while self.begin.now.still(self.group, self.term) {
            self.step()?;
            let heard = Arc::clone(&self.begin.now);
            tokio::select! {
                biased;
                Some((start, attempted)) = self.attempts.next() => self.report(start, attempted),
                answer = answered(&mut self.answer) => self.take(answer)?,
                () = heard.heard.notified() => {}
                () = tokio::time::sleep(Duration::from_millis(CHECKPOINT_MS / 2)) => {}
            }
        }
        Some(())
    }

    fn step(&mut self) -> Option<()> {
        let now = self.now();
        let news = self.begin.now.news.lock().remove(&self.group).unwrap_or_default();
        for uid in news {
            self.book.references_added(uid, Rules.target(uid));
        }
        self.read(now)?;
        while self.begin.groups.holds(self.group, self.term)
            && let Some(start) = self.book.next(now, |_| Ok(()))
        {
            self.attempts.push(self.attempt(start));
        }
        if self.answer.is_none() && now >= self.next_commands {
            self.next_commands = now.plus(CHECKPOINT_MS);
            let commands = self.book.commands(now);
            if !commands.is_empty() {
                let (groups, group, term) = (Arc::clone(&self.begin.groups), self.group, self.term);
                self.answer = Some(Box::pin(async move { groups.shard(group, Some(term), commands).await }));
            }
        }
        Some(())
    }

    fn read(&mut self, now: Millis) -> Option<()> {
        let rows = self.begin.rows.view(self.group).ok()?;
        while self.book.wants_events().is_some()
            && matches!(reading::events(&*rows, &Rules, &mut self.book).ok()?, Progress::More)
        {}
        for wanted in self.book.wants_references(now) {
            reading::references(&*rows, &Rules, &mut self.book, wanted, now).ok()?;
        }
        Some(())
    }

    /// Most are taken soon, some late, some not, and a few are refused for good.
    fn attempt(&self, start: Start) -> Pending<'static, (Start, Attempted)> {
        let (begin, group, term) = (self.begin.clone(), self.group, self.term);
        let takes_ms = match begin.chance.within(0, 100) {
            0..80 => begin.chance.within(1, 30),
            80..97 => begin.chance.within(30, 500),
            _ => begin.chance.within(2_000, 6_000),
        };
        let luck = begin.chance.within(0, 1_000);
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(takes_ms.min(20))).await;
            let row = begin.rows.view(group).ok().and_then(|rows| read::event(&*rows, start.sequence).ok().flatten());
            let Some(row) = row else { return (start, Attempted::Settled) };
            if !begin.groups.holds(group, term) {
                return (start, Attempted::Held { message: "no quorum confirms this lead".to_owned() });
            }
            let event = row.event.unwrap_or_default().event_id.as_ref().try_into().unwrap_or_default();
            // On its way to the target.
            let came =
                Came { event, target: start.target.0, group, term, from: begin.node, at_ms: begin.clock.boot().0 };
            if luck >= 60 {
                begin.receiver.0.lock().push(came);
            }
            tokio::time::sleep(Duration::from_millis(takes_ms)).await;
            let (code, message, retry_after_ms) = (Code::Timeout, String::new(), Some(500));
            let attempted = match luck {
                0..5 => Attempted::Refused { code: Code::SdkClientError, message },
                5..60 => Attempted::Failed { code, message, retry_after_ms, quiet_ms: 0 },
                _ => Attempted::Taken,
            };
            (start, attempted)
        })
    }

    fn report(&mut self, start: Start, attempted: Attempted) {
        let (now, chance) = (self.now(), self.begin.chance.number());
        if let Some(dead) = self.book.report(start, attempted, now, chance) {
            let letter = DeadLetter { sequence: dead.sequence.0, target: dead.target.0, ..DeadLetter::default() };
            self.book.dead_letter(letter);
        }
    }

    fn take(&mut self, answer: Result<Vec<Reply>, ProposeError>) -> Option<()> {
        self.answer = None;
        let now = self.now();
        match answer {
            Ok(replies) => self.book.answered(&replies, now).ok(),
            Err(_) => {
                self.book.unanswered();
                Some(())
            }
        }
    }
}

async fn answered(answer: &mut Option<Answer>) -> Result<Vec<Reply>, ProposeError> {
    match answer {
        Some(answer) => answer.await,
        None => std::future::pending().await,
    }
}
