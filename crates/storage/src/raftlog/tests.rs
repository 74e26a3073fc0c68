//! The logs over a simulated disk and over RocksDB.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};

use bascule_model::ambient::{Clock, Pending, Spawn, TaskKind};
use bascule_model::time::{BootMillis, Millis};
use bascule_model::uid::GroupId;
use bascule_statemachine::ports::log::{Log, LogError, Record, Synced};
use bytes::Bytes;

use crate::error::Error;
use crate::marker::SlotFile;
use crate::raftlog::simulated::{Simulated, SimulatedMarker};
use crate::raftlog::{Disk, Logs, Options, Sync};
use crate::seal::toy::Toy;

struct Threads;

impl Spawn for Threads {
    fn spawn(&self, _: TaskKind, _: Pending<'static, ()>) {}
    fn block(&self, _: TaskKind, work: Box<dyn FnOnce() + Send>) {
        drop(std::thread::Builder::new().spawn(work));
    }
}

#[derive(Default)]
struct Ticks(AtomicU64);

impl Clock for Ticks {
    fn wall(&self) -> Millis {
        Millis(0)
    }
    fn boot(&self) -> BootMillis {
        BootMillis(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

const ONE: GroupId = GroupId(1);

fn open_with(disk: Arc<dyn Disk>, marker: Box<dyn SlotFile>, accept_loss: bool) -> Result<Logs, Error> {
    let (seal, clock) = (Arc::new(Toy), Arc::new(Ticks::default()));
    Logs::open(Options { disk, marker, seal, clock, accept_loss, sync: Sync::Real, meter: None }, &Threads)
}

#[test]
fn in_step_what_is_submitted_is_synced_before_the_call_returns() {
    let (disk, marker) = (Simulated::default(), SimulatedMarker::default());
    let open = |sync| {
        let (seal, clock) = (Arc::new(Toy), Arc::new(Ticks::default()));
        let (disk, marker) = (Arc::new(disk.clone()), Box::new(marker.clone()));
        Logs::open(Options { disk, marker, seal, clock, accept_loss: false, sync, meter: None }, &Threads).unwrap()
    };
    let logs = open(Sync::InStep);
    for index in 0..3 {
        let (to, answers) = channel();
        logs.append(ONE, vec![record(index)], answer(index, &to)).unwrap();
        assert_eq!((answers.try_recv(), disk.unsynced()), (Ok((index, Ok(()))), 0));
    }
    drop(logs);
    // The marker says the same as behind a thread.
    assert_eq!(indexes(&open(Sync::Real), usize::MAX), [0, 1, 2]);
    let logs = open(Sync::InStep);
    disk.fail_sync();
    let (to, answers) = channel();
    logs.append(ONE, vec![record(3)], answer(3, &to)).unwrap();
    assert!(answers.try_recv().unwrap().1.is_err());
    assert!(logs.append(ONE, vec![record(4)], Box::new(|_| ())).is_err(), "nothing is tried again after a failed sync");
}

fn open(disk: &Simulated, marker: &SimulatedMarker) -> Logs {
    open_with(Arc::new(disk.clone()), Box::new(marker.clone()), false).unwrap()
}

fn record(index: u64) -> Record {
    let id = Bytes::copy_from_slice(&index.to_be_bytes());
    Record { index, id, payload: Bytes::from(vec![b'p'; 10]), clear: index.is_multiple_of(2) }
}

type Answers = Receiver<(u64, Result<(), LogError>)>;

fn answer(number: u64, to: &std::sync::mpsc::Sender<(u64, Result<(), LogError>)>) -> Synced {
    let to = to.clone();
    Box::new(move |result| drop(to.send((number, result))))
}

fn append(logs: &Logs, indexes: impl IntoIterator<Item = u64>) -> Answers {
    let (to, answers) = channel();
    for index in indexes {
        logs.append(ONE, vec![record(index)], answer(index, &to)).unwrap();
    }
    answers
}

fn indexes(logs: &Logs, limit_bytes: usize) -> Vec<u64> {
    logs.read(ONE, 0, 100, limit_bytes).unwrap().iter().map(|record| record.index).collect()
}

#[test]
fn what_is_appended_is_read_truncated_and_purged() {
    let folder = tempfile::tempdir().unwrap();
    let on_rocks: Arc<dyn Disk> = Arc::new(crate::raftlog::rocks::Rocks::open(folder.path()).unwrap());
    for disk in [Arc::new(Simulated::default()) as Arc<dyn Disk>, on_rocks] {
        let marker = SimulatedMarker::default();
        let logs = open_with(Arc::clone(&disk), Box::new(marker.clone()), false).unwrap();
        let answers = append(&logs, 0..8);
        assert_eq!(logs.read(ONE, 2, 4, usize::MAX).unwrap(), [record(2), record(3)]);
        let order: Vec<_> = answers.iter().take(8).collect();
        assert_eq!(order, (0..8).map(|index| (index, Ok(()))).collect::<Vec<_>>());
        assert_eq!((indexes(&logs, 0), indexes(&logs, 100).len() < 8), (vec![0], true));
        let gap = logs.append(ONE, vec![record(9)], Box::new(|_| ()));
        assert!(matches!(gap, Err(LogError::Damaged { index: 9, .. })));
        logs.truncate(ONE, 6).unwrap();
        logs.purge(ONE, 3, record(3).id).unwrap();
        assert_eq!(indexes(&logs, usize::MAX), [4, 5]);
        append(&logs, [6]).recv().unwrap().1.unwrap();
        let (to, answers) = channel();
        logs.save_vote(ONE, Bytes::from_static(b"vote"), answer(0, &to)).unwrap();
        answers.recv().unwrap().1.unwrap();
        drop(logs);
        let logs = open_with(Arc::clone(&disk), Box::new(marker), false).unwrap();
        let state = logs.state(ONE).unwrap();
        assert_eq!((state.last, state.purged), (Some((6, record(6).id)), Some((3, record(3).id))));
        assert_eq!(state.vote.as_deref(), Some(&b"vote"[..]));
        logs.purge(ONE, 20, record(20).id).unwrap();
        assert_eq!(logs.state(ONE).unwrap().last, Some((20, record(20).id)));
        append(&logs, [21]).recv().unwrap().1.unwrap();
        drop(logs);
        // RocksDB aborts a process that ends while a thread still closes it.
        while Arc::strong_count(&disk) > 1 {
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_power_cut_loses_only_what_was_not_acknowledged() {
    let (disk, marker) = (Simulated::default(), SimulatedMarker::default());
    let logs = open(&disk, &marker);
    append(&logs, [0, 1]).iter().take(2).for_each(|(_, result)| result.unwrap());
    for written in [false, true] {
        let after = open(&disk.cut(0), &marker.cut(written));
        assert_eq!(indexes(&after, usize::MAX), [0, 1]);
    }
    disk.fail_sync();
    let (to, answers) = channel();
    logs.append(ONE, vec![record(2)], answer(2, &to)).unwrap();
    assert!(matches!(answers.recv().unwrap(), (2, Err(LogError::Poisoned { .. }))));
    for kept in 0..=disk.unsynced() {
        let after = open(&disk.cut(kept), &marker.cut(true));
        assert_eq!(indexes(&after, usize::MAX), (0..2 + kept as u64).collect::<Vec<_>>(), "kept {kept}");
    }
    let later = logs.append(ONE, vec![record(3)], Box::new(|_| ()));
    assert!(matches!(later, Err(LogError::Poisoned { .. })));
    assert!(matches!(logs.state(ONE), Err(LogError::Poisoned { .. })));
}

#[test]
fn a_log_behind_its_marker_is_refused_unless_the_loss_is_accepted() {
    let (disk, marker) = (Simulated::default(), SimulatedMarker::default());
    let logs = open(&disk, &marker);
    append(&logs, 0..3).iter().take(3).for_each(|(_, result)| result.unwrap());
    drop(logs);
    let empty = Simulated::default();
    let start = |accept| open_with(Arc::new(empty.clone()), Box::new(marker.clone()), accept);
    assert!(matches!(start(false), Err(Error::LogBehindMarker { group: ONE, marker: 2, log: None })));
    drop(start(true).unwrap());
    drop(start(false).unwrap());
    let missing = open_with(Arc::new(disk), Box::new(SimulatedMarker::default()), false);
    assert!(matches!(missing, Err(Error::MarkerMissing)));
}
