//! Snapshots of one group: rows pinned at what is applied in them, sent in chunks, installed as a new generation.

use std::sync::Arc;

use bascule_model::uid::GroupId;
use bascule_statemachine::ports::snapshots::{Chunk, Install, Pinned, Snapshots};
use bascule_statemachine::ports::tables::{Applied, TableError, Tables};
use bytes::Bytes;
use rocksdb::{BoundColumnFamily, WriteBatch};

use crate::limits::CHUNK_BYTES;
use crate::raftlog::{Change, DiskError, generation_key};
use crate::tables::{Database, View, decode_applied, encode_applied, family_name, no_log, read, written};
use crate::{keys, record, row};

const CHUNK_HEAD_BYTES: usize = 6 + 9;

impl Snapshots for Database {
    fn flush(&self, group: GroupId) -> Result<Applied, TableError> {
        // Read before the flush: what is applied in between may or may not be on disk.
        let applied = self.applied(group)?;
        self.db.flush_cf(&self.current(group)?).map_err(written(group))?;
        Ok(applied)
    }

    fn pin(&self, group: GroupId) -> Result<Box<dyn Pinned + '_>, TableError> {
        let family = self.current(group)?;
        let view = self.db.snapshot();
        let value = view.get_cf(&family, keys::APPLIED).map_err(read(group))?;
        let applied = decode_applied(group, value.as_deref())?;
        // Rows of tables only: what is applied travels in the snapshot's meta.
        Ok(Box::new(Sender { group, database: self, family, view, applied, next: Some(vec![1]), number: 0 }))
    }

    fn install(&self, group: GroupId) -> Result<Box<dyn Install + '_>, TableError> {
        let old = self.generation(group)?;
        let new = old + 1;
        self.create(group, new)?;
        Ok(Box::new(Receiver { group, database: self, old, new, number: 0, complete: false, keep: false }))
    }
}

fn place(group: GroupId) -> Vec<u8> {
    [b"chunk\x01", &group.0.to_be_bytes()[..]].concat()
}

fn damaged(group: GroupId, why: &str) -> TableError {
    TableError::Damaged { group, table: 0, why: why.to_owned() }
}

struct Sender<'db> {
    group: GroupId,
    database: &'db Database,
    family: Arc<BoundColumnFamily<'db>>,
    view: View<'db>,
    applied: Applied,
    /// The least key not yet sent; `None` behind the last chunk.
    next: Option<Vec<u8>>,
    number: u64,
}

impl Pinned for Sender<'_> {
    fn applied(&self) -> &Applied {
        &self.applied
    }

    fn next_chunk(&mut self) -> Result<Option<Chunk>, TableError> {
        let Some(from) = self.next.take() else {
            return Ok(None);
        };
        let mut rows = self.view.raw_iterator_cf(&self.family);
        rows.seek(from);
        let mut body = Vec::new();
        while let Some((at, value)) = rows.item() {
            // Damage on this disk must not become the follower's truth.
            row::decode(&*self.database.seal, self.group, at, value)?;
            let more = 8 + at.len() + value.len();
            if !body.is_empty() && CHUNK_HEAD_BYTES + body.len() + more > CHUNK_BYTES {
                self.next = Some(at.to_vec());
                break;
            }
            body.extend_from_slice(&record::field(at));
            body.extend_from_slice(&record::field(value));
            rows.next();
        }
        rows.status().map_err(read(self.group))?;
        let last = u8::from(self.next.is_none());
        let chunk = record::write(&place(self.group), 0, &[&self.number.to_be_bytes(), &[last], &body]);
        self.number += 1;
        Ok(Some(Bytes::from(chunk)))
    }
}

struct Receiver<'db> {
    group: GroupId,
    database: &'db Database,
    old: u64,
    new: u64,
    number: u64,
    complete: bool,
    /// Set once the switch may be on disk: from then on only the next start can tell which generation stands.
    keep: bool,
}

impl Install for Receiver<'_> {
    fn chunk(&mut self, chunk: Chunk) -> Result<(), TableError> {
        let group = self.group;
        let fault = |fault| row::in_table(group, 0, fault);
        let (_, body) = record::read(&place(group), &chunk).map_err(fault)?;
        let (number, body) = body.split_first_chunk::<8>().ok_or_else(|| damaged(group, "the chunk is cut short"))?;
        let (last, mut body) = body.split_first().ok_or_else(|| damaged(group, "the chunk is cut short"))?;
        if self.complete || u64::from_be_bytes(*number) != self.number {
            return Err(damaged(group, "the chunk is not the next one"));
        }
        let family = self.database.handle(group, self.new)?;
        let mut batch = WriteBatch::default();
        while !body.is_empty() {
            let (at, rest) = record::take_field(body).map_err(fault)?;
            let (value, rest) = record::take_field(rest).map_err(fault)?;
            row::decode(&*self.database.seal, group, at, value)?;
            batch.put_cf(&family, at, value);
            body = rest;
        }
        self.database.db.write_opt(batch, &no_log()).map_err(written(group))?;
        self.number += 1;
        self.complete = *last == 1;
        Ok(())
    }

    fn finish(mut self: Box<Self>, applied: Applied) -> Result<(), TableError> {
        let (group, database) = (self.group, self.database);
        if !self.complete {
            return Err(damaged(group, "the last chunk has not come"));
        }
        let family = database.handle(group, self.new)?;
        let mut batch = WriteBatch::default();
        batch.put_cf(&family, keys::APPLIED, encode_applied(group, &applied));
        database.db.write_opt(batch, &no_log()).map_err(written(group))?;
        database.db.flush_cf(&family).map_err(written(group))?;
        let key = generation_key(group);
        let value = record::write(&key, 0, &[&self.new.to_be_bytes()]);
        let failed = |error: DiskError| TableError::Disk { group, verb: "written", why: error.to_string() };
        self.keep = true;
        database.switch.write(vec![Change::Put(key, value)]).map_err(failed)?;
        database.switch.sync().map_err(failed)?;
        database.generations.write().insert(group, self.new);
        if let Err(error) = database.db.drop_cf(&family_name(group, self.old)) {
            // The new generation is in force; the next start drops the old one.
            tracing::warn!(%group, %error, "the old generation could not be dropped");
        }
        Ok(())
    }
}

impl Drop for Receiver<'_> {
    fn drop(&mut self) {
        if !self.keep
            && let Err(error) = self.database.db.drop_cf(&family_name(self.group, self.new))
        {
            tracing::warn!(group = %self.group, %error, "an unfinished generation could not be dropped");
        }
    }
}
