//! Bounds and defaults of this room, each with its unit last in its name.

/// Connections of the gRPC listener at once, unless the configuration says otherwise.
pub const CONNECTIONS_DEFAULT_COUNT: &str = "4096";
/// Default of `limits.principal_calls_per_second`: far above any caller that is well, far below what one node takes from all.
pub const PRINCIPAL_CALLS_DEFAULT_PER_SECOND: &str = "10000";
/// Default of `limits.bus_events_per_second`.
pub const BUS_EVENTS_DEFAULT_PER_SECOND: &str = "100000";
/// Connections of one address at once, unless the configuration says otherwise.
pub const ADDRESS_CONNECTIONS_DEFAULT_COUNT: &str = "1024";
/// Age at which a connection is retired, unless the configuration says otherwise; no connection may grow older.
pub const CONNECTION_AGE_DEFAULT_MS: &str = "3600000";
/// The most that it may say.
pub const CONNECTION_AGE_LIMIT_MS: u64 = 3_600_000;
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
/// Bytes of a token that is read from the standard input.
pub const TOKEN_LIMIT_BYTES: u64 = 16_384;
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
/// The files of certificates are looked at so often, and read anew once they were seen alike twice.
pub const CERTIFICATES_LOOK_INTERVAL_MS: u64 = 500;
/// A revocation list that ends within this is told of.
pub const LIST_ALARM_SECONDS: i64 = 86_400;
/// Validity of a certificate that `issue` issues, unless it is told otherwise.
pub const CLIENT_VALID_DEFAULT: &str = "90d";
/// Bytes of a file with a certificate.
pub const PEM_LIMIT_BYTES: u64 = 1_048_576;
/// Bytes of a serial number, RFC 5280, section 4.1.2.2.
pub const SERIAL_LIMIT_BYTES: usize = 20;
/// Validity of a list that `revoke` or `renew` signs.
pub const LIST_VALID_SECONDS: i64 = 30 * 86_400;
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
/// How long `doctor` syncs a file again and again to see how long that takes.
pub const PROBE_LIMIT_MS: u64 = 1_000;
/// Syncs of that file, at most.
pub const PROBE_LIMIT_SYNCS: usize = 500;
/// Bytes written before each of them: a small log entry.
pub const PROBE_WRITE_BYTES: usize = 4_096;
/// A median sync of up to this is what a server's disk does.
pub const SYNC_GOOD_US: u64 = 10_000;
/// A median sync of more than this lets no cluster work.
pub const SYNC_BAD_US: u64 = 100_000;
/// A median sync below this is no disk's.
pub const SYNC_UNREAL_US: u64 = 10;
/// `doctor` fails below this many free bytes.
pub const DISK_FREE_LEAST_BYTES: u64 = 256 * 1_048_576;
/// It warns below this many, however small the disk.
pub const DISK_FREE_WANTED_BYTES: u64 = 2 * 1_073_741_824;
/// It warns below this part of the disk,
pub const DISK_FREE_WANTED_PERCENT: u64 = 10;
/// but never above this many.
pub const DISK_FREE_AMPLE_BYTES: u64 = 20 * 1_073_741_824;
/// It warns below this many free inodes.
pub const INODES_WANTED_COUNT: u64 = 10_000;
/// It fails below this many.
pub const INODES_LEAST_COUNT: u64 = 100;
/// Files that a node needs beside one for each connection.
pub const OPEN_FILES_SPARE_COUNT: u64 = 1_024;
/// A clock before this cannot be right: 2026 began then.
pub const CLOCK_LEAST_MS: u64 = 1_767_225_600_000;
/// Nor can one after this: 2100 began then.
pub const CLOCK_MOST_MS: u64 = 4_102_444_800_000;
/// `doctor` warns this long before a certificate ends, or at two thirds of its life if that is later.
pub const EXPIRY_WARN_SECONDS: i64 = 30 * 86_400;
/// Names that `doctor` does a handshake by, at most.
pub const HANDSHAKE_LIMIT_NAMES: usize = 16;
/// How long one such handshake may take.
pub const HANDSHAKE_LIMIT_MS: u64 = 5_000;
/// How often a node that has seen no other looks whether there is one.
pub const OTHERS_LOOK_MS: u64 = 500;
/// Peers that `doctor` asks, at most, one after the other.
pub const SEEDS_LIMIT_COUNT: usize = 8;
/// How long each may take to answer.
pub const SEED_LIMIT_MS: u64 = 2_000;
/// Clocks of two nodes that differ by more are a warning.
pub const CLOCK_OFF_WARN_MS: u64 = 500;
/// By more than this the one that is off leads nothing.
pub const CLOCK_OFF_FAIL_MS: u64 = bascule_replication::limits::CLOCK_OFF_LIMIT_MS;
/// How long the admin listener may take to answer `health`.
pub const HEALTH_LIMIT_MS: u64 = 3_000;
/// Bytes of its answer that are read.
pub const HEALTH_LIMIT_BYTES: u64 = 4_096;
/// Bytes of a file below /proc or /sys that are read.
pub const SYSTEM_FILE_LIMIT_BYTES: u64 = 1_048_576;
/// Links that a look for the control group's limits follows upwards.
pub const CGROUP_LIMIT_LEVELS: usize = 32;

const _: () = assert!(LIST_VALID_SECONDS > 2 * LIST_ALARM_SECONDS && LIST_VALID_SECONDS < LEAF_VALID_SECONDS);
// More outcomes than one checkpoint holds could never be confirmed at once.
const _: () = assert!(UNCONFIRMED_LIMIT_DELIVERIES >= 1_024);
const _: () = assert!(LOG_TARGET_NAME_LIMIT_CHARS + 33 + ".jsonl".len() <= 255);
const _: () = assert!(SYNC_UNREAL_US < SYNC_GOOD_US && SYNC_GOOD_US < SYNC_BAD_US);
const _: () = assert!(DISK_FREE_LEAST_BYTES < DISK_FREE_WANTED_BYTES && DISK_FREE_WANTED_BYTES < DISK_FREE_AMPLE_BYTES);
const _: () = assert!(INODES_LEAST_COUNT < INODES_WANTED_COUNT && CLOCK_LEAST_MS < CLOCK_MOST_MS);
const _: () = assert!(CLOCK_OFF_WARN_MS < CLOCK_OFF_FAIL_MS);
/// How often a node that starts looks whether a quorum of the control group answers.
pub const QUORUM_LOOK_MS: u64 = 100;
/// How often it says that it waits for one.
pub const QUORUM_SAID_MS: u64 = 10_000;
