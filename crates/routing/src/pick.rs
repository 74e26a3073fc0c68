//! Which group takes an event that no key binds to one: the first that has room. Pure.
//!
//! Cost is per append per group, so one group is filled before the next is begun.

use bascule_model::uid::GroupId;
use bascule_statemachine::ports::propose::Led;

/// Bytes that may wait in one group before the next is used: one entry's worth.
const FILLED_BYTES: usize = 1_048_576;

/// The group for `bytes` more; `None` when this node leads none or all are full.
pub(crate) fn pick(led: &[Led], bytes: usize) -> Option<GroupId> {
    let unfilled = led.iter().find(|led| led.waiting_bytes + bytes <= FILLED_BYTES);
    let emptiest = || led.iter().min_by_key(|led| (led.waiting_bytes, led.group));
    let found = unfilled.or_else(emptiest)?;
    (found.waiting_bytes + bytes <= found.limit_bytes).then_some(found.group)
}

#[cfg(test)]
mod tests {
    use super::*;

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
