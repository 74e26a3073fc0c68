//! The two databases of a node, opened in order and let go of in order.

use std::sync::{Arc, Weak};

use bascule_model::ambient::{Clock, Spawn};
use bascule_storage::error::Error as StorageError;
use bascule_storage::marker::MarkerFile;
use bascule_storage::raftlog::rocks::Rocks;
use bascule_storage::raftlog::{Disk, Logs, Options, Sync};
use bascule_storage::seal::Seal;
use bascule_storage::tables::{Compression, Database};
use opentelemetry::metrics::Meter;

use crate::error::Error;
use crate::folder::{self, Folder};

/// What to do where the log is behind its marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Not start.
    Refuse,
    /// Go on with what is there, for good.
    Accept,
}

/// The open databases.
pub struct Disks {
    /// Logs.
    pub log: Arc<Logs>,
    /// Rows.
    pub tables: Arc<Database>,
    disk: Weak<dyn Disk>,
}

impl Disks {
    /// Opens both.
    ///
    /// # Errors
    /// [`Error::Loss`], [`Error::Storage`], [`Error::File`].
    pub fn open(
        folder: &Folder,
        seal: &Arc<dyn Seal>,
        clock: Arc<dyn Clock>,
        (loss, sync, compression): (Loss, Sync, Compression),
        meter: Meter,
        spawn: &dyn Spawn,
    ) -> Result<Self, Error> {
        for path in [folder.log(), folder.tables()] {
            folder::make(&path)?;
        }
        let disk: Arc<dyn Disk> = Arc::new(Rocks::open(&folder.log())?);
        let tables = Database::open(&folder.tables(), Arc::clone(&disk), Arc::clone(seal), compression)?;
        let held = Arc::downgrade(&disk);
        let options = Options {
            disk,
            marker: Box::new(MarkerFile::at(&folder.marker())),
            seal: Arc::clone(seal),
            clock,
            accept_loss: loss == Loss::Accept,
            sync,
            meter: Some(meter),
        };
        let log = Logs::open(options, spawn).map_err(|error| match error {
            StorageError::LogBehindMarker { .. } | StorageError::NotAsSynced { .. } | StorageError::MarkerMissing => {
                Error::Loss(error)
            }
            other => Error::Storage(other),
        })?;
        Ok(Self { log: Arc::new(log), tables: Arc::new(tables), disk: held })
    }

    /// Lets go of both, once everybody else has: waits for the last sync, and writes the marker.
    pub fn close(self) {
        let Self { log, tables, disk } = self;
        let (logs, rows) = (Arc::strong_count(&log), Arc::strong_count(&tables));
        if logs > 1 || rows > 1 {
            tracing::warn!(logs, rows, "somebody still holds the databases; the next start recovers from the logs");
        }
        // The logs first: their drop syncs what was submitted, and the marker with it.
        drop(log);
        drop(tables);
        if disk.strong_count() == 0 {
            tracing::debug!("the databases are closed");
        }
    }
}
