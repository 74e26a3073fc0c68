//! The port between nodes: what one asks of another, the same trait on both sides of whatever carries it.
//!
//! A transport over mTLS fills it for calls that go out, and hands what comes in to the node's own; a simulation joins the two
//! with a network of its own.

use std::pin::Pin;

use futures_util::Stream;

use bascule_api::peer::v1::{
    AppendAnswer, AppendRequest, AskAnswer, AskRequest, GreetAnswer, GreetRequest, HandOverAnswer, HandOverRequest,
    ProposeAnswer, ProposeRequest, ReadIndexAnswer, ReadIndexRequest, SnapshotAnswer, SnapshotPart, TransferAnswer,
    TransferRequest, VoteAnswer, VoteRequest,
};
use bascule_model::ambient::Pending;
use bascule_model::uid::NodeId;

/// A stream that crosses the port.
pub type Flow<T> = Pin<Box<dyn Stream<Item = T> + Send>>;

/// Why a peer gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// The call never left: nothing was done.
    #[error("node {} cannot be reached: {why}", peer.0)]
    Unreachable {
        /// The peer.
        peer: NodeId,
        /// Why.
        why: String,
    },
    /// The call left, and whether anything was done is unknown.
    #[error("node {} gave no answer: {why}", peer.0)]
    Broken {
        /// The peer.
        peer: NodeId,
        /// Why.
        why: String,
    },
    /// The peer refused the call as it stands: nothing was done.
    #[error("node {} refused: {why}", peer.0)]
    Refused {
        /// The peer.
        peer: NodeId,
        /// Why.
        why: String,
    },
    /// The peer says that the cluster has let this node go: nothing was done, and never will be.
    #[error("node {} says that this node was removed from the cluster", peer.0)]
    Removed {
        /// The peer.
        peer: NodeId,
    },
}

impl PeerError {
    /// Whether it is certain that the peer did nothing.
    #[must_use]
    pub const fn nothing_done(&self) -> bool {
        !matches!(self, Self::Broken { .. })
    }
}

/// What nodes ask of each other. `peer` is whom a call goes to where it goes out, and who called where it comes in.
///
/// Nothing here waits forever by itself on the receiving side; who calls out sets a limit to its own waiting.
pub trait Peers: Send + Sync + 'static {
    /// Requests of one group in order; answers come in the same order, and end with the first that is not a match.
    fn append(
        &self,
        peer: NodeId,
        requests: Flow<AppendRequest>,
    ) -> Pending<'_, Result<Flow<Result<AppendAnswer, PeerError>>, PeerError>>;

    /// A vote, or a tentative one.
    fn vote(&self, peer: NodeId, request: VoteRequest) -> Pending<'_, Result<VoteAnswer, PeerError>>;

    /// A snapshot, in parts; it is installed when this answers. A sender that failed ends the parts with an error.
    fn snapshot(
        &self,
        peer: NodeId,
        parts: Flow<Result<SnapshotPart, PeerError>>,
    ) -> Pending<'_, Result<SnapshotAnswer, PeerError>>;

    /// The receiver is to campaign.
    fn transfer(&self, peer: NodeId, request: TransferRequest) -> Pending<'_, Result<TransferAnswer, PeerError>>;

    /// Who is there.
    fn greet(&self, peer: NodeId, request: GreetRequest) -> Pending<'_, Result<GreetAnswer, PeerError>>;

    /// Commands for a group that the receiver leads.
    fn propose(&self, peer: NodeId, request: ProposeRequest) -> Pending<'_, Result<ProposeAnswer, PeerError>>;

    /// The index of a linearizable read of the control group.
    fn read_index(&self, peer: NodeId, request: ReadIndexRequest) -> Pending<'_, Result<ReadIndexAnswer, PeerError>>;

    /// A question that a leader answers.
    fn ask(&self, peer: NodeId, request: AskRequest) -> Pending<'_, Result<AskAnswer, PeerError>>;

    /// A group is to be led by another.
    fn hand_over(&self, peer: NodeId, request: HandOverRequest) -> Pending<'_, Result<HandOverAnswer, PeerError>>;
}
