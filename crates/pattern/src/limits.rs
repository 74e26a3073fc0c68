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
