//! One running Raft group: starts it, forms it once, proposes to it, and says who leads.
//!
//! In: proposals, a peer's calls, changes of who belongs to it.
//! Out: the machine's answers once they are applied here; who leads, since when a quorum confirmed it, how far everybody is.
//! Never: a decision about who ought to belong to it.

mod inbound;
mod members;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use openraft::errors::{ClientWriteError, InitializeError, RaftError};
use openraft::impls::ProgressResponder;
use openraft::{Instant, Raft, RaftMetrics, ReadPolicy, SnapshotPolicy};

use bascule_model::uid::{GroupId, NodeId};
use bascule_statemachine::ports::follow::Follow;
use bascule_statemachine::ports::propose::ProposeError;

use crate::limits::{PROPOSE_LIMIT_MS, SNAPSHOT_LIMIT_MS};
use crate::logstore::LogStore;
use crate::machine::{Answer, GroupMachine, Machine, Place};
use crate::network::Network;
use crate::peers::Peers;
use crate::raft::{LogId, Peer, Proposal, Types};
use crate::tally::{Counts, Tally};

pub(crate) use inbound::Inbound;
pub use members::{Members, Replica, Role, Standing};

/// Entries that stay in the log behind a snapshot.
const KEPT_LOG_ENTRIES: u64 = 16;

/// Timing of a group. The defaults are those of a cluster over zones; see PD7 of the figures to reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How often a leader speaks to its followers.
    pub heartbeat_ms: u64,
    /// The least time without a leader before a follower campaigns.
    pub election_min_ms: u64,
    /// The most; also the length of a leader's lease.
    pub election_max_ms: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self { heartbeat_ms: 150, election_min_ms: 500, election_max_ms: 900 }
    }
}

/// Why a group could not be started or formed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The timing contradicts itself.
    #[error("the timing of {group} is refused: {why}")]
    Timing {
        /// The group.
        group: GroupId,
        /// What openraft said.
        why: String,
    },
    /// Its log or rows failed.
    #[error("{group} did not start: {why}")]
    Stopped {
        /// The group.
        group: GroupId,
        /// What openraft said.
        why: String,
    },
}

/// A running group. Cheap to clone.
pub struct Group<M: Machine> {
    id: GroupId,
    raft: Raft<Types, GroupMachine<M>>,
    timing: Timing,
    /// The last term whose lead was offered to another; zero before the first.
    offered: Arc<AtomicU64>,
    tally: Arc<Tally>,
}

impl<M: Machine> Clone for Group<M> {
    fn clone(&self) -> Self {
        let (offered, tally) = (Arc::clone(&self.offered), Arc::clone(&self.tally));
        Self { id: self.id, raft: self.raft.clone(), timing: self.timing, offered, tally }
    }
}

impl<M: Machine> Group<M> {
    /// Starts `id` on this node; what its log and rows hold is recovered first.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        id: GroupId,
        node: NodeId,
        timing: Timing,
        log: LogStore,
        machine: GroupMachine<M>,
        peers: Arc<dyn Peers>,
    ) -> Result<Self, StartError> {
        let config = config(id, timing)?;
        let network = Network::new(peers, id, node, Duration::from_millis(timing.election_max_ms));
        let started = Raft::new(node.0, Arc::new(config), network, log, machine).await;
        let raft = started.map_err(|fatal| stopped(id, &fatal))?;
        Ok(Self { id, raft, timing, offered: Arc::default(), tally: Arc::default() })
    }

    /// The same, whose log and machine count here.
    #[must_use]
    pub fn counted_by(self, tally: Arc<Tally>) -> Self {
        Self { tally, ..self }
    }

    /// What it did here since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.tally.counts()
    }

    /// Forms the group of this one voter. A group that is formed already stays as it is.
    ///
    /// # Errors
    /// [`StartError::Stopped`].
    pub async fn form(&self, node: NodeId, peer: Peer) -> Result<(), StartError> {
        match self.raft.initialize(BTreeMap::from([(node.0, peer)])).await {
            Ok(()) => {
                // What is known of its members comes a moment after the answer; who asks before takes the group for nobody's.
                let limit = Some(Duration::from_millis(PROPOSE_LIMIT_MS));
                let formed = self.raft.wait(limit).voter_ids([node.0], "forming").await;
                formed.map(drop).map_err(|error| stopped(self.id, &error))
            }
            Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
            Err(error) => Err(stopped(self.id, &error)),
        }
    }

    /// Waits until this node leads and all that was committed before is applied; answers its term.
    ///
    /// # Errors
    /// [`StartError::Stopped`] when that takes longer than `limit`.
    pub async fn led(&self, node: NodeId, limit: Duration) -> Result<u64, StartError> {
        let leads = self.raft.wait(Some(limit)).current_leader(node.0, "leading").await;
        leads.map_err(|error| stopped(self.id, &error))?;
        // A blank entry of the new term is applied behind everything that was committed before it.
        self.raft.wait_for_recovery(Some(limit)).await.map_err(|error| stopped(self.id, &error))?;
        self.term().ok_or_else(|| StartError::Stopped { group: self.id, why: "it lost its lead at once".to_owned() })
    }

    /// The term in which this node leads; `None` while it does not. Each put asks every group, so that nothing is copied for it.
    #[must_use]
    pub fn term(&self) -> Option<u64> {
        led_in(&self.raft.metrics().borrow_watched())
    }

    /// Who leads, as far as is known here.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        self.raft.metrics().borrow_watched().current_leader.map(NodeId)
    }

    /// Whether the node has a part in it, as far as is known here.
    pub(crate) fn takes_part(&self, node: NodeId) -> bool {
        self.raft.metrics().borrow_watched().membership_config.membership().get_node(&node.0).is_some()
    }

    /// Returns once the group is not led by this node any more, as far as is known here; never, if it has stopped.
    pub async fn left_by(&self, leader: NodeId) {
        let mut metrics = self.raft.metrics();
        while metrics.borrow_watched().current_leader == Some(leader.0) {
            if metrics.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// The term in which this node leads and a quorum has confirmed it within the lease: until then nobody else does. Each attempt
    /// asks, so that nothing is copied for it either.
    #[must_use]
    pub fn holds(&self) -> Option<u64> {
        let metrics = self.raft.metrics();
        let now = metrics.borrow_watched();
        let term = led_in(&now)?;
        // Who is offered the lead campaigns at once, and is voted for within the lease.
        if self.offered.load(Ordering::Acquire) == term {
            return None;
        }
        let mut voters = now.membership_config.membership().get_joint_config().iter();
        let alone = voters.all(|voters| voters.len() == 1);
        // Measured from when the confirmed call was sent, as followers measure from when it came, which is later.
        let confirmed = now.last_quorum_acked.is_some_and(|at| at.into_inner().elapsed() < self.lease());
        (alone || confirmed).then_some(term)
    }

    fn lease(&self) -> Duration {
        Duration::from_millis(self.timing.election_max_ms)
    }

    /// Proposes and waits until the entry is applied here. `only_in_term` refuses every other term than that.
    ///
    /// # Errors
    /// [`ProposeError`]; only [`ProposeError::NotLeading`] says that nothing was written.
    pub async fn propose(
        &self,
        proposal: Proposal,
        only_in_term: Option<u64>,
    ) -> Result<(Place, Answer), ProposeError> {
        self.submit(proposal, only_in_term).await?.await
    }

    /// Puts a proposal behind those submitted before, and gives what waits until it is applied here.
    ///
    /// # Errors
    /// As [`Group::propose`].
    pub async fn submit(
        &self,
        proposal: Proposal,
        only_in_term: Option<u64>,
    ) -> Result<impl Future<Output = Result<(Place, Answer), ProposeError>> + Send + 'static, ProposeError> {
        let group = self.id;
        let unknown = move |why: String| ProposeError::Unknown { group, why };
        let (responder, complete) = ProgressResponder::complete_only();
        let mut write = self.raft.write(proposal).responder(responder);
        if let Some(term) = only_in_term {
            write = write.with_leader(*LogId::new_term_index(term, 0).committed_leader_id());
        }
        write.await.map_err(|fatal| unknown(fatal.to_string()))?;
        Ok(async move {
            // A leader that is cut off waits for a quorum that may never answer; whoever waits for it does not.
            let limit = Duration::from_millis(PROPOSE_LIMIT_MS);
            let late = move |_| unknown(format!("no quorum took it within {PROPOSE_LIMIT_MS} ms"));
            let done = tokio::time::timeout(limit, complete).await.map_err(late)?;
            match done.map_err(|_| unknown("the group stopped".to_owned()))? {
                Ok(done) => {
                    let place = Place { index: done.log_id.index(), term: done.log_id.committed_leader_id().term };
                    Ok((place, done.data))
                }
                Err(ClientWriteError::ForwardToLeader(to)) => {
                    Err(ProposeError::NotLeading { group, leader: to.leader_id.map(NodeId) })
                }
                Err(other) => Err(unknown(other.to_string())),
            }
        })
    }

    /// The index up to which the group was committed before the call, confirmed by a quorum. It may not be applied here yet.
    ///
    /// # Errors
    /// [`ProposeError::NotLeading`] when that cannot be told here.
    pub async fn read_index(&self) -> Result<u64, ProposeError> {
        let lost = || ProposeError::NotLeading { group: self.id, leader: self.leader() };
        // The quorum's word does not come where there is none: the lease is how long it may take.
        let read = tokio::time::timeout(self.lease(), self.raft.get_read_linearizer(ReadPolicy::ReadIndex)).await;
        match read {
            Ok(Ok(read)) => Ok(read.read_log_id().index()),
            Ok(Err(_)) | Err(_) => Err(lost()),
        }
    }

    /// Waits until entries up to `index` are applied here.
    ///
    /// # Errors
    /// [`ProposeError::Unknown`] when that takes longer than `limit`.
    pub async fn applied(&self, index: u64, limit: Duration) -> Result<(), ProposeError> {
        let waited = self.raft.wait(Some(limit)).applied_index_at_least(Some(index), "read").await;
        let behind = |why: openraft::metrics::WaitError| ProposeError::Unknown { group: self.id, why: why.to_string() };
        waited.map(drop).map_err(behind)
    }

    /// Returns when the group's state changes after the call; never, if it has stopped.
    pub async fn changed(&self) {
        let mut metrics = self.raft.server_metrics();
        // A copy has seen as little as what it is copied from: without this every change since the start would count as one of now.
        drop(metrics.borrow_and_update());
        if metrics.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Tells `follow` of each term in which this node leads, once an entry of that term is applied, and of each end of
    /// one; returns when the group has stopped.
    pub async fn watch_lead(self, follow: Arc<dyn Follow>) {
        let mut metrics = self.raft.metrics();
        let mut told: Option<u64> = None;
        loop {
            let (leads, ended) = {
                let now = metrics.borrow_watched();
                let applied = now.last_applied.as_ref().map(|last| last.committed_leader_id().term);
                let leads = (now.state.is_leader() && applied == Some(now.current_term)).then_some(now.current_term);
                // Between election and the first entry the lead is neither begun nor ended.
                (leads, !now.state.is_leader() || told.is_some_and(|term| term != now.current_term))
            };
            if told.is_some() && ended {
                follow.stopped(self.id);
                told = None;
            }
            if let Some(term) = leads.filter(|term| told != Some(*term)) {
                follow.leading(self.id, term);
                told = Some(term);
            }
            if metrics.changed().await.is_err() {
                break;
            }
        }
        if told.is_some() {
            follow.stopped(self.id);
        }
    }

    /// Flushes the rows, so that the log before them may be purged.
    ///
    /// # Errors
    /// [`StartError::Stopped`].
    pub async fn snapshot(&self) -> Result<(), StartError> {
        self.raft.trigger().snapshot().await.map_err(|fatal| stopped(self.id, &fatal))
    }

    /// Stops the group; what is committed stays in its log.
    pub async fn stop(&self) {
        // The only failure is that its task had ended before, which is what was wanted.
        let _ = self.raft.shutdown().await;
    }
}

/// The term in which the node that these are of leads by a vote that was granted.
fn led_in(metrics: &RaftMetrics<Types>) -> Option<u64> {
    let vote = &metrics.vote;
    (vote.committed && vote.leader_id.voted_for == metrics.id).then_some(vote.leader_id.term)
}

fn stopped(group: GroupId, why: &impl ToString) -> StartError {
    StartError::Stopped { group, why: why.to_string() }
}

/// How long a heartbeat may be put off: with it, and openraft's tick, followers must hear of the leader before they campaign.
fn spared(timing: Timing) -> Option<u64> {
    let Timing { heartbeat_ms, election_min_ms, .. } = timing;
    let room_ms = election_min_ms.saturating_sub(heartbeat_ms + heartbeat_ms.div_ceil(4) + 1);
    Some(heartbeat_ms.min(room_ms)).filter(|spared| *spared > 0)
}

fn config(group: GroupId, timing: Timing) -> Result<openraft::Config, StartError> {
    let config = openraft::Config {
        cluster_name: group.to_string(),
        heartbeat_interval: timing.heartbeat_ms,
        election_timeout_min: timing.election_min_ms,
        election_timeout_max: timing.election_max_ms,
        enable_pre_vote: Some(true),
        // Longer than lease and campaign together, else a leader could doubt a quorum that is only slow.
        quorum_loss_probe_interval: Some(2 * timing.election_max_ms + timing.heartbeat_ms),
        // A restarted leader campaigns anew: rows may be behind the log after a crash.
        enable_leader_restore: Some(false),
        // Flushing and purging go by bytes and time, which openraft does not see.
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: KEPT_LOG_ENTRIES,
        // A probe that proves nothing new is not sent while appends prove that the leader lives, where elections leave time for that.
        heartbeat_min_interval: spared(timing),
        // A snapshot is as large as a group; a broken one ends by its connection.
        install_snapshot_timeout: SNAPSHOT_LIMIT_MS,
        ..openraft::Config::default()
    };
    config.validate().map_err(|error| StartError::Timing { group, why: error.to_string() })
}
