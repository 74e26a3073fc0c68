//! All groups of one node: started from their disks, formed once, watched, flushed, stopped; the port `Propose`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};

use bascule_model::ambient::{Clock, Pending, Spawn, TaskKind};
use bascule_model::time::Millis;
use bascule_model::uid::{GroupId, NodeId};
use bascule_statemachine::codec;
use bascule_statemachine::codec::control::Entry;
use bascule_statemachine::codec::shard::Command;
use bascule_statemachine::control;
use bascule_statemachine::control::reply::Reply as ControlReply;
use bascule_statemachine::overlay::Overlay;
use bascule_statemachine::ports::follow::Follow;
use bascule_statemachine::ports::log::Log;
use bascule_statemachine::ports::propose::{Change, Led, Propose, ProposeError};
use bascule_statemachine::ports::snapshots::Snapshots;
use bascule_statemachine::ports::tables::Tables;
use bascule_statemachine::ports::views::Views;
use bascule_statemachine::shard::{self, reply::Reply as ShardReply};

use crate::encode;
use crate::group::{Group, StartError, Timing};
use crate::limits::{
    CONTROL_OPEN_LIMIT_COMMANDS, ENTRY_LIMIT_BYTES, GROUP_WAITING_LIMIT_BYTES, UNFLUSHED_LIMIT_BYTES,
    UPKEEP_INTERVAL_MS,
};
use crate::logstore::LogStore;
use crate::machine::{Answer, GroupMachine, Machine};
use crate::machines::{ControlMachine, ShardMachine};
use crate::proposer::Handle;
use crate::raft::{Peer, Proposal};
use crate::stamp::Stamper;

/// Which groups run here, and as whom.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This node.
    pub node: NodeId,
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
}

struct Shard {
    group: Group<ShardMachine>,
    handle: Handle,
}

struct Control {
    group: Group<ControlMachine>,
    stamper: Mutex<Stamper>,
    open: Semaphore,
    unflushed_bytes: AtomicU64,
}

/// The running groups.
pub struct Groups {
    control: Control,
    shards: BTreeMap<GroupId, Shard>,
    tables: Arc<dyn Tables>,
    clock: Arc<dyn Clock>,
    stop: watch::Sender<bool>,
}

impl Groups {
    /// Starts, forms and leads every group of a node that is alone; what their logs hold is applied when this returns.
    ///
    /// # Errors
    /// [`StartError`] of the first group that does not start.
    pub async fn start(settings: &Settings, ports: Ports) -> Result<Arc<Self>, StartError> {
        let broken = |why: String| StartError::Stopped { group: GroupId::CONTROL, why };
        let (at, last) = {
            let rows = ports.tables.view(GroupId::CONTROL).map_err(|error| broken(error.to_string()))?;
            let state = control::state::all(&*rows).map_err(|error| broken(error.to_string()))?;
            let applied = ports.tables.applied(GroupId::CONTROL).map_err(|error| broken(error.to_string()))?;
            let index = if applied.log_id.is_empty() {
                0
            } else {
                encode::read_log_id(&applied.log_id).map_err(|error| broken(error.to_string()))?.index()
            };
            let index = control::index_of(&*rows, index).map_err(|error| broken(error.to_string()))?;
            let last = state.cluster.as_ref().map_or(Millis(0), |meta| Millis(meta.time_ms));
            ports.views.rebuild(index, state);
            (index, last)
        };
        let machine = ControlMachine::new(Arc::clone(&ports.views), at);
        let control = start(settings, &ports, GroupId::CONTROL, machine).await?;
        let node_waiting = Arc::new(AtomicUsize::new(0));
        let mut shards = BTreeMap::new();
        for id in &settings.shards {
            let machine = ShardMachine::new(*id, Arc::clone(&ports.follow));
            let group = start(settings, &ports, *id, machine).await?;
            let last = stamped(&*ports.tables, *id)?;
            let waiting = Arc::clone(&node_waiting);
            let (handle, proposer) = Handle::new(group.clone(), *id, waiting, Arc::clone(&ports.clock), last);
            ports.spawn.spawn(TaskKind::Proposer, Box::pin(proposer.run()));
            shards.insert(*id, Shard { group, handle });
        }
        control.led(settings.node, settings.start_limit).await?;
        for shard in shards.values() {
            shard.group.led(settings.node, settings.start_limit).await?;
            // Told only now: the rows are those that the log left, whatever a crash took.
            let watched = shard.group.clone().watch_lead(Arc::clone(&ports.follow));
            ports.spawn.spawn(TaskKind::Leading, Box::pin(watched));
        }
        let (stop, stopped) = watch::channel(false);
        let control = Control {
            group: control,
            stamper: Mutex::new(Stamper::after(last)),
            open: Semaphore::new(CONTROL_OPEN_LIMIT_COMMANDS),
            unflushed_bytes: AtomicU64::new(0),
        };
        let groups = Arc::new(Self { control, shards, tables: ports.tables, clock: ports.clock, stop });
        ports.spawn.spawn(TaskKind::Upkeep, Box::pin(upkeep(Arc::clone(&groups), stopped)));
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

    async fn change(&self, change: Change) -> Result<ControlReply, ProposeError> {
        let group = GroupId::CONTROL;
        let Ok(_permit) = self.control.open.try_acquire() else {
            return Err(ProposeError::Busy { group, waiting_bytes: 0, limit_bytes: GROUP_WAITING_LIMIT_BYTES });
        };
        let term = change.only_in_term.or_else(|| self.control.group.term()).unwrap_or_default();
        let time = self.control.stamper.lock().stamp(term, self.clock.wall(), self.clock.boot());
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
        let index = self.control.group.barrier().await?;
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
        Box::pin(self.change(change))
    }

    fn shard(
        &self,
        group: GroupId,
        only_in_term: Option<u64>,
        commands: Vec<Command>,
    ) -> Pending<'_, Result<Vec<ShardReply>, ProposeError>> {
        Box::pin(async move { self.shard_of(group)?.handle.propose(only_in_term, commands).await })
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
        Box::pin(self.control.group.barrier())
    }
}

async fn start<M: Machine>(
    settings: &Settings,
    ports: &Ports,
    id: GroupId,
    machine: M,
) -> Result<Group<M>, StartError> {
    let log = LogStore::new(Arc::clone(&ports.log), id);
    let (tables, snapshots) = (Arc::clone(&ports.tables), Arc::clone(&ports.snapshots));
    let machine = GroupMachine::new(tables, snapshots, Arc::clone(&ports.spawn), id, machine);
    let group = Group::start(id, settings.node, settings.timing, log, machine).await?;
    group.form(settings.node, settings.peer.clone()).await?;
    Ok(group)
}

/// What the group's rows say was stamped last.
fn stamped(tables: &dyn Tables, group: GroupId) -> Result<Millis, StartError> {
    let broken = |why: String| StartError::Stopped { group, why };
    let rows = tables.view(group).map_err(|error| broken(error.to_string()))?;
    let meta = shard::read::meta(&*rows).map_err(|error| broken(error.to_string()))?;
    Ok(Millis(meta.time_ms))
}

/// Flushes what has written much since its last flush, so that logs stay short.
async fn upkeep(groups: Arc<Groups>, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(UPKEEP_INTERVAL_MS));
    loop {
        tokio::select! {
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
