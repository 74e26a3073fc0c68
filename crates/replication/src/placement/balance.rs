//! Evens out a load over nodes by moves along paths, each of which makes the heaviest of two lighter: the cost-reducing paths of
//! semi-matchings (Harvey, Ladner, Lovász and Tamir, "Semi-matchings for bipartite graphs and load balancing", 2003).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bascule_model::uid::NodeId;

/// A load that can be moved in units of one.
pub(super) trait Moves {
    /// Everything as it is, to come back to.
    type Mark;

    /// The nodes, ascending.
    fn nodes(&self) -> Vec<NodeId>;

    /// What each has.
    fn load(&self) -> BTreeMap<NodeId, usize>;

    /// Whether one unit may move between two nodes as everything is now.
    fn reaches(&self, from: NodeId, to: NodeId) -> bool;

    /// Moves one unit, if it may.
    fn carry(&mut self, from: NodeId, to: NodeId) -> bool;

    /// Marks everything as it is.
    fn mark(&self) -> Self::Mark;

    /// Comes back to a mark.
    fn back(&mut self, mark: Self::Mark);
}

/// Moves until no path leads from a node to one that has two units less. Each round lowers the sum of the loads' squares.
pub(super) fn even_out(moves: &mut impl Moves) {
    move_while(moves, |load, from, to| count(load, from) >= count(load, to) + 2);
}

/// Moves along paths for as long as one leads between two nodes of which `better` says that the move makes things better. It must
/// say so of ever fewer pairs.
pub(super) fn move_while<M: Moves>(moves: &mut M, better: impl Fn(&BTreeMap<NodeId, usize>, NodeId, NodeId) -> bool) {
    loop {
        let load = moves.load();
        let mut heaviest: Vec<NodeId> = moves.nodes();
        heaviest.sort_by_key(|node| (std::cmp::Reverse(count(&load, *node)), *node));
        let moved = heaviest.into_iter().any(|from| {
            let path = path(moves, from, |to| better(&load, from, to));
            path.is_some_and(|path| walk(moves, &path))
        });
        if !moved {
            return;
        }
    }
}

fn count(load: &BTreeMap<NodeId, usize>, node: NodeId) -> usize {
    load.get(&node).copied().unwrap_or_default()
}

/// A shortest path from `from` to a node that will do.
fn path(moves: &impl Moves, from: NodeId, will_do: impl Fn(NodeId) -> bool) -> Option<Vec<NodeId>> {
    let nodes = moves.nodes();
    let mut before: BTreeMap<NodeId, NodeId> = BTreeMap::new();
    let mut seen = BTreeSet::from([from]);
    let mut waiting = VecDeque::from([from]);
    while let Some(node) = waiting.pop_front() {
        for next in nodes.iter().copied() {
            if seen.contains(&next) || !moves.reaches(node, next) {
                continue;
            }
            seen.insert(next);
            before.insert(next, node);
            if will_do(next) {
                let mut path = vec![next];
                while let Some(node) = path.last().and_then(|last| before.get(last)) {
                    path.push(*node);
                }
                path.reverse();
                return Some(path);
            }
            waiting.push_back(next);
        }
    }
    None
}

/// Moves one unit along a path, from its end, so that no node on the way has more than before. A move may have taken the ground
/// from another of the same path: then what was done is taken back.
fn walk<M: Moves>(moves: &mut M, path: &[NodeId]) -> bool {
    let mark = moves.mark();
    let whole = path.windows(2).rev().all(|pair| moves.carry(pair[0], pair[1]));
    if !whole {
        moves.back(mark);
    }
    whole
}
