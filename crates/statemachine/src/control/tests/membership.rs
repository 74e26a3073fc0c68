//! Nodes, join tokens and assignments: scripts of what is refused, and a naive model beside random commands.

mod model;

use super::orders::MANAGEMENT;
use super::*;
use crate::codec::control::rows::{AssignmentRow, JoinTokenRow, NodeRow};
use crate::codec::control::{NodeFacts, NodeState};

pub(super) const HOUR_MS: u64 = 3_600_000;
const DENIED: &str = "access denied: the join token is not good for this node";
const CLUSTER: &str = "cluster `09090909090909090909090909090909` was changed by another call";

/// A group with its voters and learners.
pub(super) type Wanted<'a> = (u32, &'a [u64], &'a [u64]);

impl World {
    /// A cluster of one node in zone `a`.
    pub(super) fn of_one() -> Self {
        let mut world = Self::begun();
        assert_eq!(world.run(first(1)), node(1));
        world
    }

    /// A cluster of nodes in zones `a`, `b`, `c`, …, all active.
    fn of(count: u64) -> Self {
        let mut world = Self::of_one();
        for number in 2..=count {
            assert_eq!(world.run(token(&number.to_string())), world.minted());
            let zone = char::from(b'a' + u8::try_from(number - 1).unwrap()).to_string();
            assert_eq!(world.run(admit(&number.to_string(), &zone, "n")), node(number));
            assert_eq!(world.run(to(number, NodeState::Active)), node(number));
        }
        world
    }

    /// Lets time pass, and has a command say so that changes nothing else.
    pub(super) fn wait(&mut self, ms: u64) {
        self.now_ms += ms;
        assert_eq!(self.run(announce(1, "n")), node(1));
    }

    fn minted(&self) -> Outcome {
        done(self.state.cluster.as_ref().unwrap().next_uid - 1)
    }

    pub(super) fn placement_at(&self) -> u64 {
        self.state.cluster.as_ref().unwrap().placement_at
    }

    /// Assignments by a plan of now.
    pub(super) fn assign(&mut self, list: &[Wanted<'_>]) -> Outcome {
        let at = self.placement_at();
        self.run_with(assign(list), |entry| entry.command.as_mut().unwrap().if_changed_at = at)
    }

    fn check_assign(&mut self, rows: &[(&[Wanted<'_>], &str)]) {
        for (list, said) in rows {
            match self.assign(list) {
                Outcome::Done(_) => assert_eq!(*said, "", "{list:?}"),
                Outcome::Refused(fault) => assert_eq!(fault.to_string(), *said, "{list:?}"),
                Outcome::Dropped => panic!("{list:?}"),
            }
        }
    }

    fn row(&self, id: u64) -> &NodeRow {
        &self.state.nodes[&NodeId(id)]
    }
}

use bascule_model::uid::{GroupId, NodeId};

/// Done, about a node.
pub(super) fn node(id: u64) -> Outcome {
    Outcome::Done(Done::about(id))
}

fn facts(address: &str) -> Option<NodeFacts> {
    let address = format!("{address}:6473");
    Some(NodeFacts { address, api_address: "n:6470".to_owned(), format: 1, ..NodeFacts::default() })
}

pub(super) fn first(node: u64) -> Kind {
    Kind::AdmitFirst(wire::AdmitFirst { node, zone: "a".to_owned(), facts: facts("n") })
}

fn hash(token: &str) -> Bytes {
    Bytes::from(token.bytes().cycle().take(32).collect::<Vec<u8>>())
}

pub(super) fn token(id: &str) -> Kind {
    token_with(id, |_| {})
}

fn token_with(id: &str, change: impl FnOnce(&mut wire::CreateJoinToken)) -> Kind {
    let id = id.to_owned();
    let mut create = wire::CreateJoinToken { secret_hash: hash(&id), id, life_ms: HOUR_MS, zone: String::new() };
    change(&mut create);
    Kind::CreateJoinToken(create)
}

pub(super) fn revoke(id: &str) -> Kind {
    Kind::DeleteJoinToken(named(id))
}

pub(super) fn admit(token: &str, zone: &str, address: &str) -> Kind {
    admit_by(token, hash(token), zone, address)
}

fn admit_by(token: &str, secret_hash: Bytes, zone: &str, address: &str) -> Kind {
    let (token, zone) = (token.to_owned(), zone.to_owned());
    Kind::AdmitNode(wire::AdmitNode { token, secret_hash, zone, facts: facts(address) })
}

fn announce(node: u64, address: &str) -> Kind {
    Kind::AnnounceNode(wire::AnnounceNode { node, facts: facts(address) })
}

pub(super) fn to(node: u64, state: NodeState) -> Kind {
    Kind::ChangeNode(wire::ChangeNode { node, state: state as i32 })
}

pub(super) fn assign(list: &[Wanted<'_>]) -> Kind {
    let of = |(group, voters, learners): &Wanted<'_>| wire::Assignment {
        group: *group,
        voters: voters.to_vec(),
        learners: learners.to_vec(),
    };
    Kind::Assign(wire::Assign { assignments: list.iter().map(of).collect() })
}

#[test]
fn the_first_node_has_every_group() {
    for begins_with_it in [true, false] {
        let mut world = World { now_ms: 1_000, ..World::default() };
        let Kind::Init(mut message) = init() else { unreachable!() };
        let Kind::AdmitFirst(only) = first(1) else { unreachable!() };
        message.first = begins_with_it.then(|| Box::new(only.clone()));
        assert_eq!(world.run(Kind::Init(message)), done(1));
        if !begins_with_it {
            assert!(world.state.nodes.is_empty() && world.placement_at() == 0);
            let none = wire::AdmitFirst { node: 0, ..only };
            world.check_said(MANAGEMENT, vec![(Kind::AdmitFirst(none), "Node `0` is refused: it must be 1 or more")]);
            assert_eq!(world.run(first(1)), node(1));
        }
        assert_eq!(world.run(first(2)), exists(About::Node, "1"));
        assert_eq!((world.row(1).state(), world.row(1).joined_ms), (NodeState::Active, 1_000));
        let groups: Vec<(GroupId, Vec<u64>)> = world
            .state
            .assignments
            .iter()
            .map(|(group, row)| (*group, row.assignment.as_ref().unwrap().voters.clone()))
            .collect();
        assert_eq!(groups, [0, 1, 2].map(|group| (GroupId(group), vec![1])));
        assert_ne!(world.placement_at(), 0);
    }
}

#[test]
fn a_token_admits_one_node() {
    let mut world = World::of_one();
    let zoned = token_with("z", |create| create.zone = "z".to_owned());
    world.check(vec![(token("t"), done(2)), (token("t"), exists(About::JoinToken, "t")), (zoned, done(3))]);
    let short = Bytes::from_static(b"short");
    world.check_said(
        MANAGEMENT,
        vec![
            (admit("x", "b", "n"), DENIED),
            (admit_by("t", hash("z"), "b", "n"), DENIED),
            (admit_by("t", short.clone(), "b", "n"), DENIED),
            (admit_by("t", Bytes::new(), "b", "n"), DENIED),
            (admit_by("x", Bytes::new(), "b", "n"), DENIED),
            (admit("z", "b", "n"), DENIED),
            (admit("t", "in space", "n"), "Zone `in space` is refused: it must match `[\\-_A-Za-z0-9]+`"),
            (admit("t", "b", "n"), ""),
            (admit("t", "b", "n"), ""),
            (admit("t", "c", "n"), DENIED),
            (admit("t", "b", "m"), DENIED),
            (admit_by("t", short, "b", "n"), DENIED),
            (admit("z", "z", "n"), ""),
            (to(2, NodeState::Active), ""),
            (admit("t", "b", "n"), DENIED),
        ],
    );
    assert_eq!(world.state.nodes.len(), 3);
    let used: Vec<u64> = world.state.join_tokens.values().map(|row| row.used_by).collect();
    assert_eq!(used, [2, 3]);
    // What is used up goes when another comes; what may still be asked again stays.
    assert_eq!(world.run(token("u")), done(4));
    let ids: Vec<&str> = world.state.join_tokens.values().map(|row| row.id.as_str()).collect();
    assert_eq!(ids, ["z", "u"]);
    // It is no good at its very end, for a node that asks again too.
    world.wait(HOUR_MS - 1);
    assert_eq!(world.run(admit("z", "z", "n")), node(3));
    world.wait(1);
    for kind in [admit("z", "z", "n"), admit("u", "b", "n")] {
        world.check_said(MANAGEMENT, vec![(kind, DENIED)]);
    }
    assert_eq!(world.run(token("v")), done(5));
    assert_eq!(world.state.join_tokens.len(), 1);
    assert_eq!(world.run(revoke("v")), done(5));
    world.check_said(MANAGEMENT, vec![(revoke("v"), "join token `v` does not exist"), (admit("v", "b", "n"), DENIED)]);
    assert!(world.state.join_tokens.is_empty());
}

#[test]
fn tokens_are_few_short_lived_and_the_clusters() {
    let mut world = World::of_one();
    let life = |life_ms: u64| token_with("t", |create| create.life_ms = life_ms);
    let said = "life `59999` is refused: it must be 60000 to 86400000 ms";
    world.check_said(
        MANAGEMENT,
        vec![
            (token(""), "TokenId `` is refused: it must be there"),
            (
                token(&"x".repeat(65)),
                &format!("TokenId `{}` is refused: it must have at most 64 characters", "x".repeat(65)),
            ),
            (
                token_with("t", |create| create.secret_hash = Bytes::new()),
                "secret hash `0` is refused: it must have 32 bytes",
            ),
            (life(59_999), said),
            (life(86_400_001), &said.replace("59999", "86400001")),
            (
                token_with("t", |create| create.zone = "?".to_owned()),
                "Zone `?` is refused: it must match `[\\-_A-Za-z0-9]+`",
            ),
        ],
    );
    for number in 0..64 {
        assert_eq!(world.run(token(&number.to_string())), done(2 + number));
    }
    assert_eq!(world.run(token("t")), over("open join tokens", 64));
    world.wait(HOUR_MS);
    assert_eq!(world.run(token("t")), done(66));
    assert_eq!(world.state.join_tokens.len(), 1);
    let foreign = "Account `000000000007` is refused: the cluster belongs to account `000000000000`";
    for kind in [
        token("u"),
        revoke("t"),
        admit("t", "b", "n"),
        first(9),
        announce(1, "m"),
        to(1, NodeState::Active),
        assign(&[]),
    ] {
        world.check_said(7, vec![(kind, foreign)]);
    }
}

#[test]
fn a_cluster_has_a_limit_of_nodes() {
    let mut world = World::of_one();
    for id in 2..=64 {
        world.store(NodeRow { id, state: NodeState::Joining as i32, ..NodeRow::default() });
    }
    assert_eq!(world.run(token("t")), done(2));
    assert_eq!(world.run(admit("t", "b", "n")), over("nodes of the cluster", 64));
    world.store(NodeRow { id: 64, state: NodeState::Gone as i32, ..NodeRow::default() });
    assert_eq!(world.run(admit("t", "b", "n")), node(65));
}

#[test]
fn what_a_node_says_moves_no_plan() {
    let mut world = World::of(2);
    let (at, changed) = (world.placement_at(), world.row(2).changed_at);
    let with = |change: &dyn Fn(&mut NodeFacts)| {
        let mut all = facts("n").unwrap();
        change(&mut all);
        Kind::AnnounceNode(wire::AnnounceNode { node: 2, facts: Some(all) })
    };
    let long = "x".repeat(262);
    let cut = "x".repeat(128);
    world.check_said(
        MANAGEMENT,
        vec![
            (announce(2, "m"), ""),
            (with(&|facts| facts.serial = Bytes::from_static(b"s")), ""),
            (announce(2, "k"), ""),
            (announce(3, "m"), "node `3` does not exist"),
            (
                Kind::AnnounceNode(wire::AnnounceNode { node: 2, facts: None }),
                "Address `` is refused: it must be there",
            ),
            (with(&|facts| facts.address = String::new()), "Address `` is refused: it must be there"),
            (
                with(&|facts| facts.address = long.clone()),
                &format!("Address `{cut}` is refused: it must have at most 261 characters"),
            ),
            (
                with(&|facts| facts.api_address = long.clone()),
                &format!("ApiAddress `{cut}` is refused: it must have at most 261 characters"),
            ),
            (
                with(&|facts| facts.names = vec![long.clone()]),
                &format!("Names `{cut}` is refused: it must have at most 261 characters"),
            ),
            (with(&|facts| facts.names = vec![String::new(); 17]), "names of a node would be `17`, the limit is 16"),
            (
                with(&|facts| facts.build = "x".repeat(129)),
                &format!("Build `{cut}` is refused: it must have at most 128 characters"),
            ),
            (
                with(&|facts| facts.serial = Bytes::from_static(&[1; 21])),
                "bytes of a serial number would be `21`, the limit is 20",
            ),
        ],
    );
    let said = world.row(2).facts.clone().unwrap();
    assert_eq!((said.address.as_str(), &said.serial[..]), ("k:6473", &b"s"[..]));
    assert_eq!((world.placement_at(), world.row(2).changed_at), (at, changed));
    let later = world.rows.clone();
    assert_eq!(world.run(announce(2, "k")), node(2));
    assert_eq!(world.rows, later, "the same again changes nothing");
}

#[test]
fn a_nodes_states_follow_each_other() {
    use NodeState::{Active, Draining, Gone, Joining, Leaving};
    let stands = |node: u64, to: &str, from: &str| format!("node `{node}` can't become `{to}` since it is `{from}`.");
    let mut world = World::of(4);
    world.check_said(
        MANAGEMENT,
        vec![
            (to(9, Active), "node `9` does not exist"),
            (to(4, Joining), &stands(4, "joining", "active")),
            (to(4, Gone), &stands(4, "gone", "active")),
            (to(4, NodeState::Unspecified), &stands(4, "unspecified", "active")),
            (to(4, Draining), ""),
            (to(4, Draining), ""),
            (to(4, Gone), &stands(4, "gone", "draining")),
            (to(4, Active), ""),
            (to(4, Leaving), ""),
            (to(4, Active), &stands(4, "active", "leaving")),
            (
                to(3, Leaving),
                "node `3` can't leave since `2` nodes would be left, and groups have 3 voters: admit another first.",
            ),
            (to(4, Gone), ""),
            (to(4, Leaving), &stands(4, "leaving", "gone")),
            (announce(4, "m"), "node `4` is gone."),
            (to(3, Draining), ""),
            (
                to(3, Leaving),
                "node `3` can't leave since `2` nodes would be left, and groups have 3 voters: admit another first.",
            ),
            (to(2, Draining), ""),
            (to(1, Draining), "node `1` can't become `draining` since no other node is active."),
            (to(1, Leaving), "node `1` can't become `leaving` since no other node is active."),
        ],
    );
    // A node that never came up leaves whatever the others are.
    assert_eq!(world.run(token("t")), world.minted());
    assert_eq!(world.run(admit("t", "b", "n")), node(5), "4 is not used again");
    world.check_said(
        MANAGEMENT,
        vec![(to(5, Draining), &stands(5, "draining", "joining")), (to(5, Leaving), ""), (to(5, Gone), "")],
    );
    let seen = world.row(3).changed_at;
    let changed = world.run_with(to(3, Active), |entry| entry.command.as_mut().unwrap().if_changed_at = seen - 1);
    let fault = Fault::ConcurrentModification { kind: About::Node, name: "3".to_owned() };
    assert_eq!(changed, Outcome::Refused(fault));
    // Of two, one may leave.
    let mut world = World::of(2);
    world.check_said(MANAGEMENT, vec![(to(2, Leaving), ""), (to(2, Gone), "")]);
}

#[test]
fn assignments_name_nodes_that_can_have_groups() {
    let mut world = World::of(4);
    assert_eq!(world.run(token("j")), world.minted());
    assert_eq!(world.run(admit("j", "e", "n")), node(5));
    let least = |count: u32| format!("Voters `{count}` is refused: shard-1 must have 1, 3 or 5, and at least 3");
    let refused = |field: &str, node: u64, why: &str| format!("{field} `{node}` is refused: shard-1 {why}");
    world.check_assign(&[
        (&[(1, &[1, 2, 3], &[]), (2, &[3, 4, 1], &[2, 5])], ""),
        (&[(0, &[1, 2, 3], &[4])], ""),
        (&[(2, &[1, 2, 3], &[]), (1, &[1, 2, 3], &[])], "Assignments `2` is refused: they must ascend by group"),
        (&[(1, &[1, 2, 3], &[]), (1, &[1, 2, 3], &[])], "Assignments `2` is refused: they must ascend by group"),
        (&[(3, &[1, 2, 3], &[])], "Assignments `3` is refused: the cluster has no such group"),
        (&[(1, &[], &[])], &least(0)),
        (&[(1, &[1], &[])], &least(1)),
        (&[(1, &[1, 2], &[])], &least(2)),
        (&[(1, &[1, 2, 3, 4], &[])], &least(4)),
        (&[(1, &[1, 2, 2], &[])], &refused("Voters", 2, "names it twice")),
        (&[(1, &[1, 2, 3], &[3])], &refused("Voters", 3, "names it twice")),
        (&[(1, &[1, 2, 3], &[5, 4])], "Learners `2` is refused: those of shard-1 must ascend"),
        (&[(1, &[1, 2, 9], &[])], &refused("Voters", 9, "can't have this node vote")),
        (&[(1, &[1, 2, 5], &[])], &refused("Voters", 5, "can't have this node vote")),
        (&[(1, &[1, 2, 3], &[9])], &refused("Learners", 9, "can't have this node follow")),
    ]);
    // Who leaves keeps what it has until another has it, and gets nothing new.
    assert_eq!(world.run(to(4, NodeState::Leaving)), node(4));
    world.check_assign(&[
        (&[(1, &[1, 2, 4], &[])], &refused("Voters", 4, "can't have this node vote")),
        (&[(1, &[1, 2, 3], &[4])], &refused("Learners", 4, "can't have this node follow")),
        (&[(2, &[1, 3, 4], &[])], ""),
    ]);
    world.check_said(MANAGEMENT, vec![(to(4, NodeState::Gone), "node `4` can't go since it is to have control.")]);
    world.check_assign(&[(&[(0, &[1, 2, 3], &[]), (2, &[1, 2, 3], &[4])], "")]);
    world.check_said(MANAGEMENT, vec![(to(4, NodeState::Gone), "node `4` can't go since it is to have shard-2.")]);
    world.check_assign(&[(&[(2, &[1, 2, 3], &[])], "")]);
    assert_eq!(world.run(to(4, NodeState::Gone)), node(4));
    world.check_assign(&[(&[(1, &[1, 2, 4], &[])], &refused("Voters", 4, "can't have this node vote"))]);
}

#[test]
fn a_plan_of_other_nodes_is_refused() {
    let mut world = World::of(3);
    let plan = |world: &mut World, at: u64| match world
        .run_with(assign(&[(1, &[3, 2, 1], &[])]), |entry| entry.command.as_mut().unwrap().if_changed_at = at)
    {
        Outcome::Refused(fault) => fault.to_string(),
        _ => String::new(),
    };
    let at = world.placement_at();
    assert_eq!(plan(&mut world, 0), CLUSTER);
    for change in [to(3, NodeState::Draining), to(3, NodeState::Active)] {
        assert_eq!(world.run(change), node(3));
        assert_eq!(plan(&mut world, at), CLUSTER);
    }
    let at = world.placement_at();
    assert_eq!(world.run(announce(3, "m")), node(3));
    assert_eq!(plan(&mut world, at), "");
    assert_eq!(plan(&mut world, at), CLUSTER, "an assignment is one change more");
    let at = world.placement_at();
    assert_eq!(plan(&mut world, at), "");
    assert_eq!(world.placement_at(), at, "the same assignment is none");
}

#[test]
fn none_of_it_moves_an_epoch() {
    let mut world = World::of_one();
    assert_eq!(world.run(orders::organize()), done(0));
    let epochs = |world: &World| {
        let accounts: Vec<u64> = world.state.accounts.values().map(|row| row.epoch).collect();
        (world.state.organization.as_ref().unwrap().epoch, accounts)
    };
    let before = epochs(&world);
    assert_eq!(world.run(token("t")), world.minted());
    for kind in [admit("t", "b", "n"), announce(2, "m"), to(2, NodeState::Active), to(2, NodeState::Draining)] {
        assert_eq!(world.run(kind), node(2));
    }
    assert_eq!(world.assign(&[(0, &[1], &[2])]), done(0));
    assert_eq!(epochs(&world), before);
}

/// Rows of every kind, for the codec's tests.
pub(super) fn rows() -> (NodeRow, JoinTokenRow, AssignmentRow) {
    let mut world = World::of(2);
    assert_eq!(world.run(token("t")), world.minted());
    (
        NodeRow {
            facts: Some(NodeFacts { serial: Bytes::from_static(b"s"), ..facts("n").unwrap() }),
            ..world.row(2).clone()
        },
        world.state.join_tokens.values().next().unwrap().clone(),
        world.state.assignments[&GroupId(1)].clone(),
    )
}

/// Commands of every kind, for the codec's tests.
pub(super) fn kinds() -> Vec<Kind> {
    vec![
        first(1),
        token_with("t", |create| create.zone = "z".to_owned()),
        revoke("t"),
        admit("t", "z", "n"),
        announce(1, "n"),
        to(1, NodeState::Draining),
        assign(&[(1, &[1, 2, 3], &[4])]),
    ]
}
