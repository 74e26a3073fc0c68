//! The naive model of nodes: states in a map, and what may follow said in other words.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Token(u8),
    Revoke(u8),
    Admit(u8, u8),
    Change(u8, i32),
    Assign(u8, Vec<u8>, Vec<u8>),
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    let node = || 1_u8..8;
    prop_oneof![
        2 => (0_u8..4).prop_map(Step::Token),
        1 => (0_u8..4).prop_map(Step::Revoke),
        3 => (0_u8..4, 0_u8..2).prop_map(|(token, place)| Step::Admit(token, place)),
        6 => (node(), 1_i32..6).prop_map(|(node, state)| Step::Change(node, state)),
        4 => (0_u8..3, prop::collection::vec(node(), 1..6), prop::collection::btree_set(node(), 0..2))
            .prop_map(|(group, voters, learners)| Step::Assign(group, voters, learners.into_iter().collect())),
        1 => Just(Step::Wait),
    ]
}

#[derive(Debug, Clone, PartialEq)]
struct Token {
    until_ms: u64,
    /// Node and place, once it is used.
    used: Option<(u64, u8)>,
}

#[derive(Debug, Default)]
struct Naive {
    now_ms: u64,
    tokens: BTreeMap<u8, Token>,
    nodes: BTreeMap<u64, i32>,
    groups: BTreeMap<u8, (Vec<u64>, BTreeSet<u64>)>,
}

const JOINING: i32 = 1;
const ACTIVE: i32 = 2;
const DRAINING: i32 = 3;
const LEAVING: i32 = 4;
const GONE: i32 = 5;

impl Naive {
    fn begun() -> Self {
        let groups = (0..3).map(|group| (group, (vec![1], BTreeSet::new()))).collect();
        Self { now_ms: 1_000, nodes: BTreeMap::from([(1, ACTIVE)]), groups, ..Self::default() }
    }

    fn count(&self, states: &[i32]) -> usize {
        self.nodes.values().filter(|state| states.contains(state)).count()
    }

    /// Whether the step is taken; then it is.
    fn take(&mut self, step: &Step) -> bool {
        match step {
            Step::Wait => {
                self.now_ms += HOUR_MS / 2;
                true
            }
            Step::Token(id) => {
                let (now_ms, nodes) = (self.now_ms, &self.nodes);
                let fresh = !self.tokens.contains_key(id);
                if fresh {
                    self.tokens.retain(|_, token| {
                        token.until_ms > now_ms && token.used.is_none_or(|(node, _)| nodes[&node] == JOINING)
                    });
                    self.tokens.insert(*id, Token { until_ms: now_ms + HOUR_MS, used: None });
                }
                fresh
            }
            Step::Revoke(id) => self.tokens.remove(id).is_some(),
            Step::Admit(id, place) => {
                let now_ms = self.now_ms;
                let Some(token) = self.tokens.get_mut(id).filter(|token| token.until_ms > now_ms) else {
                    return false;
                };
                if let Some((node, before)) = token.used {
                    return before == *place && self.nodes[&node] == JOINING;
                }
                let node = self.nodes.len() as u64 + 1;
                token.used = Some((node, *place));
                self.nodes.insert(node, JOINING);
                true
            }
            Step::Change(node, to) => self.change(u64::from(*node), *to),
            Step::Assign(group, voters, learners) => {
                let voters: Vec<u64> = voters.iter().map(|node| u64::from(*node)).collect();
                let learners: BTreeSet<u64> = learners.iter().map(|node| u64::from(*node)).collect();
                let (old_voters, old_learners) = &self.groups[group];
                let set: BTreeSet<u64> = voters.iter().copied().collect();
                let least = if self.count(&[ACTIVE, DRAINING]) >= 3 { 3 } else { 1 };
                let state = |node: &u64| self.nodes.get(node).copied().unwrap_or(GONE);
                let good = [1, 3, 5].contains(&voters.len())
                    && voters.len() >= least
                    && set.len() == voters.len()
                    && set.is_disjoint(&learners)
                    && voters.iter().all(|node| match state(node) {
                        ACTIVE | DRAINING => true,
                        LEAVING => old_voters.contains(node),
                        _ => false,
                    })
                    && learners.iter().all(|node| match state(node) {
                        JOINING | ACTIVE | DRAINING => true,
                        LEAVING => old_voters.contains(node) || old_learners.contains(node),
                        _ => false,
                    });
                if good {
                    self.groups.insert(*group, (voters, learners));
                }
                good
            }
        }
    }

    fn change(&mut self, node: u64, to: i32) -> bool {
        let Some(from) = self.nodes.get(&node).copied() else {
            return false;
        };
        let others_active = self.count(&[ACTIVE]) - usize::from(from == ACTIVE);
        let usable = self.count(&[ACTIVE, DRAINING]);
        let good = match (from, to) {
            _ if from == to => true,
            (JOINING, ACTIVE | LEAVING) | (DRAINING, ACTIVE) => true,
            (ACTIVE, DRAINING) => others_active > 0,
            (ACTIVE, LEAVING) => others_active > 0 && usable != 3,
            (DRAINING, LEAVING) => usable != 3,
            (LEAVING, GONE) => {
                !self.groups.values().any(|(voters, learners)| voters.contains(&node) || learners.contains(&node))
            }
            _ => false,
        };
        if good {
            self.nodes.insert(node, to);
        }
        good
    }
}

fn run(world: &mut World, step: &Step) -> Outcome {
    match step {
        Step::Wait => {
            world.wait(HOUR_MS / 2);
            done(0)
        }
        Step::Token(id) => world.run(token(&format!("t{id}"))),
        Step::Revoke(id) => world.run(revoke(&format!("t{id}"))),
        Step::Admit(id, place) => world.run(admit(&format!("t{id}"), "b", &format!("n{place}"))),
        Step::Change(node, state) => world.run(to(u64::from(*node), NodeState::try_from(*state).unwrap())),
        Step::Assign(group, voters, learners) => {
            let [voters, learners] =
                [voters, learners].map(|list| list.iter().map(|n| u64::from(*n)).collect::<Vec<_>>());
            world.assign(&[(u32::from(*group), &voters, &learners)])
        }
    }
}

fn check(state: &State, naive: &Naive) {
    let nodes: BTreeMap<u64, i32> = state.nodes.iter().map(|(id, row)| (id.0, row.state)).collect();
    assert_eq!(nodes, naive.nodes);
    let tokens: BTreeMap<String, (u64, u64)> =
        state.join_tokens.values().map(|row| (row.id.clone(), (row.expires_ms, row.used_by))).collect();
    let of = |(id, token): (&u8, &Token)| (format!("t{id}"), (token.until_ms, token.used.map_or(0, |(node, _)| node)));
    assert_eq!(tokens, naive.tokens.iter().map(of).collect());
    for (group, (voters, learners)) in &naive.groups {
        let row = state.assignments[&GroupId(u32::from(*group))].assignment.as_ref().unwrap();
        assert_eq!((&row.voters, row.learners.iter().copied().collect::<BTreeSet<u64>>()), (voters, learners.clone()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn the_machine_agrees_with_the_naive_model(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::of_one();
        let mut naive = Naive::begun();
        let mut had_three = false;
        for step in steps {
            let rows = world.rows.clone();
            let taken = matches!(run(&mut world, &step), Outcome::Done(_));
            prop_assert_eq!(taken, naive.take(&step), "{:?}", step);
            check(&world.state, &naive);
            if !taken {
                prop_assert_eq!(&rows, &world.rows, "a refusal left something: {:?}", step);
            }
            let usable = naive.count(&[ACTIVE, DRAINING]);
            had_three |= usable >= 3;
            prop_assert!(naive.count(&[ACTIVE]) > 0, "CO-12: {:?}", step);
            prop_assert!(usable >= 3 || !had_three, "CO-13: {:?}", step);
        }
    }
}
