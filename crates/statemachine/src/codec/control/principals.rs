//! Roles, users and access keys as commands have them. Documents are text, and sealed secrets bytes, that nothing here looks into.

use std::fmt;

use bytes::Bytes;
use prost::{Enumeration, Message};

use super::Pair;

/// What a principal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum PrincipalKind {
    /// Never written.
    Unspecified = 0,
    /// A role.
    Role = 1,
    /// A user.
    User = 2,
}

/// A role or user of the command's account.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Principal {
    /// Which of them.
    #[prost(enumeration = "PrincipalKind", tag = "1")]
    pub kind: i32,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
}

/// A new role.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct CreateRole {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its path, `/` for none.
    #[prost(string, tag = "2")]
    pub path: String,
    /// Free text.
    #[prost(string, tag = "3")]
    pub description: String,
    /// Who may assume it: a document.
    #[prost(string, tag = "4")]
    pub trust: String,
    /// The longest session, seconds.
    #[prost(uint32, tag = "5")]
    pub max_session_s: u32,
    /// ARN of its permissions boundary, or empty.
    #[prost(string, tag = "6")]
    pub boundary: String,
    /// Its first tags, ascending by key.
    #[prost(message, repeated, tag = "7")]
    pub tags: Vec<Pair>,
}

/// New settings of a role; what is absent stays.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct UpdateRole {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Free text.
    #[prost(string, optional, tag = "2")]
    pub description: Option<String>,
    /// Who may assume it.
    #[prost(string, optional, tag = "3")]
    pub trust: Option<String>,
    /// The longest session, seconds.
    #[prost(uint32, optional, tag = "4")]
    pub max_session_s: Option<u32>,
    /// ARN of its permissions boundary, or empty for none.
    #[prost(string, optional, tag = "5")]
    pub boundary: Option<String>,
    /// Sessions that were given before this time, milliseconds, are over. An earlier one than is set changes nothing.
    #[prost(uint64, optional, tag = "6")]
    pub sessions_revoked_before_ms: Option<u64>,
}

/// A new user.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct CreateUser {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its path, `/` for none.
    #[prost(string, tag = "2")]
    pub path: String,
    /// Free text.
    #[prost(string, tag = "3")]
    pub description: String,
    /// ARN of its permissions boundary, or empty.
    #[prost(string, tag = "4")]
    pub boundary: String,
    /// Its first tags, ascending by key.
    #[prost(message, repeated, tag = "5")]
    pub tags: Vec<Pair>,
    /// What certificates say that it calls.
    #[prost(message, repeated, tag = "6")]
    pub identities: Vec<Identity>,
}

/// New settings of a user; what is absent stays.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct UpdateUser {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Free text.
    #[prost(string, optional, tag = "2")]
    pub description: Option<String>,
    /// ARN of its permissions boundary, or empty for none.
    #[prost(string, optional, tag = "3")]
    pub boundary: Option<String>,
}

/// Which part of a certificate an identity is, as `model::identity::IdentityKind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum IdentityKind {
    /// Never written.
    Unspecified = 0,
    /// A SPIFFE id.
    Spiffe = 1,
    /// A DNS name.
    Dns = 2,
    /// Another URI.
    Uri = 3,
}

/// A certificate identity.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Message)]
pub struct Identity {
    /// Which part of a certificate.
    #[prost(enumeration = "IdentityKind", tag = "1")]
    pub kind: i32,
    /// What it says there.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// All identities of a user, in place of those it has.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SetIdentities {
    /// The user's name.
    #[prost(string, tag = "1")]
    pub user: String,
    /// The identities.
    #[prost(message, repeated, tag = "2")]
    pub identities: Vec<Identity>,
}

/// An inline policy, new or not.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct PutInlinePolicy {
    /// Whose.
    #[prost(message, optional, tag = "1")]
    pub principal: Option<Principal>,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// The document.
    #[prost(string, tag = "3")]
    pub document: String,
}

/// An inline policy goes.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DeleteInlinePolicy {
    /// Whose.
    #[prost(message, optional, tag = "1")]
    pub principal: Option<Principal>,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
}

/// A managed policy is attached or detached.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AttachPolicy {
    /// To or from whom.
    #[prost(message, optional, tag = "1")]
    pub principal: Option<Principal>,
    /// The policy's ARN: the account's own, or a shipped one.
    #[prost(string, tag = "2")]
    pub policy: String,
}

/// Tags of a role or user.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct TagPrincipal {
    /// Whose.
    #[prost(message, optional, tag = "1")]
    pub principal: Option<Principal>,
    /// Tags that are set, ascending by key.
    #[prost(message, repeated, tag = "2")]
    pub set: Vec<Pair>,
    /// Keys of tags that go.
    #[prost(string, repeated, tag = "3")]
    pub remove: Vec<String>,
}

/// A new access key of a user.
#[derive(Clone, PartialEq, Eq, Message)]
#[prost(skip_debug)]
pub struct CreateAccessKey {
    /// The user's name.
    #[prost(string, tag = "1")]
    pub user: String,
    /// The user's uid, to which the secret is sealed: a later user of the same name could not open it.
    #[prost(uint64, tag = "2")]
    pub user_uid: u64,
    /// The key's id, drawn once and never used again.
    #[prost(string, tag = "3")]
    pub id: String,
    /// The secret, sealed to account, user and id.
    #[prost(bytes = "bytes", tag = "4")]
    pub sealed: Bytes,
}

impl fmt::Debug for CreateAccessKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "CreateAccessKey {{ user: {:?}, id: {:?}, sealed: [hidden] }}", self.user, self.id)
    }
}

/// An access key of a user is in force, or is not.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct UpdateAccessKey {
    /// The user's name.
    #[prost(string, tag = "1")]
    pub user: String,
    /// The key's id.
    #[prost(string, tag = "2")]
    pub id: String,
    /// Whether it is in force from now on.
    #[prost(bool, tag = "3")]
    pub active: bool,
}

/// An access key of a user.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AccessKeyName {
    /// The user's name.
    #[prost(string, tag = "1")]
    pub user: String,
    /// The key's id.
    #[prost(string, tag = "2")]
    pub id: String,
}
