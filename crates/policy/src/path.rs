//! A place in a document, written out only if something is refused there.

use std::fmt;

use crate::error::Invalid;
use crate::limits::REPEATED_VALUE_MAX_CHARS;

/// A place in a document.
#[derive(Debug, Clone, Copy)]
pub enum Path<'p> {
    Root,
    Field(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl<'p> Path<'p> {
    pub fn field(&'p self, name: &'p str) -> Path<'p> {
        Path::Field(self, name)
    }

    pub fn item(&'p self, at: usize) -> Path<'p> {
        Path::Item(self, at)
    }

    pub fn refuses(&self, found: &str, reason: impl Into<String>) -> Invalid {
        Invalid::Value { path: self.to_string(), found: cut(found), reason: reason.into() }
    }

    pub fn misses(&self, element: &'static str) -> Invalid {
        Invalid::Missing { path: self.to_string(), element }
    }

    pub fn has_no_place_for(&self, element: &'static str, place: impl Into<String>) -> Invalid {
        Invalid::Misplaced { path: self.to_string(), element, place: place.into() }
    }

    pub fn does_not_know(&self, element: &str, known: &'static str) -> Invalid {
        Invalid::Unknown { path: self.to_string(), element: cut(element), known }
    }

    pub fn repeats(&self, element: &str) -> Invalid {
        Invalid::Repeated { path: self.to_string(), element: cut(element) }
    }
}

/// Paths are no deeper than documents, so that the recursion ends soon.
impl fmt::Display for Path<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => out.write_str("policy"),
            Self::Field(Self::Root, name) => out.write_str(&cut(name)),
            Self::Field(parent, name) => write!(out, "{parent}.{}", cut(name)),
            Self::Item(parent, at) => write!(out, "{parent}[{at}]"),
        }
    }
}

/// The text without control characters, and no longer than a message should be.
fn cut(text: &str) -> String {
    let plain = |letter: char| if letter.is_control() { '\u{FFFD}' } else { letter };
    text.chars().take(REPEATED_VALUE_MAX_CHARS).map(plain).collect()
}
