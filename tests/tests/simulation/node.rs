//! One node: production groups on a simulated disk and network, started, crashed and started again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use bascule_model::ambient::{Clock, Pending, Spawn, TaskKind};
use bascule_model::id::ClusterId;
use bascule_model::uid::{ControlIndex, GroupId, NodeId};
use bascule_replication::group::Timing;
use bascule_replication::groups::{Face, Formation, Groups, Ports, Settings};
use bascule_replication::raft::Peer;
use bascule_statemachine::control::state;
use bascule_statemachine::ports::follow::Follow;
use bascule_statemachine::ports::log::Log;
use bascule_statemachine::ports::snapshots::Snapshots;
use bascule_statemachine::ports::tables::Tables;
use bascule_statemachine::ports::views::Views;
use bascule_statemachine::shard::reply::Effect;
use bascule_storage::raftlog::{Logs, Options, Sync};

use super::chance::Chance;
use super::clock::{NodeClock, Standing, Time};
use super::disk::{Clear, NodeDisk};
use super::follower::{self, Receiver};
use super::log::{SlowLogs, Slowness};
use super::network::Network;
use super::plants::Plant;
use super::rows::{Copies, NodeRows};

pub(crate) const CLUSTER: ClusterId = ClusterId([9; 16]);

/// What every node of a simulation stands on.
#[derive(Clone)]
pub(crate) struct Ground {
    pub(crate) time: Time,
    pub(crate) chance: Chance,
    pub(crate) network: Network,
    pub(crate) copies: Copies,
    pub(crate) receiver: Receiver,
    pub(crate) shards: Vec<GroupId>,
    pub(crate) plant: Plant,
    pub(crate) leads: Arc<Leads>,
}

/// Who said to lead what in which term.
#[derive(Default)]
pub(crate) struct Leads {
    of: Mutex<BTreeMap<(GroupId, u64), NodeId>>,
    twice: Mutex<Vec<String>>,
}

impl Leads {
    fn note(&self, group: GroupId, term: u64, node: NodeId) {
        let first = *self.of.lock().entry((group, term)).or_insert(node);
        if first != node {
            self.twice.lock().push(format!("nodes {} and {} led {group} in term {term}", first.0, node.0));
        }
    }

    /// Terms with two leaders, in words.
    pub(crate) fn twice(&self) -> Vec<String> {
        self.twice.lock().clone()
    }
}

/// A node that runs.
pub(crate) struct Running {
    pub(crate) groups: Arc<Groups>,
    pub(crate) rows: NodeRows,
    pub(crate) up: Arc<AtomicBool>,
    /// Told when it crashes.
    pub(crate) gone: Arc<Notify>,
    disk: NodeDisk,
    tasks: Arc<Tasks>,
}

/// A node's tasks, which a crash ends.
#[derive(Default)]
pub(crate) struct Tasks(Mutex<Vec<tokio::task::AbortHandle>>);

impl Spawn for Tasks {
    fn spawn(&self, _: TaskKind, work: Pending<'static, ()>) {
        let mut tasks = self.0.lock();
        tasks.retain(|task| !task.is_finished());
        tasks.push(tokio::spawn(work).abort_handle());
    }

    /// Ends at once, and is waited for: the logs sync in step.
    fn block(&self, _: TaskKind, work: Box<dyn FnOnce() + Send>) {
        std::thread::spawn(work).join().unwrap();
    }
}

struct NoView;

impl Views for NoView {
    fn rebuild(&self, _: ControlIndex, _: state::State) {}
    fn applied(&self, _: ControlIndex, _: Vec<state::Effect>) {}
}

/// Starts a follower for each lead of a group.
struct Following {
    node: NodeId,
    ground: Ground,
    up: Arc<AtomicBool>,
    now: Arc<follower::Leading>,
    tasks: Arc<Tasks>,
    begin: Mutex<Option<follower::Begin>>,
}

impl Follow for Following {
    fn leading(&self, group: GroupId, term: u64) {
        if !self.up.load(Ordering::Acquire) {
            return;
        }
        self.ground.leads.note(group, term, self.node);
        self.now.begins(group, term);
        if let Some(begin) = &*self.begin.lock() {
            self.tasks.spawn(TaskKind::Leading, Box::pin(follower::run(begin.clone(), group, term)));
        }
    }

    fn stopped(&self, group: GroupId) {
        self.now.ends(group);
    }

    fn applied(&self, group: GroupId, _: u64, effects: Vec<Effect>) {
        self.now.hears(group, &effects);
    }
}

/// A place where a node runs or does not.
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) clock: NodeClock,
    pub(crate) slowness: Arc<Slowness>,
    ground: Ground,
    chance: Chance,
    disk: NodeDisk,
    left: NodeRows,
    pub(crate) running: Option<Running>,
}

pub(crate) const TIMING: Timing = Timing { heartbeat_ms: 150, election_min_ms: 500, election_max_ms: 900 };

impl Node {
    pub(crate) fn new(id: NodeId, ground: &Ground, clock: NodeClock) -> Self {
        let up = Arc::new(AtomicBool::new(false));
        Self {
            id,
            clock,
            slowness: Arc::default(),
            ground: ground.clone(),
            chance: ground.chance.fork(),
            disk: NodeDisk::default(),
            left: NodeRows::new(Arc::clone(&ground.copies), up, ground.plant),
            running: None,
        }
    }

    /// Starts it over what its disk holds.
    pub(crate) async fn start(&mut self, formation: Formation) -> Result<(), String> {
        let up = Arc::new(AtomicBool::new(true));
        let rows = self.left.crash(Arc::clone(&up));
        let tasks = Arc::new(Tasks::default());
        let options = Options {
            disk: Arc::new(self.disk.clone()),
            marker: self.disk.marker(),
            seal: Arc::new(Clear),
            clock: Arc::new(Standing),
            accept_loss: false,
            sync: Sync::InStep,
            meter: None,
        };
        let logs = Logs::open(options, &*tasks).map_err(|error| error.to_string())?;
        let plant = self.ground.plant;
        let chance = (self.chance.fork(), self.ground.time);
        let log = SlowLogs::new(logs, self.disk.clone(), chance, Arc::clone(&self.slowness), Arc::clone(&up), plant);
        let now = Arc::new(follower::Leading::default());
        let follow = Arc::new(Following {
            node: self.id,
            ground: self.ground.clone(),
            up: Arc::clone(&up),
            now: Arc::clone(&now),
            tasks: Arc::clone(&tasks),
            begin: Mutex::default(),
        });
        let ports = Ports {
            log: Arc::new(log) as Arc<dyn Log>,
            tables: Arc::new(rows.clone()) as Arc<dyn Tables>,
            snapshots: Arc::new(rows.clone()) as Arc<dyn Snapshots>,
            spawn: Arc::clone(&tasks) as Arc<dyn Spawn>,
            clock: Arc::new(self.clock.clone()) as Arc<dyn Clock>,
            views: Arc::new(NoView),
            follow: Arc::clone(&follow) as Arc<dyn Follow>,
            peers: self.ground.network.end(self.id),
        };
        let groups = Groups::start(&self.settings(formation), ports).await.map_err(|error| error.to_string())?;
        let begin = follower::Begin {
            node: self.id,
            groups: Arc::clone(&groups),
            rows: rows.clone(),
            clock: self.clock.clone(),
            chance: self.chance.fork(),
            receiver: self.ground.receiver.clone(),
            now: Arc::clone(&now),
        };
        *follow.begin.lock() = Some(begin.clone());
        for (group, term) in now.all() {
            tasks.spawn(TaskKind::Leading, Box::pin(follower::run(begin.clone(), group, term)));
        }
        self.ground.network.plug_in(self.id, Arc::clone(&groups));
        let gone = Arc::new(Notify::new());
        self.running = Some(Running { groups, rows, up, gone, disk: self.disk.clone(), tasks });
        Ok(())
    }

    fn settings(&self, formation: Formation) -> Settings {
        let address = format!("n{}:6473", self.id.0);
        Settings {
            node: self.id,
            face: Face { cluster: CLUSTER, build: "simulated", address: address.clone() },
            formation,
            peer: Peer { address, zone: "a".to_owned() },
            timing: TIMING,
            shards: self.ground.shards.clone(),
            start_limit: Duration::from_secs(20),
        }
    }

    /// The power goes.
    pub(crate) fn crash(&mut self) {
        let Some(running) = self.running.take() else { return };
        running.up.store(false, Ordering::Release);
        self.ground.network.unplug(self.id);
        self.disk = running.disk.crash(&self.chance);
        self.left = running.rows;
        for task in running.tasks.0.lock().drain(..) {
            task.abort();
        }
        running.gone.notify_waiters();
        let groups = running.groups;
        // What is left of it has neither disk nor network, and ends by itself.
        tokio::spawn(async move { groups.stop().await });
    }
}
