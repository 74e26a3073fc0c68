//! The port `Log` over storage's own logs: each sync takes as long as the disk of its node takes, and its end may never come.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc as threads;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use bascule_model::uid::GroupId;
use bascule_statemachine::ports::log::{Log, LogError, Record, State, Synced};
use bascule_storage::raftlog::Logs;

use super::chance::Chance;
use super::clock::Time;
use super::disk::NodeDisk;
use super::plants::Plant;

/// Syncs on their way at once.
const OPEN_LIMIT_SYNCS: usize = 4_096;

/// How slow a node's disk is, which the nemesis changes.
#[derive(Default)]
pub(crate) struct Slowness {
    /// A sync takes up to this, milliseconds.
    pub(crate) most_ms: AtomicU64,
    /// No sync ends before that time of the simulation: the node stands still.
    pub(crate) still_until_ms: AtomicU64,
}

struct Sync {
    number: u64,
    at: tokio::time::Instant,
    result: Result<(), LogError>,
    synced: Synced,
}

/// Storage's logs on a simulated disk.
pub(crate) struct SlowLogs {
    logs: Logs,
    disk: NodeDisk,
    chance: Chance,
    time: Time,
    slowness: Arc<Slowness>,
    up: Arc<AtomicBool>,
    plant: Plant,
    /// For the planted loss: the groups that voted since the start. Of the others no vote is known.
    voted: Mutex<BTreeSet<GroupId>>,
    queue: mpsc::Sender<Sync>,
}

impl SlowLogs {
    pub(crate) fn new(
        logs: Logs,
        disk: NodeDisk,
        (chance, time): (Chance, Time),
        slowness: Arc<Slowness>,
        up: Arc<AtomicBool>,
        plant: Plant,
    ) -> Self {
        let (queue, jobs) = mpsc::channel(OPEN_LIMIT_SYNCS);
        tokio::spawn(run(jobs, disk.clone(), Arc::clone(&up)));
        Self { logs, disk, chance, time, slowness, up, plant, voted: Mutex::default(), queue }
    }

    fn healthy(&self) -> Result<(), LogError> {
        if self.up.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(LogError::Poisoned { why: "the node is down".to_owned() })
    }

    /// Storage syncs in the call; when the disk of this node is done with it is said later.
    fn in_step(
        &self,
        synced: Synced,
        submit: impl FnOnce(&Logs, Synced) -> Result<(), LogError>,
    ) -> Result<(), LogError> {
        let (done, ended) = threads::channel();
        submit(&self.logs, Box::new(move |result| drop(done.send(result))))?;
        let result = ended.recv().unwrap();
        let most = self.slowness.most_ms.load(Ordering::Acquire).max(1);
        let takes = self.chance.within(0, most * 1_000);
        let now = tokio::time::Instant::now();
        let at = now + Duration::from_micros(takes);
        let number = self.disk.asked();
        if self.plant == Plant::AckBeforeSync {
            synced(result);
            let late = now + Duration::from_millis(400);
            let job = Sync { number, at: late, result: Ok(()), synced: Box::new(|_| ()) };
            return self.queue.try_send(job).map_err(|_| LogError::Poisoned { why: "too many syncs".to_owned() });
        }
        let still = self.slowness.still_until_ms.load(Ordering::Acquire).saturating_sub(self.time.ms());
        let still = Duration::from_millis(still);
        let job = Sync { number, at: at.max(now + still), result, synced };
        self.queue.try_send(job).map_err(|_| LogError::Poisoned { why: "too many syncs".to_owned() })
    }
}

async fn run(mut jobs: mpsc::Receiver<Sync>, disk: NodeDisk, up: Arc<AtomicBool>) {
    while let Some(job) = jobs.recv().await {
        tokio::time::sleep_until(job.at).await;
        if up.load(Ordering::Acquire) {
            disk.synced(job.number);
            (job.synced)(job.result);
        } else {
            (job.synced)(Err(LogError::Poisoned { why: "the node is down".to_owned() }));
        }
    }
}

impl Log for SlowLogs {
    fn state(&self, group: GroupId) -> Result<State, LogError> {
        self.healthy()?;
        let mut state = self.logs.state(group)?;
        if self.plant == Plant::LostVote && !self.voted.lock().contains(&group) {
            state.vote = None;
        }
        Ok(state)
    }

    fn read(&self, group: GroupId, from: u64, to: u64, limit_bytes: usize) -> Result<Vec<Record>, LogError> {
        self.healthy()?;
        self.logs.read(group, from, to, limit_bytes)
    }

    fn append(&self, group: GroupId, records: Vec<Record>, synced: Synced) -> Result<(), LogError> {
        self.healthy()?;
        self.in_step(synced, |logs, synced| logs.append(group, records, synced))
    }

    fn save_vote(&self, group: GroupId, vote: Bytes, synced: Synced) -> Result<(), LogError> {
        self.healthy()?;
        self.voted.lock().insert(group);
        self.in_step(synced, |logs, synced| logs.save_vote(group, vote, synced))
    }

    fn save_committed(&self, group: GroupId, committed: Option<Bytes>) -> Result<(), LogError> {
        self.healthy()?;
        self.logs.save_committed(group, committed)
    }

    fn truncate(&self, group: GroupId, from: u64) -> Result<(), LogError> {
        self.healthy()?;
        self.logs.truncate(group, from)
    }

    fn purge(&self, group: GroupId, through: u64, id: Bytes) -> Result<(), LogError> {
        self.healthy()?;
        self.logs.purge(group, through, id)
    }
}
