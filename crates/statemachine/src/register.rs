//! The append-only register of tables: every prefix that a row's key may begin with, for good.
//!
//! A number is never reused or given another meaning; a retired table keeps its line.

/// A table of one group. The number is the first byte of each of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// Every group: one row, what the machine itself counts (next sequence, watermark, group time).
    Meta = 1,

    /// Control: (account, bus name) → bus.
    Buses = 16,
    /// Control: (bus uid, rule name) → rule.
    Rules = 17,
    /// Control: (rule uid, target id) → target.
    Targets = 18,
    /// Control: (account, connection name) → connection, its secrets sealed under the cluster's at-rest key.
    Connections = 19,
    /// Control: (account, API destination name) → API destination.
    Destinations = 20,
    /// Control: (account, queue name) → queue.
    Queues = 21,
    /// Control: (uid) → what a deleted bus, rule, target or queue was, and the groups that have not confirmed.
    Deleted = 22,
    /// Control: (key id) → wrapped data key of a bus.
    DataKeys = 23,
    /// Control: (account, operation, request id) → the first answer, for a day of control time.
    Requests = 24,
    /// Control: () → the organisation.
    Organization = 25,
    /// Control: (unit id) → organisational unit.
    Units = 26,
    /// Control: (id of a root or unit, unit name) → the unit of that name there.
    UnitNames = 27,
    /// Control: (account) → account.
    Accounts = 28,
    /// Control: (account, role name in lower case) → role.
    Roles = 29,
    /// Control: (account, user name in lower case) → user.
    Users = 30,
    /// Control: (account, kind, policy name in lower case) → managed policy.
    Policies = 31,
    /// Control: (certificate identity) → the user it belongs to.
    Identities = 32,
    /// Control: (access key id) → the user it belongs to.
    AccessKeys = 33,
    /// Control: (node id) → node of the cluster, for good.
    Nodes = 40,
    /// Control: (token id) → token by which one node joins.
    JoinTokens = 41,
    /// Control: (group) → the nodes that have its replicas, as planned.
    Assignments = 42,

    /// Shard: (sequence) → event that a lane or archive still owes.
    Events = 64,
    /// Shard: (target uid, sequence) → what outlives the watermark: attempts, due, last fault.
    Refs = 65,
    /// Shard: (target uid) → a detached lane and its reason.
    Lanes = 66,
    /// Shard: (sequence) → done targets of an event above the watermark.
    Exceptions = 67,
    /// Shard: (target uid) → how many deliveries ended in each terminal state.
    Counts = 68,
    /// Shard: (queue uid, sequence, target uid) → message.
    Messages = 69,
    /// Shard: (queue uid, due, sequence, target uid) → nothing; the order in which messages become visible.
    Visible = 70,
    /// Shard: (bus uid, sequence, target uid) → dead letter without a queue of its own.
    DeadLetters = 71,
    /// Shard: (uid) → a deleted queue, bus or archive that later stamps may still name.
    Tombstones = 72,
    /// Shard: (sequence, target uid) → outcome other than `delivered`.
    Outcomes = 73,
    /// Shard: (bus uid, token MAC) → the event that was put with the token.
    Tokens = 74,
    /// Shard: (until, bus uid, token MAC) → nothing; the order in which tokens are forgotten.
    TokenAges = 75,
    /// Shard: (bus uid, first half of an event's id, second half, sequence) → nothing; where the event's row stands.
    EventIds = 76,
}

impl Table {
    /// Every table there is, in order of number.
    pub const ALL: [Self; 35] = [
        Self::Meta,
        Self::Buses,
        Self::Rules,
        Self::Targets,
        Self::Connections,
        Self::Destinations,
        Self::Queues,
        Self::Deleted,
        Self::DataKeys,
        Self::Requests,
        Self::Organization,
        Self::Units,
        Self::UnitNames,
        Self::Accounts,
        Self::Roles,
        Self::Users,
        Self::Policies,
        Self::Identities,
        Self::AccessKeys,
        Self::Nodes,
        Self::JoinTokens,
        Self::Assignments,
        Self::Events,
        Self::Refs,
        Self::Lanes,
        Self::Exceptions,
        Self::Counts,
        Self::Messages,
        Self::Visible,
        Self::DeadLetters,
        Self::Tombstones,
        Self::Outcomes,
        Self::Tokens,
        Self::TokenAges,
        Self::EventIds,
    ];

    /// The table of a number; `None` for numbers that this build does not know.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|table| *table as u8 == number)
    }

    /// Whether the rows hold nothing but uids, ids of events, integers, MACs and sealed frames, so that storage need not seal them again.
    ///
    /// Only the tables of the hot path are clear; all others are sealed under the at-rest key.
    #[must_use]
    pub const fn is_clear(self) -> bool {
        matches!(
            self,
            Self::Meta
                | Self::Events
                | Self::Lanes
                | Self::Exceptions
                | Self::Counts
                | Self::Visible
                | Self::Tombstones
                | Self::Tokens
                | Self::TokenAges
                | Self::EventIds
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_and_read_back() {
        for pair in Table::ALL.windows(2) {
            assert!((pair[0] as u8) < pair[1] as u8, "{pair:?}");
        }
        for table in Table::ALL {
            assert_eq!(Table::from_number(table as u8), Some(table));
        }
        assert_eq!(Table::from_number(0), None);
    }
}
