//! Placement held against its rules over random clusters and histories; each seed is printed with what it found.

mod histories;
mod steps;

use super::*;

/// Chance from a seed (`SplitMix64`).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `end` - 1.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

fn node(id: u64, zone: &str, state: NodeState) -> Node {
    Node { id: NodeId(id), zone: zone.to_owned(), state }
}

fn shards(count: u32) -> Vec<GroupId> {
    (1..=count).map(GroupId).collect()
}

/// Nodes 1, 2, …, all active, in the zones of these letters.
fn nodes(zones: &str) -> Vec<Node> {
    let of = |(place, zone): (usize, char)| node(place as u64 + 1, &zone.to_string(), NodeState::Active);
    zones.chars().enumerate().map(of).collect()
}

/// Every group on the first node.
fn founded(groups: u32) -> Vec<Assignment> {
    let of = |group| Assignment { group: GroupId(group), voters: vec![NodeId(1)], learners: BTreeSet::new() };
    (0..=groups).map(of).collect()
}

fn carried_out(current: &[Assignment], plan: &Plan) -> Vec<Assignment> {
    let mut all: BTreeMap<GroupId, Assignment> = current.iter().cloned().map(|a| (a.group, a)).collect();
    all.extend(plan.assignments.iter().cloned().map(|a| (a.group, a)));
    all.into_values().collect()
}

fn numbers<'a>(nodes: impl IntoIterator<Item = &'a NodeId>) -> Vec<u64> {
    nodes.into_iter().map(|node| node.0).collect()
}

/// How many voters of shard groups each node has, and how many groups of all it is to lead.
fn loads(nodes: &[Node], all: &[Assignment]) -> BTreeMap<NodeId, (usize, usize)> {
    let usable = nodes.iter().filter(|node| node.is_usable());
    let of = |id: NodeId| {
        let shards = all.iter().filter(|assignment| assignment.group != GroupId::CONTROL);
        let replicas = shards.filter(|assignment| assignment.voters.contains(&id)).count();
        (replicas, all.iter().filter(|assignment| assignment.voters[0] == id).count())
    };
    usable.map(|node| (node.id, of(node.id))).collect()
}

fn spread(counts: impl Iterator<Item = usize> + Clone) -> usize {
    counts.clone().max().unwrap_or_default() - counts.min().unwrap_or_default()
}

#[test]
fn a_cluster_grows_and_shrinks() {
    let groups = shards(12);
    let mut all = founded(12);
    let control = |all: &[Assignment]| (numbers(&all[0].voters), numbers(&all[0].learners));
    // Zones, voters and learners of the control group, replicas of each node.
    for (zones, voters, learners, replicas) in [
        ("a", vec![1], vec![], vec![12]),
        ("ab", vec![1], vec![2], vec![12, 0]),
        ("abc", vec![1, 2, 3], vec![], vec![12, 12, 12]),
        ("abca", vec![1, 2, 3], vec![4], vec![6, 12, 12, 6]),
        ("abcab", vec![1, 2, 3, 4, 5], vec![], vec![6, 6, 12, 6, 6]),
        ("abcabc", vec![1, 2, 3, 4, 5], vec![6], vec![6, 6, 6, 6, 6, 6]),
    ] {
        let nodes = nodes(zones);
        all = carried_out(&all, &plan(&nodes, &groups, &all, 3));
        let (mut found, followers) = control(&all);
        found.sort_unstable();
        assert_eq!((found, followers), (voters, learners), "{zones}");
        let loads = loads(&nodes, &all);
        assert_eq!(loads.values().map(|load| load.0).collect::<Vec<usize>>(), replicas, "{zones}");
        assert!(plan(&nodes, &groups, &all, 3) == Plan::default(), "{zones}: what is planned stays");
    }
    // And back: 6 leaves, then 5, then 4.
    let mut nodes = nodes("abcabc");
    for (out, zones) in [(6, 5), (5, 4), (4, 3)] {
        nodes[out - 1].state = NodeState::Leaving;
        all = carried_out(&all, &plan(&nodes, &groups, &all, 3));
        assert!(all.iter().all(|assignment| !assignment.names(NodeId(out as u64))), "{out}");
        assert_eq!(all[0].voters.len(), if zones >= 5 { 5 } else { 3 });
        assert!(spread(loads(&nodes, &all).values().map(|load| load.1)) <= 1, "{out}: {all:?}");
    }
}

#[test]
fn who_drains_leads_nothing_and_keeps_the_rest() {
    for zones in ["ab", "abc", "abcabc", "aab"] {
        let (mut nodes, groups) = (nodes(zones), shards(12));
        let all = carried_out(&founded(12), &plan(&nodes, &groups, &founded(12), 3));
        nodes[0].state = NodeState::Draining;
        let drained = carried_out(&all, &plan(&nodes, &groups, &all, 3));
        for (before, after) in all.iter().zip(&drained) {
            let set = |a: &Assignment| a.voters.iter().copied().collect::<BTreeSet<NodeId>>();
            assert_ne!(after.voters[0], NodeId(1), "{zones}");
            assert!(set(before) == set(after) || zones.len() < 3, "{zones}: {before:?} {after:?}");
            assert_eq!(after.names(NodeId(1)), before.names(NodeId(1)), "{zones}");
        }
        let active = loads(&nodes, &drained).into_iter().filter(|(id, _)| *id != NodeId(1)).map(|(_, load)| load.1);
        assert!(spread(active.collect::<Vec<usize>>().into_iter()) <= 1, "{zones}");
    }
}

#[test]
fn a_node_more_takes_its_share_and_no_more() {
    // Zones before; zones after; the fewest and most replicas that may move.
    for (before, after, fewest, most) in [
        ("abc", "abca", 6, 6),
        ("abcabc", "abcabca", 4, 4),
        ("abcd", "abcde", 7, 8),
        ("aaa", "aaaa", 9, 9),
        ("aaaaaa", "aaaaaaa", 5, 6),
        ("ab", "ab", 0, 0),
        // A third zone takes a replica of each group, by rule.
        ("aabb", "aabbc", 12, 12),
    ] {
        let (groups, old) = (shards(12), nodes(before));
        let all = carried_out(&founded(12), &plan(&old, &groups, &founded(12), 3));
        let plan = plan(&nodes(after), &groups, &all, 3);
        let moved = moved(&all, &carried_out(&all, &plan));
        assert!((fewest..=most).contains(&moved), "{before} to {after} moves {moved}");
    }
}

/// Replicas of shard groups that are where none was.
fn moved(before: &[Assignment], after: &[Assignment]) -> usize {
    let pairs = before.iter().zip(after).filter(|(old, _)| old.group != GroupId::CONTROL);
    pairs.map(|(old, new)| new.voters.iter().filter(|node| !old.voters.contains(node)).count()).sum()
}

#[test]
fn nothing_is_planned_for_nobody() {
    assert_eq!(plan(&[], &shards(3), &founded(3), 3), Plan::default());
    let leaving = [node(1, "a", NodeState::Leaving)];
    assert_eq!(plan(&leaving, &shards(3), &founded(3), 3), Plan::default());
    // A group without an assignment gets one, and no steps from nowhere.
    let planned = plan(&nodes("abc"), &shards(1), &[], 3);
    assert_eq!((planned.assignments.len(), planned.steps.len()), (2, 0));
}
