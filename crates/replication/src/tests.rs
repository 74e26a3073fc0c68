//! The adaptors under openraft's own storage suite, over ports held in memory, and apply's own promises.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use openraft::StorageError;
use openraft::storage::{RaftSnapshotBuilder, RaftStateMachine};
use openraft::testing::log::{StoreBuilder, Suite};

use bascule_model::ambient::{Pending, Spawn, TaskKind};
use bascule_model::uid::{GroupId, NodeId, Sequence};
use bascule_statemachine::key::{Key, Part};
use bascule_statemachine::overlay::{InMemory, Overlay};
use bascule_statemachine::ports::log::{Log, LogError, Record, State, Synced};
use bascule_statemachine::ports::propose::ProposeError;
use bascule_statemachine::ports::snapshots::{Chunk, Install, Pinned, Snapshots};
use bascule_statemachine::ports::tables::{Applied, Batch, Read, TableError, Tables};
use bascule_statemachine::register::Table;
use bascule_statemachine::shard::reply::Reply;

use crate::alone::Alone;
use crate::group::{Group, StartError, Timing};
use crate::logstore::LogStore;
use crate::machine::{Answer, ApplyError, Chunks, GroupMachine, Machine, Place};
use crate::raft::{Entry, LogId, Payload, Peer, Proposal, Types};

mod peers;

const GROUP: GroupId = GroupId(1);

#[derive(Default)]
struct MemoryLog {
    state: Mutex<(BTreeMap<u64, Record>, State)>,
}

impl Log for MemoryLog {
    fn state(&self, _: GroupId) -> Result<State, LogError> {
        let (records, state) = &*self.state.lock().unwrap();
        let last = records.last_key_value().map(|(index, record)| (*index, record.id.clone()));
        Ok(State { last, ..state.clone() })
    }

    fn read(&self, _: GroupId, from: u64, to: u64, limit_bytes: usize) -> Result<Vec<Record>, LogError> {
        let (records, _) = &*self.state.lock().unwrap();
        let mut left = limit_bytes;
        let mut found = Vec::new();
        for (_, record) in records.range(from..to.max(from)) {
            if !found.is_empty() && record.payload.len() > left {
                break;
            }
            left = left.saturating_sub(record.payload.len());
            found.push(record.clone());
        }
        Ok(found)
    }

    fn append(&self, _: GroupId, new: Vec<Record>, synced: Synced) -> Result<(), LogError> {
        self.state.lock().unwrap().0.extend(new.into_iter().map(|record| (record.index, record)));
        synced(Ok(()));
        Ok(())
    }

    fn save_vote(&self, _: GroupId, vote: Bytes, synced: Synced) -> Result<(), LogError> {
        self.state.lock().unwrap().1.vote = Some(vote);
        synced(Ok(()));
        Ok(())
    }

    fn save_committed(&self, _: GroupId, committed: Option<Bytes>) -> Result<(), LogError> {
        self.state.lock().unwrap().1.committed = committed;
        Ok(())
    }

    fn truncate(&self, _: GroupId, from: u64) -> Result<(), LogError> {
        self.state.lock().unwrap().0.retain(|index, _| *index < from);
        Ok(())
    }

    fn purge(&self, _: GroupId, through: u64, id: Bytes) -> Result<(), LogError> {
        let (records, state) = &mut *self.state.lock().unwrap();
        records.retain(|index, _| *index > through);
        state.purged = Some((through, id));
        Ok(())
    }
}

/// Rows in memory. A snapshot is one chunk: the number of a copy that all tables share.
#[derive(Clone, Default)]
struct MemoryTables {
    rows: Arc<Mutex<(InMemory, Applied)>>,
    copies: Arc<Mutex<Vec<InMemory>>>,
}

impl MemoryTables {
    /// Tables of another node, to which snapshots of these can be sent.
    fn beside(&self) -> Self {
        Self { copies: Arc::clone(&self.copies), ..Self::default() }
    }
}

impl Tables for MemoryTables {
    fn view(&self, _: GroupId) -> Result<Box<dyn Read + '_>, TableError> {
        Ok(Box::new(self.rows.lock().unwrap().0.clone()))
    }

    fn applied(&self, _: GroupId) -> Result<Applied, TableError> {
        Ok(self.rows.lock().unwrap().1.clone())
    }

    fn commit(&self, _: GroupId, batch: Batch, applied: Applied) -> Result<(), TableError> {
        let (rows, at) = &mut *self.rows.lock().unwrap();
        rows.write(batch);
        *at = applied;
        Ok(())
    }
}

struct MemoryPinned {
    applied: Applied,
    chunks: Vec<Chunk>,
}

impl Pinned for MemoryPinned {
    fn applied(&self) -> &Applied {
        &self.applied
    }

    fn next_chunk(&mut self) -> Result<Option<Chunk>, TableError> {
        Ok(self.chunks.pop())
    }
}

struct MemoryInstall {
    tables: MemoryTables,
    received: Option<usize>,
}

impl Install for MemoryInstall {
    fn chunk(&mut self, chunk: Chunk) -> Result<(), TableError> {
        self.received = Some(usize::from(chunk[0]));
        Ok(())
    }

    fn finish(self: Box<Self>, applied: Applied) -> Result<(), TableError> {
        let copy = self.tables.copies.lock().unwrap()[self.received.unwrap()].clone();
        *self.tables.rows.lock().unwrap() = (copy, applied);
        Ok(())
    }
}

impl Snapshots for MemoryTables {
    fn flush(&self, group: GroupId) -> Result<Applied, TableError> {
        self.applied(group)
    }

    fn pin(&self, _: GroupId) -> Result<Box<dyn Pinned + '_>, TableError> {
        let (rows, applied) = self.rows.lock().unwrap().clone();
        let mut copies = self.copies.lock().unwrap();
        copies.push(rows);
        let chunk = Bytes::from(vec![u8::try_from(copies.len() - 1).unwrap()]);
        Ok(Box::new(MemoryPinned { applied, chunks: vec![chunk] }))
    }

    fn install(&self, _: GroupId) -> Result<Box<dyn Install + '_>, TableError> {
        Ok(Box::new(MemoryInstall { tables: self.clone(), received: None }))
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

/// Writes each command into the row of its index, and keeps how often it was told of written rows.
#[derive(Default)]
struct Recorder {
    told: Arc<Mutex<Vec<(u64, usize)>>>,
}

impl Machine for Recorder {
    type Effects = ();

    fn apply(&self, rows: &mut Overlay<'_>, place: Place, command: &Bytes) -> Result<(Answer, ()), ApplyError> {
        rows.put(row(place.index), command.clone());
        Ok((echo(command), ()))
    }

    fn written(&self, place: Place, effects: Vec<()>) {
        self.told.lock().unwrap().push((place.index, effects.len()));
    }

    fn installed(&self, _: &dyn Read, _: Place) -> Result<(), ApplyError> {
        Ok(())
    }
}

/// An answer that tells commands apart.
fn echo(command: &Bytes) -> Answer {
    let said = command.iter().map(|byte| Sequence(u64::from(*byte))).collect();
    Answer::Shard(vec![Reply::Appended(said)])
}

fn row(index: u64) -> Key {
    Key::new(Table::Events, [Part::Number(index)])
}

fn machine(tables: &MemoryTables, recorder: Recorder) -> GroupMachine<Recorder> {
    GroupMachine::new(Arc::new(tables.clone()), Arc::new(tables.clone()), Arc::new(Threads), GROUP, recorder)
}

struct Builder {
    copies: Arc<Mutex<Vec<InMemory>>>,
}

impl StoreBuilder<Types, LogStore, GroupMachine<Recorder>, ()> for Builder {
    async fn build(&self) -> Result<((), LogStore, GroupMachine<Recorder>), StorageError<Types>> {
        let tables = MemoryTables { copies: Arc::clone(&self.copies), ..MemoryTables::default() };
        let log = LogStore::new(Arc::new(MemoryLog::default()), GROUP);
        Ok(((), log, machine(&tables, Recorder::default())))
    }
}

#[tokio::test]
async fn openrafts_own_storage_suite_passes() {
    Suite::test_all(Builder { copies: Arc::default() }).await.unwrap();
}

fn commands(range: std::ops::Range<u64>) -> Vec<Entry> {
    let proposal = |index: u64| Proposal { bytes: Bytes::from(index.to_be_bytes().to_vec()), clear: true };
    range
        .map(|index| Entry { log_id: LogId::new_term_index(1, index), payload: Payload::Normal(proposal(index)) })
        .collect()
}

#[tokio::test]
async fn a_long_stretch_of_the_log_becomes_several_batches_in_order() {
    let (tables, recorder) = (MemoryTables::default(), Recorder::default());
    let told = Arc::clone(&recorder.told);
    let mut machine = machine(&tables, recorder);
    machine.apply(stream::iter(commands(1..151).into_iter().map(|entry| Ok((entry, None))))).await.unwrap();
    assert_eq!(*told.lock().unwrap(), [(64, 64), (128, 64), (150, 22)]);
    let (applied, _) = machine.applied_state().await.unwrap();
    assert_eq!(applied, Some(LogId::new_term_index(1, 150)));
    let rows = tables.view(GROUP).unwrap();
    assert_eq!(rows.get(&row(77)).unwrap(), Some(Bytes::from(77_u64.to_be_bytes().to_vec())));
}

#[tokio::test]
async fn a_snapshot_holds_the_rows_of_its_applied_id_and_none_later() {
    let tables = MemoryTables::default();
    let mut from = machine(&tables, Recorder::default());
    from.apply(stream::iter(commands(1..11).into_iter().map(|entry| Ok((entry, None))))).await.unwrap();
    let snapshot = from.get_snapshot_builder().await.build_snapshot().await.unwrap();
    from.apply(stream::iter(commands(11..21).into_iter().map(|entry| Ok((entry, None))))).await.unwrap();

    let other = MemoryTables { copies: Arc::clone(&tables.copies), ..MemoryTables::default() };
    let mut to = machine(&other, Recorder::default());
    to.install_snapshot(&snapshot.meta, snapshot.snapshot).await.unwrap();
    assert_eq!(to.applied_state().await.unwrap().0, Some(LogId::new_term_index(1, 10)));
    let rows = other.view(GROUP).unwrap();
    assert!(rows.get(&row(10)).unwrap().is_some());
    assert!(rows.get(&row(11)).unwrap().is_none());
}

#[tokio::test]
async fn a_snapshot_that_breaks_off_changes_nothing() {
    let tables = MemoryTables::default();
    let mut to = machine(&tables, Recorder::default());
    to.apply(stream::iter(commands(1..4).into_iter().map(|entry| Ok((entry, None))))).await.unwrap();
    let before = tables.rows.lock().unwrap().clone();
    let (send, chunks) = tokio::sync::mpsc::channel(1);
    let broken = TableError::Disk { group: GROUP, verb: "read", why: "planted".to_owned() };
    send.send(Err(broken)).await.unwrap();
    drop(send);
    let meta = crate::raft::SnapshotMeta { last_log_id: Some(LogId::new_term_index(9, 9)), ..Default::default() };
    let result = to.install_snapshot(&meta, Chunks::received(chunks)).await;
    assert!(result.unwrap_err().to_string().contains("planted"));
    assert_eq!(*tables.rows.lock().unwrap(), before);
}

const NODE: NodeId = NodeId(1);
const LIMIT: Duration = Duration::from_secs(20);

async fn group_over(log: &Arc<MemoryLog>, tables: &MemoryTables) -> Group<Recorder> {
    let store = LogStore::new(Arc::clone(log) as Arc<dyn Log>, GROUP);
    let timing = Timing { heartbeat_ms: 20, election_min_ms: 60, election_max_ms: 120 };
    let peers = Arc::new(Alone);
    Group::start(GROUP, NODE, timing, store, machine(tables, Recorder::default()), peers).await.unwrap()
}

fn proposal(number: u64) -> Proposal {
    Proposal { bytes: Bytes::from(number.to_be_bytes().to_vec()), clear: true }
}

#[tokio::test]
async fn a_group_of_one_answers_and_remembers() {
    let (log, tables) = (Arc::new(MemoryLog::default()), MemoryTables::default());
    let group = group_over(&log, &tables).await;
    group.form(NODE, Peer::default()).await.unwrap();
    let term = group.led(NODE, LIMIT).await.unwrap();
    let answers = futures_util::future::join_all((0..200).map(|number| group.propose(proposal(number), None))).await;
    let mut places = BTreeMap::new();
    for (number, answer) in answers.into_iter().enumerate() {
        let (place, answer) = answer.unwrap();
        assert_eq!(answer, echo(&proposal(number as u64).bytes));
        assert_eq!(place.term, term);
        assert!(places.insert(place.index, number as u64).is_none(), "two proposals at {}", place.index);
    }
    group.stop().await;
    assert!(matches!(group.propose(proposal(0), None).await, Err(ProposeError::Unknown { .. })));

    // As after a crash that took every row with it: the log alone brings them back.
    let tables = MemoryTables::default();
    let group = group_over(&log, &tables).await;
    group.form(NODE, Peer::default()).await.unwrap();
    let later = group.led(NODE, LIMIT).await.unwrap();
    assert!(later > term, "{later} after {term}");
    let rows = tables.view(GROUP).unwrap();
    for (index, number) in places {
        assert_eq!(rows.get(&row(index)).unwrap(), Some(proposal(number).bytes), "row {index}");
    }
    group.stop().await;
}

#[tokio::test]
async fn a_proposal_for_a_term_that_is_over_is_not_written() {
    let (log, tables) = (Arc::new(MemoryLog::default()), MemoryTables::default());
    let group = group_over(&log, &tables).await;
    group.form(NODE, Peer::default()).await.unwrap();
    let term = group.led(NODE, LIMIT).await.unwrap();
    assert!(group.propose(proposal(1), Some(term)).await.is_ok());
    let last = log.state(GROUP).unwrap().last;
    for other in [term - 1, term + 1] {
        let refused = group.propose(proposal(2), Some(other)).await;
        assert!(matches!(refused, Err(ProposeError::NotLeading { .. })), "{refused:?}");
    }
    assert_eq!(log.state(GROUP).unwrap().last, last);
    group.stop().await;
}

#[tokio::test]
async fn timing_that_contradicts_itself_is_refused() {
    let (log, tables) = (Arc::new(MemoryLog::default()), MemoryTables::default());
    let store = LogStore::new(log as Arc<dyn Log>, GROUP);
    let timing = Timing { heartbeat_ms: 500, election_min_ms: 60, election_max_ms: 120 };
    let machine = machine(&tables, Recorder::default());
    let refused = Group::start(GROUP, NODE, timing, store, machine, Arc::new(Alone)).await;
    assert!(matches!(refused.err(), Some(StartError::Timing { .. })));
}
