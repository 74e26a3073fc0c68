//! Which node comes when, and whether one is back: decided from how the cluster is described alone.

use bascule_api::admin::v1::{DescribeClusterResponse, NodeSight, NodeState};

use crate::error::Error;

/// A node's turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Its id.
    pub node: u64,
    /// Its zone.
    pub zone: String,
    /// Where its peers find it.
    pub address: String,
    /// Where its callers find it.
    pub api_address: String,
    /// Whether it may lead again at the end.
    pub resumes: bool,
}

/// When a process began, by its own clock: seconds and nanoseconds.
pub type Began = (i64, i32);

fn id(sight: &NodeSight) -> u64 {
    sight.node.as_ref().map_or(0, |node| node.id)
}

fn state(sight: &NodeSight) -> NodeState {
    sight.node.as_ref().map_or(NodeState::Unspecified, |node| node.state())
}

/// The turns: those that are named, else everybody who serves, the control group's leader last and before it whoever leads most, so that
/// leads move as seldom as they can.
///
/// # Errors
/// A node is named that is none, or that cannot be restarted in this way.
pub fn order(seen: &DescribeClusterResponse, named: &[u64]) -> Result<Vec<Turn>, Error> {
    let serves = |sight: &&NodeSight| matches!(state(sight), NodeState::Active | NodeState::Draining);
    let refused = |problem: String| Error::Argument { flag: "--nodes", problem };
    let serving: Vec<&NodeSight> = seen.nodes.iter().filter(serves).collect();
    if serving.len() < 2 {
        return Err(Error::Alone);
    }
    let control = seen.groups.iter().find(|group| group.id == 0).map_or(0, |group| group.leader_node_id);
    let chosen = if named.is_empty() {
        let mut all = serving;
        all.sort_by_key(|sight| (id(sight) == control, sight.led_group_count, id(sight)));
        all
    } else {
        let found = named.iter().enumerate().map(|(at, node)| {
            if named[..at].contains(node) {
                return Err(refused(format!("node `{node}` is named twice")));
            }
            let found = serving.iter().find(|sight| id(sight) == *node).copied();
            found.ok_or_else(|| refused(format!("there is no node `{node}` that serves")))
        });
        found.collect::<Result<Vec<_>, Error>>()?
    };
    let turn = |sight: &NodeSight| {
        let node = sight.node.clone().unwrap_or_default();
        // Who was drained before was drained by somebody, unless this is said to go on with it.
        let resumes = !named.is_empty() || node.state() == NodeState::Active;
        Turn { node: node.id, zone: node.zone, address: node.address, api_address: node.api_address, resumes }
    };
    Ok(chosen.into_iter().map(turn).collect())
}

/// When a node's process began.
///
/// # Errors
/// It is not known, in words.
pub fn began(seen: &DescribeClusterResponse, node: u64) -> Result<Began, String> {
    let sight = seen.nodes.iter().find(|sight| id(sight) == node).ok_or("it is no node any more")?;
    if !sight.reachable {
        return Err("it cannot be reached".to_owned());
    }
    let began = sight.began_time.as_ref().ok_or("it does not say when it began: its build is older")?;
    Ok((began.seconds, began.nanos))
}

/// Whether the node runs in another process than `before`, with everything that it missed, and every group has a leader.
///
/// # Errors
/// What is still amiss.
pub fn is_back(seen: &DescribeClusterResponse, node: u64, before: Began) -> Result<(), String> {
    if began(seen, node)? == before {
        return Err("it has not been restarted yet".to_owned());
    }
    for group in &seen.groups {
        if group.leader_node_id == 0 {
            return Err(format!("{} has no leader", group.name));
        }
        let own = group.replicas.iter().find(|replica| replica.node_id == node);
        if own.is_some_and(|replica| !replica.caught_up) {
            return Err(format!("it is behind in {}", group.name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bascule_api::admin::v1::{Group, GroupReplica, Node};
    use bascule_api::time::timestamp;
    use bascule_model::time::Millis;

    use super::*;

    fn sight(node: u64, state: NodeState, led_group_count: u32) -> NodeSight {
        let began_time = Some(timestamp(Millis(node * 1_000)));
        let node = Node { id: node, zone: format!("z{node}"), state: state.into(), ..Default::default() };
        NodeSight { node: Some(node), reachable: true, began_time, led_group_count, ..Default::default() }
    }

    fn group(id: u32, leader_node_id: u64, behind: &[u64]) -> Group {
        let replica =
            |node_id| GroupReplica { node_id, votes: true, caught_up: !behind.contains(&node_id), lag_entries: None };
        let replicas = [1, 2, 3].map(replica).to_vec();
        Group { id, name: format!("shard-{id}"), leader_node_id, replicas, ..Default::default() }
    }

    fn seen(nodes: Vec<NodeSight>, groups: Vec<Group>) -> DescribeClusterResponse {
        DescribeClusterResponse { nodes, groups, ..Default::default() }
    }

    #[test]
    fn the_leader_of_the_control_group_comes_last() {
        use NodeState::{Active, Draining, Joining, Leaving};
        // Nodes with state and leads, the control group's leader, the named → nodes in order, and whether they lead again.
        let check = |nodes: &[(u64, NodeState, u32)], control, named: &[u64], expected: Option<&[(u64, bool)]>| {
            let nodes = nodes.iter().map(|(node, state, led)| sight(*node, *state, *led)).collect();
            let turns = order(&seen(nodes, vec![group(0, control, &[])]), named);
            let found = turns.ok().map(|turns| turns.iter().map(|turn| (turn.node, turn.resumes)).collect::<Vec<_>>());
            assert_eq!(found.as_deref(), expected, "{named:?}");
        };
        let three = [(1, Active, 2), (2, Active, 9), (3, Active, 1)];
        check(&three, 1, &[], Some(&[(3, true), (2, true), (1, true)]));
        check(&three, 3, &[], Some(&[(1, true), (2, true), (3, true)]));
        check(&three, 1, &[1, 3], Some(&[(1, true), (3, true)]));
        check(&three, 1, &[4], None);
        check(&three, 1, &[1, 1], None);
        let drained = [(1, Active, 2), (2, Draining, 0), (3, Active, 1), (4, Joining, 0), (5, Leaving, 0)];
        check(&drained, 1, &[], Some(&[(2, false), (3, true), (1, true)]));
        check(&drained, 1, &[2], Some(&[(2, true)]));
        check(&drained, 1, &[4], None);
        check(&[(1, Active, 2), (4, Joining, 0)], 1, &[], None);
    }

    #[test]
    fn a_node_is_back_when_another_process_has_everything() {
        let nodes = || vec![sight(1, NodeState::Active, 1), sight(2, NodeState::Active, 1)];
        let check = |groups: Vec<Group>, before: i64, expected: &str| {
            let why = is_back(&seen(nodes(), groups), 2, (before, 0)).err().unwrap_or_default();
            assert_eq!(why, expected);
        };
        check(vec![group(1, 1, &[])], 1, "");
        check(vec![group(1, 1, &[])], 2, "it has not been restarted yet");
        check(vec![group(1, 1, &[]), group(2, 0, &[])], 1, "shard-2 has no leader");
        check(vec![group(1, 1, &[2])], 1, "it is behind in shard-1");
        check(vec![group(1, 1, &[3])], 1, "");
        let away = NodeSight { reachable: false, ..sight(2, NodeState::Active, 0) };
        assert_eq!(is_back(&seen(vec![away], Vec::new()), 2, (1, 0)), Err("it cannot be reached".to_owned()));
        assert_eq!(is_back(&seen(Vec::new(), Vec::new()), 2, (1, 0)), Err("it is no node any more".to_owned()));
    }
}
