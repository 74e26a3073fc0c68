//! When a lane attempts a delivery and how often: rate, concurrency, retries and a breaker, decided from arguments alone.
//!
//! A lane owes deliveries to one target. Retry limits are EventBridge's: 24 hours and 185 retries by default
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html>), with exponential backoff and jitter.

use std::collections::BTreeMap;

use bascule_model::time::Millis;
use bascule_model::uid::Sequence;

/// The wait before the first retry, before jitter.
const FIRST_BACKOFF_MS: u64 = 1_000;
/// The longest wait between retries, before jitter: 185 of them fill most of a day.
const LONGEST_BACKOFF_MS: u64 = 480_000;
/// Failures of first attempts in a row that open the breaker.
const BREAKER_FAILURES: u32 = 10;
/// Deliveries among which a probe is chosen.
const PROBE_LOOK_DELIVERIES: usize = 64;
/// How long the breaker stays open the first time; each failed probe doubles it.
const BREAKER_FIRST_MS: u64 = 1_000;
/// The longest it stays open.
const BREAKER_LONGEST_MS: u64 = 60_000;
/// The longest time for which one answer silences a lane.
const QUIET_LONGEST_MS: u64 = 60_000;
/// The wait before what was not made by a fault of this house, before jitter.
const HELD_BACKOFF_MS: u64 = 2_000;
/// The longest `Retry-After` that is believed, so that no target can put a delivery off for good.
pub const RETRY_AFTER_LONGEST_MS: u64 = 3_600_000;

const _: () = assert!(FIRST_BACKOFF_MS <= LONGEST_BACKOFF_MS && BREAKER_FIRST_MS <= BREAKER_LONGEST_MS);

/// What a target's lane may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Deliveries held here at once, waiting or open; the rest stays in the tables.
    pub held: usize,
    /// Attempts open at once.
    pub open: usize,
    /// Attempts started per second; `None` is unlimited.
    pub rate_per_s: Option<u32>,
    /// Retries after the first attempt, 0 to 185.
    pub retries: u32,
    /// Age past which nothing is retried, counted from acceptance.
    pub age_ms: u64,
}

/// One delivery that the lane owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owed {
    /// The event's sequence.
    pub sequence: Sequence,
    /// When the event was accepted; its age counts from here.
    pub accepted: Millis,
    /// Attempts made before, by this leader or an earlier one.
    pub attempts: u32,
    /// The earliest time of the next attempt.
    pub due: Millis,
    /// Whether a policy refused it when it was due last: it is due at once when rights change.
    pub refused: bool,
}

/// The lane holds as much as it may; the caller offers this one again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lane holds {0} deliveries already")]
pub struct Full(pub usize);

/// How an attempt went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// The target took it.
    Taken,
    /// It failed in a way that may pass; `retry_after_ms` is what the target asked for, if it did.
    Failed {
        /// When this delivery may be tried again, from `Retry-After`, already in milliseconds.
        retry_after_ms: Option<u64>,
        /// How long the whole lane is to be quiet: the target asks for fewer calls, whatever they carry.
        quiet_ms: u64,
    },
    /// It was not made, by a fault of this house: it is no attempt, and says nothing about the target.
    Held,
    /// It was not made, since a policy refused it: it is no attempt either. It is looked at again after so long by itself; without a
    /// time, when the lane may go on.
    Forbidden {
        /// How long.
        wait_ms: Option<u64>,
    },
    /// It failed in a way that will not pass.
    Refused,
}

/// What becomes of a delivery after a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is delivered and no longer held.
    Done,
    /// It is tried again at this time and held until then.
    Again {
        /// Attempts so far.
        attempts: u32,
        /// When it is due.
        due: Millis,
    },
    /// It is dead and no longer held: the caller dead-letters it.
    Dead {
        /// Attempts so far.
        attempts: u32,
        /// Which limit ended it; `None` when the target refused it for good.
        exhausted: Option<Exhausted>,
    },
}

/// The limit that ended a delivery, by the names in EventBridge's `EXHAUSTED_RETRY_CONDITION`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exhausted {
    /// `MaximumRetryAttempts`.
    Attempts,
    /// `MaximumEventAgeInSeconds`.
    Age,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breaker {
    Closed { failures: u32 },
    Open { until: Millis, last_ms: u64 },
    Probing { last_ms: u64 },
}

/// A lane's deliveries and when each is due. Memory is bounded by [`Limits::held`].
#[derive(Debug, Clone)]
pub struct Lane {
    limits: Limits,
    waiting: BTreeMap<(Millis, Sequence), Owed>,
    /// When each sequence in `waiting` is due, so that one is found without walking it. The first is the oldest.
    dues: BTreeMap<Sequence, Millis>,
    open: BTreeMap<Sequence, Owed>,
    breaker: Breaker,
    /// Nothing starts before this: a target asked for quiet.
    quiet_until: Millis,
    /// Nothing starts before this: the rate that it shares with other lanes is used up.
    hold_until: Millis,
    /// The time up to which the rate is used up, in microseconds (GCRA's theoretical arrival time).
    used_until_us: u64,
}

impl Lane {
    /// An empty lane.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            waiting: BTreeMap::new(),
            dues: BTreeMap::new(),
            open: BTreeMap::new(),
            breaker: Breaker::Closed { failures: 0 },
            quiet_until: Millis(0),
            hold_until: Millis(0),
            used_until_us: 0,
        }
    }

    /// Takes other limits from now on; what is held stays held.
    pub const fn limit(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Lets go of a delivery that is not open; `true` if it was held.
    pub fn forget(&mut self, sequence: Sequence) -> bool {
        self.take(sequence).is_some()
    }

    fn take(&mut self, sequence: Sequence) -> Option<Owed> {
        let due = self.dues.remove(&sequence)?;
        self.waiting.remove(&(due, sequence))
    }

    /// What waits, the last due first.
    pub fn waiting_last_first(&self) -> impl Iterator<Item = &Owed> {
        self.waiting.values().rev()
    }

    /// The oldest delivery that waits, if it is older than the target takes; it is no longer held, and dead without an attempt.
    pub fn expire(&mut self, now: Millis) -> Option<Owed> {
        let (sequence, due) = self.dues.first_key_value()?;
        let oldest = self.waiting.get(&(*due, *sequence))?;
        if now.since(oldest.accepted) <= self.limits.age_ms {
            return None;
        }
        self.take(*sequence)
    }

    /// When [`Lane::expire`] may have something.
    #[must_use]
    pub fn expires_at(&self) -> Option<Millis> {
        let (sequence, due) = self.dues.first_key_value()?;
        self.waiting.get(&(*due, *sequence)).map(|oldest| oldest.accepted.plus(self.limits.age_ms + 1))
    }

    /// Takes a delivery on. One that is held already stays as it is.
    ///
    /// # Errors
    /// [`Full`] when [`Limits::held`] is reached.
    pub fn accept(&mut self, owed: Owed) -> Result<(), Full> {
        if self.open.contains_key(&owed.sequence) || self.dues.contains_key(&owed.sequence) {
            return Ok(());
        }
        if self.held() >= self.limits.held {
            return Err(Full(self.held()));
        }
        self.wait(owed);
        Ok(())
    }

    /// Deliveries held, waiting or open.
    #[must_use]
    pub fn held(&self) -> usize {
        self.waiting.len() + self.open.len()
    }

    /// Whether forgetting the lane would change nothing: no breaker counts, no quiet is asked for, no rate is used up.
    #[must_use]
    pub fn is_calm(&self, now: Millis) -> bool {
        let used = self.used_until_us.div_ceil(1_000) > now.0;
        matches!(self.breaker, Breaker::Closed { failures: 0 }) && self.quiet_until <= now && !used
    }

    /// Whether attempts start as they are due: the breaker is closed, and no quiet is asked for.
    #[must_use]
    pub fn is_flowing(&self, now: Millis) -> bool {
        matches!(self.breaker, Breaker::Closed { .. }) && self.quiet_until <= now
    }

    /// The next attempt to start now, if there is one; the caller must report it.
    pub fn next(&mut self, now: Millis) -> Option<Owed> {
        if self.start_at(now)? > now {
            return None;
        }
        let mut owed = self.take(self.first(now)?)?;
        owed.attempts = owed.attempts.saturating_add(1);
        owed.refused = false;
        self.open.insert(owed.sequence, owed);
        if let Breaker::Open { last_ms, .. } = self.breaker {
            self.breaker = Breaker::Probing { last_ms };
        }
        if let Some(interval_us) = self.interval_us() {
            self.used_until_us = self.used_until_us.max(now.0.saturating_mul(1_000)).saturating_add(interval_us);
        }
        Some(owed)
    }

    /// When [`Lane::next`] may have something; `None` until something is accepted or reported.
    #[must_use]
    pub fn wake_at(&self, now: Millis) -> Option<Millis> {
        self.start_at(now)
    }

    /// Takes the report of an open attempt; `None` if no such attempt is open. `chance` is 64 random bits for the jitter.
    pub fn report(&mut self, sequence: Sequence, report: Report, now: Millis, chance: u64) -> Option<Verdict> {
        let owed = self.open.remove(&sequence)?;
        Some(match report {
            Report::Taken => {
                self.breaker = Breaker::Closed { failures: 0 };
                Verdict::Done
            }
            Report::Refused => {
                // The target answers: what it refused says nothing about the next one.
                self.breaker = Breaker::Closed { failures: 0 };
                Verdict::Dead { attempts: owed.attempts, exhausted: None }
            }
            Report::Failed { retry_after_ms, quiet_ms } => {
                self.quiet_until = self.quiet_until.max(now.plus(quiet_ms.min(QUIET_LONGEST_MS)));
                self.failed(owed, retry_after_ms, now, chance)
            }
            Report::Held => self.held_up(owed, now, chance),
            Report::Forbidden { wait_ms } => self.forbidden(owed, wait_ms, now),
        })
    }

    fn failed(&mut self, mut owed: Owed, retry_after_ms: Option<u64>, now: Millis, chance: u64) -> Verdict {
        self.trip(now, owed.attempts);
        let asked_ms = retry_after_ms.unwrap_or(0).min(RETRY_AFTER_LONGEST_MS);
        owed.due = now.plus(backoff_ms(owed.attempts, chance).max(asked_ms));
        let exhausted = if owed.attempts > self.limits.retries {
            Some(Exhausted::Attempts)
        } else if owed.due.since(owed.accepted) > self.limits.age_ms {
            // The next attempt would come too late, so there is none to wait for.
            Some(Exhausted::Age)
        } else {
            None
        };
        if exhausted.is_some() {
            return Verdict::Dead { attempts: owed.attempts, exhausted };
        }
        self.wait(owed);
        Verdict::Again { attempts: owed.attempts, due: owed.due }
    }

    fn held_up(&mut self, mut owed: Owed, now: Millis, chance: u64) -> Verdict {
        if let Breaker::Probing { last_ms } = self.breaker {
            // Nobody was asked, so that the question stands.
            self.breaker = Breaker::Open { until: now.plus(HELD_BACKOFF_MS), last_ms };
        }
        owed.attempts = owed.attempts.saturating_sub(1);
        owed.due = now.plus(HELD_BACKOFF_MS + chance % HELD_BACKOFF_MS);
        self.wait(owed);
        Verdict::Again { attempts: owed.attempts, due: owed.due }
    }

    fn forbidden(&mut self, mut owed: Owed, wait_ms: Option<u64>, now: Millis) -> Verdict {
        if let Breaker::Probing { last_ms } = self.breaker {
            // Nobody was asked, so that the question stands.
            self.breaker = Breaker::Open { until: now, last_ms };
        }
        owed.attempts = owed.attempts.saturating_sub(1);
        owed.due = now.plus(wait_ms.unwrap_or(0));
        owed.refused = wait_ms.is_some();
        self.wait(owed);
        Verdict::Again { attempts: owed.attempts, due: owed.due }
    }

    /// What a policy refused is due now.
    pub fn hurry(&mut self, now: Millis) {
        let refused = self.waiting.values().filter(|owed| owed.refused && owed.due > now);
        for owed in refused.copied().collect::<Vec<_>>() {
            self.take(owed.sequence);
            self.wait(Owed { due: now, ..owed });
        }
    }

    /// Nothing starts before `until`: somebody else has taken this lane's turn.
    pub fn hold(&mut self, until: Millis) {
        self.hold_until = self.hold_until.max(until);
    }

    /// Attempts that are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.len()
    }

    fn wait(&mut self, owed: Owed) {
        self.dues.insert(owed.sequence, owed.due);
        self.waiting.insert((owed.due, owed.sequence), owed);
    }

    /// Which of what is due starts: the first, or, for a probe, one that did not fail before, if there is one near.
    fn first(&self, now: Millis) -> Option<Sequence> {
        let looked = if matches!(self.breaker, Breaker::Open { .. }) { PROBE_LOOK_DELIVERIES } else { 1 };
        let due = self.waiting.values().take(looked).take_while(|owed| owed.due <= now);
        due.min_by_key(|owed| (owed.attempts > 0, owed.due, owed.sequence)).map(|owed| owed.sequence)
    }

    fn trip(&mut self, now: Millis, attempts: u32) {
        self.breaker = match self.breaker {
            // What fails again and again may do so by itself: only what is tried for the first time speaks for the target.
            closed @ Breaker::Closed { .. } if attempts > 1 => closed,
            Breaker::Closed { failures } if failures + 1 < BREAKER_FAILURES => {
                Breaker::Closed { failures: failures + 1 }
            }
            Breaker::Closed { .. } => Breaker::Open { until: now.plus(BREAKER_FIRST_MS), last_ms: BREAKER_FIRST_MS },
            // Attempts that were open when the breaker opened change nothing.
            open @ Breaker::Open { .. } => open,
            Breaker::Probing { last_ms } => {
                let next_ms = (last_ms * 2).min(BREAKER_LONGEST_MS);
                Breaker::Open { until: now.plus(next_ms), last_ms: next_ms }
            }
        };
    }

    /// The earliest start of the first delivery that waits; `None` if nothing waits or too much is open.
    fn start_at(&self, now: Millis) -> Option<Millis> {
        let ((due, _), _) = self.waiting.first_key_value()?;
        if self.open.len() >= self.limits.open {
            return None;
        }
        let breaker = match self.breaker {
            Breaker::Closed { .. } => Millis(0),
            Breaker::Open { until, .. } => until,
            Breaker::Probing { .. } => return None,
        };
        // A second's worth may start at once, no more: what was not used before is lost.
        let burst_us = if self.limits.rate_per_s.is_some() { 1_000_000 } else { 0 };
        let interval_us = self.interval_us().unwrap_or(0);
        let rate = Millis(self.used_until_us.saturating_add(interval_us).saturating_sub(burst_us).div_ceil(1_000));
        Some((*due).max(breaker).max(self.quiet_until).max(self.hold_until).max(rate).max(now))
    }

    fn interval_us(&self) -> Option<u64> {
        self.limits.rate_per_s.map(|rate| 1_000_000 / u64::from(rate.max(1)))
    }
}

/// The wait after `attempts` attempts: doubled each time up to the longest, of which half is chance.
fn backoff_ms(attempts: u32, chance: u64) -> u64 {
    let doublings = attempts.saturating_sub(1).min(32);
    let whole_ms = (FIRST_BACKOFF_MS << doublings).min(LONGEST_BACKOFF_MS);
    let half_ms = whole_ms / 2;
    half_ms + chance % (whole_ms - half_ms + 1)
}

#[cfg(test)]
mod tests;
