//! What was decided, and why: which layer, which policy, which statement.

use std::fmt;

use crate::policy::Policy;

/// The answer. Anything but [`Decision::Allowed`] refuses.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub enum Decision<'a> {
    /// Allowed.
    Allowed(Grant<'a>),
    /// Refused.
    Denied(Denial<'a>),
}

impl Decision<'_> {
    /// Whether it is allowed.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

/// What allows: one side or both.
#[derive(Debug, Clone, Copy)]
pub struct Grant<'a> {
    /// The statement of an identity policy, where one was needed. The root user needs none.
    pub identity: Option<Source<'a>>,
    /// The statement of a policy of the resource, where one allows.
    pub resource: Option<Source<'a>>,
}

/// What denies.
#[derive(Debug, Clone, Copy)]
pub enum Denial<'a> {
    /// A statement denies.
    Explicit(Source<'a>),
    /// A statement that denies may hold and cannot be evaluated.
    Unclear(Source<'a>),
    /// A policy cannot be read, or stands in a layer that it is not for.
    Unusable {
        /// Where.
        layer: Layer,
        /// Which.
        policy: &'a Policy,
    },
    /// No statement of a layer that has to allow does.
    Implicit {
        /// Which.
        layer: Layer,
        /// For control policies the level that does not allow, counted from the root of the organisation.
        level: Option<usize>,
    },
}

/// Where a policy stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layer {
    /// Service control policies of the caller's account.
    Scp,
    /// Resource control policies of the resource's account.
    Rcp,
    /// Policies of the resource, a role's trust policy among them.
    Resource,
    /// Policies of the caller.
    Identity,
    /// The caller's permissions boundary.
    Boundary,
    /// Policies of the caller's session.
    Session,
}

impl Layer {
    /// Whether it belongs to the account of the resource, and not to the caller's.
    #[must_use]
    pub const fn is_of_resource(self) -> bool {
        matches!(self, Self::Rcp | Self::Resource)
    }

    /// Its word in messages.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Scp => "service control policy",
            Self::Rcp => "resource control policy",
            Self::Resource => "resource policy",
            Self::Identity => "identity policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

/// One statement of one policy.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Where the policy stands.
    pub layer: Layer,
    /// The policy.
    pub policy: &'a Policy,
    /// Which of its statements, from zero.
    pub statement: usize,
}

impl<'a> Source<'a> {
    /// The statement's `Sid`, if it has one.
    #[must_use]
    pub fn sid(&self) -> Option<&'a str> {
        self.policy.statements().get(self.statement)?.sid()
    }
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sid() {
            Some(sid) => write!(out, "statement `{sid}` of {} `{}`", self.layer, self.policy.name()),
            None => write!(out, "statement {} of {} `{}`", self.statement, self.layer, self.policy.name()),
        }
    }
}

impl fmt::Display for Denial<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Explicit(source) => write!(out, "denied by {source}"),
            Self::Unclear(source) => write!(out, "denied, since {source} denies and cannot be evaluated"),
            Self::Unusable { layer, policy } => {
                write!(out, "denied, since {layer} `{}` cannot be evaluated", policy.name())
            }
            Self::Implicit { layer, level: Some(level) } => write!(out, "no {layer} of level {level} allows it"),
            Self::Implicit { layer, level: None } => write!(out, "no {layer} allows it"),
        }
    }
}

impl fmt::Display for Decision<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(denial) => denial.fmt(out),
            Self::Allowed(Grant { identity: Some(one), resource: Some(other) }) => {
                write!(out, "allowed by {one} and {other}")
            }
            Self::Allowed(
                Grant { identity: Some(one), resource: None } | Grant { identity: None, resource: Some(one) },
            ) => {
                write!(out, "allowed by {one}")
            }
            Self::Allowed(Grant { identity: None, resource: None }) => out.write_str("allowed to the root user"),
        }
    }
}
