//! EventBridge's event patterns: parsed with the service's own reasons for a refusal, and decided one event at a time.
//!
//! In: the text of a pattern, the text of an event.
//! Out: a [`ast::Pattern`], an [`event::Event`], whether they match, and an [`explain::Explanation`] why not.
//! Never: input or output, a clock, recursion that input can drive, or a library's idea of a JSON number.
//!
//! Semantics: the operators page of EventBridge's user guide; where it is silent, what event-ruler 2.0.1 answers to our probes.

pub mod address;
pub mod ast;
pub mod error;
pub mod evaluate;
pub mod event;
pub mod explain;
mod fold;
mod json;
pub mod limits;
pub mod matcher;
pub mod number;
mod parse;
mod wildcard;

#[cfg(test)]
mod tests;

pub use ast::Pattern;
pub use error::{BadEvent, Invalid, TooManyCombinations};
pub use event::Event;
