//! Bounds of this room, each with its unit last in its name.

use bascule_statemachine::limits::{CHECKPOINT_OUTCOMES_LIMIT_ROWS, DETACH_OWED_LIMIT_ROWS};

/// Open attempts and outcomes that are not committed, a group: what may be repeated after a crash.
pub const UNCONFIRMED_DEFAULT_DELIVERIES: usize = 1_024;
/// Events above the watermark that a group holds in memory (ids and times, no payloads).
pub const WINDOW_LIMIT_EVENTS: usize = 4_096;
/// Deliveries of the window's events beyond which no further event is read.
pub const WINDOW_LIMIT_DELIVERIES: usize = 65_536;
/// Events by which a lane may be behind before it is detached.
pub const LANE_BEHIND_LIMIT_EVENTS: usize = 1_000;
/// Time by which a lane may be behind before it is detached.
pub const LANE_BEHIND_LIMIT_MS: u64 = 5_000;
/// Attempts of one lane at once.
pub const LANE_OPEN_LIMIT_ATTEMPTS: usize = 128;
/// Attempts of one lane at once while more than half of what may be unconfirmed is taken.
pub const LANE_SHARE_ATTEMPTS: usize = 16;
/// Attempts of a rate-limited lane at once, for each that may start in a second: an attempt lasts five seconds at most.
pub const OPEN_PER_RATE_ATTEMPTS: usize = 5;
/// Deliveries that a lane holds in memory: all of a window, and as many references.
pub const LANE_HELD_LIMIT_DELIVERIES: usize = 2 * WINDOW_LIMIT_EVENTS;
/// References of a lane in memory beyond which no more are loaded.
pub const LANE_REFS_LIMIT_DELIVERIES: usize = 256;
/// References below which a detached lane is attached again.
pub const LANE_ATTACH_LIMIT_DELIVERIES: usize = 64;
/// References that are read at once.
pub const REFS_CHUNK_ROWS: usize = 256;
/// References due later than this are passed over until then.
pub const REFS_AHEAD_MS: u64 = 1_000;
/// How often the oldest references of a lane that are not in memory are looked at for their age.
pub const REFS_AGE_LOOK_MS: u64 = 10_000;
/// Events that are read at once; each row has its frame.
pub const EVENTS_CHUNK_ROWS: usize = 16;
/// How often outcomes are written, if there are any.
pub const CHECKPOINT_INTERVAL_MS: u64 = 250;
/// How long a follower sleeps when nothing is due.
pub const IDLE_LIMIT_MS: u64 = 1_000;
/// Deliveries parked by one command.
pub const PARK_LIMIT_ROWS: usize = 1_024;
/// Bytes of the commands that a follower proposes at once; an entry takes twice that.
pub const COMMANDS_LIMIT_BYTES: usize = 1_048_576;
/// Commands that a follower proposes at once; an entry takes some more.
pub const COMMANDS_LIMIT_COUNT: usize = 900;
/// How long references that were read to their end are left alone, for each hundred that were passed over as not due.
pub const REFS_REST_MS_PER_HUNDRED: u64 = 10;
/// The least of that.
pub const REFS_REST_LEAST_MS: u64 = 100;
/// Time of an HTTP attempt until the answer's head, connection included: EventBridge's for API destinations.
pub const HTTP_LIMIT_MS: u64 = 5_000;
/// And for the answer's body behind it.
pub const HTTP_BODY_LIMIT_MS: u64 = 1_000;
/// Bytes of an answer's body that are read, so that the connection can be used again; a longer one is cut off.
pub const HTTP_ANSWER_LIMIT_BYTES: usize = 64 * 1_024;
/// Idle connections to one host that are kept.
pub const HTTP_IDLE_LIMIT_CONNECTIONS: usize = 32;
/// For how long.
pub const HTTP_IDLE_LIMIT_MS: u64 = 30_000;
/// Bytes of an OAuth token answer.
pub const TOKEN_ANSWER_LIMIT_BYTES: usize = 16 * 1_024;
/// A token is asked for anew this long before it ends.
pub const TOKEN_EARLY_MS: u64 = 60_000;
/// A token that says nothing of its end is used for this long.
pub const TOKEN_DEFAULT_MS: u64 = 300_000;
/// Tokens that are kept.
pub const TOKENS_LIMIT_COUNT: usize = 3_000;
/// Rows with frames that are read for attempts at once.
pub const LOADING_LIMIT_ATTEMPTS: usize = 32;
/// Payloads in memory for open attempts, sealed and opened.
pub const PAYLOADS_LIMIT_BYTES: usize = 128 * 1_048_576;
/// How long open attempts may go on once the follower is to stop.
pub const STOP_LIMIT_MS: u64 = 7_000;
/// How long an attempt waits for the view that its event was stamped by.
pub const VIEW_LIMIT_MS: u64 = 5_000;
/// A pause before rows that could not be read are read again; it doubles up to the longest.
pub const BROKEN_PAUSE_MS: u64 = 1_000;
/// The longest.
pub const BROKEN_PAUSE_LONGEST_MS: u64 = 60_000;
/// Names that are looked up at once.
pub const LOOKUPS_LIMIT_COUNT: usize = 16;
/// Of these of one name.
pub const LOOKUPS_OF_NAME_LIMIT_COUNT: usize = 4;
/// Characters of a dead letter's error message.
pub const ERROR_MESSAGE_LIMIT_CHARS: usize = 1_024;
/// Rows that are counted for a description before it says `at least`.
pub const COUNT_LIMIT_ROWS: usize = 10_000;
/// Arrivals of one event id on one bus that are looked at: there is a second one only where a hop was made again.
pub const ARRIVALS_LIMIT_ROWS: usize = 16;
/// How often rights are looked at at most, while the view changes.
pub const RIGHTS_LOOK_LEAST_MS: u64 = 250;
/// And at least: conditions may be about the time.
pub const RIGHTS_LOOK_MS: u64 = 10_000;
/// A wait before a command that found too much waiting is proposed again.
pub const BUSY_PAUSE_MS: u64 = 20;
/// How often deleted buses and queues are looked for.
pub const BURIAL_INTERVAL_MS: u64 = 500;
/// How often messages that have lain too long are looked for.
pub const RETENTION_INTERVAL_MS: u64 = 5_000;
/// Rows of one queue or bus that are looked at at once.
pub const RETENTION_CHUNK_ROWS: usize = 256;

const _: () = assert!(WINDOW_LIMIT_EVENTS <= DETACH_OWED_LIMIT_ROWS);
const _: () = assert!(UNCONFIRMED_DEFAULT_DELIVERIES <= CHECKPOINT_OUTCOMES_LIMIT_ROWS);
const _: () = assert!(LANE_BEHIND_LIMIT_EVENTS < WINDOW_LIMIT_EVENTS);
const _: () = assert!(LANE_REFS_LIMIT_DELIVERIES + WINDOW_LIMIT_EVENTS <= LANE_HELD_LIMIT_DELIVERIES);
// What is forbidden stops, and what is allowed again goes on, within a second of the view's change.
const _: () = assert!(RIGHTS_LOOK_LEAST_MS < 1_000 && RIGHTS_LOOK_LEAST_MS < RIGHTS_LOOK_MS);
const _: () = assert!(PAYLOADS_LIMIT_BYTES <= u32::MAX as usize);
// An attempt that began before the stop can end.
const _: () = assert!(STOP_LIMIT_MS > HTTP_LIMIT_MS + HTTP_BODY_LIMIT_MS);
/// Buses behind the first on which an event may be, within one region
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html>).
pub const HOPS_LIMIT_COUNT: u32 = 1;
/// How often the clock of scheduled rules looks: their times are whole minutes.
pub const CLOCK_INTERVAL_MS: u64 = 500;
/// Messages that one step of a purge deletes: apply reads each with its frame.
pub const PURGE_CHUNK_ROWS: usize = 64;
/// Rules that fire at once.
pub const CLOCK_LIMIT_RULES: usize = 32;
/// Longest wait before a rule that could not fire is tried again.
pub const CLOCK_RETRY_LIMIT_MS: u64 = 60_000;
