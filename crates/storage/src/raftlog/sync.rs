//! The one thread that syncs: it takes all that waits, syncs once, and acknowledges in the order of submission. In a simulation, no thread.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bascule_model::ambient::Clock;
use bascule_model::uid::GroupId;
use bascule_statemachine::ports::log::{LogError, Synced};
use opentelemetry::metrics::Histogram;
use parking_lot::Mutex;

use crate::limits::{MARKER_SYNC_MS, SYNC_ROUND_JOBS};
use crate::marker::{Mark, Marker};
use crate::raftlog::{Disk, Sync};

/// The first failure, once there was one.
pub(super) type Poison = Arc<OnceLock<String>>;

pub(super) fn poisoned(poison: &Poison) -> LogError {
    LogError::Poisoned { why: poison.get().cloned().unwrap_or_else(|| "the sync thread has ended".into()) }
}

/// One submission. Dropped without an answer, it answers that it never will be on disk.
pub(super) struct Job {
    pub(super) group: GroupId,
    pub(super) lowered: u64,
    pub(super) mark: Mark,
    pub(super) synced: Option<Synced>,
    pub(super) poison: Poison,
}

impl Job {
    fn answer(mut self, result: Result<(), LogError>) {
        if let Some(synced) = self.synced.take() {
            synced(result);
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if let Some(synced) = self.synced.take() {
            synced(Err(poisoned(&self.poison)));
        }
    }
}

/// Where submissions go.
pub(super) enum Queue {
    /// To the sync thread.
    Thread(SyncSender<Job>),
    /// Nowhere: each is synced before its call returns.
    InStep(Mutex<Worker>),
}

impl Queue {
    /// Hands the job back, if the thread has ended.
    pub(super) fn submit(&self, job: Job) -> Result<(), Job> {
        match self {
            Self::Thread(queue) => queue.send(job).map_err(|refused| refused.0),
            Self::InStep(worker) => {
                worker.lock().turn(job);
                Ok(())
            }
        }
    }

    /// Nothing is submitted any more.
    pub(super) fn close(self) {
        if let Self::InStep(worker) = self {
            let worker = worker.into_inner();
            worker.told(worker.stop());
        }
    }
}

pub(super) struct Worker {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) marker: Arc<Mutex<Marker>>,
    pub(super) queue: Receiver<Job>,
    pub(super) poison: Poison,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) sync: Sync,
    pub(super) durations: Option<Histogram<f64>>,
    /// Dropped with the worker, which tells the one who waits for its end.
    pub(super) ended: SyncSender<()>,
}

impl Worker {
    /// Returns when the queue is closed and empty, or at the first failure.
    pub(super) fn run(self) {
        let wait = Duration::from_millis(MARKER_SYNC_MS);
        let result = loop {
            let outcome = match self.queue.recv_timeout(wait) {
                Ok(job) => self.round(job),
                Err(RecvTimeoutError::Timeout) => {
                    self.marker.lock().settle(self.clock.boot()).map_err(|e| e.to_string())
                }
                Err(RecvTimeoutError::Disconnected) => break self.stop(),
            };
            if outcome.is_err() {
                break outcome;
            }
        };
        self.told(result);
        let Self { queue, ended, .. } = self;
        drop(queue);
        drop(ended);
    }

    /// One submission, which nobody's turn comes before.
    fn turn(&self, job: Job) {
        self.told(self.round(job));
    }

    fn told(&self, result: Result<(), String>) {
        if let Err(why) = result {
            tracing::error!(%why, "the logs are closed since a sync failed");
            // Whoever submits from here on sees this; what is queued is answered as the queue is dropped.
            let _ = self.poison.set(why);
        }
    }

    fn stop(&self) -> Result<(), String> {
        self.marker.lock().stop(self.clock.boot()).map_err(|error| error.to_string())
    }

    fn round(&self, first: Job) -> Result<(), String> {
        let mut jobs = vec![first];
        jobs.extend(self.queue.try_iter().take(SYNC_ROUND_JOBS - 1));
        let begun = self.clock.boot();
        let synced = self.sync_disk().and_then(|()| {
            let marks = jobs.iter().map(|job| (job.group, job.lowered, job.mark.clone()));
            self.marker.lock().raise(marks).map_err(|error| error.to_string())
        });
        if let Some(durations) = &self.durations {
            durations.record(millis_as_seconds(self.clock.boot().since(begun)), &[]);
        }
        if let Err(why) = &synced {
            // Before the first answer, so that whoever hears of it cannot submit once more.
            let _ = self.poison.set(why.clone());
        }
        for job in jobs {
            let answer = if synced.is_ok() { Ok(()) } else { Err(poisoned(&self.poison)) };
            job.answer(answer);
        }
        synced?;
        self.marker.lock().settle(self.clock.boot()).map_err(|error| error.to_string())
    }

    fn sync_disk(&self) -> Result<(), String> {
        match self.sync {
            Sync::Real | Sync::InStep => self.disk.sync().map_err(|error| error.to_string()),
            #[cfg(feature = "planted-faults")]
            Sync::Skipped => Ok(()),
        }
    }
}

fn millis_as_seconds(millis: u64) -> f64 {
    Duration::from_millis(millis).as_secs_f64()
}
