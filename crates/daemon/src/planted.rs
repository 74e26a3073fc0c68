//! Faults that are planted on purpose, to see that tests find them: in builds with the feature `planted`, and in no other.

use std::sync::Arc;

use bascule_statemachine::ports::propose::Propose;

use crate::error::Error;

/// The variable that names a fault.
pub const VARIABLE: &str = "BASCULE_PLANT";

#[cfg(all(feature = "planted", not(debug_assertions)))]
compile_error!("the feature `planted` takes safety away on purpose: no release may be built with it");

/// What is planted. Without the feature there is one value, which plants nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// Nothing.
    Nothing,
    /// Writes are acknowledged without a sync.
    #[cfg(feature = "planted")]
    NoSync,
    /// Payloads and rows lie plain on disk.
    #[cfg(feature = "planted")]
    NoSeal,
    /// Some messages are said to be deleted and are not.
    #[cfg(feature = "planted")]
    NoDelete,
}

impl Plant {
    /// Reads the variable's value; a build that cannot plant refuses any, or a test would trust a control that controls nothing.
    ///
    /// # Errors
    /// [`Error::Plant`].
    pub fn read(value: Option<&str>) -> Result<Self, Error> {
        match value {
            None => Ok(Self::Nothing),
            #[cfg(feature = "planted")]
            Some("no-sync") => Ok(Self::NoSync),
            #[cfg(feature = "planted")]
            Some("no-seal") => Ok(Self::NoSeal),
            #[cfg(feature = "planted")]
            Some("no-delete") => Ok(Self::NoDelete),
            Some(other) => {
                let why = if cfg!(feature = "planted") {
                    "it must be `no-sync`, `no-seal` or `no-delete`"
                } else {
                    "this build plants no faults"
                };
                Err(Error::Plant { value: other.to_owned(), why })
            }
        }
    }

    /// How logs acknowledge.
    #[must_use]
    pub const fn sync(self) -> bascule_storage::raftlog::Sync {
        match self {
            Self::Nothing => bascule_storage::raftlog::Sync::Real,
            #[cfg(feature = "planted")]
            Self::NoSync => bascule_storage::raftlog::Sync::Skipped,
            #[cfg(feature = "planted")]
            Self::NoSeal | Self::NoDelete => bascule_storage::raftlog::Sync::Real,
        }
    }

    /// Whether anything is sealed.
    #[cfg(feature = "planted")]
    #[must_use]
    pub const fn sealing(self) -> bascule_keyring::sealer::Sealing {
        match self {
            Self::NoSeal => bascule_keyring::sealer::Sealing::Off,
            Self::Nothing | Self::NoSync | Self::NoDelete => bascule_keyring::sealer::Sealing::On,
        }
    }

    /// The way into the logs, for those who answer for leaders.
    #[must_use]
    pub fn proposing(self, groups: Arc<dyn Propose>) -> Arc<dyn Propose> {
        match self {
            Self::Nothing => groups,
            #[cfg(feature = "planted")]
            Self::NoSync | Self::NoSeal => groups,
            #[cfg(feature = "planted")]
            Self::NoDelete => Arc::new(keeping::Keeping::over(groups)),
        }
    }

    /// Says loudly that something is planted.
    pub fn warn(self) {
        if self != Self::Nothing {
            tracing::error!(plant = ?self, "A FAULT IS PLANTED: this daemon loses or shows data on purpose");
        }
    }
}

/// Answers every 97th deletion of a message without having it written.
#[cfg(feature = "planted")]
mod keeping {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use bascule_model::ambient::Pending;
    use bascule_model::time::Millis;
    use bascule_model::uid::GroupId;
    use bascule_statemachine::codec::shard::{Command, Kind, Settle};
    use bascule_statemachine::control::reply::Reply as ControlReply;
    use bascule_statemachine::ports::propose::{Change, Led, Propose, ProposeError};
    use bascule_statemachine::shard::reply::{Reply, Settled};

    const EVERY: u64 = 97;

    pub struct Keeping {
        groups: Arc<dyn Propose>,
        deletions: AtomicU64,
    }

    impl Keeping {
        pub fn over(groups: Arc<dyn Propose>) -> Self {
            Self { groups, deletions: AtomicU64::new(0) }
        }

        /// Takes them out; gives their places.
        fn keep(&self, settle: &mut Settle) -> Vec<usize> {
            let mut kept = Vec::new();
            let all = std::mem::take(&mut settle.settlements);
            for (at, settlement) in all.into_iter().enumerate() {
                let is_deletion = settlement.visible_in_ms.is_none();
                if is_deletion && (self.deletions.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(EVERY) {
                    kept.push(at);
                } else {
                    settle.settlements.push(settlement);
                }
            }
            kept
        }
    }

    impl Propose for Keeping {
        fn shard(
            &self,
            group: GroupId,
            only_in_term: Option<u64>,
            mut commands: Vec<Command>,
        ) -> Pending<'_, Result<Vec<Reply>, ProposeError>> {
            let kept: Vec<Vec<usize>> = commands
                .iter_mut()
                .map(|command| match &mut command.kind {
                    Some(Kind::Settle(settle)) => self.keep(settle),
                    _ => Vec::new(),
                })
                .collect();
            Box::pin(async move {
                let mut replies = self.groups.shard(group, only_in_term, commands).await?;
                for (reply, kept) in replies.iter_mut().zip(kept) {
                    if let Reply::Settled(settled) = reply {
                        kept.into_iter().for_each(|at| settled.insert(at, Settled::Deleted));
                    }
                }
                Ok(replies)
            })
        }

        fn control(&self, change: Change) -> Pending<'_, Result<ControlReply, ProposeError>> {
            self.groups.control(change)
        }

        fn rehearse(&self, change: Change) -> Pending<'_, Result<ControlReply, ProposeError>> {
            self.groups.rehearse(change)
        }

        fn led(&self) -> Vec<Led> {
            self.groups.led()
        }

        fn elsewhere(&self) -> Vec<GroupId> {
            self.groups.elsewhere()
        }

        fn holds(&self, group: GroupId, term: u64) -> bool {
            self.groups.holds(group, term)
        }

        fn time(&self, group: GroupId, term: u64) -> Millis {
            self.groups.time(group, term)
        }

        fn control_term(&self) -> Option<u64> {
            self.groups.control_term()
        }

        fn control_barrier(&self) -> Pending<'_, Result<u64, ProposeError>> {
            self.groups.control_barrier()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_planted_without_the_feature() {
        assert_eq!(Plant::read(None).unwrap(), Plant::Nothing);
        for value in ["no-sync", "no-seal", "no-delete"] {
            assert_eq!(Plant::read(Some(value)).is_ok(), cfg!(feature = "planted"), "{value}");
        }
        assert!(Plant::read(Some("no-thing")).is_err() && Plant::read(Some("")).is_err());
    }
}
