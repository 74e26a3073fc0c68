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

// What is accepted can be matched: the envelope is one level around the detail.
const _: () = assert!(DETAIL_LIMIT_LEVELS < JSON_LIMIT_DEPTH);
