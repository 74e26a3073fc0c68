//! Epochs by hand: which commands move which, and what becomes of a permit that was given before.

use super::orders::*;
use super::*;

type Epochs = (u64, u64);

/// The epochs of the management account and of the organisation.
fn epochs(world: &World) -> Epochs {
    let account = &world.state.accounts[&AccountId::default()];
    (account.epoch, world.state.organization.as_ref().unwrap().epoch)
}

/// What of them a command moves; both to its index.
fn moves(world: &mut World, kind: Kind) -> (bool, bool) {
    let (before, said) = (epochs(world), format!("{kind:?}"));
    let outcome = world.run(kind);
    assert!(matches!(outcome, Outcome::Done(_)), "{said}: {outcome:?}");
    let (after, index) = (epochs(world), uid(world.index));
    for (old, new) in [(before.0, after.0), (before.1, after.1)] {
        assert!(new == old || new == index, "{said}");
    }
    (after.0 != before.0, after.1 != before.1)
}

#[test]
fn epochs_move_with_what_decisions_read() {
    let mut world = World::organized();
    assert_eq!(epochs(&world), (uid(2), uid(2)));
    let (none, account_alone, organization_alone) = ((false, false), (true, false), (false, true));
    let describe = Kind::UpdateRole(wire::UpdateRole { description: Some("d".to_owned()), ..update_role("r") });
    let tagged_bus = Kind::CreateBus(wire::Bus {
        name: "t".to_owned(),
        data_key: data_key(9),
        tags: pairs(&[("k", "v")]),
        ..wire::Bus::default()
    });
    let p = policy_arn(0, "p");
    for (kind, expected) in [
        // Rules, targets, queues and untagged buses are read by no decision.
        (bus("b", 8), none),
        (rule("b", "r", wire::RuleState::Enabled), none),
        (targets("b", "r", &[("t", queue_arn("q"))]), none),
        (queue("q", 1), none),
        (bus_tags("b", &[("k", "v")], &[]), account_alone),
        (bus_tags("b", &[("k", "v")], &[]), none),
        (bus_tags("b", &[], &["k"]), account_alone),
        (tagged_bus, account_alone),
        (Kind::DeleteBus(named("t")), account_alone),
        (bus_policy("b", "1"), account_alone),
        (bus_policy("b", "1"), none),
        (resource_policy(wire::ResourceKind::Queue, "q", "1"), account_alone),
        (Kind::DeleteQueue(named("q")), account_alone),
        (Kind::CreateRole(role("r")), account_alone),
        (describe, none),
        (policy(OF_IDENTITIES, "p", "1"), none),
        (version(OF_IDENTITIES, "p", "2", true), none),
        (attach(a_role("r"), &p), account_alone),
        (attach(a_role("r"), &p), none),
        (version(OF_IDENTITIES, "p", "3", false), none),
        (version(OF_IDENTITIES, "p", "4", true), account_alone),
        (version(OF_IDENTITIES, "p", "4", true), none),
        (delete_version(OF_IDENTITIES, "p", 1), none),
        (detach(a_role("r"), &p), account_alone),
        (in_force(OF_IDENTITIES, "p", 2), none),
        (Kind::CreateUser(user("u", &[])), account_alone),
        (identities("u", &["dns:a"]), account_alone),
        // A key in force says who calls; one out of force says nothing.
        (access_key("u", uid(9), 1), account_alone),
        (turn_key("u", 1, true), none),
        (turn_key("u", 1, false), account_alone),
        (turn_key("u", 1, false), none),
        (delete_key("u", 1), none),
        (access_key("u", uid(9), 2), account_alone),
        (delete_key("u", 2), account_alone),
        (Kind::DeleteUser(named("u")), account_alone),
        (unit('a', ROOT, "a"), organization_alone),
        (rename('a', "b"), none),
        (account(1, &ou('a')), organization_alone),
        (relocate(1, ROOT), organization_alone),
        (close(1), none),
        (policy(SCP, "c", "1"), none),
        (version(SCP, "c", "2", true), none),
        (attach_control("000000000000", &scp_arn("c")), organization_alone),
        (version(SCP, "c", "3", true), organization_alone),
        (detach_control("000000000000", &scp_arn("c")), organization_alone),
        (delete_policy(SCP, "c"), none),
        (delete_unit('a'), organization_alone),
        (organize(), none),
    ] {
        let said = format!("{kind:?}");
        assert_eq!(moves(&mut world, kind), expected, "{said}");
    }
    let other = &world.state.accounts[&AccountId::from_number(1).unwrap()];
    assert_eq!(other.epoch, other.changed_at, "it was closed, which is its own business");
}

#[test]
fn a_permit_of_an_older_epoch_is_a_conflict() {
    let mut world = World::organized();
    let permit = |account: u64, organization: u64, others: &[(u64, u64)]| {
        let accounts = [(MANAGEMENT, account)].into_iter().chain(others.iter().copied());
        let accounts = accounts.map(|(account, epoch)| wire::AccountEpoch { account, epoch }).collect();
        move |entry: &mut wire::Entry| {
            let command = entry.command.as_mut().unwrap();
            command.epochs = Some(wire::Epochs { accounts, organization });
            command.request_id = "id".to_owned();
        }
    };
    let now = epochs(&world);
    let conflict =
        |world: &World| Outcome::Refused(Fault::Conflict { index: ControlIndex::new(7, world.index + 1).unwrap() });
    for (account, organization, others) in [
        (now.0 - 1, now.1, &[][..]),
        (now.0 + 1, now.1, &[]),
        (now.0, now.1 - 1, &[]),
        (now.0, 0, &[]),
        (now.0, now.1, &[(9, 1)]),
    ] {
        let (expected, rows) = (conflict(&world), world.rows.clone());
        assert_eq!(world.run_with(queue("q", 1), permit(account, organization, others)), expected);
        assert_eq!(rows, world.rows, "a conflict is nobody's answer");
    }
    // The same request, permitted anew; then its repeat by whoever lost the answer, permitted by later epochs still.
    assert_eq!(world.run_with(queue("q", 1), permit(now.0, now.1, &[(9, 0)])), done(2));
    assert_eq!(moves(&mut world, Kind::CreateRole(role("r"))), (true, false));
    let later = epochs(&world);
    assert_eq!(world.run_with(queue("q", 1), permit(later.0, later.1, &[])), done(2));
    assert_eq!(world.run_with(queue("q", 1), permit(now.0, now.1, &[])), done(2), "answered before it is judged");
    let many = [(1, 0), (2, 0), (3, 0)];
    let outcome = world.run_with(Kind::DeleteBus(named("x")), permit(later.0, later.1, &many));
    assert_eq!(outcome, over("accounts whose epochs a permit names", 3));
}

#[test]
fn a_stale_writer_changes_nothing() {
    let mut world = World::organized();
    world.check_said(
        MANAGEMENT,
        vec![
            (unit('a', ROOT, "a"), ""),
            (account(1, ROOT), ""),
            (Kind::CreateRole(role("r")), ""),
            (Kind::CreateUser(user("u", &[])), ""),
            (access_key("u", uid(4), 1), ""),
            (policy(OF_IDENTITIES, "p", "1"), ""),
            (inline(a_role("r"), "i", "1"), ""),
            (attach(a_role("r"), SHIPPED), ""),
        ],
    );
    for kind in [
        rename('a', "b"),
        delete_unit('a'),
        relocate(1, &ou('a')),
        close(1),
        reopen(1),
        Kind::UpdateRole(update_role("r")),
        Kind::DeleteRole(named("r")),
        Kind::UpdateUser(wire::UpdateUser { name: "u".to_owned(), ..wire::UpdateUser::default() }),
        Kind::DeleteUser(named("u")),
        identities("u", &[]),
        access_key("u", uid(4), 2),
        turn_key("u", 1, false),
        delete_key("u", 1),
        inline(a_role("r"), "i", "2"),
        delete_inline(a_role("r"), "i"),
        attach(a_user("u"), SHIPPED),
        detach(a_role("r"), SHIPPED),
        tags(a_role("r"), &[], &[]),
        delete_policy(OF_IDENTITIES, "p"),
        version(OF_IDENTITIES, "p", "2", false),
        delete_version(OF_IDENTITIES, "p", 1),
        in_force(OF_IDENTITIES, "p", 1),
        attach_control(ROOT, FULL_SCP),
        detach_control(&ou('a'), FULL_SCP),
        attach_control("000000000001", FULL_SCP),
        bus_policy("default", "1"),
        bus_policy("default", ""),
    ] {
        let (said, rows) = (format!("{kind:?}"), world.rows.clone());
        let outcome = world.run_with(kind, |entry| entry.command.as_mut().unwrap().if_changed_at = 1);
        assert!(matches!(outcome, Outcome::Refused(Fault::ConcurrentModification { .. })), "{said}: {outcome:?}");
        assert_eq!(rows, world.rows);
    }
}
