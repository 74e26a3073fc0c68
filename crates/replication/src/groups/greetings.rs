//! Nodes that greet each other once a second: the handshake of a connection, clocks, and how far each knows the other's logs to be.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;

use bascule_api::peer::v1::{self as peer, GreetAnswer, GreetRequest, GroupState, Matching};
use bascule_model::time::Millis;
use bascule_model::uid::{GroupId, NodeId};
use bascule_statemachine::codec::control::NodeState;
use bascule_statemachine::codec::control::rows::NodeRow;
use bascule_statemachine::ports::propose::ProposeError;

use crate::clocks::{self, Reading};
use crate::group::{Group, Members, Replica};
use crate::groups::Groups;
use crate::groups::conductor::Score;
use crate::known;
use crate::limits::{BEHIND_LIMIT_TIMES, FORMAT, GATHER_LIMIT_MS, GREET_INTERVAL_MS, GREET_LIMIT_MS};
use crate::machine::Machine;
use crate::peers::PeerError;
use crate::time::Heard;

/// A log, or a vote, that is behind what its leader knows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// The group.
    pub group: GroupId,
    /// Who says so.
    pub leader: NodeId,
    /// What was acknowledged to the leader.
    pub acknowledged: Reached,
    /// What is there.
    pub there: Reached,
}

/// How far a replica went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// The greatest term in which it voted or followed.
    pub term: u64,
    /// The last entry of its log.
    pub index: u64,
}

/// What came of greeting one node.
#[derive(Debug)]
enum Told {
    /// What it knows of this node's logs that is more than there is.
    Behind(Vec<Behind>),
    /// It says that this node was removed.
    Removed(NodeId),
    /// Nothing.
    Nothing,
}

fn state<M: Machine>(id: GroupId, group: &Group<M>, node: NodeId) -> GroupState {
    let standing = group.standing();
    let leader = group.leader();
    // Who is cut off still takes itself for the leader; whoever does not hold the lead says nothing about others.
    let leads = leader == Some(node) && group.holds().is_some();
    let replica = |replica: Replica| peer::Replica {
        node: replica.node.0,
        votes: replica.votes,
        lag_entries: replica.lag_entries,
        caught_up: replica.caught_up,
    };
    GroupState {
        group: id.0,
        term: standing.term,
        last: standing.last,
        leads,
        leader: leader.map_or(0, |NodeId(id)| id),
        committed: standing.committed,
        applied: standing.applied,
        replicas: if leads { group.replicas().into_iter().map(replica).collect() } else { Vec::new() },
    }
}

/// What a leader knows of another's log. Whether it holds its lead does not matter: what was acknowledged in its term lies on the other's
/// disk, or a later leader cut it off and left its own term there.
fn matching<M: Machine>(id: GroupId, group: &Group<M>, of: NodeId) -> Option<Matching> {
    let term = group.term()?;
    let known = group.replicas().into_iter().find(|replica| replica.node == of)?;
    // Who has acknowledged something to this leader had this leader's term on its disk.
    let term = if known.lag_entries.is_some() { term } else { 0 };
    Some(Matching { group: id.0, index: known.matched, term })
}

impl Groups {
    /// Where every group stands at this node, the control group first.
    #[must_use]
    pub fn states(&self) -> Vec<GroupState> {
        let control = state(GroupId::CONTROL, &self.control.group, self.node);
        let shards = self.shards.iter().map(|(id, shard)| state(*id, &shard.group, self.node));
        [control].into_iter().chain(shards).collect()
    }

    /// Every other member of the cluster: whoever has the control group's log.
    #[must_use]
    pub fn others(&self) -> BTreeSet<NodeId> {
        let members = self.control.group.members();
        let all = members.voters.into_iter().flatten().chain(members.learners);
        all.filter(|node| *node != self.node).collect()
    }

    fn greeting(&self) -> GreetRequest {
        GreetRequest {
            cluster: self.face.cluster.0.to_vec().into(),
            node: self.node.0,
            format: FORMAT,
            build: self.face.build.to_owned(),
            address: self.face.address.clone(),
            clock_ms: self.clock.wall().0,
            groups: self.states(),
            began_ms: self.began_ms,
            only_asks: false,
        }
    }

    /// Answers a greeting, if it is one of this cluster.
    pub(super) fn greeted(&self, peer: NodeId, request: &GreetRequest) -> Result<GreetAnswer, PeerError> {
        let refused = |why: String| {
            if !request.only_asks && self.gate.shut(peer, &why) {
                tracing::warn!(
                    peer = peer.0,
                    why,
                    build = request.build,
                    "a peer is refused, and nothing of it is taken"
                );
            }
            Err(PeerError::Refused { peer, why })
        };
        if request.cluster.as_ref() != self.face.cluster.0 {
            return refused(format!("this is a node of cluster `{}`", self.face.cluster));
        }
        if request.node != peer.0 {
            return refused(format!("the certificate is node {}'s", peer.0));
        }
        if request.format != FORMAT {
            let (theirs, ours) = (&request.build, self.face.build);
            return refused(format!(
                "the build `{theirs}` has format {}, the build `{ours}` of this node {FORMAT}: nodes with different ones do not speak",
                request.format
            ));
        }
        if self.has_let_go(peer) {
            return Err(PeerError::Removed { peer });
        }
        if !request.only_asks {
            self.gate.want(peer);
            self.known.heard(peer, known::Heard::of_request(request, self.clock.boot()));
        }
        let control = matching(GroupId::CONTROL, &self.control.group, peer);
        let shards = self.shards.iter().filter_map(|(id, shard)| matching(*id, &shard.group, peer));
        Ok(GreetAnswer {
            node: self.node.0,
            build: self.face.build.to_owned(),
            address: self.face.address.clone(),
            clock_ms: self.clock.wall().0,
            groups: self.states(),
            matching: control.into_iter().chain(shards).collect(),
            began_ms: self.began_ms,
        })
    }

    /// Whether the rows here show that this node is gone.
    fn has_let_go(&self, node: NodeId) -> bool {
        let gone = |row: &NodeRow| row.id == node.0 && row.state() == NodeState::Gone;
        self.score().is_ok_and(|score| score.nodes.iter().any(gone))
    }

    /// Greets one node.
    async fn greet(&self, peer: NodeId) -> Told {
        let request = self.greeting();
        let began = self.clock.boot();
        let limit = Duration::from_millis(GREET_LIMIT_MS);
        let answer = match tokio::time::timeout(limit, self.peers.greet(peer, request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(PeerError::Removed { .. })) => return Told::Removed(peer),
            Ok(Err(PeerError::Refused { why, .. })) => {
                if self.gate.shut(peer, &why) {
                    tracing::warn!(peer = peer.0, why, "a peer refuses this node, and nothing of it is taken");
                }
                return Told::Nothing;
            }
            // Who cannot be reached is said by whoever connects; a greeting comes again in a second.
            Ok(Err(_)) | Err(_) => return Told::Nothing,
        };
        // Read after the answer: what was matched meanwhile is here by now.
        let behind = behind(peer, &answer, &self.states());
        self.known.heard(peer, known::Heard::of_answer(answer, began, self.clock.boot()));
        Told::Behind(behind)
    }

    /// Whether this node was removed, if these say so: one is enough where its own rows show that it was to leave, else it takes a
    /// majority of the voters that it knows.
    fn is_removed(&self, by: &BTreeSet<NodeId>) -> bool {
        if by.is_empty() {
            return false;
        }
        let leaves = |score: Score| {
            let row = score.nodes.into_iter().find(|row| row.id == self.node.0);
            row.is_some_and(|row| matches!(row.state(), NodeState::Leaving | NodeState::Gone))
        };
        let members = self.control.group.members();
        self.score().is_ok_and(leaves) || is_majority(by, &members)
    }

    /// The time by a quorum's clocks; the node's own, if it is alone; `None` while too few are known.
    #[must_use]
    pub fn agreed_time(&self, own: Reading) -> Option<Millis> {
        let members = self.control.group.members();
        let voters = members.voters.last().map_or(1, BTreeSet::len);
        let known = self.known.all();
        let voting = |node: &NodeId| members.voters.iter().any(|voters| voters.contains(node));
        let readings: Vec<Reading> =
            known.iter().filter(|(node, _)| voting(node)).map(|(_, heard)| heard.clock).collect();
        clocks::median(own, &readings, voters)
    }

    /// Asks the node that leads a group to hand it over. Nothing is waited for: the next election shows.
    ///
    /// # Errors
    /// [`ProposeError`].
    pub async fn hand_over_here(&self, group: GroupId, to: NodeId) -> Result<(), ProposeError> {
        if group == GroupId::CONTROL {
            self.control.group.hand_over(to).await
        } else {
            self.shard_of(group)?.group.hand_over(to).await
        }
    }

    /// Gives every lead to another voter, the one that is furthest. What cannot be given stays.
    pub async fn give_up_leads(&self) {
        give_up(&self.control.group, self.node).await;
        for shard in self.shards.values() {
            give_up(&shard.group, self.node).await;
        }
    }
}

async fn give_up<M: Machine>(group: &Group<M>, node: NodeId) {
    if group.term().is_none() {
        return;
    }
    let members = group.members();
    let votes = |node: NodeId| members.voters.iter().all(|voters| voters.contains(&node));
    let fit = |replica: &Replica| replica.node != node && replica.caught_up && votes(replica.node);
    let next = group.replicas().into_iter().filter(fit).max_by_key(|replica| replica.matched);
    if let Some(next) = next {
        // A refusal leaves the lead where it is; the next look tries again.
        let _ = group.hand_over(next.node).await;
    }
}

/// Whether those are a majority of the voters.
fn is_majority(those: &BTreeSet<NodeId>, members: &Members) -> bool {
    members.voters.last().is_some_and(|voters| 2 * voters.intersection(those).count() > voters.len())
}

/// What a leader's answer knows of these groups that is more than there is.
fn behind(peer: NodeId, answer: &GreetAnswer, ours: &[GroupState]) -> Vec<Behind> {
    // A leader whose term was not passed here knows of nothing that a later one cut off: what it has matched was synced here once.
    let leads = |group: u32, term: u64| {
        answer.groups.iter().any(|state| state.group == group && state.leader == peer.0 && state.term >= term)
    };
    let behind = |known: &Matching| {
        let ours = ours.iter().find(|state| state.group == known.group)?;
        let acknowledged = Reached { term: known.term, index: known.index };
        let there = Reached { term: ours.term, index: ours.last };
        let less = there.index < acknowledged.index || there.term < acknowledged.term;
        let behind = Behind { group: GroupId(known.group), leader: peer, acknowledged, there };
        (less && leads(known.group, ours.term)).then_some(behind)
    };
    answer.matching.iter().filter_map(behind).collect()
}

/// What a round of greetings gave.
#[derive(Default)]
struct Round {
    behind: Vec<Behind>,
    removed_by: BTreeSet<NodeId>,
    answered: Vec<NodeId>,
}

impl Round {
    /// Greets these, and whoever is wanted meanwhile. A peer that answers late, or never, keeps no other waiting at the gate.
    async fn of(groups: &Groups, mut greeted: BTreeSet<NodeId>, doubts: &Doubts) -> Self {
        let greet = |node: NodeId| async move { (node, groups.greet(node).await) };
        let mut round = Self::default();
        let mut answers: FuturesUnordered<_> = greeted.iter().map(|node| greet(*node)).collect();
        let mut gathers = pin!(tokio::time::sleep(Duration::from_millis(GATHER_LIMIT_MS)));
        let mut takes_more = pin!(tokio::time::sleep(Duration::from_millis(GREET_LIMIT_MS)));
        let (mut late, mut closed) = (false, false);
        loop {
            tokio::select! {
                biased;
                told = answers.next() => match told {
                    Some((node, told)) => {
                        greeted.remove(&node);
                        round.hear(node, told);
                    }
                    None => return round,
                },
                () = &mut gathers, if !late => late = true,
                // A round has an end.
                () = &mut takes_more, if !closed => closed = true,
                () = groups.gate.asked(), if !closed => {
                    let more: Vec<NodeId> =
                        groups.gate.take_wanted().into_iter().filter(|node| greeted.insert(*node)).collect();
                    answers.extend(more.into_iter().map(greet));
                }
            }
            if late {
                round.let_in(groups, doubts);
            }
        }
    }

    fn hear(&mut self, node: NodeId, told: Told) {
        match told {
            Told::Behind(more) => {
                self.behind.extend(more);
                self.answered.push(node);
            }
            Told::Removed(by) => drop(self.removed_by.insert(by)),
            Told::Nothing => {}
        }
    }

    /// Opens the gate for whoever has answered. While a log is in doubt nobody new is let in: what is missing must neither vote nor answer
    /// a leader.
    fn let_in(&mut self, groups: &Groups, doubts: &Doubts) {
        if self.behind.is_empty() && doubts.none() {
            self.answered.drain(..).for_each(|node| groups.gate.open(node));
        }
    }
}

/// Greets everybody once a second, and whoever is new at once; opens the gate for those that know of nothing that is missing here, and
/// gives up this node's leads while its clock is off a quorum's. It ends, and with it the node, when a log here lacks what its leader
/// knows it to have, and when the cluster has let this node go.
pub(super) async fn run(groups: Arc<Groups>, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(GREET_INTERVAL_MS));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut doubts = Doubts::default();
    loop {
        let whole = tokio::select! {
            biased;
            _ = stopped.changed() => return,
            _ = ticks.tick() => true,
            () = groups.gate.asked() => false,
        };
        let (others, wanted) = (groups.others(), groups.gate.take_wanted());
        let greeted = if whole { others.union(&wanted).copied().collect() } else { wanted };
        let mut round = Round::of(&groups, greeted, &doubts).await;
        if whole {
            groups.known.keep(|node| others.contains(&node));
            if groups.is_removed(&round.removed_by) {
                tracing::error!(
                    node = groups.node.0,
                    "this node was removed from the cluster and will not be let in again: to use its machine, empty its folders and let \
                     it join anew"
                );
                return;
            }
            if let Some(certain) = doubts.heard(&round.behind) {
                return give_up_for_good(certain);
            }
        }
        round.let_in(&groups, &doubts);
        if whole {
            groups.agree(&others).await;
        }
    }
}

fn give_up_for_good(Behind { group, leader, acknowledged, there }: Behind) {
    tracing::error!(
        %group, leader = leader.0, matched = acknowledged.index, last = there.index, followed_term = acknowledged.term,
        term = there.term,
        "this node's log or vote lacks what it had acknowledged, so that it must not vote under this id again: if an older copy of \
         its data folder was put back, put the newest back; else replace the node: `bascule cluster replace` at another, and join \
         anew with an empty folder"
    );
}

/// Logs that seemed to lack something, and how often in a row: what this node knows of its own logs may be a moment old.
#[derive(Default)]
struct Doubts(BTreeMap<(GroupId, NodeId), (Reached, u32)>);

impl Doubts {
    /// The first that is no doubt any more: it said the same again and again, while the log did not grow.
    fn heard(&mut self, behind: &[Behind]) -> Option<Behind> {
        let before = std::mem::take(&mut self.0);
        for one in behind {
            let times = match before.get(&(one.group, one.leader)) {
                Some((there, times)) if *there == one.there => times + 1,
                _ => 1,
            };
            if times >= BEHIND_LIMIT_TIMES {
                return Some(*one);
            }
            self.0.insert((one.group, one.leader), (one.there, times));
        }
        None
    }

    fn none(&self) -> bool {
        self.0.is_empty()
    }
}

impl Groups {
    /// Takes over what a quorum's clocks say.
    async fn agree(&self, others: &BTreeSet<NodeId>) {
        let own = Reading { wall: self.clock.wall(), boot: self.clock.boot() };
        if others.is_empty() {
            let alone = self.control.group.members().is_alone(self.node);
            return self.times.heard(if alone { Heard::Alone } else { Heard::Nothing });
        }
        let median = self.agreed_time(own);
        self.times.heard(median.map_or(Heard::Nothing, |wall| Heard::Median(Reading { wall, boot: own.boot })));
        if let Some(off_ms) = median.and_then(|median| clocks::off(own.wall, median)) {
            tracing::error!(off_ms, "this node's clock is off the others': it gives up its leads");
            self.give_up_leads().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_removed_if_a_majority_of_the_voters_says_so() {
        let check = |voters: &[u64], by: &[u64], expected: bool| {
            let set = |ids: &[u64]| ids.iter().copied().map(NodeId).collect::<BTreeSet<NodeId>>();
            let members = Members { voters: vec![set(voters)], learners: BTreeSet::new() };
            assert_eq!(is_majority(&set(by), &members), expected, "{by:?} of {voters:?}");
        };
        check(&[1, 2, 3], &[1], false);
        check(&[1, 2, 3], &[1, 2], true);
        check(&[1, 2, 3], &[1, 4], false);
        check(&[1, 2, 3, 4, 5], &[1, 2], false);
        check(&[1, 2, 3, 4, 5], &[1, 2, 3], true);
        check(&[], &[1], false);
    }

    #[test]
    fn a_log_is_doubted_before_it_is_given_up() {
        let behind = |group, last| Behind {
            group: GroupId(group),
            leader: NodeId(2),
            acknowledged: Reached { term: 3, index: 9 },
            there: Reached { term: 3, index: last },
        };
        // What each greeting says → whether it is certain.
        let check = |rounds: &[&[Behind]], expected: bool| {
            let mut doubts = Doubts::default();
            let certain = rounds.iter().map(|round| doubts.heard(round)).fold(None, |found, now| found.or(now));
            assert_eq!(certain.is_some(), expected, "{rounds:?}");
        };
        let (one, other) = (behind(1, 5), behind(2, 5));
        check(&[&[one], &[one]], false);
        check(&[&[one], &[one], &[one]], true);
        check(&[&[one], &[], &[one], &[one]], false);
        check(&[&[one], &[one], &[behind(1, 6)]], false);
        check(&[&[one], &[other], &[one], &[other]], false);
        check(&[&[other], &[one, other], &[other]], true);
    }

    #[test]
    fn only_a_leader_of_now_knows_of_a_log_or_a_vote_that_went_back() {
        // The answer's (leads, term), what was acknowledged to it (term, index), this node's (term, last) → whether it went back.
        let check = |(leads, term), (followed, index), (own_term, last), expected: bool| {
            let state = |term, last, leads| GroupState {
                group: 1,
                term,
                last,
                leader: if leads { 2 } else { 3 },
                ..GroupState::default()
            };
            let answer = GreetAnswer {
                groups: vec![state(term, 99, leads)],
                matching: vec![Matching { group: 1, index, term: followed }],
                ..GreetAnswer::default()
            };
            let found = behind(NodeId(2), &answer, &[state(own_term, last, false)]);
            assert_eq!(!found.is_empty(), expected, "{term} {followed} {index} {own_term} {last}: {found:?}");
        };
        check((true, 5), (5, 9), (5, 9), false);
        check((true, 5), (5, 9), (5, 8), true);
        check((true, 5), (5, 9), (4, 9), true);
        check((true, 5), (0, 9), (4, 9), false);
        check((true, 5), (0, 0), (0, 0), false);
        check((true, 5), (5, 9), (6, 8), false);
        check((false, 5), (5, 9), (5, 8), false);
        check((true, 5), (5, 9), (5, 12), false);
    }
}
