//! The account of a run: acknowledged and matched = delivered ∪ dead-lettered ∪ pending ∪ cancelled, for each target.
//!
//! Events carry a mark of their producer's in `detail.mark`, so that one put twice is not taken for one delivered twice. A lane
//! is one target of one rule, under a name that the test chose.
//!
//! In: what producers were told, what arrived at receivers and in queues, dead letters, the daemon's own counts.
//! Out: what is missing, what was repeated, what nobody put, and which counts do not add up.
//! Never: an event that is excused because the daemon says nothing of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::ensure;
use bascule_api::admin::v1::TargetDelivery;
use serde_json::Value;

use crate::Outcome;

/// What became of one put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It was acknowledged as the event with this id.
    Acknowledged(String),
    /// It was refused: nothing was done.
    Refused(String),
    /// Nobody knows: it may have happened.
    Unknown(String),
}

/// One entry as its producer saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// The producer's own name for it.
    pub mark: String,
    /// What it was told.
    pub fate: Fate,
}

/// Id and mark of an event, as it arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrived {
    /// `id`; empty if there is none.
    pub id: String,
    /// `detail.mark`; empty if there is none.
    pub mark: String,
}

/// Reads id and mark out of an event's JSON text.
#[must_use]
pub fn read_event(text: &str) -> Option<Arrived> {
    let event: Value = serde_json::from_str(text).ok()?;
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Some(Arrived { id: word(&event["id"]), mark: word(&event["detail"]["mark"]) })
}

/// What the daemon counts for one lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accepted by the target.
    pub delivered: u64,
    /// Given up and kept.
    pub dead_lettered: u64,
    /// Not yet any of the others.
    pub pending: u64,
    /// Dropped because what wanted it went away.
    pub cancelled: u64,
    /// Dropped from the bus's table, or given up with its key.
    pub expired: u64,
}

impl From<&TargetDelivery> for Counts {
    fn from(told: &TargetDelivery) -> Self {
        Self {
            delivered: told.delivered,
            dead_lettered: told.dead_lettered,
            pending: told.pending,
            cancelled: told.cancelled,
            expired: told.expired + told.undecryptable,
        }
    }
}

impl Counts {
    fn sum(self) -> u64 {
        self.delivered + self.dead_lettered + self.pending + self.cancelled + self.expired
    }

    /// Those of which the daemon says itself that no target and no dead-letter queue has them.
    const fn elsewhere(self) -> u64 {
        self.pending + self.cancelled + self.expired
    }
}

#[derive(Debug, Default)]
struct Lane {
    /// Mark → id.
    owed: BTreeMap<String, String>,
    /// Marks whose put may have happened.
    possible: BTreeSet<String>,
    /// Mark → id → how often.
    delivered: BTreeMap<String, BTreeMap<String, u64>>,
    dead: BTreeMap<String, BTreeMap<String, u64>>,
    counts: Option<Counts>,
}

/// Everything that is known of a run.
#[derive(Debug, Default)]
pub struct Ledger {
    lanes: BTreeMap<String, Lane>,
}

impl Ledger {
    /// A producer's word for one entry, and the lanes whose rule matches it.
    pub fn put(&mut self, put: &Put, lanes: &[&str]) {
        for lane in lanes {
            let lane = self.lanes.entry((*lane).to_owned()).or_default();
            match &put.fate {
                Fate::Acknowledged(id) => {
                    lane.owed.insert(put.mark.clone(), id.clone());
                }
                Fate::Unknown(_) => {
                    lane.possible.insert(put.mark.clone());
                }
                Fate::Refused(_) => {}
            }
        }
    }

    /// One arrival at a lane's target.
    pub fn delivered(&mut self, lane: &str, arrived: &Arrived) {
        let lane = self.lanes.entry(lane.to_owned()).or_default();
        *lane.delivered.entry(arrived.mark.clone()).or_default().entry(arrived.id.clone()).or_insert(0) += 1;
    }

    /// One dead letter of a lane.
    pub fn dead(&mut self, lane: &str, arrived: &Arrived) {
        let lane = self.lanes.entry(lane.to_owned()).or_default();
        *lane.dead.entry(arrived.mark.clone()).or_default().entry(arrived.id.clone()).or_insert(0) += 1;
    }

    /// What the daemon counts for a lane.
    pub fn counted(&mut self, lane: &str, counts: Counts) {
        self.lanes.entry(lane.to_owned()).or_default().counts = Some(counts);
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> Account {
        let mut account = Account::default();
        for (name, lane) in &self.lanes {
            account.take(name, lane);
        }
        account
    }
}

/// A lane and a mark.
type Place = (String, String);

/// What the books say.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Acknowledged and matched, over all lanes.
    pub owed: usize,
    /// Of those, how many are neither delivered nor dead-lettered: pending or cancelled, or lost.
    pub absent: Vec<Place>,
    /// More absent than the daemon says are pending or cancelled, by lane: lost, and the most that it can be.
    pub lost: BTreeMap<String, u64>,
    /// Delivered more than once, and how often.
    pub repeated: BTreeMap<Place, u64>,
    /// Arrived under a mark that nobody put, or under another event's id: acknowledged once, written twice.
    pub strangers: Vec<(String, Arrived)>,
    /// Both delivered and dead-lettered.
    pub both: Vec<Place>,
    /// Lanes whose counts do not add up to what was acknowledged, give or take puts of unknown outcome.
    pub unbalanced: Vec<String>,
}

impl Account {
    fn take(&mut self, name: &str, lane: &Lane) {
        self.owed += lane.owed.len();
        let known = |mark: &String| lane.owed.contains_key(mark) || lane.possible.contains(mark);
        let mut absent = 0;
        for mark in lane.owed.keys() {
            if !lane.delivered.contains_key(mark) && !lane.dead.contains_key(mark) {
                absent += 1;
                self.absent.push((name.to_owned(), mark.clone()));
            }
        }
        let excused = lane.counts.map_or(0, Counts::elsewhere);
        if absent > excused {
            self.lost.insert(name.to_owned(), absent - excused);
        }
        for (mark, ids) in lane.delivered.iter().chain(&lane.dead) {
            let right = lane.owed.get(mark);
            // Of an unknown put any one id is right.
            let wrong = ids.keys().skip(usize::from(right.is_none())).filter(|id| right != Some(*id));
            let wrong: Vec<&String> = if known(mark) { wrong.collect() } else { ids.keys().collect() };
            let strange = |id: &String| (name.to_owned(), Arrived { id: id.clone(), mark: mark.clone() });
            self.strangers.extend(wrong.into_iter().map(strange));
        }
        for (mark, ids) in &lane.delivered {
            let times: u64 = ids.values().sum();
            if times > 1 {
                self.repeated.insert((name.to_owned(), mark.clone()), times);
            }
            if lane.dead.contains_key(mark) {
                self.both.push((name.to_owned(), mark.clone()));
            }
        }
        if let Some(counts) = lane.counts {
            let (least, most) = (lane.owed.len() as u64, (lane.owed.len() + lane.possible.len()) as u64);
            if !(least..=most).contains(&counts.sum()) {
                self.unbalanced.push(format!("{name}: {counts:?} for {least} to {most} owed"));
            }
        }
    }

    /// Deliveries beyond the first, over all lanes.
    #[must_use]
    pub fn repeats(&self) -> u64 {
        self.repeated.values().map(|times| times - 1).sum()
    }

    /// Fails if anything acknowledged is lost, or anything arrived that was not put.
    ///
    /// # Errors
    /// The account, as text.
    pub fn demand_complete(&self) -> Outcome {
        let sound = self.lost.is_empty() && self.strangers.is_empty() && self.unbalanced.is_empty();
        ensure!(sound, "the account is not in order:\n{self}");
        Ok(())
    }

    /// The same, and fails if anything was repeated, is absent, or was both delivered and dead-lettered.
    ///
    /// # Errors
    /// The account, as text.
    pub fn demand_exact(&self) -> Outcome {
        self.demand_complete()?;
        let exact = self.repeated.is_empty() && self.absent.is_empty() && self.both.is_empty();
        ensure!(exact, "the account is complete, but not exact:\n{self}");
        Ok(())
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "owed {}, repeats {}, absent {}", self.owed, self.repeats(), self.absent.len())?;
        for (lane, count) in &self.lost {
            let marks = self.absent.iter().filter(|(of, _)| of == lane).map(|(_, mark)| mark.as_str());
            writeln!(f, "LOST at `{lane}`: {count}, among {:?}", marks.take(20).collect::<Vec<_>>())?;
        }
        for ((lane, mark), times) in self.repeated.iter().take(20) {
            writeln!(f, "repeated at `{lane}`: `{mark}` came {times} times")?;
        }
        for (lane, arrived) in self.strangers.iter().take(20) {
            writeln!(f, "STRANGER at `{lane}`: mark `{}` as event `{}`", arrived.mark, arrived.id)?;
        }
        for (lane, mark) in self.both.iter().take(20) {
            writeln!(f, "delivered and dead-lettered at `{lane}`: `{mark}`")?;
        }
        for text in &self.unbalanced {
            writeln!(f, "COUNTS do not add up: {text}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
