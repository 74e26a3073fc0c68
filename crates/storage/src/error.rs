//! Why the databases of a node could not be opened.

use bascule_model::uid::GroupId;
use bascule_statemachine::ports::log::LogError;

/// What stands in the way of a start. Nothing is deleted on any of them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A database or file could not be opened, read or written.
    #[error("the {what} could not be opened: {why}")]
    Open {
        /// `log database`, `table database` or `synced marker`.
        what: &'static str,
        /// The system's own words.
        why: String,
    },
    /// Neither slot of the `synced` marker is whole.
    #[error("both slots of the synced marker are damaged")]
    MarkerDamaged,
    /// There are logs, yet no marker that says how far they were synced.
    #[error("the synced marker is missing beside logs that hold records")]
    MarkerMissing,
    /// The log lost records that were acknowledged as synced.
    #[error("the log of {group} ends at `{log:?}`, behind `{marker}`, which was synced")]
    LogBehindMarker {
        /// The group.
        group: GroupId,
        /// The index that the marker names.
        marker: u64,
        /// The index at which the log ends, purged ones included.
        log: Option<u64>,
    },
    /// The log lost a vote that was acknowledged as synced, or holds another record where the marker names one.
    #[error("the {what} of {group} is not the one that was synced")]
    NotAsSynced {
        /// The group.
        group: GroupId,
        /// `vote` or `last record`.
        what: &'static str,
    },
    /// Rows of a group are there, but not the generation that is in force.
    #[error("generation {generation} of the tables of {group} is missing while others are there")]
    GenerationMissing {
        /// The group.
        group: GroupId,
        /// The generation in force.
        generation: u64,
    },
    /// A log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
}
