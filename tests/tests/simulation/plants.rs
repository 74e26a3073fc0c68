//! Faults planted to see that the simulation finds them. Each lives in a wrapper of the simulation, none in what is shipped.

/// A planted fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Plant {
    /// None: what is shipped.
    #[default]
    Nothing,
    /// The log says that records are on disk before they are.
    AckBeforeSync,
    /// The network says in followers' names that entries are on their disks.
    AckBeforeQuorum,
    /// A restart forgets who was voted for.
    LostVote,
    /// A restart keeps rows, but not what is applied in them.
    DoubleApply,
    /// A linearizable read is answered from what is there.
    StaleRead,
    /// Checkpoints forget which deliveries above the watermark are done.
    DroppedException,
}

/// Every planted fault.
pub(crate) const PLANTS: [Plant; 6] = [
    Plant::AckBeforeSync,
    Plant::AckBeforeQuorum,
    Plant::LostVote,
    Plant::DoubleApply,
    Plant::StaleRead,
    Plant::DroppedException,
];

impl Plant {
    /// What is wrong, for people.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::AckBeforeSync => "a log acknowledges before it is synced",
            Self::AckBeforeQuorum => "the network acknowledges in followers' names",
            Self::LostVote => "a restart forgets votes",
            Self::DoubleApply => "a restart applies entries twice",
            Self::StaleRead => "a read is answered from what is there",
            Self::DroppedException => "checkpoints forget their exceptions",
        }
    }
}
