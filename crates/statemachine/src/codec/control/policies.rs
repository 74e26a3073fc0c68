//! Managed policies, control policies of nodes, and policies of resources, as commands have them.

use prost::{Enumeration, Message};

/// What a managed policy is attached to, as `model::policy::PolicyKind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum PolicyKind {
    /// Never written.
    Unspecified = 0,
    /// Roles and users.
    Identity = 1,
    /// Nodes, for what their principals may do.
    ServiceControl = 2,
    /// Nodes, for what may be done to their resources.
    ResourceControl = 3,
}

/// A new managed policy with its first version, which is in force.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct CreatePolicy {
    /// What it is attached to; only the management account has others than those of identities.
    #[prost(enumeration = "PolicyKind", tag = "1")]
    pub kind: i32,
    /// Its name, unique among those of its kind.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Its path, `/` for none; control policies have none.
    #[prost(string, tag = "3")]
    pub path: String,
    /// Free text.
    #[prost(string, tag = "4")]
    pub description: String,
    /// The document.
    #[prost(string, tag = "5")]
    pub document: String,
}

/// A managed policy of the command's account.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct PolicyName {
    /// What it is attached to.
    #[prost(enumeration = "PolicyKind", tag = "1")]
    pub kind: i32,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Its path: who may change one of a path may not change one of its name elsewhere.
    #[prost(string, tag = "3")]
    pub path: String,
}

/// A new version.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct CreatePolicyVersion {
    /// Of which policy.
    #[prost(message, optional, tag = "1")]
    pub policy: Option<PolicyName>,
    /// The document.
    #[prost(string, tag = "2")]
    pub document: String,
    /// Whether it is in force at once.
    #[prost(bool, tag = "3")]
    pub in_force: bool,
}

/// A version.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct PolicyVersion {
    /// Of which policy.
    #[prost(message, optional, tag = "1")]
    pub policy: Option<PolicyName>,
    /// Its number.
    #[prost(uint32, tag = "2")]
    pub version: u32,
}

/// A control policy is attached to a node, or detached.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AttachControlPolicy {
    /// Id of the root, unit or account.
    #[prost(string, tag = "1")]
    pub node: String,
    /// The policy's ARN: the organisation's own, or a shipped one.
    #[prost(string, tag = "2")]
    pub policy: String,
}

/// What has a policy of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum ResourceKind {
    /// Never written.
    Unspecified = 0,
    /// A bus.
    Bus = 1,
    /// A queue.
    Queue = 2,
}

/// A resource of the command's account.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ResourceName {
    /// What it is.
    #[prost(enumeration = "ResourceKind", tag = "1")]
    pub kind: i32,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
}

/// The policy of a resource, in place of the one it has.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct PutResourcePolicy {
    /// Which.
    #[prost(message, optional, tag = "1")]
    pub resource: Option<ResourceName>,
    /// The document.
    #[prost(string, tag = "2")]
    pub document: String,
}
