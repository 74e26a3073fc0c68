//! What is not of this build's form is refused, and what an older build wrote is read.

use prost::Message;

use super::orders::*;
use super::*;
use crate::codec::CodecError;
use crate::codec::control::rows;

/// Every field is there, and an unknown one behind the last is refused.
fn check<M: Message + Default + PartialEq + std::fmt::Debug>(message: &M) {
    let bytes = codec::encode(message);
    assert_eq!(codec::decode::<M>(&bytes).as_ref(), Ok(message));
    // Field 1000 as a varint is nobody's.
    let other = Bytes::from([&bytes[..], &[0xc0, 0x3e, 1]].concat());
    assert_eq!(codec::decode::<M>(&other), Err(CodecError::NotCanonical), "{message:?}");
}

#[test]
fn unknown_fields_of_commands_are_refused() {
    for kind in [
        organize(),
        unit('a', ROOT, "a"),
        rename('a', "b"),
        delete_unit('a'),
        account(1, ROOT),
        relocate(1, ROOT),
        close(1),
        reopen(1),
        Kind::CreateRole(role("r")),
        Kind::UpdateRole(update_role("r")),
        Kind::DeleteRole(named("r")),
        Kind::CreateUser(user("u", &["dns:a"])),
        Kind::UpdateUser(wire::UpdateUser { name: "u".to_owned(), ..wire::UpdateUser::default() }),
        Kind::DeleteUser(named("u")),
        identities("u", &["dns:a"]),
        access_key("u", 1, 2),
        turn_key("u", 2, true),
        delete_key("u", 2),
        inline(a_role("r"), "i", "{}"),
        delete_inline(a_role("r"), "i"),
        attach(a_role("r"), SHIPPED),
        detach(a_role("r"), SHIPPED),
        tags(a_role("r"), &[("k", "v")], &["l"]),
        policy(SCP, "p", "{}"),
        delete_policy(SCP, "p"),
        version(SCP, "p", "{}", true),
        delete_version(SCP, "p", 1),
        in_force(SCP, "p", 1),
        attach_control(ROOT, FULL_SCP),
        detach_control(ROOT, FULL_SCP),
        bus_policy("b", "{}"),
        bus_policy("b", ""),
    ]
    .into_iter()
    .chain(membership::kinds())
    {
        let epochs = wire::Epochs { accounts: vec![wire::AccountEpoch { account: 1, epoch: 2 }], organization: 3 };
        check(&Command { account: 1, kind: Some(kind), epochs: Some(epochs), ..Command::default() });
    }
}

#[test]
fn unknown_fields_of_rows_are_refused() {
    let mut world = World::organized();
    world.check_said(
        MANAGEMENT,
        vec![
            (unit('a', ROOT, "a"), ""),
            (Kind::CreateRole(role("r")), ""),
            (Kind::CreateUser(user("u", &["dns:a"])), ""),
            (access_key("u", uid(4), 1), ""),
            (policy(OF_IDENTITIES, "p", "1"), ""),
            (bus_policy("default", "1"), ""),
        ],
    );
    check(world.state.organization.as_ref().unwrap());
    world.state.units.values().for_each(check);
    world.state.accounts.values().for_each(check);
    world.state.roles.values().for_each(check);
    world.state.users.values().for_each(check);
    world.state.policies.values().for_each(check);
    world.state.buses.values().for_each(check);
    check(&rows::UnitNameRow { id: ou('a') });
    world.state.users.values().flat_map(|user| &user.access_keys).for_each(check);
    check(&rows::IdentityRow { user: 1 });
    check(&rows::AccessKeyRow { user: 1 });
    let (node, token, assignment) = membership::rows();
    check(&node);
    check(&token);
    check(&assignment);
}

#[test]
fn kinds_of_a_later_build_stop_the_group() {
    let world = World::organized();
    let principal = Some(wire::Principal { kind: 9, name: "r".to_owned() });
    let identity = wire::Identity { kind: 9, value: "a".to_owned() };
    for kind in [
        inline(principal, "i", "{}"),
        Kind::CreateUser(wire::CreateUser { identities: vec![identity], ..user("u", &[]) }),
        Kind::CreatePolicy(wire::CreatePolicy { kind: 9, ..wire::CreatePolicy::default() }),
        Kind::DeletePolicy(wire::PolicyName { kind: 9, name: "p".to_owned(), path: "/".to_owned() }),
        Kind::DeleteResourcePolicy(wire::ResourceName { kind: 9, name: "b".to_owned() }),
        Kind::ChangeNode(wire::ChangeNode { node: 1, state: 9 }),
    ] {
        let said = format!("{kind:?}");
        let entry =
            wire::Entry { command: Some(Command { kind: Some(kind), ..Command::default() }), ..wire::Entry::default() };
        assert!(!entry.command.as_ref().is_some_and(form::is_known), "what stops a group is not forwarded: {said}");
        let mut overlay = Overlay::over(&world.rows);
        assert_eq!(apply(&mut overlay, Place { index: 9, term: 3 }, &entry), Err(Error::NewerCommand), "{said}");
        assert_eq!(overlay.into_batch().changes, []);
    }
}

#[test]
fn what_was_written_before_organizations_reads_the_same() {
    // Version, account, uid and name of fields 1 to 3, changed_at of field 11: a bus as it was before it could have a policy.
    let old = Bytes::from_static(&[1, 0x08, 5, 0x10, 7, 0x1a, 1, b'b', 0x58, 9]);
    let row = rows::BusRow { uid: 5, account: 7, name: "b".to_owned(), changed_at: 9, ..rows::BusRow::default() };
    assert_eq!(codec::decode::<rows::BusRow>(&old), Ok(row.clone()));
    assert_eq!(codec::encode(&row), old);
    let old = Bytes::from_static(&[1, 0x08, 5, 0x10, 7, 0x28, 9]);
    let row = rows::QueueRow { uid: 5, account: 7, changed_at: 9, ..rows::QueueRow::default() };
    assert_eq!(codec::encode(&row), old);
    // DeleteQueue is kind 34: a command as it was before it could name epochs.
    let old = Bytes::from_static(&[1, 0x08, 7, 0x12, 1, b'i', 0x92, 2, 3, 0x0a, 1, b'q']);
    let command = Command {
        account: 7,
        request_id: "i".to_owned(),
        kind: Some(Kind::DeleteQueue(named("q"))),
        ..Command::default()
    };
    assert_eq!(codec::decode::<Command>(&old), Ok(command.clone()));
    assert_eq!(codec::encode(&command), old);
}
