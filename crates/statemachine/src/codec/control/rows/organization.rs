//! Rows of the organisation, its units and its accounts.

use prost::Message;

/// Row of `Organization`, the only one; it is the root's row too.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct OrganizationRow {
    /// Its id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Id of its root.
    #[prost(string, tag = "2")]
    pub root: String,
    /// Number of its management account.
    #[prost(uint64, tag = "3")]
    pub management: u64,
    /// ARNs of the control policies that are attached to the root, ascending.
    #[prost(string, repeated, tag = "4")]
    pub attached: Vec<String>,
    /// Units that stand right below the root.
    #[prost(uint32, tag = "5")]
    pub child_units: u32,
    /// Accounts that stand right below the root.
    #[prost(uint32, tag = "6")]
    pub child_accounts: u32,
    /// All units.
    #[prost(uint32, tag = "7")]
    pub units: u32,
    /// All accounts, closed ones too.
    #[prost(uint32, tag = "8")]
    pub accounts: u32,
    /// Service control policies.
    #[prost(uint32, tag = "9")]
    pub service_policies: u32,
    /// Resource control policies.
    #[prost(uint32, tag = "10")]
    pub resource_policies: u32,
    /// When it began, group time.
    #[prost(uint64, tag = "11")]
    pub created_ms: u64,
    /// Control index of the last change of what is attached to the root.
    #[prost(uint64, tag = "12")]
    pub changed_at: u64,
    /// Control index of the last change of what decisions read of the tree and its policies.
    #[prost(uint64, tag = "13")]
    pub epoch: u64,
}

/// Row of `Units`.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct UnitRow {
    /// Its uid.
    #[prost(uint64, tag = "1")]
    pub uid: u64,
    /// Its id.
    #[prost(string, tag = "2")]
    pub id: String,
    /// Id of the root or unit under which it stands, for good.
    #[prost(string, tag = "3")]
    pub parent: String,
    /// Its name.
    #[prost(string, tag = "4")]
    pub name: String,
    /// How far below the root, from 1.
    #[prost(uint32, tag = "5")]
    pub depth: u32,
    /// ARNs of the control policies that are attached to it, ascending.
    #[prost(string, repeated, tag = "6")]
    pub attached: Vec<String>,
    /// Units that stand right below it.
    #[prost(uint32, tag = "7")]
    pub child_units: u32,
    /// Accounts that stand right below it.
    #[prost(uint32, tag = "8")]
    pub child_accounts: u32,
    /// When it was created, group time.
    #[prost(uint64, tag = "9")]
    pub created_ms: u64,
    /// When its name or what is attached last changed, group time.
    #[prost(uint64, tag = "10")]
    pub changed_ms: u64,
    /// Control index of that change; counts do not move it.
    #[prost(uint64, tag = "11")]
    pub changed_at: u64,
}

/// Row of `UnitNames`: which unit has the name.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct UnitNameRow {
    /// Its id.
    #[prost(string, tag = "1")]
    pub id: String,
}

/// Row of `Accounts`. It is never deleted.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AccountRow {
    /// Its number.
    #[prost(uint64, tag = "1")]
    pub number: u64,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Id of the root or unit under which it stands.
    #[prost(string, tag = "3")]
    pub parent: String,
    /// Whether it is closed: then its principals are not to be used, and nothing of it comes or changes.
    #[prost(bool, tag = "4")]
    pub closed: bool,
    /// ARNs of the control policies that are attached to it, ascending.
    #[prost(string, repeated, tag = "5")]
    pub attached: Vec<String>,
    /// Its roles.
    #[prost(uint32, tag = "6")]
    pub roles: u32,
    /// Its users.
    #[prost(uint32, tag = "7")]
    pub users: u32,
    /// Its identity policies.
    #[prost(uint32, tag = "8")]
    pub policies: u32,
    /// When it was created, group time.
    #[prost(uint64, tag = "9")]
    pub created_ms: u64,
    /// When its place, its state or what is attached last changed, group time.
    #[prost(uint64, tag = "10")]
    pub changed_ms: u64,
    /// Control index of that change; counts do not move it.
    #[prost(uint64, tag = "11")]
    pub changed_at: u64,
    /// Control index of the last change of what decisions read of the account, its principals, its policies and its resources.
    #[prost(uint64, tag = "12")]
    pub epoch: u64,
}
