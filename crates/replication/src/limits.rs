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
/// The end of one group's log that is kept in memory beside the disk.
pub const RECENT_LIMIT_BYTES: usize = 2 * 1_048_576;
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

/// How long a proposal may wait for a quorum before its outcome counts as unknown.
pub const PROPOSE_LIMIT_MS: u64 = 5_000;
/// How long a snapshot may take from its first chunk to its installation.
pub const SNAPSHOT_LIMIT_MS: u64 = 10 * 60 * 1_000;
/// How long a change of the control group, or a linearizable read, waits for a leader: twice the longest election and a half second.
pub const LEADER_WAIT_LIMIT_MS: u64 = 2_300;
/// How long a follower may take to apply what a linearizable read waits for.
pub const READ_APPLY_LIMIT_MS: u64 = 2_000;
/// How long the leader of a group may take to answer a question.
pub const ASK_LIMIT_MS: u64 = 5_000;
/// How long a question waits while nobody leads its group: longer than a lead takes to be handed over, and less than callers wait.
pub const ASK_LEADER_LIMIT_MS: u64 = 700;
/// How long another node may take to say which of its groups have something visible.
pub const HINT_LIMIT_MS: u64 = 500;
/// How often nodes greet each other.
pub const GREET_INTERVAL_MS: u64 = 1_000;
/// How long a greeting may take; a longer one says nothing about a clock either.
pub const GREET_LIMIT_MS: u64 = 900;
/// How long a call of Raft waits for the greeting that has to come before it; about as long as a peer may think about a vote.
pub const GATE_WAIT_LIMIT_MS: u64 = 300;
/// How long peers that have answered wait at the gate for those that have not, one of which may know what is missing here; less than a
/// group goes without a leader before it elects one.
pub const GATHER_LIMIT_MS: u64 = 150;
/// Greetings in a row by which a log lacks something before that is certain.
pub const BEHIND_LIMIT_TIMES: u32 = 3;
/// What a node heard of another counts for so long.
pub const HEARD_LIMIT_MS: u64 = 5_000;
/// What a node said of its leads counts for so long where there is no replica that would hear the leader itself: two greetings and a late one.
pub const LEAD_HEARD_LIMIT_MS: u64 = 3_000;
/// How far a leader's clock may be off the median of a quorum's before it gives up its leads.
pub const CLOCK_OFF_LIMIT_MS: u64 = 2_000;
/// Entries that a replica may lack and still count as caught up: what is on its way under load.
pub const CAUGHT_UP_LIMIT_ENTRIES: u64 = 256;
/// How often a leader looks whether its group is as it is to be.
pub const CONDUCT_INTERVAL_MS: u64 = 500;
/// How long one step of that may take before it is looked at anew.
pub const STEP_LIMIT_MS: u64 = 10_000;
/// How long a group's lead stays where it is after it was offered to another.
pub const HAND_OVER_PAUSE_MS: u64 = 15_000;
/// Voters of a shard group, once there are as many nodes.
pub const REPLICAS_COUNT: usize = 3;
/// Formats of logs, tables, commands and peer calls that this build reads and writes.
pub const FORMAT: u32 = 1;
/// How often a group without a leader is looked at again.
pub const LEADER_LOOK_MS: u64 = 25;

const _: () = assert!(GREET_LIMIT_MS < GREET_INTERVAL_MS && GREET_INTERVAL_MS < HEARD_LIMIT_MS);
const _: () = assert!(GATHER_LIMIT_MS < GATE_WAIT_LIMIT_MS && GATE_WAIT_LIMIT_MS < GREET_LIMIT_MS);
const _: () = assert!(ENTRY_SOFT_BYTES <= ENTRY_LIMIT_BYTES && ENTRY_LIMIT_BYTES <= GROUP_WAITING_LIMIT_BYTES);
const _: () = assert!(GROUP_WAITING_LIMIT_BYTES <= NODE_WAITING_LIMIT_BYTES);
