//! One group's state machine for openraft: applies stretches of the log to the tables, each as one batch, then answers.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use openraft::OptionalSend;
use openraft::storage::{ApplyResponder, EntryResponder, RaftSnapshotBuilder, RaftStateMachine, Snapshot};
use tokio::sync::{mpsc, oneshot};

use bascule_model::ambient::{Spawn, TaskKind};
use bascule_model::uid::GroupId;
use bascule_statemachine::codec::CodecError;
use bascule_statemachine::control::reply::Reply as ControlReply;
use bascule_statemachine::overlay::Overlay;
use bascule_statemachine::ports::snapshots::{Chunk, Snapshots};
use bascule_statemachine::ports::tables::{Applied, Batch, Read, TableError, Tables};
use bascule_statemachine::shard::reply::Reply as ShardReply;
use bascule_statemachine::{control, shard};

use crate::encode;
use crate::raft::{CommittedLeader, Entry, LogId, Payload, Peer, SnapshotMeta, StoredMembership, Types};
use crate::tally::Tally;

/// The most entries that become one batch of row changes.
const STRETCH_LIMIT_ENTRIES: usize = 64;
/// Chunks of a snapshot that wait for a slow reader.
const SNAPSHOT_BUFFER_CHUNKS: usize = 2;

/// What one group's machine answers to one entry: opaque to openraft.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A blank or membership entry, which no proposer of ours waits for.
    Nothing,
    /// The control machine's.
    Control(ControlReply),
    /// The shard machine's, one for each command.
    Shard(Vec<ShardReply>),
}

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Index in the group's log.
    pub index: u64,
    /// The term whose leader wrote it.
    pub term: u64,
}

/// Why an entry could not be applied. The group stops: to go on without it would be to differ from the others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The rows failed.
    #[error(transparent)]
    Tables(#[from] TableError),
    /// The entry is none that this build can read.
    #[error("entry {index} of {group} cannot be applied")]
    Codec {
        /// The group.
        group: GroupId,
        /// The entry's index.
        index: u64,
        /// What the codec said.
        #[source]
        source: CodecError,
    },
    /// The control machine cannot go on.
    #[error("the control machine stopped at entry {index}")]
    Control {
        /// The entry's index.
        index: u64,
        /// Why.
        #[source]
        source: control::Error,
    },
    /// A shard machine cannot go on.
    #[error("the machine of {group} stopped at entry {index}")]
    Shard {
        /// The group.
        group: GroupId,
        /// The entry's index.
        index: u64,
        /// Why.
        #[source]
        source: shard::Error,
    },
}

/// The control or shard machine as a group runs it.
pub trait Machine: Send + Sync + 'static {
    /// What apply leaves for others to do once the rows are written.
    type Effects: Send;

    /// Applies one command to the rows. Deterministic: no clock, no chance, nothing but its arguments.
    ///
    /// # Errors
    /// [`ApplyError`]; the group then stops.
    fn apply(
        &self,
        rows: &mut Overlay<'_>,
        place: Place,
        command: &Bytes,
    ) -> Result<(Answer, Self::Effects), ApplyError>;

    /// Told when all rows were replaced by those of a snapshot, and `place` is what is applied in them.
    ///
    /// # Errors
    /// [`ApplyError`]; the group then stops.
    fn installed(&self, rows: &dyn Read, place: Place) -> Result<(), ApplyError>;

    /// Told after the rows up to and including `place` are readable, before anybody is answered.
    fn written(&self, place: Place, effects: Vec<Self::Effects>);
}

/// A group's rows and machine.
pub struct GroupMachine<M: Machine> {
    tables: Arc<dyn Tables>,
    snapshots: Arc<dyn Snapshots>,
    spawn: Arc<dyn Spawn>,
    group: GroupId,
    machine: M,
    tally: Arc<Tally>,
}

impl<M: Machine> GroupMachine<M> {
    /// The machine of `group` over its rows.
    #[must_use]
    pub fn new(
        tables: Arc<dyn Tables>,
        snapshots: Arc<dyn Snapshots>,
        spawn: Arc<dyn Spawn>,
        group: GroupId,
        machine: M,
    ) -> Self {
        Self { tables, snapshots, spawn, group, machine, tally: Arc::default() }
    }

    /// The same, counted.
    #[must_use]
    pub fn counting(self, tally: Arc<Tally>) -> Self {
        Self { tally, ..self }
    }

    fn builder(&self) -> SnapshotBuilder {
        SnapshotBuilder { snapshots: Arc::clone(&self.snapshots), spawn: Arc::clone(&self.spawn), group: self.group }
    }

    /// Applies one stretch and writes it as one batch; answers go out only after that.
    fn apply_stretch(&self, stretch: Vec<EntryResponder<Types>>) -> io::Result<()> {
        let Some((last, _)) = stretch.last() else {
            return Ok(());
        };
        let place = place(last);
        let mut applied = self.tables.applied(self.group).map_err(io::Error::other)?;
        applied.log_id = encode::log_id(&last.log_id);
        let mut answers: Vec<(Option<ApplyResponder<Types>>, Answer)> = Vec::with_capacity(stretch.len());
        let mut effects = Vec::new();
        let batch = {
            let below = self.tables.view(self.group).map_err(io::Error::other)?;
            let mut rows = Overlay::over(&*below);
            for (entry, responder) in stretch {
                let answer = match &entry.payload {
                    Payload::Blank => Answer::Nothing,
                    Payload::Membership(membership) => {
                        let stored = StoredMembership::new(Some(entry.log_id), membership.clone());
                        applied.membership = encode::stored_membership(&stored);
                        Answer::Nothing
                    }
                    Payload::Normal(proposal) => {
                        let done = self.machine.apply(&mut rows, self::place(&entry), &proposal.bytes);
                        let (answer, effect) = done.map_err(io::Error::other)?;
                        effects.push(effect);
                        answer
                    }
                };
                answers.push((responder, answer));
            }
            rows.into_batch()
        };
        self.commit(batch, applied)?;
        self.machine.written(place, effects);
        for (responder, answer) in answers {
            if let Some(responder) = responder {
                responder.send(answer);
            }
        }
        Ok(())
    }

    fn commit(&self, batch: Batch, applied: Applied) -> io::Result<()> {
        self.tables.commit(self.group, batch, applied).map_err(io::Error::other)
    }
}

fn place(entry: &Entry) -> Place {
    Place { index: entry.log_id.index(), term: entry.log_id.committed_leader_id().term }
}

fn applied_state(applied: &Applied) -> io::Result<(Option<LogId>, StoredMembership)> {
    let log_id = if applied.log_id.is_empty() { None } else { Some(encode::read_log_id(&applied.log_id)?) };
    Ok((log_id, encode::read_stored_membership(&applied.membership)?))
}

fn meta(applied: &Applied) -> io::Result<SnapshotMeta> {
    let (last_log_id, last_membership) = applied_state(applied)?;
    Ok(SnapshotMeta { last_log_id, last_membership })
}

/// A snapshot on its way: chunks that a thread reads from pinned rows, no faster than they are taken.
pub struct Chunks {
    chunks: mpsc::Receiver<Result<Chunk, TableError>>,
}

impl Chunks {
    /// A snapshot whose chunks somebody else sends, as from a peer.
    #[must_use]
    pub fn received(chunks: mpsc::Receiver<Result<Chunk, TableError>>) -> Self {
        Self { chunks }
    }

    /// The next chunk; `None` behind the last.
    ///
    /// # Errors
    /// [`TableError`] of the sender's rows.
    pub async fn next(&mut self) -> Result<Option<Chunk>, TableError> {
        self.chunks.recv().await.transpose()
    }
}

/// What openraft calls a snapshot of ours.
pub type GroupSnapshot = Snapshot<CommittedLeader, u64, Peer, Chunks>;

/// Pins and flushes a group's rows.
pub struct SnapshotBuilder {
    snapshots: Arc<dyn Snapshots>,
    spawn: Arc<dyn Spawn>,
    group: GroupId,
}

impl SnapshotBuilder {
    /// Pins the rows on a thread of their own; with `flush`, they are on disk when this returns, so that the log may be purged.
    async fn pin(&self, flush: bool) -> io::Result<GroupSnapshot> {
        let (pinned, ready) = oneshot::channel();
        let (send, chunks) = mpsc::channel(SNAPSHOT_BUFFER_CHUNKS);
        let (snapshots, group) = (Arc::clone(&self.snapshots), self.group);
        let work = move || {
            let mut rows = match snapshots.pin(group) {
                Ok(rows) => rows,
                Err(error) => return drop(pinned.send(Err(error))),
            };
            // Flushed after pinning: what the meta names is then on disk, and perhaps more.
            if flush && let Err(error) = snapshots.flush(group) {
                return drop(pinned.send(Err(error)));
            }
            if pinned.send(Ok(rows.applied().clone())).is_err() {
                return;
            }
            // A receiver that is gone ends the reading; nothing else waits for it.
            while let Some(chunk) = rows.next_chunk().transpose() {
                let failed = chunk.is_err();
                if send.blocking_send(chunk).is_err() || failed {
                    return;
                }
            }
        };
        self.spawn.block(TaskKind::Upkeep, Box::new(work));
        let applied = ready.await.map_err(|_| io::Error::other("the snapshot's thread ended early"))?;
        let meta = meta(&applied.map_err(io::Error::other)?)?;
        Ok(Snapshot { meta, snapshot: Chunks { chunks } })
    }
}

impl RaftSnapshotBuilder<Types> for SnapshotBuilder {
    type SnapshotData = Chunks;

    async fn build_snapshot(&mut self) -> io::Result<GroupSnapshot> {
        self.pin(true).await
    }
}

impl<M: Machine> RaftStateMachine<Types> for GroupMachine<M> {
    type SnapshotData = Chunks;
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        applied_state(&self.tables.applied(self.group).map_err(io::Error::other)?)
    }

    async fn apply<Strm>(&mut self, entries: Strm) -> io::Result<()>
    where
        Strm: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + OptionalSend,
    {
        let mut stretches = entries.chunks(STRETCH_LIMIT_ENTRIES);
        while let Some(stretch) = stretches.next().await {
            self.apply_stretch(stretch.into_iter().collect::<io::Result<_>>()?)?;
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        self.builder()
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, mut snapshot: Chunks) -> io::Result<()> {
        let log_id = meta.last_log_id.as_ref().map(encode::log_id).unwrap_or_default();
        let applied = Applied { log_id, membership: encode::stored_membership(&meta.last_membership) };
        let (done, installed) = oneshot::channel();
        let (snapshots, group) = (Arc::clone(&self.snapshots), self.group);
        let mut work = move || -> Result<(), TableError> {
            let mut install = snapshots.install(group)?;
            while let Some(chunk) = snapshot.chunks.blocking_recv() {
                install.chunk(chunk?)?;
            }
            install.finish(applied.clone())
        };
        self.spawn.block(TaskKind::Upkeep, Box::new(move || drop(done.send(work()))));
        let result = installed.await.map_err(|_| io::Error::other("the installing thread ended early"))?;
        result.map_err(io::Error::other)?;
        self.tally.installed_snapshot();
        let Some(last) = &meta.last_log_id else { return Ok(()) };
        let place = Place { index: last.index(), term: last.committed_leader_id().term };
        let rows = self.tables.view(self.group).map_err(io::Error::other)?;
        self.machine.installed(&*rows, place).map_err(io::Error::other)
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<GroupSnapshot>> {
        let (log_id, _) = self.applied_state().await?;
        match log_id {
            Some(_) => {
                // openraft asks for it when it sends it.
                self.tally.sends_snapshot();
                self.builder().pin(false).await.map(Some)
            }
            None => Ok(None),
        }
    }
}
