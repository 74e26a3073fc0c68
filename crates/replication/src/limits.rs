//! How much may wait for a group's log, and how large one entry may be.

/// Commands are joined into one entry up to this.
pub const ENTRY_SOFT_BYTES: usize = 1_048_576;
/// No entry is larger.
pub const ENTRY_LIMIT_BYTES: usize = 2 * 1_048_576;
/// Commands of one entry.
pub const ENTRY_LIMIT_COMMANDS: usize = 1_024;
/// What may wait for one group, entries on their way included.
pub const GROUP_WAITING_LIMIT_BYTES: usize = 8 * 1_048_576;
/// What may wait for all groups of a node.
pub const NODE_WAITING_LIMIT_BYTES: usize = 64 * 1_048_576;
/// Calls that may wait for one group; each has at least one command.
pub const GROUP_WAITING_LIMIT_CALLS: usize = 8_192;
/// Entries of one group on their way at once: while one is synced, the next is gathered.
pub const GROUP_OPEN_LIMIT_ENTRIES: usize = 2;
/// Control commands on their way at once.
pub const CONTROL_OPEN_LIMIT_COMMANDS: usize = 256;
/// How far a leader's stamps may run ahead of its boot clock.
pub const STAMP_AHEAD_LIMIT_MS: u64 = 2_000;
/// What a group may write to its log before its rows are flushed and the log behind them purged.
pub const UNFLUSHED_LIMIT_BYTES: u64 = 64 * 1_048_576;
/// How often that is looked at.
pub const UPKEEP_INTERVAL_MS: u64 = 1_000;

const _: () = assert!(ENTRY_SOFT_BYTES <= ENTRY_LIMIT_BYTES && ENTRY_LIMIT_BYTES <= GROUP_WAITING_LIMIT_BYTES);
const _: () = assert!(GROUP_WAITING_LIMIT_BYTES <= NODE_WAITING_LIMIT_BYTES);
