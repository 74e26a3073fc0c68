//! What disks hold: the Raft logs of all groups in one RocksDB, their tables in another, and the `synced` marker.
//!
//! In: records, votes, batches of rows and chunks of snapshots, through the ports of `statemachine`.
//! Out: the same, checked on every read; callbacks once something is on disk.
//! Never: a row's meaning, a clock or thread of its own, a name in clear, a damaged record passed over.

pub mod error;
pub mod keys;
pub mod limits;
pub mod marker;
pub mod raftlog;
pub mod record;
pub mod row;
pub mod seal;
pub mod snapshots;
pub mod tables;
#[cfg(test)]
mod tests;
