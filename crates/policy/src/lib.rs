//! IAM's policies: parsed with a reason for each refusal, compiled, and decided by a total function that says why.
//!
//! In: the text of a policy and its kind; a request with its context; time as a value of that context.
//! Out: a compiled policy, or the path, the value and the limit that refuse it; a decision with layer, statement and reason.
//! Never: input or output, a clock, a regular expression, recursion that input can drive, work without end, access that is wider for
//! something that could not be evaluated.

#![forbid(unsafe_code)]

mod address;
mod arn;
mod binary;
mod condition;
pub mod decide;
mod decimal;
pub mod decision;
pub mod error;
pub mod explain;
mod glob;
mod index;
mod json;
mod key;
pub mod limits;
mod meter;
mod moment;
mod operands;
mod operator;
mod path;
pub mod policy;
mod read;
pub mod request;
pub mod statement;
mod template;
mod truth;

#[cfg(test)]
mod tests;

pub use decide::{Layers, decide};
pub use decision::Decision;
pub use error::Invalid;
pub use policy::Policy;
pub use request::Request;
pub use statement::Kind;
