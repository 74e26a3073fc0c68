//! Why a policy is refused: where it stands in the document, what was found, what may stand there.

use crate::statement::Kind;

/// Why a policy is refused. Paths are as in `Statement[0].Condition.StringEquals.aws:SourceArn[1]`; values are cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// No JSON.
    #[error("policy is no JSON at byte `{at}`: {reason}")]
    Json {
        /// Offset in bytes.
        at: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// Too large.
    #[error("{kind} policy has `{found}` {unit}, the limit is {limit}")]
    Large {
        /// Of which kind.
        kind: Kind,
        /// How much it has.
        found: usize,
        /// `bytes`, `characters`, `statements`.
        unit: &'static str,
        /// How much it may have.
        limit: usize,
    },
    /// Objects or arrays inside each other beyond the limit.
    #[error("policy nests deeper than {limit} at byte `{at}`")]
    Deep {
        /// Offset in bytes.
        at: usize,
        /// The limit.
        limit: usize,
    },
    /// An element that stands twice.
    #[error("{path}: `{element}` stands there twice")]
    Repeated {
        /// Where.
        path: String,
        /// Which element.
        element: String,
    },
    /// An element or operator that there is not.
    #[error("{path}: `{element}` is not one of {known}")]
    Unknown {
        /// Where.
        path: String,
        /// What stood there.
        element: String,
        /// What may stand there.
        known: &'static str,
    },
    /// An element that must be there.
    #[error("{path}: `{element}` is missing")]
    Missing {
        /// Where.
        path: String,
        /// Which element.
        element: &'static str,
    },
    /// An element that this kind of policy, or this statement, may not have.
    #[error("{path}: `{element}` may not stand in {place}")]
    Misplaced {
        /// Where.
        path: String,
        /// Which element.
        element: &'static str,
        /// In what it may not stand.
        place: String,
    },
    /// A value that cannot be.
    #[error("{path}: `{found}` is refused: {reason}")]
    Value {
        /// Where.
        path: String,
        /// The value.
        found: String,
        /// What it must be.
        reason: String,
    },
}
