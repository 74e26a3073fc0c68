//! What is found after changes is what is found in a realm that begins with their outcome; and what cannot be read denies.

use std::collections::BTreeMap;

use bascule_policy::decision::Decision;
use bascule_policy::request::{Principal, PrincipalKind, Request, Resource};
use bascule_policy::{Layers, decide};
use bascule_statemachine::codec::control::Identity as WireIdentity;
use bascule_statemachine::codec::control::rows::VersionRow;
use proptest::prelude::*;

use super::*;

const ALLOW: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const FULL_SCP: &str = "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess";
const FULL_RCP: &str = "arn:aws:organizations::aws:policy/resource_control_policy/p-RCPFullAWSAccess";

fn account(number: u64) -> AccountId {
    AccountId::from_number(number).unwrap()
}

fn spiffe(name: u8) -> WireIdentity {
    WireIdentity { kind: wire::IdentityKind::Spiffe.into(), value: format!("spiffe://td/{name}") }
}

fn full() -> Vec<String> {
    vec![FULL_RCP.to_owned(), FULL_SCP.to_owned()]
}

fn organization() -> OrganizationRow {
    let (id, root) = ("o-aaaaaaaaaa".to_owned(), "r-aaaa".to_owned());
    OrganizationRow { id, root, management: 1, attached: full(), epoch: 7, ..OrganizationRow::default() }
}

fn unit(uid: u64, id: &str, parent: &str, attached: Vec<String>) -> UnitRow {
    UnitRow { uid, id: id.to_owned(), parent: parent.to_owned(), attached, ..UnitRow::default() }
}

fn member(number: u64, parent: &str) -> AccountRow {
    AccountRow { number, parent: parent.to_owned(), attached: full(), epoch: number, ..AccountRow::default() }
}

/// `r-aaaa` has `ou-aaaa-1` with account 2, and below it `ou-aaaa-2` with account 3.
fn tree() -> Realm {
    let mut realm = Realm::default();
    realm.put_organization(organization());
    realm.put_unit(unit(1, "ou-aaaa-1", "r-aaaa", full()));
    realm.put_unit(unit(2, "ou-aaaa-2", "ou-aaaa-1", full()));
    for (number, parent) in [(1, "r-aaaa"), (2, "ou-aaaa-1"), (3, "ou-aaaa-2"), (4, "ou-aaaa-9")] {
        realm.put_account(member(number, parent));
    }
    realm
}

#[test]
fn accounts_stand_in_the_tree() {
    let realm = tree();
    for (number, path, levels) in [
        (1, Some("o-aaaaaaaaaa/r-aaaa/"), None),
        (2, Some("o-aaaaaaaaaa/r-aaaa/ou-aaaa-1/"), Some(3)),
        (3, Some("o-aaaaaaaaaa/r-aaaa/ou-aaaa-1/ou-aaaa-2/"), Some(4)),
        // One whose parent nobody knows, and one that nobody knows, have a level that allows nothing.
        (4, None, Some(3)),
        (5, None, Some(3)),
    ] {
        assert_eq!(realm.path(account(number)).as_deref(), path, "{number}");
        let found = realm.levels(account(number), PolicyKind::ServiceControl);
        assert_eq!(found.as_ref().map(Vec::len), levels, "{number}");
        let closed = found.is_some_and(|found| found.iter().any(|level| level.is_empty()));
        assert_eq!(closed, number > 3, "{number}");
    }
    assert_eq!((realm.epoch(account(3)), realm.epoch(account(9)), realm.organization_epoch()), (3, 0, 7));
    assert_eq!(Realm::default().levels(account(1), PolicyKind::ServiceControl).map(|levels| levels.len()), None);
}

#[test]
fn rows_that_lead_in_a_circle_lead_nowhere() {
    let mut realm = tree();
    realm.put_unit(unit(1, "ou-aaaa-1", "ou-aaaa-2", full()));
    assert_eq!(realm.path(account(3)), None);
    assert!(realm.levels(account(3), PolicyKind::ServiceControl).unwrap().iter().any(|level| level.is_empty()));
}

/// Whether a user with these policies may do something under these levels.
fn allowed(levels: &[Box<[Arc<Policy>]>], identity: &[Arc<Policy>], boundary: Option<&Policy>) -> bool {
    let kind = PrincipalKind::User { arn: "arn:aws:iam::000000000003:user/u", name: "u" };
    let request = Request {
        principal: Principal { kind, account: Some(account(3)), org: None, tags: &[], id: "" },
        action: "events:PutEvents",
        resource: Resource { arn: "*", account: account(3), org: None, tags: &[] },
        now: bascule_model::time::Millis(0),
        tags: &[],
        context: &[],
    };
    let layers = Layers { scps: levels, identity, boundary, ..Layers::default() };
    matches!(decide(&request, &layers), Decision::Allowed(_))
}

#[test]
fn what_this_build_cannot_read_denies() {
    let mut realm = tree();
    let good = [read(Document::Identity, "own", ALLOW)];
    let levels = |realm: &Realm| realm.levels(account(3), PolicyKind::ServiceControl).unwrap();
    assert!(allowed(&levels(&realm), &good, None));
    assert!(!allowed(&levels(&realm), &[read(Document::Identity, "own", "{}")], None));
    assert!(!allowed(&levels(&realm), &[good[0].clone(), read(Document::Identity, "own", "")], None));
    // A boundary that is not there limits to nothing, and a policy that is not there is no less.
    for gone in ["arn:aws:iam::000000000003:policy/gone", "arn:aws:iam::aws:policy/BasculeOfLater", "nothing"] {
        let gone = Attached::of(gone);
        assert!(!allowed(&levels(&realm), &good, Some(&realm.compiled(&gone, Document::Boundary))));
        assert!(!allowed(&levels(&realm), &[good[0].clone(), realm.compiled(&gone, Document::Identity)], None));
    }
    // Nor a control policy, whichever kind it would have been.
    for attached in ["arn:aws:organizations::aws:policy/service_control_policy/p-OfLater", "nothing"] {
        realm.put_unit(unit(1, "ou-aaaa-1", "r-aaaa", [full(), vec![attached.to_owned()]].concat()));
        assert!(!allowed(&levels(&realm), &good, None), "{attached}");
    }
    // One of the other kind does not matter.
    realm.put_unit(unit(1, "ou-aaaa-1", "r-aaaa", full()));
    assert!(allowed(&levels(&realm), &good, None));
    realm.put_unit(unit(1, "ou-aaaa-1", "r-aaaa", vec![FULL_RCP.to_owned()]));
    assert!(!allowed(&levels(&realm), &good, None));
}

#[test]
fn an_arn_leads_to_its_own_alone() {
    let mut realm = tree();
    let version = VersionRow { number: 2, document: ALLOW.to_owned(), created_ms: 0 };
    let row = PolicyRow {
        uid: 50,
        account: 3,
        kind: wire::PolicyKind::Identity.into(),
        name: "Team".to_owned(),
        path: "/a/".to_owned(),
        versions: vec![version],
        in_force: 2,
        ..PolicyRow::default()
    };
    realm.put_policy("aws", row);
    realm.put_role(
        "aws",
        RoleRow { uid: 60, account: 3, name: "R".to_owned(), path: "/a/".to_owned(), ..RoleRow::default() },
    );
    let policy = |text: &str| realm.policy(&PolicyArn::parse("", text).unwrap()).is_some();
    assert!(policy("arn:aws:iam::000000000003:policy/a/Team"));
    for other in ["policy/Team", "policy/b/Team", "policy/a/team"] {
        assert!(!policy(&format!("arn:aws:iam::000000000003:{other}")), "{other}");
    }
    assert!(!policy("arn:aws:iam::000000000002:policy/a/Team"));
    assert!(realm.role_of("arn:aws:iam::000000000003:role/a/R").is_some());
    for other in [
        "arn:aws:iam::000000000003:role/R",
        "arn:aws:iam::000000000003:role/a/r",
        "arn:aws:iam::000000000002:role/a/R",
        "arn:aws:iam::000000000003:user/a/R",
        "arn:aws-cn:iam::000000000003:role/a/R",
        "R",
        "",
    ] {
        assert!(realm.role_of(other).is_none(), "{other}");
    }
    assert!(realm.role(account(3), "R").is_some() && realm.role(account(3), "r").is_none());
}

/// One change of the users of an account.
#[derive(Debug, Clone)]
enum Change {
    Put { uid: u64, name: u8, identities: Vec<u8>, keys: Vec<u8> },
    Delete(u64),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let some = || prop::collection::vec(0_u8..6, 0..3);
    let put = (1_u64..6, 0_u8..4, some(), some());
    let put = put.prop_map(|(uid, name, identities, keys)| Change::Put { uid, name, identities, keys });
    prop::collection::vec(prop_oneof![3 => put, 1 => (1_u64..6).prop_map(Change::Delete)], 0..40)
}

fn user(uid: u64, name: u8, identities: &[u8], keys: &[u8]) -> UserRow {
    let identities = identities.iter().map(|name| spiffe(*name)).collect();
    let access_keys = keys.iter().map(|key| AccessKey { id: format!("K{key}"), ..AccessKey::default() }).collect();
    let (name, path) = (format!("U{name}"), "/".to_owned());
    UserRow { uid, account: 3, name, path, identities, access_keys, ..UserRow::default() }
}

proptest! {
    /// As apply makes them: a name, an identity and an access key are one user's at most, and a user keeps its name.
    #[test]
    fn changes_lead_where_a_beginning_does(changes in changes()) {
        let mut realm = Realm::default();
        let mut model: BTreeMap<u64, (u8, Vec<u8>, Vec<u8>)> = BTreeMap::new();
        for change in changes {
            match change {
                Change::Put { uid, name, mut identities, mut keys } => {
                    let name = model.get(&uid).map_or(name, |(name, ..)| *name);
                    let others = || model.iter().filter(|(other, _)| **other != uid);
                    if others().any(|(_, (taken, ..))| *taken == name) {
                        continue;
                    }
                    for list in [&mut identities, &mut keys] {
                        list.sort_unstable();
                        list.dedup();
                    }
                    identities.retain(|identity| !others().any(|(_, (_, taken, _))| taken.contains(identity)));
                    keys.retain(|key| !others().any(|(_, (.., taken))| taken.contains(key)));
                    realm.put_user("aws", user(uid, name, &identities, &keys));
                    model.insert(uid, (name, identities, keys));
                }
                Change::Delete(uid) => {
                    if model.remove(&uid).is_some() {
                        realm.delete(Kind::User, Uid(uid));
                    }
                }
            }
        }
        let mut fresh = Realm::default();
        for (uid, (name, identities, keys)) in &model {
            fresh.put_user("aws", user(*uid, *name, identities, keys));
        }
        let shown = |realm: &Realm| {
            let of = |identity: u8| realm.user_of(&identity_of(identity)).map(|user| user.row.uid);
            let users: Vec<_> = realm.users(account(3)).map(|user| user.row.uid).collect();
            let key = |key: u8| realm.access_key(&format!("K{key}")).map(|(user, key)| (user.row.uid, key.id.clone()));
            let keys: Vec<_> = (0..6).map(key).collect();
            let counts = (realm.identities.len(), realm.access_keys.len(), realm.user_names.len());
            (users, (0..6).map(of).collect::<Vec<_>>(), keys, counts)
        };
        prop_assert_eq!(shown(&realm), shown(&fresh));
    }
}

fn identity_of(name: u8) -> Identity {
    Identity::parse(&format!("spiffe://td/{name}")).unwrap()
}
