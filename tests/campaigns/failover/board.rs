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

/// The longest times without an acknowledgement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Of puts, whoever put them.
    pub puts: Duration,
    /// Of puts of one producer: of the one that waited longest.
    pub producer: Duration,
    /// Of writes of the control plane.
    pub control: Duration,
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
    acknowledged: AtomicU64,
    busy: AtomicU64,
    is_held: AtomicBool,
    puts: Mutex<Vec<Put>>,
    messages: Mutex<Vec<QueueMessage>>,
    put_gap: Mutex<Gap>,
    producer_gaps: Vec<Mutex<Gap>>,
    control_gap: Mutex<Gap>,
    writes: Mutex<Writes>,
    refusals: Mutex<BTreeMap<String, u64>>,
}

impl Board {
    /// An empty one for so many producers.
    #[must_use]
    pub fn new(producers: usize, now: Instant) -> Self {
        Self {
            acknowledged: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            is_held: AtomicBool::new(false),
            puts: Mutex::default(),
            messages: Mutex::default(),
            put_gap: Mutex::new(Gap::begin(now)),
            producer_gaps: (0..producers).map(|_| Mutex::new(Gap::begin(now))).collect(),
            control_gap: Mutex::new(Gap::begin(now)),
            writes: Mutex::default(),
            refusals: Mutex::default(),
        }
    }

    /// A caller is at work, retries and pauses included.
    pub fn work(&self) -> Open<'_> {
        self.busy.fetch_add(1, Ordering::SeqCst);
        Open(&self.busy)
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

    /// What became of entries of one producer.
    pub fn told(&self, producer: usize, puts: Vec<Put>, now: Instant) {
        let acknowledged = puts.iter().filter(|put| matches!(put.fate, Fate::Acknowledged(_))).count() as u64;
        if acknowledged > 0 {
            for gap in [&self.put_gap].into_iter().chain(self.producer_gaps.get(producer)) {
                locked(gap).end(now);
            }
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

    /// All gaps are counted from now on.
    pub fn begin_gaps(&self, now: Instant) {
        for gap in [&self.put_gap, &self.control_gap].into_iter().chain(&self.producer_gaps) {
            *locked(gap) = Gap::begin(now);
        }
    }

    /// The longest gaps since then.
    #[must_use]
    pub fn gaps(&self, now: Instant) -> Gaps {
        Gaps {
            puts: locked(&self.put_gap).longest(now),
            producer: self.producer_gaps.iter().map(|gap| locked(gap).longest(now)).max().unwrap_or_default(),
            control: locked(&self.control_gap).longest(now),
        }
    }

    /// Why entries were not acknowledged and writes were repeated, and how many each time.
    #[must_use]
    pub fn refusals(&self) -> BTreeMap<String, u64> {
        locked(&self.refusals).clone()
    }
}

/// Somebody at work. Dropping it ends it.
pub struct Open<'a>(&'a AtomicU64);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
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
    fn who_waited_longest_is_seen() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let board = Board::new(2, start);
        let put = || vec![Put { mark: "1".to_owned(), fate: Fate::Acknowledged("a".to_owned()) }];
        board.told(0, put(), at(100));
        board.told(1, put(), at(250));
        board.told(0, put(), at(300));
        board.told(1, vec![], at(300));
        let ms = Duration::from_millis;
        assert_eq!(board.gaps(at(320)), Gaps { puts: ms(150), producer: ms(250), control: ms(320) });
        let work = board.work();
        assert!(!board.is_quiet());
        drop(work);
        assert!(board.is_quiet());
    }
}
