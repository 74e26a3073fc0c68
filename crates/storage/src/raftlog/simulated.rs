//! A disk in memory that keeps apart what is synced from what a power cut may take: for tests and the simulation.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::marker::SlotFile;
use crate::raftlog::{Change, Disk, DiskError};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Debug, Default)]
struct State {
    synced: Rows,
    now: Rows,
    unsynced: Vec<Vec<Change>>,
    fail_sync: bool,
}

/// A [`Disk`] whose power can be cut. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Simulated {
    state: Arc<Mutex<State>>,
}

impl Simulated {
    /// What is left when the power goes now and the first `kept` unsynced batches had reached the disk by chance. A batch
    /// torn in the middle has a wrong checksum in the write-ahead log, so that it and all behind it are gone.
    #[must_use]
    pub fn cut(&self, kept: usize) -> Self {
        let state = self.state.lock();
        let mut left = state.synced.clone();
        for batch in state.unsynced.iter().take(kept) {
            apply(&mut left, batch);
        }
        Self { state: Arc::new(Mutex::new(State { synced: left.clone(), now: left, ..State::default() })) }
    }

    /// Batches that are not synced.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        self.state.lock().unsynced.len()
    }

    /// Lets every sync fail from now on.
    pub fn fail_sync(&self) {
        self.state.lock().fail_sync = true;
    }
}

fn apply(rows: &mut Rows, batch: &[Change]) {
    for change in batch {
        match change {
            Change::Put(key, value) => drop(rows.insert(key.clone(), value.clone())),
            Change::Delete(key) => drop(rows.remove(key)),
            Change::DeleteRange(from, to) => rows.retain(|key, _| key < from || key >= to),
        }
    }
}

impl Disk for Simulated {
    fn write(&self, changes: Vec<Change>) -> Result<(), DiskError> {
        let mut state = self.state.lock();
        apply(&mut state.now, &changes);
        state.unsynced.push(changes);
        Ok(())
    }

    fn sync(&self) -> Result<(), DiskError> {
        let mut state = self.state.lock();
        if state.fail_sync {
            return Err(DiskError("the simulated disk failed".into()));
        }
        for batch in std::mem::take(&mut state.unsynced) {
            apply(&mut state.synced, &batch);
        }
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, DiskError> {
        Ok(self.state.lock().now.get(key).cloned().map(Bytes::from))
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), DiskError> {
        if from < to {
            let state = self.state.lock();
            let rows = state.now.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)));
            for (key, value) in rows {
                if !visit(key, value) {
                    break;
                }
            }
        }
        Ok(())
    }

    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<(Bytes, Bytes)>, DiskError> {
        if from >= to {
            return Ok(None);
        }
        let state = self.state.lock();
        let last = state.now.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to))).next_back();
        Ok(last.map(|(key, value)| (Bytes::from(key.clone()), Bytes::from(value.clone()))))
    }
}

#[derive(Debug, Default)]
struct Slots {
    synced: Option<Vec<u8>>,
    now: Option<Vec<u8>>,
}

/// A marker file whose power can be cut. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct SimulatedMarker {
    slots: Arc<Mutex<Slots>>,
}

impl SimulatedMarker {
    /// What is left when the power goes now: with `written`, all that was written, else only what was synced.
    #[must_use]
    pub fn cut(&self, written: bool) -> Self {
        let slots = self.slots.lock();
        let left = if written { slots.now.clone() } else { slots.synced.clone() };
        Self { slots: Arc::new(Mutex::new(Slots { synced: left.clone(), now: left })) }
    }
}

impl SlotFile for SimulatedMarker {
    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.slots.lock().now.clone())
    }

    fn create(&mut self, bytes: &[u8]) -> io::Result<()> {
        *self.slots.lock() = Slots { synced: Some(bytes.to_vec()), now: Some(bytes.to_vec()) };
        Ok(())
    }

    fn write_at(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        let mut slots = self.slots.lock();
        let now = slots.now.as_mut().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        now[offset..offset + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut slots = self.slots.lock();
        slots.synced = slots.now.clone();
        Ok(())
    }
}
