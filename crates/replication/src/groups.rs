//! All groups of one node: started from their disks, formed once, watched, flushed, stopped; the port `Propose`.
//!
//! In: proposals of the rooms here, and of peers for groups that are led here.
//! Out: answers, whoever leads; what peers ask of each group, handed to it.
//! Never: a proposal made twice that may have been written.

mod conductor;
mod elsewhere;
pub mod figures;
mod gate;
mod greetings;
mod lately;
mod overview;
mod reception;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};

use bascule_model::ambient::{Clock, Pending, Spawn, TaskKind};
use bascule_model::id::ClusterId;
use bascule_model::time::{BootMillis, Millis};
use bascule_model::uid::{GroupId, NodeId};
use bascule_statemachine::codec;
use bascule_statemachine::codec::control::Entry;
use bascule_statemachine::codec::shard::Command;
use bascule_statemachine::control;
use bascule_statemachine::control::reply::Reply as ControlReply;
use bascule_statemachine::overlay::Overlay;
use bascule_statemachine::ports::ask::Ask;
use bascule_statemachine::ports::follow::Follow;
use bascule_statemachine::ports::log::Log;
use bascule_statemachine::ports::propose::{Change, Led, Propose, ProposeError};
use bascule_statemachine::ports::snapshots::Snapshots;
use bascule_statemachine::ports::tables::Tables;
use bascule_statemachine::ports::views::Views;
use bascule_statemachine::shard::reply::Reply as ShardReply;

use crate::encode;
use crate::group::{Group, StartError, Timing};
use crate::groups::gate::{Gate, Gated};
use crate::groups::lately::Lately;
use crate::known::Known;
use crate::limits::{
    CONTROL_OPEN_LIMIT_COMMANDS, ENTRY_LIMIT_BYTES, GROUP_WAITING_LIMIT_BYTES, HEARD_LIMIT_MS, LEAD_HEARD_LIMIT_MS,
    UNFLUSHED_LIMIT_BYTES, UPKEEP_INTERVAL_MS,
};
use crate::logstore::LogStore;
use crate::machine::{Answer, GroupMachine, Machine};
use crate::machines::{ControlMachine, ShardMachine};
use crate::peers::Peers;
use crate::proposer::Handle;
use crate::raft::{Peer, Proposal};
use crate::rounds::Rounds;
use crate::tally::Tally;
use crate::time::{GroupTime, Heard, Times};

/// What a node says of itself when it greets another.
#[derive(Debug, Clone)]
pub struct Face {
    /// The cluster.
    pub cluster: ClusterId,
    /// Its build.
    pub build: &'static str,
    /// Where its peers find it; empty for a node that is alone.
    pub address: String,
}

/// How a node's groups came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Formation {
    /// By this node alone: a group without a log is formed of it.
    Founded,
    /// By others: a group without a log waits until its leader sends one.
    Joined,
}

/// Which groups run here, and as whom.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This node.
    pub node: NodeId,
    /// What it says of itself.
    pub face: Face,
    /// How the groups came to be.
    pub formation: Formation,
    /// Where its peers find it.
    pub peer: Peer,
    /// Timing of every group.
    pub timing: Timing,
    /// The shard groups, ascending.
    pub shards: Vec<GroupId>,
    /// How long a group may take to be led when it starts.
    pub start_limit: Duration,
}

/// What the groups stand on and speak to.
#[derive(Clone)]
pub struct Ports {
    /// Their logs.
    pub log: Arc<dyn Log>,
    /// Their rows.
    pub tables: Arc<dyn Tables>,
    /// Their rows as a whole.
    pub snapshots: Arc<dyn Snapshots>,
    /// Tasks.
    pub spawn: Arc<dyn Spawn>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Told of the control group's changes.
    pub views: Arc<dyn Views>,
    /// Told of the shard groups' leads and effects.
    pub follow: Arc<dyn Follow>,
    /// The other nodes.
    pub peers: Arc<dyn Peers>,
}

struct Shard {
    group: Group<ShardMachine>,
    handle: Handle,
    heard: Arc<Lately>,
}

struct Control {
    group: Group<ControlMachine>,
    time: Arc<GroupTime>,
    heard: Arc<Lately>,
    open: Semaphore,
    unflushed_bytes: AtomicU64,
}

/// The running groups.
pub struct Groups {
    node: NodeId,
    /// A leader that was not heard for so long is not asked for anything.
    silence_limit_ms: u64,
    started: BootMillis,
    face: Face,
    /// When this process began, by the wall clock.
    began_ms: u64,
    known: Known,
    gate: Arc<Gate>,
    times: Arc<Times>,
    control: Control,
    shards: BTreeMap<GroupId, Shard>,
    tables: Arc<dyn Tables>,
    clock: Arc<dyn Clock>,
    peers: Arc<dyn Peers>,
    rounds: Rounds,
    /// When the conductor last offered a group's lead to another.
    handed: Mutex<BTreeMap<GroupId, BootMillis>>,
    /// Answers peers' questions about groups that are led here; set once the rooms stand.
    desk: OnceLock<Arc<dyn Ask>>,
    stop: watch::Sender<bool>,
}

/// The same, with a gate before the peers through which nobody passes yet.
fn gated(ports: Ports) -> (Arc<Gate>, Ports) {
    let gate = Arc::new(Gate::default());
    let peers = Gated { gate: Arc::clone(&gate), peers: Arc::clone(&ports.peers) };
    (gate, Ports { peers: Arc::new(peers), ..ports })
}

impl Groups {
    /// Starts every group of this node. One in which it votes alone is led, and what its log holds applied, when this returns;
    /// the others go on as their leaders let them.
    ///
    /// # Errors
    /// [`StartError`] of the first group that does not start.
    pub async fn start(settings: &Settings, ports: Ports) -> Result<Arc<Self>, StartError> {
        let broken = |why: String| StartError::Stopped { group: GroupId::CONTROL, why };
        let at = {
            let rows = ports.tables.view(GroupId::CONTROL).map_err(|error| broken(error.to_string()))?;
            let state = control::state::all(&*rows).map_err(|error| broken(error.to_string()))?;
            let applied = ports.tables.applied(GroupId::CONTROL).map_err(|error| broken(error.to_string()))?;
            let index = if applied.log_id.is_empty() {
                0
            } else {
                encode::read_log_id(&applied.log_id).map_err(|error| broken(error.to_string()))?.index()
            };
            let index = control::index_of(&*rows, index).map_err(|error| broken(error.to_string()))?;
            ports.views.rebuild(index, state);
            index
        };
        let times = Times::new(Arc::clone(&ports.clock), Arc::clone(&ports.tables));
        let (gate, ports) = gated(ports);
        let machine = ControlMachine::new(Arc::clone(&ports.views), at);
        let control = start(settings, &ports, GroupId::CONTROL, machine).await?;
        let node_waiting = Arc::new(AtomicUsize::new(0));
        let mut shards = BTreeMap::new();
        for id in &settings.shards {
            let machine = ShardMachine::new(*id, Arc::clone(&ports.follow));
            let group = start(settings, &ports, *id, machine).await?;
            let time = GroupTime::new(*id, Arc::clone(&times));
            let (handle, proposer) = Handle::new(group.clone(), *id, Arc::clone(&node_waiting), time);
            ports.spawn.spawn(TaskKind::Proposer, Box::pin(proposer.run()));
            shards.insert(*id, Shard { group, handle, heard: Arc::default() });
        }
        if alone(&control, settings).await? {
            times.heard(Heard::Alone);
        }
        for shard in shards.values() {
            alone(&shard.group, settings).await?;
            // A lead is told once an entry of its term is applied: the rows are those that the log left, whatever a crash took.
            let watched = shard.group.clone().watch_lead(Arc::clone(&ports.follow));
            ports.spawn.spawn(TaskKind::Leading, Box::pin(watched));
        }
        let (stop, stopped) = watch::channel(false);
        let control = Control {
            group: control,
            time: GroupTime::new(GroupId::CONTROL, Arc::clone(&times)),
            heard: Arc::default(),
            open: Semaphore::new(CONTROL_OPEN_LIMIT_COMMANDS),
            unflushed_bytes: AtomicU64::new(0),
        };
        let groups = Arc::new(Self {
            node: settings.node,
            silence_limit_ms: settings.timing.election_min_ms,
            started: ports.clock.boot(),
            face: settings.face.clone(),
            began_ms: ports.clock.wall().0,
            known: Known::default(),
            gate,
            times,
            control,
            shards,
            tables: ports.tables,
            clock: ports.clock,
            peers: ports.peers,
            rounds: Rounds::default(),
            handed: Mutex::default(),
            desk: OnceLock::new(),
            stop,
        });
        ports.spawn.spawn(TaskKind::Upkeep, Box::pin(upkeep(Arc::clone(&groups), stopped.clone())));
        ports.spawn.spawn(TaskKind::Membership, Box::pin(greetings::run(Arc::clone(&groups), stopped.clone())));
        ports.spawn.spawn(TaskKind::Upkeep, Box::pin(conductor::run(Arc::clone(&groups), stopped)));
        Ok(groups)
    }

    /// Flushes all rows and stops all groups; what is committed stays in their logs.
    pub async fn stop(&self) {
        let _ = self.stop.send(true);
        // A flush now makes the next start short; what fails stays in the log.
        let _ = self.control.group.snapshot().await;
        for shard in self.shards.values() {
            let _ = shard.group.snapshot().await;
        }
        self.control.group.stop().await;
        for shard in self.shards.values() {
            shard.group.stop().await;
        }
    }

    fn shard_of(&self, group: GroupId) -> Result<&Shard, ProposeError> {
        self.shards.get(&group).ok_or(ProposeError::NotLeading { group, leader: None })
    }

    /// This node.
    #[must_use]
    pub const fn node(&self) -> NodeId {
        self.node
    }

    /// Where a node said that its peers find it.
    #[must_use]
    pub fn address(&self, node: NodeId) -> Option<String> {
        self.known.address(node)
    }

    /// Where the control group's log says that a node is: as old as the node's joining.
    #[must_use]
    pub fn address_in_log(&self, node: NodeId) -> Option<String> {
        self.control.group.address(node)
    }

    /// Whether the control group has a leader that this node knows.
    #[must_use]
    pub fn control_leader(&self) -> Option<NodeId> {
        self.control.group.leader()
    }

    /// The way to the others.
    pub(crate) fn peers(&self) -> &dyn Peers {
        &*self.peers
    }

    /// The boot clock.
    pub(crate) fn boot(&self) -> BootMillis {
        self.clock.boot()
    }

    /// Who leads a shard group, as far as is known here.
    pub(crate) fn shard_leader(&self, group: GroupId) -> Option<NodeId> {
        let shard = self.shards.get(&group)?;
        self.led_by(group, &shard.group, &shard.heard)
    }

    /// The other nodes that lead a shard group.
    pub(crate) fn leaders(&self) -> BTreeSet<NodeId> {
        let leaders = self.shards.iter().filter_map(|(id, shard)| self.led_by(*id, &shard.group, &shard.heard));
        leaders.filter(|leader| *leader != self.node).collect()
    }

    /// Who answers peers' questions about groups that are led here. Until then they are told that nobody leads.
    pub fn introduce(&self, desk: Arc<dyn Ask>) {
        // A second one would be a second house over the same groups, which nobody builds.
        let _ = self.desk.set(desk);
    }

    /// Who leads a group, if it is this node, or another that was heard of late: one that is cut off or paused takes what is sent to it and
    /// answers nobody, and what became of that is not known.
    fn led_by<M: Machine>(&self, id: GroupId, group: &Group<M>, heard: &Lately) -> Option<NodeId> {
        let now = self.clock.boot();
        let is_here = |leader: &NodeId| *leader == self.node || heard.within(now, self.silence_limit_ms);
        if let Some(leader) = group.leader().filter(is_here) {
            return Some(leader);
        }
        // Whoever has a replica hears its leader itself, and knows of an election what no greeting says yet. One that has
        // heard nothing for long, and not because it has just started, was perhaps let go without a word.
        let is_left = now.since(self.started) > HEARD_LIMIT_MS && !heard.within(now, HEARD_LIMIT_MS);
        if group.takes_part(self.node) && !is_left {
            return None;
        }
        self.known.leader(id, now, LEAD_HEARD_LIMIT_MS).filter(|leader| *leader != self.node)
    }

    /// Proposes a change to the control group, which this node must lead.
    async fn change_here(&self, change: Change) -> Result<ControlReply, ProposeError> {
        let group = GroupId::CONTROL;
        let Ok(_permit) = self.control.open.try_acquire() else {
            return Err(ProposeError::Busy { group, waiting_bytes: 0, limit_bytes: GROUP_WAITING_LIMIT_BYTES });
        };
        let term = change.only_in_term.or_else(|| self.control.group.term()).unwrap_or_default();
        let time = self.control.time.now(term);
        let entry = Entry {
            time_ms: time.0,
            only_in_term: change.only_in_term.unwrap_or_default(),
            command: Some(change.command),
            record: change.record,
        };
        let bytes = codec::encode(&entry);
        if bytes.len() > ENTRY_LIMIT_BYTES {
            return Err(ProposeError::TooLarge { group, bytes: bytes.len(), limit_bytes: ENTRY_LIMIT_BYTES });
        }
        self.control.unflushed_bytes.fetch_add(bytes.len() as u64, Ordering::AcqRel);
        let proposal = Proposal { bytes, clear: false };
        match self.control.group.propose(proposal, change.only_in_term).await? {
            (_, Answer::Control(reply)) => Ok(reply),
            _ => Err(ProposeError::Unknown { group, why: "the machine gave no answer".to_owned() }),
        }
    }
}

impl Groups {
    async fn try_out(&self, change: Change) -> Result<ControlReply, ProposeError> {
        let group = GroupId::CONTROL;
        let broken = |why: String| ProposeError::Unknown { group, why };
        let index = self.barrier().await?;
        let rows = self.tables.view(group).map_err(|error| broken(error.to_string()))?;
        let place = control::Place { index: index + 1, term: self.control.group.term().unwrap_or_default() };
        let time_ms = self.clock.wall().0;
        let entry = Entry { time_ms, only_in_term: 0, command: Some(change.command), record: change.record };
        // Dropped with everything that was put into it.
        let mut overlay = Overlay::over(&*rows);
        let applied = control::apply(&mut overlay, place, &entry).map_err(|error| broken(error.to_string()))?;
        Ok(applied.0)
    }
}

impl Propose for Groups {
    fn rehearse(&self, change: Change) -> Pending<'_, Result<ControlReply, ProposeError>> {
        Box::pin(self.try_out(change))
    }

    fn control(&self, change: Change) -> Pending<'_, Result<ControlReply, ProposeError>> {
        Box::pin(self.change_anywhere(change))
    }

    fn shard(
        &self,
        group: GroupId,
        only_in_term: Option<u64>,
        commands: Vec<Command>,
    ) -> Pending<'_, Result<Vec<ShardReply>, ProposeError>> {
        Box::pin(self.commands_anywhere(group, only_in_term, commands))
    }

    fn led(&self) -> Vec<Led> {
        let led = self.shards.iter().filter_map(|(id, shard)| {
            let waiting_bytes = shard.handle.waiting_bytes();
            let term = shard.group.term()?;
            Some(Led { group: *id, term, waiting_bytes, limit_bytes: GROUP_WAITING_LIMIT_BYTES })
        });
        led.collect()
    }

    fn control_term(&self) -> Option<u64> {
        self.control.group.term()
    }

    fn control_barrier(&self) -> Pending<'_, Result<u64, ProposeError>> {
        Box::pin(self.barrier())
    }

    fn elsewhere(&self) -> Vec<GroupId> {
        let away =
            |id, shard: &Shard| self.led_by(id, &shard.group, &shard.heard).is_some_and(|leader| leader != self.node);
        self.shards.iter().filter(|(id, shard)| away(**id, shard)).map(|(id, _)| *id).collect()
    }

    fn holds(&self, group: GroupId, term: u64) -> bool {
        self.shards.get(&group).and_then(|shard| shard.group.holds()) == Some(term)
    }

    fn time(&self, group: GroupId, term: u64) -> Millis {
        // A group that does not run here has no time that anything could be due by.
        let shard = |shard: &Shard| shard.handle.time(term);
        if group == GroupId::CONTROL {
            self.control.time.now(term)
        } else {
            self.shards.get(&group).map_or(Millis(0), shard)
        }
    }
}

/// Waits for a group that this node forms by itself, if it does; there is nobody else who could lead it.
async fn alone<M: Machine>(group: &Group<M>, settings: &Settings) -> Result<bool, StartError> {
    let alone = group.members().is_alone(settings.node);
    if alone {
        group.led(settings.node, settings.start_limit).await?;
    }
    Ok(alone)
}

async fn start<M: Machine>(
    settings: &Settings,
    ports: &Ports,
    id: GroupId,
    machine: M,
) -> Result<Group<M>, StartError> {
    let tally = Arc::new(Tally::default());
    let log = LogStore::new(Arc::clone(&ports.log), id).counting(settings.node, Arc::clone(&tally));
    let (tables, snapshots) = (Arc::clone(&ports.tables), Arc::clone(&ports.snapshots));
    let machine = GroupMachine::new(tables, snapshots, Arc::clone(&ports.spawn), id, machine);
    let machine = machine.counting(Arc::clone(&tally));
    let peers = Arc::clone(&ports.peers);
    let group = Group::start(id, settings.node, settings.timing, log, machine, peers).await?.counted_by(tally);
    if settings.formation == Formation::Founded {
        group.form(settings.node, settings.peer.clone()).await?;
    }
    Ok(group)
}

/// Flushes what has written much since its last flush, so that logs stay short.
async fn upkeep(groups: Arc<Groups>, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(UPKEEP_INTERVAL_MS));
    loop {
        tokio::select! {
            biased;
            _ = ticks.tick() => {}
            _ = stopped.changed() => return,
        }
        let control = &groups.control;
        if control.unflushed_bytes.load(Ordering::Acquire) > UNFLUSHED_LIMIT_BYTES {
            control.unflushed_bytes.store(0, Ordering::Release);
            // Only a group that has stopped refuses, and that is told elsewhere.
            let _ = control.group.snapshot().await;
        }
        for shard in groups.shards.values() {
            if shard.handle.take_unflushed(UNFLUSHED_LIMIT_BYTES) > 0 {
                let _ = shard.group.snapshot().await;
            }
        }
    }
}
