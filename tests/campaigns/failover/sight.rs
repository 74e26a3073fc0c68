//! The cluster as a node that answers sees it: who leads what, in which term, and whether all have caught up.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bascule_api::admin::v1::{DescribeClusterRequest, DescribeClusterResponse};
use bascule_tests::Outcome;
use bascule_tests::chance::Chance;

use crate::failover::plan::Role;
use crate::failover::session::Door;

/// The number of the control group.
pub const CONTROL: u32 = 0;
/// How long a node may take to say what it sees.
const ASK_LIMIT: Duration = Duration::from_secs(3);

/// One group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Who leads it; 0: nobody.
    pub leader: u64,
    /// In which term.
    pub term: u64,
    /// Its replicas.
    pub replicas: usize,
    /// Those of them that vote and have what the leader has.
    pub ready: usize,
}

/// All groups, by their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight(pub BTreeMap<u32, Group>);

/// Whom a fault strikes, and the group by which it was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Victim {
    /// The node.
    pub node: u64,
    /// The group.
    pub group: u32,
    /// How many groups it leads, control included.
    pub leads: usize,
}

impl Sight {
    /// As the first node that answers sees it.
    ///
    /// # Errors
    /// None does.
    pub async fn any(doors: &mut [Door]) -> Outcome<Self> {
        let mut said = String::new();
        for door in doors {
            match tokio::time::timeout(ASK_LIMIT, Self::at(door)).await {
                Ok(Ok(sight)) => return Ok(sight),
                Ok(Err(error)) => said = format!("{error:#}"),
                Err(_) => said = format!("node {} says nothing", door.node),
            }
        }
        bail!("no node says what it sees: {said}")
    }

    /// As every node sees it, each asked.
    ///
    /// # Errors
    /// One does not answer.
    pub async fn all(doors: &mut [Door]) -> Outcome<Vec<Self>> {
        let mut sights = Vec::new();
        for door in doors {
            let asked = tokio::time::timeout(ASK_LIMIT, Self::at(door)).await;
            sights.push(asked.with_context(|| "it says nothing")?.with_context(|| "it does not answer")?);
        }
        Ok(sights)
    }

    async fn at(door: &mut Door) -> Outcome<Self> {
        let client = door.client().await?;
        let answer = client.session().cluster().describe_cluster(DescribeClusterRequest {}).await;
        if answer.is_err() {
            door.close();
        }
        Ok(Self::read(&answer?.into_inner()))
    }

    fn read(answer: &DescribeClusterResponse) -> Self {
        let rows = answer.groups.iter().map(|group| {
            let ready = group.replicas.iter().filter(|replica| replica.votes && replica.caught_up).count();
            let (leader, term, replicas) = (group.leader_node_id, group.term, group.replicas.len());
            (group.id, Group { leader, term, replicas, ready })
        });
        Self(rows.collect())
    }

    /// Whether each group is led, and has this many replicas, all of them ready.
    #[must_use]
    pub fn is_whole(&self, groups: usize, replicas: usize) -> bool {
        let is_well = |group: &Group| group.leader != 0 && group.replicas == replicas && group.ready == replicas;
        self.0.len() == groups && self.0.values().all(is_well)
    }

    /// The term of a group; 0 if it is not known.
    #[must_use]
    pub fn term(&self, group: u32) -> u64 {
        self.0.get(&group).map_or(0, |group| group.term)
    }

    /// Terms that shard groups have gone on since an earlier sight: at least their failovers.
    #[must_use]
    pub fn terms_since(&self, earlier: &Self) -> u64 {
        let shards = self.0.iter().filter(|(id, _)| **id != CONTROL);
        shards.map(|(id, group)| group.term.saturating_sub(earlier.term(*id))).sum()
    }

    /// Groups that a node leads.
    fn led(&self, node: u64) -> usize {
        self.0.values().filter(|group| group.leader == node).count()
    }

    /// Whom to strike.
    ///
    /// # Errors
    /// Nobody has the role.
    pub fn victim(&self, role: Role, nodes: &[u64], chance: &mut Chance) -> Outcome<Victim> {
        let control = self.0.get(&CONTROL).context("no control group is seen")?.leader;
        let pick = |chance: &mut Chance, rows: Vec<(u64, u32)>| {
            let at = usize::try_from(chance.below(rows.len().max(1) as u64))?;
            rows.get(at).copied().with_context(|| format!("nobody is `{}`", role.word()))
        };
        let (node, group) = match role {
            Role::ControlLeader => (control, CONTROL),
            Role::ShardLeader => {
                let led = || self.0.iter().filter(|(id, group)| **id != CONTROL && group.leader != 0);
                let rows = |but: u64| {
                    led().filter(move |(_, group)| group.leader != but).map(|(id, group)| (group.leader, *id))
                };
                // Whoever leads the control group too is struck as such.
                let others: Vec<_> = rows(control).collect();
                pick(chance, if others.is_empty() { rows(0).collect() } else { others })?
            }
            Role::Follower => {
                let groups: Vec<u32> = self.0.keys().copied().collect();
                let followed = groups.into_iter().flat_map(|id| nodes.iter().map(move |node| (*node, id)));
                pick(chance, followed.filter(|(node, id)| self.0[id].leader != *node).collect())?
            }
        };
        anyhow::ensure!(node != 0, "nobody is `{}`", role.word());
        Ok(Victim { node, group, leads: self.led(node) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(rows: &[(u64, u64)]) -> Sight {
        let group = |(leader, term): &(u64, u64)| Group { leader: *leader, term: *term, replicas: 3, ready: 3 };
        Sight((0..).zip(rows.iter().map(group)).collect())
    }

    #[test]
    fn a_victim_has_its_role() {
        let seen = sight(&[(1, 4), (1, 2), (2, 2), (3, 5)]);
        let nodes = [1, 2, 3];
        for seed in 0..50 {
            let mut chance = Chance::seeded(seed);
            let control = seen.victim(Role::ControlLeader, &nodes, &mut chance).unwrap();
            assert_eq!(control, Victim { node: 1, group: CONTROL, leads: 2 });
            let shard = seen.victim(Role::ShardLeader, &nodes, &mut chance).unwrap();
            assert!(
                shard.group != CONTROL && shard.node != 1 && seen.0[&shard.group].leader == shard.node,
                "{shard:?}"
            );
            let follower = seen.victim(Role::Follower, &nodes, &mut chance).unwrap();
            assert_ne!(seen.0[&follower.group].leader, follower.node);
        }
        let one = sight(&[(1, 4), (1, 2)]);
        assert_eq!(one.victim(Role::ShardLeader, &nodes, &mut Chance::seeded(1)).unwrap().node, 1);
        assert!(sight(&[(0, 4)]).victim(Role::ControlLeader, &nodes, &mut Chance::seeded(1)).is_err());
    }

    #[test]
    fn a_sight_is_whole_or_not_and_terms_are_counted() {
        let seen = sight(&[(1, 4), (1, 2)]);
        assert!(seen.is_whole(2, 3) && !seen.is_whole(3, 3) && !seen.is_whole(2, 5));
        assert!(!sight(&[(1, 4), (0, 2)]).is_whole(2, 3));
        let mut behind = seen.clone();
        behind.0.get_mut(&1).unwrap().ready = 2;
        assert!(!behind.is_whole(2, 3));
        assert_eq!(sight(&[(2, 9), (3, 5)]).terms_since(&seen), 3);
        assert_eq!(seen.terms_since(&sight(&[(2, 9), (3, 5)])), 0);
    }
}
