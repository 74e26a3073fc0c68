//! A node's rows in memory: a crash leaves those of the last flush.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use bascule_model::uid::GroupId;
use bascule_statemachine::key::{Key, Range};
use bascule_statemachine::overlay::InMemory;
use bascule_statemachine::ports::snapshots::{Chunk, Install, Pinned, Snapshots};
use bascule_statemachine::ports::tables::{Applied, Batch, Read, TableError, Tables};
use bascule_statemachine::register::Table;

use super::plants::Plant;

#[derive(Clone, Default)]
struct Rows {
    rows: Arc<InMemory>,
    applied: Applied,
}

#[derive(Default)]
struct Group {
    now: Rows,
    flushed: Rows,
}

/// What snapshots on their way hold; all nodes share it.
pub(crate) type Copies = Arc<Mutex<Vec<Arc<InMemory>>>>;

/// The rows of one run of a node. Clones share them.
#[derive(Clone)]
pub(crate) struct NodeRows {
    groups: Arc<Mutex<BTreeMap<GroupId, Group>>>,
    copies: Copies,
    up: Arc<AtomicBool>,
    plant: Plant,
}

impl NodeRows {
    pub(crate) fn new(copies: Copies, up: Arc<AtomicBool>, plant: Plant) -> Self {
        Self { groups: Arc::default(), copies, up, plant }
    }

    /// What is left after a crash, for the next run.
    pub(crate) fn crash(&self, up: Arc<AtomicBool>) -> Self {
        let mut left = BTreeMap::new();
        for (id, group) in &*self.groups.lock() {
            let mut kept = group.flushed.clone();
            if self.plant == Plant::DoubleApply {
                // Rows without the word of what is applied in them.
                kept.rows = Arc::clone(&group.now.rows);
            }
            left.insert(*id, Group { now: kept.clone(), flushed: kept });
        }
        Self { groups: Arc::new(Mutex::new(left)), copies: Arc::clone(&self.copies), up, plant: self.plant }
    }

    /// One hash of all rows of a group, and what is applied in them.
    pub(crate) fn hash(&self, group: GroupId) -> (String, Applied) {
        let now = self.groups.lock().get(&group).map(|group| group.now.clone()).unwrap_or_default();
        let mut hash = Sha256::new();
        for (key, row) in now.rows.rows() {
            hash.update(format!("{key:?}"));
            hash.update(row);
        }
        (hex::encode(hash.finalize()), now.applied)
    }

    /// The rows of a group as they are now, whether the node is up or not.
    pub(crate) fn rows(&self, group: GroupId) -> Arc<InMemory> {
        self.groups.lock().get(&group).map(|group| Arc::clone(&group.now.rows)).unwrap_or_default()
    }

    fn healthy(&self, group: GroupId) -> Result<(), TableError> {
        if self.up.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(TableError::Disk { group, verb: "read", why: "the node is down".to_owned() })
    }
}

struct View(Arc<InMemory>);

impl Read for View {
    fn get(&self, key: &Key) -> Result<Option<Bytes>, TableError> {
        self.0.get(key)
    }

    fn scan(&self, range: &Range, limit_rows: usize) -> Result<Vec<(Key, Bytes)>, TableError> {
        self.0.scan(range, limit_rows)
    }
}

impl Tables for NodeRows {
    fn view(&self, group: GroupId) -> Result<Box<dyn Read + '_>, TableError> {
        self.healthy(group)?;
        Ok(Box::new(View(self.rows(group))))
    }

    fn applied(&self, group: GroupId) -> Result<Applied, TableError> {
        self.healthy(group)?;
        Ok(self.groups.lock().get(&group).map(|group| group.now.applied.clone()).unwrap_or_default())
    }

    fn commit(&self, group: GroupId, mut batch: Batch, applied: Applied) -> Result<(), TableError> {
        self.healthy(group)?;
        if self.plant == Plant::DroppedException {
            batch.changes.retain(|(key, _)| key.table != Table::Exceptions);
        }
        let mut groups = self.groups.lock();
        let now = &mut groups.entry(group).or_default().now;
        Arc::make_mut(&mut now.rows).write(batch);
        now.applied = applied;
        Ok(())
    }
}

struct Copy {
    applied: Applied,
    chunk: Option<Chunk>,
}

impl Pinned for Copy {
    fn applied(&self) -> &Applied {
        &self.applied
    }

    fn next_chunk(&mut self) -> Result<Option<Chunk>, TableError> {
        Ok(self.chunk.take())
    }
}

struct Installing {
    rows: NodeRows,
    group: GroupId,
    received: Option<usize>,
}

impl Install for Installing {
    fn chunk(&mut self, chunk: Chunk) -> Result<(), TableError> {
        self.received = chunk.as_ref().try_into().ok().map(u32::from_be_bytes).map(|number| number as usize);
        Ok(())
    }

    fn finish(self: Box<Self>, applied: Applied) -> Result<(), TableError> {
        self.rows.healthy(self.group)?;
        let damaged = || TableError::Damaged { group: self.group, table: 0, why: "no copy came".to_owned() };
        let number = self.received.ok_or_else(damaged)?;
        let rows = self.rows.copies.lock().get(number).cloned().ok_or_else(damaged)?;
        let whole = Rows { rows, applied };
        self.rows.groups.lock().insert(self.group, Group { now: whole.clone(), flushed: whole });
        Ok(())
    }
}

impl Snapshots for NodeRows {
    fn flush(&self, group: GroupId) -> Result<Applied, TableError> {
        self.healthy(group)?;
        let mut groups = self.groups.lock();
        let group = groups.entry(group).or_default();
        group.flushed = group.now.clone();
        Ok(group.now.applied.clone())
    }

    /// One chunk: the number of a copy that all nodes share.
    fn pin(&self, group: GroupId) -> Result<Box<dyn Pinned + '_>, TableError> {
        self.healthy(group)?;
        let now = self.groups.lock().entry(group).or_default().now.clone();
        let mut copies = self.copies.lock();
        copies.push(now.rows);
        let number = u32::try_from(copies.len() - 1).unwrap();
        Ok(Box::new(Copy { applied: now.applied, chunk: Some(Bytes::copy_from_slice(&number.to_be_bytes())) }))
    }

    fn install(&self, group: GroupId) -> Result<Box<dyn Install + '_>, TableError> {
        self.healthy(group)?;
        Ok(Box::new(Installing { rows: self.clone(), group, received: None }))
    }
}
