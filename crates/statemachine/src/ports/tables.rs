//! The port to a group's rows: point reads, bounded scans, and one atomic batch per applied stretch of the log.

use bascule_model::uid::GroupId;
use bytes::Bytes;

use crate::key::{Key, Range};

/// Why rows could not be read or written. None of them may be answered by going on without the row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The disk or the database below it failed.
    #[error("the tables of {group} could not be {verb}: {why}")]
    Disk {
        /// The group.
        group: GroupId,
        /// `read` or `written`.
        verb: &'static str,
        /// The database's own words, free of row contents.
        why: String,
    },
    /// A row is not what was written: its checksum, its seal or its form is wrong.
    #[error("a row of {group} in table {table} is damaged: {why}")]
    Damaged {
        /// The group.
        group: GroupId,
        /// The table's number.
        table: u8,
        /// What is wrong with it.
        why: String,
    },
    /// A row has a format that this build does not know.
    #[error("a row of {group} in table {table} has format {format}, newer than this build")]
    Newer {
        /// The group.
        group: GroupId,
        /// The table's number.
        table: u8,
        /// The format's number.
        format: u8,
    },
}

/// Rows of one group as they stood at one applied index.
pub trait Read: Send + Sync {
    /// The row at `key`.
    ///
    /// # Errors
    /// [`TableError`]; a damaged row is an error, never `None`.
    fn get(&self, key: &Key) -> Result<Option<Bytes>, TableError>;

    /// At most `limit_rows` rows of `range`, in the order of their numbers. Where names or ids stand behind the numbers, rows
    /// come in an order that is stable but means nothing.
    ///
    /// # Errors
    /// [`TableError`] as for [`Read::get`].
    fn scan(&self, range: &Range, limit_rows: usize) -> Result<Vec<(Key, Bytes)>, TableError>;
}

/// Changes that become visible together or not at all, in the order of logical keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// New row, or `None` to delete.
    pub changes: Vec<(Key, Option<Bytes>)>,
}

/// How far a group has applied, as `replication` encodes it: opaque here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// The last applied log id.
    pub log_id: Bytes,
    /// The last applied membership.
    pub membership: Bytes,
}

/// The rows of every group on this node.
pub trait Tables: Send + Sync {
    /// A consistent view of a group's rows as of now.
    ///
    /// # Errors
    /// [`TableError::Disk`].
    fn view(&self, group: GroupId) -> Result<Box<dyn Read + '_>, TableError>;

    /// What is applied, read from the same place that [`Tables::commit`] wrote; the default for a new group.
    ///
    /// # Errors
    /// [`TableError`].
    fn applied(&self, group: GroupId) -> Result<Applied, TableError>;

    /// Writes `batch` and `applied` as one; readable on return, on disk only after the group's next flush.
    ///
    /// # Errors
    /// [`TableError::Disk`]; then nothing of it is visible.
    fn commit(&self, group: GroupId, batch: Batch, applied: Applied) -> Result<(), TableError>;
}
