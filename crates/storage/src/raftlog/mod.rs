//! The Raft logs of all groups on one disk: appended at once, synced together, acknowledged in order.
//!
//! In: records and votes from `replication`, through the port `Log`.
//! Out: what was written, and a callback once it is on disk.
//! Never: a log id, vote or entry taken apart; a second try after a failed sync.

mod layout;
mod logs;
pub mod rocks;
pub mod simulated;
mod sync;
#[cfg(test)]
mod tests;

use bytes::Bytes;

pub use layout::generation_key;
pub use logs::{Logs, Options, Sync};

/// A change of a [`Disk`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Puts a value at a key.
    Put(Vec<u8>, Vec<u8>),
    /// Takes the value at a key away.
    Delete(Vec<u8>),
    /// Takes away all values from the first key up to, and without, the second.
    DeleteRange(Vec<u8>, Vec<u8>),
}

/// Why a disk did not do it, in the database's own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DiskError(pub String);

/// An ordered map of bytes with a write-ahead log.
pub trait Disk: Send + std::marker::Sync {
    /// Writes all changes or none. They can be read on return and are on disk after the next [`Disk::sync`].
    ///
    /// # Errors
    /// [`DiskError`].
    fn write(&self, changes: Vec<Change>) -> Result<(), DiskError>;

    /// Returns when everything written before the call is on disk.
    ///
    /// # Errors
    /// [`DiskError`]; it must not be called again after one.
    fn sync(&self) -> Result<(), DiskError>;

    /// The value at `key`.
    ///
    /// # Errors
    /// [`DiskError`].
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, DiskError>;

    /// Shows every pair with `from <= key < to` in order, until `visit` says `false`.
    ///
    /// # Errors
    /// [`DiskError`].
    fn scan(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), DiskError>;

    /// The pair with the greatest key in `from <= key < to`.
    ///
    /// # Errors
    /// [`DiskError`].
    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<(Bytes, Bytes)>, DiskError>;
}
