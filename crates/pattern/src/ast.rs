//! A pattern as parsed: alternatives of conjunctions of fields, each with what its values may be.

use std::collections::BTreeMap;

use crate::address::{Address, Block};
use crate::error::Invalid;
use crate::number::Number;
use crate::parse;

/// A string's bytes: UTF-8, with lone surrogates in their three-byte form, so that every JSON string has one.
pub type Text = Box<[u8]>;

/// A field's path: the keys from the root, split at their dots too, since `a.b` and `{"a":{"b":…}}` are one path.
pub type Path = Vec<Text>;

/// A pattern. An event matches if one alternative does.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    /// More than one only with `$or`.
    pub alternatives: Vec<Conjunction>,
}

/// Every field must have a value that one of its matchers takes. Ordered, so that fields with a common prefix are neighbours.
pub type Conjunction = BTreeMap<Path, Vec<Matcher>>;

/// What one value may be.
#[derive(Debug, Clone, PartialEq)]
pub enum Matcher {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// That number.
    Number(Number),
    /// That string.
    String(Text),
    /// That address in any notation: an exact string that is one.
    Address(Address),
    /// `exists`; `false` takes the absence of a leaf.
    Exists(bool),
    /// Any value of a leaf but those.
    AnythingBut(Vec<Matcher>),
    /// Begins so.
    Prefix(Text),
    /// Ends so.
    Suffix(Text),
    /// Is so, but for case.
    EqualsIgnoreCase(Text),
    /// Begins so, but for case.
    PrefixIgnoreCase(Text),
    /// Ends so, but for case.
    SuffixIgnoreCase(Text),
    /// Is the pieces in order with anything between neighbours; one piece is the whole string.
    Wildcard(Vec<Text>),
    /// An address in the block.
    Cidr(Block),
    /// A number in the range.
    Numeric(Range),
}

/// Bounds of `numeric`; each a value and whether it belongs to the range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// The lower one.
    pub bottom: Option<(f64, bool)>,
    /// The upper one.
    pub top: Option<(f64, bool)>,
}

impl Pattern {
    /// Parses a pattern. Text behind its last brace is passed over, as the service does.
    ///
    /// # Errors
    /// [`Invalid`] with the service's reason.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        parse::pattern(text)
    }
}
