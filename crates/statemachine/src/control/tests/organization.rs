//! The organisation, its units and accounts, and what is attached to them: one script for each.

use super::orders::*;
use super::*;
use crate::codec::control::rows::OrganizationRow;

fn organization(world: &World) -> &OrganizationRow {
    world.state.organization.as_ref().unwrap()
}

#[test]
fn an_organization_begins_once() {
    let mut world = World::begun();
    world.check_said(MANAGEMENT, vec![(unit('a', ROOT, "a"), "not available: the cluster has no organization yet")]);
    let with = |change: fn(&mut wire::Organize)| {
        let Kind::Organize(mut message) = organize() else { unreachable!() };
        change(&mut message);
        Kind::Organize(message)
    };
    let bad = "OrganizationId `o-short` is refused: it must match `o-[a-z0-9]{10}`";
    let bad_root = "RootId `root` is refused: it must match `r-[a-z0-9]{4}`";
    world.check_said(
        MANAGEMENT,
        vec![
            (with(|organize| organize.id = "o-short".to_owned()), bad),
            (with(|organize| organize.root = "root".to_owned()), bad_root),
        ],
    );
    let foreign = "Account `000000000001` is refused: the organization belongs to account `000000000000`";
    world.check_said(1, vec![(organize(), foreign)]);
    world.check_said(MANAGEMENT, vec![(organize(), "")]);
    let row = organization(&world).clone();
    assert_eq!((row.id.as_str(), row.root.as_str(), row.management), (ORGANIZATION, ROOT, MANAGEMENT));
    assert_eq!(
        (row.accounts, row.child_accounts, row.attached),
        (1, 1, vec![FULL_RCP.to_owned(), FULL_SCP.to_owned()])
    );
    let account = &world.state.accounts[&AccountId::default()];
    assert_eq!((account.name.as_str(), account.parent.as_str()), ("management", ROOT));
    // Another node's word, with ids of its own, comes too late.
    let rows = world.rows.clone();
    world.check_said(MANAGEMENT, vec![(with(|organize| organize.id = "o-bbbbbbbbbb".to_owned()), "")]);
    assert_eq!(rows, world.rows);

    let mut world = World::default();
    let (Kind::Init(mut begin), Kind::Organize(organize)) = (init(), organize()) else { unreachable!() };
    begin.organization = Some(organize);
    assert_eq!(world.run(Kind::Init(begin)), done(1));
    assert_eq!(organization(&world).id, ORGANIZATION);
    assert_eq!(organization(&world).epoch, Uid::new(7, 1).unwrap().0);
}

#[test]
fn an_organization_begins_with_its_administrator() {
    let of = |value: &str| wire::Identity { kind: wire::IdentityKind::Spiffe.into(), value: value.to_owned() };
    let with = |identity: &str| {
        let Kind::Organize(message) = organize() else { unreachable!() };
        let user = wire::CreateUser {
            name: "administrator".to_owned(),
            path: "/".to_owned(),
            identities: vec![of(identity)],
            ..wire::CreateUser::default()
        };
        Kind::Organize(wire::Organize {
            administrator: Some(user),
            administrator_policy: SHIPPED.to_owned(),
            ..message
        })
    };
    let mut world = World::begun();
    let bad = "Identities `operator` is refused: it must begin with `spiffe://`, `dns:` or `uri:`";
    world.check_said(MANAGEMENT, vec![(with("operator"), bad)]);
    assert!(world.state.organization.is_none() && world.state.users.is_empty());
    world.check_said(MANAGEMENT, vec![(with("spiffe://td/operator"), "")]);
    let user = world.state.users.values().next().unwrap().clone();
    assert_eq!((user.name.as_str(), user.account, user.identities.len()), ("administrator", MANAGEMENT, 1));
    assert_eq!(user.grants.unwrap().attached, [SHIPPED]);
    assert_eq!(world.state.accounts[&AccountId::default()].users, 1);
    // No later word makes another.
    world.check_said(MANAGEMENT, vec![(with("spiffe://td/thief"), "")]);
    assert_eq!(world.state.users.len(), 1);
}

#[test]
fn an_account_may_begin_with_its_first_role() {
    let mut world = World::organized();
    let with = |number: u64, trust: &str| {
        let Kind::CreateAccount(create) = account(number, ROOT) else { unreachable!() };
        let first = wire::CreateRole { trust: trust.to_owned(), ..role("first") };
        Kind::CreateAccount(wire::CreateAccount { role: Some(first), role_policy: SHIPPED.to_owned(), ..create })
    };
    let none = "AssumeRolePolicyDocument `` is refused: it must be there";
    world.check_said(MANAGEMENT, vec![(with(1, ""), none)]);
    assert!(world.state.roles.is_empty() && world.state.accounts.len() == 1);
    world.check_said(MANAGEMENT, vec![(with(1, "{}"), "")]);
    let row = world.state.roles.values().next().unwrap().clone();
    assert_eq!((row.account, row.grants.unwrap().attached), (1, vec![SHIPPED.to_owned()]));
    // What comes next is the management account's again.
    world.check_said(MANAGEMENT, vec![(Kind::CreateRole(role("own")), "")]);
    assert_eq!(world.state.roles.values().filter(|row| row.account == MANAGEMENT).count(), 1);
}

#[test]
fn units_are_a_tree() {
    let mut world = World::organized();
    let missing = "organizational unit `ou-root-xxxxxxxx` does not exist";
    let foreign = Kind::CreateUnit(wire::CreateUnit {
        id: "ou-rest-aaaaaaaa".to_owned(),
        parent: ROOT.to_owned(),
        name: "a".to_owned(),
    });
    world.check_said(
        MANAGEMENT,
        vec![
            (unit('a', ROOT, "a"), ""),
            (unit('a', ROOT, "b"), "organizational unit `ou-root-aaaaaaaa` already exists"),
            (unit('b', ROOT, "a"), "organizational unit `a` already exists"),
            (unit('b', &ou('x'), "b"), missing),
            (unit('b', "r-rest", "b"), "organization `r-rest` does not exist"),
            (unit('b', "000000000000", "b"), "ParentId `000000000000` is refused: it must be the id of a root or unit"),
            (unit('b', "x", "b"), "ParentId `x` is refused: it must be the id of a root, unit or account"),
            (foreign, "OrganizationalUnitId `ou-rest-aaaaaaaa` is refused: it must have the letters of root `r-root`"),
            (unit('b', &ou('a'), "a"), ""),
            (unit('c', &ou('b'), "a"), ""),
            (unit('d', &ou('c'), "a"), ""),
            (unit('e', &ou('d'), "a"), ""),
            (unit('f', &ou('e'), "a"), "depth of organizational units would be `6`, the limit is 5"),
            (unit('f', &ou('a'), "f"), ""),
            (rename('f', "a"), "organizational unit `a` already exists"),
            (rename('f', "f"), ""),
            (rename('f', "g"), ""),
            (rename('x', "g"), missing),
            (unit('g', &ou('a'), "f"), ""),
            (
                delete_unit('a'),
                "organizational unit `ou-root-aaaaaaaa` can't be deleted since it has organizational units.",
            ),
            (delete_unit('x'), missing),
            (delete_unit('e'), ""),
            (delete_unit('e'), "organizational unit `ou-root-eeeeeeee` does not exist"),
            (unit('e', &ou('d'), "a"), ""),
            (delete_unit('g'), ""),
        ],
    );
    let rows: Vec<(&str, u32, u32)> =
        world.state.units.values().map(|row| (&row.id[8..9], row.depth, row.child_units)).collect();
    assert_eq!(rows, [("a", 1, 2), ("b", 2, 1), ("c", 3, 1), ("d", 4, 1), ("f", 2, 0), ("e", 5, 0)]);
    assert_eq!((organization(&world).units, organization(&world).child_units), (6, 1));
    world.store(OrganizationRow { units: 2_000, ..organization(&world).clone() });
    let full = "organizational units would be `2001`, the limit is 2000";
    world.check_said(MANAGEMENT, vec![(unit('z', ROOT, "z"), full)]);
    let foreign = "Account `000000000007` is refused: the organization belongs to account `000000000000`";
    for kind in [
        unit('z', ROOT, "z"),
        rename('a', "z"),
        delete_unit('f'),
        account(7, ROOT),
        relocate(0, ROOT),
        close(7),
        reopen(7),
        attach_control(ROOT, FULL_SCP),
        detach_control(ROOT, FULL_SCP),
    ] {
        world.check_said(7, vec![(kind, foreign)]);
    }
}

#[test]
fn accounts_come_move_close_and_stay() {
    let mut world = World::organized();
    let closed = "account `000000000001` is closed.";
    world.check_said(
        MANAGEMENT,
        vec![
            (unit('a', ROOT, "a"), ""),
            (account(0, ROOT), "account `000000000000` already exists"),
            (account(1_000_000_000_000, ROOT), "AccountId `1000000000000` is refused: it must have twelve digits"),
            (account(1, &ou('x')), "organizational unit `ou-root-xxxxxxxx` does not exist"),
            (account(1, &ou('a')), ""),
            (delete_unit('a'), "organizational unit `ou-root-aaaaaaaa` can't be deleted since it has accounts."),
            (relocate(2, ROOT), "account `000000000002` does not exist"),
            (relocate(1, &ou('x')), "organizational unit `ou-root-xxxxxxxx` does not exist"),
            (relocate(1, ROOT), ""),
            (relocate(1, ROOT), ""),
            (delete_unit('a'), ""),
            (close(0), "account `000000000000` can't be closed since it manages the organization."),
            (close(2), "account `000000000002` does not exist"),
        ],
    );
    assert_eq!((organization(&world).accounts, organization(&world).child_accounts), (2, 2));
    world.check_said(
        1,
        vec![
            (Kind::CreateRole(role("r")), ""),
            (policy(OF_IDENTITIES, "p", "{}"), ""),
            (attach(a_role("r"), &policy_arn(1, "p")), ""),
            (inline(a_role("r"), "i", "{}"), ""),
            (Kind::CreateUser(user("u", &["dns:a"])), ""),
        ],
    );
    world.check_said(MANAGEMENT, vec![(close(1), ""), (close(1), "")]);
    assert!(world.state.accounts[&AccountId::from_number(1).unwrap()].closed);
    // In a closed account nothing comes or changes, and things may go.
    for kind in [
        Kind::CreateRole(role("s")),
        Kind::UpdateRole(update_role("r")),
        Kind::CreateUser(user("v", &[])),
        Kind::UpdateUser(wire::UpdateUser { name: "u".to_owned(), ..wire::UpdateUser::default() }),
        identities("u", &[]),
        inline(a_role("r"), "i", "{}"),
        attach(a_role("r"), SHIPPED),
        tags(a_role("r"), &[("k", "v")], &[]),
        policy(OF_IDENTITIES, "q", "{}"),
        version(OF_IDENTITIES, "p", "{}", false),
        in_force(OF_IDENTITIES, "p", 1),
        bus_policy("default", "{}"),
    ] {
        world.check_said(1, vec![(kind, closed)]);
    }
    world.check_said(
        1,
        vec![
            (delete_inline(a_role("r"), "i"), ""),
            (detach(a_role("r"), &policy_arn(1, "p")), ""),
            (delete_policy(OF_IDENTITIES, "p"), ""),
            (Kind::DeleteRole(named("r")), ""),
        ],
    );
    world.check_said(MANAGEMENT, vec![(reopen(1), ""), (reopen(1), "")]);
    world.check_said(1, vec![(Kind::CreateRole(role("s")), ""), (Kind::DeleteUser(named("u")), "")]);
    world.store(OrganizationRow { accounts: 1_000, ..organization(&world).clone() });
    let full = "accounts of the organization would be `1001`, the limit is 1000";
    world.check_said(MANAGEMENT, vec![(account(5, ROOT), full)]);
}

#[test]
fn an_account_may_begin_with_its_default_bus() {
    let mut world = World::organized();
    let with = |number: u64, key: u8| {
        let Kind::CreateAccount(create) = account(number, ROOT) else { unreachable!() };
        Kind::CreateAccount(wire::CreateAccount { data_key: data_key(key), ..create })
    };
    let used = format!("data key `{}` already exists", "c8".repeat(16));
    world.check_said(MANAGEMENT, vec![(with(1, 1), ""), (with(2, 200), used.as_str())]);
    // Somebody used the account before it had a row.
    world.check_said(3, vec![(bus("default", 3), "")]);
    world.check_said(MANAGEMENT, vec![(with(3, 4), "")]);
    let buses: Vec<u64> = world.state.buses.values().map(|row| row.account).collect();
    assert_eq!(buses, [0, 1, 3]);
}

#[test]
fn control_policies_are_attached_to_nodes() {
    let mut world = World::organized();
    let (a, b) = (scp_arn("a"), scp_arn("b"));
    let foreign = scp_arn("a").replace(ORGANIZATION, "o-bbbbbbbbbb");
    let other_partition = FULL_SCP.replace("arn:aws:", "arn:aws-cn:");
    let gone = |arn: &str| format!("policy `{arn}` does not exist");
    world.check_said(
        MANAGEMENT,
        vec![
            (unit('a', ROOT, "a"), ""),
            (policy(SCP, "a", "{}"), ""),
            (policy(RCP, "a", "{}"), ""),
            (policy(SCP, "A", "{}"), "policy `A` already exists"),
            (attach_control(ROOT, &b), &gone(&b)),
            (attach_control(ROOT, &foreign), &gone(&foreign)),
            (attach_control(ROOT, &scp_arn("A")), &gone(&scp_arn("A"))),
            (attach_control(ROOT, &other_partition), &gone(&other_partition)),
            (
                attach_control(ROOT, SHIPPED),
                "PolicyId `arn:aws:iam::aws:policy/BasculePublisher` is refused: it must be a service or resource \
                 control policy",
            ),
            (attach_control("r-rest", &a), "organization `r-rest` does not exist"),
            (attach_control(&ou('x'), &a), "organizational unit `ou-root-xxxxxxxx` does not exist"),
            (attach_control("000000000009", &a), "account `000000000009` does not exist"),
            (attach_control("x", &a), "TargetId `x` is refused: it must be the id of a root, unit or account"),
            (attach_control(ROOT, &a), ""),
            (attach_control(ROOT, &a), ""),
            (attach_control(&ou('a'), &a), ""),
            (attach_control("000000000000", &a), ""),
            (delete_policy(SCP, "a"), "policy `a` can't be deleted since it is attached `3` times."),
            (detach_control(ROOT, &b), &gone(&b)),
            (detach_control(ROOT, FULL_SCP), ""),
            (
                detach_control(ROOT, &a),
                &format!("policy `{a}` can't be detached since `r-root` has no other of its type."),
            ),
            (detach_control(ROOT, FULL_RCP), &format!("policy `{FULL_RCP}` can't be detached from anything.")),
            (attach_control(ROOT, FULL_SCP), ""),
            (detach_control(ROOT, &a), ""),
            (detach_control("000000000000", &a), ""),
            (delete_unit('a'), ""),
            (delete_policy(SCP, "a"), ""),
            (delete_policy(RCP, "a"), ""),
        ],
    );
    assert_eq!((organization(&world).service_policies, organization(&world).resource_policies), (0, 0));
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        world.check_said(MANAGEMENT, vec![(policy(SCP, name, "{}"), "")]);
        let full = "policies of one type attached to a root, unit or account would be `6`, the limit is 5";
        let said = if name == "e" { full } else { "" };
        world.check_said(MANAGEMENT, vec![(attach_control(ROOT, &scp_arn(name)), said)]);
    }
    world.store(OrganizationRow { service_policies: 1_000, ..organization(&world).clone() });
    world.check_said(
        MANAGEMENT,
        vec![
            (policy(SCP, "f", "{}"), "service control policies would be `1001`, the limit is 1000"),
            (policy(RCP, "f", &" ".repeat(5_121)), "characters of a control policy would be `5121`, the limit is 5120"),
        ],
    );
}
