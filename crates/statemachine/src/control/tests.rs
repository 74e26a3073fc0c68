//! Tests of the control machine: one script for each feature, and a naive model beside random commands.

mod codec_refusals;
mod epochs;
mod membership;
mod naive;
mod orders;
mod organization;
mod principals;
mod realm;

use bascule_model::fault::{Fault, Kind as About};
use bascule_model::uid::Uid;
use bytes::Bytes;

use super::reply::{Done, Outcome, Reply};
use super::state::State;
use super::*;
use crate::codec;
use crate::codec::control as wire;
use crate::codec::control::Command;
use crate::overlay::InMemory;

const DAY_MS: u64 = 86_400_000;

/// Rows, the state that effects keep, and a clock.
#[derive(Default)]
struct World {
    rows: InMemory,
    state: State,
    index: u64,
    now_ms: u64,
    keys: u8,
}

impl World {
    /// A cluster with a default bus (uid 1) and room for three buses and two of everything else.
    fn begun() -> Self {
        let mut world = Self { now_ms: 1_000, ..Self::default() };
        assert_eq!(world.run(init()), done(1));
        world
    }

    fn apply(&mut self, entry: &wire::Entry) -> Reply {
        self.index += 1;
        let bytes = codec::encode(entry);
        let entry: wire::Entry = codec::decode(&bytes).unwrap();
        let twice = [(); 2].map(|()| {
            let mut overlay = Overlay::over(&self.rows);
            let answer = apply(&mut overlay, Place { index: self.index, term: 3 }, &entry).unwrap();
            (answer, overlay.into_batch())
        });
        assert_eq!(twice[0], twice[1]);
        assert!(entry.command.as_ref().is_some_and(form::is_known), "what is applied may be forwarded");
        let [((reply, effects), batch), _] = twice;
        self.rows.write(batch);
        effects.into_iter().for_each(|effect| self.state.absorb(effect));
        assert_eq!(self.state, state::all(&self.rows).unwrap());
        reply
    }

    fn run_with(&mut self, kind: Kind, change: impl FnOnce(&mut wire::Entry)) -> Outcome {
        let command = Command { kind: Some(kind), ..Command::default() };
        let mut entry = wire::Entry { time_ms: self.now_ms, command: Some(command), ..wire::Entry::default() };
        change(&mut entry);
        self.apply(&entry).outcome
    }

    fn run(&mut self, kind: Kind) -> Outcome {
        self.run_with(kind, |_| {})
    }

    fn run_as(&mut self, account: u64, kind: Kind) -> Outcome {
        self.run_with(kind, |entry| entry.command.as_mut().unwrap().account = account)
    }

    /// Commands of an account, each with the start of what it is refused with; done for an empty text.
    fn check_said(&mut self, account: u64, steps: Vec<(Kind, &str)>) {
        for (kind, said) in steps {
            let what = format!("{kind:?}");
            let (before, index) = (self.rows.clone(), self.index + 1);
            match (self.run_as(account, kind), said) {
                (Outcome::Done(_), "") => {}
                (Outcome::Refused(fault), said) if !said.is_empty() => {
                    assert_eq!(fault.to_string(), said, "{what}");
                    assert_eq!(before, self.rows, "a refusal left something: {what}");
                }
                (outcome, said) => panic!("{what} at {index}: {outcome:?} in place of `{said}`"),
            }
        }
    }

    fn request(&mut self, kind: Kind, id: &str, content: &'static [u8]) -> Outcome {
        self.run_with(kind, |entry| {
            let command = entry.command.as_mut().unwrap();
            command.request_id = id.to_owned();
            command.content = Bytes::from_static(content);
        })
    }

    fn bus(&mut self, name: &str) -> Kind {
        self.keys += 1;
        bus(name, self.keys)
    }

    fn check(&mut self, steps: Vec<(Kind, Outcome)>) {
        for (kind, outcome) in steps {
            let said = format!("{kind:?}");
            assert_eq!(self.run(kind), outcome, "{said}");
        }
    }
}

fn uid(counter: u64) -> u64 {
    Uid::new(7, counter).unwrap().0
}

/// Done, about the uid with this counter; zero for none.
fn done(counter: u64) -> Outcome {
    Outcome::Done(Done::about(if counter == 0 { 0 } else { uid(counter) }))
}

fn missing(kind: About, name: &str) -> Outcome {
    Outcome::Refused(Fault::not_found(kind, name))
}

fn exists(kind: About, name: &str) -> Outcome {
    Outcome::Refused(Fault::already_exists(kind, name))
}

fn over(limit: &str, max: u32) -> Outcome {
    Outcome::Refused(Fault::limit(limit, max + 1, max))
}

fn stands(kind: About, name: &str, reason: &str) -> Outcome {
    Outcome::Refused(Fault::InvalidState { kind, name: name.to_owned(), reason: reason.to_owned() })
}

fn invalid(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Refused(Fault::Invalid { .. }))
}

fn data_key(number: u8) -> Option<wire::DataKey> {
    Some(wire::DataKey { key_id: Bytes::from(vec![number; 16]), wrapped: Bytes::from_static(b"w") })
}

fn init() -> Kind {
    Kind::Init(wire::Init {
        cluster_id: Bytes::from_static(&[9; 16]),
        incarnation: 7,
        partition: "aws".to_owned(),
        region: "us-east-1".to_owned(),
        groups: vec![1, 2],
        quotas: Some(wire::Quotas {
            account_buses: 3,
            bus_rules: 2,
            rule_targets: 2,
            account_connections: 2,
            account_destinations: 2,
            account_queues: 2,
            pattern_chars: 9,
        }),
        data_key: data_key(200),
        organization: None,
        first: None,
    })
}

fn bus(name: &str, key: u8) -> Kind {
    Kind::CreateBus(wire::Bus { name: name.to_owned(), data_key: data_key(key), ..wire::Bus::default() })
}

fn named(name: &str) -> wire::Named {
    wire::Named { name: name.to_owned() }
}

fn rule_name(bus: &str, name: &str) -> wire::RuleName {
    wire::RuleName { bus: bus.to_owned(), name: name.to_owned() }
}

fn rule(bus: &str, name: &str, state: wire::RuleState) -> Kind {
    let (bus, name) = (bus.to_owned(), name.to_owned());
    Kind::PutRule(wire::Rule {
        bus,
        name,
        schedule: "rate(1 day)".to_owned(),
        state: state as i32,
        ..wire::Rule::default()
    })
}

fn arn(resource: &str) -> String {
    format!("arn:aws:{resource}")
}

fn queue_arn(name: &str) -> String {
    arn(&format!("sqs:us-east-1:000000000000:{name}"))
}

fn targets(bus: &str, rule: &str, targets: &[(&str, String)]) -> Kind {
    let of =
        |(id, arn): &(&str, String)| wire::Target { id: (*id).to_owned(), arn: arn.clone(), ..wire::Target::default() };
    Kind::PutTargets(wire::PutTargets { rule: Some(rule_name(bus, rule)), targets: targets.iter().map(of).collect() })
}

fn remove(bus: &str, rule: &str, ids: &[&str]) -> Kind {
    let ids = ids.iter().map(|id| (*id).to_owned()).collect();
    Kind::RemoveTargets(wire::RemoveTargets { rule: Some(rule_name(bus, rule)), ids })
}

fn auth(kind: wire::AuthKind) -> Option<wire::Auth> {
    let secret = Bytes::from_static(b"s3cret");
    Some(wire::Auth { kind: kind as i32, shown: Bytes::from_static(b"{}"), secret })
}

fn connection(name: &str) -> Kind {
    let auth = auth(wire::AuthKind::Basic);
    Kind::CreateConnection(wire::Connection { name: name.to_owned(), auth, ..wire::Connection::default() })
}

fn destination(name: &str, connection: &str) -> Kind {
    let (name, connection) = (name.to_owned(), connection.to_owned());
    Kind::CreateDestination(wire::Destination { name, connection, ..wire::Destination::default() })
}

fn queue(name: &str, visibility_ms: u64) -> Kind {
    Kind::CreateQueue(wire::Queue { name: name.to_owned(), visibility_ms, retention_ms: 9, ..wire::Queue::default() })
}

#[test]
fn a_cluster_begins_once() {
    let mut world = World::default();
    let refused = world.run(queue("q", 1));
    assert!(matches!(refused, Outcome::Refused(Fault::Unavailable { .. })), "{refused:?}");
    let with = |change: fn(&mut wire::Init)| {
        let Kind::Init(mut message) = init() else { unreachable!() };
        change(&mut message);
        Kind::Init(message)
    };
    for kind in [
        with(|init| init.cluster_id = Bytes::from_static(b"short")),
        with(|init| init.incarnation = 0),
        with(|init| init.incarnation = 65_536),
        with(|init| init.groups = vec![]),
        with(|init| init.groups = vec![0, 1]),
        with(|init| init.groups = vec![2, 1]),
        with(|init| init.region = "nowhere".to_owned()),
        with(|init| init.partition = "gcp".to_owned()),
        with(|init| init.data_key = None),
    ] {
        assert!(invalid(&world.run(kind)));
        assert_eq!(world.rows.rows().count(), 0);
    }
    assert_eq!(world.run(init()), done(1));
    assert_eq!(world.run(init()), exists(About::Cluster, &"09".repeat(16)));
    assert_eq!(index_of(&world.rows, 5).unwrap(), ControlIndex::new(7, 5).unwrap());
    let other = world.run_with(queue("q", 1), |entry| entry.command.as_mut().unwrap().account = 1_000_000_000_000);
    assert!(invalid(&other));
}

#[test]
fn buses() {
    let mut world = World::begun();
    let update = |name: &str, key: &str, data_key| {
        let key_identifier = Some(key.to_owned());
        Kind::UpdateBus(wire::UpdateBus {
            name: name.to_owned(),
            key_identifier,
            data_key,
            ..wire::UpdateBus::default()
        })
    };
    let delete = |name: &str| Kind::DeleteBus(named(name));
    let hex = "01".repeat(16);
    world.check(vec![
        (bus("a", 1), done(2)),
        (bus("a", 2), exists(About::Bus, "a")),
        (bus("default", 2), exists(About::Bus, "default")),
        (bus("b", 1), exists(About::DataKey, &hex)),
        (bus("b", 3), done(3)),
        (bus("c", 4), over("event buses per account", 3)),
        (update("x", "", None), missing(About::Bus, "x")),
        (update("a", "", None), done(2)),
        (update("a", "mine", data_key(5)), done(2)),
        (update("a", "mine", data_key(1)), exists(About::DataKey, &hex)),
        (rule("a", "r", wire::RuleState::Enabled), done(4)),
        (delete("a"), stands(About::Bus, "a", "can't be deleted since it has rules.")),
        (Kind::DeleteRule(rule_name("a", "r")), done(4)),
        (delete("a"), done(2)),
        (delete("a"), done(0)),
        (bus("a", 6), done(5)),
    ]);
    assert!(invalid(&world.run(update("a", "mine", None))));
    assert!(invalid(&world.run(delete("default"))));
    assert_eq!(world.run(Kind::DeleteBus(named("b"))), done(3));
    let before = world.rows.clone();
    assert!(invalid(&world.run(Kind::CreateBus(wire::Bus { name: "k".to_owned(), ..wire::Bus::default() }))));
    assert_eq!(world.rows, before, "the uid minted before the refusal is not spent");
    assert_eq!(world.state.data_keys.len(), 5);
    assert_eq!(world.state.deleted[&Uid(uid(2))].waiting, [1, 2]);
}

#[test]
fn tombstones_wait_for_every_group() {
    let mut world = World::begun();
    let confirm = |counter, group| Kind::ConfirmTombstone(wire::ConfirmTombstone { uid: uid(counter), group });
    world.check(vec![
        (queue("q", 1), done(2)),
        (confirm(2, 1), missing(About::Tombstone, "7.2")),
        (Kind::DeleteQueue(named("q")), done(2)),
        (confirm(2, 2), done(2)),
        (confirm(2, 2), done(2)),
    ]);
    assert_eq!(world.state.deleted[&Uid(uid(2))].waiting, [1]);
    assert_eq!(world.run(confirm(2, 1)), done(2));
    assert!(world.state.deleted[&Uid(uid(2))].waiting.is_empty());
}

#[test]
fn rules() {
    let mut world = World::begun();
    let on = wire::RuleState::Enabled;
    let all = wire::RuleState::EnabledWithAllManagementEvents;
    world.check(vec![
        (rule("x", "r", on), missing(About::Bus, "x")),
        (rule("default", "r", on), done(2)),
        (rule("default", "r", all), done(2)),
        (rule("default", "s", on), done(3)),
        (rule("default", "t", on), over("rules per event bus", 2)),
        (rule("default", "s", on), done(3)),
        (Kind::EnableRule(rule_name("default", "r")), done(2)),
        (Kind::EnableRule(rule_name("default", "x")), missing(About::Rule, "x")),
        (Kind::DisableRule(rule_name("x", "r")), missing(About::Bus, "x")),
        (Kind::DeleteRule(rule_name("x", "r")), missing(About::Bus, "x")),
        (Kind::DeleteRule(rule_name("default", "x")), done(0)),
        (targets("default", "s", &[("t", queue_arn("q"))]), done(3)),
        (
            Kind::DeleteRule(rule_name("default", "s")),
            stands(About::Rule, "s", "can't be deleted since it has targets."),
        ),
        (remove("default", "s", &["t"]), done(3)),
        (Kind::DeleteRule(rule_name("default", "s")), done(3)),
        (rule("default", "s", on), done(5)),
    ]);
    assert!(invalid(&world.run(rule("default", "r", wire::RuleState::Unspecified))));
    let row = |world: &World| world.state.rules[&Uid(uid(2))].clone();
    assert_eq!((row(&world).rule.unwrap().state, row(&world).anchored_ms), (all as i32, 1_000));
    world.now_ms = 2_000;
    assert_eq!(world.run(Kind::DisableRule(rule_name("default", "r"))), done(2));
    assert_eq!(row(&world).anchored_ms, 1_000);
    world.now_ms = 1_500;
    assert_eq!(world.run(Kind::EnableRule(rule_name("default", "r"))), done(2));
    assert_eq!((row(&world).rule.unwrap().state, row(&world).anchored_ms), (on as i32, 2_000));
}

#[test]
fn targets_keep_their_uid_with_their_arn() {
    let mut world = World::begun();
    let put = |list: &[(&str, String)]| targets("default", "r", list);
    let failed =
        |id: &str, fault: Fault| Outcome::Done(Done { uid: Uid(uid(2)), failed: vec![(id.to_owned(), fault)] });
    let gone = arn("events:us-east-1:000000000000:api-destination/d");
    let lambda = arn("lambda:us-east-1:000000000000:function:f");
    let reason = "it is no kind of target that can be invoked here";
    world.check(vec![
        (put(&[("a", queue_arn("q"))]), missing(About::Rule, "r")),
        (rule("default", "r", wire::RuleState::Enabled), done(2)),
        (put(&[("a", queue_arn("q"))]), done(2)),
        (
            put(&[("a", queue_arn("q")), ("b", gone.clone())]),
            failed("b", Fault::not_found(About::Destination, gone.clone())),
        ),
        (put(&[("b", lambda.clone())]), failed("b", Fault::invalid("Arn", reason, &lambda))),
        (put(&[("b", queue_arn("q")), ("c", queue_arn("q"))]), over("targets per rule", 2)),
        (put(&[("a", queue_arn("p"))]), done(2)),
        (remove("default", "r", &["x"]), failed("x", Fault::not_found(About::Target, "x"))),
        (connection("c"), done(5)),
        (destination("d", "c"), done(6)),
        (put(&[("b", gone)]), done(2)),
        (remove("default", "r", &["a"]), done(2)),
        (put(&[("a", queue_arn("p"))]), done(2)),
    ]);
    let uids: Vec<u64> = world.state.targets.keys().map(|uid| uid.counter()).collect();
    assert_eq!(uids, [7, 8]);
    let minted: Vec<u64> = world.state.targets.values().map(|row| ControlIndex(row.minted_at).counter()).collect();
    assert_eq!(minted, [12, 14]);
    for kind in [
        put(&[]),
        put(&vec![("a", queue_arn("q")); 11]),
        put(&[("a", queue_arn("q")), ("a", queue_arn("p"))]),
        remove("default", "r", &[]),
        remove("default", "r", &["a", "a"]),
    ] {
        assert!(invalid(&world.run(kind)));
    }
    assert_eq!(world.run(remove("default", "y", &["a"])), missing(About::Rule, "y"));
}

#[test]
fn connections_and_destinations() {
    let mut world = World::begun();
    let update = |name: &str, auth| {
        Kind::UpdateConnection(wire::UpdateConnection { name: name.to_owned(), auth, description: None })
    };
    let turn = |name: &str, connection: &str| {
        let (name, connection) = (name.to_owned(), Some(connection.to_owned()));
        Kind::UpdateDestination(wire::UpdateDestination { name, connection, ..wire::UpdateDestination::default() })
    };
    world.check(vec![
        (destination("d", "c"), missing(About::Connection, "c")),
        (connection("c"), done(2)),
        (connection("c"), exists(About::Connection, "c")),
        (connection("e"), done(3)),
        (connection("f"), over("connections per account", 2)),
        (destination("d", "c"), done(4)),
        (destination("d", "c"), exists(About::Destination, "d")),
        (destination("g", "c"), done(5)),
        (destination("h", "c"), over("api destinations per account", 2)),
        (turn("x", "c"), missing(About::Destination, "x")),
        (turn("d", "x"), missing(About::Connection, "x")),
        (turn("d", "e"), done(4)),
        (update("x", None), missing(About::Connection, "x")),
        (Kind::DeauthorizeConnection(named("x")), missing(About::Connection, "x")),
        (Kind::DeauthorizeConnection(named("c")), done(2)),
    ]);
    let row = world.state.connections[&Uid(uid(2))].clone();
    assert!(!row.authorized && row.auth.unwrap().secret.is_empty());
    world.check(vec![
        (update("c", auth(wire::AuthKind::Oauth)), done(2)),
        (Kind::DeleteConnection(named("e")), done(3)),
        (Kind::DeleteConnection(named("e")), missing(About::Connection, "e")),
        (connection("e"), done(6)),
        (Kind::DeleteDestination(named("g")), done(5)),
        (Kind::DeleteDestination(named("g")), missing(About::Destination, "g")),
    ]);
    assert!(invalid(&world.run(update("c", auth(wire::AuthKind::Unspecified)))));
    let row = &world.state.destinations[&Uid(uid(4))];
    assert_eq!(row.connection_uid, uid(3), "a new connection of the old name is not meant");
    assert!(world.state.connections[&Uid(uid(2))].authorized);
    assert!(!format!("{:?}", world.state).contains("s3cret"));
}

#[test]
fn queues() {
    World::begun().check(vec![
        (queue("q", 1), done(2)),
        (queue("q", 1), done(2)),
        (queue("q", 2), exists(About::Queue, "q")),
        (queue("p", 1), done(3)),
        (queue("o", 1), over("queues per account", 2)),
        (Kind::DeleteQueue(named("x")), missing(About::Queue, "x")),
        (Kind::DeleteQueue(named("q")), done(2)),
        (queue("q", 2), done(4)),
    ]);
}

#[test]
fn a_request_is_answered_once_a_day() {
    let mut world = World::begun();
    let create = world.bus("a");
    assert_eq!(world.request(create, "id", b"a"), done(2));
    let again = world.bus("a");
    assert_eq!(world.request(again.clone(), "id", b"a"), done(2));
    let reused = Outcome::Refused(Fault::RequestReused { request_id: "id".to_owned() });
    assert_eq!(world.request(again.clone(), "id", b"b"), reused);
    assert_eq!(world.request(Kind::DeleteBus(named("x")), "id", b"b"), done(0), "another operation");
    assert_eq!(world.request(queue("q", 1), "id", b""), done(3));
    assert_eq!(world.request(queue("q", 2), "id", b""), reused, "without a hash of the content the command counts");
    let kept = || exists(About::Bus, "a");
    assert_eq!(world.request(again.clone(), "other", b"a"), kept());
    let deleted = world.run(Kind::DeleteBus(named("a")));
    assert_eq!(deleted, done(2));
    assert_eq!(world.request(again.clone(), "other", b"a"), kept(), "a refusal is an answer too");
    world.now_ms += DAY_MS - 1;
    assert_eq!(world.request(again.clone(), "other", b"a"), kept());
    world.now_ms += 1;
    assert_eq!(world.request(again, "other", b"a"), done(4));
    let left = world.rows.rows().filter(|(key, _)| key.table == crate::register::Table::Requests).count();
    assert_eq!(left, 2, "the old answers are swept, each with its place");
}

#[test]
fn entries_of_another_term_and_stale_writers_change_nothing() {
    let mut world = World::begun();
    assert_eq!(world.run_with(queue("q", 1), |entry| entry.only_in_term = 2), Outcome::Dropped);
    assert_eq!(world.run_with(queue("q", 1), |entry| entry.only_in_term = 3), done(2));
    let seen = world.state.queues[&Uid(uid(2))].changed_at;
    let at = |index: u64| move |entry: &mut wire::Entry| entry.command.as_mut().unwrap().if_changed_at = index;
    let moved = |kind, name: &str| Outcome::Refused(Fault::ConcurrentModification { kind, name: name.to_owned() });
    assert_eq!(world.run_with(Kind::DeleteQueue(named("q")), at(seen + 1)), moved(About::Queue, "q"));
    assert_eq!(world.run_with(Kind::DeleteQueue(named("q")), at(seen)), done(2));
    for (kind, about, name) in [
        (rule("default", "r", wire::RuleState::Enabled), About::Rule, "r"),
        (Kind::DeleteRule(rule_name("default", "r")), About::Rule, "r"),
        (Kind::DeleteBus(named("b")), About::Bus, "b"),
        (
            Kind::UpdateBus(wire::UpdateBus { name: "default".to_owned(), ..wire::UpdateBus::default() }),
            About::Bus,
            "default",
        ),
    ] {
        assert_eq!(world.run_with(kind, at(1)), moved(about, name));
    }
}

#[test]
fn what_a_later_build_says_stops_the_group() {
    let world = World::begun();
    let unknown_state = Kind::PutRule(wire::Rule { bus: "default".to_owned(), state: 99, ..wire::Rule::default() });
    for command in [None, Some(Command::default()), Some(Command { kind: Some(unknown_state), ..Command::default() })] {
        let mut overlay = Overlay::over(&world.rows);
        let entry = wire::Entry { command, ..wire::Entry::default() };
        let answer = apply(&mut overlay, Place { index: 9, term: 1 }, &entry);
        assert_eq!(answer, Err(Error::NewerCommand));
        assert_eq!(overlay.into_batch().changes, []);
    }
    let mut overlay = Overlay::over(&world.rows);
    let entry =
        wire::Entry { command: Some(Command { kind: Some(init()), ..Command::default() }), ..wire::Entry::default() };
    assert_eq!(apply(&mut overlay, Place { index: 1 << 48, term: 1 }, &entry), Err(Error::Exhausted));
}
