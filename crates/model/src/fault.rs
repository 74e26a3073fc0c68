//! The closed list of faults: every way in which a call is refused, mapped to wire errors in one file of `ingress`.

use std::fmt;

use crate::limits::FAULT_VALUE_LIMIT_CHARS;
use crate::uid::ControlIndex;

/// What a fault is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The cluster itself.
    Cluster,
    /// An event bus.
    Bus,
    /// A rule.
    Rule,
    /// A rule's target.
    Target,
    /// A connection.
    Connection,
    /// An API destination.
    Destination,
    /// A built-in queue.
    Queue,
    /// An event.
    Event,
    /// A data key.
    DataKey,
    /// Something deleted, by its uid.
    Tombstone,
    /// The organisation.
    Organization,
    /// An organisational unit.
    Unit,
    /// An account.
    Account,
    /// A role.
    Role,
    /// A user.
    User,
    /// A policy: managed, inline, or of a resource.
    Policy,
    /// A version of a managed policy.
    PolicyVersion,
    /// A certificate identity of a user.
    Identity,
    /// An access key of a user.
    AccessKey,
    /// A node of the cluster.
    Node,
    /// A token by which a node joins.
    JoinToken,
}

impl Kind {
    /// Every kind, in declaration order.
    pub const ALL: [Self; 21] = [
        Self::Cluster,
        Self::Bus,
        Self::Rule,
        Self::Target,
        Self::Connection,
        Self::Destination,
        Self::Queue,
        Self::Event,
        Self::DataKey,
        Self::Tombstone,
        Self::Organization,
        Self::Unit,
        Self::Account,
        Self::Role,
        Self::User,
        Self::Policy,
        Self::PolicyVersion,
        Self::Identity,
        Self::AccessKey,
        Self::Node,
        Self::JoinToken,
    ];

    /// The word for it in messages.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Bus => "event bus",
            Self::Rule => "rule",
            Self::Target => "target",
            Self::Connection => "connection",
            Self::Destination => "api destination",
            Self::Queue => "queue",
            Self::Event => "event",
            Self::DataKey => "data key",
            Self::Tombstone => "tombstone",
            Self::Organization => "organization",
            Self::Unit => "organizational unit",
            Self::Account => "account",
            Self::Role => "role",
            Self::User => "user",
            Self::Policy => "policy",
            Self::PolicyVersion => "policy version",
            Self::Identity => "certificate identity",
            Self::AccessKey => "access key",
            Self::Node => "node",
            Self::JoinToken => "join token",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

/// Why a call is refused. Nothing of a refused call is applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Something named does not exist, or the caller may not know that it does.
    #[error("{kind} `{name}` does not exist")]
    NotFound {
        /// What was looked for.
        kind: Kind,
        /// The name given.
        name: String,
    },
    /// Something of that name exists already.
    #[error("{kind} `{name}` already exists")]
    AlreadyExists {
        /// What.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// A quota would be passed.
    #[error("{limit} would be `{value}`, the limit is {max}")]
    LimitExceeded {
        /// What is limited, for example `rules per bus`.
        limit: String,
        /// How many there would be.
        value: u64,
        /// How many there may be.
        max: u64,
    },
    /// A field's value cannot be.
    #[error("{field} `{value}` is refused: {reason}")]
    Invalid {
        /// The field, as the API names it.
        field: String,
        /// Which constraint it fails.
        reason: String,
        /// The value, cut to [`FAULT_VALUE_LIMIT_CHARS`].
        value: String,
    },
    /// An event pattern does not compile.
    #[error("event pattern is refused: {reason}")]
    InvalidPattern {
        /// The compiler's reason, with its place.
        reason: String,
    },
    /// Its state does not allow the call.
    #[error("{kind} `{name}` {reason}")]
    InvalidState {
        /// What.
        kind: Kind,
        /// Its name.
        name: String,
        /// The state that stands in the way, as the end of a sentence, for example `still has rules`.
        reason: String,
    },
    /// It changed since the caller read it, or keeps changing.
    #[error("{kind} `{name}` was changed by another call")]
    ConcurrentModification {
        /// What.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// An epoch that the permit names has moved: authorise anew at `index`.
    #[error("what the permit was given by changed at `{index}`")]
    Conflict {
        /// The index to authorise anew at.
        index: ControlIndex,
    },
    /// A request id that came before with other content.
    #[error("request id `{request_id}` was used for another request")]
    RequestReused {
        /// The id.
        request_id: String,
    },
    /// The caller may not.
    #[error("access denied: {reason}")]
    AccessDenied {
        /// What the caller may know of why.
        reason: String,
    },
    /// Too many calls.
    #[error("too many calls, try again in {retry_after_ms} ms")]
    Throttled {
        /// When to try again, milliseconds.
        retry_after_ms: u64,
    },
    /// It cannot be done now; trying again helps.
    #[error("not available: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
    /// A failure of ours; the reason stands in the node's log.
    #[error("internal failure: {reason}")]
    Internal {
        /// A short word for it, free of values.
        reason: String,
    },
}

impl Fault {
    /// [`Fault::Invalid`] with its value cut.
    #[must_use]
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>, value: &str) -> Self {
        Self::Invalid {
            field: field.into(),
            reason: reason.into(),
            value: value.chars().take(FAULT_VALUE_LIMIT_CHARS).collect(),
        }
    }

    /// [`Fault::NotFound`].
    #[must_use]
    pub fn not_found(kind: Kind, name: impl Into<String>) -> Self {
        Self::NotFound { kind, name: name.into() }
    }

    /// [`Fault::AlreadyExists`].
    #[must_use]
    pub fn already_exists(kind: Kind, name: impl Into<String>) -> Self {
        Self::AlreadyExists { kind, name: name.into() }
    }

    /// [`Fault::LimitExceeded`].
    #[must_use]
    pub fn limit(limit: &str, value: impl Into<u64>, max: impl Into<u64>) -> Self {
        Self::LimitExceeded { limit: limit.to_owned(), value: value.into(), max: max.into() }
    }

    /// Refuses `text` if it has more than `max` characters.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub fn unless_at_most(field: &str, text: &str, max: usize) -> Result<(), Self> {
        if text.chars().count() > max {
            return Err(Self::invalid(field, format!("it must have at most {max} characters"), text));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_field_limit_and_value() {
        let long = "x".repeat(999);
        for (fault, message) in [
            (Fault::not_found(Kind::Bus, "b"), "event bus `b` does not exist".to_owned()),
            (Fault::already_exists(Kind::Rule, "r"), "rule `r` already exists".to_owned()),
            (
                Fault::limit("rules per bus", 301_u32, 300_u32),
                "rules per bus would be `301`, the limit is 300".to_owned(),
            ),
            (Fault::invalid("Name", "why", &long), format!("Name `{}` is refused: why", "x".repeat(128))),
            (Fault::Throttled { retry_after_ms: 7 }, "too many calls, try again in 7 ms".to_owned()),
        ] {
            assert_eq!(fault.to_string(), message);
        }
        assert_eq!(Fault::unless_at_most("D", "äöü", 3), Ok(()));
        assert!(Fault::unless_at_most("D", "äöü", 2).is_err());
    }
}
