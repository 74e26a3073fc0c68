//! What comes in, call by call: handed to the node's own `Peers` with the caller of the connection, or to `Admission` and nothing else.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, future, stream};
use hyper::body::Incoming;
use parking_lot::Mutex;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::{Request, Response, Status, Streaming};

use bascule_api::peer::v1::backbone_server::{self, Backbone, BackboneServer};
use bascule_api::peer::v1::join_server::{self, Join, JoinServer};
use bascule_api::peer::v1::raft_server::{self, Raft, RaftServer};
use bascule_api::peer::v1::{
    AppendAnswer, AppendRequest, AskAnswer, AskRequest, GreetAnswer, GreetRequest, HandOverAnswer, HandOverRequest,
    JoinAnswer, JoinRequest, ProposeAnswer, ProposeRequest, ReadIndexAnswer, ReadIndexRequest, SnapshotAnswer,
    SnapshotPart, TransferAnswer, TransferRequest, VoteAnswer, VoteRequest,
};
use bascule_model::uid::NodeId;

use crate::peers::{Flow, PeerError, Peers};
use crate::transport::admission::{Admission, Refusal};
use crate::transport::limits::{JOIN_MESSAGE_LIMIT_BYTES, MESSAGE_LIMIT_BYTES, NODE_LIMIT_SNAPSHOTS};
use crate::transport::outcome;

type Answered<T> = Result<Response<T>, Status>;

/// What one connection can reach.
#[derive(Clone)]
pub(super) enum Doors {
    /// A node: the groups' calls and the others.
    Node {
        /// The groups'.
        raft: RaftServer<Node>,
        /// The others.
        backbone: BackboneServer<Node>,
    },
    /// Somebody who joins: that one call.
    Joining(JoinServer<Joining>),
    /// A node that was removed: whatever it asks, it is told so.
    Removed,
}

/// The calls of one node, on one connection.
pub(super) struct Node {
    caller: NodeId,
    peers: Arc<dyn Peers>,
    arriving: Arc<Arriving>,
}

/// The call of somebody who joins.
pub(super) struct Joining(Arc<dyn Admission>);

/// From whom snapshots come in now.
#[derive(Debug, Default)]
pub(super) struct Arriving(Mutex<BTreeSet<NodeId>>);

impl Doors {
    pub(super) fn of_node(caller: NodeId, peers: Arc<dyn Peers>, arriving: Arc<Arriving>) -> Self {
        let node = Arc::new(Node { caller, peers, arriving });
        let raft = RaftServer::from_arc(Arc::clone(&node));
        let backbone = BackboneServer::from_arc(node);
        Self::Node {
            raft: raft.max_decoding_message_size(MESSAGE_LIMIT_BYTES).max_encoding_message_size(MESSAGE_LIMIT_BYTES),
            backbone: backbone
                .max_decoding_message_size(MESSAGE_LIMIT_BYTES)
                .max_encoding_message_size(MESSAGE_LIMIT_BYTES),
        }
    }

    pub(super) fn of_joining(admission: Arc<dyn Admission>) -> Self {
        let join = JoinServer::new(Joining(admission));
        Self::Joining(
            join.max_decoding_message_size(JOIN_MESSAGE_LIMIT_BYTES).max_encoding_message_size(MESSAGE_LIMIT_BYTES),
        )
    }
}

impl hyper::service::Service<http::Request<Incoming>> for Doors {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: http::Request<Incoming>) -> Self::Future {
        let mut path = request.uri().path().split('/');
        let service = path.nth(1).unwrap_or_default();
        match self {
            Self::Node { raft, .. } if service == raft_server::SERVICE_NAME => raft.clone().call(request),
            Self::Node { backbone, .. } if service == backbone_server::SERVICE_NAME => backbone.clone().call(request),
            Self::Joining(join) if service == join_server::SERVICE_NAME => join.clone().call(request),
            Self::Removed => Box::pin(future::ready(Ok(outcome::removed().into_http()))),
            _ => Box::pin(future::ready(Ok(Status::unimplemented("there is no such call here").into_http()))),
        }
    }
}

#[tonic::async_trait]
impl Raft for Node {
    type AppendStream = Flow<Result<AppendAnswer, Status>>;

    async fn append(&self, request: Request<Streaming<AppendRequest>>) -> Answered<Self::AppendStream> {
        // A stream that breaks ends: what came whole before has come.
        let whole = request.into_inner().take_while(|part| future::ready(part.is_ok()));
        let requests = whole.filter_map(|part| future::ready(part.ok()));
        let answers =
            self.peers.append(self.caller, Box::pin(requests)).await.map_err(|error| outcome::status(&error))?;
        Ok(Response::new(Box::pin(answers.map(|answer| answer.map_err(|error| outcome::status(&error))))))
    }

    async fn vote(&self, request: Request<VoteRequest>) -> Answered<VoteAnswer> {
        answered(self.peers.vote(self.caller, request.into_inner()).await)
    }

    async fn snapshot(&self, request: Request<Streaming<SnapshotPart>>) -> Answered<SnapshotAnswer> {
        let Some(_turn) = self.arriving.turn(self.caller) else {
            return Err(Status::failed_precondition("as many snapshots come in as may"));
        };
        answered(self.peers.snapshot(self.caller, until_end(self.caller, request.into_inner())).await)
    }

    async fn transfer(&self, request: Request<TransferRequest>) -> Answered<TransferAnswer> {
        answered(self.peers.transfer(self.caller, request.into_inner()).await)
    }
}

#[tonic::async_trait]
impl Backbone for Node {
    async fn greet(&self, request: Request<GreetRequest>) -> Answered<GreetAnswer> {
        let request = request.into_inner();
        if request.node != self.caller.0 {
            return Err(Status::permission_denied("the certificate is another node's"));
        }
        answered(self.peers.greet(self.caller, request).await)
    }

    async fn propose(&self, request: Request<ProposeRequest>) -> Answered<ProposeAnswer> {
        answered(self.peers.propose(self.caller, request.into_inner()).await)
    }

    async fn read_index(&self, request: Request<ReadIndexRequest>) -> Answered<ReadIndexAnswer> {
        answered(self.peers.read_index(self.caller, request.into_inner()).await)
    }

    async fn ask(&self, request: Request<AskRequest>) -> Answered<AskAnswer> {
        answered(self.peers.ask(self.caller, request.into_inner()).await)
    }

    async fn hand_over(&self, request: Request<HandOverRequest>) -> Answered<HandOverAnswer> {
        answered(self.peers.hand_over(self.caller, request.into_inner()).await)
    }
}

#[tonic::async_trait]
impl Join for Joining {
    async fn join(&self, request: Request<JoinRequest>) -> Answered<JoinAnswer> {
        self.0.admit(request.into_inner()).await.map(Response::new).map_err(|refusal| {
            let told = refusal.to_string();
            match refusal {
                Refusal::Denied => Status::permission_denied(told),
                Refusal::Invalid { .. } => Status::invalid_argument(told),
                Refusal::NotNow { .. } => Status::unavailable(told),
            }
        })
    }
}

/// The last part of a snapshot that is whole. A call that its caller gave up ends here like one that has said everything: the HTTP
/// library makes no difference, and rows that are missing would be taken for rows that never were.
pub(super) const END: SnapshotPart = SnapshotPart { head: None, chunk: Bytes::new() };

/// Whether a part is that.
pub(super) fn is_end(part: &SnapshotPart) -> bool {
    part.head.is_none() && part.chunk.is_empty()
}

/// The parts up to the end, or to an error.
fn until_end(peer: NodeId, parts: Streaming<SnapshotPart>) -> Flow<Result<SnapshotPart, PeerError>> {
    Box::pin(stream::unfold(Some(parts), move |parts| async move {
        let mut parts = parts?;
        let why = match parts.message().await {
            Ok(Some(part)) if is_end(&part) => return None,
            Ok(Some(part)) => return Some((Ok(part), Some(parts))),
            Ok(None) => "it was given up".to_owned(),
            Err(status) => status.message().to_owned(),
        };
        Some((Err(PeerError::Broken { peer, why }), None))
    }))
}

fn answered<T>(answer: Result<T, PeerError>) -> Answered<T> {
    answer.map(Response::new).map_err(|error| outcome::status(&error))
}

impl Arriving {
    /// A turn of one node, if it and all together have one left.
    fn turn(self: &Arc<Self>, node: NodeId) -> Option<Turn> {
        let mut now = self.0.lock();
        let free = now.len() < NODE_LIMIT_SNAPSHOTS && now.insert(node);
        free.then(|| Turn { arriving: Arc::clone(self), node })
    }
}

struct Turn {
    arriving: Arc<Arriving>,
    node: NodeId,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.arriving.0.lock().remove(&self.node);
    }
}
