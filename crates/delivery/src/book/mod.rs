//! What one group's leader knows of what is owed: events above the watermark, lanes, outcomes not yet committed. Pure.
//!
//! In: everything that happens, each with its time.
//! Out: attempts to start, rows to read, commands to propose.
//! Never: a row, a wait, a clock; a watermark past something that neither ended nor has a reference.

mod answers;
mod commands;
mod rights;
mod track;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bascule_model::time::Millis;
use bascule_model::uid::{ControlIndex, Sequence, Uid};
use bascule_statemachine::codec::shard::{DeadLetter, Outcome, Owed as OwedRow, Terminal, Why};

use crate::book::commands::Sent;
use crate::book::track::{Source, Standing, Track};
use crate::limits::{
    LANE_BEHIND_LIMIT_MS, LANE_HELD_LIMIT_DELIVERIES, LANE_SHARE_ATTEMPTS, RIGHTS_LOOK_MS, WINDOW_LIMIT_DELIVERIES,
    WINDOW_LIMIT_EVENTS,
};
use crate::pacing::{Exhausted, Full, Limits, Owed, Report, Verdict};
use crate::target::code::Code;

pub use answers::Unexpected;

/// A target as the book must know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Its uid.
    pub uid: Uid,
    /// Its rule's.
    pub rule: Uid,
    /// Control index at which it was minted.
    pub minted: ControlIndex,
    /// What its lane may do.
    pub limits: Limits,
}

impl Target {
    /// One that is gone: all that is known is its uid.
    const fn gone(uid: Uid) -> Self {
        let limits =
            Limits { held: LANE_HELD_LIMIT_DELIVERIES, open: 0, rate_per_s: None, retries: 0, age_ms: u64::MAX - 1 };
        Self { uid, rule: Uid(0), minted: ControlIndex(0), limits }
    }
}

/// An attempt to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Start {
    /// For which target.
    pub target: Uid,
    /// Of which event.
    pub sequence: Sequence,
    /// Which attempt it is, from 1.
    pub attempt: u32,
}

/// How an attempt went, with what a dead letter would say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempted {
    /// The target took it.
    Taken,
    /// It ended by a command that the attempt proposed itself, or had ended before.
    Settled,
    /// It failed in a way that may pass.
    Failed {
        /// The error code that a dead letter would have.
        code: Code,
        /// What happened.
        message: String,
        /// What the target asked for, for this delivery.
        retry_after_ms: Option<u64>,
        /// And for all that it is sent.
        quiet_ms: u64,
    },
    /// It was not made, by a fault of this house that may pass: it is no attempt.
    Held {
        /// What happened.
        message: String,
    },
    /// It failed in a way that will not pass.
    Refused {
        /// The error code of the dead letter.
        code: Code,
        /// What happened.
        message: String,
    },
    /// It was not made: a policy refuses it, which may pass.
    Forbidden {
        /// What is refused.
        scope: Scope,
        /// By the view of this index.
        index: ControlIndex,
        /// Why.
        message: String,
    },
    /// The target is gone.
    Cancelled,
    /// The event's frame is not what was sealed.
    Undecryptable,
    /// The bus's key is not to be had now.
    NoKey {
        /// What the provider said.
        message: String,
    },
}

/// Whether a whole lane is meant, or single deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everything that is owed to the target, now and later.
    Lane,
    /// Single deliveries.
    Single,
}

/// A delivery that is dead: its dead letter is to be proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    /// The target.
    pub target: Uid,
    /// The event.
    pub sequence: Sequence,
    /// The last error code.
    pub code: Code,
    /// What happened last.
    pub message: String,
    /// Attempts made.
    pub attempts: u32,
    /// The limit that ended it; `None` if it was refused for good.
    pub exhausted: Option<Exhausted>,
    /// Whether its frame cannot be opened.
    pub undecryptable: bool,
}

/// What is to be read of a lane's references.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Of which target.
    pub target: Uid,
    /// From which sequence on.
    pub from: Sequence,
}

/// An event of the window: something of it is neither ended nor referenced.
#[derive(Debug)]
struct Above {
    accepted: Millis,
    outstanding: BTreeSet<Uid>,
}

/// The book of one group and term.
#[derive(Debug)]
pub struct Book {
    unconfirmed_limit: usize,
    tracks: BTreeMap<Uid, Track>,
    window: BTreeMap<Sequence, Above>,
    /// Deliveries that the window's events wait for.
    outstanding: usize,
    followed: Sequence,
    /// Where the rows' watermark stands.
    watermark: Sequence,
    ended: Vec<Outcome>,
    dead: VecDeque<DeadLetter>,
    sent: Vec<Sent>,
    open: usize,
    /// The lane whose turn is next.
    turn: Uid,
    /// When the term began: nobody can be behind since before.
    began: Millis,
}

impl Book {
    /// The book of a group whose watermark stands at `watermark`, begun at `now`.
    #[must_use]
    pub fn new(unconfirmed_limit: usize, watermark: Sequence, now: Millis) -> Self {
        Self {
            unconfirmed_limit,
            began: now,
            tracks: BTreeMap::new(),
            window: BTreeMap::new(),
            outstanding: 0,
            followed: Sequence(watermark.0.saturating_sub(1)),
            watermark,
            ended: Vec::new(),
            dead: VecDeque::new(),
            sent: Vec::new(),
            open: 0,
            turn: Uid(0),
        }
    }

    /// The sequence from which events are to be read next; `None` while there is no room for more.
    #[must_use]
    pub fn wants_events(&self) -> Option<Sequence> {
        let room = self.window.len() < WINDOW_LIMIT_EVENTS && self.outstanding < WINDOW_LIMIT_DELIVERIES;
        let room = room && self.ended.len() < self.unconfirmed_limit;
        room.then_some(Sequence(self.followed.0 + 1))
    }

    /// An event was read: it owes these targets, none of which has ended or has a reference.
    ///
    /// # Errors
    /// [`Full`], which DL-1 says cannot be: then nothing more may be committed, since the delivery would be passed over.
    pub fn event(&mut self, sequence: Sequence, accepted: Millis, targets: &[Target]) -> Result<(), Full> {
        let mut outstanding = BTreeSet::new();
        for target in targets {
            let track = self.tracks.entry(target.uid).or_insert_with(|| Track::new(*target));
            track.retarget(*target);
            // INVARIANT DL-1: a lane has room for a whole window beside all references that are ever held.
            track.lane.accept(Owed { sequence, accepted, attempts: 0, due: accepted, refused: false })?;
            track.held.insert(sequence, Source::Window);
            outstanding.insert(target.uid);
        }
        self.outstanding += outstanding.len();
        if !outstanding.is_empty() {
            self.window.insert(sequence, Above { accepted, outstanding });
        }
        self.followed(sequence);
        Ok(())
    }

    /// Events up to here were read; those that owe nothing are passed over.
    pub fn followed(&mut self, sequence: Sequence) {
        self.followed = self.followed.max(sequence);
    }

    /// An event was stamped for a rule that is gone: what it owed there is cancelled, and counted under the rule's uid.
    pub fn rule_gone(&mut self, sequence: Sequence, rule: Uid) {
        self.ended.push(outcome(sequence, rule, Terminal::Cancelled, "rule-gone"));
    }

    /// A lane that is detached in the rows, at the beginning of a term; `None` if its target is gone.
    pub fn detached(&mut self, uid: Uid, target: Option<Target>, why: Why) {
        let track = self.track(uid, target);
        track.standing = Standing::Detached;
        track.told = Some(why);
        track.reading = Some(Sequence(0));
    }

    /// A target has references that were not read; `None` if it is gone.
    pub fn references_added(&mut self, uid: Uid, target: Option<Target>) {
        let track = self.track(uid, target);
        // Appends write references of later and later events; what was parked is known.
        if track.reading.is_none() {
            track.reading = Some(Sequence(track.seen.0 + 1));
        }
    }

    /// The targets that the book has lanes for.
    pub fn targets(&self) -> impl Iterator<Item = Uid> + '_ {
        self.tracks.keys().copied()
    }

    /// A target has other limits, or is gone for good: then everything owed to it is cancelled.
    pub fn look_again(&mut self, uid: Uid, target: Option<Target>) {
        if self.tracks.contains_key(&uid) {
            self.track(uid, target);
        }
    }

    fn track(&mut self, uid: Uid, target: Option<Target>) -> &mut Track {
        let track = self.tracks.entry(uid).or_insert_with(|| Track::new(target.unwrap_or(Target::gone(uid))));
        match target {
            Some(target) => track.retarget(target),
            None => track.abandon(),
        }
        track
    }

    /// Which references are to be read now. Each answer goes to [`Book::references`].
    pub fn wants_references(&mut self, now: Millis) -> Vec<Wanted> {
        let wants = self
            .tracks
            .values_mut()
            .filter_map(|track| track.wants(now).map(|from| Wanted { target: track.target.uid, from }));
        wants.collect()
    }

    /// The targets whose oldest references are to be looked at for their age, with the age past which they are dead.
    #[must_use]
    pub fn wants_aged(&self, now: Millis) -> Vec<(Uid, u64)> {
        let wants = self.tracks.values().filter(|track| track.age_at().is_some_and(|at| at <= now));
        wants.map(|track| (track.target.uid, track.target.limits.age_ms)).collect()
    }

    /// References that are too old were read, the oldest first; `more` if there may be others behind them.
    pub fn aged(&mut self, target: Uid, rows: &[Owed], more: bool, now: Millis) {
        if let Some(track) = self.tracks.get_mut(&target) {
            track.load_aged(rows, more, now);
        }
    }

    /// Whether a reference of this target that is due then would be taken up now, or passed over.
    #[must_use]
    pub fn is_wanted(&self, target: Uid, due: Millis, now: Millis) -> bool {
        self.tracks.get(&target).is_some_and(|track| track.takes_up(due, now))
    }

    /// References were read, in order; the reading goes on at `next`, or has come to its end.
    pub fn references(&mut self, target: Uid, rows: &[Owed], next: Option<Sequence>, now: Millis) {
        if let Some(track) = self.tracks.get_mut(&target) {
            track.load(rows, next, now);
        }
    }

    /// Deliveries that a crash now would repeat at most: open, or ended and not committed.
    #[must_use]
    pub fn unconfirmed(&self) -> usize {
        let sent: usize = self.sent.iter().map(Sent::unconfirmed).sum();
        self.open + self.ended.len() + self.dead.len() + sent
    }

    fn room(&self) -> usize {
        self.unconfirmed_limit.saturating_sub(self.unconfirmed())
    }

    /// The next attempt to start; the caller reports it. `None` while nothing is due, or too much is unconfirmed.
    ///
    /// `gate` is asked for leave where lanes share a rate: it gives the milliseconds to wait for the next place, or takes one.
    pub fn next(&mut self, now: Millis, mut gate: impl FnMut(Uid) -> Result<(), u64>) -> Option<Start> {
        loop {
            let room = self.room();
            // INVARIANT DL-2: no attempt starts beyond what may be unconfirmed.
            if room == 0 {
                return None;
            }
            let roomy = room > self.unconfirmed_limit / 2;
            let may = |track: &Track| {
                let starts = !track.gone && track.starts_at(now).is_some_and(|at| at <= now);
                // Slow lanes share one half of what may be unconfirmed, so that the others are left the other.
                starts && (roomy || track.lane.open() < LANE_SHARE_ATTEMPTS)
            };
            // Each lane in its turn, so that a long one does not go before the others.
            let mut turns = self.tracks.range(self.turn..).chain(self.tracks.range(..self.turn));
            let (uid, _) = turns.find(|(_, track)| may(track))?;
            let uid = *uid;
            self.turn = Uid(uid.0 + 1);
            let track = self.tracks.get_mut(&uid)?;
            if let Err(wait_ms) = gate(uid) {
                track.lane.hold(now.plus(wait_ms.max(1)));
                continue;
            }
            let owed = track.lane.next(now)?;
            self.open += 1;
            return Some(Start { target: uid, sequence: owed.sequence, attempt: owed.attempts });
        }
    }

    /// Cancels what is owed to targets that are gone, as much as may be unconfirmed.
    pub fn cancel_gone(&mut self) {
        let gone: Vec<Uid> = self.tracks.values().filter(|track| track.gone).map(|track| track.target.uid).collect();
        for target in gone {
            let room = self.room();
            let Some(track) = self.tracks.get_mut(&target) else { continue };
            let held: Vec<Sequence> = track.lane.waiting_last_first().map(|owed| owed.sequence).take(room).collect();
            for sequence in &held {
                track.lane.forget(*sequence);
            }
            for sequence in held {
                self.end(target, sequence, Terminal::Cancelled, "target-gone");
            }
        }
    }

    /// Deliveries that have grown too old without an attempt, as many as may be unconfirmed.
    pub fn expired(&mut self, now: Millis) -> Vec<Dead> {
        let mut room = self.room();
        let mut dead = Vec::new();
        for track in self.tracks.values_mut().filter(|track| !track.gone) {
            while room > 0
                && let Some(owed) = track.lane.expire(now)
            {
                room -= 1;
                let Owed { sequence, attempts, .. } = owed;
                let (code, message) = too_old(track, &owed);
                let (target, exhausted) = (track.target.uid, Some(Exhausted::Age));
                dead.push(Dead { target, sequence, code, message, attempts, exhausted, undecryptable: false });
            }
        }
        dead
    }

    /// When [`Book::next`], [`Book::expired`] or [`Book::wants_references`] may have something; `None` until something else happens.
    #[must_use]
    pub fn wake_at(&self, now: Millis) -> Option<Millis> {
        let blocked = self.room() == 0;
        let lanes = self.tracks.values().filter(|_| !blocked);
        let lanes = lanes.flat_map(|track| [track.starts_at(now), track.lane.expires_at()]).flatten();
        let rest = self.tracks.values().flat_map(|track| [track.rest_at(), track.age_at()]).flatten();
        lanes.chain(rest).min()
    }

    /// Whether there is, or soon will be, something to propose: outcomes, parks, a watermark, a lane that falls behind.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        let news = !self.ended.is_empty() || !self.dead.is_empty() || self.rises().is_some();
        news || !self.window.is_empty() || self.tracks.values().any(Track::is_busy)
    }

    /// Outcomes that wait to be proposed.
    #[must_use]
    pub fn waiting_outcomes(&self) -> usize {
        self.ended.len() + self.dead.len()
    }

    /// Takes the report of an attempt that [`Book::next`] gave; a delivery that is dead wants its letter.
    pub fn report(&mut self, start: Start, attempted: Attempted, now: Millis, chance: u64) -> Option<Dead> {
        self.open = self.open.saturating_sub(1);
        let Start { target, sequence, .. } = start;
        let track = self.tracks.get_mut(&target)?;
        if let Attempted::Failed { code, message, .. } | Attempted::Refused { code, message } = &attempted {
            track.last_failure = Some((*code, message.clone()));
        }
        let (code, message) = track.last_failure.clone().unwrap_or((Code::Unknown, String::new()));
        match track.lane.report(sequence, report_of(&attempted), now, chance)? {
            Verdict::Done => {
                match attempted {
                    Attempted::Settled => self.release(target, sequence),
                    Attempted::Cancelled => self.end(target, sequence, Terminal::Cancelled, "target-gone"),
                    _ => self.end(target, sequence, Terminal::Delivered, ""),
                }
                None
            }
            Verdict::Again { attempts, due } => {
                let due_ms = due.0;
                if let Attempted::Forbidden { scope, message, .. } = attempted {
                    track.refuse(
                        scope,
                        message,
                        OwedRow { sequence: sequence.0, attempts, due_ms, fault: String::new() },
                    );
                    return None;
                }
                let key = matches!(attempted, Attempted::NoKey { .. });
                let held = key || matches!(attempted, Attempted::Held { .. });
                track.why = if key { Why::Key } else { Why::Failing };
                let fault = if held { Code::InternalError } else { code }.word().to_owned();
                track.parks.insert(sequence, OwedRow { sequence: sequence.0, attempts, due_ms, fault });
                None
            }
            Verdict::Dead { attempts, exhausted } => {
                let (code, message, undecryptable) = match attempted {
                    Attempted::Undecryptable => {
                        (Code::InternalError, "the event's frame is not what was sealed".to_owned(), true)
                    }
                    _ => (code, message, false),
                };
                Some(Dead { target, sequence, code, message, attempts, exhausted, undecryptable })
            }
        }
    }

    /// A dead delivery's letter is to be proposed.
    pub fn dead_letter(&mut self, letter: DeadLetter) {
        if let Some(track) = self.tracks.get_mut(&Uid(letter.target)) {
            track.parks.remove(&Sequence(letter.sequence));
        }
        self.dead.push_back(letter);
    }

    fn end(&mut self, target: Uid, sequence: Sequence, terminal: Terminal, reason: &str) {
        self.ended.push(outcome(sequence, target, terminal, reason));
        if let Some(track) = self.tracks.get_mut(&target) {
            track.settling.insert(sequence);
        }
        self.release(target, sequence);
    }

    /// Nothing waits for this delivery any more.
    fn release(&mut self, target: Uid, sequence: Sequence) {
        if let Some(track) = self.tracks.get_mut(&target) {
            track.let_go(sequence);
        }
        self.unwait(target, sequence);
    }

    /// The watermark no longer waits for this delivery.
    fn unwait(&mut self, target: Uid, sequence: Sequence) {
        if let Some(above) = self.window.get_mut(&sequence) {
            self.outstanding -= usize::from(above.outstanding.remove(&target));
            if above.outstanding.is_empty() {
                self.window.remove(&sequence);
            }
        }
    }

    /// The watermark to propose, if it is more than what stands in the rows.
    // INVARIANT DL-3: the watermark passes no event of which something is neither ended nor referenced in rows.
    fn rises(&self) -> Option<Sequence> {
        let first = self.window.first_key_value().map(|(first, _)| *first);
        let watermark = first.unwrap_or(Sequence(self.followed.0 + 1));
        (watermark > self.watermark).then_some(watermark)
    }

    /// The targets that hold back the watermark for longer than a lane may be behind.
    fn late(&self, now: Millis) -> BTreeSet<Uid> {
        let behind_ms = |above: &&Above| now.since(above.accepted.max(self.began));
        let old = self.window.values().take_while(|above| behind_ms(above) > LANE_BEHIND_LIMIT_MS);
        old.flat_map(|above| above.outstanding.iter().copied()).collect()
    }
}

/// What a delivery says that ends by its age.
fn too_old(track: &Track, owed: &Owed) -> (Code, String) {
    let attempts = owed.attempts;
    if let Some(why) = track.refusal(owed) {
        return (Code::NoPermissions, why.to_owned());
    }
    match &track.last_failure {
        Some((code, message)) if attempts > 0 => (*code, message.clone()),
        Some((code, _)) => {
            (Code::Unknown, format!("it grew too old before an attempt; its target failed with {}", code.word()))
        }
        None => (Code::Unknown, "it grew too old before an attempt".to_owned()),
    }
}

fn outcome(sequence: Sequence, target: Uid, terminal: Terminal, reason: &str) -> Outcome {
    Outcome { sequence: sequence.0, target: target.0, terminal: terminal.into(), reason: reason.to_owned() }
}

fn report_of(attempted: &Attempted) -> Report {
    match attempted {
        Attempted::Taken | Attempted::Settled | Attempted::Cancelled => Report::Taken,
        Attempted::Failed { retry_after_ms, quiet_ms, .. } => {
            Report::Failed { retry_after_ms: *retry_after_ms, quiet_ms: *quiet_ms }
        }
        Attempted::NoKey { .. } | Attempted::Held { .. } => Report::Held,
        Attempted::Forbidden { scope: Scope::Lane, .. } => Report::Forbidden { wait_ms: None },
        Attempted::Forbidden { scope: Scope::Single, .. } => Report::Forbidden { wait_ms: Some(RIGHTS_LOOK_MS) },
        Attempted::Refused { .. } | Attempted::Undecryptable => Report::Refused,
    }
}

#[cfg(test)]
mod tests;
