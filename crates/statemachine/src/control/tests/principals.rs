//! Roles, users, managed policies and the policies of resources: one script for each.

use super::orders::*;
use super::*;
use crate::codec::control::rows::PolicyRow;

fn counts(world: &World, name: &str) -> (u32, u32) {
    let row: &PolicyRow = world.state.policies.values().find(|row| row.name == name).unwrap();
    (row.attachments, row.bounded)
}

#[test]
fn roles() {
    let mut world = World::organized();
    let with = |name: &str, change: fn(&mut wire::CreateRole)| {
        let mut create = role(name);
        change(&mut create);
        Kind::CreateRole(create)
    };
    let update = |name: &str, change: fn(&mut wire::UpdateRole)| {
        let mut update = update_role(name);
        change(&mut update);
        Kind::UpdateRole(update)
    };
    let missing = "role `x` does not exist";
    world.check_said(3, vec![(Kind::CreateRole(role("r")), "account `000000000003` does not exist")]);
    world.check_said(
        MANAGEMENT,
        vec![
            (policy(OF_IDENTITIES, "p", "{}"), ""),
            (Kind::CreateRole(role("r")), ""),
            (Kind::CreateRole(role("r")), "role `r` already exists"),
            (Kind::CreateRole(role("R")), "role `R` already exists"),
            (with("s", |role| role.trust.clear()), "AssumeRolePolicyDocument `` is refused: it must be there"),
            (
                with("s", |role| role.trust = "x".repeat(2_049)),
                "characters of a trust policy would be `2049`, the limit is 2048",
            ),
            (
                with("s", |role| role.trust = " ".repeat(131_073)),
                "bytes of a policy document would be `131073`, the limit is 131072",
            ),
            (with("s", |role| role.trust = format!("{}{}", "x".repeat(2_048), " \n".repeat(9))), ""),
            (
                with("t", |role| role.boundary = policy_arn(0, "q")),
                "policy `arn:aws:iam::000000000000:policy/q` does not exist",
            ),
            (
                with("t", |role| role.boundary = scp_arn("q")),
                "PermissionsBoundary `arn:aws:organizations::000000000000:policy/o-aaaaaaaaaa/service_control_policy/q` \
                 is refused: it must be a policy of identities",
            ),
            (with("t", |role| role.boundary = policy_arn(0, "p")), ""),
            (with("u", |role| role.boundary = SHIPPED.to_owned()), ""),
            (delete_policy(OF_IDENTITIES, "p"), "policy `p` can't be deleted since it is a permissions boundary `1` times."),
            (update("x", |_| ()), missing),
            (update("R", |_| ()), "role `R` does not exist"),
            (update("t", |role| role.boundary = Some(SHIPPED.to_owned())), ""),
            (update("u", |role| role.boundary = Some(policy_arn(0, "p"))), ""),
            (update("u", |role| role.boundary = Some(String::new())), ""),
            (update("u", |role| role.trust = Some(String::new())), "AssumeRolePolicyDocument `` is refused: it must be there"),
            (update("u", |role| role.sessions_revoked_before_ms = Some(900)), ""),
            (update("u", |role| role.sessions_revoked_before_ms = Some(800)), ""),
            (
                update("u", |role| role.sessions_revoked_before_ms = Some(301_001)),
                "SessionsRevokedBefore `301001` is refused: group time is `1000`",
            ),
            (Kind::DeleteRole(named("x")), missing),
            (Kind::DeleteRole(named("t")), ""),
            (delete_policy(OF_IDENTITIES, "p"), ""),
        ],
    );
    let row = world.state.roles.values().find(|row| row.name == "u").unwrap();
    assert_eq!((row.sessions_revoked_before_ms, row.max_session_s), (900, 3_600));
    assert_eq!(world.state.accounts[&AccountId::default()].roles, 3);
    world.pretend(|row| row.roles = 1_000);
    let full = "roles per account would be `1001`, the limit is 1000";
    world.check_said(MANAGEMENT, vec![(Kind::CreateRole(role("v")), full)]);
}

#[test]
fn an_identity_is_one_users() {
    let mut world = World::organized();
    let spiffe = "spiffe://example.org/a";
    let of_another_kind = |kind: wire::IdentityKind, value: &str| {
        let identity = wire::Identity { kind: kind as i32, value: value.to_owned() };
        Kind::SetIdentities(wire::SetIdentities { user: "u".to_owned(), identities: vec![identity] })
    };
    let taken = "certificate identity `spiffe://example.org/a` already exists";
    world.check_said(MANAGEMENT, vec![(account(1, ROOT), "")]);
    world.check_said(
        MANAGEMENT,
        vec![
            (Kind::CreateUser(user("u", &[spiffe, "dns:a"])), ""),
            (Kind::CreateUser(user("U", &[])), "user `U` already exists"),
            (Kind::CreateUser(user("v", &[spiffe])), taken),
            (
                Kind::CreateUser(user("v", &["dns:b", "dns:b"])),
                "Identities `dns:b` is refused: each may stand there once",
            ),
            (
                Kind::CreateUser(user("v", &["dns:b", "dns:c", "dns:d", "dns:e", "dns:f", "dns:g"])),
                "certificate identities of a user would be `6`, the limit is 5",
            ),
            (Kind::CreateUser(user("v", &["dns:b"])), ""),
            (identities("x", &[]), "user `x` does not exist"),
            (identities("v", &["dns:b", "dns:a"]), "certificate identity `dns:a` already exists"),
            (identities("u", &["dns:a", "uri:https://a"]), ""),
            (identities("v", &["dns:b", spiffe]), ""),
            (
                identities("u", &["CN=a,O=b"]),
                "Identities `CN=a,O=b` is refused: it must begin with `spiffe://`, `dns:` or `uri:`",
            ),
            (
                of_another_kind(wire::IdentityKind::Spiffe, "dns:z"),
                "Identities `dns:z` is refused: it must be of its kind",
            ),
            (
                of_another_kind(wire::IdentityKind::Uri, "spiffe://d/z"),
                "Identities `spiffe://d/z` is refused: it must be a URI of visible ASCII that is no SPIFFE id",
            ),
            (
                of_another_kind(wire::IdentityKind::Unspecified, "z"),
                "Identities `z` is refused: its kind must be there",
            ),
        ],
    );
    // Another account learns no more than that it is somebody's.
    world.check_said(1, vec![(Kind::CreateUser(user("u", &[spiffe])), taken)]);
    world.check_said(MANAGEMENT, vec![(Kind::DeleteUser(named("v")), "")]);
    world.check_said(1, vec![(Kind::CreateUser(user("u", &[spiffe])), "")]);
    let held: Vec<(u64, usize)> = world.state.users.values().map(|row| (row.account, row.identities.len())).collect();
    assert_eq!(held, [(0, 2), (1, 1)]);
    world.pretend(|row| row.users = 5_000);
    let full = "users per account would be `5001`, the limit is 5000";
    world.check_said(MANAGEMENT, vec![(Kind::CreateUser(user("w", &[])), full)]);
}

#[test]
fn users_have_access_keys() {
    let mut world = World::organized();
    let missing = "access key `AKIA0000000000000001` does not exist";
    let with = |change: fn(&mut wire::CreateAccessKey)| {
        let Kind::CreateAccessKey(mut create) = access_key("u", uid(2), 1) else { unreachable!() };
        change(&mut create);
        Kind::CreateAccessKey(create)
    };
    world.check_said(MANAGEMENT, vec![(account(1, ROOT), "")]);
    let (u, v) = (uid(2), uid(3));
    world.check_said(
        MANAGEMENT,
        vec![
            (Kind::CreateUser(user("u", &[])), ""),
            (Kind::CreateUser(user("v", &[])), ""),
            (access_key("x", u, 1), "user `x` does not exist"),
            (access_key("U", u, 1), "user `U` does not exist"),
            // The secret was sealed to a user that was there before.
            (access_key("u", v, 1), "user `u` was changed by another call"),
            (with(|key| key.id.clear()), "AccessKeyId `` is refused: it must be 16 to 128 of `A-Za-z0-9_`"),
            (with(|key| key.sealed.clear()), "SecretAccessKey `` is refused: it must be there, sealed"),
            (access_key("u", u, 1), ""),
            (access_key("u", u, 1), "access key `AKIA0000000000000001` already exists"),
            (access_key("v", v, 1), "access key `AKIA0000000000000001` already exists"),
            (access_key("u", u, 0), ""),
            (access_key("u", u, 2), "access keys of a user would be `3`, the limit is 2"),
            (turn_key("u", 1, false), ""),
            (access_key("u", u, 2), "access keys of a user would be `3`, the limit is 2"),
            (access_key("v", v, 2), ""),
            (turn_key("v", 1, true), missing),
            (turn_key("x", 1, true), "user `x` does not exist"),
            (delete_key("v", 1), missing),
            (Kind::DeleteUser(named("u")), "user `u` can't be deleted since it has `2` access keys."),
            (delete_key("u", 0), ""),
            (delete_key("u", 0), "access key `AKIA0000000000000000` does not exist"),
        ],
    );
    // Whose it is matters in every account.
    world.check_said(1, vec![(Kind::CreateUser(user("u", &[])), "")]);
    let other = world.state.users.values().find(|row| row.account == 1).unwrap().uid;
    let taken = "access key `AKIA0000000000000001` already exists";
    world.check_said(1, vec![(access_key("u", other, 1), taken), (delete_key("u", 1), missing)]);
    let held = |world: &World, name: &str| {
        let row = world.state.users.values().find(|row| row.account == 0 && row.name == name).unwrap();
        row.access_keys.iter().map(|key| (key.id.clone(), key.active, key.sealed.len())).collect::<Vec<_>>()
    };
    assert_eq!(held(&world, "u"), [(key_id(1), false, 9)]);
    // What else changes in a user leaves its keys.
    world.check_said(MANAGEMENT, vec![(tags(a_user("u"), &[("k", "v")], &[]), ""), (turn_key("u", 1, true), "")]);
    assert_eq!(held(&world, "u"), [(key_id(1), true, 9)]);
    world.check_said(
        MANAGEMENT,
        vec![(delete_key("u", 1), ""), (access_key("v", v, 1), ""), (Kind::DeleteUser(named("u")), "")],
    );
    assert_eq!(held(&world, "v"), [(key_id(1), true, 9), (key_id(2), true, 9)]);
}

#[test]
fn in_a_closed_account_access_keys_only_go() {
    let mut world = World::organized();
    world.check_said(MANAGEMENT, vec![(account(1, ROOT), "")]);
    world.check_said(1, vec![(Kind::CreateUser(user("u", &[])), "")]);
    let u = world.state.users.values().next().unwrap().uid;
    world.check_said(1, vec![(access_key("u", u, 1), "")]);
    world.check_said(MANAGEMENT, vec![(close(1), "")]);
    let closed = "account `000000000001` is closed.";
    world.check_said(
        1,
        vec![
            (access_key("u", u, 2), closed),
            (turn_key("u", 1, true), closed),
            (turn_key("u", 1, false), ""),
            (delete_key("u", 1), ""),
            (Kind::DeleteUser(named("u")), ""),
        ],
    );
}

#[test]
fn a_repeated_request_makes_no_second_key() {
    let mut world = World::organized();
    world.check_said(MANAGEMENT, vec![(Kind::CreateUser(user("u", &[])), "")]);
    let u = world.state.users.values().next().unwrap().uid;
    let first = world.request(access_key("u", u, 1), "id", b"asked");
    // Another id and secret were drawn for the repeat; what was asked for is the same.
    assert_eq!(world.request(access_key("u", u, 2), "id", b"asked"), first);
    let reused = Outcome::Refused(Fault::RequestReused { request_id: "id".to_owned() });
    assert_eq!(world.request(access_key("u", u, 3), "id", b"asked by another"), reused);
    let keys = &world.state.users.values().next().unwrap().access_keys;
    let [key] = &keys[..] else { panic!("{keys:?}") };
    assert_eq!((first, key.id.clone()), (Outcome::Done(Done::about(key.uid)), key_id(1)));
}

#[test]
fn principals_hold_inline_policies() {
    let mut world = World::organized();
    let of = |length: usize| "x".repeat(length);
    world.check_said(
        MANAGEMENT,
        vec![
            (Kind::CreateRole(role("n")), ""),
            (Kind::CreateUser(user("n", &[])), ""),
            (inline(a_role("x"), "i", "{}"), "role `x` does not exist"),
            (inline(a_user("x"), "i", "{}"), "user `x` does not exist"),
            (inline(None, "i", "{}"), "principal `` is refused: its kind must be there"),
            (inline(a_user("n"), "i", ""), "PolicyDocument `` is refused: it must be there"),
            (inline(a_user("n"), "i", &of(2_048)), ""),
            (
                inline(a_user("n"), "j", "x"),
                "characters of all inline policies of a user would be `2049`, the limit is 2048",
            ),
            (inline(a_user("n"), "i", &of(2_047)), ""),
            (inline(a_user("n"), "j", " x\t\r\n"), ""),
            (inline(a_role("n"), "i", &of(10_240)), ""),
            (
                inline(a_role("n"), "j", "x"),
                "characters of all inline policies of a role would be `10241`, the limit is 10240",
            ),
            (
                inline(a_role("n"), "i", &" ".repeat(131_073)),
                "bytes of a policy document would be `131073`, the limit is 131072",
            ),
            (delete_inline(a_role("n"), "j"), "policy `j` does not exist"),
            (delete_inline(a_role("n"), "i"), ""),
            (inline(a_role("n"), "i", &" ".repeat(131_072)), ""),
            (inline(a_role("n"), "j", "x"), "bytes of all inline policies would be `131073`, the limit is 131072"),
        ],
    );
}

#[test]
fn principals_hold_managed_policies_and_tags() {
    let mut world = World::organized();
    let p = policy_arn(0, "p");
    world.check_said(
        MANAGEMENT,
        vec![
            (Kind::CreateRole(role("n")), ""),
            (Kind::CreateUser(user("n", &[])), ""),
            (policy(OF_IDENTITIES, "p", "{}"), ""),
            (attach(a_role("n"), &p), ""),
            (attach(a_role("n"), &p), ""),
            (attach(a_user("n"), &p), ""),
            (attach(a_user("n"), SHIPPED), ""),
            (attach(a_user("n"), &policy_arn(0, "P")), "policy `arn:aws:iam::000000000000:policy/P` does not exist"),
            (
                attach(a_user("n"), &policy_arn(0, "path/p")),
                "policy `arn:aws:iam::000000000000:policy/path/p` does not exist",
            ),
            (
                attach(a_user("n"), &policy_arn(1, "p")),
                "PolicyArn `arn:aws:iam::000000000001:policy/p` is refused: it must be a shipped policy, or one of \
                 account `000000000000`",
            ),
            (
                attach(a_user("n"), FULL_SCP),
                &format!("PolicyArn `{FULL_SCP}` is refused: it must be a policy of identities"),
            ),
            (
                attach(a_user("n"), "arn:aws-cn:iam::aws:policy/X"),
                "policy `arn:aws-cn:iam::aws:policy/X` does not exist",
            ),
            (attach(a_user("n"), "p"), "PolicyArn `p` is refused: it must be the ARN of a managed policy"),
            (detach(a_user("n"), &policy_arn(0, "q")), "policy `arn:aws:iam::000000000000:policy/q` does not exist"),
            (delete_policy(OF_IDENTITIES, "p"), "policy `p` can't be deleted since it is attached `2` times."),
            (detach(a_role("n"), &p), ""),
        ],
    );
    assert_eq!(counts(&world, "p"), (1, 0));
    world.check_said(MANAGEMENT, vec![(Kind::DeleteUser(named("n")), "")]);
    assert_eq!(counts(&world, "p"), (0, 0));
    let full = "managed policies attached to a principal would be `11`, the limit is 10";
    for number in 0..11 {
        let said = if number == 10 { full } else { "" };
        world.check_said(MANAGEMENT, vec![(attach(a_role("n"), &format!("{SHIPPED}{number}")), said)]);
    }
    let many: Vec<String> = (0..50).map(|number| format!("{number:02}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), "")).collect();
    world.check_said(
        MANAGEMENT,
        vec![
            (tags(a_role("n"), &many, &[]), ""),
            (tags(a_role("n"), &[("x", "")], &[]), "tags per resource would be `51`, the limit is 50"),
            (tags(a_role("n"), &[("x", "")], &["00"]), ""),
            (tags(a_role("x"), &[], &[]), "role `x` does not exist"),
        ],
    );
}

#[test]
fn policies_have_versions() {
    let mut world = World::organized();
    let with_path = Kind::CreatePolicy(wire::CreatePolicy {
        kind: SCP as i32,
        name: "c".to_owned(),
        path: "/a/".to_owned(),
        document: "{}".to_owned(),
        ..wire::CreatePolicy::default()
    });
    let without_kind = wire::PolicyKind::Unspecified;
    world.check_said(MANAGEMENT, vec![(account(1, ROOT), "")]);
    let foreign = "Account `000000000001` is refused: the organization belongs to account `000000000000`";
    world.check_said(1, vec![(policy(SCP, "p", "{}"), foreign), (policy(OF_IDENTITIES, "p", "{}"), "")]);
    world.check_said(
        MANAGEMENT,
        vec![
            (policy(OF_IDENTITIES, "p", "1"), ""),
            (policy(SCP, "p", "1"), ""),
            (policy(OF_IDENTITIES, "P", "1"), "policy `P` already exists"),
            (policy(without_kind, "q", "1"), "Type `` is refused: it must be there"),
            (with_path, "Path `/a/` is refused: a control policy has none"),
            (policy(OF_IDENTITIES, "q", ""), "PolicyDocument `` is refused: it must be there"),
            (
                policy(OF_IDENTITIES, "q", &"x".repeat(6_145)),
                "characters of a managed policy would be `6145`, the limit is 6144",
            ),
            (version(OF_IDENTITIES, "x", "2", false), "policy `x` does not exist"),
            (version(OF_IDENTITIES, "P", "2", false), "policy `P` does not exist"),
            (version(OF_IDENTITIES, "p", "2", false), ""),
            (version(OF_IDENTITIES, "p", "3", true), ""),
            (delete_version(OF_IDENTITIES, "p", 3), "policy version `p v3` can't be deleted since it is in force."),
            (delete_version(OF_IDENTITIES, "p", 4), "policy version `p v4` does not exist"),
            (in_force(OF_IDENTITIES, "p", 4), "policy version `p v4` does not exist"),
            (in_force(OF_IDENTITIES, "p", 1), ""),
            (delete_version(OF_IDENTITIES, "p", 3), ""),
            (version(OF_IDENTITIES, "p", "4", false), ""),
            (version(OF_IDENTITIES, "p", "5", false), ""),
            (version(OF_IDENTITIES, "p", "6", false), ""),
            (version(OF_IDENTITIES, "p", "7", true), "versions of a managed policy would be `6`, the limit is 5"),
            (delete_version(OF_IDENTITIES, "p", 6), ""),
            (version(OF_IDENTITIES, "p", "7", true), ""),
        ],
    );
    let row = world.state.policies.values().find(|row| row.name == "p").unwrap();
    assert_eq!(row.account, 1);
    let row = world.state.policies.values().find(|row| row.account == 0 && row.kind == OF_IDENTITIES as i32).unwrap();
    let numbers: Vec<(u32, &str)> = row.versions.iter().map(|row| (row.number, row.document.as_str())).collect();
    assert_eq!(numbers, [(1, "1"), (2, "2"), (4, "4"), (5, "5"), (7, "7")]);
    assert_eq!((row.in_force, row.next_version), (7, 8));
    world.pretend(|row| row.policies = 1_500);
    let full = "managed policies per account would be `1501`, the limit is 1500";
    world.check_said(MANAGEMENT, vec![(policy(OF_IDENTITIES, "z", "{}"), full)]);
}

#[test]
fn resources_have_policies_of_their_own() {
    let mut world = World::organized();
    let bus = |document: &str| bus_policy("default", document);
    let queue_policy = |document: &str| resource_policy(wire::ResourceKind::Queue, "q", document);
    let over = "characters of a resource policy would be `10241`, the limit is 10240";
    world.check_said(
        MANAGEMENT,
        vec![
            (queue_policy("{}"), "queue `q` does not exist"),
            (queue("q", 1), ""),
            (queue_policy("{}"), ""),
            (queue("q", 1), ""),
            (bus_policy("x", "{}"), "event bus `x` does not exist"),
            (bus(&" ".repeat(10_241)), over),
            (bus("1"), ""),
            (
                resource_policy(wire::ResourceKind::Unspecified, "x", "{}"),
                "resource `x` is refused: its kind must be there",
            ),
        ],
    );
    assert_eq!(world.state.queues[&Uid(uid(2))].policy, "{}", "the same queue again keeps its policy");
    assert_eq!(world.state.buses[&Uid(uid(1))].policy, "1");
    let empty = Kind::PutResourcePolicy(wire::PutResourcePolicy {
        resource: Some(resource(wire::ResourceKind::Bus, "default")),
        document: String::new(),
    });
    world.check_said(MANAGEMENT, vec![(empty, "Policy `` is refused: it must be there"), (bus(""), ""), (bus(""), "")]);
    assert_eq!(world.state.buses[&Uid(uid(1))].policy, "");
}

#[test]
fn a_policy_is_changed_where_it_stands_alone() {
    let mut world = World::organized();
    let Kind::CreatePolicy(create) = policy(OF_IDENTITIES, "p", "{}") else { unreachable!() };
    let create = Kind::CreatePolicy(wire::CreatePolicy { path: "/prod/".to_owned(), ..create });
    let at = |path: &str| Some(wire::PolicyName { path: path.to_owned(), ..policy_name(OF_IDENTITIES, "p") });
    let version = |path: &str| {
        let (document, in_force) = ("{}".to_owned(), true);
        Kind::CreatePolicyVersion(wire::CreatePolicyVersion { policy: at(path), document, in_force })
    };
    let missing = "policy `p` does not exist";
    world.check_said(MANAGEMENT, vec![(create, "")]);
    for path in ["/", "/sandbox/", "/prod", "/Prod/", ""] {
        let number = wire::PolicyVersion { policy: at(path), version: 1 };
        let orders = vec![
            (version(path), missing),
            (Kind::SetDefaultPolicyVersion(number.clone()), missing),
            (Kind::DeletePolicyVersion(number), missing),
            (Kind::DeletePolicy(at(path).unwrap()), missing),
        ];
        world.check_said(MANAGEMENT, orders);
    }
    world.check_said(MANAGEMENT, vec![(version("/prod/"), ""), (Kind::DeletePolicy(at("/prod/").unwrap()), "")]);
}
