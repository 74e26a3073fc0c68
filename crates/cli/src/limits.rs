//! The limits of the commands, each with its unit last in its name.

use bascule_api::limits::ATTEMPT_DEADLINE_MAX_MS;
use bascule_policy::limits::DOCUMENT_LIMIT_BYTES;

/// Largest context file.
pub const CONTEXT_FILE_MAX_BYTES: u64 = 64 * 1024;
/// Longest name of a context.
pub const CONTEXT_NAME_MAX_CHARS: usize = 64;
/// Most files of a folder of settings.
pub const FOLDER_FILES_MAX_COUNT: usize = 10_000;
/// Largest of them.
pub const FOLDER_FILE_MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Largest file with certificates or a key.
pub const PEM_FILE_MAX_BYTES: u64 = 1024 * 1024;
/// What a key file's mode may not grant: anything to anybody but its owner.
pub const KEY_FILE_OPEN_MODE_BITS: u32 = 0o077;
/// Largest session token; those of the cluster have at most 6,144 bytes.
pub const SESSION_TOKEN_MAX_BYTES: u64 = 16 * 1024;
/// Largest secret, as the contract has it.
pub const SECRET_MAX_BYTES: u64 = 8_192;
/// Largest document given as `@FILE`: a pattern, an event, a detail.
pub const DOCUMENT_MAX_BYTES: u64 = 2 * 1024 * 1024;
/// Largest document of a policy; which of them are refused for their length depends on their kind.
pub const POLICY_MAX_BYTES: u64 = DOCUMENT_LIMIT_BYTES as u64;
/// Units inside each other that a tree shows; the contract has 5.
pub const TREE_MAX_DEPTH: usize = 32;
/// Most events that one pattern is tested against.
pub const EVENTS_TESTED_MAX_COUNT: usize = 1_000_000;
/// Longest line of a file of entries; an entry this long is refused anyhow.
pub const LINE_MAX_BYTES: u64 = 2 * 1024 * 1024;

/// Most entries of one put.
pub const BATCH_MAX_COUNT: usize = 10;
/// One put's entries stay below this together.
pub const BATCH_MAX_BYTES: usize = 1024 * 1024;
/// What a time counts in an entry's size, by EventBridge's rule.
pub const ENTRY_TIME_BYTES: usize = 14;
/// Puts that are on their way at the same time, unless said otherwise.
pub const IN_FLIGHT_COUNT: u8 = 4;
/// Most puts on their way at the same time.
pub const IN_FLIGHT_MAX_COUNT: u8 = 64;
/// Failed entries that a table shows; JSON has them all.
pub const FAILURES_SHOWN_MAX_COUNT: usize = 100;

/// Most items that a list asks for at a time.
pub const PAGE_MAX_COUNT: u32 = 100;
/// Most pages that a list follows; more means that the server goes round in circles.
pub const PAGES_MAX_COUNT: usize = 100_000;
/// Longest text of one cell of a list; a description shows it whole.
pub const CELL_MAX_CHARS: usize = 96;

/// Longest time that a call may be given: a server waits no longer.
pub const TIMEOUT_MAX_SECONDS: u64 = 60;
/// What a waiting receive needs beyond its wait.
pub const RECEIVE_MARGIN_MS: u64 = 5_000;
/// Longest wait of a receive.
pub const RECEIVE_WAIT_MAX_SECONDS: u32 = 20;
/// Longest time that a message can be hidden.
pub const VISIBILITY_MAX_SECONDS: u32 = 43_200;
/// Messages that a followed queue may send ahead: with the command's end they are hidden from others for a moment.
pub const SUBSCRIBE_CREDITS_COUNT: u32 = 20;
/// Most messages that are written and deleted together.
pub const SUBSCRIBE_BATCH_COUNT: usize = 20;
/// Most messages that are looked at without being deleted: so many ids are remembered, to tell which come again.
pub const SUBSCRIBE_LOOKED_MAX_COUNT: u64 = 100_000;
/// How long the end of a followed queue may take, other than its last words.
pub const SUBSCRIBE_END_MAX_MS: u64 = 5_000;
/// How much of it may be spent on what became of deletions; the rest is for giving messages back.
pub const SUBSCRIBE_ANSWERS_MAX_MS: u64 = 3_000;
/// How long each of the last words waits for a reader.
pub const SUBSCRIBE_WORDS_MAX_MS: u64 = 200;
/// Most receipts of one deletion of messages.
pub const RECEIPTS_MAX_COUNT: usize = 10;
/// Longest line of a file of receipt handles; the contract's are half as long.
pub const RECEIPT_LINE_MAX_BYTES: u64 = 2_048;
/// Longest time that the replacement of a node is waited for.
pub const REPLACE_WAIT_MAX_SECONDS: u64 = 86_400;
/// How often it is looked at.
pub const REPLACE_LOOK_MS: u64 = 500;
/// How long each wait of a rolling restart for one node may take, unless said otherwise.
pub const RESTART_LIMIT_SECONDS: u64 = 600;
/// How often it looks.
pub const RESTART_LOOK_MS: u64 = 200;
/// Bytes of a request id, before they are spelled in hexadecimal.
pub const REQUEST_ID_BYTES: usize = 16;
/// Most edits between a wrong key and one that is suggested instead.
pub const SUGGESTION_MAX_EDITS: usize = 3;

const _: () = assert!(DOCUMENT_MAX_BYTES > BATCH_MAX_BYTES as u64);
const _: () = assert!(LINE_MAX_BYTES > BATCH_MAX_BYTES as u64);
const _: () = assert!(SUBSCRIBE_ANSWERS_MAX_MS < SUBSCRIBE_END_MAX_MS);
const _: () = assert!(IN_FLIGHT_COUNT <= IN_FLIGHT_MAX_COUNT);
const _: () = assert!(TIMEOUT_MAX_SECONDS * 1_000 <= ATTEMPT_DEADLINE_MAX_MS);
