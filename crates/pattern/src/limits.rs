//! Limits of this room.

/// Objects and arrays inside each other, in a pattern or an event: a detail may have 1,000 levels, and its envelope is one more.
pub const JSON_LIMIT_DEPTH: usize = 1_001;
/// Conjunctions that `$or` may expand to.
pub const OR_LIMIT_COMBINATIONS: usize = 1_000;
/// Objects of a pattern inside each other: the parser recurses so deep.
pub const PATTERN_LIMIT_DEPTH: usize = 100;
/// Wildcards of one string that are followed by the same character.
pub const WILDCARD_LIMIT_REPEATS: usize = 4;
/// Pairs of array elements that one decision compares one by one. Only repeated keys and arrays in arrays lead to any.
pub const ELEMENTS_LIMIT_PAIRS: usize = 1_000_000;
/// Values of a field that an explanation shows.
pub const EXPLAINED_VALUES_MAX_COUNT: usize = 3;
/// Longest text that an explanation shows.
pub const EXPLAINED_TEXT_MAX_CHARS: usize = 96;
/// Conjunctions that one key leads to before they are told apart by a second one.
pub const LIST_MAX_ITEMS: usize = 64;
/// Keys that a conjunction is found by one behind the other.
pub const GROUP_LIMIT_LEVELS: u32 = 3;
/// Keys of a field that conjunctions are told apart by behind another: each stands under each of them.
pub const SPLIT_FIELD_MAX_KEYS: usize = 4;
/// Different lengths of first or last parts that a value of one path is looked up by.
pub const LENGTHS_MAX_COUNT: usize = 8;
/// How many times the rules of a part those of the next smaller one may be before the two are merged.
pub const PART_LIMIT_RATIO: usize = 3;
/// Rules that a change merges at once; more are merged when the owner settles.
pub const MERGE_NOW_LIMIT_RULES: usize = 512;
