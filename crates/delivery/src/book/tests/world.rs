//! Rows in memory changed by the real machine, targets with a mode each, and a follower without tasks.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use bascule_statemachine::codec::shard::{Append, Command, Entry, Event, Kind, Stamp};
use bascule_statemachine::key::Range;
use bascule_statemachine::overlay::{InMemory, Overlay};
use bascule_statemachine::ports::tables::Read;
use bascule_statemachine::register::Table;
use bascule_statemachine::shard::reply::{Effect, Reply};
use bascule_statemachine::shard::{self, read};

use super::super::*;
use crate::limits::LANE_HELD_LIMIT_DELIVERIES;
use crate::reading::{self, Lookup, Progress};

pub(super) const TARGETS: [u64; 3] = [11, 12, 21];

/// What a target does with an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Takes,
    Fails,
    Half,
    Refuses,
    Hangs,
    /// It fails for every fiftieth event, and takes all others.
    Poisoned,
    /// A policy refuses whatever it is sent.
    Forbidden,
    /// A policy refuses every fiftieth event, and it takes all others.
    Picky,
}

struct Rules(BTreeMap<u64, Vec<u64>>);

impl Rules {
    fn of(rule: u64, target: u64) -> Target {
        let limits = Limits {
            held: LANE_HELD_LIMIT_DELIVERIES,
            open: 64,
            rate_per_s: None,
            retries: 185,
            age_ms: 24 * 3_600_000,
        };
        Target { uid: Uid(target), rule: Uid(rule), minted: ControlIndex(1), limits }
    }
}

impl Lookup for Rules {
    fn index(&self) -> ControlIndex {
        ControlIndex(1)
    }

    fn targets_of(&self, rule: Uid) -> Option<Vec<Target>> {
        let targets = self.0.get(&rule.0)?;
        Some(targets.iter().map(|target| Self::of(rule.0, *target)).collect())
    }

    fn target(&self, uid: Uid) -> Option<Target> {
        let (rule, _) = self.0.iter().find(|(_, targets)| targets.contains(&uid.0))?;
        Some(Self::of(*rule, uid.0))
    }
}

fn refused(scope: Scope) -> Attempted {
    Attempted::Forbidden { scope, index: ControlIndex(1), message: "not this".to_owned() }
}

pub(super) struct World {
    pub(super) book: Book,
    pub(super) unconfirmed_limit: usize,
    pub(super) loses_answers: bool,
    pub(super) most_held: usize,
    pub(super) frame: Bytes,
    rows: InMemory,
    rules: Rules,
    modes: BTreeMap<u64, Mode>,
    now: Millis,
    unread: bool,
    open: Vec<(Start, Mode)>,
    taken: BTreeMap<(Uid, Sequence), usize>,
    owed: BTreeSet<(u64, u64)>,
    attempts: BTreeMap<u64, usize>,
    next_commands: Millis,
    random: u64,
    /// Targets that nothing may be sent to, as the follower finds when it looks.
    forbidden: BTreeSet<u64>,
    /// Codes of dead deliveries and how often each came.
    codes: BTreeMap<Code, usize>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let unconfirmed_limit = 256;
        Self {
            book: Book::new(unconfirmed_limit, Sequence(1), Millis(0)),
            unconfirmed_limit,
            loses_answers: false,
            most_held: 0,
            frame: Bytes::new(),
            rows: InMemory::default(),
            rules: Rules(BTreeMap::from([(10, vec![11, 12]), (20, vec![21])])),
            modes: TARGETS.into_iter().map(|target| (target, Mode::Takes)).collect(),
            now: Millis(1_000),
            unread: true,
            open: Vec::new(),
            taken: BTreeMap::new(),
            owed: BTreeSet::new(),
            attempts: BTreeMap::new(),
            next_commands: Millis(0),
            random: seed ^ 0x9e37_79b9_7f4a_7c15,
            forbidden: BTreeSet::new(),
            codes: BTreeMap::new(),
        }
    }

    /// A xorshift: what matters is that a seed gives one history.
    pub(super) fn chance(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(super) fn mode(&mut self, target: u64, mode: Mode) {
        self.modes.insert(target, mode);
    }

    /// From the next look on nothing may be sent to the target.
    pub(super) fn forbid(&mut self, target: u64) {
        self.forbidden.insert(target);
    }

    /// Its rights changed, and now it may be sent to.
    pub(super) fn allow(&mut self, target: u64) {
        self.forbidden.remove(&target);
        self.book.rights_moved(Uid(target), self.now);
    }

    fn permit(&mut self) {
        for target in TARGETS {
            // The follower's look: an attempt that was refused is asked about again when something moves.
            let refuses = self.modes[&target] == Mode::Forbidden;
            if self.forbidden.contains(&target) {
                self.book.permit(Uid(target), Err("the role is gone".to_owned()));
            } else if !refuses {
                self.book.permit(Uid(target), Ok(()));
            }
        }
    }

    pub(super) fn advance(&mut self, ms: u64) {
        self.now = self.now.plus(ms);
    }

    fn apply(&mut self, commands: Vec<Command>) -> Vec<Reply> {
        let entry = Entry { time_ms: self.now.0, only_in_term: 0, commands };
        let mut overlay = Overlay::over(&self.rows);
        let applied = shard::apply(&mut overlay, 1, &entry).unwrap();
        let batch = overlay.into_batch();
        self.rows.write(batch);
        for effect in applied.effects {
            match effect {
                Effect::Appended { .. } => self.unread = true,
                Effect::RefsAdded { target } => {
                    let known = self.rules.target(target);
                    self.book.references_added(target, known);
                }
                _ => {}
            }
        }
        applied.replies
    }

    /// An event for those of these rules that there are.
    pub(super) fn append(&mut self, rules: &[u64]) {
        let rules: Vec<u64> = rules.iter().copied().filter(|rule| self.rules.0.contains_key(rule)).collect();
        let id = Bytes::copy_from_slice(&u128::from(self.chance()).to_be_bytes());
        let stamp = Stamp { control_index: 1, rules: rules.clone(), ..Stamp::default() };
        let event =
            Event { event_id: id.clone(), arrival_id: id, bus: 5, stamp: Some(stamp), frame: self.frame.clone() };
        let replies =
            self.apply(vec![Command { kind: Some(Kind::Append(Append { events: vec![event], token: None })) }]);
        let [Reply::Appended(sequences)] = replies.as_slice() else { panic!("{replies:?}") };
        for rule in &rules {
            for target in self.rules.0.get(rule).into_iter().flatten() {
                self.owed.insert((*target, sequences[0].0));
            }
        }
    }

    pub(super) fn remove(&mut self, target: u64) {
        self.rules.0.values_mut().for_each(|targets| targets.retain(|other| *other != target));
        self.look_again();
    }

    pub(super) fn remove_rule(&mut self, rule: u64) {
        self.rules.0.remove(&rule);
        self.look_again();
    }

    fn look_again(&mut self) {
        for uid in self.book.targets().collect::<Vec<_>>() {
            let target = self.rules.target(uid);
            self.book.look_again(uid, target);
        }
    }

    /// All that was not in rows is gone; attempts that were open may have been taken.
    pub(super) fn crash(&mut self) {
        for (start, mode) in std::mem::take(&mut self.open) {
            if self.chance() & 1 == 0 && mode == Mode::Takes {
                *self.taken.entry((start.target, start.sequence)).or_default() += 1;
            }
        }
        self.book = reading::begin(&self.rows, &self.rules, self.unconfirmed_limit, self.now).unwrap();
        self.unread = true;
    }

    /// What a follower does at one time.
    pub(super) fn step(&mut self) {
        for _ in 0..200 {
            self.permit();
            let more = self.read();
            self.book.cancel_gone();
            for dead in self.book.expired(self.now) {
                self.bury(&dead);
            }
            let mut started = false;
            while let Some(start) = self.book.next(self.now, |_| Ok(())) {
                started = true;
                let mode = self.modes[&start.target.0];
                *self.attempts.entry(start.target.0).or_default() += 1;
                self.open.push((start, mode));
            }
            assert!(self.book.unconfirmed() <= self.unconfirmed_limit, "DL-2");
            let held = self.book.window.len() + self.book.tracks.values().map(|track| track.held.len()).sum::<usize>();
            self.most_held = self.most_held.max(held);
            self.finish_attempts();
            let full = self.book.waiting_outcomes() >= self.unconfirmed_limit / 2;
            if full || self.now >= self.next_commands {
                self.commands();
                self.next_commands = self.now.plus(250);
            }
            if !more && !started {
                return;
            }
        }
    }

    fn read(&mut self) -> bool {
        for aged in self.book.wants_aged(self.now) {
            reading::aged(&self.rows, &mut self.book, aged, self.now).unwrap();
        }
        let wanted = self.book.wants_references(self.now);
        let mut more = false;
        if self.unread && self.book.wants_events().is_some() {
            match reading::events(&self.rows, &self.rules, &mut self.book).unwrap() {
                Progress::End => self.unread = false,
                Progress::More => more = true,
                Progress::Waits(_) => unreachable!("the lookup is never behind"),
            }
        }
        for wanted in wanted {
            let read = reading::references(&self.rows, &self.rules, &mut self.book, wanted, self.now).unwrap();
            more |= read == Progress::More;
        }
        more
    }

    fn finish_attempts(&mut self) {
        for (start, mode) in std::mem::take(&mut self.open) {
            let chance = self.chance();
            // What the follower has not looked at yet the attempt finds.
            let mode = if self.forbidden.contains(&start.target.0) { Mode::Forbidden } else { mode };
            let attempted = match mode {
                // It answers once its target is another one.
                Mode::Hangs if self.modes[&start.target.0] == Mode::Hangs => {
                    self.open.push((start, mode));
                    continue;
                }
                Mode::Takes => Attempted::Taken,
                Mode::Half if chance & 1 == 0 => Attempted::Taken,
                Mode::Poisoned if start.sequence.0 % 50 != 0 => Attempted::Taken,
                Mode::Picky if start.sequence.0 % 50 != 0 => Attempted::Taken,
                Mode::Forbidden => refused(Scope::Lane),
                Mode::Picky => refused(Scope::Single),
                Mode::Refuses => Attempted::Refused { code: Code::SdkClientError, message: String::new() },
                _ => {
                    Attempted::Failed { code: Code::Timeout, message: String::new(), retry_after_ms: None, quiet_ms: 0 }
                }
            };
            if attempted == Attempted::Taken {
                *self.taken.entry((start.target, start.sequence)).or_default() += 1;
            }
            if let Some(dead) = self.book.report(start, attempted, self.now, chance) {
                self.bury(&dead);
            }
        }
    }

    fn bury(&mut self, dead: &Dead) {
        *self.codes.entry(dead.code).or_default() += 1;
        let letter = DeadLetter { sequence: dead.sequence.0, target: dead.target.0, ..DeadLetter::default() };
        self.book.dead_letter(letter);
    }

    fn commands(&mut self) {
        let commands = self.book.commands(self.now);
        if commands.is_empty() {
            return;
        }
        let lost = if self.loses_answers { self.chance() % 4 } else { 3 };
        match lost {
            0 => self.book.unanswered(),
            1 => {
                self.apply(commands);
                self.book.unanswered();
            }
            _ => {
                let replies = self.apply(commands);
                self.book.answered(&replies, self.now).unwrap();
            }
        }
    }

    fn table(&self, table: Table) -> usize {
        self.rows.scan(&Range::all(table, []), usize::MAX).unwrap().len()
    }

    pub(super) fn watermark(&self) -> u64 {
        read::meta(&self.rows).unwrap().watermark
    }

    pub(super) fn lanes(&self) -> usize {
        self.table(Table::Lanes)
    }

    /// Why the lane of a target is detached in the rows, if it is.
    pub(super) fn why(&self, target: u64) -> Option<Why> {
        read::lane(&self.rows, Uid(target)).unwrap().map(|lane| lane.why())
    }

    pub(super) fn codes(&self) -> Vec<(Code, usize)> {
        self.codes.iter().map(|(code, count)| (*code, *count)).collect()
    }

    pub(super) fn is_settled(&self) -> bool {
        [Table::Events, Table::Refs, Table::Lanes].iter().all(|table| self.table(*table) == 0) && self.open.is_empty()
    }

    /// Takes beyond the first of each delivery.
    pub(super) fn repeats(&self) -> usize {
        self.taken.values().map(|takes| takes - 1).sum()
    }

    pub(super) fn attempts_of(&self, target: u64) -> usize {
        self.attempts[&target]
    }

    /// How deliveries ended by target: delivered, then dead-lettered and expired (`d`), then cancelled (`c`), if any.
    pub(super) fn account(&self) -> String {
        let mut told = Vec::new();
        for uid in TARGETS.into_iter().chain([10, 20]) {
            let counts = read::counts(&self.rows, Uid(uid)).unwrap();
            let mut text =
                if TARGETS.contains(&uid) { format!("{uid}:{}", counts.delivered) } else { format!("{uid}:") };
            let plus = if TARGETS.contains(&uid) { "+" } else { "" };
            for (count, letter) in [(counts.dead_lettered + counts.expired, 'd'), (counts.cancelled, 'c')] {
                if count > 0 {
                    text.push_str(&format!("{plus}{count}{letter}"));
                }
            }
            if TARGETS.contains(&uid) || counts.cancelled > 0 {
                told.push(text);
            }
        }
        told.join(" ")
    }

    /// What is wrong after everything settled.
    pub(super) fn problem(&self) -> Option<String> {
        let mut ended = 0;
        for target in TARGETS {
            let counts = read::counts(&self.rows, Uid(target)).unwrap();
            let dead = counts.dead_lettered + counts.expired;
            let all = counts.delivered + dead + counts.cancelled;
            let owed = self.owed.iter().filter(|(of, _)| *of == target).count() as u64;
            let removed = self.rules.target(Uid(target)).is_none();
            // Events that nobody had read when their target was removed owe it nothing that anybody could still know; and a lane
            // that is still detached after its target went gets references, which are cancelled.
            if all != owed && !removed {
                return Some(format!("target {target} was owed {owed}, and {all} ended: {counts:?}"));
            }
            let taken = self.taken.keys().filter(|(of, _)| of.0 == target).count() as u64;
            if counts.delivered > taken || taken > owed {
                return Some(format!(
                    "target {target} took {taken} of {owed}, {} are said to be delivered",
                    counts.delivered
                ));
            }
            ended += all;
        }
        let meta = read::meta(&self.rows).unwrap();
        if meta.watermark != meta.next_sequence {
            return Some(format!("the watermark stands at {} of {}", meta.watermark, meta.next_sequence));
        }
        (ended == 0 && !self.owed.is_empty()).then(|| "nothing ended".to_owned())
    }
}
