//! Clients: they change and read queues by name, put events, and take messages out of a queue, over whichever node they reach.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;

use bascule_model::fault::Fault;
use bascule_model::uid::{GroupId, NodeId};
use bascule_replication::groups::Groups;
use bascule_statemachine::codec::control::{Command, Kind, Named, Queue};
use bascule_statemachine::codec::shard::{self, Append, Direct, Event, Receive, Settle, Settlement, Stamp, Token};
use bascule_statemachine::control::reply::Outcome;
use bascule_statemachine::control::state;
use bascule_statemachine::ports::propose::{Change, Propose, ProposeError};
use bascule_statemachine::ports::tables::Tables;
use bascule_statemachine::shard::reply::{Reply, Settled};

use super::chance::Chance;
use super::follower::targets_of;
use super::history::{Acked, Call, History, Put, Seen, Told, Wish};
use super::node::Node;
use super::plants::Plant;
use super::rows::NodeRows;

/// The queue that direct targets lead to.
pub(crate) const QUEUE: u64 = 50;
const NAMES: u64 = 4;

/// The nodes of a simulation, as clients and the nemesis find them.
pub(crate) type Nodes = Arc<Mutex<Vec<Node>>>;

/// What every client has.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) number: u64,
    pub(crate) nodes: Nodes,
    pub(crate) chance: Chance,
    pub(crate) history: History,
    pub(crate) shards: Vec<GroupId>,
    pub(crate) plant: Plant,
    pub(crate) over: Arc<AtomicBool>,
}

/// A node that answers, and what tells that it went down.
pub(crate) struct Reached {
    pub(crate) node: NodeId,
    pub(crate) groups: Arc<Groups>,
    pub(crate) rows: NodeRows,
    gone: Arc<tokio::sync::Notify>,
}

impl Reached {
    /// The answer, or `None` if the node goes down before.
    pub(crate) async fn ask<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let gone = self.gone.notified();
        tokio::select! {
            biased;
            () = gone => None,
            answer = work => Some(answer),
        }
    }
}

fn unknown(group: GroupId) -> ProposeError {
    ProposeError::Unknown { group, why: "the node went down".to_owned() }
}

impl Client {
    /// Some node that runs.
    pub(crate) fn reach(&self) -> Option<Reached> {
        let nodes = self.nodes.lock();
        let up: Vec<&Node> = nodes.iter().filter(|node| node.running.is_some()).collect();
        let at = usize::try_from(self.chance.within(0, up.len().max(1) as u64)).unwrap();
        let node = up.get(at)?;
        let running = node.running.as_ref()?;
        Some(Reached {
            node: node.id,
            groups: Arc::clone(&running.groups),
            rows: running.rows.clone(),
            gone: Arc::clone(&running.gone),
        })
    }

    async fn wait(&self, from_ms: u64, to_ms: u64) {
        tokio::time::sleep(Duration::from_millis(self.chance.within(from_ms, to_ms))).await;
    }

    /// Creates, deletes and reads queues, `count` times.
    pub(crate) async fn govern(self, count: usize) {
        for number in 0..count {
            self.wait(20, 600).await;
            let name = self.chance.within(0, NAMES);
            let wish = match self.chance.within(0, 10) {
                0..4 => Wish::Create(self.chance.within(1, 3)),
                4..7 => Wish::Delete,
                _ => Wish::Read,
            };
            let began = self.history.place();
            let (node, told) = match wish {
                Wish::Read => self.read(name).await,
                _ => self.change(name, wish, &format!("{}-{number}", self.number)).await,
            };
            let ended = self.history.place();
            self.history.call(Call { node, name, wish, began, ended, told });
        }
    }

    /// One change; whoever does not know how it went asks again by the same request id, now and then.
    async fn change(&self, name: u64, wish: Wish, request: &str) -> (NodeId, Told) {
        let name = format!("q{name}");
        let kind = match wish {
            Wish::Create(setting) => Kind::CreateQueue(Queue {
                name,
                visibility_ms: setting * 1_000,
                retention_ms: 60_000,
                ..Queue::default()
            }),
            _ => Kind::DeleteQueue(Named { name }),
        };
        let command = Command { request_id: request.to_owned(), kind: Some(kind), ..Command::default() };
        let mut last = (NodeId(0), Told::Nothing);
        for _ in 0..self.chance.within(1, 5) {
            let Some(reached) = self.reach() else { break };
            let change = Change { command: command.clone(), record: Bytes::new(), only_in_term: None };
            let answer = reached.ask(reached.groups.control(change)).await.unwrap_or(Err(unknown(GroupId::CONTROL)));
            let told = match answer {
                Ok(reply) => match reply.outcome {
                    Outcome::Done(done) => Told::Done(done.uid.0),
                    Outcome::Refused(Fault::AlreadyExists { .. }) => Told::Exists,
                    Outcome::Refused(Fault::NotFound { .. }) => Told::Missing,
                    Outcome::Refused(_) | Outcome::Dropped => Told::Nothing,
                },
                // An earlier try may still have been written.
                Err(error) if error.nothing_written() && last.1 == Told::Nothing => Told::Nothing,
                Err(_) => Told::Unknown,
            };
            last = (reached.node, told);
            if !matches!(told, Told::Unknown | Told::Nothing) {
                break;
            }
            self.wait(10, 400).await;
        }
        last
    }

    async fn read(&self, name: u64) -> (NodeId, Told) {
        let Some(reached) = self.reach() else { return (NodeId(0), Told::Nothing) };
        if self.plant != Plant::StaleRead {
            let barrier = reached.ask(reached.groups.control_barrier()).await;
            if !matches!(barrier, Some(Ok(_))) {
                return (reached.node, Told::Nothing);
            }
        }
        let Ok(rows) = reached.rows.view(GroupId::CONTROL) else { return (reached.node, Told::Nothing) };
        let state = state::all(&*rows).unwrap();
        let name = format!("q{name}");
        let found = state.queues.values().find(|row| row.queue.as_ref().is_some_and(|queue| queue.name == name));
        let told = found.map_or(Told::Missing, |row| {
            Told::Found(row.uid, row.queue.as_ref().map_or(0, |queue| queue.visibility_ms / 1_000))
        });
        (reached.node, told)
    }

    /// Puts events, `count` times.
    pub(crate) async fn produce(self, count: usize) {
        for _ in 0..count {
            self.wait(10, 500).await;
            let rules = [&[10][..], &[20], &[10, 20], &[]][usize::try_from(self.chance.within(0, 4)).unwrap()];
            let queued = rules.is_empty() || self.chance.per_mille(300);
            let (event, keyed) = (self.chance.bytes(), self.chance.per_mille(400));
            let began = self.history.place();
            let command = append(event, rules, queued, keyed);
            let acked = if keyed { self.put_keyed(event, command).await } else { self.put_once(command).await };
            let (targets, ended) = (targets_of(rules), self.history.place());
            self.history.put(Put { event, targets, queued, keyed, began, ended, acked });
        }
    }

    /// Without a token: tried again only if it is certain that nothing was written.
    async fn put_once(&self, command: shard::Command) -> Acked {
        for _ in 0..8 {
            let Some(reached) = self.reach() else { break };
            let led = reached.groups.led().into_iter().map(|led| led.group);
            let groups: Vec<GroupId> = led.chain(reached.groups.elsewhere()).collect();
            if !groups.is_empty() {
                let group = self.chance.pick(&groups);
                let put = reached.groups.shard(group, None, vec![command.clone()]);
                match reached.ask(put).await.unwrap_or(Err(unknown(group))) {
                    Ok(replies) => return acked(group, &replies),
                    Err(error) if error.nothing_written() => {}
                    Err(_) => return Acked::Unknown,
                }
            }
            self.wait(20, 300).await;
        }
        Acked::No
    }

    /// With a token: tried again whatever became of it, always in the same group.
    async fn put_keyed(&self, event: [u8; 16], command: shard::Command) -> Acked {
        let group = self.shards[usize::from(event[0]) % self.shards.len()];
        let mut worst = Acked::No;
        for _ in 0..12 {
            if let Some(reached) = self.reach() {
                let put = reached.groups.shard(group, None, vec![command.clone()]);
                match reached.ask(put).await.unwrap_or(Err(unknown(group))) {
                    Ok(replies) => return acked(group, &replies),
                    Err(error) if error.nothing_written() => {}
                    Err(_) => worst = Acked::Unknown,
                }
            }
            self.wait(20, 500).await;
        }
        worst
    }

    /// Takes messages out of the queue until the simulation is over and nothing is left.
    pub(crate) async fn consume(self) {
        while !self.over.load(Ordering::Acquire) {
            self.wait(50, 700).await;
            let group = self.chance.pick(&self.shards);
            let Some(reached) = self.reach() else { continue };
            let began = self.history.place();
            let receive = Receive { queue: QUEUE, limit: 3, visibility_ms: 3_000, redrive: None };
            let command = shard::Command { kind: Some(shard::Kind::Receive(receive)) };
            let answer = reached.ask(reached.groups.shard(group, None, vec![command])).await;
            let Some(Ok(replies)) = answer else { continue };
            let [Reply::Received(messages)] = replies.as_slice() else { continue };
            for message in messages {
                let event = message.row.event_id.as_ref().try_into().unwrap();
                self.history.see(event, Seen::Received(began));
                if self.chance.per_mille(150) {
                    continue;
                }
                let settlement = Settlement { receipt: Some(message.receipt), visible_in_ms: None, unseen: false };
                let settle = shard::Kind::Settle(Settle { settlements: vec![settlement] });
                let command = shard::Command { kind: Some(settle) };
                let answer = reached.ask(reached.groups.shard(group, None, vec![command])).await;
                if let Some(Ok(replies)) = answer
                    && let [Reply::Settled(settled)] = replies.as_slice()
                    && settled[0] == Settled::Deleted
                {
                    self.history.see(event, Seen::Deleted(self.history.place()));
                }
            }
        }
    }
}

fn acked(group: GroupId, replies: &[Reply]) -> Acked {
    match replies {
        [Reply::Appended(sequences)] => Acked::Yes(group, sequences.first().map_or(0, |sequence| sequence.0)),
        [Reply::Repeated(_)] => Acked::Yes(group, 0),
        other => panic!("a put was answered {other:?}"),
    }
}

fn append(event: [u8; 16], rules: &[u64], queued: bool, keyed: bool) -> shard::Command {
    let id = Bytes::copy_from_slice(&event);
    let direct = queued.then_some(Direct { target: 31, queue: QUEUE, rule: 30 }).into_iter().collect();
    let rules: BTreeSet<u64> = rules.iter().copied().collect();
    let stamp = Stamp { control_index: 1, rules: rules.into_iter().collect(), direct, hops: 0 };
    let token = keyed.then(|| Token {
        bus: 5,
        mac: id.clone(),
        content: id.clone(),
        event_id: id.clone(),
        kept_ms: 3_600_000,
        replaces: Bytes::new(),
    });
    let event = Event {
        event_id: id.clone(),
        arrival_id: id,
        bus: 5,
        stamp: Some(stamp),
        frame: Bytes::from_static(b"sealed"),
    };
    shard::Command { kind: Some(shard::Kind::Append(Append { events: vec![event], token })) }
}
