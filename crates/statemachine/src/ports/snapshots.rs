//! The port to snapshots: a group's rows pinned at exactly one applied id, and their installation as a new generation.

use bascule_model::uid::GroupId;
use bytes::Bytes;

use crate::ports::tables::{Applied, TableError};

/// A piece of a snapshot: some rows in storage's own form, with a checksum inside.
pub type Chunk = Bytes;

/// Rows of one group pinned at [`Pinned::applied`].
pub trait Pinned: Send {
    /// What is applied in these rows, exactly.
    fn applied(&self) -> &Applied;

    /// The next chunk, at most 1 MiB; `None` behind the last.
    ///
    /// # Errors
    /// [`TableError`].
    fn next_chunk(&mut self) -> Result<Option<Chunk>, TableError>;
}

/// Receives a snapshot into a generation that nobody reads yet; dropped unfinished, it leaves nothing behind.
pub trait Install: Send {
    /// Takes the next chunk.
    ///
    /// # Errors
    /// [`TableError::Damaged`] for a chunk that is not what was sent.
    fn chunk(&mut self, chunk: Chunk) -> Result<(), TableError>;

    /// Flushes the new generation, switches to it by one synced row, and drops the old one.
    ///
    /// # Errors
    /// [`TableError`]; the old generation then stands.
    fn finish(self: Box<Self>, applied: Applied) -> Result<(), TableError>;
}

/// The snapshots of every group on this node.
pub trait Snapshots: Send + Sync {
    /// Reads the applied id, flushes the group's rows to disk, and returns that id: the log may be purged through it.
    ///
    /// # Errors
    /// [`TableError`].
    fn flush(&self, group: GroupId) -> Result<Applied, TableError>;

    /// Pins the group's rows for sending.
    ///
    /// # Errors
    /// [`TableError`].
    fn pin(&self, group: GroupId) -> Result<Box<dyn Pinned + '_>, TableError>;

    /// Begins the installation of a snapshot.
    ///
    /// # Errors
    /// [`TableError`].
    fn install(&self, group: GroupId) -> Result<Box<dyn Install + '_>, TableError>;
}
