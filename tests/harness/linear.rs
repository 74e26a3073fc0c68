//! Whether calls about one thing can be put in an order that agrees with what each was told and with real time.
//!
//! The search of Wing and Gong ("Testing and verifying concurrent objects", 1993) with the memory of Lowe ("Testing for
//! linearizability", 2017): a set of calls that are taken, and what is there then, is looked at once.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;

/// Calls about one thing that can be looked at together.
pub const CALLS_LIMIT_COUNT: usize = 128;

/// A call, from its beginning to its end in one order of all that happened.
pub trait Call: Debug {
    /// What is there between two calls; at first its default.
    type There: Default + Copy + Eq + Hash;

    /// The place of its beginning.
    fn began(&self) -> u64;

    /// The place of its end; `None` if nobody knows whether it was done: it may be done at any time later, or never.
    fn ended(&self) -> Option<u64>;

    /// What is there after the call, if what it was told fits what was there.
    fn after(&self, there: Self::There) -> Option<Self::There>;
}

/// Looks for an order. Whoever knows that nothing was done leaves the call out.
///
/// # Errors
/// There is none: the calls that are left at best; or there are more than [`CALLS_LIMIT_COUNT`].
pub fn check<C: Call>(calls: &[C]) -> Result<(), String> {
    if calls.len() > CALLS_LIMIT_COUNT {
        return Err(format!("{} calls about one thing, at most {CALLS_LIMIT_COUNT} are looked at", calls.len()));
    }
    let mut calls: Vec<&C> = calls.iter().collect();
    calls.sort_by_key(|call| call.began());
    let known: u128 = set(&calls, |call| call.ended().is_some());
    let mut looked = HashSet::new();
    let mut stack = vec![(0_u128, C::There::default())];
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
        let open = |(at, _): &(usize, &&C)| taken >> at & 1 == 0;
        let ends = calls.iter().enumerate().filter(open).filter_map(|(_, call)| call.ended());
        let first_end = ends.min().unwrap_or(u64::MAX);
        for (at, call) in calls.iter().enumerate().filter(open).filter(|(_, call)| call.began() < first_end) {
            if let Some(next) = call.after(there) {
                stack.push((taken | 1 << at, next));
            }
        }
    }
    let left = calls.iter().enumerate().filter(|(at, _)| furthest >> at & 1 == 0);
    let left: Vec<String> = left.map(|(_, call)| format!("{call:?}")).collect();
    Err(format!("no order fits; at best these are left:\n{}", left.join("\n")))
}

fn set<C>(calls: &[&C], is_in: impl Fn(&C) -> bool) -> u128 {
    calls.iter().enumerate().filter(|(_, call)| is_in(call)).fold(0, |set, (at, _)| set | 1 << at)
}
