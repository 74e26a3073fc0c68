//! One shard group's proposer: commands of many callers joined into one entry while the one before is on its way to disk.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use prost::Message;
use tokio::sync::{mpsc, oneshot};

use bascule_model::ambient::Pending;
use bascule_model::time::Millis;
use bascule_model::uid::GroupId;
use bascule_statemachine::codec;
use bascule_statemachine::codec::shard::{Command, Entry, Kind};
use bascule_statemachine::ports::propose::ProposeError;
use bascule_statemachine::shard::reply::Reply;

use crate::group::Group;
use crate::limits::{
    ENTRY_LIMIT_BYTES, ENTRY_LIMIT_COMMANDS, ENTRY_SOFT_BYTES, GROUP_OPEN_LIMIT_ENTRIES, GROUP_WAITING_LIMIT_BYTES,
    GROUP_WAITING_LIMIT_CALLS, NODE_WAITING_LIMIT_BYTES,
};
use crate::machine::Answer;
use crate::machines::ShardMachine;
use crate::raft::Proposal;
use crate::time::GroupTime;

type Replied = oneshot::Sender<Result<Vec<Reply>, ProposeError>>;

/// The commands of one call.
struct Call {
    commands: Vec<Command>,
    bytes: usize,
    only_in_term: Option<u64>,
    replied: Replied,
}

/// Bytes that wait, of one group and of its node.
#[derive(Debug)]
pub(crate) struct Waiting {
    group: AtomicUsize,
    node: Arc<AtomicUsize>,
}

impl Waiting {
    fn take(&self, group: GroupId, bytes: usize) -> Result<(), ProposeError> {
        let busy = |waiting_bytes, limit_bytes| Err(ProposeError::Busy { group, waiting_bytes, limit_bytes });
        let here = self.group.fetch_add(bytes, Ordering::AcqRel);
        if here + bytes > GROUP_WAITING_LIMIT_BYTES {
            self.group.fetch_sub(bytes, Ordering::AcqRel);
            return busy(here, GROUP_WAITING_LIMIT_BYTES);
        }
        let node = self.node.fetch_add(bytes, Ordering::AcqRel);
        if node + bytes > NODE_WAITING_LIMIT_BYTES {
            self.give(bytes);
            return busy(node, NODE_WAITING_LIMIT_BYTES);
        }
        Ok(())
    }

    fn give(&self, bytes: usize) {
        self.group.fetch_sub(bytes, Ordering::AcqRel);
        self.node.fetch_sub(bytes, Ordering::AcqRel);
    }
}

/// Where calls go in. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Handle {
    group: GroupId,
    calls: mpsc::Sender<Call>,
    waiting: Arc<Waiting>,
    unflushed_bytes: Arc<AtomicU64>,
    time: Arc<GroupTime>,
}

impl Handle {
    /// A handle and the proposer that serves it.
    pub(crate) fn new(
        group: Group<ShardMachine>,
        id: GroupId,
        node: Arc<AtomicUsize>,
        time: Arc<GroupTime>,
    ) -> (Self, Proposer) {
        let (send, calls) = mpsc::channel(GROUP_WAITING_LIMIT_CALLS);
        let waiting = Arc::new(Waiting { group: AtomicUsize::new(0), node });
        let unflushed_bytes = Arc::new(AtomicU64::new(0));
        let handle = Self {
            group: id,
            calls: send,
            waiting: Arc::clone(&waiting),
            unflushed_bytes: Arc::clone(&unflushed_bytes),
            time: Arc::clone(&time),
        };
        (handle, Proposer { id, group, calls, held: None, waiting, unflushed_bytes, time })
    }

    /// What an entry of `term` would be stamped with now.
    pub(crate) fn time(&self, term: u64) -> Millis {
        self.time.now(term)
    }

    pub(crate) fn waiting_bytes(&self) -> usize {
        self.waiting.group.load(Ordering::Acquire)
    }

    /// Bytes written to the log since this was last asked with more than `least`; zero if it is less.
    pub(crate) fn take_unflushed(&self, least: u64) -> u64 {
        let bytes = self.unflushed_bytes.load(Ordering::Acquire);
        if bytes < least {
            return 0;
        }
        self.unflushed_bytes.fetch_sub(bytes, Ordering::AcqRel);
        bytes
    }

    pub(crate) async fn propose(
        &self,
        only_in_term: Option<u64>,
        commands: Vec<Command>,
    ) -> Result<Vec<Reply>, ProposeError> {
        let group = self.group;
        let bytes = commands.iter().map(|command| command.encoded_len() + 8).sum();
        if bytes > ENTRY_LIMIT_BYTES - 64 || commands.len() > ENTRY_LIMIT_COMMANDS {
            return Err(ProposeError::TooLarge { group, bytes, limit_bytes: ENTRY_LIMIT_BYTES });
        }
        self.waiting.take(group, bytes)?;
        let (replied, reply) = oneshot::channel();
        let call = Call { commands, bytes, only_in_term, replied };
        if let Err(refused) = self.calls.try_send(call) {
            self.waiting.give(bytes);
            return Err(match refused {
                mpsc::error::TrySendError::Full(_) => {
                    let waiting_bytes = self.waiting_bytes();
                    ProposeError::Busy { group, waiting_bytes, limit_bytes: GROUP_WAITING_LIMIT_BYTES }
                }
                mpsc::error::TrySendError::Closed(_) => ProposeError::NotLeading { group, leader: None },
            });
        }
        reply.await.unwrap_or_else(|_| Err(ProposeError::Unknown { group, why: "the group stopped".to_owned() }))
    }
}

/// Gathers calls into entries. Its end answers whoever still waits that the outcome is unknown.
pub(crate) struct Proposer {
    id: GroupId,
    group: Group<ShardMachine>,
    calls: mpsc::Receiver<Call>,
    /// A call that did not fit into the entry before.
    held: Option<Call>,
    waiting: Arc<Waiting>,
    unflushed_bytes: Arc<AtomicU64>,
    time: Arc<GroupTime>,
}

impl Proposer {
    /// Serves until every handle is gone.
    pub(crate) async fn run(mut self) {
        let mut open: FuturesUnordered<Pending<'static, ()>> = FuturesUnordered::new();
        loop {
            if open.len() >= GROUP_OPEN_LIMIT_ENTRIES {
                open.next().await;
                continue;
            }
            let first = match self.held.take() {
                Some(call) => call,
                None => tokio::select! {
                    biased;
                    Some(()) = open.next() => continue,
                    call = self.calls.recv() => match call {
                        Some(call) => call,
                        None => break,
                    },
                },
            };
            let batch = self.gather(first);
            if let Some(answered) = self.submit(batch).await {
                open.push(answered);
            }
        }
        while open.next().await.is_some() {}
    }

    /// What is there already goes into the same entry; nothing waits for more to come.
    fn gather(&mut self, first: Call) -> Vec<Call> {
        let (only_in_term, mut bytes, mut commands) = (first.only_in_term, first.bytes, first.commands.len());
        let mut batch = vec![first];
        while bytes < ENTRY_SOFT_BYTES && commands < ENTRY_LIMIT_COMMANDS {
            let Ok(call) = self.calls.try_recv() else {
                break;
            };
            let fits = bytes + call.bytes <= ENTRY_SOFT_BYTES && commands + call.commands.len() <= ENTRY_LIMIT_COMMANDS;
            if call.only_in_term != only_in_term || !fits {
                self.held = Some(call);
                break;
            }
            bytes += call.bytes;
            commands += call.commands.len();
            batch.push(call);
        }
        batch
    }

    async fn submit(&mut self, batch: Vec<Call>) -> Option<Pending<'static, ()>> {
        let only_in_term = batch.first().and_then(|call| call.only_in_term);
        let term = only_in_term.or_else(|| self.group.term()).unwrap_or_default();
        let time = self.time.now(term);
        let mut callers = VecDeque::with_capacity(batch.len());
        let mut commands = Vec::new();
        for call in batch {
            callers.push_back((call.replied, call.commands.len(), call.bytes));
            commands.extend(call.commands);
        }
        let clear = commands.iter().all(is_clear);
        let entry = Entry { time_ms: time.0, only_in_term: only_in_term.unwrap_or_default(), commands };
        let bytes = codec::encode(&entry);
        self.unflushed_bytes.fetch_add(bytes.len() as u64, Ordering::AcqRel);
        let (id, waiting) = (self.id, Arc::clone(&self.waiting));
        match self.group.submit(Proposal { bytes, clear }, only_in_term).await {
            Ok(answer) => Some(Box::pin(async move {
                let answer = answer.await.map(|(_, answer)| answer);
                hand_out(id, callers, answer, &waiting);
            })),
            Err(error) => {
                hand_out(id, callers, Err(error), &waiting);
                None
            }
        }
    }
}

/// Whether a command holds nothing but uids, integers, MACs and sealed frames: fault texts and attributes are more than that.
fn is_clear(command: &Command) -> bool {
    match &command.kind {
        Some(Kind::Append(_) | Kind::Checkpoint(_) | Kind::Attach(_) | Kind::Receive(_) | Kind::Settle(_)) => true,
        Some(Kind::Tombstone(_) | Kind::Enqueue(_) | Kind::Expire(_)) => true,
        Some(Kind::Detach(detach)) => detach.owed.iter().all(|owed| owed.fault.is_empty()),
        Some(Kind::DeadLetter(_)) | None => false,
    }
}

fn hand_out(
    group: GroupId,
    callers: VecDeque<(Replied, usize, usize)>,
    answer: Result<Answer, ProposeError>,
    waiting: &Waiting,
) {
    let mut answer = answer.map(|answer| match answer {
        Answer::Shard(replies) => replies.into_iter(),
        Answer::Nothing | Answer::Control(_) => Vec::new().into_iter(),
    });
    for (replied, count, bytes) in callers {
        waiting.give(bytes);
        let mine = match &mut answer {
            Ok(replies) => {
                let mine: Vec<Reply> = replies.take(count).collect();
                if mine.len() == count {
                    Ok(mine)
                } else {
                    Err(ProposeError::Unknown { group, why: "the machine gave too few answers".to_owned() })
                }
            }
            Err(error) => Err(error.clone()),
        };
        // A caller that has gone away does not wait for its answer.
        let _ = replied.send(mine);
    }
}
