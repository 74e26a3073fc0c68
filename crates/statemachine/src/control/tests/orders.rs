//! Commands of the organisation and its principals, in few words.

use super::super::state::Row;
use super::*;
use crate::codec::control::rows::AccountRow;

pub(super) const MANAGEMENT: u64 = 0;
pub(super) const ORGANIZATION: &str = "o-aaaaaaaaaa";
pub(super) const ROOT: &str = "r-root";
pub(super) const FULL_SCP: &str = "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess";
pub(super) const FULL_RCP: &str = "arn:aws:organizations::aws:policy/resource_control_policy/p-RCPFullAWSAccess";
pub(super) const SHIPPED: &str = "arn:aws:iam::aws:policy/BasculePublisher";

impl World {
    /// A cluster with an organisation of one account.
    pub(super) fn organized() -> Self {
        let mut world = Self::begun();
        assert_eq!(world.run(organize()), done(0));
        world
    }

    /// Changes the counts of an account's row, as if it had more than a test can make.
    pub(super) fn pretend(&mut self, change: impl FnOnce(&mut AccountRow)) {
        let mut row = self.state.accounts[&AccountId::default()].clone();
        change(&mut row);
        self.store(row);
    }

    pub(super) fn store<R: state::Stored>(&mut self, row: R) {
        let mut overlay = Overlay::over(&self.rows);
        overlay.put(row.key(), codec::encode(&row));
        let batch = overlay.into_batch();
        self.rows.write(batch);
        let row: Row = row.wrap();
        self.state.absorb(Effect::Upsert(Box::new(row)));
    }
}

pub(super) fn organize() -> Kind {
    let text = |text: &str| text.to_owned();
    let (id, root, account_name) = (text(ORGANIZATION), text(ROOT), text("management"));
    Kind::Organize(wire::Organize { id, root, account_name, ..wire::Organize::default() })
}

/// The id of a unit of one letter.
pub(super) fn ou(letter: char) -> String {
    format!("ou-root-{}", letter.to_string().repeat(8))
}

pub(super) fn unit(letter: char, parent: &str, name: &str) -> Kind {
    Kind::CreateUnit(wire::CreateUnit { id: ou(letter), parent: parent.to_owned(), name: name.to_owned() })
}

pub(super) fn rename(letter: char, name: &str) -> Kind {
    Kind::RenameUnit(wire::RenameUnit { id: ou(letter), name: name.to_owned() })
}

pub(super) fn delete_unit(letter: char) -> Kind {
    Kind::DeleteUnit(wire::UnitId { id: ou(letter) })
}

pub(super) fn account(number: u64, parent: &str) -> Kind {
    let (name, parent) = (number.to_string(), parent.to_owned());
    Kind::CreateAccount(wire::CreateAccount { number, name, parent, ..wire::CreateAccount::default() })
}

pub(super) fn relocate(number: u64, parent: &str) -> Kind {
    Kind::MoveAccount(wire::MoveAccount { number, parent: parent.to_owned() })
}

pub(super) fn close(number: u64) -> Kind {
    Kind::CloseAccount(wire::AccountNumber { number })
}

pub(super) fn reopen(number: u64) -> Kind {
    Kind::ReopenAccount(wire::AccountNumber { number })
}

pub(super) fn role(name: &str) -> wire::CreateRole {
    let (name, path, trust) = (name.to_owned(), "/".to_owned(), "{}".to_owned());
    wire::CreateRole { name, path, trust, max_session_s: 3_600, ..wire::CreateRole::default() }
}

pub(super) fn update_role(name: &str) -> wire::UpdateRole {
    wire::UpdateRole { name: name.to_owned(), ..wire::UpdateRole::default() }
}

pub(super) fn identity(text: &str) -> wire::Identity {
    let (kind, value) = match text.split_once(':') {
        Some(("dns", value)) => (wire::IdentityKind::Dns, value),
        Some(("uri", value)) => (wire::IdentityKind::Uri, value),
        _ => (wire::IdentityKind::Spiffe, text),
    };
    wire::Identity { kind: kind as i32, value: value.to_owned() }
}

pub(super) fn user(name: &str, identities: &[&str]) -> wire::CreateUser {
    let identities = identities.iter().map(|text| identity(text)).collect();
    wire::CreateUser { name: name.to_owned(), path: "/".to_owned(), identities, ..wire::CreateUser::default() }
}

pub(super) fn identities(user: &str, texts: &[&str]) -> Kind {
    let identities = texts.iter().map(|text| identity(text)).collect();
    Kind::SetIdentities(wire::SetIdentities { user: user.to_owned(), identities })
}

/// The id of an access key of this number.
pub(super) fn key_id(number: u8) -> String {
    format!("AKIA{number:016}")
}

/// An access key of the user that has this uid.
pub(super) fn access_key(user: &str, user_uid: u64, number: u8) -> Kind {
    let sealed = Bytes::copy_from_slice(&[number; 9]);
    Kind::CreateAccessKey(wire::CreateAccessKey { user: user.to_owned(), user_uid, id: key_id(number), sealed })
}

pub(super) fn turn_key(user: &str, number: u8, active: bool) -> Kind {
    Kind::UpdateAccessKey(wire::UpdateAccessKey { user: user.to_owned(), id: key_id(number), active })
}

pub(super) fn delete_key(user: &str, number: u8) -> Kind {
    Kind::DeleteAccessKey(wire::AccessKeyName { user: user.to_owned(), id: key_id(number) })
}

pub(super) fn a_role(name: &str) -> Option<wire::Principal> {
    Some(wire::Principal { kind: wire::PrincipalKind::Role as i32, name: name.to_owned() })
}

pub(super) fn a_user(name: &str) -> Option<wire::Principal> {
    Some(wire::Principal { kind: wire::PrincipalKind::User as i32, name: name.to_owned() })
}

pub(super) fn inline(principal: Option<wire::Principal>, name: &str, document: &str) -> Kind {
    let (name, document) = (name.to_owned(), document.to_owned());
    Kind::PutInlinePolicy(wire::PutInlinePolicy { principal, name, document })
}

pub(super) fn delete_inline(principal: Option<wire::Principal>, name: &str) -> Kind {
    Kind::DeleteInlinePolicy(wire::DeleteInlinePolicy { principal, name: name.to_owned() })
}

pub(super) fn attach(principal: Option<wire::Principal>, policy: &str) -> Kind {
    Kind::AttachPolicy(wire::AttachPolicy { principal, policy: policy.to_owned() })
}

pub(super) fn detach(principal: Option<wire::Principal>, policy: &str) -> Kind {
    Kind::DetachPolicy(wire::AttachPolicy { principal, policy: policy.to_owned() })
}

pub(super) fn tags(principal: Option<wire::Principal>, set: &[(&str, &str)], remove: &[&str]) -> Kind {
    Kind::TagPrincipal(wire::TagPrincipal { principal, set: pairs(set), remove: texts(remove) })
}

pub(super) fn bus_tags(bus: &str, set: &[(&str, &str)], remove: &[&str]) -> Kind {
    let (bus, rule) = (bus.to_owned(), String::new());
    Kind::Tag(wire::Tag { bus, rule, set: pairs(set), remove: texts(remove) })
}

pub(super) fn pairs(list: &[(&str, &str)]) -> Vec<wire::Pair> {
    list.iter().map(|(name, value)| wire::Pair { name: (*name).to_owned(), value: (*value).to_owned() }).collect()
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

pub(super) use wire::PolicyKind::{Identity as OF_IDENTITIES, ResourceControl as RCP, ServiceControl as SCP};

pub(super) fn policy(kind: wire::PolicyKind, name: &str, document: &str) -> Kind {
    let (name, document) = (name.to_owned(), document.to_owned());
    let path = "/".to_owned();
    Kind::CreatePolicy(wire::CreatePolicy { kind: kind as i32, name, path, document, description: String::new() })
}

pub(super) fn policy_name(kind: wire::PolicyKind, name: &str) -> wire::PolicyName {
    wire::PolicyName { kind: kind as i32, name: name.to_owned(), path: "/".to_owned() }
}

pub(super) fn delete_policy(kind: wire::PolicyKind, name: &str) -> Kind {
    Kind::DeletePolicy(policy_name(kind, name))
}

pub(super) fn version(kind: wire::PolicyKind, name: &str, document: &str, in_force: bool) -> Kind {
    let (policy, document) = (Some(policy_name(kind, name)), document.to_owned());
    Kind::CreatePolicyVersion(wire::CreatePolicyVersion { policy, document, in_force })
}

pub(super) fn delete_version(kind: wire::PolicyKind, name: &str, version: u32) -> Kind {
    Kind::DeletePolicyVersion(wire::PolicyVersion { policy: Some(policy_name(kind, name)), version })
}

pub(super) fn in_force(kind: wire::PolicyKind, name: &str, version: u32) -> Kind {
    Kind::SetDefaultPolicyVersion(wire::PolicyVersion { policy: Some(policy_name(kind, name)), version })
}

pub(super) fn policy_arn(account: u64, name: &str) -> String {
    format!("arn:aws:iam::{account:012}:policy/{name}")
}

pub(super) fn scp_arn(name: &str) -> String {
    format!("arn:aws:organizations::000000000000:policy/{ORGANIZATION}/service_control_policy/{name}")
}

pub(super) fn attach_control(node: &str, policy: &str) -> Kind {
    Kind::AttachControlPolicy(wire::AttachControlPolicy { node: node.to_owned(), policy: policy.to_owned() })
}

pub(super) fn detach_control(node: &str, policy: &str) -> Kind {
    Kind::DetachControlPolicy(wire::AttachControlPolicy { node: node.to_owned(), policy: policy.to_owned() })
}

pub(super) fn resource(kind: wire::ResourceKind, name: &str) -> wire::ResourceName {
    wire::ResourceName { kind: kind as i32, name: name.to_owned() }
}

/// The policy of a bus; none for an empty document.
pub(super) fn bus_policy(name: &str, document: &str) -> Kind {
    resource_policy(wire::ResourceKind::Bus, name, document)
}

/// The policy of a resource; none for an empty document.
pub(super) fn resource_policy(kind: wire::ResourceKind, name: &str, document: &str) -> Kind {
    let resource = resource(kind, name);
    if document.is_empty() {
        return Kind::DeleteResourcePolicy(resource);
    }
    Kind::PutResourcePolicy(wire::PutResourcePolicy { resource: Some(resource), document: document.to_owned() })
}
