//! Bounds and defaults of this room, each with its unit last in its name.

/// Connections of the gRPC listener at once, unless the configuration says otherwise.
pub const CONNECTIONS_DEFAULT_COUNT: &str = "4096";
/// Calls at once, unless the configuration says otherwise.
pub const CALLS_DEFAULT_COUNT: &str = "4096";
/// Time within which an orderly stop must be over, unless the configuration says otherwise.
pub const STOP_DEFAULT_MS: &str = "40000";
/// Shard groups that `init` may make.
pub const GROUPS_LIMIT_COUNT: u64 = 256;
/// The most open attempts and unwritten outcomes of a group that a configuration may allow: one checkpoint's worth.
pub const UNCONFIRMED_LIMIT_DELIVERIES: u64 = 4_096;
/// Bytes of a configuration file.
pub const CONFIG_LIMIT_BYTES: u64 = 1_048_576;
/// Bytes of the `identity` file.
pub const IDENTITY_LIMIT_BYTES: u64 = 4_096;
/// Bytes of a bundle of authorities for targets.
pub const ROOTS_LIMIT_BYTES: u64 = 8 * 1_048_576;
/// Characters of a zone's name.
pub const ZONE_LIMIT_CHARS: usize = 64;
/// Validity of an authority that `init` makes.
pub const AUTHORITY_VALID_SECONDS: i64 = 10 * 365 * 86_400;
/// Validity of a certificate that `init` or `renew` issues.
pub const LEAF_VALID_SECONDS: i64 = 365 * 86_400;
/// Certificates begin this much earlier than they are made, since clocks differ.
pub const LEAF_EARLY_SECONDS: i64 = 300;
/// Files that the log target holds open at once.
pub const LOG_TARGET_LIMIT_FILES: usize = 64;
/// Characters of a log group's file name; longer ones end in a hash.
pub const LOG_TARGET_NAME_LIMIT_CHARS: usize = 160;
/// Time that the view may take to show what is applied at a start.
pub const VIEW_LIMIT_MS: u64 = 10_000;
/// Time that tasks get to let go of the databases, after everything has stopped.
pub const RELEASE_LIMIT_MS: u64 = 5_000;
/// Threads of each runtime that may block.
pub const BLOCKING_LIMIT_THREADS: usize = 128;
/// Threads of the Raft runtime.
pub const RAFT_LIMIT_THREADS: usize = 4;
/// Open files that are asked of the system.
pub const OPEN_FILES_WANTED_COUNT: u64 = 65_536;
/// Characters of a panic's message in the log.
pub const PANIC_LIMIT_CHARS: usize = 1_024;
/// How long the admin listener may take to end.
pub const ADMIN_STOP_LIMIT_MS: u64 = 1_000;

// More outcomes than one checkpoint holds could never be confirmed at once.
const _: () = assert!(UNCONFIRMED_LIMIT_DELIVERIES >= 1_024);
const _: () = assert!(LOG_TARGET_NAME_LIMIT_CHARS + 33 + ".jsonl".len() <= 255);
