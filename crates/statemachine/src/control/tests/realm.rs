//! Random commands of the organisation beside its naive model: what is there, what is counted, and which epochs move.

mod model;
mod sight;

use std::collections::BTreeSet;

use proptest::prelude::*;

use self::model::{Edit, Naive, Node, SHIPPED_NUMBER, Shelf, Step, Who};
use self::sight::seen;
use super::orders::*;
use super::*;
use crate::codec::control::rows::UserRow;

/// What permit a command carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Permit {
    None,
    Fresh,
    StaleAccount,
    StaleOrganization,
}

fn permit() -> impl Strategy<Value = Permit> {
    prop_oneof![
        4 => Just(Permit::None),
        4 => Just(Permit::Fresh),
        1 => Just(Permit::StaleAccount),
        1 => Just(Permit::StaleOrganization),
    ]
}

fn tree_step() -> impl Strategy<Value = Step> {
    let (u, a, c) = (|| 0_u8..7, || 0_u8..3, || prop_oneof![0_u8..3, Just(SHIPPED_NUMBER)]);
    let place = move || prop::option::of(u());
    let node = move || prop_oneof![Just(Node::Root), u().prop_map(Node::Unit), a().prop_map(Node::Account)];
    prop_oneof![
        // Mostly below the one before, so that the tree grows deep.
        (u(), 0_u8..2).prop_map(|(u, n)| Step::Unit(u, u.checked_sub(1), n)),
        (u(), place(), 0_u8..2).prop_map(|(u, p, n)| Step::Unit(u, p, n)),
        (u(), 0_u8..2).prop_map(|(u, n)| Step::Rename(u, n)),
        u().prop_map(Step::DeleteUnit),
        (a(), place()).prop_map(|(a, p)| Step::Account(a, p)),
        (a(), place()).prop_map(|(a, p)| Step::Move(a, p)),
        (a(), any::<bool>()).prop_map(|(a, closed)| Step::Turn(a, closed)),
        (node(), c()).prop_map(|(n, c)| Step::AttachControl(n, c)),
        (node(), c()).prop_map(|(n, c)| Step::DetachControl(n, c)),
    ]
}

fn policy_step() -> impl Strategy<Value = Step> {
    let shelf = || prop_oneof![2 => (0_u8..2).prop_map(Shelf::Of), 1 => Just(Shelf::Control)];
    let (p, d, v) = (|| prop_oneof![2 => Just(0_u8), 1 => 1_u8..3], || 0_u8..3, || 1_u32..6);
    prop_oneof![
        (shelf(), p()).prop_map(|(s, p)| Step::Policy(s, p)),
        (shelf(), p()).prop_map(|(s, p)| Step::DeletePolicy(s, p)),
        (shelf(), p(), d(), any::<bool>()).prop_map(|(s, p, d, force)| Step::Version(s, p, d, force)),
        (shelf(), p(), v()).prop_map(|(s, p, v)| Step::DeleteVersion(s, p, v)),
        (shelf(), p(), v()).prop_map(|(s, p, v)| Step::InForce(s, p, v)),
        (0_u8..3, prop::option::of(d())).prop_map(|(a, d)| Step::BusPolicy(a, d)),
        (0_u8..3, prop::option::of(d())).prop_map(|(a, v)| Step::BusTag(a, v)),
    ]
}

fn principal_step() -> impl Strategy<Value = Step> {
    let (a, n) = (|| prop_oneof![3 => Just(0_u8), 1 => Just(1)], || 0_u8..3);
    let name = || prop_oneof![3 => Just(0_u8), 1 => Just(1)];
    let who = move || prop_oneof![name().prop_map(Who::Role), name().prop_map(Who::User)];
    let p = || prop_oneof![4 => 0_u8..2, 1 => Just(2), 1 => Just(SHIPPED_NUMBER)];
    let identities = || prop::collection::btree_set(0_u8..4, 0..3);
    let edit = prop_oneof![
        Just(Edit::Describe),
        n().prop_map(Edit::Trust),
        prop::option::of(p()).prop_map(Edit::Bound),
        (0_u64..3).prop_map(Edit::Revoke),
        identities().prop_map(Edit::Identities),
    ];
    prop_oneof![
        (a(), who(), prop::option::of(p()), identities()).prop_map(|(a, w, b, i)| Step::Make(a, w, b, i)),
        (a(), who(), edit).prop_map(|(a, w, e)| Step::Edit(a, w, e)),
        (a(), who(), 0_u8..4).prop_map(|(a, w, n)| if n == 0 {
            Step::Unmake(a, w)
        } else {
            Step::Uninline(a, w, n - 1)
        }),
        (a(), who(), n(), n()).prop_map(|(a, w, n, d)| Step::Inline(a, w, n, d)),
        (a(), who(), p()).prop_map(|(a, w, p)| Step::Attach(a, w, p)),
        (a(), who(), p()).prop_map(|(a, w, p)| Step::Detach(a, w, p)),
        (a(), who(), n(), prop::option::of(n())).prop_map(|(a, w, k, v)| Step::Tags(a, w, k, v)),
        (a(), name(), 0_u8..4).prop_map(|(a, u, k)| Step::Key(a, u, k)),
        (a(), name(), 0_u8..4, any::<bool>()).prop_map(|(a, u, k, on)| Step::TurnKey(a, u, k, on)),
        (a(), name(), 0_u8..4).prop_map(|(a, u, k)| Step::DeleteKey(a, u, k)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![3 => tree_step(), 3 => policy_step(), 5 => principal_step()]
}

/// What stands before the random steps, so that most of them have something to work on.
fn ground() -> Vec<Step> {
    let (role, user) = (Who::Role(0), Who::User(0));
    let none = BTreeSet::new;
    let mut steps = vec![
        Step::Unit(0, None, 0),
        Step::Account(1, Some(0)),
        Step::Make(0, role, None, none()),
        Step::Make(0, user, None, BTreeSet::from([0])),
        Step::Make(1, role, None, none()),
        Step::Inline(0, role, 0, 0),
        Step::Inline(0, user, 0, 0),
        Step::Key(0, 0, 0),
    ];
    for shelf in [Shelf::Of(0), Shelf::Of(1), Shelf::Control] {
        steps.extend([0, 1].map(|policy| Step::Policy(shelf, policy)));
        steps.extend([1, 2].map(|document| Step::Version(shelf, 0, document, false)));
    }
    steps.extend([role, user].map(|who| Step::Attach(0, who, 0)));
    steps.push(Step::AttachControl(Node::Unit(0), 0));
    steps
}

fn place(parent: Option<u8>) -> String {
    parent.map_or_else(|| ROOT.to_owned(), |unit| ou(letter(unit)))
}

fn letter(unit: u8) -> char {
    char::from(b'a' + unit)
}

fn node(node: Node) -> String {
    match node {
        Node::Root => ROOT.to_owned(),
        Node::Unit(unit) => place(Some(unit)),
        Node::Account(account) => format!("{account:012}"),
    }
}

fn control(number: u8) -> String {
    if number == SHIPPED_NUMBER { FULL_SCP.to_owned() } else { scp_arn(&number.to_string()) }
}

fn managed(account: u8, number: u8) -> String {
    if number == SHIPPED_NUMBER { SHIPPED.to_owned() } else { policy_arn(u64::from(account), &number.to_string()) }
}

fn principal(who: Who) -> Option<wire::Principal> {
    match who {
        Who::Role(name) => a_role(&name.to_string()),
        Who::User(name) => a_user(&name.to_string()),
    }
}

fn names(list: &BTreeSet<u8>) -> Vec<wire::Identity> {
    list.iter().map(|number| identity(&format!("dns:{number}"))).collect()
}

fn make(account: u8, who: Who, boundary: Option<u8>, identities: &BTreeSet<u8>) -> Kind {
    let boundary = boundary.map(|number| managed(account, number)).unwrap_or_default();
    match who {
        Who::Role(name) => {
            Kind::CreateRole(wire::CreateRole { boundary, trust: "0".to_owned(), ..role(&name.to_string()) })
        }
        Who::User(name) => {
            let identities = names(identities);
            Kind::CreateUser(wire::CreateUser { boundary, identities, ..user(&name.to_string(), &[]) })
        }
    }
}

/// What only the other kind of principal has becomes a change of nothing.
fn edit(account: u8, who: Who, edit: &Edit) -> Kind {
    let bound = |to: &Option<u8>| Some(to.map(|number| managed(account, number)).unwrap_or_default());
    match who {
        Who::Role(name) => {
            let mut update = update_role(&name.to_string());
            match edit {
                Edit::Describe | Edit::Identities(_) => update.description = Some("new".to_owned()),
                Edit::Trust(document) => update.trust = Some(document.to_string()),
                Edit::Bound(to) => update.boundary = bound(to),
                Edit::Revoke(before_ms) => update.sessions_revoked_before_ms = Some(*before_ms),
            }
            Kind::UpdateRole(update)
        }
        Who::User(name) => {
            let name = name.to_string();
            let mut update = wire::UpdateUser { name: name.clone(), ..wire::UpdateUser::default() };
            match edit {
                Edit::Identities(list) => {
                    return Kind::SetIdentities(wire::SetIdentities { user: name, identities: names(list) });
                }
                Edit::Describe | Edit::Trust(_) | Edit::Revoke(_) => update.description = Some("new".to_owned()),
                Edit::Bound(to) => update.boundary = bound(to),
            }
            Kind::UpdateUser(update)
        }
    }
}

/// Zero for a user that is not there.
fn user_uid(world: &World, account: u8, name: u8) -> u64 {
    let is = |row: &&UserRow| row.account == u64::from(account) && row.name == name.to_string();
    world.state.users.values().find(is).map_or(0, |row| row.uid)
}

/// The command of a step, and whose it is.
fn command(world: &mut World, step: &Step) -> (u64, Kind) {
    let shelf = |shelf: Shelf| match shelf {
        Shelf::Of(account) => (u64::from(account), OF_IDENTITIES),
        Shelf::Control => (MANAGEMENT, SCP),
    };
    let (account, kind) = match step {
        Step::Unit(u, parent, n) => (0, unit(letter(*u), &place(*parent), &n.to_string())),
        Step::Rename(u, n) => (0, rename(letter(*u), &n.to_string())),
        Step::DeleteUnit(u) => (0, delete_unit(letter(*u))),
        Step::Account(a, parent) => {
            world.keys += 1;
            let (name, parent) = (a.to_string(), place(*parent));
            let data_key = data_key(world.keys);
            let create =
                wire::CreateAccount { number: u64::from(*a), name, parent, data_key, ..wire::CreateAccount::default() };
            (0, Kind::CreateAccount(create))
        }
        Step::Move(a, parent) => (0, relocate(u64::from(*a), &place(*parent))),
        Step::Turn(a, true) => (0, close(u64::from(*a))),
        Step::Turn(a, false) => (0, reopen(u64::from(*a))),
        Step::AttachControl(n, c) => (0, attach_control(&node(*n), &control(*c))),
        Step::DetachControl(n, c) => (0, detach_control(&node(*n), &control(*c))),
        Step::Make(a, who, boundary, identities) => (*a, make(*a, *who, *boundary, identities)),
        Step::Edit(a, who, change) => (*a, edit(*a, *who, change)),
        Step::Unmake(a, Who::Role(name)) => (*a, Kind::DeleteRole(named(&name.to_string()))),
        Step::Unmake(a, Who::User(name)) => (*a, Kind::DeleteUser(named(&name.to_string()))),
        Step::Key(a, u, k) => (*a, access_key(&u.to_string(), user_uid(world, *a, *u), *k)),
        Step::TurnKey(a, u, k, on) => (*a, turn_key(&u.to_string(), *k, *on)),
        Step::DeleteKey(a, u, k) => (*a, delete_key(&u.to_string(), *k)),
        Step::Inline(a, who, n, d) => (*a, inline(principal(*who), &n.to_string(), &model::document(*d))),
        Step::Uninline(a, who, n) => (*a, delete_inline(principal(*who), &n.to_string())),
        Step::Attach(a, who, p) => (*a, attach(principal(*who), &managed(*a, *p))),
        Step::Detach(a, who, p) => (*a, detach(principal(*who), &managed(*a, *p))),
        Step::Tags(a, who, key, Some(v)) => (*a, tags(principal(*who), &[(&key.to_string(), &v.to_string())], &[])),
        Step::Tags(a, who, key, None) => (*a, tags(principal(*who), &[], &[&key.to_string()])),
        Step::BusPolicy(a, document) => {
            (*a, bus_policy("default", &document.map(|number| number.to_string()).unwrap_or_default()))
        }
        Step::BusTag(a, Some(v)) => (*a, bus_tags("default", &[("k", &v.to_string())], &[])),
        Step::BusTag(a, None) => (*a, bus_tags("default", &[], &["k"])),
        Step::Policy(s, p) => return (shelf(*s).0, policy(shelf(*s).1, &p.to_string(), "0")),
        Step::DeletePolicy(s, p) => return (shelf(*s).0, delete_policy(shelf(*s).1, &p.to_string())),
        Step::Version(s, p, d, force) => {
            return (shelf(*s).0, version(shelf(*s).1, &p.to_string(), &d.to_string(), *force));
        }
        Step::DeleteVersion(s, p, v) => return (shelf(*s).0, delete_version(shelf(*s).1, &p.to_string(), *v)),
        Step::InForce(s, p, v) => return (shelf(*s).0, in_force(shelf(*s).1, &p.to_string(), *v)),
    };
    (u64::from(account), kind)
}

fn epoch_of(world: &World, account: u64) -> u64 {
    let number = AccountId::from_number(account).unwrap();
    world.state.accounts.get(&number).map_or(0, |row| row.epoch)
}

fn organization_epoch(world: &World) -> u64 {
    world.state.organization.as_ref().unwrap().epoch
}

fn epochs(world: &World, account: u64, permit: Permit) -> Option<wire::Epochs> {
    let stale = |is: bool| u64::from(is);
    let epoch = epoch_of(world, account) + stale(permit == Permit::StaleAccount);
    let organization = organization_epoch(world) - stale(permit == Permit::StaleOrganization);
    let accounts = vec![wire::AccountEpoch { account, epoch }];
    (permit != Permit::None).then_some(wire::Epochs { accounts, organization })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_machine_agrees_with_the_naive_organization(
        steps in prop::collection::vec((step(), permit()), 1..120),
    ) {
        let mut world = World::organized();
        let mut naive = Naive::begun();
        let first = ground().into_iter().map(|step| (step, Permit::None));
        for (nth, (step, permit)) in first.chain(steps).enumerate() {
            let (rows, before) = (world.rows.clone(), naive.clone());
            let old: Vec<u64> = (0..3).map(|account| epoch_of(&world, account)).collect();
            let old_organization = organization_epoch(&world);
            let (account, kind) = command(&mut world, &step);
            let carried = epochs(&world, account, permit);
            let outcome = world.run_with(kind, |entry| {
                let command = entry.command.as_mut().unwrap();
                command.account = account;
                command.epochs = carried;
            });
            let conflict = matches!(outcome, Outcome::Refused(Fault::Conflict { .. }));
            let stale = matches!(permit, Permit::StaleAccount | Permit::StaleOrganization);
            prop_assert_eq!(conflict, stale, "{:?}", step);
            let taken = !stale && naive.take(&step);
            prop_assert!(taken || nth >= ground().len(), "{:?}", step);
            prop_assert_eq!(matches!(outcome, Outcome::Done(_)), taken, "{:?}: {:?}", step, outcome);
            prop_assert_eq!(&seen(&world), &naive, "{:?}", step);
            if !taken {
                prop_assert_eq!(&rows, &world.rows, "a refusal left something: {:?}", step);
            }
            // An epoch moves to the command's index if what is read there changed, and stays if it did not.
            let index = uid(world.index);
            for account in 0..3_u8 {
                let moved = before.read_of(account) != naive.read_of(account);
                let expected = if moved { index } else { old[usize::from(account)] };
                prop_assert_eq!(epoch_of(&world, u64::from(account)), expected, "account {} by {:?}", account, step);
            }
            let moved = before.read_of_tree() != naive.read_of_tree();
            let expected = if moved { index } else { old_organization };
            prop_assert_eq!(organization_epoch(&world), expected, "the organization by {:?}", step);
        }
    }
}
