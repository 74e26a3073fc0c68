//! What all callers write down and the campaign reads: puts and what they were told, gaps, writes of the control plane, messages.

use std::collections::BTreeMap;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bascule_api::v1::QueueMessage;
use bascule_tests::ledger::{Fate, Put};

/// The longest time without an acknowledgement.
#[derive(Debug, Clone, Copy)]
pub struct Gap {
    last: Instant,
    longest: Duration,
}

impl Gap {
    /// Counts from now on.
    #[must_use]
    pub const fn begin(now: Instant) -> Self {
        Self { last: now, longest: Duration::ZERO }
    }

    /// An acknowledgement.
    pub fn end(&mut self, now: Instant) {
        self.longest = self.longest(now);
        self.last = now;
    }

    /// The longest so far, the one that is open included.
    #[must_use]
    pub fn longest(&self, now: Instant) -> Duration {
        self.longest.max(now.saturating_duration_since(self.last))
    }
}

/// Writes of the control plane: a slot holds the value that was written into it last.
#[derive(Debug, Default)]
pub struct Writes {
    /// Slot → the last value that was acknowledged.
    pub acknowledged: BTreeMap<u64, u64>,
    /// The value that was sent last, and its slot.
    pub sent: Option<(u64, u64)>,
    /// How many were acknowledged.
    pub count: u64,
}

impl Writes {
    /// Slots that hold something else than what was acknowledged, or than what was sent after it.
    #[must_use]
    pub fn wrong(&self, found: &BTreeMap<u64, u64>) -> Vec<String> {
        let other = self.acknowledged.iter().filter(|(slot, value)| {
            let held = found.get(*slot);
            held != Some(*value) && held.map(|held| (**slot, *held)) != self.sent
        });
        other
            .map(|(slot, value)| format!("slot {slot} holds {:?}, {value} was acknowledged", found.get(slot)))
            .collect()
    }
}

/// The board.
#[derive(Debug)]
pub struct Board {
    /// Calls that are not answered, by node.
    in_flight: BTreeMap<u64, AtomicU64>,
    acknowledged: AtomicU64,
    busy: AtomicU64,
    is_held: AtomicBool,
    puts: Mutex<Vec<Put>>,
    messages: Mutex<Vec<QueueMessage>>,
    put_gap: Mutex<Gap>,
    control_gap: Mutex<Gap>,
    writes: Mutex<Writes>,
    refusals: Mutex<BTreeMap<String, u64>>,
}

impl Board {
    /// An empty one for these nodes.
    #[must_use]
    pub fn new(nodes: impl Iterator<Item = u64>, now: Instant) -> Self {
        Self {
            in_flight: nodes.map(|node| (node, AtomicU64::new(0))).collect(),
            acknowledged: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            is_held: AtomicBool::new(false),
            puts: Mutex::default(),
            messages: Mutex::default(),
            put_gap: Mutex::new(Gap::begin(now)),
            control_gap: Mutex::new(Gap::begin(now)),
            writes: Mutex::default(),
            refusals: Mutex::default(),
        }
    }

    /// A call to a node begins; it ends with what is given here.
    pub fn call(&self, node: u64) -> Open<'_> {
        Open::begin(self.in_flight.get(&node).into_iter().chain([&self.busy]).collect())
    }

    /// A caller is at work, retries and pauses included.
    pub fn work(&self) -> Open<'_> {
        Open::begin(vec![&self.busy])
    }

    /// Calls without an answer, over all nodes.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        self.in_flight.values().map(|count| count.load(Ordering::SeqCst)).sum()
    }

    /// The same of one node.
    #[must_use]
    pub fn unanswered_at(&self, node: u64) -> u64 {
        self.in_flight.get(&node).map_or(0, |count| count.load(Ordering::SeqCst))
    }

    /// Whether nobody is at work.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.busy.load(Ordering::SeqCst) == 0
    }

    /// Lets callers begin nothing new, until they may again.
    pub fn hold(&self, is_held: bool) {
        self.is_held.store(is_held, Ordering::SeqCst);
    }

    /// Whether nothing new may begin.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.is_held.load(Ordering::SeqCst)
    }

    /// Entries that were acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// What became of entries.
    pub fn told(&self, puts: Vec<Put>, now: Instant) {
        let acknowledged = puts.iter().filter(|put| matches!(put.fate, Fate::Acknowledged(_))).count() as u64;
        if acknowledged > 0 {
            locked(&self.put_gap).end(now);
        }
        for put in &puts {
            if let Fate::Refused(why) | Fate::Unknown(why) = &put.fate {
                *locked(&self.refusals).entry(why.clone()).or_default() += 1;
            }
        }
        locked(&self.puts).extend(puts);
        self.acknowledged.fetch_add(acknowledged, Ordering::SeqCst);
    }

    /// A call was refused, and is repeated.
    pub fn refused(&self, why: String) {
        *locked(&self.refusals).entry(why).or_default() += 1;
    }

    /// Entries, since the last time.
    #[must_use]
    pub fn puts(&self) -> Vec<Put> {
        mem::take(&mut *locked(&self.puts))
    }

    /// Messages that were received.
    pub fn received(&self, messages: Vec<QueueMessage>) {
        locked(&self.messages).extend(messages);
    }

    /// Messages, since the last time.
    #[must_use]
    pub fn messages(&self) -> Vec<QueueMessage> {
        mem::take(&mut *locked(&self.messages))
    }

    /// A write of the control plane is sent.
    pub fn write(&self, slot: u64, value: u64) {
        locked(&self.writes).sent = Some((slot, value));
    }

    /// It is acknowledged.
    pub fn written(&self, slot: u64, value: u64, now: Instant) {
        locked(&self.control_gap).end(now);
        let mut writes = locked(&self.writes);
        writes.acknowledged.insert(slot, value);
        writes.count += 1;
    }

    /// The writes.
    pub fn writes(&self) -> MutexGuard<'_, Writes> {
        locked(&self.writes)
    }

    /// Both gaps are counted from now on.
    pub fn begin_gaps(&self, now: Instant) {
        *locked(&self.put_gap) = Gap::begin(now);
        *locked(&self.control_gap) = Gap::begin(now);
    }

    /// The longest gaps since then: of puts, and of writes of the control plane.
    #[must_use]
    pub fn gaps(&self, now: Instant) -> (Duration, Duration) {
        (locked(&self.put_gap).longest(now), locked(&self.control_gap).longest(now))
    }

    /// Why entries were not acknowledged and writes were repeated, and how many each time.
    #[must_use]
    pub fn refusals(&self) -> BTreeMap<String, u64> {
        locked(&self.refusals).clone()
    }
}

/// Something that is not over yet. Dropping it ends it.
pub struct Open<'a>(Vec<&'a AtomicU64>);

impl<'a> Open<'a> {
    fn begin(counts: Vec<&'a AtomicU64>) -> Self {
        counts.iter().for_each(|count| {
            count.fetch_add(1, Ordering::SeqCst);
        });
        Self(counts)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|count| {
            count.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_the_longest_and_an_open_one_counts() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut gap = Gap::begin(start);
        for ms in [10, 500, 510] {
            gap.end(at(ms));
        }
        assert_eq!(gap.longest(at(600)), Duration::from_millis(490));
        assert_eq!(gap.longest(at(1_510)), Duration::from_secs(1));
    }

    #[test]
    fn a_lost_write_is_seen_and_one_that_is_open_is_none() {
        let acknowledged = BTreeMap::from([(1, 10), (2, 11)]);
        let writes = Writes { acknowledged, sent: Some((1, 12)), count: 2 };
        for (found, wrong) in [
            (BTreeMap::from([(1, 10), (2, 11)]), 0),
            (BTreeMap::from([(1, 12), (2, 11)]), 0),
            (BTreeMap::from([(1, 10), (2, 9)]), 1),
            (BTreeMap::from([(2, 12)]), 2),
        ] {
            assert_eq!(writes.wrong(&found).len(), wrong, "{found:?}");
        }
    }

    #[test]
    fn what_is_open_is_counted_until_it_ends() {
        let board = Board::new([1, 2].into_iter(), Instant::now());
        let call = board.call(1);
        assert_eq!((board.unanswered(), board.unanswered_at(1), board.unanswered_at(2)), (1, 1, 0));
        assert!(!board.is_quiet());
        drop(call);
        assert!(board.is_quiet() && board.unanswered() == 0);
    }
}
