//! What a quorum's clocks say the time is. Pure.
//!
//! Each greeting gives one peer's wall clock beside this node's boot clock. The median over a quorum is a time that no minority of
//! wrong clocks moves; it runs on with the boot clock until the next greeting.

use bascule_model::time::{BootMillis, Millis};

use crate::limits::{CLOCK_OFF_LIMIT_MS, HEARD_LIMIT_MS};

/// One clock, read at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// What it said.
    pub wall: Millis,
    /// This node's boot clock at that moment, as near as the call's duration lets it be known.
    pub boot: BootMillis,
}

impl Reading {
    fn at(self, boot: BootMillis) -> Option<u64> {
        let age = boot.since(self.boot);
        (age <= HEARD_LIMIT_MS).then(|| self.wall.0.saturating_add(age))
    }
}

/// The time by the median of `own` and the peers' clocks; `None` while fewer than a quorum of `voters` are known.
#[must_use]
pub fn median(own: Reading, peers: &[Reading], voters: usize) -> Option<Millis> {
    let mut times: Vec<u64> = peers.iter().filter_map(|peer| peer.at(own.boot)).collect();
    times.push(own.wall.0);
    if times.len() < voters / 2 + 1 {
        return None;
    }
    times.sort_unstable();
    // Of two the earlier: time that runs late breaks nothing, time that runs ahead cannot be taken back.
    times.get((times.len() - 1) / 2).copied().map(Millis)
}

/// How far `wall` is off, if that is more than a leader's clock may be.
#[must_use]
pub fn off(wall: Millis, median: Millis) -> Option<u64> {
    let off_ms = wall.0.abs_diff(median.0);
    (off_ms > CLOCK_OFF_LIMIT_MS).then_some(off_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minority_of_wrong_clocks_moves_nothing() {
        // Voters, own wall clock, peers' (wall, age of the reading) → median.
        let check = |voters: usize, own: u64, peers: &[(u64, u64)], expected: Option<u64>| {
            let boot = BootMillis(100_000);
            let peers: Vec<_> = peers
                .iter()
                .map(|(wall, age)| Reading { wall: Millis(*wall), boot: BootMillis(100_000 - age) })
                .collect();
            let own = Reading { wall: Millis(own), boot };
            assert_eq!(median(own, &peers, voters), expected.map(Millis), "{voters} {own:?} {peers:?}");
        };
        check(1, 500, &[], Some(500));
        check(3, 500, &[], None);
        check(3, 500, &[(700, 0)], Some(500));
        check(3, 900, &[(700, 0)], Some(700));
        check(3, 9_999_999, &[(700, 0), (702, 0)], Some(702));
        check(3, 0, &[(700, 0), (702, 0)], Some(700));
        check(3, 700, &[(9_999_999, 0), (702, 0)], Some(702));
        check(3, 700, &[(700, 1_000), (690, 20)], Some(710));
        check(3, 700, &[(700, HEARD_LIMIT_MS + 1)], None);
        check(5, 1, &[(700, 0), (2, 0), (710, 0), (720, 0)], Some(700));
        check(5, 1, &[(700, 0)], None);
    }

    #[test]
    fn two_seconds_are_too_much() {
        assert_eq!(off(Millis(10_000), Millis(8_000)), None);
        assert_eq!(off(Millis(10_001), Millis(8_000)), Some(2_001));
        assert_eq!(off(Millis(5_999), Millis(8_000)), Some(2_001));
    }
}
