//! One HTTP/2 connection to a peer as the gRPC stubs take it; what it did not take it says so.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, Connection, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use tonic::body::Body;
use tonic::codegen::{Service, StdError, http};
use tonic::{Response, Status, Streaming};

use bascule_api::peer::v1::backbone_client::BackboneClient;
use bascule_api::peer::v1::join_client::JoinClient;
use bascule_api::peer::v1::raft_client::RaftClient;
use bascule_api::peer::v1::{AppendAnswer, AppendRequest, SnapshotAnswer, SnapshotPart};
use bascule_model::ambient::{Pending, Spawn};
use bascule_pki::stream::TlsStream;

use crate::peers::Flow;
use crate::transport::limits::{
    CONNECTION_WINDOW_BYTES, HEADERS_LIMIT_BYTES, KEEPALIVE_INTERVAL_MS, KEEPALIVE_LIMIT_MS, MESSAGE_LIMIT_BYTES,
    SEND_BUFFER_BYTES, STREAM_WINDOW_BYTES,
};
use crate::transport::outcome::Unsent;
use crate::transport::severed::{Cut, Severed};
use crate::transport::work::Work;

/// What a request's URI says beside its path; the connection is what counts.
const ORIGIN: &str = "https://peer.bascule.internal";

/// A connection's calling end.
#[derive(Clone)]
pub(super) struct Wire(SendRequest<Body>);

/// A call and its end.
pub(super) type Calling<T> = Pending<'static, Result<Response<T>, Status>>;

/// What drives the connection, and ends with it.
pub(super) type Drive = Connection<TokioIo<Severed>, Body, Work>;

impl Wire {
    /// Speaks HTTP/2 on a stream, which the switch ends whatever goes on in it.
    pub(super) async fn over(
        stream: TlsStream,
        spawn: Arc<dyn Spawn>,
    ) -> Result<(Self, Drive, Arc<Cut>), hyper::Error> {
        let mut builder = http2::Builder::new(Work(spawn));
        builder
            .timer(TokioTimer::new())
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .max_send_buf_size(SEND_BUFFER_BYTES)
            .max_header_list_size(HEADERS_LIMIT_BYTES)
            // A peer that is gone without a word is found by this alone.
            .keep_alive_interval(Duration::from_millis(KEEPALIVE_INTERVAL_MS))
            .keep_alive_timeout(Duration::from_millis(KEEPALIVE_LIMIT_MS))
            .keep_alive_while_idle(true);
        let (stream, cut) = Severed::new(stream);
        let (sender, drive) = builder.handshake(TokioIo::new(stream)).await?;
        Ok((Self(sender), drive, cut))
    }

    /// Whether it has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// The groups' calls.
    pub(super) fn raft(self) -> RaftClient<Self> {
        RaftClient::with_origin(self, http::Uri::from_static(ORIGIN))
            .max_decoding_message_size(MESSAGE_LIMIT_BYTES)
            .max_encoding_message_size(MESSAGE_LIMIT_BYTES)
    }

    /// Appends, of which there is a stream in each direction.
    pub(super) fn append(self, requests: Flow<AppendRequest>) -> Calling<Streaming<AppendAnswer>> {
        let mut raft = self.raft();
        Box::pin(async move { raft.append(Named(requests)).await })
    }

    /// The parts of a snapshot, all of them whole.
    pub(super) fn snapshot(self, parts: Flow<SnapshotPart>) -> Calling<SnapshotAnswer> {
        let mut raft = self.raft();
        Box::pin(async move { raft.snapshot(Named(parts)).await })
    }

    /// The others.
    pub(super) fn backbone(self) -> BackboneClient<Self> {
        BackboneClient::with_origin(self, http::Uri::from_static(ORIGIN))
            .max_decoding_message_size(MESSAGE_LIMIT_BYTES)
            .max_encoding_message_size(MESSAGE_LIMIT_BYTES)
    }

    /// The call of a node that joins.
    pub(super) fn join(self) -> JoinClient<Self> {
        JoinClient::with_origin(self, http::Uri::from_static(ORIGIN))
            .max_decoding_message_size(MESSAGE_LIMIT_BYTES)
            .max_encoding_message_size(MESSAGE_LIMIT_BYTES)
    }
}

/// A stream under a name of its own: the compiler cannot see that a future which holds a nameless one may change threads.
struct Named<T>(Flow<T>);

impl<T> Stream for Named<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl Service<http::Request<Body>> for Wire {
    type Response = http::Response<Incoming>;
    type Error = StdError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, StdError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        // A connection that has ended says so to the call, which keeps its reason; here it would be lost.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let sending = self.0.try_send_request(request);
        Box::pin(async move {
            sending.await.map_err(|mut failed| -> StdError {
                // A request that is handed back was never written.
                match failed.take_message() {
                    Some(_) => Box::new(Unsent(failed.into_error().to_string())),
                    None => Box::new(failed.into_error()),
                }
            })
        })
    }
}
