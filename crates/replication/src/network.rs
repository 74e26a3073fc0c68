//! Raft's network over the port [`Peers`]: openraft's calls of one group to one peer, turned into messages and limited in time.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::v2::RaftNetworkV2;
use openraft::network::{RPCOption, RPCTypes};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{OptionalSend, RaftNetworkFactory};

use bascule_api::peer::v1::{SnapshotHead, SnapshotPart};
use bascule_model::uid::{GroupId, NodeId};

use crate::encode::{self, EncodeError};
use crate::machine::{Chunks, GroupSnapshot};
use crate::peers::{Flow, PeerError, Peers};
use crate::raft::{Peer, Types, Vote};
use crate::wire::{self, Campaign};

/// Connections of one group's Raft to its peers.
#[derive(Clone)]
pub struct Network {
    peers: Arc<dyn Peers>,
    group: GroupId,
    node: NodeId,
    /// How long an append that was sent may go without an answer.
    append_limit: Duration,
    /// How long a peer may think about a vote. Between zones a slow answer is better than none.
    vote_limit: Duration,
}

impl Network {
    /// The network of `group` at `node`. `election_max` is the group's; whoever takes longer is as good as gone.
    #[must_use]
    pub fn new(peers: Arc<dyn Peers>, group: GroupId, node: NodeId, election_max: Duration) -> Self {
        Self { peers, group, node, append_limit: election_max, vote_limit: election_max / 2 }
    }
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Connection;

    // The address of a membership is as old as the membership: who carries the calls knows where a node is now.
    async fn new_client(&mut self, target: u64, _: &Peer) -> Connection {
        Connection { network: self.clone(), target: NodeId(target) }
    }
}

/// One group's way to one peer.
pub struct Connection {
    network: Network,
    target: NodeId,
}

impl Connection {
    async fn within<T>(
        &self,
        limit: Duration,
        action: RPCTypes,
        call: impl Future<Output = Result<T, PeerError>>,
    ) -> Result<T, RPCError<Types>> {
        match tokio::time::timeout(limit, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(failed(error)),
            Err(_) => Err(self.late(action, limit)),
        }
    }

    fn late(&self, action: RPCTypes, timeout: Duration) -> RPCError<Types> {
        Timeout { action, id: self.network.node.0, target: self.target.0, timeout }.into()
    }

    async fn campaign(
        &self,
        request: &VoteRequest<Types>,
        campaign: Campaign,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let request = wire::campaign(self.network.group, request, campaign);
        let call = self.network.peers.vote(self.target, request);
        let answer = self.within(self.network.vote_limit, RPCTypes::Vote, call).await?;
        wire::read_voted(answer).map_err(|error| strange(&error))
    }
}

fn failed(error: PeerError) -> RPCError<Types> {
    match error {
        // openraft then waits before it tries again.
        PeerError::Unreachable { .. } | PeerError::Refused { .. } | PeerError::Removed { .. } => {
            Unreachable::from_string(error.to_string()).into()
        }
        PeerError::Broken { .. } => NetworkError::from_string(error.to_string()).into(),
    }
}

fn strange(error: &EncodeError) -> RPCError<Types> {
    Unreachable::from_string(error.to_string()).into()
}

fn streaming(error: RPCError<Types>) -> StreamingError<Types> {
    error.into()
}

/// Answers as they come; the first that is late although something was sent ends them.
fn timely(
    answers: Flow<Result<bascule_api::peer::v1::AppendAnswer, PeerError>>,
    sent: Arc<AtomicU64>,
    connection: (NodeId, NodeId),
    limit: Duration,
) -> impl Stream<Item = Result<StreamAppendResult<Types>, RPCError<Types>>> {
    let (node, target) = connection;
    stream::unfold(Some((answers, 0_u64)), move |state| {
        let sent = Arc::clone(&sent);
        async move {
            let (mut answers, mut came) = state?;
            loop {
                let next = match tokio::time::timeout(limit, answers.next()).await {
                    // Nothing is owed: the leader has nothing to say.
                    Err(_) if sent.load(Ordering::Acquire) == came => continue,
                    Err(_) => {
                        let action = RPCTypes::AppendEntries;
                        let late = Timeout { action, id: node.0, target: target.0, timeout: limit };
                        return Some((Err(late.into()), None));
                    }
                    Ok(next) => next?,
                };
                came += 1;
                let read = next.map_err(failed);
                let read = read.and_then(|answer| wire::read_appended(answer).map_err(|error| strange(&error)));
                let goes_on = matches!(read, Ok(Ok(_)));
                return Some((read, goes_on.then_some((answers, came))));
            }
        }
    })
}

impl RaftNetworkV2<Types> for Connection {
    type SnapshotData = Chunks;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        let input = stream::once(async move { request }).boxed();
        let mut answers = RaftNetworkV2::stream_append(self, input, option).await?;
        match answers.next().await {
            Some(Ok(Ok(_))) => Ok(AppendEntriesResponse::Success),
            Some(Ok(Err(openraft::raft::StreamAppendError::Conflict(_)))) => Ok(AppendEntriesResponse::Conflict),
            Some(Ok(Err(openraft::raft::StreamAppendError::HigherVote(vote)))) => {
                Ok(AppendEntriesResponse::HigherVote(vote))
            }
            Some(Err(error)) => Err(error),
            None => Err(NetworkError::from_string("the peer ended the stream without an answer").into()),
        }
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        _: RPCOption,
    ) -> BoxFuture<'s, Result<BoxStream<'s, Result<StreamAppendResult<Types>, RPCError<Types>>>, RPCError<Types>>>
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + OptionalSend + Unpin + 'static,
    {
        Box::pin(async move {
            let (group, limit) = (self.network.group, self.network.append_limit);
            let sent = Arc::new(AtomicU64::new(0));
            let counting = Arc::clone(&sent);
            let requests = input.map(move |request| {
                counting.fetch_add(1, Ordering::AcqRel);
                wire::append(group, request)
            });
            let call = self.network.peers.append(self.target, Box::pin(requests));
            let answers = self.within(limit, RPCTypes::AppendEntries, call).await?;
            let answers: BoxStream<'s, _> = Box::pin(timely(answers, sent, (self.network.node, self.target), limit));
            Ok(answers)
        })
    }

    async fn vote(
        &mut self,
        request: VoteRequest<Types>,
        _: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.campaign(&request, Campaign::Vote).await
    }

    // openraft's default grants, which would make pre-vote worth nothing.
    async fn pre_vote(
        &mut self,
        request: VoteRequest<Types>,
        _: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.campaign(&request, Campaign::Tentative).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: GroupSnapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let head = SnapshotHead {
            group: self.network.group.0,
            vote: Some(wire::vote(&vote)),
            applied: snapshot.meta.last_log_id.as_ref().map(wire::log_id),
            membership: encode::stored_membership(&snapshot.meta.last_membership),
        };
        let head = SnapshotPart { head: Some(head), chunk: bytes::Bytes::new() };
        let peer = self.target;
        let parts = stream::once(async move { Ok(head) }).chain(chunks(snapshot.snapshot, peer));
        let sent = self.network.peers.snapshot(peer, Box::pin(parts));
        tokio::select! {
            biased;
            // A leader that has been deposed sends no more: what it would install may be older than what is there.
            closed = cancel => Err(closed.into()),
            answer = sent => {
                let answer = answer.map_err(|error| streaming(failed(error)))?;
                let vote = wire::read_vote(answer.vote).map_err(|error| streaming(strange(&error)))?;
                Ok(SnapshotResponse::new(vote))
            }
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Types>,
        _: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RPCError<Types>> {
        let request = wire::transfer(self.network.group, &request);
        let call = self.network.peers.transfer(self.target, request);
        let answer = self.within(self.network.vote_limit, RPCTypes::TransferLeader, call).await?;
        // What it refuses it says in words, for the log: the old leader's lease ends and an election comes either way.
        if !answer.refused.is_empty() {
            tracing::info!(group = %self.network.group, to = self.target.0, why = answer.refused, "a transfer was refused");
        }
        Ok(Ok(()))
    }
}

fn chunks(snapshot: Chunks, peer: NodeId) -> impl Stream<Item = Result<SnapshotPart, PeerError>> {
    stream::unfold(Some(snapshot), move |state| async move {
        let mut snapshot = state?;
        match snapshot.next().await {
            Ok(Some(chunk)) => Some((Ok(SnapshotPart { head: None, chunk }), Some(snapshot))),
            Ok(None) => None,
            // The receiver must not take what came so far for the whole.
            Err(error) => Some((Err(PeerError::Broken { peer, why: error.to_string() }), None)),
        }
    })
}
