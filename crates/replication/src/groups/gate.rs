//! The gate before Raft: no group's call goes to a peer, or is taken from one, before this node has greeted it since its start.
//!
//! A log that went back would otherwise vote, or answer its leader, by what it no longer knows, before anybody could say so; and
//! openraft's leader stops its group when a follower's log goes back. With the gate it never hears of such a log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use bascule_api::peer::v1::{
    AppendAnswer, AppendRequest, AskAnswer, AskRequest, GreetAnswer, GreetRequest, HandOverAnswer, HandOverRequest,
    ProposeAnswer, ProposeRequest, ReadIndexAnswer, ReadIndexRequest, SnapshotAnswer, SnapshotPart, TransferAnswer,
    TransferRequest, VoteAnswer, VoteRequest,
};
use bascule_model::ambient::Pending;
use bascule_model::uid::NodeId;

use crate::limits::GATE_WAIT_LIMIT_MS;
use crate::peers::{Flow, PeerError, Peers};

/// Who has been greeted since the start. Bounded by the nodes that the transport lets in.
pub(super) struct Gate {
    open: watch::Sender<BTreeSet<NodeId>>,
    wanted: Mutex<BTreeSet<NodeId>>,
    asked: Notify,
    /// Why a peer's greeting was refused last, or this node's by it: said once, not once a second.
    refusals: Mutex<BTreeMap<NodeId, String>>,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            open: watch::Sender::default(),
            wanted: Mutex::default(),
            asked: Notify::new(),
            refusals: Mutex::default(),
        }
    }
}

impl Gate {
    /// Lets Raft's calls pass from and to this peer.
    pub(super) fn open(&self, peer: NodeId) {
        self.refusals.lock().remove(&peer);
        self.wanted.lock().remove(&peer);
        let opened = self.open.send_if_modified(|open| open.insert(peer));
        if opened {
            tracing::debug!(peer = peer.0, "greeted");
        }
    }

    /// Lets none pass any more: the two do not speak. `true` if the reason is news.
    pub(super) fn shut(&self, peer: NodeId, why: &str) -> bool {
        self.open.send_if_modified(|open| open.remove(&peer));
        let known = self.refusals.lock().insert(peer, why.to_owned());
        known.as_deref() != Some(why)
    }

    /// Says that this peer should be greeted now, unless it was.
    pub(super) fn want(&self, peer: NodeId) {
        if !self.open.borrow().contains(&peer) && self.wanted.lock().insert(peer) {
            self.asked.notify_one();
        }
    }

    /// Returns once somebody is wanted.
    pub(super) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Who was wanted since the last look.
    pub(super) fn take_wanted(&self) -> BTreeSet<NodeId> {
        std::mem::take(&mut *self.wanted.lock())
    }

    /// Waits a moment for the greeting: it is on its way while both are up.
    ///
    /// # Errors
    /// [`PeerError::Unreachable`]: nothing was done.
    pub(super) async fn pass(&self, peer: NodeId) -> Result<(), PeerError> {
        if self.open.borrow().contains(&peer) {
            return Ok(());
        }
        let mut open = self.open.subscribe();
        // Whoever calls has a way to it, or will have: the next second would be late. One that refuses is not pressed.
        if !self.refusals.lock().contains_key(&peer) {
            self.want(peer);
        }
        let limit = Duration::from_millis(GATE_WAIT_LIMIT_MS);
        // The sender lives in this very value: only the limit ends the wait early.
        let greeted = tokio::time::timeout(limit, open.wait_for(|open| open.contains(&peer))).await.is_ok();
        let why = || "it has not been greeted since this node's start".to_owned();
        greeted.then_some(()).ok_or_else(|| PeerError::Unreachable { peer, why: why() })
    }
}

/// The way out for groups: Raft's own calls wait at the gate.
pub(super) struct Gated {
    pub(super) gate: Arc<Gate>,
    pub(super) peers: Arc<dyn Peers>,
}

impl Peers for Gated {
    fn append(
        &self,
        peer: NodeId,
        requests: Flow<AppendRequest>,
    ) -> Pending<'_, Result<Flow<Result<AppendAnswer, PeerError>>, PeerError>> {
        Box::pin(async move {
            self.gate.pass(peer).await?;
            self.peers.append(peer, requests).await
        })
    }

    fn vote(&self, peer: NodeId, request: VoteRequest) -> Pending<'_, Result<VoteAnswer, PeerError>> {
        Box::pin(async move {
            self.gate.pass(peer).await?;
            self.peers.vote(peer, request).await
        })
    }

    fn snapshot(
        &self,
        peer: NodeId,
        parts: Flow<Result<SnapshotPart, PeerError>>,
    ) -> Pending<'_, Result<SnapshotAnswer, PeerError>> {
        Box::pin(async move {
            self.gate.pass(peer).await?;
            self.peers.snapshot(peer, parts).await
        })
    }

    fn transfer(&self, peer: NodeId, request: TransferRequest) -> Pending<'_, Result<TransferAnswer, PeerError>> {
        Box::pin(async move {
            self.gate.pass(peer).await?;
            self.peers.transfer(peer, request).await
        })
    }

    fn greet(&self, peer: NodeId, request: GreetRequest) -> Pending<'_, Result<GreetAnswer, PeerError>> {
        self.peers.greet(peer, request)
    }

    fn propose(&self, peer: NodeId, request: ProposeRequest) -> Pending<'_, Result<ProposeAnswer, PeerError>> {
        self.peers.propose(peer, request)
    }

    fn read_index(&self, peer: NodeId, request: ReadIndexRequest) -> Pending<'_, Result<ReadIndexAnswer, PeerError>> {
        self.peers.read_index(peer, request)
    }

    fn ask(&self, peer: NodeId, request: AskRequest) -> Pending<'_, Result<AskAnswer, PeerError>> {
        self.peers.ask(peer, request)
    }

    fn hand_over(&self, peer: NodeId, request: HandOverRequest) -> Pending<'_, Result<HandOverAnswer, PeerError>> {
        self.peers.hand_over(peer, request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: NodeId = NodeId(2);

    #[tokio::test]
    async fn whoever_waits_at_the_gate_passes_when_it_opens_and_gives_up_in_time() {
        let gate = Gate::default();
        assert!(matches!(gate.pass(PEER).await, Err(PeerError::Unreachable { peer: PEER, .. })));
        gate.asked().await;
        assert_eq!(gate.take_wanted(), BTreeSet::from([PEER]), "a call that waits wants it to be greeted");
        gate.want(PEER);
        gate.want(PEER);
        gate.asked().await;
        assert_eq!(gate.take_wanted(), BTreeSet::from([PEER]));
        assert!(gate.take_wanted().is_empty(), "it is wanted once");
        let (passed, ()) = tokio::join!(gate.pass(PEER), async { gate.open(PEER) });
        passed.unwrap();
        gate.pass(PEER).await.unwrap();
        gate.want(PEER);
        assert!(gate.take_wanted().is_empty(), "whoever was greeted is not wanted");
        assert!(gate.pass(NodeId(3)).await.is_err(), "a peer that was greeted opens for no other");
    }

    #[tokio::test]
    async fn a_peer_that_is_refused_is_shut_out_and_its_reason_told_once() {
        let gate = Gate::default();
        gate.open(PEER);
        assert!(gate.shut(PEER, "it has format 2"));
        assert!(!gate.shut(PEER, "it has format 2"));
        assert!(gate.shut(PEER, "it has format 3"));
        assert!(gate.pass(PEER).await.is_err());
        assert!(gate.take_wanted().is_empty(), "whoever refuses is not pressed");
        gate.open(PEER);
        gate.pass(PEER).await.unwrap();
        assert!(gate.shut(PEER, "it has format 3"), "news again after a time without");
    }
}
