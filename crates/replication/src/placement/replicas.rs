//! Where voters are: what the rules force to change first, then what evens out the load.

use std::collections::{BTreeMap, BTreeSet};

use bascule_model::uid::{GroupId, NodeId};
use bascule_statemachine::ports::cluster::Assignment;

use super::balance::{self, Moves};
use super::{Ground, VOTERS_COUNT};

/// The voters of each group.
pub(super) type Placed = BTreeMap<GroupId, BTreeSet<NodeId>>;

pub(super) fn place(
    ground: &Ground<'_>,
    shards: &[GroupId],
    old: &BTreeMap<GroupId, &Assignment>,
    replicas: usize,
) -> Placed {
    let groups: BTreeSet<GroupId> = shards.iter().copied().chain([GroupId::CONTROL]).collect();
    let kept = |group: &GroupId| {
        let before = old.get(group).map(|assignment| assignment.voters.as_slice()).unwrap_or_default();
        before.iter().copied().filter(|node| ground.nodes.contains_key(node)).collect::<BTreeSet<NodeId>>()
    };
    let mut placed: Placed = groups.iter().map(|group| (*group, kept(group))).collect();
    for group in groups {
        // The other groups as they are now say which nodes have room.
        let load = load(ground, &placed);
        let Some(voters) = placed.get_mut(&group) else {
            continue;
        };
        let leader = old.get(&group).and_then(|assignment| assignment.voters.first()).copied();
        let one = One { ground, load: &load, leader };
        one.fill(voters, ground.voters(group, replicas));
        one.part(voters);
    }
    if ground.nodes.len() >= VOTERS_COUNT {
        balance::even_out(&mut Spread { ground, placed: &mut placed });
    }
    placed
}

/// Replicas of shard groups on each usable node.
fn load(ground: &Ground<'_>, placed: &Placed) -> BTreeMap<NodeId, usize> {
    let mut load: BTreeMap<NodeId, usize> = ground.nodes.keys().map(|node| (*node, 0)).collect();
    for (_, voters) in placed.iter().filter(|(group, _)| **group != GroupId::CONTROL) {
        for node in voters {
            *load.entry(*node).or_default() += 1;
        }
    }
    load
}

/// One group, beside the others.
struct One<'a, 'nodes> {
    ground: &'a Ground<'nodes>,
    load: &'a BTreeMap<NodeId, usize>,
    leader: Option<NodeId>,
}

impl One<'_, '_> {
    /// Takes voters in or out until there are `count`.
    fn fill(&self, voters: &mut BTreeSet<NodeId>, count: usize) {
        let is_active = |node: &NodeId| self.ground.is_active(*node);
        if count == 1 && !voters.iter().any(is_active) && self.ground.nodes.keys().any(is_active) {
            // The only voter leads whatever it is, so that it must not drain.
            voters.clear();
        }
        while voters.len() > count {
            let Some(out) = voters.iter().copied().max_by_key(|node| {
                let beside = self.ground.beside(voters, *node);
                (Some(*node) != self.leader, beside, !self.ground.is_active(*node), self.load(*node), *node)
            }) else {
                return;
            };
            voters.remove(&out);
        }
        while voters.len() < count {
            let Some(into) = self.best(voters) else {
                return;
            };
            voters.insert(into);
        }
    }

    /// Parts voters that share a zone, while another zone has two fewer of them.
    fn part(&self, voters: &mut BTreeSet<NodeId>) {
        while let Some(into) = self.best(voters) {
            let beside = self.ground.beside(voters, into);
            let out = voters.iter().copied().filter(|node| self.ground.beside(voters, *node) >= beside + 2);
            let Some(out) = out.max_by_key(|node| {
                let beside = self.ground.beside(voters, *node);
                (beside, Some(*node) != self.leader, !self.ground.is_active(*node), self.load(*node), *node)
            }) else {
                return;
            };
            voters.remove(&out);
            voters.insert(into);
        }
    }

    /// Whom to take in next: from the zone that has fewest, then an active node, then the least loaded one.
    fn best(&self, voters: &BTreeSet<NodeId>) -> Option<NodeId> {
        let others = self.ground.nodes.keys().copied().filter(|node| !voters.contains(node));
        others.min_by_key(|node| {
            (self.ground.beside(voters, *node), !self.ground.is_active(*node), self.load(*node), *node)
        })
    }

    fn load(&self, node: NodeId) -> usize {
        self.load.get(&node).copied().unwrap_or_default()
    }
}

/// Replicas of shard groups as a load that moves from node to node.
struct Spread<'a, 'nodes> {
    ground: &'a Ground<'nodes>,
    placed: &'a mut Placed,
}

impl Spread<'_, '_> {
    /// A shard group whose replica may move: to an active node, and no zone gets two more of its voters than another could have
    /// instead.
    fn movable(&self, from: NodeId, to: NodeId) -> Option<GroupId> {
        if !self.ground.is_active(to) {
            return None;
        }
        let same_zone = self.ground.zone(from) == self.ground.zone(to);
        let may = |(group, voters): &(&GroupId, &BTreeSet<NodeId>)| {
            **group != GroupId::CONTROL
                && voters.contains(&from)
                && !voters.contains(&to)
                && (same_zone || self.ground.beside(voters, to) < self.ground.beside(voters, from))
        };
        self.placed.iter().find(may).map(|(group, _)| *group)
    }
}

impl Moves for Spread<'_, '_> {
    type Mark = Placed;

    fn nodes(&self) -> Vec<NodeId> {
        self.ground.nodes.keys().copied().collect()
    }

    fn load(&self) -> BTreeMap<NodeId, usize> {
        load(self.ground, self.placed)
    }

    fn reaches(&self, from: NodeId, to: NodeId) -> bool {
        self.movable(from, to).is_some()
    }

    fn carry(&mut self, from: NodeId, to: NodeId) -> bool {
        let Some(voters) = self.movable(from, to).and_then(|group| self.placed.get_mut(&group)) else {
            return false;
        };
        voters.remove(&from) && voters.insert(to)
    }

    fn mark(&self) -> Placed {
        self.placed.clone()
    }

    fn back(&mut self, mark: Placed) {
        *self.placed = mark;
    }
}
