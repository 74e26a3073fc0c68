//! The port for calls that go out: one connection for each peer, and a second one for snapshots.
//!
//! Snapshots have a connection of their own, since all calls of one share its TCP: a heartbeat that is written behind megabytes of
//! rows comes late, and a follower that hears nothing campaigns.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, future, stream};
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::{Semaphore, oneshot};
use tonic::{Response, Status};

use bascule_api::peer::v1::{
    AppendAnswer, AppendRequest, AskAnswer, AskRequest, GreetAnswer, GreetRequest, HandOverAnswer, HandOverRequest,
    ProposeAnswer, ProposeRequest, ReadIndexAnswer, ReadIndexRequest, SnapshotAnswer, SnapshotPart, TransferAnswer,
    TransferRequest, VoteAnswer, VoteRequest,
};
use bascule_model::ambient::{Clock, Entropy, Pending, Spawn};
use bascule_model::uid::NodeId;
use bascule_pki::peering::PeerTls;

use crate::peers::{Flow, PeerError, Peers};
use crate::transport::doors::{END, is_end};
use crate::transport::limits::{MESSAGE_LIMIT_BYTES, NODE_LIMIT_SNAPSHOTS};
use crate::transport::link::{Link, Means};
use crate::transport::outcome;
use crate::transport::wire::Wire;

/// Where peers are.
pub trait Directory: Send + Sync + 'static {
    /// Where a member may be, `host:port`, the likeliest first, looked up anew at each attempt; nothing for whoever is no member.
    fn addresses(&self, peer: NodeId) -> Vec<String>;
}

/// What connections need.
pub struct Ports {
    /// The node's certificates.
    pub tls: Arc<PeerTls>,
    /// Where peers are.
    pub directory: Arc<dyn Directory>,
    /// Tasks.
    pub spawn: Arc<dyn Spawn>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for pauses that differ.
    pub entropy: Arc<dyn Entropy>,
}

/// The ways to all peers.
pub struct Connections {
    means: Arc<Means>,
    links: Mutex<BTreeMap<(NodeId, Purpose), Arc<Link>>>,
    snapshots: Arc<Semaphore>,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Purpose {
    Calls,
    Snapshots,
}

impl Connections {
    /// No connection yet: each is made when it is wanted.
    #[must_use]
    pub fn new(ports: Ports) -> Arc<Self> {
        let Ports { tls, directory, spawn, clock, entropy } = ports;
        let means = Arc::new(Means { tls, directory, spawn, clock, entropy });
        let snapshots = Arc::new(Semaphore::new(NODE_LIMIT_SNAPSHOTS));
        Arc::new(Self { means, links: Mutex::default(), snapshots })
    }

    fn link(&self, peer: NodeId, purpose: Purpose) -> Result<Arc<Link>, PeerError> {
        let mut links = self.links.lock();
        if self.means.directory.addresses(peer).is_empty() {
            links.remove(&(peer, purpose));
            return Err(PeerError::Unreachable { peer, why: "its address is not known".to_owned() });
        }
        let link = links.entry((peer, purpose)).or_insert_with(|| Link::new(peer, Arc::clone(&self.means)));
        Ok(Arc::clone(link))
    }

    /// One request and its answer.
    async fn ask_once<Q: Message, A, F>(
        &self,
        peer: NodeId,
        request: Q,
        call: impl FnOnce(Wire, Q) -> F,
    ) -> Result<A, PeerError>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let size = request.encoded_len();
        if size > MESSAGE_LIMIT_BYTES {
            let why = format!("the request has `{size}` bytes, at most `{MESSAGE_LIMIT_BYTES}` are sent");
            return Err(PeerError::Refused { peer, why });
        }
        let link = self.link(peer, Purpose::Calls)?;
        let Ok(_open) = link.calls.try_acquire() else {
            return Err(PeerError::Unreachable { peer, why: "as many calls are open as may be".to_owned() });
        };
        let wire = link.wire().await?;
        call(wire, request).await.map(Response::into_inner).map_err(|status| outcome::error(peer, &status))
    }

    async fn stream(
        &self,
        peer: NodeId,
        requests: Flow<AppendRequest>,
    ) -> Result<Flow<Result<AppendAnswer, PeerError>>, PeerError> {
        let wire = self.link(peer, Purpose::Calls)?.wire().await?;
        // The library goes on to send requests when nobody wants answers any more: they end with the answers.
        let (wanted, unwanted) = oneshot::channel::<()>();
        let requests = Box::pin(requests.take_until(unwanted));
        let answers = wire.append(requests).await.map_err(|status| outcome::error(peer, &status))?;
        let answers = answers.into_inner().map(move |answer| {
            let _ = &wanted;
            answer.map_err(|status| outcome::error(peer, &status))
        });
        // Nothing comes after an error.
        let ended = answers.scan(false, |over, answer| {
            let goes_on = !std::mem::replace(over, answer.is_err());
            future::ready(goes_on.then_some(answer))
        });
        Ok(Box::pin(ended))
    }

    async fn send(
        &self,
        peer: NodeId,
        parts: Flow<Result<SnapshotPart, PeerError>>,
    ) -> Result<SnapshotAnswer, PeerError> {
        let gone = |_| PeerError::Unreachable { peer, why: "no more snapshots are sent".to_owned() };
        let link = self.link(peer, Purpose::Snapshots)?;
        // The peer's turn first: whoever waits for it takes no other peer's.
        let _own = link.snapshots.acquire().await.map_err(gone)?;
        let _any = self.snapshots.acquire().await.map_err(gone)?;
        let wire = link.wire().await?;
        let (told, failed) = oneshot::channel();
        let mut told = Some(told);
        let whole = parts.then(move |part| {
            let told = if part.is_err() { told.take() } else { None };
            async move {
                match (part, told) {
                    (Ok(part), _) => part,
                    (Err(error), told) => {
                        let _ = told.map(|told| told.send(error));
                        // Parts that fail must not end like parts that are whole: the call is dropped below, which resets it.
                        future::pending().await
                    }
                }
            }
        });
        let whole = whole.filter(|part| future::ready(!is_end(part))).chain(stream::once(future::ready(END)));
        tokio::select! {
            Ok(error) = failed => Err(error),
            answer = wire.snapshot(Box::pin(whole)) => {
                answer.map(Response::into_inner).map_err(|status| outcome::error(peer, &status))
            }
        }
    }
}

impl Peers for Connections {
    fn append(
        &self,
        peer: NodeId,
        requests: Flow<AppendRequest>,
    ) -> Pending<'_, Result<Flow<Result<AppendAnswer, PeerError>>, PeerError>> {
        Box::pin(self.stream(peer, requests))
    }

    fn vote(&self, peer: NodeId, request: VoteRequest) -> Pending<'_, Result<VoteAnswer, PeerError>> {
        Box::pin(self.ask_once(peer, request, |wire, request| async move { wire.raft().vote(request).await }))
    }

    fn snapshot(
        &self,
        peer: NodeId,
        parts: Flow<Result<SnapshotPart, PeerError>>,
    ) -> Pending<'_, Result<SnapshotAnswer, PeerError>> {
        Box::pin(self.send(peer, parts))
    }

    fn transfer(&self, peer: NodeId, request: TransferRequest) -> Pending<'_, Result<TransferAnswer, PeerError>> {
        Box::pin(self.ask_once(peer, request, |wire, request| async move { wire.raft().transfer(request).await }))
    }

    fn greet(&self, peer: NodeId, request: GreetRequest) -> Pending<'_, Result<GreetAnswer, PeerError>> {
        Box::pin(self.ask_once(peer, request, |wire, request| async move { wire.backbone().greet(request).await }))
    }

    fn propose(&self, peer: NodeId, request: ProposeRequest) -> Pending<'_, Result<ProposeAnswer, PeerError>> {
        Box::pin(self.ask_once(peer, request, |wire, request| async move { wire.backbone().propose(request).await }))
    }

    fn read_index(&self, peer: NodeId, request: ReadIndexRequest) -> Pending<'_, Result<ReadIndexAnswer, PeerError>> {
        Box::pin(self.ask_once(peer, request, |wire, request| async move { wire.backbone().read_index(request).await }))
    }

    fn ask(&self, peer: NodeId, request: AskRequest) -> Pending<'_, Result<AskAnswer, PeerError>> {
        Box::pin(self.ask_once(peer, request, |wire, request| async move { wire.backbone().ask(request).await }))
    }

    fn hand_over(&self, peer: NodeId, request: HandOverRequest) -> Pending<'_, Result<HandOverAnswer, PeerError>> {
        Box::pin(self.ask_once(peer, request, |wire, request| async move { wire.backbone().hand_over(request).await }))
    }
}
