//! Why a put, or one entry of it, was not taken, and why a frame was not opened.

use bascule_keyring::error::OpenError;
use bascule_keyring::secret::KeyId;
use bascule_model::event::EntryRefusal;
use bascule_model::fault::Fault;
use bascule_model::uid::ControlIndex;
use bascule_statemachine::codec::CodecError;

/// Why a call was refused as a whole; nothing of it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The call cannot be.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The view has not reached the index that the caller asked for.
    #[error("this node's view stands at `{view}`, before `{asked}`")]
    Stale {
        /// Where it stands.
        view: ControlIndex,
        /// What was asked for.
        asked: ControlIndex,
    },
    /// There is no cluster yet.
    #[error("the cluster is not initialised")]
    NotInitialised,
}

/// Why one entry was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// It cannot be.
    #[error(transparent)]
    Refused(#[from] EntryRefusal),
    /// There is no such bus.
    #[error("event bus `{0}` does not exist")]
    NoBus(String),
    /// A rule of its bus cannot be decided for this event within bounds.
    #[error("the event's repeated keys and nested arrays are too many to decide a rule")]
    TooManyCombinations,
    /// More rules and queues want it than a stamp holds.
    #[error("`{count}` rules and queues want the event, a stamp holds {limit}")]
    TooManyMatches {
        /// How many.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The bus's key cannot be used now. Nothing was written.
    #[error("data key `{0}` cannot be used now")]
    Key(KeyId),
    /// Too much waits already. Nothing was written.
    #[error("too much waits to be written, try again")]
    Busy,
    /// No group is led here now. Nothing was written.
    #[error("no shard group has a leader here now")]
    NoLeader,
    /// It was proposed, and whether it was written is not known.
    #[error("the event was proposed, and whether it was stored is not known")]
    Unknown,
    /// A fault of ours; nothing was written.
    #[error("the event could not be sealed or stored: {0}")]
    Internal(String),
}

/// Why sealing or opening did not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The frame is not what was sealed there.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The key is not to be had now.
    #[error("data key `{key}` cannot be used now: {why}")]
    Key {
        /// Which.
        key: KeyId,
        /// What the provider said, free of secrets.
        why: String,
    },
    /// Nothing is known of the key, or of the cluster.
    #[error("no data key is known for this")]
    NoKey,
    /// The payload was not sealed.
    #[error("the payload was not sealed: {0}")]
    Seal(String),
    /// The frame is whole, and what it holds is of a later build.
    #[error("the payload cannot be read: {0}")]
    Payload(#[from] CodecError),
}

impl SealError {
    /// Whether trying again can never help: the frame is not what was sealed there.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Open(OpenError::Unauthentic))
    }
}
