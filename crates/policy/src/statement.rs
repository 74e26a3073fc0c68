//! A policy's statements as values: effect, principal, action, resource, conditions.

use std::fmt;

use bascule_model::name::AccountId;

use crate::condition::Condition;
use crate::template::Template;

/// What a policy is attached to, and so what it may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Attached to a user, group or role.
    Identity,
    /// Attached to a bus, archive, registry or queue.
    Resource,
    /// Says who may assume a role.
    Trust,
    /// Service control policy: the most that principals of an organisation's accounts may do.
    Scp,
    /// Resource control policy: the most that may be done to resources of an organisation's accounts.
    Rcp,
    /// Permissions boundary of a user or role.
    Boundary,
    /// Passed when a session is made.
    Session,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Identity, Self::Resource, Self::Trust, Self::Scp, Self::Rcp, Self::Boundary, Self::Session];

    /// Its word in messages.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Resource => "resource",
            Self::Trust => "role trust",
            Self::Scp => "service control",
            Self::Rcp => "resource control",
            Self::Boundary => "permissions boundary",
            Self::Session => "session",
        }
    }

    /// Whether its statements say whom they are about.
    #[must_use]
    pub const fn names_principals(self) -> bool {
        matches!(self, Self::Resource | Self::Trust | Self::Rcp)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

/// Version of the policy language: `reference_policies_elements_version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Without variables; also where no version is named.
    V2008,
    /// With variables.
    V2012,
}

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Allows.
    Allow,
    /// Denies, whatever allows.
    Deny,
}

/// One statement.
#[derive(Debug, Clone)]
pub struct Statement {
    pub(crate) sid: Option<Box<str>>,
    pub(crate) effect: Effect,
    /// `None` where the kind of policy names no principals.
    pub(crate) principals: Option<Listed<PrincipalPattern>>,
    pub(crate) actions: Listed<Template>,
    /// `None` in trust policies, which are about the role that they are attached to.
    pub(crate) resources: Option<Listed<Template>>,
    pub(crate) conditions: Box<[Condition]>,
}

impl Statement {
    /// Its `Sid`, if it has one.
    #[must_use]
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// Its effect.
    #[must_use]
    pub const fn effect(&self) -> Effect {
        self.effect
    }
}

/// A list, and whether the statement is about what is in it or about everything else.
#[derive(Debug, Clone)]
pub(crate) struct Listed<T> {
    pub(crate) negated: bool,
    pub(crate) items: Box<[T]>,
}

/// Whom a statement is about: `reference_policies_elements_principal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PrincipalPattern {
    /// `*`.
    Any,
    /// An account: everybody in it, as far as the account's own policies let them.
    Account(AccountId),
    /// A user, a role or a role session, by its ARN.
    Arn(Box<str>),
    /// A service, for example `events.amazonaws.com`.
    Service(Box<str>),
}
