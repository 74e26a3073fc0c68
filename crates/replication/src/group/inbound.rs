//! What peers ask of one group here: their messages read, given to Raft, and its answers written.

use bytes::Bytes;
use futures_util::{StreamExt, future, stream};
use openraft::storage::{Snapshot, SnapshotMeta};
use tokio::sync::mpsc;

use bascule_api::peer::v1::{
    AppendAnswer, AppendRequest, SnapshotAnswer, SnapshotHead, SnapshotPart, TransferAnswer, TransferRequest,
    VoteAnswer, VoteRequest,
};
use bascule_model::ambient::Pending;
use bascule_model::uid::NodeId;
use bascule_statemachine::ports::snapshots::Chunk;
use bascule_statemachine::ports::tables::TableError;

use crate::encode::{self, EncodeError};
use crate::group::Group;
use crate::machine::{Chunks, Machine};
use crate::peers::{Flow, PeerError};
use crate::wire::{self, Campaign};

/// Chunks of a snapshot that wait for the disk.
const WAITING_LIMIT_CHUNKS: usize = 2;

/// A group as peers see it, whatever its machine.
pub(crate) trait Inbound: Send + Sync {
    /// Takes a leader's entries in order.
    fn append(&self, from: NodeId, requests: Flow<AppendRequest>) -> Flow<Result<AppendAnswer, PeerError>>;
    /// Votes.
    fn vote(&self, from: NodeId, request: VoteRequest) -> Pending<'_, Result<VoteAnswer, PeerError>>;
    /// Takes a leader's rows.
    fn install(
        &self,
        from: NodeId,
        head: SnapshotHead,
        parts: Flow<Result<SnapshotPart, PeerError>>,
    ) -> Pending<'_, Result<SnapshotAnswer, PeerError>>;
    /// Campaigns at once.
    fn transfer(&self, from: NodeId, request: TransferRequest) -> Pending<'_, Result<TransferAnswer, PeerError>>;
}

fn refused(peer: NodeId) -> impl Fn(EncodeError) -> PeerError {
    move |error| PeerError::Refused { peer, why: error.to_string() }
}

fn stopped<E: ToString>(peer: NodeId) -> impl Fn(E) -> PeerError {
    move |error| PeerError::Broken { peer, why: error.to_string() }
}

impl<M: Machine> Inbound for Group<M> {
    fn append(&self, from: NodeId, requests: Flow<AppendRequest>) -> Flow<Result<AppendAnswer, PeerError>> {
        let group = self.id;
        let (strange, strangeness) = mpsc::channel(1);
        // The first request that is none of ours ends the stream: what comes behind it has no place.
        let requests = requests.map(move |request| {
            if request.group != group.0 {
                let why = format!("group {} in a stream of {group}", request.group);
                return Err(EncodeError::Impossible { what: "append", why });
            }
            wire::read_append(request)
        });
        let requests = requests.scan((), move |(), read| {
            let kept = read.map_err(|error| drop(strange.try_send(error))).ok();
            future::ready(kept)
        });
        let answers = self.raft.stream_append(requests).map(move |answer| match answer {
            Ok(result) => Ok(wire::appended(&result)),
            Err(fatal) => Err(stopped(from)(fatal)),
        });
        let refusal = stream::unfold(Some(strangeness), move |strangeness| async move {
            let error = strangeness?.recv().await?;
            Some((Err(refused(from)(error)), None))
        });
        Box::pin(answers.chain(refusal))
    }

    fn vote(&self, from: NodeId, request: VoteRequest) -> Pending<'_, Result<VoteAnswer, PeerError>> {
        Box::pin(async move {
            let (request, campaign) = wire::read_campaign(request).map_err(refused(from))?;
            let answer = match campaign {
                Campaign::Vote => self.raft.vote(request).await,
                Campaign::Tentative => self.raft.pre_vote(request).await,
            };
            answer.map(|answer| wire::voted(&answer)).map_err(stopped(from))
        })
    }

    fn install(
        &self,
        from: NodeId,
        head: SnapshotHead,
        parts: Flow<Result<SnapshotPart, PeerError>>,
    ) -> Pending<'_, Result<SnapshotAnswer, PeerError>> {
        Box::pin(async move {
            let vote = wire::read_vote(head.vote).map_err(refused(from))?;
            let last_membership = encode::read_stored_membership(&head.membership).map_err(refused(from))?;
            let meta = SnapshotMeta { last_log_id: head.applied.map(wire::read_log_id), last_membership };
            let (chunks, received) = mpsc::channel(WAITING_LIMIT_CHUNKS);
            let snapshot = Snapshot { meta, snapshot: Chunks::received(received) };
            let group = self.id;
            let damaged = move |why: String| TableError::Damaged { group, table: 0, why };
            let (installed, ()) =
                future::join(self.raft.install_full_snapshot(vote, snapshot), feed(parts, chunks, damaged)).await;
            let installed = installed.map_err(stopped(from))?;
            Ok(SnapshotAnswer { vote: Some(wire::vote(&installed.vote)) })
        })
    }

    fn transfer(&self, from: NodeId, request: TransferRequest) -> Pending<'_, Result<TransferAnswer, PeerError>> {
        Box::pin(async move {
            let request = wire::read_transfer(request).map_err(refused(from))?;
            let heard = self.raft.handle_transfer_leader(request).await.map_err(stopped(from))?;
            Ok(TransferAnswer { refused: heard.err().map(|error| error.to_string()).unwrap_or_default() })
        })
    }
}

/// Hands chunks to whoever installs them, no faster than they are taken. A sender that failed makes the installation fail.
async fn feed(
    mut parts: Flow<Result<SnapshotPart, PeerError>>,
    chunks: mpsc::Sender<Result<Chunk, TableError>>,
    damaged: impl Fn(String) -> TableError,
) {
    while let Some(part) = parts.next().await {
        let chunk: Result<Bytes, TableError> = match part {
            Ok(SnapshotPart { chunk, head: None }) => Ok(chunk),
            Ok(_) => Err(damaged("a head among the chunks".to_owned())),
            Err(error) => Err(damaged(error.to_string())),
        };
        let failed = chunk.is_err();
        // A refused snapshot takes no chunks.
        if chunks.send(chunk).await.is_err() || failed {
            return;
        }
    }
}
