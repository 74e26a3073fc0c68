//! What a group did at this node since its start, counted where it happens: by the log and by whoever sends and installs snapshots.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::raft::Vote;

/// Counters of one group.
#[derive(Debug, Default)]
pub struct Tally {
    /// Elections that this node stood for: each begins with its own vote for itself on disk.
    elections: AtomicU64,
    /// Leaders that were elected, itself among them, as far as this node followed them.
    leaders: AtomicU64,
    append_entries: AtomicU64,
    append_bytes: AtomicU64,
    snapshots_sent: AtomicU64,
    snapshots_installed: AtomicU64,
    /// The term of the leader that was counted last.
    led: Mutex<u64>,
}

/// The same at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Elections that this node stood for.
    pub elections: u64,
    /// Leaders that it followed or was.
    pub leaders: u64,
    /// Entries that it wrote to its log.
    pub append_entries: u64,
    /// Bytes of their payloads.
    pub append_bytes: u64,
    /// Snapshots that it began to send.
    pub snapshots_sent: u64,
    /// Snapshots that it installed.
    pub snapshots_installed: u64,
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

impl Tally {
    pub(crate) fn voted(&self, vote: &Vote, node: u64) {
        let term = vote.leader_id.term;
        if !vote.committed {
            if vote.leader_id.voted_for == node {
                add(&self.elections, 1);
            }
            return;
        }
        let mut led = self.led.lock();
        if *led < term {
            *led = term;
            add(&self.leaders, 1);
        }
    }

    pub(crate) fn appended(&self, entries: u64, bytes: u64) {
        add(&self.append_entries, entries);
        add(&self.append_bytes, bytes);
    }

    pub(crate) fn sends_snapshot(&self) {
        add(&self.snapshots_sent, 1);
    }

    pub(crate) fn installed_snapshot(&self) {
        add(&self.snapshots_installed, 1);
    }

    /// All of them.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            elections: read(&self.elections),
            leaders: read(&self.leaders),
            append_entries: read(&self.append_entries),
            append_bytes: read(&self.append_bytes),
            snapshots_sent: read(&self.snapshots_sent),
            snapshots_installed: read(&self.snapshots_installed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_election_is_a_vote_for_oneself_and_a_leader_is_counted_once() {
        let tally = Tally::default();
        // Who is voted for in which term, and whether a quorum did → elections and leaders counted at node 1 by then.
        for (term, node, committed, expected) in [
            (1, 1, false, (1, 0)),
            (1, 1, true, (1, 1)),
            (2, 2, false, (1, 1)),
            (2, 2, true, (1, 2)),
            (2, 2, true, (1, 2)),
            (3, 1, false, (2, 2)),
        ] {
            let vote = if committed { Vote::new_committed(term, node) } else { Vote::new(term, node) };
            tally.voted(&vote, 1);
            let counts = tally.counts();
            assert_eq!((counts.elections, counts.leaders), expected, "{vote}");
        }
    }
}
