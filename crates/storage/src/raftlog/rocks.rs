//! The log database on RocksDB.

use std::path::Path;
use std::sync::OnceLock;

use bytes::Bytes;
use rocksdb::{DB, DBCompressionType, DBRecoveryMode, IteratorMode, Options, ReadOptions, WriteBatch};

use crate::error::Error;
use crate::limits::{LOG_MEMTABLE_BYTES, LOG_MEMTABLES_COUNT, LOG_WAL_BYTES};
use crate::raftlog::{Change, Disk, DiskError};

/// A RocksDB with one column family and a write-ahead log that only [`Disk::sync`] syncs.
pub struct Rocks {
    db: DB,
    sync_failed: OnceLock<String>,
}

impl Rocks {
    /// Opens or makes the database in `folder`.
    ///
    /// A torn tail of the last log file is cut off, for a power cut between two syncs leaves one and must not keep the
    /// node down, as the mode that tolerates nothing would; anything damaged before that tail refuses to open, where
    /// the default mode would silently drop what follows it. Whether the cut took synced records the marker tells.
    ///
    /// # Errors
    /// [`Error::Open`].
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
        options.set_wal_compression_type(DBCompressionType::None);
        options.set_max_total_wal_size(LOG_WAL_BYTES);
        options.set_wal_bytes_per_sync(1024 * 1024);
        options.set_write_buffer_size(LOG_MEMTABLE_BYTES);
        options.set_max_write_buffer_number(LOG_MEMTABLES_COUNT);
        options.set_avoid_unnecessary_blocking_io(true);
        // Payloads are sealed or compressed frames: nothing is left to squeeze.
        options.set_compression_type(DBCompressionType::None);
        options.set_paranoid_checks(true);
        options.set_keep_log_file_num(4);
        let db = DB::open(&options, folder)
            .map_err(|error| Error::Open { what: "log database", why: error.into_string() })?;
        Ok(Self { db, sync_failed: OnceLock::new() })
    }
}

fn failed(error: rocksdb::Error) -> DiskError {
    DiskError(error.into_string())
}

impl Disk for Rocks {
    fn write(&self, changes: Vec<Change>) -> Result<(), DiskError> {
        let mut batch = WriteBatch::default();
        for change in changes {
            match change {
                Change::Put(key, value) => batch.put(key, value),
                Change::Delete(key) => batch.delete(key),
                Change::DeleteRange(from, to) => batch.delete_range(from, to),
            }
        }
        self.db.write(batch).map_err(failed)
    }

    fn sync(&self) -> Result<(), DiskError> {
        // After a failed fsync the kernel may call dirty pages clean, so that a second one would lie.
        if let Some(why) = self.sync_failed.get() {
            return Err(DiskError(why.clone()));
        }
        self.db.flush_wal(true).map_err(|error| {
            let why = error.into_string();
            DiskError(self.sync_failed.get_or_init(|| why).clone())
        })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, DiskError> {
        Ok(self.db.get(key).map_err(failed)?.map(Bytes::from))
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), DiskError> {
        if from >= to {
            return Ok(());
        }
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(to);
        let mut rows = self.db.raw_iterator_opt(options);
        rows.seek(from);
        while let Some((key, value)) = rows.item() {
            if !visit(key, value) {
                return Ok(());
            }
            rows.next();
        }
        rows.status().map_err(failed)
    }

    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<(Bytes, Bytes)>, DiskError> {
        if from >= to {
            return Ok(None);
        }
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(from);
        options.set_iterate_upper_bound(to);
        let mut rows = self.db.iterator_opt(IteratorMode::End, options);
        let row = rows.next().transpose().map_err(failed)?;
        Ok(row.map(|(key, value)| (Bytes::from(key.into_vec()), Bytes::from(value.into_vec()))))
    }
}
