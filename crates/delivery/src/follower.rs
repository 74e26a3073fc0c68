//! One group's leader at work: rows into the book, attempts and commands out of it. A shell: the book decides.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{oneshot, watch};

use bascule_model::ambient::{Pending, TaskKind};
use bascule_model::time::Millis;
use bascule_model::uid::{ControlIndex, GroupId, Uid};
use bascule_routing::rights::invoking::Leave;
use bascule_statemachine::control;
use bascule_statemachine::ports::propose::ProposeError;
use bascule_statemachine::shard::reply::{Place, Reply};

use crate::attempt::attempt;
use crate::book::{Attempted, Book, Dead, Scope, Start};
use crate::leads::{Lead, Signal};
use crate::letter::letter;
use crate::limits::{
    BROKEN_PAUSE_LONGEST_MS, BROKEN_PAUSE_MS, BUSY_PAUSE_MS, CHECKPOINT_INTERVAL_MS, IDLE_LIMIT_MS, STOP_LIMIT_MS,
    VIEW_LIMIT_MS,
};
use crate::lookup::Seen;
use crate::reading::{self, Lookup, Progress};
use crate::rights::{News, Rights};
use crate::service::Shared;

/// Why a follower gives up on its term's book and begins anew.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the rows could not be read")]
    Tables(#[from] bascule_statemachine::ports::tables::TableError),
    #[error("the rows could not be taken in")]
    Reading(#[from] reading::Error),
    #[error("the book and the rows differ")]
    Unexpected(#[from] crate::book::Unexpected),
    #[error("the control group gave no index")]
    Barrier(#[from] ProposeError),
    #[error("the control group's rows could not be read")]
    Control(#[from] control::Error),
    #[error("the view does not reach `{0}`")]
    View(ControlIndex),
}

/// How a run over one book ended.
enum Ended {
    /// The node is to stop, and what was known is written.
    Stopped,
    /// Another term, or another leader.
    Deposed,
}

type Answer = Pending<'static, Result<Vec<Reply>, ProposeError>>;

/// Follows one group in one term.
pub(crate) struct Follower {
    shared: Arc<Shared>,
    group: GroupId,
    term: u64,
    signal: Arc<Signal>,
    leads: watch::Receiver<BTreeMap<GroupId, Lead>>,
    stop: watch::Receiver<bool>,
}

/// What belongs to one book.
struct Desk {
    book: Book,
    seen: Seen,
    rights: Rights,
    /// Whether rows may hold events that were not read.
    unread: bool,
    /// The view without which no more rows can be read.
    waits: Option<ControlIndex>,
    attempts: FuturesUnordered<Pending<'static, (Start, Attempted)>>,
    answer: Option<Answer>,
    /// Commands are proposed from then on.
    next_commands: Millis,
    /// Whether attempts wait for a quorum's word.
    held_back: bool,
    over: Over,
}

/// Tells attempts that have not called their target yet that their book is gone.
#[derive(Default)]
struct Over(Arc<AtomicBool>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Follower {
    pub(crate) fn new(
        shared: Arc<Shared>,
        group: GroupId,
        lead: Lead,
        leads: watch::Receiver<BTreeMap<GroupId, Lead>>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self { shared, group, term: lead.term, signal: lead.signal, leads, stop }
    }

    /// Follows until the term ends or the node is to stop.
    pub(crate) async fn run(mut self) {
        let mut pause_ms = BROKEN_PAUSE_MS;
        while self.leads_still() && !*self.stop.borrow() {
            match self.over_one_book().await {
                Ok(Ended::Stopped | Ended::Deposed) => return,
                Err(error) => {
                    let error = &error as &(dyn std::error::Error + 'static);
                    tracing::error!(group = %self.group, term = self.term, error, pause_ms, "following begins anew");
                    self.shared.meters.broke();
                }
            }
            let _ = tokio::time::timeout(Duration::from_millis(pause_ms), self.stop.wait_for(|stop| *stop)).await;
            pause_ms = (pause_ms * 2).min(BROKEN_PAUSE_LONGEST_MS);
        }
    }

    fn leads_still(&self) -> bool {
        self.leads.borrow().get(&self.group).is_some_and(|lead| lead.term == self.term)
    }

    /// Group time: what is put off here is due at whoever leads next by the same clock, whatever this node's says.
    fn now(&self) -> Millis {
        self.shared.propose.time(self.group, self.term)
    }

    async fn begin(&self) -> Result<Desk, Broken> {
        // A target that the view does not know yet must not be taken for one that is gone.
        let index = self.shared.propose.control_barrier().await?;
        let index = control::index_of(&*self.shared.tables.view(GroupId::CONTROL)?, index)?;
        let view = self.shared.viewer.reached_within(index, VIEW_LIMIT_MS).await.ok_or(Broken::View(index))?;
        let seen = Seen(view);
        let now = self.now();
        let rows = self.shared.tables.view(self.group)?;
        let book = reading::begin(&*rows, &seen, self.shared.unconfirmed_limit, now)?;
        Ok(Desk {
            book,
            seen,
            rights: Rights::default(),
            unread: true,
            waits: None,
            attempts: FuturesUnordered::new(),
            answer: None,
            next_commands: now.plus(CHECKPOINT_INTERVAL_MS),
            held_back: false,
            over: Over::default(),
        })
    }

    async fn over_one_book(&mut self) -> Result<Ended, Broken> {
        let mut desk = self.begin().await?;
        let mut changes = self.shared.viewer.changes();
        let (mut leads, mut stop) = (self.leads.clone(), self.stop.clone());
        loop {
            if !self.leads_still() {
                return Ok(Ended::Deposed);
            }
            if *self.stop.borrow() {
                self.finish(desk).await;
                return Ok(Ended::Stopped);
            }
            let more = match self.step(&mut desk) {
                Ok(more) => more,
                Err(error) => {
                    // What was delivered is written before the book goes, else it would be delivered again and again.
                    self.finish(desk).await;
                    return Err(error);
                }
            };
            let wait_ms = if more { 0 } else { self.wait_ms(&desk) };
            tokio::select! {
                Some((start, attempted)) = desk.attempts.next() => self.report_all(&mut desk, (start, attempted)),
                answer = answered(&mut desk.answer) => self.answered(&mut desk, answer)?,
                () = self.signal.heard() => {}
                _ = changes.changed() => {}
                _ = leads.changed() => {}
                _ = stop.changed() => {}
                () = tokio::time::sleep(Duration::from_millis(wait_ms)) => {}
            }
        }
    }

    /// Everything that can be done without waiting; `true` if there is more of it.
    fn step(&self, desk: &mut Desk) -> Result<bool, Broken> {
        let now = self.now();
        self.look(desk);
        let news = self.signal.take();
        desk.unread |= desk.book.wants_events().is_some_and(|from| news.last >= from);
        for uid in news.references {
            let target = desk.seen.target(uid);
            desk.book.references_added(uid, target);
        }
        let more = self.read(desk, now)?;
        self.permit(desk, now);
        desk.book.cancel_gone();
        for dead in desk.book.expired(now) {
            self.bury(desk, &dead);
        }
        let boot = self.shared.clock.boot();
        desk.held_back = !self.may_attempt();
        while !desk.held_back
            && let Some(start) = {
                let Desk { book, seen, .. } = &mut *desk;
                book.next(now, |target| self.shared.targets.gate(&seen.0, target, boot))
            }
        {
            self.start(desk, start);
        }
        let full = desk.book.waiting_outcomes() >= self.shared.unconfirmed_limit / 2;
        if desk.answer.is_none() && (now >= desk.next_commands || full) {
            desk.next_commands = now.plus(CHECKPOINT_INTERVAL_MS);
            let commands = desk.book.commands(now);
            if !commands.is_empty() {
                let (shared, group, term) = (Arc::clone(&self.shared), self.group, self.term);
                desk.answer = Some(Box::pin(async move { shared.propose.shard(group, Some(term), commands).await }));
            }
        }
        Ok(more)
    }

    /// Whether attempts may start: while another node may lead the group, or a right be gone that the view still shows, none does.
    fn may_attempt(&self) -> bool {
        may_attempt(&self.shared, self.group, self.term)
    }

    /// Takes the newest view, and what it says of the lanes.
    fn look(&self, desk: &mut Desk) {
        let view = self.shared.viewer.now();
        if view.index <= desk.seen.0.index {
            return;
        }
        desk.seen = Seen(view);
        if desk.waits.is_some_and(|index| desk.seen.index() >= index) {
            desk.waits = None;
        }
        let targets: Vec<_> = desk.book.targets().collect();
        for uid in targets {
            let target = desk.seen.target(uid);
            desk.book.look_again(uid, target);
        }
    }

    /// Asks what may be delivered, if anything changed that may have changed it.
    fn permit(&self, desk: &mut Desk, now: Millis) {
        let view = Arc::clone(&desk.seen.0);
        if now < desk.rights.due(view.index) {
            return;
        }
        let lanes: Vec<_> = desk.book.targets().collect();
        for News { target, leave, moved } in desk.rights.look(&view, &lanes, now, self.shared.clock.wall()) {
            if moved {
                desk.book.rights_moved(target, now);
            }
            let permitted = match leave {
                Leave::Every | Leave::Each => Ok(()),
                Leave::Never(refused) => Err(refused.told),
            };
            self.told(desk, target, permitted);
        }
    }

    /// Takes the word about a lane into the book, and says a change once.
    fn told(&self, desk: &mut Desk, target: Uid, permitted: Result<(), String>) {
        if !desk.book.permit(target, permitted.clone()) {
            return;
        }
        let mut forbidden = self.shared.forbidden.lock();
        match permitted {
            Ok(()) if forbidden.remove(&target) => tracing::info!(%target, "a target may be invoked again"),
            Err(why) if forbidden.insert(target) => {
                forbidden.retain(|target| desk.seen.0.lane(*target).is_some());
                tracing::warn!(%target, why, "a target may not be invoked, so that its events wait");
            }
            Ok(()) | Err(_) => {}
        }
    }

    fn read(&self, desk: &mut Desk, now: Millis) -> Result<bool, Broken> {
        if desk.waits.is_some() {
            return Ok(false);
        }
        let wanted = desk.book.wants_references(now);
        let aged = desk.book.wants_aged(now);
        let events = desk.unread && desk.book.wants_events().is_some();
        if wanted.is_empty() && aged.is_empty() && !events {
            return Ok(false);
        }
        let rows = self.shared.tables.view(self.group)?;
        let mut more = false;
        if events {
            match reading::events(&*rows, &desk.seen, &mut desk.book)? {
                Progress::End => desk.unread = false,
                Progress::More => more = desk.book.wants_events().is_some(),
                Progress::Waits(index) => desk.waits = Some(index),
            }
        }
        for wanted in wanted {
            match reading::references(&*rows, &desk.seen, &mut desk.book, wanted, now)? {
                Progress::End => {}
                Progress::More => more = true,
                Progress::Waits(index) => desk.waits = Some(index),
            }
        }
        for aged in aged {
            reading::aged(&*rows, &mut desk.book, aged, now)?;
        }
        Ok(more)
    }

    fn start(&self, desk: &Desk, start: Start) {
        let (done, ended) = oneshot::channel();
        let (shared, lead) = (Arc::clone(&self.shared), (self.group, self.term));
        let over = Arc::clone(&desk.over.0);
        let work = async move {
            let attempted = attempt(&shared, lead, start, &over).await;
            // A book that was dropped hears of nothing more.
            let _ = done.send(attempted);
        };
        self.shared.spawn.spawn(TaskKind::Attempt, Box::pin(work));
        desk.attempts.push(Box::pin(async move {
            (start, ended.await.unwrap_or_else(|_| Attempted::internal("it ended without an outcome")))
        }));
    }

    /// Takes in what has ended by now: a step looks at every lane, and is not made for each attempt by itself.
    fn report_all(&self, desk: &mut Desk, first: (Start, Attempted)) {
        let mut next = Some(first);
        while let Some((start, attempted)) = next {
            self.report(desk, start, attempted);
            next = desk.attempts.next().now_or_never().flatten();
        }
    }

    fn report(&self, desk: &mut Desk, start: Start, attempted: Attempted) {
        let mut random = [0; 8];
        // Without chance there is no jitter, which delays nothing.
        let _ = self.shared.entropy.fill(&mut random);
        let (target, now) = (start.target, self.now());
        // What an earlier view refused is asked about again, by itself: a later one has said what its lane may.
        let stale = matches!(attempted, Attempted::Forbidden { index, .. } if desk.rights.is_past(index));
        let attempted = match attempted {
            Attempted::Forbidden { index, message, .. } if stale => {
                Attempted::Forbidden { scope: Scope::Single, index, message }
            }
            attempted => attempted,
        };
        if let Attempted::Forbidden { scope: Scope::Lane, message, .. } = &attempted {
            self.told(desk, target, Err(message.clone()));
        }
        let dead = desk.book.report(start, attempted, now, u64::from_be_bytes(random));
        if stale {
            desk.book.rights_moved(target, now);
        }
        if let Some(dead) = dead {
            self.bury(desk, &dead);
        }
    }

    fn bury(&self, desk: &mut Desk, dead: &Dead) {
        tracing::info!(
            group = %self.group, target = %dead.target, sequence = dead.sequence.0, code = dead.code.word(),
            attempts = dead.attempts, "a delivery is dead"
        );
        let letter = letter(&desk.seen.0, dead, self.shared.clock.wall());
        desk.book.dead_letter(letter);
    }

    fn answered(&self, desk: &mut Desk, answer: Result<Vec<Reply>, ProposeError>) -> Result<(), Broken> {
        desk.answer = None;
        let now = self.now();
        match answer {
            Ok(replies) if replies.contains(&Reply::Deposed) => {
                // The end of the term is on its way here; until then nothing more is said.
                desk.book.unanswered();
                desk.next_commands = now.plus(CHECKPOINT_INTERVAL_MS);
            }
            Ok(replies) => {
                let full = replies.iter().filter(|reply| matches!(reply, Reply::Placed(Place::Full(_)))).count();
                if full > 0 {
                    tracing::error!(group = %self.group, full, "dead letters are dropped: their bus's own table is full");
                    self.shared.meters.table_full(full as u64);
                }
                desk.book.answered(&replies, now)?;
            }
            Err(error) => {
                tracing::debug!(group = %self.group, %error, "a checkpoint is proposed again");
                desk.book.unanswered();
                desk.next_commands = now.plus(BUSY_PAUSE_MS);
            }
        }
        Ok(())
    }

    fn wait_ms(&self, desk: &Desk) -> u64 {
        let now = self.now();
        let commands = (desk.answer.is_none() && desk.book.is_busy()).then_some(desk.next_commands);
        let rights = desk.book.targets().next().map(|_| desk.rights.due(desk.seen.0.index));
        let until = [desk.book.wake_at(now), commands, rights].into_iter().flatten().min();
        // What a late view keeps from being read is due all the while; its change wakes this.
        let least_ms = if desk.waits.is_some() || desk.held_back { BUSY_PAUSE_MS } else { 1 };
        until.map_or(IDLE_LIMIT_MS, |until| until.since(now).clamp(least_ms, IDLE_LIMIT_MS))
    }

    /// Lets open attempts end, and writes what is known: a clean stop repeats nothing.
    async fn finish(&self, mut desk: Desk) {
        let ends = self.shared.clock.boot();
        let left = || Duration::from_millis(STOP_LIMIT_MS.saturating_sub(self.shared.clock.boot().since(ends)));
        while !desk.attempts.is_empty() || desk.answer.is_some() {
            tokio::select! {
                Some((start, attempted)) = desk.attempts.next() => self.report(&mut desk, start, attempted),
                answer = answered(&mut desk.answer) => if self.answered(&mut desk, answer).is_err() { return },
                () = tokio::time::sleep(left()) => break,
            }
        }
        let commands = desk.book.commands(self.now());
        if commands.is_empty() || desk.answer.is_some() {
            return;
        }
        let last = self.shared.propose.shard(self.group, Some(self.term), commands);
        if !matches!(tokio::time::timeout(left().max(Duration::from_secs(1)), last).await, Ok(Ok(_))) {
            tracing::warn!(group = %self.group, "the last checkpoint was not written, some deliveries will be repeated");
        }
    }
}

/// Whether this node still leads the group in the term by a quorum's word, and its view is fresh.
pub(crate) fn may_attempt(shared: &Shared, group: GroupId, term: u64) -> bool {
    shared.propose.holds(group, term) && shared.viewer.freshness().check(shared.clock.boot()).is_ok()
}

/// The answer of the commands on their way; never, while there are none.
async fn answered(answer: &mut Option<Answer>) -> Result<Vec<Reply>, ProposeError> {
    match answer {
        Some(answer) => answer.await,
        None => pending().await,
    }
}
