//! The table database: one column family a group and generation, no write-ahead log, what is applied beside the rows.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bascule_model::uid::GroupId;
use bascule_statemachine::key::{Key, Range};
use bascule_statemachine::ports::tables::{Applied, Batch, Read, TableError, Tables};
use bytes::Bytes;
use parking_lot::RwLock;
use rocksdb::{
    BoundColumnFamily, ColumnFamilyDescriptor, DBCompressionType, DBWithThreadMode, MultiThreaded, Options,
    ReadOptions, SnapshotWithThreadMode, WriteBatch, WriteOptions,
};

use crate::error::Error;
use crate::limits::{TABLE_MEMTABLE_BYTES, TABLE_MEMTABLES_BYTES};
use crate::raftlog::{Disk, generation_key};
use crate::seal::Seal;
use crate::{keys, record, row};

pub(crate) type Rocks = DBWithThreadMode<MultiThreaded>;
pub(crate) type View<'db> = SnapshotWithThreadMode<'db, Rocks>;

/// Whether sorted files are compressed: lz4 above, zstd in the last level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compression {
    /// lz4 and zstd.
    #[default]
    On,
    /// Rows as they are.
    Off,
}

/// The rows of every group on this node; implements the ports `Tables` and `Snapshots`.
pub struct Database {
    pub(crate) db: Rocks,
    pub(crate) seal: Arc<dyn Seal>,
    pub(crate) switch: Arc<dyn Disk>,
    pub(crate) generations: RwLock<BTreeMap<GroupId, u64>>,
    compression: Compression,
}

impl Database {
    /// Opens or makes the database in `folder`. `switch` is the log database, which says which generation is in force;
    /// column families of other generations are what an interrupted installation left, and are dropped.
    ///
    /// # Errors
    /// [`Error::Open`]; [`Error::GenerationMissing`], with nothing dropped.
    pub fn open(
        folder: &Path,
        switch: Arc<dyn Disk>,
        seal: Arc<dyn Seal>,
        compression: Compression,
    ) -> Result<Self, Error> {
        let failed = |error: rocksdb::Error| Error::Open { what: "table database", why: error.into_string() };
        let mut options = Options::default();
        options.create_if_missing(true);
        options.set_db_write_buffer_size(TABLE_MEMTABLES_BYTES);
        options.set_paranoid_checks(true);
        options.set_keep_log_file_num(4);
        // A folder without this file holds no database yet; any other failure to list is a failure to open.
        let names = if folder.join("CURRENT").exists() {
            Rocks::list_cf(&options, folder).map_err(failed)?
        } else {
            vec!["default".to_owned()]
        };
        let (current, stale) = sort_generations(&*switch, &names)?;
        let families = names.iter().map(|name| ColumnFamilyDescriptor::new(name, family(compression)));
        let db = Rocks::open_cf_descriptors(&options, folder, families).map_err(failed)?;
        for name in stale {
            tracing::info!(family = %name, "dropping what an interrupted installation left");
            db.drop_cf(&name).map_err(failed)?;
        }
        Ok(Self { db, seal, switch, generations: RwLock::new(current), compression })
    }

    pub(crate) fn create(&self, group: GroupId, generation: u64) -> Result<(), TableError> {
        self.db.create_cf(family_name(group, generation), &family(self.compression)).map_err(written(group))
    }

    /// The group's generation in force, made if the group is new.
    pub(crate) fn generation(&self, group: GroupId) -> Result<u64, TableError> {
        if let Some(generation) = self.generations.read().get(&group) {
            return Ok(*generation);
        }
        let mut generations = self.generations.write();
        if let Some(generation) = generations.get(&group) {
            return Ok(*generation);
        }
        self.create(group, 1)?;
        generations.insert(group, 1);
        Ok(1)
    }

    pub(crate) fn handle(&self, group: GroupId, generation: u64) -> Result<Arc<BoundColumnFamily<'_>>, TableError> {
        self.db.cf_handle(&family_name(group, generation)).ok_or_else(|| TableError::Disk {
            group,
            verb: "read",
            why: format!("generation `{generation}` is not there"),
        })
    }

    pub(crate) fn current(&self, group: GroupId) -> Result<Arc<BoundColumnFamily<'_>>, TableError> {
        self.handle(group, self.generation(group)?)
    }
}

/// The generation of each group, and the column families that are none of them.
fn sort_generations(switch: &dyn Disk, names: &[String]) -> Result<(BTreeMap<GroupId, u64>, Vec<String>), Error> {
    let mut found: BTreeMap<GroupId, Vec<u64>> = BTreeMap::new();
    for name in names.iter().filter(|name| *name != "default") {
        let parsed = name.strip_prefix('g').and_then(|name| name.split_once('.'));
        let parsed = parsed.and_then(|(group, generation)| Some((group.parse().ok()?, generation.parse().ok()?)));
        let Some((group, generation)) = parsed else {
            return Err(Error::Open { what: "table database", why: format!("`{name}` is no group's rows") });
        };
        found.entry(GroupId(group)).or_default().push(generation);
    }
    let mut current = BTreeMap::new();
    let mut stale = Vec::new();
    for (group, generations) in found {
        let key = generation_key(group);
        let value = switch.get(&key).map_err(|error| Error::Open { what: "log database", why: error.to_string() })?;
        let generation = match &value {
            None => 1,
            Some(value) => parse_generation(&key, value).ok_or_else(|| Error::Open {
                what: "log database",
                why: format!("the switch of {group} is damaged"),
            })?,
        };
        if !generations.contains(&generation) {
            return Err(Error::GenerationMissing { group, generation });
        }
        current.insert(group, generation);
        let others = generations.into_iter().filter(|other| *other != generation);
        stale.extend(others.map(|other| family_name(group, other)));
    }
    Ok((current, stale))
}

fn parse_generation(key: &[u8], value: &[u8]) -> Option<u64> {
    let (_, body) = record::read(key, value).ok()?;
    Some(u64::from_be_bytes(body.try_into().ok()?))
}

pub(crate) fn family_name(group: GroupId, generation: u64) -> String {
    format!("g{}.{generation}", group.0)
}

fn family(compression: Compression) -> Options {
    let mut options = Options::default();
    options.set_write_buffer_size(TABLE_MEMTABLE_BYTES);
    options.set_max_write_buffer_number(2);
    match compression {
        Compression::On => {
            options.set_compression_type(DBCompressionType::Lz4);
            options.set_bottommost_compression_type(DBCompressionType::Zstd);
        }
        Compression::Off => options.set_compression_type(DBCompressionType::None),
    }
    options
}

pub(crate) fn no_log() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.disable_wal(true);
    options
}

pub(crate) fn read(group: GroupId) -> impl Fn(rocksdb::Error) -> TableError {
    move |error| TableError::Disk { group, verb: "read", why: error.into_string() }
}

pub(crate) fn written(group: GroupId) -> impl Fn(rocksdb::Error) -> TableError {
    move |error| TableError::Disk { group, verb: "written", why: error.into_string() }
}

pub(crate) fn encode_applied(group: GroupId, applied: &Applied) -> Vec<u8> {
    record::write(&keys::place(group, keys::APPLIED), 0, &[&record::field(&applied.log_id), &applied.membership])
}

pub(crate) fn decode_applied(group: GroupId, value: Option<&[u8]>) -> Result<Applied, TableError> {
    let Some(value) = value else {
        return Ok(Applied::default());
    };
    let fault = |fault| row::in_table(group, 0, fault);
    let (_, body) = record::read(&keys::place(group, keys::APPLIED), value).map_err(fault)?;
    let (log_id, membership) = record::take_field(body).map_err(fault)?;
    Ok(Applied { log_id: Bytes::copy_from_slice(log_id), membership: Bytes::copy_from_slice(membership) })
}

impl Tables for Database {
    fn view(&self, group: GroupId) -> Result<Box<dyn Read + '_>, TableError> {
        let family = self.current(group)?;
        Ok(Box::new(Rows { group, seal: &*self.seal, family, view: self.db.snapshot() }))
    }

    fn applied(&self, group: GroupId) -> Result<Applied, TableError> {
        let value = self.db.get_pinned_cf(&self.current(group)?, keys::APPLIED).map_err(read(group))?;
        decode_applied(group, value.as_deref())
    }

    fn commit(&self, group: GroupId, batch: Batch, applied: Applied) -> Result<(), TableError> {
        let family = self.current(group)?;
        let mut changes = WriteBatch::default();
        for (key, change) in &batch.changes {
            let at = keys::physical(key, &*self.seal);
            match change {
                None => changes.delete_cf(&family, at),
                Some(value) => {
                    let record = row::encode(&*self.seal, group, key, &at, value);
                    let record =
                        record.map_err(|error| TableError::Disk { group, verb: "written", why: error.to_string() })?;
                    changes.put_cf(&family, at, record);
                }
            }
        }
        changes.put_cf(&family, keys::APPLIED, encode_applied(group, &applied));
        self.db.write_opt(changes, &no_log()).map_err(written(group))
    }
}

/// A view: it keeps the column family alive even when a new generation takes its place.
struct Rows<'db> {
    group: GroupId,
    seal: &'db dyn Seal,
    family: Arc<BoundColumnFamily<'db>>,
    view: View<'db>,
}

impl Read for Rows<'_> {
    fn get(&self, key: &Key) -> Result<Option<Bytes>, TableError> {
        let at = keys::physical(key, self.seal);
        let Some(value) = self.view.get_cf(&self.family, &at).map_err(read(self.group))? else {
            return Ok(None);
        };
        let (held, value) = row::decode(self.seal, self.group, &at, &value)?;
        if held != *key {
            let why = "the row lies under another key".into();
            return Err(TableError::Damaged { group: self.group, table: key.table as u8, why });
        }
        Ok(Some(value))
    }

    fn scan(&self, range: &Range, limit_rows: usize) -> Result<Vec<(Key, Bytes)>, TableError> {
        let (first, end) = keys::bounds(range);
        let mut found = Vec::new();
        if first >= end {
            return Ok(found);
        }
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(end);
        let mut rows = self.view.raw_iterator_cf_opt(&self.family, options);
        rows.seek(first);
        while found.len() < limit_rows
            && let Some((at, value)) = rows.item()
        {
            let (key, value) = row::decode(self.seal, self.group, at, value)?;
            if range.contains(&key) {
                found.push((key, value));
            }
            rows.next();
        }
        rows.status().map_err(read(self.group))?;
        Ok(found)
    }
}
