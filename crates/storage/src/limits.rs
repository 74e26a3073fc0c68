//! Every bound of this room, each with its unit last in its name.

/// Jobs that may wait for the sync thread; a writer beyond it waits, so that memory is bounded when a disk is slow.
pub const SYNC_QUEUE_JOBS: usize = 4_096;
/// Jobs that one sync acknowledges.
pub const SYNC_ROUND_JOBS: usize = 1_024;
/// How long the `synced` marker may lie unsynced behind the log.
pub const MARKER_SYNC_MS: u64 = 1_000;
/// Each of the two slots of the marker file.
pub const MARKER_SLOT_BYTES: usize = 64 * 1024;
/// A chunk of a snapshot, head included; one larger row goes alone.
pub const CHUNK_BYTES: usize = 1024 * 1024;
/// Memtable of the log database: large, so that purged entries die before they are flushed.
pub const LOG_MEMTABLE_BYTES: usize = 64 * 1024 * 1024;
/// Memtables of the log database.
pub const LOG_MEMTABLES_COUNT: i32 = 4;
/// Write-ahead log that the log database keeps at most.
pub const LOG_WAL_BYTES: u64 = 512 * 1024 * 1024;
/// Memtable of one group's column family.
pub const TABLE_MEMTABLE_BYTES: usize = 8 * 1024 * 1024;
/// All memtables of the table database together.
pub const TABLE_MEMTABLES_BYTES: usize = 128 * 1024 * 1024;

const _: () = assert!(SYNC_ROUND_JOBS <= SYNC_QUEUE_JOBS);
const _: () = assert!(TABLE_MEMTABLE_BYTES * 13 <= TABLE_MEMTABLES_BYTES);
