//! Random clusters that grow, drain and shrink: every rule after every change, and every group brought to its assignment.

use bascule_statemachine::ports::cluster::Action;

use super::*;

const SEEDS: u64 = 40;
const CHANGES: usize = 40;

struct World {
    nodes: Vec<Node>,
    groups: Vec<GroupId>,
    all: Vec<Assignment>,
    zones: usize,
    replicas: usize,
}

impl World {
    fn of(chance: &mut Chance) -> Self {
        let groups = 1 + chance.below(16) as u32;
        let nodes = vec![node(1, "z0", NodeState::Active)];
        let replicas = [1, 3, 3, 3, 5][chance.below(5)];
        Self { nodes, groups: shards(groups), all: founded(groups), zones: 1 + chance.below(5), replicas }
    }

    fn count(&self, states: &[NodeState]) -> usize {
        self.nodes.iter().filter(|node| states.contains(&node.state)).count()
    }

    /// Changes one node as the control group would let it.
    fn change(&mut self, chance: &mut Chance) {
        use NodeState::{Active, Draining, Gone, Joining, Leaving};
        let usable = self.count(&[Active, Draining]);
        if chance.below(3) == 0 && self.nodes.len() < 14 {
            let zone = format!("z{}", chance.below(self.zones));
            let state = if chance.below(4) == 0 { Joining } else { Active };
            self.nodes.push(node(self.nodes.len() as u64 + 1, &zone, state));
            return;
        }
        let place = chance.below(self.nodes.len());
        let others = self.count(&[Active]) - usize::from(self.nodes[place].state == Active);
        let id = self.nodes[place].id;
        let assigned = self.all.iter().any(|assignment| assignment.names(id));
        let next = match (self.nodes[place].state, chance.below(2)) {
            (Joining, _) | (Draining, 0) => Active,
            (Active, 0) if others > 0 => Draining,
            (Active, _) if others > 0 && usable > 1 && usable != 3 => Leaving,
            (Draining, _) if usable > 1 && usable != 3 => Leaving,
            (Leaving, _) if !assigned => Gone,
            (same, _) => same,
        };
        self.nodes[place].state = next;
    }

    fn plan(&self) -> Plan {
        plan(&self.nodes, &self.groups, &self.all, self.replicas)
    }
}

/// Every rule of the module, in other words.
fn check(world: &World, said: &str) {
    let ground = Ground::of(&world.nodes);
    let usable: BTreeSet<NodeId> = ground.nodes.keys().copied().collect();
    let count = usable.len();
    for assignment in &world.all {
        let control = assignment.group == GroupId::CONTROL;
        let voters: BTreeSet<NodeId> = assignment.voters.iter().copied().collect();
        let expected = match (control, count) {
            (_, 1 | 2) => 1,
            (true, 3 | 4) => 3,
            (true, _) => 5,
            (false, _) if world.replicas > count => 3,
            (false, _) => world.replicas,
        };
        assert_eq!((voters.len(), assignment.voters.len()), (expected, expected), "{said}: {assignment:?}");
        assert!(voters.is_subset(&usable), "{said}: {assignment:?}");
        let others: BTreeSet<NodeId> = usable.difference(&voters).copied().collect();
        let learners = if control || count == 2 { others.clone() } else { BTreeSet::new() };
        assert_eq!(assignment.learners, learners, "{said}: {assignment:?}");
        let zones: BTreeSet<&str> = usable.iter().map(|node| ground.zone(*node)).collect();
        let own: BTreeSet<&str> = voters.iter().map(|node| ground.zone(*node)).collect();
        assert_eq!(own.len(), zones.len().min(expected), "zones, {said}: {assignment:?}");
        for (out, into) in voters.iter().flat_map(|out| others.iter().map(move |into| (*out, *into))) {
            let uneven = ground.beside(&voters, out) >= ground.beside(&voters, into) + 2;
            assert!(!uneven, "zones are uneven, {said}: {assignment:?}");
        }
        let active = voters.iter().any(|node| ground.is_active(*node));
        assert_eq!(ground.is_active(assignment.voters[0]), active, "the leader, {said}: {assignment:?}");
    }
    check_spread(world, &ground, said);
}

fn check_spread(world: &World, ground: &Ground<'_>, said: &str) {
    let loads = loads(&world.nodes, &world.all);
    let [mut most_nodes, mut least_nodes] = [0, usize::MAX];
    let zones: BTreeSet<&str> = ground.nodes.keys().map(|node| ground.zone(*node)).collect();
    for zone in &zones {
        let count = ground.nodes.keys().filter(|node| ground.zone(**node) == *zone).count();
        (most_nodes, least_nodes) = (most_nodes.max(count), least_nodes.min(count));
    }
    let voters = ground.voters(GroupId(1), world.replicas);
    let level = ground.nodes.len() >= 3 && most_nodes == least_nodes && (zones.len() >= voters || zones.len() == 1);
    let all_active = ground.nodes.keys().all(|node| ground.is_active(*node));
    if level && all_active {
        assert!(spread(loads.values().map(|load| load.0)) <= 1, "replicas, {said}: {loads:?} {:?}", world.all);
    }
    // Zones of different sizes: at least no single move is left that the rules allow and that evens out.
    for assignment in world.all.iter().filter(|a| a.group != GroupId::CONTROL && ground.nodes.len() >= 3) {
        let set: BTreeSet<NodeId> = assignment.voters.iter().copied().collect();
        for (from, to) in set.iter().flat_map(|from| ground.nodes.keys().map(move |to| (*from, *to))) {
            let same = ground.zone(from) == ground.zone(to);
            let allowed = ground.is_active(to)
                && !set.contains(&to)
                && (same || ground.beside(&set, to) < ground.beside(&set, from));
            assert!(!allowed || loads[&from].0 <= loads[&to].0 + 1, "replicas, {said}: {assignment:?} {loads:?}");
        }
    }
    for assignment in &world.all {
        let leads = loads[&assignment.voters[0]].1;
        for other in assignment.voters.iter().filter(|node| ground.is_active(**node)) {
            assert!(leads <= loads[other].1 + 1, "leaders, {said}: {assignment:?} {loads:?}");
        }
    }
    if level && all_active && world.replicas >= 3 && world.all.len() >= ground.nodes.len() {
        assert!(spread(loads.values().map(|load| load.1)) <= 1, "leaders, {said}: {loads:?} {:?}", world.all);
    }
}

/// Brings every group to its assignment, while who follows catches up now and then.
fn converge(before: &[Assignment], after: &[Assignment], chance: &mut Chance, said: &str) {
    for wanted in after {
        let Some(old) = before.iter().find(|old| old.group == wanted.group) else {
            continue;
        };
        let mut now = Membership::at(old);
        let fewest = old.voters.len().min(wanted.voters.len());
        let mut caught_up: BTreeSet<NodeId> = old.voters.iter().copied().collect();
        let mut idle = 0;
        while idle < 64 {
            let Some(action) = next_step(&now, wanted, &caught_up) else {
                idle += 1;
                caught_up.extend(now.learners.iter().copied().filter(|_| chance.below(3) == 0));
                continue;
            };
            idle = 0;
            check_step(&now, &action, &caught_up, fewest, &format!("{said}: {now:?} {wanted:?} {action:?}"));
            now = if let (Action::ChangeVoters(voters), 0) = (&action, chance.below(4)) {
                // The leader died in the middle, and another of both sets leads.
                let leader = now.configs[0].intersection(voters).next().copied().or(now.leader);
                Membership { configs: vec![now.configs[0].clone(), voters.clone()], leader, ..now }
            } else {
                now.after(&action)
            };
        }
        assert_eq!(now, Membership::at(wanted), "{said}: from {old:?}");
    }
}

fn check_step(now: &Membership, action: &Action, caught_up: &BTreeSet<NodeId>, fewest: usize, said: &str) {
    let [voters] = &now.configs[..] else {
        assert!(matches!(action, Action::ChangeVoters(voters) if now.configs.last() == Some(voters)), "{said}");
        return;
    };
    match action {
        Action::AddLearner(node) => assert!(!voters.contains(node) && !now.learners.contains(node), "{said}"),
        Action::RemoveLearner(node) => assert!(now.learners.contains(node), "{said}"),
        Action::TransferLeader(node) => assert!(voters.contains(node) && caught_up.contains(node), "{said}"),
        Action::ChangeVoters(next) => {
            assert!(next.len() >= fewest && next != voters, "{said}");
            assert!(now.leader.is_some_and(|leader| next.contains(&leader)), "{said}");
            assert!(next.difference(voters).all(|node| caught_up.contains(node)), "{said}");
        }
    }
}

#[test]
fn every_rule_holds_through_every_history() {
    for seed in 0..SEEDS {
        let mut chance = Chance(seed);
        let mut world = World::of(&mut chance);
        for change in 0..CHANGES {
            let drained = world.count(&[NodeState::Draining]);
            let (before, usable) = (world.all.clone(), world.count(&[NodeState::Active, NodeState::Draining]));
            world.change(&mut chance);
            let said = format!("seed {seed}, change {change}");
            let plan = world.plan();
            world.all = carried_out(&before, &plan);
            check(&world, &said);
            assert_eq!(world.plan(), Plan::default(), "what is planned stays, {said}");
            converge(&before, &world.all, &mut chance, &said);
            let same = usable == world.count(&[NodeState::Active, NodeState::Draining]);
            // The only voter of a group has to lead it.
            if usable >= 3 && world.replicas >= 3 && same && drained < world.count(&[NodeState::Draining]) {
                assert_eq!(moved(&before, &world.all), 0, "a drain moves no replica, {said}");
            }
        }
    }
}
