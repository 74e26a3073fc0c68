//! The naive model: names in maps, nothing counted, nothing stored; what the machine must agree with.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Bus(u8),
    DeleteBus(u8),
    Rule(u8, u8),
    Turn(u8, u8, bool),
    DeleteRule(u8, u8),
    Targets(u8, u8, Vec<(u8, u8)>),
    Remove(u8, u8, u8),
    Queue(u8, u64),
    DeleteQueue(u8),
    Connection(u8),
    DeleteConnection(u8),
    Destination(u8, u8),
    DeleteDestination(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let n = || 0_u8..4;
    prop_oneof![
        n().prop_map(Step::Bus),
        n().prop_map(Step::DeleteBus),
        (n(), n()).prop_map(|(b, r)| Step::Rule(b, r)),
        (n(), n(), any::<bool>()).prop_map(|(b, r, on)| Step::Turn(b, r, on)),
        (n(), n()).prop_map(|(b, r)| Step::DeleteRule(b, r)),
        (n(), n(), prop::collection::vec((n(), n()), 1..3)).prop_map(|(b, r, t)| Step::Targets(b, r, t)),
        (n(), n(), n()).prop_map(|(b, r, t)| Step::Remove(b, r, t)),
        (n(), 0_u64..2).prop_map(|(q, v)| Step::Queue(q, v)),
        n().prop_map(Step::DeleteQueue),
        n().prop_map(Step::Connection),
        n().prop_map(Step::DeleteConnection),
        (n(), n()).prop_map(|(d, c)| Step::Destination(d, c)),
        n().prop_map(Step::DeleteDestination),
    ]
}

/// Bus 0 is the default one.
fn bus_name(number: u8) -> String {
    if number == 0 { "default".to_owned() } else { format!("b{number}") }
}

#[derive(Debug, Default, PartialEq)]
struct Naive {
    /// Bus → rule → target → ARN number.
    buses: BTreeMap<u8, BTreeMap<u8, BTreeMap<u8, u8>>>,
    queues: BTreeMap<u8, u64>,
    connections: BTreeSet<u8>,
    destinations: BTreeSet<u8>,
}

impl Naive {
    /// Whether the step is taken; then it is.
    fn take(&mut self, step: &Step) -> bool {
        match step {
            Step::Bus(b) => {
                self.buses.len() < 3 && !self.buses.contains_key(b) && self.buses.insert(*b, BTreeMap::new()).is_none()
            }
            Step::DeleteBus(b) => {
                let free = *b != 0 && self.buses.get(b).is_none_or(BTreeMap::is_empty);
                if free {
                    self.buses.remove(b);
                }
                free
            }
            Step::Rule(b, r) => self.buses.get_mut(b).is_some_and(|rules| {
                let room = rules.contains_key(r) || rules.len() < 2;
                room && (rules.entry(*r).or_default(), true).1
            }),
            Step::Turn(b, r, _) => self.buses.get(b).is_some_and(|rules| rules.contains_key(r)),
            Step::DeleteRule(b, r) => self.buses.get_mut(b).is_some_and(|rules| {
                let free = rules.get(r).is_none_or(BTreeMap::is_empty);
                free && (rules.remove(r), true).1
            }),
            Step::Targets(b, r, list) => {
                self.buses.get_mut(b).and_then(|rules| rules.get_mut(r)).is_some_and(|targets| {
                    let mut after = targets.clone();
                    after.extend(list.iter().copied());
                    let ids: BTreeSet<u8> = list.iter().map(|(id, _)| *id).collect();
                    let good = ids.len() == list.len() && (after.len() <= 2);
                    good && (*targets = after, true).1
                })
            }
            Step::Remove(b, r, t) => {
                let targets = self.buses.get_mut(b).and_then(|rules| rules.get_mut(r));
                targets.is_some_and(|targets| (targets.remove(t), true).1)
            }
            Step::Queue(q, v) => match self.queues.get(q) {
                Some(old) => old == v,
                None => self.queues.len() < 2 && self.queues.insert(*q, *v).is_none(),
            },
            Step::DeleteQueue(q) => self.queues.remove(q).is_some(),
            Step::Connection(c) => self.connections.len() < 2 && self.connections.insert(*c),
            Step::DeleteConnection(c) => self.connections.remove(c),
            Step::Destination(d, c) => {
                self.connections.contains(c) && self.destinations.len() < 2 && self.destinations.insert(*d)
            }
            Step::DeleteDestination(d) => self.destinations.remove(d),
        }
    }
}

fn command(world: &mut World, step: &Step) -> Kind {
    match step {
        Step::Bus(b) => world.bus(&bus_name(*b)),
        Step::DeleteBus(b) => Kind::DeleteBus(named(&bus_name(*b))),
        Step::Rule(b, r) => rule(&bus_name(*b), &r.to_string(), wire::RuleState::Enabled),
        Step::Turn(b, r, true) => Kind::EnableRule(rule_name(&bus_name(*b), &r.to_string())),
        Step::Turn(b, r, false) => Kind::DisableRule(rule_name(&bus_name(*b), &r.to_string())),
        Step::DeleteRule(b, r) => Kind::DeleteRule(rule_name(&bus_name(*b), &r.to_string())),
        Step::Targets(b, r, list) => {
            let ids: Vec<(String, String)> =
                list.iter().map(|(t, a)| (t.to_string(), queue_arn(&a.to_string()))).collect();
            let list: Vec<(&str, String)> = ids.iter().map(|(id, arn)| (id.as_str(), arn.clone())).collect();
            targets(&bus_name(*b), &r.to_string(), &list)
        }
        Step::Remove(b, r, t) => remove(&bus_name(*b), &r.to_string(), &[&t.to_string()]),
        Step::Queue(q, v) => queue(&q.to_string(), *v),
        Step::DeleteQueue(q) => Kind::DeleteQueue(named(&q.to_string())),
        Step::Connection(c) => connection(&c.to_string()),
        Step::DeleteConnection(c) => Kind::DeleteConnection(named(&c.to_string())),
        Step::Destination(d, c) => destination(&d.to_string(), &c.to_string()),
        Step::DeleteDestination(d) => Kind::DeleteDestination(named(&d.to_string())),
    }
}

/// What the naive model would be if it were read from the machine's state; proves the counts on the way.
fn seen(state: &State) -> Naive {
    let number = |name: &str| if name == "default" { 0 } else { name.trim_start_matches('b').parse().unwrap() };
    let mut naive = Naive::default();
    let mut count = wire::rows::AccountCounts::default();
    for bus in state.buses.values() {
        let mut rules = BTreeMap::new();
        for rule in state.rules.values().filter(|rule| rule.bus_uid == bus.uid) {
            let rows = state.targets.values().filter(|row| row.rule_uid == rule.uid);
            let rows = rows.map(|row| row.target.as_ref().unwrap());
            let targets: BTreeMap<u8, u8> =
                rows.map(|row| (number(&row.id), number(row.arn.rsplit(':').next().unwrap()))).collect();
            assert_eq!(rule.targets as usize, targets.len());
            rules.insert(number(&rule.rule.as_ref().unwrap().name), targets);
        }
        assert_eq!(bus.rules as usize, rules.len());
        naive.buses.insert(number(&bus.name), rules);
        count.buses += 1;
    }
    for row in state.queues.values() {
        let queue = row.queue.as_ref().unwrap();
        naive.queues.insert(number(&queue.name), queue.visibility_ms);
        count.queues += 1;
    }
    for row in state.connections.values() {
        naive.connections.insert(number(&row.name));
        count.connections += 1;
    }
    for row in state.destinations.values() {
        naive.destinations.insert(number(&row.destination.as_ref().unwrap().name));
        count.destinations += 1;
    }
    assert_eq!(state.cluster.as_ref().unwrap().accounts, [count]);
    naive
}

fn uids(state: &State) -> BTreeSet<(Uid, String)> {
    let mut all = BTreeSet::new();
    all.extend(state.buses.iter().map(|(uid, row)| (*uid, format!("bus {}", row.name))));
    all.extend(
        state
            .rules
            .iter()
            .map(|(uid, row)| (*uid, format!("rule {} {}", row.bus_uid, row.rule.as_ref().unwrap().name))),
    );
    all.extend(state.targets.iter().map(|(uid, row)| {
        let target = row.target.as_ref().unwrap();
        (*uid, format!("target {} {} {}", row.rule_uid, target.id, target.arn))
    }));
    all.extend(state.queues.iter().map(|(uid, row)| (*uid, format!("queue {}", row.queue.as_ref().unwrap().name))));
    all.extend(state.connections.iter().map(|(uid, row)| (*uid, format!("connection {}", row.name))));
    all.extend(
        state
            .destinations
            .iter()
            .map(|(uid, row)| (*uid, format!("destination {}", row.destination.as_ref().unwrap().name))),
    );
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_machine_agrees_with_the_naive_model(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::begun();
        let mut naive = Naive::default();
        naive.buses.insert(0, BTreeMap::new());
        let mut ever = uids(&world.state);
        let mut before = ever.clone();
        for step in steps {
            let rows = world.rows.clone();
            let kind = command(&mut world, &step);
            let taken = matches!(world.run(kind), Outcome::Done(_));
            prop_assert_eq!(taken, naive.take(&step), "{:?}", step);
            prop_assert_eq!(&seen(&world.state), &naive, "{:?}", step);
            if !taken {
                prop_assert_eq!(&rows, &world.rows, "a refusal left something: {:?}", step);
            }
            // A uid that comes was never there, not even under the same name.
            let after = uids(&world.state);
            for (uid, what) in after.difference(&before) {
                prop_assert!(!ever.iter().any(|(old, _)| old == uid), "{} again for {}", uid, what);
            }
            ever.extend(after.iter().cloned());
            before = after;
        }
    }
}
