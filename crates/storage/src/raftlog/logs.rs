//! The port `Log` over a [`Disk`]: writes inside each call, and hands what waits for the disk to the sync thread.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, OnceLock};

use bascule_model::ambient::{Clock, Spawn, TaskKind};
use bascule_model::uid::GroupId;
use bascule_statemachine::ports::log::{Log, LogError, Record, State, Synced};
use bytes::Bytes;
use opentelemetry::metrics::Meter;
use parking_lot::{Mutex, RwLock};

use crate::error::Error;
use crate::limits::SYNC_QUEUE_JOBS;
use crate::marker::{Mark, Marker, SlotFile};
use crate::raftlog::layout::{self, COMMITTED, ENTRY, PURGED, VOTE};
use crate::raftlog::sync::{Job, Poison, Queue, Worker, poisoned};
use crate::raftlog::{Change, Disk, DiskError};
use crate::record::{self, BODY_SEALED, Fault};
use crate::seal::Seal;

/// What an acknowledgement is worth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sync {
    /// It comes after the disk's own.
    #[default]
    Real,
    /// The same, before the call returns and without a thread: for simulations, whose order must not follow from whose turn comes first.
    InStep,
    /// It comes without a sync: a fault planted to see that tests find it.
    #[cfg(feature = "planted-faults")]
    Skipped,
}

/// What the logs are opened with.
pub struct Options {
    /// The log database.
    pub disk: Arc<dyn Disk>,
    /// The marker file; [`crate::marker::MarkerFile`] in production.
    pub marker: Box<dyn SlotFile>,
    /// Seals what is not clear.
    pub seal: Arc<dyn Seal>,
    /// Dates the marker's syncs.
    pub clock: Arc<dyn Clock>,
    /// Go on where the log is behind its marker, and lower the marker to it.
    pub accept_loss: bool,
    /// Whether acknowledgements wait for the disk.
    pub sync: Sync,
    /// Gets `bascule_disk_fsync_duration_seconds`.
    pub meter: Option<Meter>,
}

/// What is remembered of a group between calls, under the lock that puts its submissions in order.
#[derive(Default)]
struct Tail {
    last: Option<u64>,
    votes: u64,
    lowered: u64,
}

/// The logs of all groups. Dropped, it waits until what was submitted is synced and the marker with it.
pub struct Logs {
    disk: Arc<dyn Disk>,
    seal: Arc<dyn Seal>,
    clock: Arc<dyn Clock>,
    marker: Arc<Mutex<Marker>>,
    poison: Poison,
    tails: RwLock<BTreeMap<GroupId, Arc<Mutex<Tail>>>>,
    queue: Option<Queue>,
    ended: Mutex<Receiver<()>>,
}

impl Logs {
    /// Compares the marker with the logs and starts the sync thread.
    ///
    /// # Errors
    /// [`Error`]; nothing was then changed.
    pub fn open(options: Options, spawn: &dyn Spawn) -> Result<Self, Error> {
        let Options { disk, marker, seal, clock, accept_loss, sync, meter } = options;
        let marker = check_marker(&*disk, marker, &*clock, accept_loss)?;
        let marker = Arc::new(Mutex::new(marker));
        let (queue, jobs) = sync_channel(SYNC_QUEUE_JOBS);
        let (end, ended) = sync_channel(1);
        let poison: Poison = Arc::new(OnceLock::new());
        let worker = Worker {
            disk: Arc::clone(&disk),
            marker: Arc::clone(&marker),
            queue: jobs,
            poison: Arc::clone(&poison),
            clock: Arc::clone(&clock),
            sync,
            durations: meter.map(|meter| meter.f64_histogram("bascule_disk_fsync_duration_seconds").build()),
            ended: end,
        };
        let queue = if sync == Sync::InStep {
            Queue::InStep(Mutex::new(worker))
        } else {
            spawn.block(TaskKind::Sync, Box::new(move || worker.run()));
            Queue::Thread(queue)
        };
        let tails = RwLock::default();
        Ok(Self { disk, seal, clock, marker, poison, tails, queue: Some(queue), ended: Mutex::new(ended) })
    }

    fn healthy(&self) -> Result<(), LogError> {
        if self.poison.get().is_some() { Err(poisoned(&self.poison)) } else { Ok(()) }
    }

    /// A failed write leaves the write-ahead log unknown, as a failed sync does.
    fn write(&self, group: GroupId, changes: Vec<Change>) -> Result<(), LogError> {
        self.disk.write(changes).map_err(|error| {
            let _ = self.poison.set(error.to_string());
            broken(group)(error)
        })
    }

    fn tail(&self, group: GroupId) -> Result<Arc<Mutex<Tail>>, LogError> {
        if let Some(tail) = self.tails.read().get(&group) {
            return Ok(Arc::clone(tail));
        }
        let mut tails = self.tails.write();
        if let Some(tail) = tails.get(&group) {
            return Ok(Arc::clone(tail));
        }
        let state = read_state(&*self.disk, group)?;
        let tail = Tail {
            last: state.last.as_ref().or(state.purged.as_ref()).map(|(index, _)| *index),
            votes: state.vote.map_or(0, |(number, _)| number),
            lowered: 0,
        };
        Ok(Arc::clone(tails.entry(group).or_insert_with(|| Arc::new(Mutex::new(tail)))))
    }

    fn submit(&self, group: GroupId, lowered: u64, mark: Mark, synced: Synced) -> Result<(), LogError> {
        let job = Job { group, lowered, mark, synced: Some(synced), poison: Arc::clone(&self.poison) };
        let Some(queue) = &self.queue else {
            return Err(poisoned(&self.poison));
        };
        queue.submit(job).map_err(|mut job| {
            // The error is the answer, so that the callback must not be called as well.
            drop(job.synced.take());
            poisoned(&self.poison)
        })
    }

    fn encode(&self, group: GroupId, record: &Record) -> Result<(Vec<u8>, Vec<u8>), LogError> {
        let key = layout::key(group, ENTRY, record.index);
        let place = place(&key);
        let id = record::field(&record.id);
        let value = if record.clear {
            record::write(&place, 0, &[&id, &record.payload])
        } else {
            let sealed = self.seal.seal(&place, &record.payload);
            let sealed = sealed.map_err(|error| LogError::Disk { group, why: error.to_string() })?;
            record::write(&place, BODY_SEALED, &[&id, &sealed])
        };
        Ok((key, value))
    }

    fn decode(&self, group: GroupId, index: u64, key: &[u8], value: &[u8]) -> Result<Record, LogError> {
        let damaged = |why: String| LogError::Damaged { group, index, why };
        let fault = |fault: Fault| damaged(fault.to_string());
        let place = place(key);
        let (flags, body) = record::read(&place, value).map_err(fault)?;
        let (id, payload) = record::take_field(body).map_err(fault)?;
        let clear = flags & BODY_SEALED == 0;
        let payload = if clear {
            Bytes::copy_from_slice(payload)
        } else {
            Bytes::from(self.seal.open(&place, payload).map_err(|error| damaged(error.to_string()))?)
        };
        Ok(Record { index, id: Bytes::copy_from_slice(id), payload, clear })
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.take() {
            queue.close();
        }
        // The worker never sends: this returns when its end of the channel is gone.
        let _ = self.ended.lock().recv();
    }
}

impl Log for Logs {
    fn state(&self, group: GroupId) -> Result<State, LogError> {
        self.healthy()?;
        let raw = read_state(&*self.disk, group)?;
        let vote = raw.vote.map(|(_, vote)| vote);
        Ok(State { vote, last: raw.last.or_else(|| raw.purged.clone()), purged: raw.purged, committed: raw.committed })
    }

    fn read(&self, group: GroupId, from: u64, to: u64, limit_bytes: usize) -> Result<Vec<Record>, LogError> {
        self.healthy()?;
        let (first, end) = (layout::key(group, ENTRY, from), layout::key(group, ENTRY, to));
        let (mut records, mut bytes, mut fault) = (Vec::new(), 0_usize, None);
        let mut visit = |key: &[u8], value: &[u8]| {
            bytes = bytes.saturating_add(value.len());
            if bytes > limit_bytes && !records.is_empty() {
                return false;
            }
            let index = layout::parse(key).map_or(0, |(_, _, index)| index);
            match self.decode(group, index, key, value) {
                Ok(record) => records.push(record),
                Err(error) => fault = Some(error),
            }
            fault.is_none()
        };
        self.disk.scan(&first, &end, &mut visit).map_err(broken(group))?;
        if let Some(fault) = fault {
            return Err(fault);
        }
        if let Some(gap) = records.windows(2).find(|pair| pair[0].index + 1 != pair[1].index) {
            let index = gap[0].index + 1;
            return Err(LogError::Damaged { group, index, why: "it is missing between others".into() });
        }
        Ok(records)
    }

    fn append(&self, group: GroupId, records: Vec<Record>, synced: Synced) -> Result<(), LogError> {
        let tail = self.tail(group)?;
        let mut tail = tail.lock();
        self.healthy()?;
        let mut last = tail.last;
        let mut changes = Vec::with_capacity(records.len());
        for record in &records {
            if last.is_some_and(|last| last.checked_add(1) != Some(record.index)) {
                let why = format!("the log ends at `{}`", last.unwrap_or_default());
                return Err(LogError::Damaged { group, index: record.index, why });
            }
            let (key, value) = self.encode(group, record)?;
            changes.push(Change::Put(key, value));
            last = Some(record.index);
        }
        let mark = Mark { vote: None, last: records.last().map(|record| (record.index, record.id.clone())) };
        self.write(group, changes)?;
        tail.last = last;
        self.submit(group, tail.lowered, mark, synced)
    }

    fn save_vote(&self, group: GroupId, vote: Bytes, synced: Synced) -> Result<(), LogError> {
        let tail = self.tail(group)?;
        let mut tail = tail.lock();
        self.healthy()?;
        let number = tail.votes + 1;
        let key = layout::key(group, VOTE, 0);
        let value = record::write(&place(&key), 0, &[&number.to_be_bytes(), &vote]);
        self.write(group, vec![Change::Put(key, value)])?;
        tail.votes = number;
        self.submit(group, tail.lowered, Mark { vote: Some((number, vote)), last: None }, synced)
    }

    fn save_committed(&self, group: GroupId, committed: Option<Bytes>) -> Result<(), LogError> {
        self.healthy()?;
        let key = layout::key(group, COMMITTED, 0);
        let change = match committed {
            Some(id) => Change::Put(key.clone(), record::write(&place(&key), 0, &[&id])),
            None => Change::Delete(key),
        };
        self.write(group, vec![change])
    }

    fn truncate(&self, group: GroupId, from: u64) -> Result<(), LogError> {
        let tail = self.tail(group)?;
        let mut tail = tail.lock();
        self.healthy()?;
        let state = read_state(&*self.disk, group)?;
        let mut last = state.purged;
        if let Some(before) = from.checked_sub(1)
            && let Some(record) = self.read(group, before, from, 0)?.pop()
        {
            last = Some((record.index, record.id));
        }
        let lowered = self.marker.lock().lower(group, last.clone(), self.clock.boot());
        tail.lowered = lowered.map_err(|error| {
            let _ = self.poison.set(error.to_string());
            LogError::Disk { group, why: error.to_string() }
        })?;
        let range = Change::DeleteRange(layout::key(group, ENTRY, from), layout::entries_end(group));
        self.write(group, vec![range])?;
        tail.last = if tail.last.is_some_and(|end| end >= from) { last.map(|(index, _)| index) } else { tail.last };
        Ok(())
    }

    fn purge(&self, group: GroupId, through: u64, id: Bytes) -> Result<(), LogError> {
        let tail = self.tail(group)?;
        let mut tail = tail.lock();
        self.healthy()?;
        let key = layout::key(group, PURGED, 0);
        let value = record::write(&place(&key), 0, &[&through.to_be_bytes(), &id]);
        let end = through.checked_add(1).map_or_else(|| layout::entries_end(group), |to| layout::key(group, ENTRY, to));
        let range = Change::DeleteRange(layout::key(group, ENTRY, 0), end);
        self.write(group, vec![Change::Put(key, value), range])?;
        tail.last = tail.last.max(Some(through));
        Ok(())
    }
}

/// What record and seal are bound to; rows of the tables begin otherwise.
fn place(key: &[u8]) -> Vec<u8> {
    [b"log\x01", key].concat()
}

fn broken(group: GroupId) -> impl Fn(DiskError) -> LogError {
    move |error| LogError::Disk { group, why: error.to_string() }
}

type Half = Option<(u64, Bytes)>;

struct Raw {
    vote: Half,
    purged: Half,
    last: Half,
    committed: Option<Bytes>,
}

fn read_state(disk: &dyn Disk, group: GroupId) -> Result<Raw, LogError> {
    let body = |kind: u8| -> Result<Option<Bytes>, LogError> {
        let key = layout::key(group, kind, 0);
        let Some(value) = disk.get(&key).map_err(broken(group))? else {
            return Ok(None);
        };
        let (_, body) = record::read(&place(&key), &value).map_err(|fault| damaged(group, 0, fault))?;
        Ok(Some(Bytes::copy_from_slice(body)))
    };
    let half = |kind: u8| -> Result<Half, LogError> {
        let Some(body) = body(kind)? else {
            return Ok(None);
        };
        let (number, _) = body.split_first_chunk::<8>().ok_or_else(|| damaged(group, 0, Fault::Short))?;
        Ok(Some((u64::from_be_bytes(*number), body.slice(8..))))
    };
    let entries = disk.last(&layout::key(group, ENTRY, 0), &layout::entries_end(group)).map_err(broken(group))?;
    let last = entries.map(|(key, value)| id_of(group, &key, &value)).transpose()?;
    Ok(Raw { vote: half(VOTE)?, purged: half(PURGED)?, last, committed: body(COMMITTED)? })
}

/// Index and id of an entry, whose payload stays sealed.
fn id_of(group: GroupId, key: &[u8], value: &[u8]) -> Result<(u64, Bytes), LogError> {
    let index = layout::parse(key).map_or(0, |(_, _, index)| index);
    let fault = |fault: Fault| damaged(group, index, fault);
    let (_, body) = record::read(&place(key), value).map_err(fault)?;
    let (id, _) = record::take_field(body).map_err(fault)?;
    Ok((index, Bytes::copy_from_slice(id)))
}

fn damaged(group: GroupId, index: u64, fault: Fault) -> LogError {
    LogError::Damaged { group, index, why: fault.to_string() }
}

fn check_marker(
    disk: &dyn Disk,
    file: Box<dyn SlotFile>,
    clock: &dyn Clock,
    accept_loss: bool,
) -> Result<Marker, Error> {
    let now = clock.boot();
    let marker = match Marker::open(file, now)? {
        Ok(marker) => marker,
        Err(file) => {
            let first = disk.last(&[], &[u8::MAX]);
            let first = first.map_err(|error| Error::Open { what: "log database", why: error.to_string() })?;
            if first.is_some() && !accept_loss {
                return Err(Error::MarkerMissing);
            }
            return Marker::create(file, BTreeMap::new(), now);
        }
    };
    let mut held = BTreeMap::new();
    let mut first_loss = None;
    for (&group, mark) in marker.marks() {
        let raw = read_state(disk, group)?;
        if let Err(loss) = compare(disk, group, mark, &raw) {
            first_loss.get_or_insert(loss);
        }
        held.insert(group, Mark { vote: raw.vote, last: raw.last.or(raw.purged) });
    }
    match first_loss {
        None => Ok(marker),
        Some(loss) if !accept_loss => Err(loss),
        Some(loss) => {
            tracing::warn!(%loss, "starting nevertheless, as it was asked for");
            Marker::create(marker.into_file(), held, now)
        }
    }
}

/// Whether a log holds all that its mark says was synced. It may hold more: the marker's own sync is up to a second late.
fn compare(disk: &dyn Disk, group: GroupId, mark: &Mark, raw: &Raw) -> Result<(), Error> {
    let at = |half: &Half| half.as_ref().map(|(index, _)| *index);
    if at(&raw.vote) < at(&mark.vote) || (at(&raw.vote) == at(&mark.vote) && raw.vote != mark.vote) {
        return Err(Error::NotAsSynced { group, what: "vote" });
    }
    let Some((marker, id)) = &mark.last else {
        return Ok(());
    };
    let log = at(&raw.last).max(at(&raw.purged));
    if log < Some(*marker) {
        return Err(Error::LogBehindMarker { group, marker: *marker, log });
    }
    if at(&raw.purged) < Some(*marker) {
        let key = layout::key(group, ENTRY, *marker);
        let value = disk.get(&key).map_err(|error| LogError::Disk { group, why: error.to_string() })?;
        let held = value.map(|value| id_of(group, &key, &value)).transpose()?;
        if held.is_none_or(|(_, held)| held != *id) {
            return Err(Error::NotAsSynced { group, what: "last record" });
        }
    }
    Ok(())
}
