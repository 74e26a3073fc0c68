//! Replication over storage: openraft's own suite on RocksDB with real sealing, and a group that comes back from its disks.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use tempfile::TempDir;

use bascule_keyring::atrest::AtRest;
use bascule_keyring::mac::IndexKey;
use bascule_keyring::secret::Secret;
use bascule_model::ambient::{Clock, Entropy, NoEntropy, Pending, Spawn, TaskKind};
use bascule_model::id::ClusterId;
use bascule_model::time::{BootMillis, Millis};
use bascule_model::uid::{GroupId, NodeId};
use bascule_replication::alone::Alone;
use bascule_replication::group::{Group, Timing};
use bascule_replication::logstore::LogStore;
use bascule_replication::machine::{Answer, ApplyError, GroupMachine, Machine, Place};
use bascule_replication::raft::{Peer, Proposal, Types};
use bascule_statemachine::key::{Key, Part, Range};
use bascule_statemachine::overlay::Overlay;
use bascule_statemachine::ports::log::Log;
use bascule_statemachine::ports::tables::{Read, Tables};
use bascule_statemachine::register::Table;
use bascule_storage::marker::MarkerFile;

use bascule_storage::raftlog::rocks::Rocks;
use bascule_storage::raftlog::{Disk, Logs, Options, Sync};
use bascule_storage::seal::{Keys, Seal};
use bascule_storage::tables::{Compression, Database};

const GROUP: GroupId = GroupId(1);
const NODE: NodeId = NodeId(1);
const CANARY: &[u8] = b"canary-7d1f0c9a-canary";
/// Proposed as one that needs no sealing, so that the search has something to find.
const PLANTED: &[u8] = b"planted-5e21-planted";

struct Still;

impl Clock for Still {
    fn wall(&self) -> Millis {
        Millis(1)
    }

    fn boot(&self) -> BootMillis {
        BootMillis(1)
    }
}

/// Bytes that differ from draw to draw, also between two runs over one folder.
#[derive(Default)]
struct Steps {
    next: AtomicU64,
}

impl Entropy for Steps {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        for chunk in buffer.chunks_mut(16) {
            let step = self.next.fetch_add(1, Ordering::Relaxed);
            chunk.copy_from_slice(&bascule_model::id::hash("steps", &[&step.to_be_bytes()])[..chunk.len()]);
        }
        Ok(())
    }
}

struct Threads;

impl Spawn for Threads {
    fn spawn(&self, _: TaskKind, work: Pending<'static, ()>) {
        tokio::spawn(work);
    }

    fn block(&self, _: TaskKind, work: Box<dyn FnOnce() + Send>) {
        std::thread::spawn(work);
    }
}

/// Writes each command into the row of its index.
struct Recorder;

impl Machine for Recorder {
    type Effects = ();

    fn apply(&self, rows: &mut Overlay<'_>, place: Place, command: &Bytes) -> Result<(Answer, ()), ApplyError> {
        rows.put(Key::new(Table::Deleted, [Part::Number(place.index)]), command.clone());
        Ok((Answer::Nothing, ()))
    }

    fn installed(&self, _: &dyn Read, _: Place) -> Result<(), ApplyError> {
        Ok(())
    }

    fn written(&self, _: Place, _: Vec<()>) {}
}

struct Disks {
    log: Arc<Logs>,
    tables: Arc<Database>,
    disk: Weak<dyn Disk>,
}

/// Lets go of the folder: openraft's tasks end a little after the group says that it stopped.
async fn close(disks: Disks) {
    let (disk, tables) = (Weak::clone(&disks.disk), Arc::downgrade(&disks.tables));
    drop(disks);
    let released = async {
        while disk.strong_count() > 0 || tables.strong_count() > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), released).await.unwrap();
}

/// `run` keeps the sealers of two openings of one folder apart.
fn open(folder: &Path, run: u64) -> Disks {
    let chance = Arc::new(Steps { next: AtomicU64::new(run << 32) });
    let secret = |byte: u8| Secret::from_slice(&[byte; 32]).unwrap();
    let at_rest = AtRest::start(ClusterId([7; 16]), secret(1), chance).unwrap();
    let seal: Arc<dyn Seal> = Arc::new(Keys::new(at_rest, IndexKey::new(&secret(2))));
    for name in ["log", "tables"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
    }
    // The last owner of a database lets go of its lock a moment after nobody can reach it any more.
    let mut tries = 0;
    let disk: Arc<dyn Disk> = loop {
        tries += 1;
        match Rocks::open(&folder.join("log")) {
            Ok(rocks) => break Arc::new(rocks),
            Err(error) => assert!(tries < 500, "{error:?}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let released = Arc::downgrade(&disk);
    let tables =
        Database::open(&folder.join("tables"), Arc::clone(&disk), Arc::clone(&seal), Compression::Off).unwrap();
    let options = Options {
        disk,
        marker: Box::new(MarkerFile::at(&folder.join("synced"))),
        seal,
        clock: Arc::new(Still),
        accept_loss: false,
        sync: Sync::Real,
        meter: None,
    };
    Disks { log: Arc::new(Logs::open(options, &Threads).unwrap()), tables: Arc::new(tables), disk: released }
}

fn machine(disks: &Disks) -> GroupMachine<Recorder> {
    let (tables, snapshots) = (Arc::clone(&disks.tables), Arc::clone(&disks.tables));
    GroupMachine::new(tables, snapshots, Arc::new(Threads), GROUP, Recorder)
}

struct Builder;

impl StoreBuilder<Types, LogStore, GroupMachine<Recorder>, TempDir> for Builder {
    async fn build(&self) -> Result<(TempDir, LogStore, GroupMachine<Recorder>), StorageError<Types>> {
        let folder = tempfile::tempdir().unwrap();
        let disks = open(folder.path(), 0);
        let machine = machine(&disks);
        Ok((folder, LogStore::new(disks.log, GROUP), machine))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openrafts_own_storage_suite_passes_on_rocksdb() {
    Suite::test_all(Builder).await.unwrap();
}

async fn start(disks: &Disks) -> Group<Recorder> {
    let timing = Timing { heartbeat_ms: 20, election_min_ms: 60, election_max_ms: 120 };
    let log = LogStore::new(Arc::clone(&disks.log) as Arc<dyn Log>, GROUP);
    let group = Group::start(GROUP, NODE, timing, log, machine(disks), Arc::new(Alone)).await.unwrap();
    group.form(NODE, Peer::default()).await.unwrap();
    group.led(NODE, Duration::from_secs(20)).await.unwrap();
    group
}

/// Rows with the canary in them.
fn kept(disks: &Disks) -> usize {
    let view = disks.tables.view(GROUP).unwrap();
    let rows = view.scan(&Range::all(Table::Deleted, []), usize::MAX).unwrap();
    rows.iter().filter(|(_, row)| &row[..] == CANARY).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_comes_back_from_its_disks_and_nothing_lies_there_in_clear() {
    let folder = tempfile::tempdir().unwrap();
    for run in 1..4_u64 {
        let disks = open(folder.path(), run);
        let group = start(&disks).await;
        assert_eq!(kept(&disks), usize::try_from(run - 1).unwrap() * 10, "run {run}");
        for _ in 0..10 {
            let proposal = Proposal { bytes: Bytes::from_static(CANARY), clear: false };
            group.propose(proposal, None).await.unwrap();
        }
        let planted = Proposal { bytes: Bytes::from_static(PLANTED), clear: true };
        group.propose(planted, None).await.unwrap();
        // Once with rows only in the log, once with rows on disk and the log behind them.
        if run == 2 {
            group.snapshot().await.unwrap();
        }
        group.stop().await;
        drop(group);
        close(disks).await;
    }
    let mut planted = 0;
    for name in ["log", "tables", "."] {
        for entry in std::fs::read_dir(folder.path().join(name)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let bytes = std::fs::read(&path).unwrap();
                assert!(!bytes.windows(CANARY.len()).any(|window| window == CANARY), "{}", path.display());
                planted += usize::from(bytes.windows(PLANTED.len()).any(|window| window == PLANTED));
            }
        }
    }
    assert!(planted > 0, "the search finds nothing that lies there");
}
