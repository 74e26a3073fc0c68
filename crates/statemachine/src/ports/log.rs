//! The port to the Raft logs: one append-only log a group, one sync for all of them.

use bascule_model::uid::GroupId;
use bytes::Bytes;

/// Why a log could not be read or written. After a failed sync every later call fails: what the page cache then holds is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The disk or the database below it failed.
    #[error("the log of {group} failed: {why}")]
    Disk {
        /// The group.
        group: GroupId,
        /// The database's own words.
        why: String,
    },
    /// A record is not what was written.
    #[error("record {index} in the log of {group} is damaged: {why}")]
    Damaged {
        /// The group.
        group: GroupId,
        /// The record's index.
        index: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A sync failed earlier, so nothing more is written or acknowledged.
    #[error("the logs are closed since a sync failed: {why}")]
    Poisoned {
        /// The first failure.
        why: String,
    },
}

/// One entry of a log. What `id` and `payload` say is the replication room's business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Place in the log; appended without gaps.
    pub index: u64,
    /// The encoded log id, kept clear.
    pub id: Bytes,
    /// The encoded entry.
    pub payload: Bytes,
    /// Whether the payload holds nothing but uids, integers, MACs and sealed frames; else storage seals it.
    pub clear: bool,
}

/// What a log knows about itself when it is opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The encoded vote that was last saved.
    pub vote: Option<Bytes>,
    /// The encoded id up to which the log was purged.
    pub purged: Option<(u64, Bytes)>,
    /// Index and encoded id of the last record.
    pub last: Option<(u64, Bytes)>,
    /// The encoded committed id, a hint that needs no sync.
    pub committed: Option<Bytes>,
}

/// Called once: when what it was handed in with is on disk, or when it never will be. Calls come in the order of submission.
pub type Synced = Box<dyn FnOnce(Result<(), LogError>) + Send>;

/// The logs of all groups of this node.
pub trait Log: Send + Sync {
    /// What the group's log holds.
    ///
    /// # Errors
    /// [`LogError`].
    fn state(&self, group: GroupId) -> Result<State, LogError>;

    /// Records with `from <= index < to`, in order; stops before `limit_bytes` are exceeded, yet returns at least one if there is one.
    ///
    /// # Errors
    /// [`LogError`].
    fn read(&self, group: GroupId, from: u64, to: u64, limit_bytes: usize) -> Result<Vec<Record>, LogError>;

    /// Appends records: readable on return, `synced` called when they are on disk.
    ///
    /// # Errors
    /// [`LogError`]; `synced` is then not called.
    fn append(&self, group: GroupId, records: Vec<Record>, synced: Synced) -> Result<(), LogError>;

    /// Saves the vote, in one order with appends; `synced` called when it is on disk.
    ///
    /// # Errors
    /// [`LogError`]; `synced` is then not called.
    fn save_vote(&self, group: GroupId, vote: Bytes, synced: Synced) -> Result<(), LogError>;

    /// Saves the committed id without waiting for the disk.
    ///
    /// # Errors
    /// [`LogError`].
    fn save_committed(&self, group: GroupId, committed: Option<Bytes>) -> Result<(), LogError>;

    /// Drops every record with `index >= from`. The `synced` marker is lowered on disk before.
    ///
    /// # Errors
    /// [`LogError`].
    fn truncate(&self, group: GroupId, from: u64) -> Result<(), LogError>;

    /// Drops every record with `index <= through`; `id` is the encoded id of that record.
    ///
    /// # Errors
    /// [`LogError`].
    fn purge(&self, group: GroupId, through: u64, id: Bytes) -> Result<(), LogError>;
}
