//! One group's log for openraft, over the port `Log`: encodes, decodes, and passes on; decides nothing.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use openraft::{OptionalSend, RaftLogReader};
use tokio::sync::oneshot;

use bascule_model::uid::GroupId;
use bascule_statemachine::ports::log::{Log, LogError, Record};

use crate::encode;
use crate::raft::{Entry, LogId, Types, Vote};

/// The most that one read of the log hands to replication or apply.
const READ_LIMIT_BYTES: usize = 2 << 20;

/// The log of one group. Cheap to clone: openraft reads and writes through clones.
#[derive(Clone)]
pub struct LogStore {
    log: Arc<dyn Log>,
    group: GroupId,
}

impl LogStore {
    /// The log of `group`.
    #[must_use]
    pub fn new(log: Arc<dyn Log>, group: GroupId) -> Self {
        Self { log, group }
    }

    fn read(&self, from: u64, to: u64, limit_bytes: usize) -> io::Result<Vec<Entry>> {
        let records = self.log.read(self.group, from, to, limit_bytes).map_err(io::Error::other)?;
        records.into_iter().map(|record| Ok(entry(&record)?)).collect()
    }
}

fn entry(record: &Record) -> Result<Entry, encode::EncodeError> {
    Ok(Entry {
        log_id: encode::read_log_id(&record.id)?,
        payload: encode::read_payload(&record.payload, record.clear)?,
    })
}

fn record(entry: &Entry) -> Record {
    Record {
        index: entry.log_id.index(),
        id: encode::log_id(&entry.log_id),
        payload: encode::payload(&entry.payload),
        clear: encode::is_clear(&entry.payload),
    }
}

fn bounds(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let from = match range.start_bound() {
        Bound::Included(from) => *from,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let to = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(to) => *to,
        Bound::Unbounded => u64::MAX,
    };
    (from, to)
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> io::Result<Vec<Entry>>
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let (mut from, to) = bounds(&range);
        let mut entries = Vec::new();
        // openraft takes what is missing here for the end of the log, so the whole range is read, piece by piece.
        while from < to {
            let more = self.read(from, to, READ_LIMIT_BYTES)?;
            let Some(last) = more.last() else { break };
            from = last.log_id.index() + 1;
            entries.extend(more);
        }
        Ok(entries)
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        let state = self.log.state(self.group).map_err(io::Error::other)?;
        Ok(state.vote.as_ref().map(encode::read_vote).transpose()?)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.read(start, end, READ_LIMIT_BYTES)
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let state = self.log.state(self.group).map_err(io::Error::other)?;
        let id =
            |place: &Option<(u64, bytes::Bytes)>| place.as_ref().map(|(_, id)| encode::read_log_id(id)).transpose();
        let purged = id(&state.purged)?;
        Ok(LogState { last_purged_log_id: purged, last_log_id: id(&state.last)?.or(purged) })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let (done, synced) = oneshot::channel();
        let report = Box::new(move |result: Result<(), LogError>| {
            // The caller is gone only when the group has stopped; the vote is saved all the same.
            let _ = done.send(result);
        });
        self.log.save_vote(self.group, encode::vote(vote), report).map_err(io::Error::other)?;
        let result = synced.await.map_err(|_| io::Error::other("the sync thread ended before the vote was on disk"))?;
        result.map_err(io::Error::other)
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        self.log.save_committed(self.group, committed.as_ref().map(encode::log_id)).map_err(io::Error::other)
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        let state = self.log.state(self.group).map_err(io::Error::other)?;
        Ok(state.committed.as_ref().map(encode::read_log_id).transpose()?)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let records = entries.into_iter().map(|entry| record(&entry)).collect();
        let synced =
            Box::new(move |result: Result<(), LogError>| callback.io_completed(result.map_err(io::Error::other)));
        self.log.append(self.group, records, synced).map_err(io::Error::other)
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let from = last.map_or(0, |last| last.index() + 1);
        self.log.truncate(self.group, from).map_err(io::Error::other)
    }

    async fn purge(&mut self, through: LogId) -> io::Result<()> {
        self.log.purge(self.group, through.index(), encode::log_id(&through)).map_err(io::Error::other)
    }
}
