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
    /// The entries that the one lacks which lacks most.
    pub lag: u64,
}

/// All groups, by their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight(pub BTreeMap<u32, Group>);

/// Whom a fault strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Victim {
    /// The node.
    pub node: u64,
    /// What it is.
    pub role: Role,
    /// The groups that it leads; of a follower, those that it follows.
    pub groups: Vec<u32>,
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

    /// Of each group the newest that any node says: each hears of the others once a second, and knows of itself at once.
    #[must_use]
    pub fn newest(sights: &[Self]) -> Self {
        let mut newest = Self::default();
        for (id, group) in sights.iter().flat_map(|sight| &sight.0) {
            let known = newest.0.entry(*id).or_insert(*group);
            if (group.term, group.leader != 0) > (known.term, known.leader != 0) {
                *known = *group;
            }
        }
        newest
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
            let lag = group.replicas.iter().filter_map(|replica| replica.lag_entries).max().unwrap_or_default();
            (group.id, Group { leader, term, replicas, ready, lag })
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

    /// Terms that all groups have gone on since an earlier sight.
    #[must_use]
    pub fn terms_since(&self, earlier: &Self) -> u64 {
        self.0.iter().map(|(id, group)| group.term.saturating_sub(earlier.term(*id))).sum()
    }

    /// The same of shard groups alone.
    #[must_use]
    pub fn shard_terms_since(&self, earlier: &Self) -> u64 {
        let control = self.term(CONTROL).saturating_sub(earlier.term(CONTROL));
        self.terms_since(earlier) - control
    }

    /// What a node is now.
    #[must_use]
    pub fn role(&self, node: u64) -> Victim {
        let led: Vec<u32> = self.led_by(node).collect();
        let role = Role::of(led.contains(&CONTROL), led.iter().filter(|id| **id != CONTROL).count());
        let groups = if led.is_empty() { self.0.keys().copied().collect() } else { led };
        Victim { node, role, groups }
    }

    /// Whether one of these nodes has this role.
    #[must_use]
    pub fn has(&self, role: Role, nodes: &[u64]) -> bool {
        nodes.iter().any(|node| self.role(*node).role == role)
    }

    /// Whom to drain so that somebody comes to have a role that nobody has: another than the leader of control, which takes over what it
    /// leads, or not. None: draining is no way there.
    #[must_use]
    pub fn to_drain(&self, role: Role, nodes: &[u64]) -> Option<u64> {
        let control = self.0.get(&CONTROL)?.leader;
        let leads = |node: &u64| *node != control && self.led_by(*node).next().is_some();
        match role {
            Role::Control | Role::Shards => None,
            Role::Both | Role::Follower => nodes.iter().copied().find(leads),
        }
    }

    fn led_by(&self, node: u64) -> impl Iterator<Item = u32> {
        self.0.iter().filter(move |(_, group)| group.leader == node).map(|(id, _)| *id)
    }

    /// Somebody with this role, if there is one; else whoever comes nearest to it.
    ///
    /// # Errors
    /// Nobody leads the control group.
    pub fn victim(&self, role: Role, nodes: &[u64], chance: &mut Chance) -> Outcome<Victim> {
        let control = self.0.get(&CONTROL).context("no control group is seen")?.leader;
        anyhow::ensure!(control != 0, "nobody leads the control group");
        let all: Vec<Victim> = nodes.iter().map(|node| self.role(*node)).collect();
        let fit = |accepts: &dyn Fn(&Victim) -> bool| all.iter().filter(|one| accepts(one)).collect::<Vec<_>>();
        let exact = fit(&|one| one.role == role);
        let near = match role {
            Role::Control | Role::Both => fit(&|one| one.node == control),
            Role::Shards => fit(&|one| one.role == Role::Both),
            Role::Follower => fit(&|one| one.node != control),
        };
        let among = if exact.is_empty() { near } else { exact };
        let at = usize::try_from(chance.below(among.len().max(1) as u64))?;
        among.get(at).map(|one| (*one).clone()).with_context(|| format!("nobody is `{}`", role.word()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(rows: &[(u64, u64)]) -> Sight {
        let group = |(leader, term): &(u64, u64)| Group { leader: *leader, term: *term, replicas: 3, ready: 3, lag: 0 };
        Sight((0..).zip(rows.iter().map(group)).collect())
    }

    #[test]
    fn a_victim_has_its_role_or_comes_near() {
        let nodes = [1, 2, 3];
        let check = |leaders: &[u64], role: Role, victims: &[u64], found: Role| {
            let seen = sight(&leaders.iter().map(|leader| (*leader, 4)).collect::<Vec<_>>());
            for seed in 0..20 {
                let victim = seen.victim(role, &nodes, &mut Chance::seeded(seed)).unwrap();
                assert!(victims.contains(&victim.node) && victim.role == found, "{leaders:?} {role:?}: {victim:?}");
            }
        };
        check(&[1, 2, 2, 3], Role::Control, &[1], Role::Control);
        check(&[1, 2, 2, 3], Role::Both, &[1], Role::Control);
        check(&[1, 1, 2, 2], Role::Both, &[1], Role::Both);
        check(&[1, 1, 2, 2], Role::Control, &[1], Role::Both);
        check(&[1, 1, 2, 2], Role::Shards, &[2], Role::Shards);
        check(&[1, 1, 1, 1], Role::Shards, &[1], Role::Both);
        check(&[1, 1, 2, 2], Role::Follower, &[3], Role::Follower);
        check(&[1, 1, 2, 3], Role::Follower, &[2, 3], Role::Shards);
        assert_eq!(sight(&[(1, 4), (2, 2)]).role(3).groups, [0, 1]);
        assert!(sight(&[(0, 4)]).victim(Role::Control, &nodes, &mut Chance::seeded(1)).is_err());
    }

    #[test]
    fn a_node_is_drained_only_where_that_may_help() {
        let nodes = [1, 2, 3];
        let seen = sight(&[(2, 4), (1, 4), (3, 4)]);
        assert!(seen.has(Role::Control, &nodes) && !seen.has(Role::Follower, &nodes));
        let drained = |role| seen.to_drain(role, &nodes);
        assert_eq!(Role::ALL.map(drained), [None, None, Some(1), Some(1)]);
        assert_eq!(sight(&[(2, 4), (2, 4)]).to_drain(Role::Both, &nodes), None);
    }

    #[test]
    fn a_sight_is_whole_or_not_and_terms_are_counted() {
        let seen = sight(&[(1, 4), (1, 2)]);
        assert!(seen.is_whole(2, 3) && !seen.is_whole(3, 3) && !seen.is_whole(2, 5));
        assert!(!sight(&[(1, 4), (0, 2)]).is_whole(2, 3));
        let mut behind = seen.clone();
        behind.0.get_mut(&1).unwrap().ready = 2;
        assert!(!behind.is_whole(2, 3));
        let newer = sight(&[(0, 5), (2, 3)]);
        assert_eq!(Sight::newest(&[seen.clone(), newer.clone()]), newer);
        assert_eq!(Sight::newest(&[newer.clone(), seen.clone()]), newer);
        assert_eq!(sight(&[(2, 9), (3, 5)]).terms_since(&seen), 8);
        assert_eq!(sight(&[(2, 9), (3, 5)]).shard_terms_since(&seen), 3);
        assert_eq!(seen.terms_since(&sight(&[(2, 9), (3, 5)])), 0);
    }
}
