//! Bounds of this room, each with its unit last in its name.

use bascule_pattern::limits::JSON_LIMIT_DEPTH;

/// How deep a detail may be nested, itself counted.
pub const DETAIL_LIMIT_LEVELS: usize = 1_000;
/// What one put adds to the size of its entries: envelope, stamp and seal.
pub const PUT_OVERHEAD_LIMIT_BYTES: usize = 512 * 1_024;
/// Effects that wait for the view to be built anew.
pub const EFFECTS_WAITING_LIMIT_COUNT: usize = 65_536;
/// How long a caller may wait for a view to reach an index.
pub const VIEW_WAIT_LIMIT_MS: u64 = 5_000;
/// For how long a group remembers, in its time, that the event of a due time was put: longer than leaders take to write it down.
pub const SCHEDULE_TOKEN_KEPT_MS: u64 = 24 * 60 * 60 * 1_000;
/// What a target is sent instead of an event, at most: as much as an event may be.
pub const TRANSFORMED_LIMIT_BYTES: usize = 1_024 * 1_024;
/// How often the paths of one transformation may read a whole event: a hundred of them, each deep in one of full size, would take
/// seconds.
pub const TRANSFORM_READ_LIMIT_TIMES: usize = 16;
/// What they may read of any event, however short.
pub const TRANSFORM_READ_LEAST_BYTES: usize = 1_024 * 1_024;
/// Lanes of which is remembered whether they may be invoked.
pub const VERDICTS_LIMIT_COUNT: usize = 16_384;
/// For how long: conditions may be about the time.
pub const VERDICT_KEPT_MS: u64 = 1_000;
/// How often a view's freshness is confirmed.
pub const FRESHNESS_INTERVAL_MS: u64 = 1_000;
/// How old a view may be that decides (architecture, `max_policy_staleness`).
pub const STALENESS_LIMIT_MS: u64 = 10_000;
/// How long a put that nothing binds looks for a group with a leader: less than callers wait, of whom many have a deadline of a second. A
/// refusal says that nothing was written, so that they may ask another node; a deadline that passed does not.
pub const PUT_LEADER_LIMIT_MS: u64 = 700;
/// How long it waits between two looks.
pub const PUT_LOOK_MS: u64 = 20;
/// Taps on one node's put path.
pub const TAPS_LIMIT_COUNT: usize = 16;
/// Events that wait in a tap.
pub const TAP_LIMIT_EVENTS: usize = 1_024;
/// And their bytes.
pub const TAP_LIMIT_BYTES: usize = 4 * 1_024 * 1_024;
/// Scratches that are kept for the next events: as many as are matched at once.
pub const SCRATCHES_LIMIT_COUNT: usize = 64;

const _: () = assert!(FRESHNESS_INTERVAL_MS * 5 <= STALENESS_LIMIT_MS);
// What is accepted can be matched: the envelope is one level around the detail.
const _: () = assert!(DETAIL_LIMIT_LEVELS < JSON_LIMIT_DEPTH);
