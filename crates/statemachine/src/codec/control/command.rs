//! One entry of the control group and its one command: the register of kinds. Numbers are for good.

use bytes::Bytes;
use prost::{Message, Oneof};

use super::{
    AccessKeyName, AccountNumber, AdmitFirst, AdmitNode, AnnounceNode, Assign, AttachControlPolicy, AttachPolicy, Bus,
    ChangeNode, ConfirmTombstone, Connection, CreateAccessKey, CreateAccount, CreateJoinToken, CreatePolicy,
    CreatePolicyVersion, CreateRole, CreateUnit, CreateUser, DeleteInlinePolicy, Destination, Fired, Init, MoveAccount,
    Named, Organize, PolicyName, PolicyVersion, PutInlinePolicy, PutResourcePolicy, PutTargets, Queue, RemoveTargets,
    RenameUnit, ResourceName, Rule, RuleName, SetIdentities, Tag, TagPrincipal, UnitId, UpdateAccessKey, UpdateBus,
    UpdateConnection, UpdateDestination, UpdateQuotas, UpdateRole, UpdateUser,
};

/// What one Raft entry of the control group carries.
#[derive(Clone, PartialEq, Message)]
pub struct Entry {
    /// Group time in milliseconds since the Unix epoch, stamped by the leader; apply never lets it go back.
    #[prost(uint64, tag = "1")]
    pub time_ms: u64,
    /// Zero, or the term whose leader proposed this; apply drops the entry if its own term differs.
    #[prost(uint64, tag = "2")]
    pub only_in_term: u64,
    /// The one command.
    #[prost(message, optional, tag = "3")]
    pub command: Option<Command>,
    /// The sealed audit record of the change; opaque here.
    #[prost(bytes = "bytes", tag = "4")]
    pub record: Bytes,
}

/// One command.
#[derive(Clone, PartialEq, Message)]
pub struct Command {
    /// Number of the account whose resource it is about.
    #[prost(uint64, tag = "1")]
    pub account: u64,
    /// The caller's id of the request, by which a repeat gets the first answer; empty for none.
    #[prost(string, tag = "2")]
    pub request_id: String,
    /// Sixteen bytes: hash of what the caller sent, before keys were drawn or secrets sealed. Empty: hash of the command.
    #[prost(bytes = "bytes", tag = "3")]
    pub content: Bytes,
    /// Zero, or the control index at which the caller saw the resource last change; otherwise a concurrent modification.
    /// It is about the rule for targets; creations pass it over.
    #[prost(uint64, tag = "4")]
    pub if_changed_at: u64,
    /// What its permit was given by; absent for what needs no permit, and for whoever does not mind.
    #[prost(message, optional, tag = "5")]
    pub epochs: Option<Epochs>,
    /// Which one; a missing one is a command of a later build and refused.
    #[prost(
        oneof = "Kind",
        tags = "16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 80, 81, 82, 83, 84, 85, 86"
    )]
    pub kind: Option<Kind>,
}

/// The epochs that a permit was given by. If one has moved since, the command is refused as a conflict.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Epochs {
    /// Of the caller's account and the resource's, at most three.
    #[prost(message, repeated, tag = "1")]
    pub accounts: Vec<AccountEpoch>,
    /// Of the organisation; zero if there was none.
    #[prost(uint64, tag = "2")]
    pub organization: u64,
}

/// The epoch of an account.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct AccountEpoch {
    /// The account's number.
    #[prost(uint64, tag = "1")]
    pub account: u64,
    /// Its epoch; zero if the organisation did not have it.
    #[prost(uint64, tag = "2")]
    pub epoch: u64,
}

/// The kinds of command, by number. The number is also the operation of `Requests`.
#[derive(Clone, PartialEq, Oneof)]
pub enum Kind {
    /// The cluster begins.
    #[prost(message, tag = "16")]
    Init(Init),
    /// A new bus.
    #[prost(message, tag = "17")]
    CreateBus(Bus),
    /// New settings of a bus.
    #[prost(message, tag = "18")]
    UpdateBus(UpdateBus),
    /// A bus goes, by name.
    #[prost(message, tag = "19")]
    DeleteBus(Named),
    /// A rule as a whole, new or not.
    #[prost(message, tag = "20")]
    PutRule(Rule),
    /// A rule is on.
    #[prost(message, tag = "21")]
    EnableRule(RuleName),
    /// A rule is off.
    #[prost(message, tag = "22")]
    DisableRule(RuleName),
    /// A rule goes.
    #[prost(message, tag = "23")]
    DeleteRule(RuleName),
    /// Targets of a rule, new or not.
    #[prost(message, tag = "24")]
    PutTargets(PutTargets),
    /// Targets go.
    #[prost(message, tag = "25")]
    RemoveTargets(RemoveTargets),
    /// A new connection.
    #[prost(message, tag = "26")]
    CreateConnection(Connection),
    /// New settings of a connection.
    #[prost(message, tag = "27")]
    UpdateConnection(UpdateConnection),
    /// A connection goes, by name.
    #[prost(message, tag = "28")]
    DeleteConnection(Named),
    /// A connection's secrets are wiped.
    #[prost(message, tag = "29")]
    DeauthorizeConnection(Named),
    /// A new API destination.
    #[prost(message, tag = "30")]
    CreateDestination(Destination),
    /// New settings of an API destination.
    #[prost(message, tag = "31")]
    UpdateDestination(UpdateDestination),
    /// An API destination goes, by name.
    #[prost(message, tag = "32")]
    DeleteDestination(Named),
    /// A new queue.
    #[prost(message, tag = "33")]
    CreateQueue(Queue),
    /// A queue goes, by name.
    #[prost(message, tag = "34")]
    DeleteQueue(Named),
    /// A group has applied a tombstone.
    #[prost(message, tag = "35")]
    ConfirmTombstone(ConfirmTombstone),
    /// A scheduled rule was due, and its event is put.
    #[prost(message, tag = "36")]
    Fired(Fired),
    /// Tags of a bus or rule come and go.
    #[prost(message, tag = "37")]
    Tag(Tag),
    /// Other quotas.
    #[prost(message, tag = "38")]
    UpdateQuotas(UpdateQuotas),
    /// The organisation begins, in a cluster that began without one.
    #[prost(message, tag = "39")]
    Organize(Organize),
    /// A new organisational unit.
    #[prost(message, tag = "40")]
    CreateUnit(CreateUnit),
    /// Another name for a unit.
    #[prost(message, tag = "41")]
    RenameUnit(RenameUnit),
    /// An empty unit goes.
    #[prost(message, tag = "42")]
    DeleteUnit(UnitId),
    /// A new account.
    #[prost(message, tag = "43")]
    CreateAccount(CreateAccount),
    /// An account stands elsewhere in the tree.
    #[prost(message, tag = "44")]
    MoveAccount(MoveAccount),
    /// An account's principals are not to be used any more.
    #[prost(message, tag = "45")]
    CloseAccount(AccountNumber),
    /// They are again.
    #[prost(message, tag = "46")]
    ReopenAccount(AccountNumber),
    /// A new role.
    #[prost(message, tag = "47")]
    CreateRole(CreateRole),
    /// New settings of a role.
    #[prost(message, tag = "48")]
    UpdateRole(UpdateRole),
    /// A role goes, by name.
    #[prost(message, tag = "49")]
    DeleteRole(Named),
    /// A new user.
    #[prost(message, tag = "50")]
    CreateUser(CreateUser),
    /// New settings of a user.
    #[prost(message, tag = "51")]
    UpdateUser(UpdateUser),
    /// A user goes, by name.
    #[prost(message, tag = "52")]
    DeleteUser(Named),
    /// All certificate identities of a user.
    #[prost(message, tag = "53")]
    SetIdentities(SetIdentities),
    /// An inline policy of a role or user, new or not.
    #[prost(message, tag = "54")]
    PutInlinePolicy(PutInlinePolicy),
    /// An inline policy goes.
    #[prost(message, tag = "55")]
    DeleteInlinePolicy(DeleteInlinePolicy),
    /// A managed policy is attached to a role or user.
    #[prost(message, tag = "56")]
    AttachPolicy(AttachPolicy),
    /// It is detached.
    #[prost(message, tag = "57")]
    DetachPolicy(AttachPolicy),
    /// Tags of a role or user come and go.
    #[prost(message, tag = "58")]
    TagPrincipal(TagPrincipal),
    /// A new managed policy.
    #[prost(message, tag = "59")]
    CreatePolicy(CreatePolicy),
    /// A managed policy goes.
    #[prost(message, tag = "60")]
    DeletePolicy(PolicyName),
    /// A new version of a managed policy.
    #[prost(message, tag = "61")]
    CreatePolicyVersion(CreatePolicyVersion),
    /// A version goes.
    #[prost(message, tag = "62")]
    DeletePolicyVersion(PolicyVersion),
    /// Another version is in force.
    #[prost(message, tag = "63")]
    SetDefaultPolicyVersion(PolicyVersion),
    /// A control policy is attached to a root, unit or account.
    #[prost(message, tag = "64")]
    AttachControlPolicy(AttachControlPolicy),
    /// It is detached.
    #[prost(message, tag = "65")]
    DetachControlPolicy(AttachControlPolicy),
    /// The policy of a bus or queue, new or not.
    #[prost(message, tag = "66")]
    PutResourcePolicy(PutResourcePolicy),
    /// The policy of a bus or queue goes.
    #[prost(message, tag = "67")]
    DeleteResourcePolicy(ResourceName),
    /// A new access key of a user.
    #[prost(message, tag = "68")]
    CreateAccessKey(CreateAccessKey),
    /// An access key is in force, or is not.
    #[prost(message, tag = "69")]
    UpdateAccessKey(UpdateAccessKey),
    /// An access key goes.
    #[prost(message, tag = "70")]
    DeleteAccessKey(AccessKeyName),
    /// A token by which a node may join.
    #[prost(message, tag = "80")]
    CreateJoinToken(CreateJoinToken),
    /// A join token goes, by id.
    #[prost(message, tag = "81")]
    DeleteJoinToken(Named),
    /// A node joins by a token.
    #[prost(message, tag = "82")]
    AdmitNode(AdmitNode),
    /// The first node of a cluster that began before nodes were written down.
    #[prost(message, tag = "83")]
    AdmitFirst(AdmitFirst),
    /// A node says where it is and what it runs.
    #[prost(message, tag = "84")]
    AnnounceNode(AnnounceNode),
    /// A node is in another state.
    #[prost(message, tag = "85")]
    ChangeNode(ChangeNode),
    /// Which nodes are to have which groups.
    #[prost(message, tag = "86")]
    Assign(Assign),
}

impl Kind {
    /// Its number in this register.
    #[must_use]
    pub const fn number(&self) -> u64 {
        match self {
            Self::Init(_) => 16,
            Self::CreateBus(_) => 17,
            Self::UpdateBus(_) => 18,
            Self::DeleteBus(_) => 19,
            Self::PutRule(_) => 20,
            Self::EnableRule(_) => 21,
            Self::DisableRule(_) => 22,
            Self::DeleteRule(_) => 23,
            Self::PutTargets(_) => 24,
            Self::RemoveTargets(_) => 25,
            Self::CreateConnection(_) => 26,
            Self::UpdateConnection(_) => 27,
            Self::DeleteConnection(_) => 28,
            Self::DeauthorizeConnection(_) => 29,
            Self::CreateDestination(_) => 30,
            Self::UpdateDestination(_) => 31,
            Self::DeleteDestination(_) => 32,
            Self::CreateQueue(_) => 33,
            Self::DeleteQueue(_) => 34,
            Self::ConfirmTombstone(_) => 35,
            Self::Fired(_) => 36,
            Self::Tag(_) => 37,
            Self::UpdateQuotas(_) => 38,
            Self::Organize(_) => 39,
            Self::CreateUnit(_) => 40,
            Self::RenameUnit(_) => 41,
            Self::DeleteUnit(_) => 42,
            Self::CreateAccount(_) => 43,
            Self::MoveAccount(_) => 44,
            Self::CloseAccount(_) => 45,
            Self::ReopenAccount(_) => 46,
            Self::CreateRole(_) => 47,
            Self::UpdateRole(_) => 48,
            Self::DeleteRole(_) => 49,
            Self::CreateUser(_) => 50,
            Self::UpdateUser(_) => 51,
            Self::DeleteUser(_) => 52,
            Self::SetIdentities(_) => 53,
            Self::PutInlinePolicy(_) => 54,
            Self::DeleteInlinePolicy(_) => 55,
            Self::AttachPolicy(_) => 56,
            Self::DetachPolicy(_) => 57,
            Self::TagPrincipal(_) => 58,
            Self::CreatePolicy(_) => 59,
            Self::DeletePolicy(_) => 60,
            Self::CreatePolicyVersion(_) => 61,
            Self::DeletePolicyVersion(_) => 62,
            Self::SetDefaultPolicyVersion(_) => 63,
            Self::AttachControlPolicy(_) => 64,
            Self::DetachControlPolicy(_) => 65,
            Self::PutResourcePolicy(_) => 66,
            Self::DeleteResourcePolicy(_) => 67,
            Self::CreateAccessKey(_) => 68,
            Self::UpdateAccessKey(_) => 69,
            Self::DeleteAccessKey(_) => 70,
            Self::CreateJoinToken(_) => 80,
            Self::DeleteJoinToken(_) => 81,
            Self::AdmitNode(_) => 82,
            Self::AdmitFirst(_) => 83,
            Self::AnnounceNode(_) => 84,
            Self::ChangeNode(_) => 85,
            Self::Assign(_) => 86,
        }
    }
}
