//! Who is to lead: each group by one of its voters, spread over active nodes and then over zones.

use std::collections::BTreeMap;

use bascule_model::uid::{GroupId, NodeId};
use bascule_statemachine::ports::cluster::Assignment;

use super::Ground;
use super::balance::{self, Moves};
use super::replicas::Placed;

/// By group, who is to lead it.
pub(super) fn choose(
    ground: &Ground<'_>,
    placed: &Placed,
    old: &BTreeMap<GroupId, &Assignment>,
) -> BTreeMap<GroupId, NodeId> {
    let mut lead = Lead { ground, placed, leaders: BTreeMap::new() };
    for (group, voters) in placed {
        let before = old.get(group).and_then(|assignment| assignment.voters.first()).copied();
        let kept = before.filter(|node| voters.contains(node) && ground.is_active(*node));
        let load = lead.load();
        let least = |node: &NodeId| (!ground.is_active(*node), load.get(node).copied().unwrap_or_default(), *node);
        // One that drains goes on leading only what no active node has.
        let kept = kept.or_else(|| voters.iter().copied().min_by_key(least));
        lead.leaders.extend(kept.map(|node| (*group, node)));
    }
    balance::even_out(&mut lead);
    balance::move_while(&mut lead, |load, from, to| {
        let count = |node| load.get(&node).copied().unwrap_or_default();
        let zone =
            |node| load.iter().filter(|(of, _)| ground.zone(**of) == ground.zone(node)).map(|(_, count)| count).sum();
        let (from_zone, to_zone): (usize, usize) = (zone(from), zone(to));
        count(from) == count(to) + 1 && from_zone >= to_zone + 2
    });
    lead.leaders
}

/// The lead of groups as a load that moves between their active voters.
struct Lead<'a, 'nodes> {
    ground: &'a Ground<'nodes>,
    placed: &'a Placed,
    leaders: BTreeMap<GroupId, NodeId>,
}

impl Lead<'_, '_> {
    fn movable(&self, from: NodeId, to: NodeId) -> Option<GroupId> {
        let may = |group: &GroupId| self.placed.get(group).is_some_and(|voters| voters.contains(&to));
        let led = self.leaders.iter().filter(|(_, leader)| **leader == from).map(|(group, _)| *group);
        if self.ground.is_active(to) { led.into_iter().find(may) } else { None }
    }
}

impl Moves for Lead<'_, '_> {
    type Mark = BTreeMap<GroupId, NodeId>;

    fn nodes(&self) -> Vec<NodeId> {
        self.ground.nodes.keys().copied().filter(|node| self.ground.is_active(*node)).collect()
    }

    fn load(&self) -> BTreeMap<NodeId, usize> {
        let mut load: BTreeMap<NodeId, usize> = self.nodes().into_iter().map(|node| (node, 0)).collect();
        for leader in self.leaders.values() {
            *load.entry(*leader).or_default() += 1;
        }
        load
    }

    fn reaches(&self, from: NodeId, to: NodeId) -> bool {
        from != to && self.movable(from, to).is_some()
    }

    fn carry(&mut self, from: NodeId, to: NodeId) -> bool {
        match self.movable(from, to) {
            Some(group) => self.leaders.insert(group, to).is_some(),
            None => false,
        }
    }

    fn mark(&self) -> Self::Mark {
        self.leaders.clone()
    }

    fn back(&mut self, mark: Self::Mark) {
        self.leaders = mark;
    }
}
