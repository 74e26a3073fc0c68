//! The two databases of a node, opened in order and let go of in order.

use std::sync::{Arc, Weak};

use bascule_model::ambient::{Clock, Spawn};
use bascule_model::uid::GroupId;
use bascule_statemachine::codec::control::NodeState;
use bascule_statemachine::control::state;
use bascule_statemachine::ports::tables::Tables;
use bascule_storage::error::Error as StorageError;
use bascule_storage::marker::MarkerFile;
use bascule_storage::raftlog::rocks::Rocks;
use bascule_storage::raftlog::{Disk, Logs, Options, Sync};
use bascule_storage::seal::Seal;
use bascule_storage::tables::{Compression, Database};
use opentelemetry::metrics::Meter;

use crate::error::Error;
use crate::folder::{self, Folder, Identity};

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
    /// [`Error::Loss`], [`Error::LossOfMember`], [`Error::LossInCluster`], [`Error::Storage`], [`Error::Rows`], [`Error::File`].
    pub fn open(
        (folder, identity): (&Folder, &Identity),
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
        let node = identity.node;
        // Rows may lack what a crash took, the file was synced when the first other node was seen.
        let several = folder.several().exists() || is_one_of_several(&tables, identity)?;
        if several && loss == Loss::Accept {
            return Err(Error::LossInCluster { node });
        }
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
                if several {
                    Error::LossOfMember { node, source: error }
                } else {
                    Error::Loss(error)
                }
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

/// Whether others have what may be missing here: nothing is accepted as lost then, since they would be told otherwise.
fn is_one_of_several(tables: &Database, identity: &Identity) -> Result<bool, Error> {
    if identity.begun.by_others() {
        return Ok(true);
    }
    let group = GroupId::CONTROL;
    let broken = |why: String| Error::Rows { group, why };
    let rows = tables.view(group).map_err(|error| broken(error.to_string()))?;
    let nodes = state::nodes(&*rows).map_err(|error| broken(error.to_string()))?;
    Ok(nodes.iter().any(|row| row.id != identity.node.0 && row.state() != NodeState::Gone))
}
