//! A node's disk: the log database and the marker in one order of writes, of which a crash keeps what was synced and some more.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use bascule_storage::marker::SlotFile;
use bascule_storage::raftlog::{Change, Disk, DiskError};
use bascule_storage::seal::{Seal, SealError};

use super::chance::Chance;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

enum Write {
    Log(Vec<Change>),
    Marker(usize, Vec<u8>),
    /// Everything before it was asked to be on disk.
    Sync(u64),
}

#[derive(Default)]
struct State {
    rows: Rows,
    marker: Option<Vec<u8>>,
    /// What is surely on disk.
    safe_rows: Rows,
    safe_marker: Option<Vec<u8>>,
    tail: VecDeque<Write>,
    syncs: u64,
    dead: bool,
}

impl State {
    fn settle(&mut self) {
        let Some(write) = self.tail.pop_front() else { return };
        match write {
            Write::Log(changes) => apply(&mut self.safe_rows, &changes),
            Write::Marker(offset, bytes) => patch(&mut self.safe_marker, offset, &bytes),
            Write::Sync(_) => {}
        }
    }
}

fn apply(rows: &mut Rows, batch: &[Change]) {
    for change in batch {
        match change {
            Change::Put(key, value) => drop(rows.insert(key.clone(), value.clone())),
            Change::Delete(key) => drop(rows.remove(key)),
            Change::DeleteRange(from, to) => {
                let range = (Bound::Included(from.clone()), Bound::Excluded(to.clone()));
                let gone: Vec<_> =
                    if from < to { rows.range(range).map(|(key, _)| key.clone()).collect() } else { Vec::new() };
                for key in gone {
                    rows.remove(&key);
                }
            }
        }
    }
}

fn patch(file: &mut Option<Vec<u8>>, offset: usize, bytes: &[u8]) {
    if let Some(file) = file {
        file[offset..offset + bytes.len()].copy_from_slice(bytes);
    }
}

/// The disk as one run of a node sees it. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct NodeDisk(Arc<Mutex<State>>);

impl NodeDisk {
    /// The number of the last sync that was asked for.
    pub(crate) fn asked(&self) -> u64 {
        self.0.lock().syncs
    }

    /// That sync has come to its end.
    pub(crate) fn synced(&self, number: u64) {
        let mut state = self.0.lock();
        while state.tail.iter().any(|write| matches!(write, Write::Sync(other) if *other <= number)) {
            state.settle();
        }
    }

    /// What is left after a crash: what was synced, and of the rest as much as had reached the disk by chance. A batch that tore has a
    /// wrong checksum in the write-ahead log, so that it and all behind it are gone. The old run's writes go nowhere from now on.
    pub(crate) fn crash(&self, chance: &Chance) -> Self {
        let mut state = self.0.lock();
        state.dead = true;
        let mut rows = state.safe_rows.clone();
        let mut marker = state.safe_marker.clone();
        let kept = chance.within(0, state.tail.len() as u64 + 1);
        // The marker is not synced with the log: it may stay behind.
        let marked = if chance.per_mille(500) { kept } else { chance.within(0, kept + 1) };
        for (at, write) in state.tail.iter().enumerate().take(usize::try_from(kept).unwrap()) {
            match write {
                Write::Log(changes) => apply(&mut rows, changes),
                Write::Marker(offset, bytes) if (at as u64) < marked => patch(&mut marker, *offset, bytes),
                Write::Marker(offset, bytes) if (at as u64) == marked => {
                    let half = usize::try_from(chance.within(0, bytes.len() as u64)).unwrap();
                    patch(&mut marker, *offset, &bytes[..half]);
                }
                Write::Marker(..) | Write::Sync(_) => {}
            }
        }
        let left = State {
            rows: rows.clone(),
            marker: marker.clone(),
            safe_rows: rows,
            safe_marker: marker,
            syncs: state.syncs,
            ..State::default()
        };
        Self(Arc::new(Mutex::new(left)))
    }

    /// The marker file of this disk.
    pub(crate) fn marker(&self) -> Box<dyn SlotFile> {
        Box::new(MarkerOf(self.clone()))
    }
}

impl Disk for NodeDisk {
    fn write(&self, changes: Vec<Change>) -> Result<(), DiskError> {
        let mut state = self.0.lock();
        if state.dead {
            return Err(DiskError("the node is down".to_owned()));
        }
        apply(&mut state.rows, &changes);
        state.tail.push_back(Write::Log(changes));
        Ok(())
    }

    fn sync(&self) -> Result<(), DiskError> {
        let mut state = self.0.lock();
        if state.dead {
            return Err(DiskError("the node is down".to_owned()));
        }
        state.syncs += 1;
        let number = state.syncs;
        state.tail.push_back(Write::Sync(number));
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, DiskError> {
        Ok(self.0.lock().rows.get(key).cloned().map(Bytes::from))
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), DiskError> {
        if from < to {
            let state = self.0.lock();
            let rows = state.rows.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)));
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
        let state = self.0.lock();
        let last = state.rows.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to))).next_back();
        Ok(last.map(|(key, value)| (Bytes::from(key.clone()), Bytes::from(value.clone()))))
    }
}

struct MarkerOf(NodeDisk);

impl SlotFile for MarkerOf {
    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.0.lock().marker.clone())
    }

    fn create(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.0.lock();
        if state.dead {
            return Err(io::Error::other("the node is down"));
        }
        state.marker = Some(bytes.to_vec());
        state.safe_marker = Some(bytes.to_vec());
        Ok(())
    }

    fn write_at(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.0.lock();
        if state.dead {
            return Err(io::Error::other("the node is down"));
        }
        patch(&mut state.marker, offset, bytes);
        state.tail.push_back(Write::Marker(offset, bytes.to_vec()));
        Ok(())
    }

    /// What the marker says is in the log by then, so that the log's writes before it are on disk as well.
    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.0.0.lock();
        if state.dead {
            return Err(io::Error::other("the node is down"));
        }
        while !state.tail.is_empty() {
            state.settle();
        }
        Ok(())
    }
}

/// Seals nothing: what is on these disks is looked at by nobody.
pub(crate) struct Clear;

impl Seal for Clear {
    fn seal(&self, _: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        Ok(plain.to_vec())
    }

    fn open(&self, _: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        Ok(sealed.to_vec())
    }

    fn name(&self, _: &str, _: &str) -> [u8; 16] {
        [0; 16]
    }
}
