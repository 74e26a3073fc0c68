//! Numbers that name things inside a cluster and are never used twice: uids, control indexes, groups, sequences.

use std::fmt;

/// Bits of a [`Uid`] or [`ControlIndex`] below its incarnation.
const COUNTER_BITS: u32 = 48;

macro_rules! incarnated {
    ($name:ident, $what:literal) => {
        #[doc = $what]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u64);

        impl $name {
            /// Joins a 16-bit incarnation and a counter; `None` if the counter needs more than 48 bits.
            #[must_use]
            pub const fn new(incarnation: u16, counter: u64) -> Option<Self> {
                if counter >> COUNTER_BITS != 0 {
                    return None;
                }
                Some(Self((incarnation as u64) << COUNTER_BITS | counter))
            }

            /// Which life of the cluster minted this; `restore` and `recover` begin a new one.
            #[must_use]
            pub const fn incarnation(self) -> u16 {
                (self.0 >> COUNTER_BITS) as u16
            }

            /// The counter below the incarnation.
            #[must_use]
            pub const fn counter(self) -> u64 {
                self.0 & ((1 << COUNTER_BITS) - 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{}.{}", self.incarnation(), self.counter())
            }
        }
    };
}

incarnated!(Uid, "The never-reused number of a bus, rule, target, queue, connection or destination.");
incarnated!(ControlIndex, "A place in the control group's log, with the incarnation in front.");

/// A Raft group: 0 is the control group, the others are shards. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

impl GroupId {
    /// The one group that holds buses, rules and policies.
    pub const CONTROL: Self = Self(0);
}

impl fmt::Display for GroupId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::CONTROL { out.write_str("control") } else { write!(out, "shard-{}", self.0) }
    }
}

/// The place of an event or message within its group; assigned by apply, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sequence(pub u64);

/// A node; it keeps its id for life and loses it with its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct NodeId(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incarnation_orders_before_any_counter() {
        let old = Uid::new(1, (1 << 48) - 1).unwrap();
        let new = Uid::new(2, 0).unwrap();
        assert!(old < new);
        assert_eq!((new.incarnation(), new.counter()), (2, 0));
        assert_eq!((old.incarnation(), old.counter()), (1, (1 << 48) - 1));
        assert_eq!(Uid::new(0, 1 << 48), None);
    }
}
