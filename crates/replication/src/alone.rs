//! The peers of a node without any: none can be reached, and no vote is ever granted in their name.

use bascule_api::peer::v1::{
    AppendAnswer, AppendRequest, AskAnswer, AskRequest, GreetAnswer, GreetRequest, HandOverAnswer, HandOverRequest,
    ProposeAnswer, ProposeRequest, ReadIndexAnswer, ReadIndexRequest, SnapshotAnswer, SnapshotPart, TransferAnswer,
    TransferRequest, VoteAnswer, VoteRequest,
};
use bascule_model::ambient::Pending;
use bascule_model::uid::NodeId;

use crate::peers::{Flow, PeerError, Peers};

/// Leads nowhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

fn nowhere<T: Send + 'static>(peer: NodeId) -> Pending<'static, Result<T, PeerError>> {
    Box::pin(async move { Err(PeerError::Unreachable { peer, why: "this node runs alone".to_owned() }) })
}

impl Peers for Alone {
    fn append(
        &self,
        peer: NodeId,
        _: Flow<AppendRequest>,
    ) -> Pending<'_, Result<Flow<Result<AppendAnswer, PeerError>>, PeerError>> {
        nowhere(peer)
    }

    fn vote(&self, peer: NodeId, _: VoteRequest) -> Pending<'_, Result<VoteAnswer, PeerError>> {
        nowhere(peer)
    }

    fn snapshot(
        &self,
        peer: NodeId,
        _: Flow<Result<SnapshotPart, PeerError>>,
    ) -> Pending<'_, Result<SnapshotAnswer, PeerError>> {
        nowhere(peer)
    }

    fn transfer(&self, peer: NodeId, _: TransferRequest) -> Pending<'_, Result<TransferAnswer, PeerError>> {
        nowhere(peer)
    }

    fn greet(&self, peer: NodeId, _: GreetRequest) -> Pending<'_, Result<GreetAnswer, PeerError>> {
        nowhere(peer)
    }

    fn propose(&self, peer: NodeId, _: ProposeRequest) -> Pending<'_, Result<ProposeAnswer, PeerError>> {
        nowhere(peer)
    }

    fn read_index(&self, peer: NodeId, _: ReadIndexRequest) -> Pending<'_, Result<ReadIndexAnswer, PeerError>> {
        nowhere(peer)
    }

    fn ask(&self, peer: NodeId, _: AskRequest) -> Pending<'_, Result<AskAnswer, PeerError>> {
        nowhere(peer)
    }

    fn hand_over(&self, peer: NodeId, _: HandOverRequest) -> Pending<'_, Result<HandOverAnswer, PeerError>> {
        nowhere(peer)
    }
}
