//! Which group takes an event: what no key binds to one, the first that has room; the rest, its slot's. Pure.
//!
//! Cost is per append per group, so one group is filled before the next is begun.

use bascule_model::id;
use bascule_model::name::AccountId;
use bascule_model::uid::{GroupId, Uid};
use bascule_statemachine::ports::propose::Led;

/// Bytes that may wait in one group before the next is used: one entry's worth.
const FILLED_BYTES: usize = 1_048_576;

/// Slots of what is bound; fixed for good (replicated.md, "Groups").
const SLOTS_COUNT: u16 = 1_024;

/// The group for `bytes` more; `None` when this node leads none or all are full.
pub(crate) fn pick(led: &[Led], bytes: usize) -> Option<GroupId> {
    let unfilled = led.iter().find(|led| led.waiting_bytes + bytes <= FILLED_BYTES);
    let emptiest = || led.iter().min_by_key(|led| (led.waiting_bytes, led.group));
    let found = unfilled.or_else(emptiest)?;
    (found.waiting_bytes + bytes <= found.limit_bytes).then_some(found.group)
}

/// The group of what a key or token binds: 1,024 fixed slots, dealt to the groups in turn.
pub(crate) fn bound(groups: &[GroupId], account: AccountId, bus: Uid, key: &[u8]) -> Option<GroupId> {
    let [high, low, ..] = id::hash("slot", &[&account.number().to_be_bytes(), &bus.0.to_be_bytes(), key]);
    let slot = usize::from(u16::from_be_bytes([high, low]) % SLOTS_COUNT);
    groups.get(slot.checked_rem(groups.len())?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bound_stays_and_spreads() {
        let groups: Vec<_> = (1..=12).map(GroupId).collect();
        let of = |key: u64| bound(&groups, AccountId::default(), Uid(7), &key.to_be_bytes()).unwrap();
        assert_eq!(of(5), of(5));
        let mut counts = [0; 13];
        (0..12_000).for_each(|key| counts[of(key).0 as usize] += 1);
        assert!(counts[1..].iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
        assert_eq!(bound(&[], AccountId::default(), Uid(7), b""), None);
    }

    #[test]
    fn one_group_is_filled_before_the_next() {
        let led = |waiting: &[usize]| -> Vec<Led> {
            let groups = waiting.iter().zip(1..);
            let limit_bytes = 4 * FILLED_BYTES;
            groups
                .map(|(waiting_bytes, id)| Led {
                    group: GroupId(id),
                    term: 1,
                    waiting_bytes: *waiting_bytes,
                    limit_bytes,
                })
                .collect()
        };
        let full = FILLED_BYTES;
        for (waiting, bytes, group) in [
            (&[][..], 1, None),
            (&[0, 0, 0], 1, Some(1)),
            (&[full - 1, 0], 1, Some(1)),
            (&[full, 0], 1, Some(2)),
            (&[2 * full, full, 3 * full], 1, Some(2)),
            (&[4 * full, 4 * full], 1, None),
            (&[0, 0], 2 * full, Some(1)),
            (&[0, 0], 4 * full + 1, None),
        ] {
            assert_eq!(pick(&led(waiting), bytes), group.map(GroupId), "{waiting:?} {bytes}");
        }
    }
}
