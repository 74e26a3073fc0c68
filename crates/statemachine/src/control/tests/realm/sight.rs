//! The naive organisation as it would be if it were read from the machine's state; all counts and indexes are proved on the way.

use std::collections::{BTreeMap, BTreeSet};

use super::super::orders::*;
use super::super::*;
use super::model::{Account, Holder, Naive, Policy, SHIPPED_NUMBER, Unit, Who};
use crate::codec::control::rows::{AccessKey, Grants, PolicyRow};
use crate::key::Part;
use crate::register::Table;

fn unit_of(id: &str) -> u8 {
    id.as_bytes()[8] - b'a'
}

fn place(parent: &str) -> Option<u8> {
    (parent != ROOT).then(|| unit_of(parent))
}

/// The number at the end of an ARN.
fn number(arn: &str) -> u8 {
    arn.rsplit('/').next().unwrap().parse().unwrap_or(SHIPPED_NUMBER)
}

fn controls(attached: &[String]) -> BTreeSet<u8> {
    assert!(attached.is_sorted());
    let (resource, service): (Vec<_>, Vec<_>) = attached.iter().partition(|arn| arn.as_str() == FULL_RCP);
    assert_eq!(resource.len(), 1);
    service.into_iter().map(|arn| number(arn)).collect()
}

fn holder(grants: Option<&Grants>) -> Holder {
    let grants = grants.unwrap();
    assert!(grants.attached.is_sorted() && grants.inline.is_sorted_by(|a, b| a.name < b.name));
    Holder {
        boundary: (!grants.boundary.is_empty()).then(|| number(&grants.boundary)),
        attached: grants.attached.iter().map(|arn| number(arn)).collect(),
        inline: grants
            .inline
            .iter()
            .map(|row| (row.name.parse().unwrap(), row.document.as_bytes()[0] - b'0'))
            .collect(),
        tags: grants.tags.iter().map(|tag| (tag.name.parse().unwrap(), tag.value.parse().unwrap())).collect(),
        ..Holder::default()
    }
}

fn policy(row: &PolicyRow) -> Policy {
    assert!(row.versions.iter().is_sorted_by(|a, b| a.number < b.number));
    assert!(row.versions.iter().all(|version| version.number < row.next_version));
    let documents = row.versions.iter().map(|version| (version.number, version.document.parse().unwrap()));
    Policy { documents: documents.collect(), in_force: row.in_force, next: row.next_version }
}

fn account(state: &State, id: u64) -> Account {
    let row = &state.accounts[&AccountId::from_number(id).unwrap()];
    let bus = state.buses.values().find(|bus| bus.account == id && bus.name == "default").unwrap();
    let mut account = Account {
        parent: place(&row.parent),
        closed: row.closed,
        attached: controls(&row.attached),
        bus_policy: bus.policy.parse().ok(),
        bus_tag: bus.tags.first().map(|tag| tag.value.parse().unwrap()),
        ..Account::default()
    };
    for role in state.roles.values().filter(|role| role.account == id) {
        let (trust, revoked) = (role.trust.parse().unwrap(), role.sessions_revoked_before_ms);
        let holder = Holder { trust, revoked, ..holder(role.grants.as_ref()) };
        account.holders.insert(Who::Role(role.name.parse().unwrap()), holder);
    }
    assert_eq!(account.holders.len(), row.roles as usize);
    for user in state.users.values().filter(|user| user.account == id) {
        let identities = user.identities.iter().map(|identity| identity.value.parse().unwrap()).collect();
        assert!(user.access_keys.is_sorted_by(|a, b| a.id < b.id));
        let keys = user.access_keys.iter().map(|key| (key.sealed[0], key.active)).collect();
        let holder = Holder { identities, keys, ..holder(user.grants.as_ref()) };
        account.holders.insert(Who::User(user.name.parse().unwrap()), holder);
    }
    assert_eq!(account.holders.len(), (row.roles + row.users) as usize);
    let own = |policy: &&PolicyRow| policy.account == id && policy.kind == OF_IDENTITIES as i32;
    for row in state.policies.values().filter(own) {
        let name: u8 = row.name.parse().unwrap();
        // INVARIANT CO-4: counts are those of the rows that name the policy.
        let holders = account.holders.values();
        assert_eq!(row.attachments as usize, holders.clone().filter(|holder| holder.attached.contains(&name)).count());
        assert_eq!(row.bounded as usize, holders.filter(|holder| holder.boundary == Some(name)).count());
        account.policies.insert(name, policy(row));
    }
    assert_eq!(account.policies.len(), row.policies as usize);
    account
}

/// INVARIANT CO-2, CO-3: what the tree's rows count, and the index of names.
fn check_tree(world: &World, naive: &Naive) {
    let row = world.state.organization.as_ref().unwrap();
    assert_eq!((row.units as usize, row.accounts as usize), (naive.units.len(), naive.accounts.len()));
    let below = |place: Option<u8>| {
        let units = naive.units.values().filter(|unit| unit.parent == place).count();
        let accounts = naive.accounts.values().filter(|account| account.parent == place).count();
        (units, accounts)
    };
    assert_eq!((row.child_units as usize, row.child_accounts as usize), below(None));
    let mut names = BTreeSet::new();
    for row in world.state.units.values() {
        let id = unit_of(&row.id);
        assert_eq!(row.depth, naive.depth(Some(id)));
        assert_eq!((row.child_units as usize, row.child_accounts as usize), below(Some(id)));
        names.insert(vec![Part::from(row.parent.as_str()), Part::from(row.name.as_str())]);
    }
    assert_eq!(keys(world, Table::UnitNames), names);
}

/// INVARIANT CO-5: the index of identities is that of the users' rows.
fn check_identities(world: &World) {
    let users = world.state.users.values();
    let held: Vec<String> =
        users.flat_map(|user| user.identities.iter().map(|identity| format!("dns:{}", identity.value))).collect();
    let index: BTreeSet<Vec<Part>> = held.iter().map(|text| vec![Part::from(text.as_str())]).collect();
    assert_eq!(index.len(), held.len());
    assert_eq!(keys(world, Table::Identities), index);
}

/// INVARIANT CO-8: the index of access keys is that of the users' rows.
fn check_access_keys(world: &World) {
    let held: Vec<&AccessKey> = world.state.users.values().flat_map(|user| &user.access_keys).collect();
    let index: BTreeSet<Vec<Part>> = held.iter().map(|key| vec![Part::from(key.id.as_str())]).collect();
    assert_eq!(index.len(), held.len());
    assert_eq!(keys(world, Table::AccessKeys), index);
    assert!(held.iter().all(|key| key.id == key_id(key.sealed[0])), "a secret in another's place");
}

fn keys(world: &World, table: Table) -> BTreeSet<Vec<Part>> {
    world.rows.rows().filter(|(key, _)| key.table == table).map(|(key, _)| key.parts.clone()).collect()
}

pub(super) fn seen(world: &World) -> Naive {
    let state = &world.state;
    let root = state.organization.as_ref().unwrap();
    let units = state.units.values().map(|row| {
        let unit =
            Unit { parent: place(&row.parent), name: row.name.parse().unwrap(), attached: controls(&row.attached) };
        (unit_of(&row.id), unit)
    });
    let accounts = state.accounts.keys().map(|id| (id.number() as u8, account(state, id.number())));
    let control = |row: &&PolicyRow| row.kind == SCP as i32;
    let mut naive = Naive {
        root: controls(&root.attached),
        units: units.collect(),
        accounts: accounts.collect(),
        controls: BTreeMap::new(),
    };
    for row in state.policies.values().filter(control) {
        let name: u8 = row.name.parse().unwrap();
        let lists = naive.units.values().map(|unit| &unit.attached);
        let lists = lists.chain(naive.accounts.values().map(|account| &account.attached)).chain([&naive.root]);
        assert_eq!(row.attachments as usize, lists.filter(|list| list.contains(&name)).count());
        naive.controls.insert(name, policy(row));
    }
    assert_eq!(root.service_policies as usize, naive.controls.len());
    check_tree(world, &naive);
    check_identities(world);
    check_access_keys(world);
    naive
}
