//! What goes wrong: faults by chance, each for a while, several at once; and how everything is made whole again.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinError;

use bascule_model::uid::{GroupId, NodeId};
use bascule_replication::groups::Formation;
use bascule_statemachine::codec::control::{
    AdmitNode, ChangeNode, Command, CreateJoinToken, Kind, NodeFacts, NodeState,
};
use bascule_statemachine::control::reply::{Outcome, Reply};
use bascule_statemachine::ports::propose::{Change, Propose};

use super::chance::Chance;
use super::clients::Client;
use super::clock::{NodeClock, Time};
use super::network::Weather;
use super::node::{Ground, Node};

pub(crate) const CALM: Weather = Weather { delay_us: (200, 3_000), lost_per_mille: 0 };

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Crash,
    CrashLeader,
    CrashAll,
    StopAndStart,
    Isolate,
    OneWay,
    Flap,
    Reset,
    Pause,
    SlowDisk,
    ClockJump,
    Storm,
    Join,
    Leave,
}

const USUAL: [Fault; 14] = [
    Fault::Crash,
    Fault::Crash,
    Fault::CrashLeader,
    Fault::CrashLeader,
    Fault::CrashAll,
    Fault::StopAndStart,
    Fault::Isolate,
    Fault::Isolate,
    Fault::OneWay,
    Fault::Flap,
    Fault::Reset,
    Fault::Pause,
    Fault::SlowDisk,
    Fault::ClockJump,
];

#[derive(Clone)]
pub(crate) struct Nemesis {
    pub(crate) client: Client,
    pub(crate) ground: Ground,
    pub(crate) chance: Chance,
    pub(crate) time: Time,
    pub(crate) faults: Vec<Fault>,
}

impl Nemesis {
    fn ids(&self) -> Vec<NodeId> {
        self.client.nodes.lock().iter().map(|node| node.id).collect()
    }

    fn with<T>(&self, id: NodeId, work: impl FnOnce(&mut Node) -> T) -> Option<T> {
        self.client.nodes.lock().iter_mut().find(|node| node.id == id).map(work)
    }

    /// Waits some time.
    async fn wait(&self, from_ms: u64, to_ms: u64) {
        tokio::time::sleep(Duration::from_millis(self.chance.within(from_ms, to_ms))).await;
    }

    /// Hurts until the count is full; with `overlap`, some faults last while the next ones begin.
    pub(crate) async fn run(&mut self, count: usize, membership: bool, overlap: bool) -> Result<(), JoinError> {
        let mut lasting = Vec::new();
        for number in 0..count {
            self.wait(300, 2_500).await;
            let fault = match number {
                1 if membership => Fault::Join,
                4 if membership => Fault::Leave,
                _ if self.chance.per_mille(60) => Fault::Storm,
                _ => self.chance.pick(&USUAL),
            };
            self.faults.push(fault);
            self.client.history.line(&format!("{fault:?}"));
            let hurting = self.clone();
            if overlap && self.chance.per_mille(500) {
                lasting.push(tokio::spawn(async move { hurting.hurt(fault).await }));
            } else {
                hurting.hurt(fault).await;
            }
        }
        for fault in lasting {
            fault.await?;
        }
        Ok(())
    }

    async fn hurt(&self, fault: Fault) {
        let ids = self.ids();
        let victim = self.chance.pick(&ids);
        match fault {
            Fault::Crash => self.crash(&[victim], 50, 3_000).await,
            Fault::CrashLeader => {
                let leader = self.leader().unwrap_or(victim);
                self.crash(&[leader], 50, 3_000).await;
            }
            Fault::CrashAll => self.crash(&ids, 50, 500).await,
            Fault::StopAndStart => self.stop_and_start(victim).await,
            Fault::Isolate => {
                self.cut(&ids, victim, (true, true));
                self.wait(500, 5_000).await;
                self.cut(&ids, victim, (false, false));
            }
            Fault::OneWay => {
                let out = self.chance.per_mille(500);
                self.cut(&ids, victim, (out, !out));
                self.wait(500, 5_000).await;
                self.cut(&ids, victim, (false, false));
            }
            Fault::Flap => {
                for _ in 0..self.chance.within(2, 8) {
                    self.cut(&ids, victim, (true, true));
                    self.wait(100, 900).await;
                    self.cut(&ids, victim, (false, false));
                    self.wait(100, 900).await;
                }
            }
            Fault::Reset => ids.iter().for_each(|other| self.ground.network.reset(victim, *other)),
            Fault::Pause => {
                let for_ms = self.chance.within(300, 4_000);
                let until = self.time.ms() + for_ms;
                self.with(victim, |node| node.slowness.still_until_ms.store(until, Ordering::Release));
                self.cut(&ids, victim, (true, true));
                tokio::time::sleep(Duration::from_millis(for_ms)).await;
                self.cut(&ids, victim, (false, false));
            }
            Fault::SlowDisk => {
                let most_ms = self.chance.within(20, 400);
                self.with(victim, |node| node.slowness.most_ms.store(most_ms, Ordering::Release));
                self.wait(1_000, 5_000).await;
                self.with(victim, |node| node.slowness.most_ms.store(0, Ordering::Release));
            }
            Fault::ClockJump => {
                let off = i64::try_from(self.chance.within(0, 7_200_000)).unwrap() - 3_600_000;
                self.with(victim, |node| node.clock.set_off(off));
                self.wait(1_000, 6_000).await;
                self.with(victim, |node| node.clock.set_off(0));
            }
            Fault::Storm => {
                let lost_per_mille = self.chance.within(0, 100);
                self.ground.network.set_weather(Weather { delay_us: (1_000, 120_000), lost_per_mille });
                self.wait(1_000, 5_000).await;
                self.ground.network.set_weather(CALM);
            }
            Fault::Join => {
                let joined = self.join().await;
                self.client.history.line(&format!("joined: {joined:?}"));
            }
            Fault::Leave => self.leave(victim).await,
        }
    }

    /// Who leads some group.
    fn leader(&self) -> Option<NodeId> {
        let nodes = self.client.nodes.lock();
        let group = self.chance.within(0, self.ground.shards.len() as u64 + 1);
        let leads = |node: &&Node| {
            node.running.as_ref().is_some_and(|running| {
                running.groups.states().iter().any(|state| u64::from(state.group) == group && state.leads)
            })
        };
        nodes.iter().find(leads).map(|node| node.id)
    }

    async fn crash(&self, victims: &[NodeId], from_ms: u64, to_ms: u64) {
        for id in victims {
            self.with(*id, Node::crash);
        }
        self.wait(from_ms, to_ms).await;
        for id in victims {
            self.start(*id).await;
        }
    }

    /// Starts a node, out of the list while it starts so that others may look at the list.
    pub(crate) async fn start(&self, id: NodeId) {
        let mut node = {
            let mut nodes = self.client.nodes.lock();
            let Some(at) = nodes.iter().position(|node| node.id == id) else { return };
            if nodes[at].running.is_some() {
                return;
            }
            nodes.remove(at)
        };
        let started = node.start(Formation::Joined).await;
        let mut nodes = self.client.nodes.lock();
        nodes.push(node);
        nodes.sort_by_key(|node| node.id);
        drop(nodes);
        assert!(started.is_ok(), "node {} does not start: {started:?}", id.0);
    }

    async fn stop_and_start(&self, id: NodeId) {
        let groups = self.with(id, |node| node.running.as_ref().map(|running| running.groups.clone())).flatten();
        if let Some(groups) = groups {
            // Whatever hangs is cut short, as a supervisor does.
            let _ = tokio::time::timeout(Duration::from_secs(5), groups.stop()).await;
        }
        self.crash(&[id], 50, 1_000).await;
    }

    /// Cuts what a node says, and what it hears.
    fn cut(&self, ids: &[NodeId], victim: NodeId, (out, into): (bool, bool)) {
        for other in ids.iter().filter(|other| **other != victim) {
            self.ground.network.cut(victim, *other, out);
            self.ground.network.cut(*other, victim, into);
        }
    }

    async fn propose(&self, kind: Kind) -> Result<Reply, String> {
        let reached = self.client.reach().ok_or("nobody is up")?;
        let command = Command { kind: Some(kind), ..Command::default() };
        let change = Change { command, record: Bytes::new(), only_in_term: None };
        let answer = reached.ask(reached.groups.control(change)).await.ok_or("the node went down")?;
        self.client.history.line(&format!("by node {}: {answer:?}", reached.node.0));
        answer.map_err(|error| format!("by node {}: {error}", reached.node.0))
    }

    /// Another node joins, with no log.
    pub(crate) async fn join(&self) -> Result<NodeId, String> {
        let token = format!("t{}", self.chance.within(0, 1_000_000_000));
        let secret_hash = Bytes::from(vec![7; 32]);
        let create = CreateJoinToken {
            id: token.clone(),
            secret_hash: secret_hash.clone(),
            life_ms: 3_600_000,
            zone: String::new(),
        };
        let outcome = self.propose(Kind::CreateJoinToken(create)).await?.outcome;
        if !matches!(outcome, Outcome::Done(_)) {
            return Err(format!("there is no token: {outcome:?}"));
        }
        let admit = AdmitNode { token, secret_hash, zone: "a".to_owned(), facts: Some(facts("new")) };
        let outcome = self.propose(Kind::AdmitNode(admit)).await?.outcome;
        let Outcome::Done(done) = outcome else { return Err(format!("it was not admitted: {outcome:?}")) };
        let id = NodeId(done.uid.0);
        let off_ms = i64::try_from(self.chance.within(0, 400)).unwrap() - 200;
        let fast_ppm = i64::try_from(self.chance.within(0, 200)).unwrap() - 100;
        let clock = NodeClock::new(self.time, off_ms, fast_ppm);
        self.client.nodes.lock().push(Node::new(id, &self.ground, clock));
        self.start(id).await;
        Ok(id)
    }

    /// A node is to give up what it has, if the others are enough.
    async fn leave(&self, id: NodeId) {
        let change = ChangeNode { node: id.0, state: NodeState::Leaving.into() };
        let answer = self.propose(Kind::ChangeNode(change)).await;
        self.client.history.line(&format!("node {} leaves: {:?}", id.0, answer.map(|reply| reply.outcome)));
    }

    /// Everything is whole again.
    pub(crate) async fn heal(&self) {
        self.ground.network.set_weather(CALM);
        let ids = self.ids();
        for id in &ids {
            self.cut(&ids, *id, (false, false));
            self.with(*id, |node| {
                node.slowness.most_ms.store(0, Ordering::Release);
                node.clock.set_off(0);
            });
        }
        for id in ids {
            self.start(id).await;
        }
    }
}

/// What a node says of itself.
pub(crate) fn facts(name: &str) -> NodeFacts {
    NodeFacts {
        address: format!("{name}:6473"),
        api_address: format!("{name}:6470"),
        format: 1,
        ..NodeFacts::default()
    }
}

/// The groups of a simulation, the control group first.
pub(crate) fn groups(shards: &[GroupId]) -> Vec<GroupId> {
    [GroupId::CONTROL].into_iter().chain(shards.iter().copied()).collect()
}
