//! What was acknowledged and what arrived, event by event, kept up while both go on. Pure.
//!
//! Each event has one lane, said by the end of its mark.

use std::collections::{BTreeMap, BTreeSet};

use bascule_tests::ledger::{Arrived, Fate, Put};

/// Things that are named of a finding.
const NAMED: usize = 5;

/// Where an event goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// To a receiver, which may get it again after a failover.
    Hook,
    /// Into a queue, which it enters in the apply of its put: once.
    Queue,
}

impl Lane {
    /// The ends of the marks of this lane.
    #[must_use]
    pub const fn ends(self) -> &'static [&'static str] {
        match self {
            Self::Hook => &["0", "1", "2", "3", "4", "5", "6", "7"],
            // A receive and a deletion are writes too: more would take longer than their puts.
            Self::Queue => &["8", "9"],
        }
    }
}

/// One mark's arrivals: by id, how often.
type Arrivals = BTreeMap<String, u64>;

/// The account so far.
#[derive(Debug, Default)]
pub struct Oracle {
    /// Mark → id and the number of the acknowledgement.
    acknowledged: BTreeMap<String, (String, u64)>,
    unknown: BTreeSet<String>,
    arrived: BTreeMap<String, Arrivals>,
    /// Acknowledged and not arrived: number → mark.
    missing: BTreeMap<u64, String>,
    repeats: u64,
    twice_queued: BTreeSet<String>,
    acknowledgements: u64,
}

impl Oracle {
    /// What a producer was told of one entry.
    pub fn put(&mut self, put: Put) {
        match put.fate {
            Fate::Acknowledged(id) => {
                self.acknowledgements += 1;
                if !self.arrived.contains_key(&put.mark) {
                    self.missing.insert(self.acknowledgements, put.mark.clone());
                }
                self.acknowledged.insert(put.mark, (id, self.acknowledgements));
            }
            Fate::Unknown(_) => {
                self.unknown.insert(put.mark);
            }
            // If it arrives all the same, nobody put it.
            Fate::Refused(_) => {}
        }
    }

    /// One arrival.
    pub fn arrived(&mut self, lane: Lane, arrived: Arrived) {
        if let Some((_, number)) = self.acknowledged.get(&arrived.mark) {
            self.missing.remove(number);
        }
        let times = self.arrived.entry(arrived.mark.clone()).or_default().entry(arrived.id).or_default();
        *times += 1;
        if *times > 1 {
            match lane {
                Lane::Hook => self.repeats += 1,
                Lane::Queue => {
                    self.twice_queued.insert(arrived.mark);
                }
            }
        }
    }

    /// Events that were acknowledged so far.
    #[must_use]
    pub const fn acknowledgements(&self) -> u64 {
        self.acknowledgements
    }

    /// Puts of which nobody knows what became.
    #[must_use]
    pub fn unknown(&self) -> u64 {
        self.unknown.len() as u64
    }

    /// Puts of unknown outcome whose event arrived.
    #[must_use]
    pub fn unknown_arrived(&self) -> u64 {
        self.unknown.iter().filter(|mark| self.arrived.contains_key(*mark)).count() as u64
    }

    /// Events that arrived.
    #[must_use]
    pub fn arrivals(&self) -> u64 {
        self.arrived.values().map(|ids| ids.len() as u64).sum()
    }

    /// Arrivals at the receiver beyond the first of an event.
    #[must_use]
    pub const fn repeats(&self) -> u64 {
        self.repeats
    }

    /// Of the first so many acknowledged events, those that have not arrived.
    #[must_use]
    pub fn missing(&self, of_first: u64) -> u64 {
        self.missing.range(..=of_first).count() as u64
    }

    /// Some of them.
    #[must_use]
    pub fn named_missing(&self) -> Vec<String> {
        let id = |mark: &String| self.acknowledged.get(mark).map(|(id, _)| id.as_str()).unwrap_or_default();
        self.missing.values().take(NAMED).map(|mark| format!("{mark} = {}", id(mark))).collect()
    }

    /// What is wrong whoever waits for how long: call it while no put is open, since an event may arrive before its producer is told.
    #[must_use]
    pub fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if !self.twice_queued.is_empty() {
            let some: Vec<&String> = self.twice_queued.iter().take(NAMED).collect();
            wrong.push(format!("{} came twice into the queue, among them {some:?}", self.twice_queued.len()));
        }
        let strange: Vec<_> = self.arrived.iter().filter(|(mark, ids)| self.is_strange(mark, ids)).collect();
        if !strange.is_empty() {
            let some = &strange[..strange.len().min(NAMED)];
            wrong.push(format!("{} arrived that nobody put so, among them {some:?}", strange.len()));
        }
        wrong
    }

    /// Another event than the acknowledged one, two events of one put, or one that was never put.
    fn is_strange(&self, mark: &String, ids: &Arrivals) -> bool {
        match self.acknowledged.get(mark) {
            Some((id, _)) => ids.keys().any(|other| other != id),
            None => ids.len() > 1 || !self.unknown.contains(mark),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(mark: &str, fate: Fate) -> Put {
        Put { mark: mark.to_owned(), fate }
    }

    fn arrival(mark: &str, id: &str) -> Arrived {
        Arrived { id: id.to_owned(), mark: mark.to_owned() }
    }

    /// Puts (id, `?` for an unknown one, `!` for a refused one) and arrivals, against missing, repeats, and how many kinds of wrong.
    fn check(puts: &[(&str, &str)], arrivals: &[(Lane, &str, &str)], missing: u64, repeats: u64, wrong: usize) {
        for arrivals_first in [0, arrivals.len()] {
            let mut oracle = Oracle::default();
            let (before, after) = arrivals.split_at(arrivals_first);
            let take = |oracle: &mut Oracle, rows: &[(Lane, &str, &str)]| {
                rows.iter().for_each(|(lane, mark, id)| oracle.arrived(*lane, arrival(mark, id)));
            };
            take(&mut oracle, before);
            for (mark, told) in puts {
                let fate = match *told {
                    "?" => Fate::Unknown("cut".to_owned()),
                    "!" => Fate::Refused("NO_LEADER".to_owned()),
                    id => Fate::Acknowledged(id.to_owned()),
                };
                oracle.put(put(mark, fate));
            }
            take(&mut oracle, after);
            let seen = (oracle.missing(u64::MAX), oracle.repeats(), oracle.wrong().len());
            assert_eq!(seen, (missing, repeats, wrong), "{puts:?} {arrivals:?}, {arrivals_first} first: {oracle:?}");
        }
    }

    #[test]
    fn what_is_missing_repeated_or_strange_is_seen() {
        use Lane::{Hook, Queue};
        check(&[("1", "a"), ("5", "b")], &[(Hook, "1", "a"), (Queue, "5", "b")], 0, 0, 0);
        check(&[("1", "a"), ("5", "b")], &[(Queue, "5", "b")], 1, 0, 0);
        check(&[("1", "a")], &[(Hook, "1", "a"), (Hook, "1", "a"), (Hook, "1", "a")], 0, 2, 0);
        check(&[("5", "a")], &[(Queue, "5", "a"), (Queue, "5", "a")], 0, 0, 1);
        check(&[("1", "?"), ("2", "?")], &[(Hook, "1", "x")], 0, 0, 0);
        check(&[("1", "?")], &[(Hook, "1", "x"), (Hook, "1", "y")], 0, 0, 1);
        check(&[("1", "a")], &[(Hook, "1", "b")], 0, 0, 1);
        check(&[("1", "!")], &[(Hook, "1", "b")], 0, 0, 1);
        check(&[], &[(Hook, "1", "b"), (Queue, "5", "c"), (Queue, "5", "c")], 0, 0, 2);
    }

    #[test]
    fn the_first_acknowledged_are_waited_for_alone() {
        let mut oracle = Oracle::default();
        for mark in ["1", "2", "3"] {
            oracle.put(put(mark, Fate::Acknowledged(mark.to_owned())));
        }
        oracle.arrived(Lane::Hook, arrival("1", "1"));
        assert_eq!([0, 1, 2, 3].map(|of_first| oracle.missing(of_first)), [0, 0, 1, 2]);
        assert_eq!((oracle.acknowledgements(), oracle.named_missing().len()), (3, 2));
    }
}
