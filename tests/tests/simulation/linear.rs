//! Whether calls about one name can be put in an order that agrees with what each was told and with real time.
//!
//! The search of Wing and Gong with the memory of Lowe: a set of calls that are taken, and what is there then, is looked at once.

use std::collections::HashSet;

use super::history::{Call, Told, Wish};

/// What is there under a name. A uid that nobody was told is unknown until somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum There {
    Nothing,
    Queue(Option<u64>, u64),
}

/// What is there after the call, if what it was told fits.
fn after(call: &Call, there: There) -> Option<There> {
    let is = |known: Option<u64>, uid: u64| known.is_none_or(|known| known == uid);
    match (call.wish, call.told, there) {
        (Wish::Create(setting), Told::Done(uid), There::Nothing) => Some(There::Queue(Some(uid), setting)),
        (Wish::Create(setting), Told::Done(uid), There::Queue(known, other)) => {
            (is(known, uid) && setting == other).then_some(There::Queue(Some(uid), other))
        }
        (Wish::Create(setting), Told::Exists, There::Queue(_, other)) => (setting != other).then_some(there),
        (Wish::Create(setting), Told::Unknown, There::Nothing) => Some(There::Queue(None, setting)),
        (Wish::Delete, Told::Done(uid), There::Queue(known, _)) => is(known, uid).then_some(There::Nothing),
        (Wish::Delete, Told::Missing, There::Nothing) => Some(there),
        (Wish::Delete, Told::Unknown, _) => Some(There::Nothing),
        (Wish::Create(_), Told::Unknown, There::Queue(..)) => Some(there),
        (Wish::Read, Told::Missing, There::Nothing) => Some(there),
        (Wish::Read, Told::Found(uid, setting), There::Queue(known, other)) => {
            (is(known, uid) && setting == other).then_some(There::Queue(Some(uid), other))
        }
        _ => None,
    }
}

/// The calls about one name that fit no order, if they do not.
pub(crate) fn check(calls: &[Call]) -> Result<(), String> {
    let mut calls: Vec<Call> = calls.iter().copied().filter(|call| call.told != Told::Nothing).collect();
    calls.sort_by_key(|call| call.began);
    assert!(calls.len() <= 128, "{} calls about one name", calls.len());
    let known: u128 =
        calls.iter().enumerate().filter(|(_, call)| call.told != Told::Unknown).fold(0, |set, (at, _)| set | 1 << at);
    let mut looked = HashSet::new();
    let mut stack = vec![(0_u128, There::Nothing)];
    let mut furthest = 0_u128;
    while let Some((taken, there)) = stack.pop() {
        if taken & known == known {
            return Ok(());
        }
        if !looked.insert((taken, there)) {
            continue;
        }
        if taken.count_ones() > furthest.count_ones() {
            furthest = taken;
        }
        // A call goes before another only if it did not end before that one began.
        let open = |at: &usize| taken >> at & 1 == 0;
        let first_end = (0..calls.len())
            .filter(open)
            .filter(|at| calls[*at].told != Told::Unknown)
            .map(|at| calls[at].ended)
            .min()
            .unwrap_or(u64::MAX);
        for at in (0..calls.len()).filter(open).filter(|at| calls[*at].began < first_end) {
            if let Some(next) = after(&calls[at], there) {
                stack.push((taken | 1 << at, next));
            }
        }
    }
    let left: Vec<String> = calls
        .iter()
        .enumerate()
        .filter(|(at, _)| furthest >> at & 1 == 0)
        .map(|(_, call)| format!("{call:?}"))
        .collect();
    Err(format!("no order fits; at best these are left:\n{}", left.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bascule_model::uid::NodeId;

    #[test]
    fn orders_that_fit_are_found_and_others_are_not() {
        use Told::{Done, Exists, Found, Missing, Unknown};
        use Wish::{Create, Delete, Read};
        type Row<'a> = (&'a [(Wish, u64, u64, Told)], bool);
        let rows: [Row<'_>; 9] = [
            (
                &[
                    (Create(1), 1, 2, Done(7)),
                    (Read, 3, 4, Found(7, 1)),
                    (Delete, 5, 6, Done(7)),
                    (Read, 7, 8, Missing),
                ],
                true,
            ),
            // Read after a deletion that was confirmed.
            (&[(Create(1), 1, 2, Done(7)), (Delete, 3, 4, Done(7)), (Read, 5, 6, Found(7, 1))], false),
            // The same at the same time.
            (&[(Create(1), 1, 2, Done(7)), (Delete, 3, 6, Done(7)), (Read, 4, 5, Found(7, 1))], true),
            // Two that read at once and see it come and go again.
            (&[(Create(1), 1, 9, Done(7)), (Read, 2, 3, Found(7, 1)), (Read, 4, 5, Missing)], false),
            // Unknown may come late, or never.
            (&[(Create(1), 1, 2, Unknown), (Read, 3, 4, Missing), (Read, 5, 6, Found(3, 1))], true),
            (&[(Create(1), 1, 2, Unknown), (Read, 3, 4, Missing)], true),
            (&[(Create(1), 1, 2, Unknown), (Read, 3, 4, Found(3, 1)), (Read, 5, 6, Found(4, 1))], false),
            (&[(Create(1), 1, 2, Done(7)), (Create(2), 3, 4, Exists), (Create(1), 5, 6, Done(7))], true),
            (&[(Create(1), 1, 2, Done(7)), (Create(1), 3, 4, Done(8))], false),
        ];
        for (calls, fits) in rows {
            let calls: Vec<Call> = calls
                .iter()
                .map(|(wish, began, ended, told)| Call {
                    node: NodeId(1),
                    name: 0,
                    wish: *wish,
                    began: *began,
                    ended: *ended,
                    told: *told,
                })
                .collect();
            assert_eq!(check(&calls).is_ok(), fits, "{calls:?}");
        }
    }
}
