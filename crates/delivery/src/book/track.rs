//! One lane in the book: what it holds from the window and from references, and what is to be read or parked.

use std::collections::{BTreeMap, BTreeSet};

use bascule_model::time::Millis;
use bascule_model::uid::{Sequence, Uid};
use bascule_statemachine::codec::shard::{Detach, Owed as OwedRow, Why};

use crate::book::{Scope, Target};
use crate::limits::{
    CHECKPOINT_INTERVAL_MS, LANE_ATTACH_LIMIT_DELIVERIES, LANE_BEHIND_LIMIT_EVENTS, LANE_HELD_LIMIT_DELIVERIES,
    LANE_REFS_LIMIT_DELIVERIES, REFS_AGE_LOOK_MS, REFS_AHEAD_MS, REFS_REST_LEAST_MS, REFS_REST_MS_PER_HUNDRED,
};
use crate::pacing::{Lane, Owed};
use crate::target::code::Code;

/// Where a lane stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The watermark waits for it.
    Attached,
    /// A detach is on its way.
    Detaching,
    /// It has references, and later events get them by themselves.
    Detached,
    /// An attach is on its way.
    Attaching,
}

/// Why a delivery is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The watermark waits for it.
    Window,
    /// The watermark waits for it, and it is on its way into a reference.
    Parking,
    /// It has a reference.
    Reference,
}

#[derive(Debug)]
pub(super) struct Track {
    pub(super) target: Target,
    pub(super) lane: Lane,
    pub(super) standing: Standing,
    /// Whether the target was removed, so that everything owed to it is to be cancelled.
    pub(super) gone: bool,
    pub(super) held: BTreeMap<Sequence, Source>,
    /// Ended, with an outcome that is not committed: a reference that still stands there is not read again.
    pub(super) settling: BTreeSet<Sequence>,
    /// Held ones that have a reference.
    pub(super) references: usize,
    /// Where the reading of references goes on; `None` while there is nothing to read.
    pub(super) reading: Option<Sequence>,
    /// The last reference that was read or written.
    pub(super) seen: Sequence,
    /// When references that were passed over are due.
    pub(super) rest_due: Option<Millis>,
    /// And not before this, for what was passed over must be read again to find them.
    rest_from: Millis,
    passed: u64,
    /// When the oldest reference is looked at for its age again: those that are not held grow old unseen.
    age_from: Millis,
    /// To be parked, with the row to write.
    pub(super) parks: BTreeMap<Sequence, OwedRow>,
    pub(super) why: Why,
    /// Why the lane is detached by the rows; `None` while it is attached there.
    pub(super) told: Option<Why>,
    /// Why nothing may be delivered, while nothing may.
    pub(super) forbidden: Option<String>,
    /// Why a policy refused a single delivery, the last time that one did.
    pub(super) last_refusal: Option<String>,
    /// When rights changed last.
    pub(super) rights_at: Millis,
    pub(super) last_failure: Option<(Code, String)>,
}

impl Track {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            lane: Lane::new(target.limits),
            standing: Standing::Attached,
            gone: false,
            held: BTreeMap::new(),
            settling: BTreeSet::new(),
            references: 0,
            reading: None,
            seen: Sequence(0),
            rest_due: None,
            rest_from: Millis(0),
            passed: 0,
            age_from: Millis(0),
            parks: BTreeMap::new(),
            why: Why::Slow,
            told: None,
            forbidden: None,
            last_refusal: None,
            rights_at: Millis(0),
            last_failure: None,
        }
    }

    pub(super) fn retarget(&mut self, target: Target) {
        if self.target != target {
            self.target = target;
            self.lane.limit(target.limits);
        }
    }

    /// The target is gone: whatever is owed is to be found and cancelled, due or not.
    pub(super) fn abandon(&mut self) {
        if !self.gone {
            self.gone = true;
            self.forbidden = None;
            self.reading = Some(Sequence(0));
            self.rest_due = None;
        }
    }

    /// The deliveries that the watermark waits for and that are on no way into a reference.
    pub(super) fn following(&self) -> impl Iterator<Item = Sequence> + '_ {
        self.held.iter().filter(|(_, is)| **is == Source::Window).map(|(sequence, _)| *sequence)
    }

    /// Whether the watermark no longer should wait for this lane. One that is detached has nothing that it waits for, unless an
    /// answer was lost and the rows say otherwise: it is detached once more then, which changes nothing else.
    pub(super) fn is_behind(&self, late: &BTreeSet<Uid>) -> bool {
        let settled = matches!(self.standing, Standing::Attached | Standing::Detached) && !self.gone;
        let mut following = self.following();
        let late = late.contains(&self.target.uid) && following.next().is_some();
        settled && (late || self.is_misspoken() || self.following().count() > LANE_BEHIND_LIMIT_EVENTS)
    }

    /// Why the lane is detached now.
    pub(super) fn reason(&self, now: Millis) -> Why {
        match self.forbidden {
            Some(_) => Why::Forbidden,
            // One that flows is merely slow, whatever failed earlier.
            None if self.lane.is_flowing(now) => Why::Slow,
            None => self.why,
        }
    }

    /// Whether a detached lane keeps up again.
    pub(super) fn keeps_up(&self, now: Millis) -> bool {
        let caught_up = self.reading.is_none() && self.references <= LANE_ATTACH_LIMIT_DELIVERIES;
        let idle_and_gone = self.gone && self.held.is_empty() && self.settling.is_empty();
        self.standing == Standing::Detached
            && caught_up
            && (idle_and_gone || (!self.gone && self.forbidden.is_none() && self.lane.is_flowing(now)))
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.parks.is_empty() || self.standing == Standing::Detached && self.reading.is_none()
    }

    /// Whether nothing is lost when the track is forgotten.
    pub(super) fn is_idle(&self, now: Millis) -> bool {
        let nothing = self.held.is_empty() && self.parks.is_empty() && self.settling.is_empty();
        let unread = self.reading.is_some() || self.rest_due.is_some();
        nothing && !unread && self.standing == Standing::Attached && (self.gone || self.lane.is_calm(now))
    }

    /// When references that were passed over are to be read; `None` while there is no room for them.
    pub(super) fn rest_at(&self) -> Option<Millis> {
        self.rest_due.filter(|_| self.has_room()).map(|due| due.max(self.rest_from))
    }

    /// When the age of references that are not held is to be looked at; `None` while there are none.
    pub(super) fn age_at(&self) -> Option<Millis> {
        let rest = self.reading.is_some() || self.rest_due.is_some();
        (rest && !self.gone && self.lane.held() < LANE_HELD_LIMIT_DELIVERIES / 2).then_some(self.age_from)
    }

    /// Takes references that are too old, the oldest first; `more` if there may be others behind them.
    pub(super) fn load_aged(&mut self, rows: &[Owed], more: bool, now: Millis) {
        for owed in rows {
            let known = self.held.contains_key(&owed.sequence) || self.settling.contains(&owed.sequence);
            if !known && self.lane.accept(*owed).is_ok() {
                self.held.insert(owed.sequence, Source::Reference);
                self.references += 1;
            }
        }
        self.age_from = now.plus(if more { CHECKPOINT_INTERVAL_MS } else { REFS_AGE_LOOK_MS });
    }

    fn has_room(&self) -> bool {
        self.references <= LANE_REFS_LIMIT_DELIVERIES / 2
    }

    /// From where references are to be read now.
    pub(super) fn wants(&mut self, now: Millis) -> Option<Sequence> {
        if !self.has_room() {
            return None;
        }
        if self.reading.is_none() && self.rest_at().is_some_and(|at| at <= now) {
            self.reading = Some(Sequence(0));
            self.rest_due = None;
        }
        self.reading
    }

    /// Takes references that were read, as many as may be held; those that are due later are passed over.
    pub(super) fn load(&mut self, rows: &[Owed], next: Option<Sequence>, now: Millis) {
        for owed in rows {
            if self.held.contains_key(&owed.sequence) || self.settling.contains(&owed.sequence) {
                self.seen = self.seen.max(owed.sequence);
                continue;
            }
            if !self.takes_up(owed.due, now) {
                self.pass(owed.due);
            } else if self.references < LANE_REFS_LIMIT_DELIVERIES && self.lane.accept(*owed).is_ok() {
                self.held.insert(owed.sequence, Source::Reference);
                self.references += 1;
            } else {
                self.reading = Some(owed.sequence);
                return;
            }
            self.seen = self.seen.max(owed.sequence);
        }
        self.reading = next;
        if next.is_none() {
            let rest_ms = (self.passed * REFS_REST_MS_PER_HUNDRED / 100).max(REFS_REST_LEAST_MS);
            self.rest_from = now.plus(rest_ms);
            self.passed = 0;
        }
    }

    /// Whether a reference that is due then is taken up now.
    pub(super) fn takes_up(&self, due: Millis, now: Millis) -> bool {
        self.gone || due <= now.plus(REFS_AHEAD_MS)
    }

    fn pass(&mut self, due: Millis) {
        self.passed += 1;
        self.rest_due = Some(self.rest_due.map_or(due, |before| before.min(due)));
    }

    /// Lets go of references beyond what may be held: those that are due last are read again when they are.
    pub(super) fn shed(&mut self) {
        let over = self.references.saturating_sub(LANE_REFS_LIMIT_DELIVERIES);
        if over == 0 {
            return;
        }
        let last = self.lane.waiting_last_first().filter(|owed| {
            self.held.get(&owed.sequence) == Some(&Source::Reference) && !self.parks.contains_key(&owed.sequence)
        });
        let last: Vec<Owed> = last.take(over).copied().collect();
        for owed in last {
            self.lane.forget(owed.sequence);
            self.let_go(owed.sequence);
            self.pass(owed.due);
        }
    }

    /// Lets go of a reference that is not due soon, so that what fails again and again takes no room from what does not.
    pub(super) fn put_off(&mut self, sequence: Sequence, due: Millis, now: Millis) {
        let is_reference = self.held.get(&sequence) == Some(&Source::Reference);
        if is_reference && due > now.plus(REFS_AHEAD_MS) && self.lane.forget(sequence) {
            self.let_go(sequence);
            self.pass(due);
        }
    }

    pub(super) fn let_go(&mut self, sequence: Sequence) {
        self.parks.remove(&sequence);
        if self.held.remove(&sequence) == Some(Source::Reference) {
            self.references -= 1;
        }
    }

    pub(super) fn detach(&self, owed: Vec<OwedRow>, followed: Sequence, scope: Scope, why: Why) -> Detach {
        Detach {
            target: self.target.uid.0,
            rule: self.target.rule.0,
            owed,
            followed: followed.0,
            lane: scope == Scope::Lane,
            why: why.into(),
            minted: self.target.minted.0,
        }
    }
}
