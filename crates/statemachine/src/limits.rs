//! Every bound of this room, each with its unit last in its name.

use bascule_model::limits::VISIBILITY_LIMIT_SECONDS;

/// Sequences that one detach or park may name (replicated.md, "Append, follow, checkpoint").
pub const DETACH_OWED_LIMIT_ROWS: usize = 4_096;
/// Events above the followed ones that one detach looks at.
pub const DETACH_SCAN_LIMIT_ROWS: usize = 4_096;
/// Event rows that one detach may write again for their owner count, in bytes; the row that exceeds it is the last.
pub const DETACH_REWRITE_LIMIT_BYTES: usize = 32 * 1024 * 1024;
/// Outcomes that one checkpoint may hold.
pub const CHECKPOINT_OUTCOMES_LIMIT_ROWS: usize = 4_096;
/// Event rows over which one checkpoint moves the watermark.
pub const CHECKPOINT_STEP_LIMIT_ROWS: usize = 4_096;
/// Rows with frames that are in memory at once while a table is walked.
pub const SCAN_CHUNK_ROWS: usize = 64;
/// Messages that one receive hands out (the SQS `ReceiveMessage` page).
pub const RECEIVE_LIMIT_ROWS: usize = 10;
/// Frames that one receive hands out, in bytes; the first message is handed out whatever its size.
pub const RECEIVE_LIMIT_BYTES: usize = 2 * 1024 * 1024;
/// Receipts that one settle may hold.
pub const SETTLE_LIMIT_ROWS: usize = 1_024;
/// Longest time for which a receipt hides a message.
pub const VISIBILITY_LIMIT_MS: u64 = VISIBILITY_LIMIT_SECONDS as u64 * 1_000;
/// Rows that one tombstone command deletes.
pub const TOMBSTONE_LIMIT_ROWS: usize = 10_000;
/// Messages or dead letters that one expire names.
pub const EXPIRE_LIMIT_ROWS: usize = 1_024;
/// Messages with their frames that are in memory at once while old ones are looked for.
pub const LAID_CHUNK_ROWS: usize = 16;
/// How long a dead letter lies in the own table of its bus (14 days).
pub const BUS_DEAD_LETTERS_KEPT_MS: u64 = 14 * 24 * 60 * 60 * 1_000;
/// Dead letters in the own table of one bus, a group; what comes then has expired.
pub const BUS_DEAD_LETTERS_LIMIT_ROWS: u64 = 10_000;
/// Outcome rows of a group.
pub const OUTCOMES_LIMIT_ROWS: u64 = 1_000_000;
/// How long an outcome row is kept for `explain`.
pub const OUTCOME_KEPT_MS: u64 = 24 * 60 * 60 * 1_000;
/// Old outcome rows that one entry sweeps away beside those over the cap.
pub const OUTCOME_SWEEP_LIMIT_ROWS: usize = 64;
/// Longest error code that becomes the reason of an outcome row.
pub const REASON_LIMIT_BYTES: usize = 64;
/// Longest time for which a client token is remembered.
pub const TOKEN_LIMIT_MS: u64 = 24 * 60 * 60 * 1_000;
/// Client tokens that a group remembers; a put with another is refused.
pub const TOKENS_LIMIT_ROWS: u64 = 1_000_000;
/// Old tokens that one put with a token forgets: more than it adds, so that a full table empties.
pub const TOKEN_SWEEP_LIMIT_ROWS: usize = 4;
/// Rules or direct targets of one stamp.
pub const STAMP_UIDS_LIMIT_COUNT: usize = 65_536;
/// Shard commands that one node sends another at once: as many as an entry may have.
pub const COMMANDS_LIMIT_COUNT: usize = 1_024;
/// Their bytes, and those of a change of the control group: what an entry may have.
pub const COMMANDS_LIMIT_BYTES: usize = 2 * 1024 * 1024;
/// A peer RPC.
pub const PEER_RPC_LIMIT_BYTES: usize = 8 * 1024 * 1024;
/// What a leader answers another node; the rest of the RPC is for what stands around it.
pub const ANSWER_LIMIT_BYTES: usize = PEER_RPC_LIMIT_BYTES - 64 * 1024;
/// A question to a leader.
pub const QUESTION_LIMIT_BYTES: usize = 1_024;
/// Dead letters that one question asks for.
pub const LETTERS_LIMIT_ROWS: usize = 1_024;
/// Their rows in one answer; the first is in it whatever its size.
pub const LETTERS_LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// Groups in one answer.
pub const GROUPS_LIMIT_COUNT: usize = 4_096;
/// For how long a question may wait until a queue has something.
pub const VISIBLE_LIMIT_MS: u64 = 60_000;
/// What one node says of its errors to another.
pub const WHY_LIMIT_CHARS: usize = 256;

const _: () = assert!(SCAN_CHUNK_ROWS <= DETACH_SCAN_LIMIT_ROWS);
const _: () = assert!(SCAN_CHUNK_ROWS <= CHECKPOINT_STEP_LIMIT_ROWS);
// A parked batch can end in one checkpoint.
const _: () = assert!(DETACH_OWED_LIMIT_ROWS <= CHECKPOINT_OUTCOMES_LIMIT_ROWS);
// A message has two rows, which go together.
const _: () = assert!(TOMBSTONE_LIMIT_ROWS.is_multiple_of(2));
// An answer carries what a receive hands out, or dead letters, of which the last may be as large as an entry.
const _: () = assert!(RECEIVE_LIMIT_BYTES * 2 <= ANSWER_LIMIT_BYTES);
const _: () = assert!(LETTERS_LIMIT_BYTES + COMMANDS_LIMIT_BYTES <= ANSWER_LIMIT_BYTES);
const _: () = assert!(SETTLE_LIMIT_ROWS >= RECEIVE_LIMIT_ROWS);
