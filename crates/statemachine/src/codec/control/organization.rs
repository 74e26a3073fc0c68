//! The organisation as commands have it: its beginning, its units and its accounts.

use prost::Message;

use super::{CreateRole, CreateUser, DataKey};

/// The organisation begins, with the cluster's default account as its management account. Once there is one, this changes nothing.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Organize {
    /// Its id, drawn outside.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Id of its root, drawn outside.
    #[prost(string, tag = "2")]
    pub root: String,
    /// Name of its management account.
    #[prost(string, tag = "3")]
    pub account_name: String,
    /// The management account's first user. Whoever is to come after it is made by it.
    #[prost(message, optional, tag = "4")]
    pub administrator: Option<CreateUser>,
    /// ARN of the shipped policy that the first user has.
    #[prost(string, tag = "5")]
    pub administrator_policy: String,
}

/// A new unit.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct CreateUnit {
    /// Its id, drawn outside.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Id of the root or unit under which it stands.
    #[prost(string, tag = "2")]
    pub parent: String,
    /// Its name, unique there.
    #[prost(string, tag = "3")]
    pub name: String,
}

/// Another name for a unit.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RenameUnit {
    /// Its id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// The new name.
    #[prost(string, tag = "2")]
    pub name: String,
}

/// A unit, by id.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct UnitId {
    /// The id.
    #[prost(string, tag = "1")]
    pub id: String,
}

/// A new account.
#[derive(Clone, PartialEq, Message)]
pub struct CreateAccount {
    /// Its number.
    #[prost(uint64, tag = "1")]
    pub number: u64,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Id of the root or unit under which it stands.
    #[prost(string, tag = "3")]
    pub parent: String,
    /// Of its default bus; absent: it gets none.
    #[prost(message, optional, tag = "4")]
    pub data_key: Option<DataKey>,
    /// Its first role, by which the management account sets it up; absent: nobody can.
    #[prost(message, optional, tag = "5")]
    pub role: Option<CreateRole>,
    /// ARN of the shipped policy that the role has.
    #[prost(string, tag = "6")]
    pub role_policy: String,
}

/// An account stands elsewhere.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct MoveAccount {
    /// Its number.
    #[prost(uint64, tag = "1")]
    pub number: u64,
    /// Id of the root or unit under which it stands now.
    #[prost(string, tag = "2")]
    pub parent: String,
}

/// An account, by number.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct AccountNumber {
    /// The number.
    #[prost(uint64, tag = "1")]
    pub number: u64,
}
