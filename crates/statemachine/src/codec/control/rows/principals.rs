//! Rows of roles, users, certificate identities, access keys and managed policies.

use std::fmt;

use bytes::Bytes;
use prost::Message;

use crate::codec::control::{Identity, Pair, PolicyKind};

/// An inline policy.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct InlinePolicy {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The document.
    #[prost(string, tag = "2")]
    pub document: String,
}

/// What may be done by a principal, whichever it is.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Grants {
    /// ARN of its permissions boundary, or empty.
    #[prost(string, tag = "1")]
    pub boundary: String,
    /// Its inline policies, ascending by name.
    #[prost(message, repeated, tag = "2")]
    pub inline: Vec<InlinePolicy>,
    /// ARNs of the managed policies that are attached, ascending.
    #[prost(string, repeated, tag = "3")]
    pub attached: Vec<String>,
    /// Its tags, ascending by key.
    #[prost(message, repeated, tag = "4")]
    pub tags: Vec<Pair>,
}

/// Row of `Roles`.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RoleRow {
    /// Its uid.
    #[prost(uint64, tag = "1")]
    pub uid: u64,
    /// Number of its account.
    #[prost(uint64, tag = "2")]
    pub account: u64,
    /// Its name.
    #[prost(string, tag = "3")]
    pub name: String,
    /// Its path.
    #[prost(string, tag = "4")]
    pub path: String,
    /// Free text.
    #[prost(string, tag = "5")]
    pub description: String,
    /// Who may assume it: a document.
    #[prost(string, tag = "6")]
    pub trust: String,
    /// The longest session, seconds.
    #[prost(uint32, tag = "7")]
    pub max_session_s: u32,
    /// Sessions that were given before this time are over; it never goes back.
    #[prost(uint64, tag = "8")]
    pub sessions_revoked_before_ms: u64,
    /// What it may do.
    #[prost(message, optional, tag = "9")]
    pub grants: Option<Grants>,
    /// When it was created, group time.
    #[prost(uint64, tag = "10")]
    pub created_ms: u64,
    /// When it last changed, group time.
    #[prost(uint64, tag = "11")]
    pub changed_ms: u64,
    /// Control index of its last change.
    #[prost(uint64, tag = "12")]
    pub changed_at: u64,
}

/// An access key, in the row of its user.
#[derive(Clone, PartialEq, Eq, Message)]
#[prost(skip_debug)]
pub struct AccessKey {
    /// Its uid, by which a repeated request finds the key that the first one made.
    #[prost(uint64, tag = "1")]
    pub uid: u64,
    /// Its id.
    #[prost(string, tag = "2")]
    pub id: String,
    /// Whether it is in force.
    #[prost(bool, tag = "3")]
    pub active: bool,
    /// The secret, sealed to account, user and id: nothing here opens it.
    #[prost(bytes = "bytes", tag = "4")]
    pub sealed: Bytes,
    /// When it was created, group time.
    #[prost(uint64, tag = "5")]
    pub created_ms: u64,
    /// Control index of its creation.
    #[prost(uint64, tag = "6")]
    pub created_at: u64,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "AccessKey {{ id: {:?}, active: {}, sealed: [hidden] }}", self.id, self.active)
    }
}

/// Row of `Users`.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct UserRow {
    /// Its uid.
    #[prost(uint64, tag = "1")]
    pub uid: u64,
    /// Number of its account.
    #[prost(uint64, tag = "2")]
    pub account: u64,
    /// Its name.
    #[prost(string, tag = "3")]
    pub name: String,
    /// Its path.
    #[prost(string, tag = "4")]
    pub path: String,
    /// Free text.
    #[prost(string, tag = "5")]
    pub description: String,
    /// What certificates say that it calls, ascending.
    #[prost(message, repeated, tag = "6")]
    pub identities: Vec<Identity>,
    /// What it may do.
    #[prost(message, optional, tag = "7")]
    pub grants: Option<Grants>,
    /// When it was created, group time.
    #[prost(uint64, tag = "8")]
    pub created_ms: u64,
    /// When it last changed, group time.
    #[prost(uint64, tag = "9")]
    pub changed_ms: u64,
    /// Control index of its last change.
    #[prost(uint64, tag = "10")]
    pub changed_at: u64,
    /// Its access keys, ascending by id.
    #[prost(message, repeated, tag = "11")]
    pub access_keys: Vec<AccessKey>,
}

/// Row of `AccessKeys`: the one user that an access key belongs to.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AccessKeyRow {
    /// The user's uid.
    #[prost(uint64, tag = "1")]
    pub user: u64,
}

/// Row of `Identities`: the one user that a certificate identity belongs to.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct IdentityRow {
    /// The user's uid.
    #[prost(uint64, tag = "1")]
    pub user: u64,
}

/// A version of a managed policy.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct VersionRow {
    /// Its number, from 1, never used again.
    #[prost(uint32, tag = "1")]
    pub number: u32,
    /// The document.
    #[prost(string, tag = "2")]
    pub document: String,
    /// When it was created, group time.
    #[prost(uint64, tag = "3")]
    pub created_ms: u64,
}

/// Row of `Policies`.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct PolicyRow {
    /// Its uid.
    #[prost(uint64, tag = "1")]
    pub uid: u64,
    /// Number of its account.
    #[prost(uint64, tag = "2")]
    pub account: u64,
    /// What it is attached to.
    #[prost(enumeration = "PolicyKind", tag = "3")]
    pub kind: i32,
    /// Its name.
    #[prost(string, tag = "4")]
    pub name: String,
    /// Its path.
    #[prost(string, tag = "5")]
    pub path: String,
    /// Free text.
    #[prost(string, tag = "6")]
    pub description: String,
    /// Its versions, ascending.
    #[prost(message, repeated, tag = "7")]
    pub versions: Vec<VersionRow>,
    /// Number of the version in force.
    #[prost(uint32, tag = "8")]
    pub in_force: u32,
    /// Number of the next version.
    #[prost(uint32, tag = "9")]
    pub next_version: u32,
    /// To how many principals or nodes it is attached.
    #[prost(uint32, tag = "10")]
    pub attachments: u32,
    /// How many principals it bounds.
    #[prost(uint32, tag = "11")]
    pub bounded: u32,
    /// When it was created, group time.
    #[prost(uint64, tag = "12")]
    pub created_ms: u64,
    /// When its versions last changed, group time.
    #[prost(uint64, tag = "13")]
    pub changed_ms: u64,
    /// Control index of that change; counts do not move it.
    #[prost(uint64, tag = "14")]
    pub changed_at: u64,
}
