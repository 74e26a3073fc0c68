//! The organisation, its principals and their policies, as a part of the view: found by id, name, ARN, certificate identity and
//! access key, and compiled once, when they change. Pure.
//!
//! What cannot be read here is kept as what denies: nobody knows what it would have denied.

use std::collections::BTreeMap;
use std::sync::Arc;

use bascule_model::fault::Kind;
use bascule_model::identity::{Identity, IdentityKind};
use bascule_model::name::{AccountId, PolicyName};
use bascule_model::organization::OrganizationId;
use bascule_model::policy::{PolicyArn, PolicyKind, PolicyOwner};
use bascule_model::uid::Uid;
use bascule_policy::{Kind as Document, Policy};
use bascule_statemachine::codec::control as wire;
use bascule_statemachine::codec::control::rows::{
    AccessKey, AccountRow, Grants, OrganizationRow, PolicyRow, RoleRow, UnitRow, UserRow,
};

use crate::shipped;

/// Deeper than any tree that apply makes, so that a row that it did not make ends no search late.
const TREE_LIMIT_DEPTH: usize = 8;

/// The organisation, which is its root as well.
#[derive(Debug, Clone)]
pub struct Organization {
    /// Its row.
    pub row: OrganizationRow,
    attached: Vec<Attached>,
}

/// A unit.
#[derive(Debug, Clone)]
pub struct Unit {
    /// Its row.
    pub row: UnitRow,
    attached: Vec<Attached>,
}

/// An account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its row.
    pub row: AccountRow,
    attached: Vec<Attached>,
}

/// What a principal holds, compiled.
#[derive(Debug, Clone, Default)]
pub struct Held {
    pub(crate) inline: Vec<Arc<Policy>>,
    pub(crate) attached: Vec<Attached>,
    pub(crate) boundary: Option<Attached>,
}

/// A managed policy by ARN; one whose ARN nobody can read is none.
#[derive(Debug, Clone)]
pub(crate) struct Attached {
    text: Arc<str>,
    arn: Option<PolicyArn>,
}

/// A role.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its row.
    pub row: RoleRow,
    /// Its ARN.
    pub arn: String,
    /// Its account.
    pub account: AccountId,
    pub(crate) trust: Arc<Policy>,
    pub(crate) held: Held,
}

/// A user: a service with certificates.
#[derive(Debug, Clone)]
pub struct User {
    /// Its row.
    pub row: UserRow,
    /// Its ARN.
    pub arn: String,
    /// Its account.
    pub account: AccountId,
    pub(crate) held: Held,
}

/// A managed policy with a row.
#[derive(Debug, Clone)]
pub struct Managed {
    /// Its row.
    pub row: PolicyRow,
    /// Its ARN.
    pub arn: PolicyArn,
    compiled: Arc<Policy>,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub struct Realm {
    organization: Option<Arc<Organization>>,
    units: BTreeMap<String, Arc<Unit>>,
    unit_ids: BTreeMap<Uid, String>,
    accounts: BTreeMap<AccountId, Arc<Account>>,
    roles: BTreeMap<Uid, Arc<Role>>,
    role_names: BTreeMap<(AccountId, String), Uid>,
    users: BTreeMap<Uid, Arc<User>>,
    user_names: BTreeMap<(AccountId, String), Uid>,
    identities: BTreeMap<Identity, Uid>,
    access_keys: BTreeMap<String, Uid>,
    policies: BTreeMap<Uid, Arc<Managed>>,
    policy_names: BTreeMap<(AccountId, PolicyKind, String), Uid>,
}

impl Realm {
    /// The organisation; none in a cluster that began without and has not been given one.
    #[must_use]
    pub const fn organization(&self) -> Option<&Arc<Organization>> {
        self.organization.as_ref()
    }

    /// The unit of this id.
    #[must_use]
    pub fn unit(&self, id: &str) -> Option<&Arc<Unit>> {
        self.units.get(id)
    }

    /// All units, by id.
    pub fn units(&self) -> impl Iterator<Item = &Arc<Unit>> {
        self.units.values()
    }

    /// The account of this number.
    #[must_use]
    pub fn account(&self, account: AccountId) -> Option<&Arc<Account>> {
        self.accounts.get(&account)
    }

    /// All accounts, by number.
    pub fn accounts(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.accounts.values()
    }

    /// Where an account stands: `o-…/r-…/ou-…/`, down to its parent, as `aws:PrincipalOrgPaths` has it.
    #[must_use]
    pub fn path(&self, account: AccountId) -> Option<String> {
        let organization = self.organization.as_ref()?;
        let mut path = format!("{}/{}/", organization.row.id, organization.row.root);
        for unit in self.units_above(account)? {
            path.push_str(&unit.row.id);
            path.push('/');
        }
        Some(path)
    }

    /// The role of this name in this account, in this case.
    #[must_use]
    pub fn role(&self, account: AccountId, name: &str) -> Option<&Arc<Role>> {
        let uid = self.role_names.get(&(account, name.to_ascii_lowercase()))?;
        self.roles.get(uid).filter(|role| role.row.name == name)
    }

    /// The role of an ARN, path and all.
    #[must_use]
    pub fn role_of(&self, arn: &str) -> Option<&Arc<Role>> {
        let mut parts = arn.splitn(6, ':');
        let account = AccountId::parse(parts.nth(4)?).ok()?;
        let name = parts.next()?.rsplit_once('/')?.1;
        self.role(account, name).filter(|role| role.arn == arn)
    }

    /// All roles of an account, by name.
    pub fn roles(&self, account: AccountId) -> impl Iterator<Item = &Arc<Role>> {
        named(&self.role_names, account).filter_map(|uid| self.roles.get(uid))
    }

    /// The user of this name in this account, in this case.
    #[must_use]
    pub fn user(&self, account: AccountId, name: &str) -> Option<&Arc<User>> {
        let uid = self.user_names.get(&(account, name.to_ascii_lowercase()))?;
        self.users.get(uid).filter(|user| user.row.name == name)
    }

    /// All users of an account, by name.
    pub fn users(&self, account: AccountId) -> impl Iterator<Item = &Arc<User>> {
        named(&self.user_names, account).filter_map(|uid| self.users.get(uid))
    }

    /// Whose a certificate's identity is.
    #[must_use]
    pub fn user_of(&self, identity: &Identity) -> Option<&Arc<User>> {
        self.users.get(self.identities.get(identity)?)
    }

    /// The access key of this id, whichever user's it is.
    #[must_use]
    pub fn access_key(&self, id: &str) -> Option<(&Arc<User>, &AccessKey)> {
        let user = self.users.get(self.access_keys.get(id)?)?;
        Some((user, user.row.access_keys.iter().find(|key| key.id == id)?))
    }

    /// The managed policy of this ARN, if it has a row: shipped ones have none.
    #[must_use]
    pub fn policy(&self, arn: &PolicyArn) -> Option<&Arc<Managed>> {
        let account = match arn.owner() {
            PolicyOwner::Shipped => return None,
            PolicyOwner::Account(account) | PolicyOwner::Organization(account, _) => *account,
        };
        let name = arn.name().as_str().to_ascii_lowercase();
        let managed = self.policies.get(self.policy_names.get(&(account, arn.kind(), name))?)?;
        Some(managed).filter(|managed| managed.arn == *arn)
    }

    /// All managed policies of a kind that an account has, by name.
    pub fn policies(&self, account: AccountId, kind: PolicyKind) -> impl Iterator<Item = &Arc<Managed>> {
        let first = (account, kind, String::new());
        let of = move |(key, _): &(&(AccountId, PolicyKind, String), &Uid)| (key.0, key.1) == (account, kind);
        self.policy_names.range(first..).take_while(of).filter_map(|(_, uid)| self.policies.get(uid))
    }

    /// A managed policy as decisions ask it, whoever has it. One that is not there denies.
    pub(crate) fn compiled(&self, attached: &Attached, kind: Document) -> Arc<Policy> {
        let found = attached.arn.as_ref().and_then(|arn| match self.policy(arn) {
            Some(managed) => Some(&managed.compiled),
            None => shipped::compiled(arn),
        });
        found.map_or_else(|| Arc::new(Policy::unreadable(kind, &attached.text)), Arc::clone)
    }

    /// Control policies of one kind from the root down to the account, level by level; `None` if none apply: there is no
    /// organisation, or it is its management account.
    pub(crate) fn levels(&self, account: AccountId, kind: PolicyKind) -> Option<Vec<Box<[Arc<Policy>]>>> {
        let organization = self.organization.as_ref()?;
        if organization.row.management == account.number() {
            return None;
        }
        // One whose ARN nobody can read may be of any kind.
        let of = |attached: &[Attached]| {
            let attached = attached.iter().filter(|one| one.arn.as_ref().is_none_or(|arn| arn.kind() == kind));
            attached.map(|one| self.compiled(one, shipped::kind(kind))).collect()
        };
        let mut levels = vec![of(&organization.attached)];
        // An account that stands nowhere has a level that allows nothing.
        match self.units_above(account) {
            Some(units) => levels.extend(units.iter().map(|unit| of(&unit.attached))),
            None => levels.push(Box::default()),
        }
        levels.push(self.account(account).map_or_else(Box::default, |account| of(&account.attached)));
        Some(levels)
    }

    /// Units from the root down to an account; `None` if the account does not stand below the root.
    fn units_above(&self, account: AccountId) -> Option<Vec<&Arc<Unit>>> {
        let root = &self.organization.as_ref()?.row.root;
        let mut parent = &self.account(account)?.row.parent;
        let mut units = Vec::new();
        while parent != root {
            let unit = self.units.get(parent).filter(|_| units.len() < TREE_LIMIT_DEPTH)?;
            parent = &unit.row.parent;
            units.push(unit);
        }
        units.reverse();
        Some(units)
    }

    /// The account's epoch; zero if the organisation has no such account.
    pub(crate) fn epoch(&self, account: AccountId) -> u64 {
        self.account(account).map_or(0, |account| account.row.epoch)
    }

    /// The organisation's epoch; zero without one.
    pub(crate) fn organization_epoch(&self) -> u64 {
        self.organization.as_ref().map_or(0, |organization| organization.row.epoch)
    }

    pub(crate) fn put_organization(&mut self, row: OrganizationRow) {
        let attached = Attached::all(&row.attached);
        self.organization = Some(Arc::new(Organization { row, attached }));
    }

    pub(crate) fn put_unit(&mut self, row: UnitRow) {
        let attached = Attached::all(&row.attached);
        self.unit_ids.insert(Uid(row.uid), row.id.clone());
        self.units.insert(row.id.clone(), Arc::new(Unit { row, attached }));
    }

    pub(crate) fn put_account(&mut self, row: AccountRow) {
        let Some(number) = AccountId::from_number(row.number) else { return };
        let attached = Attached::all(&row.attached);
        self.accounts.insert(number, Arc::new(Account { row, attached }));
    }

    pub(crate) fn put_role(&mut self, partition: &str, row: RoleRow) {
        let Some(account) = AccountId::from_number(row.account) else { return };
        let uid = Uid(row.uid);
        let arn = format!("arn:{partition}:iam::{account}:role{}{}", row.path, row.name);
        let trust = read(Document::Trust, &arn, &row.trust);
        let held = Held::of(row.grants.as_ref());
        self.role_names.insert((account, row.name.to_ascii_lowercase()), uid);
        self.roles.insert(uid, Arc::new(Role { row, arn, account, trust, held }));
    }

    pub(crate) fn put_user(&mut self, partition: &str, row: UserRow) {
        let Some(account) = AccountId::from_number(row.account) else { return };
        let uid = Uid(row.uid);
        let arn = format!("arn:{partition}:iam::{account}:user{}{}", row.path, row.name);
        self.forget_credentials(uid);
        // What this build cannot read is nobody's.
        let identities = row.identities.iter().filter_map(identity);
        self.identities.extend(identities.map(|identity| (identity, uid)));
        self.access_keys.extend(row.access_keys.iter().map(|key| (key.id.clone(), uid)));
        let held = Held::of(row.grants.as_ref());
        self.user_names.insert((account, row.name.to_ascii_lowercase()), uid);
        self.users.insert(uid, Arc::new(User { row, arn, account, held }));
    }

    /// A user's identities may have become another's before this one's row comes, so that only its own go; and so with access keys.
    fn forget_credentials(&mut self, uid: Uid) {
        let Some(user) = self.users.get(&uid) else { return };
        for key in &user.row.access_keys {
            if self.access_keys.get(&key.id) == Some(&uid) {
                self.access_keys.remove(&key.id);
            }
        }
        for identity in user.row.identities.iter().filter_map(identity) {
            if self.identities.get(&identity) == Some(&uid) {
                self.identities.remove(&identity);
            }
        }
    }

    pub(crate) fn put_policy(&mut self, partition: &str, row: PolicyRow) {
        let (uid, account) = (Uid(row.uid), AccountId::from_number(row.account));
        let (Some(account), Some(kind), Ok(name)) = (account, kind_of(row.kind), PolicyName::parse(&row.name)) else {
            tracing::error!(%uid, "a policy of a later build is passed over, so that whoever has it is denied");
            return;
        };
        let organization = self.organization.as_ref().and_then(|all| OrganizationId::parse(&all.row.id).ok());
        let arn = match (kind, organization) {
            (PolicyKind::Identity, _) => PolicyArn::of_account(partition, account, &row.path, name),
            (_, Some(id)) => PolicyArn::of_organization(partition, account, id, kind, name),
            (_, None) => return,
        };
        let text = document(&row);
        let old = self.policies.get(&uid).filter(|old| document(&old.row) == text && old.arn == arn);
        let compiled = match old {
            Some(old) => Arc::clone(&old.compiled),
            None => read(shipped::kind(kind), &arn.to_string(), text),
        };
        self.policy_names.insert((account, kind, row.name.to_ascii_lowercase()), uid);
        self.policies.insert(uid, Arc::new(Managed { row, arn, compiled }));
    }

    pub(crate) fn delete(&mut self, kind: Kind, uid: Uid) {
        match kind {
            Kind::Unit => {
                if let Some(id) = self.unit_ids.remove(&uid) {
                    self.units.remove(&id);
                }
            }
            Kind::Role => {
                if let Some(role) = self.roles.remove(&uid) {
                    forget(&mut self.role_names, (role.account, role.row.name.to_ascii_lowercase()), uid);
                }
            }
            Kind::User => {
                self.forget_credentials(uid);
                if let Some(user) = self.users.remove(&uid) {
                    forget(&mut self.user_names, (user.account, user.row.name.to_ascii_lowercase()), uid);
                }
            }
            Kind::Policy => {
                if let Some(managed) = self.policies.remove(&uid) {
                    let account = AccountId::from_number(managed.row.account).unwrap_or_default();
                    let key = (account, managed.arn.kind(), managed.row.name.to_ascii_lowercase());
                    forget(&mut self.policy_names, key, uid);
                }
            }
            _ => {}
        }
    }
}

/// A name may be another's already, when what had it goes.
fn forget<K: Ord>(names: &mut BTreeMap<K, Uid>, key: K, uid: Uid) {
    if names.get(&key) == Some(&uid) {
        names.remove(&key);
    }
}

fn named(names: &BTreeMap<(AccountId, String), Uid>, account: AccountId) -> impl Iterator<Item = &Uid> {
    names.range((account, String::new())..).take_while(move |((of, _), _)| *of == account).map(|(_, uid)| uid)
}

impl Held {
    fn of(grants: Option<&Grants>) -> Self {
        let Some(grants) = grants else { return Self::default() };
        let inline = grants.inline.iter();
        Self {
            inline: inline.map(|inline| read(Document::Identity, &inline.name, &inline.document)).collect(),
            attached: grants.attached.iter().map(|arn| Attached::of(arn)).collect(),
            boundary: (!grants.boundary.is_empty()).then(|| Attached::of(&grants.boundary)),
        }
    }
}

impl Attached {
    pub(crate) fn of(text: &str) -> Self {
        Self { text: text.into(), arn: PolicyArn::parse("PolicyArn", text).ok() }
    }

    fn all(texts: &[String]) -> Vec<Self> {
        texts.iter().map(|text| Self::of(text)).collect()
    }
}

/// What a user's certificate says; `None` for what this build cannot read.
fn identity(identity: &wire::Identity) -> Option<Identity> {
    let kind = match identity.kind() {
        wire::IdentityKind::Spiffe => IdentityKind::Spiffe,
        wire::IdentityKind::Dns => IdentityKind::Dns,
        wire::IdentityKind::Uri => IdentityKind::Uri,
        wire::IdentityKind::Unspecified => return None,
    };
    Identity::new(kind, &identity.value).ok()
}

fn kind_of(kind: i32) -> Option<PolicyKind> {
    match wire::PolicyKind::try_from(kind).ok()? {
        wire::PolicyKind::Identity => Some(PolicyKind::Identity),
        wire::PolicyKind::ServiceControl => Some(PolicyKind::ServiceControl),
        wire::PolicyKind::ResourceControl => Some(PolicyKind::ResourceControl),
        wire::PolicyKind::Unspecified => None,
    }
}

/// The document in force.
fn document(row: &PolicyRow) -> &str {
    let in_force = row.versions.iter().find(|version| version.number == row.in_force);
    in_force.map_or("", |version| version.document.as_str())
}

/// What was stored was within its limit when it was, so that none is asked here.
pub(crate) fn read(kind: Document, name: &str, text: &str) -> Arc<Policy> {
    match Policy::parse_within(kind, name, text, text.len()) {
        Ok(policy) => Arc::new(policy),
        Err(why) => {
            tracing::error!(policy = name, %why, "a policy cannot be read, so that whoever it is about is denied");
            Arc::new(Policy::unreadable(kind, name))
        }
    }
}

#[cfg(test)]
mod tests;
