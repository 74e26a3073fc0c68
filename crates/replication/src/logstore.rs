//! One group's log for openraft, over the port `Log`: encodes, decodes, and passes on; decides nothing.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use openraft::{OptionalSend, RaftLogReader};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use bascule_model::uid::{GroupId, NodeId};
use bascule_statemachine::ports::log::{Log, LogError, Record};

use crate::encode;
use crate::limits::RECENT_LIMIT_BYTES;
use crate::raft::{Entry, LogId, Payload, Types, Vote};
use crate::tally::Tally;

/// The most that one read of the log hands to replication or apply.
const READ_LIMIT_BYTES: usize = 2 << 20;

/// The log of one group. Cheap to clone: openraft reads and writes through clones.
#[derive(Clone)]
pub struct LogStore {
    log: Arc<dyn Log>,
    group: GroupId,
    recent: Arc<Mutex<Recent>>,
    /// Whose votes are elections of its own.
    node: NodeId,
    tally: Arc<Tally>,
}

/// The end of the log, as it was appended. Each follower's replication and apply read it at once: from disk each would read, check
/// and decode it again.
#[derive(Default)]
struct Recent {
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Recent {
    fn push(&mut self, entry: Entry) {
        // What does not follow begins anew: between the two something may lie on disk that is not here.
        if self.entries.back().is_some_and(|last| last.log_id.index() + 1 != entry.log_id.index()) {
            (self.entries, self.bytes) = (VecDeque::new(), 0);
        }
        self.bytes += size(&entry);
        self.entries.push_back(entry);
        while self.bytes > RECENT_LIMIT_BYTES
            && let Some(first) = self.entries.pop_front()
        {
            self.bytes -= size(&first);
        }
    }

    fn truncate(&mut self, from: u64) {
        while let Some(last) = self.entries.pop_back_if(|last| last.log_id.index() >= from) {
            self.bytes -= size(&last);
        }
    }

    fn purge(&mut self, through: u64) {
        while let Some(first) = self.entries.pop_front_if(|first| first.log_id.index() <= through) {
            self.bytes -= size(&first);
        }
    }

    /// Entries from `from` on, up to `to` or `limit_bytes`; `None` where that cannot be told from here.
    fn read(&self, from: u64, to: u64, limit_bytes: usize) -> Option<Vec<Entry>> {
        let first = self.entries.front()?.log_id.index();
        let skipped = usize::try_from(from.checked_sub(first)?).ok()?;
        let mut bytes = 0_usize;
        let found = self.entries.iter().skip(skipped).take_while(|entry| {
            let fits = bytes == 0 || bytes + size(entry) <= limit_bytes;
            bytes += size(entry);
            fits && entry.log_id.index() < to
        });
        let found: Vec<Entry> = found.cloned().collect();
        (!found.is_empty()).then_some(found)
    }
}

/// What an entry counts for.
fn size(entry: &Entry) -> usize {
    let payload = match &entry.payload {
        Payload::Normal(proposal) => proposal.bytes.len(),
        Payload::Blank | Payload::Membership(_) => 0,
    };
    payload + size_of::<Entry>()
}

impl LogStore {
    /// The log of `group`.
    #[must_use]
    pub fn new(log: Arc<dyn Log>, group: GroupId) -> Self {
        Self { log, group, recent: Arc::default(), node: NodeId(0), tally: Arc::default() }
    }

    /// The same at this node, counted.
    #[must_use]
    pub fn counting(self, node: NodeId, tally: Arc<Tally>) -> Self {
        Self { node, tally, ..self }
    }

    fn read(&self, from: u64, to: u64, limit_bytes: usize) -> io::Result<Vec<Entry>> {
        if let Some(entries) = self.recent.lock().read(from, to, limit_bytes) {
            return Ok(entries);
        }
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
        result.map_err(io::Error::other)?;
        self.tally.voted(vote, self.node.0);
        Ok(())
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
        let entries: Vec<Entry> = entries.into_iter().collect();
        let records: Vec<Record> = entries.iter().map(record).collect();
        let bytes: usize = records.iter().map(|record| record.payload.len()).sum();
        self.tally.appended(records.len() as u64, bytes as u64);
        let synced =
            Box::new(move |result: Result<(), LogError>| callback.io_completed(result.map_err(io::Error::other)));
        self.log.append(self.group, records, synced).map_err(io::Error::other)?;
        let mut recent = self.recent.lock();
        entries.into_iter().for_each(|entry| recent.push(entry));
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let from = last.map_or(0, |last| last.index() + 1);
        self.recent.lock().truncate(from);
        self.log.truncate(self.group, from).map_err(io::Error::other)
    }

    async fn purge(&mut self, through: LogId) -> io::Result<()> {
        self.recent.lock().purge(through.index());
        self.log.purge(self.group, through.index(), encode::log_id(&through)).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::Proposal;

    fn entry(term: u64, index: u64, bytes: usize) -> Entry {
        let payload = Payload::Normal(Proposal { bytes: vec![7; bytes].into(), clear: true });
        Entry { log_id: LogId::new_term_index(term, index), payload }
    }

    fn check(recent: &Recent, from: u64, to: u64, limit_bytes: usize, expected: Option<&[u64]>) {
        let found = recent.read(from, to, limit_bytes);
        let found: Option<Vec<u64>> = found.map(|found| found.iter().map(|entry| entry.log_id.index()).collect());
        assert_eq!(found.as_deref(), expected, "{from}..{to}, {limit_bytes} bytes");
        let bytes: usize = recent.entries.iter().map(size).sum();
        assert_eq!(recent.bytes, bytes);
    }

    #[test]
    fn the_end_of_the_log_is_told_and_nothing_else() {
        let mut recent = Recent::default();
        check(&recent, 0, 9, 1_000, None);
        (5..9).for_each(|index| recent.push(entry(1, index, 100)));
        check(&recent, 4, 9, 9_000, None);
        check(&recent, 5, 7, 9_000, Some(&[5, 6]));
        check(&recent, 6, 99, 9_000, Some(&[6, 7, 8]));
        check(&recent, 6, 99, 1, Some(&[6]));
        check(&recent, 9, 99, 9_000, None);
        recent.purge(4);
        recent.truncate(7);
        check(&recent, 5, 99, 9_000, Some(&[5, 6]));
        recent.push(entry(2, 7, 100));
        assert_eq!(recent.read(7, 8, 1).unwrap()[0].log_id, LogId::new_term_index(2, 7));
        // A snapshot was installed.
        recent.push(entry(2, 20, 100));
        check(&recent, 5, 99, 9_000, None);
        check(&recent, 20, 99, 9_000, Some(&[20]));
        recent.purge(20);
        check(&recent, 20, 99, 9_000, None);
        recent.push(entry(2, 21, 100));
        check(&recent, 20, 99, 9_000, None);
        check(&recent, 21, 99, 9_000, Some(&[21]));
        recent.push(entry(2, 22, RECENT_LIMIT_BYTES));
        check(&recent, 22, 99, 9_000, None);
    }
}
