//! The peers' listener: handshakes side by side, then each connection is served to its end or its certificate's.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use bascule_model::ambient::{Clock, Spawn, TaskKind};
use bascule_model::uid::NodeId;
use bascule_pki::peer::Peer;
use bascule_pki::peering::{Arrival, PeerTls};
use bascule_pki::stream::TlsStream;

use crate::peers::Peers;
use crate::transport::admission::Admission;
use crate::transport::doors::{Arriving, Doors};
use crate::transport::limits::{
    ACCEPT_PAUSE_MS, CONNECTION_LIMIT_RESETS_LOCAL, CONNECTION_LIMIT_RESETS_PENDING, CONNECTION_LIMIT_STREAMS,
    CONNECTION_WINDOW_BYTES, HANDSHAKE_LIMIT_MS, HEADERS_LIMIT_BYTES, JOIN_AGE_LIMIT_MS, JOIN_WINDOW_BYTES,
    KEEPALIVE_INTERVAL_MS, KEEPALIVE_LIMIT_MS, LOOK_INTERVAL_MS, REMOVED_AGE_LIMIT_MS, REMOVED_GRACE_MS,
    REMOVED_LIMIT_STREAMS, SEND_BUFFER_BYTES, STOP_LIMIT_MS, STREAM_WINDOW_BYTES,
};
use crate::transport::outcome::chain;
use crate::transport::places::{JoinPlace, Place, Places};
use crate::transport::work::Work;

/// Whether a node is a member.
pub type Membership = Arc<dyn Fn(NodeId) -> bool + Send + Sync>;

/// What the listener serves.
pub struct Options {
    /// Its socket, bound.
    pub socket: TcpListener,
    /// The node's certificates.
    pub tls: Arc<PeerTls>,
    /// Who answers nodes.
    pub peers: Arc<dyn Peers>,
    /// Who answers those that want to be one.
    pub admission: Arc<dyn Admission>,
    /// Whether a node is a member; one that is none is told so, and whatever it had open is cut.
    pub is_member: Membership,
    /// Tasks.
    pub spawn: Arc<dyn Spawn>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// The peers' listener.
pub struct Service {
    socket: TcpListener,
    door: Arc<Door>,
}

/// What each connection needs.
struct Door {
    tls: Arc<PeerTls>,
    peers: Arc<dyn Peers>,
    admission: Arc<dyn Admission>,
    is_member: Membership,
    spawn: Arc<dyn Spawn>,
    clock: Arc<dyn Clock>,
    places: Arc<Places>,
    arriving: Arc<Arriving>,
}

type Stop = watch::Receiver<bool>;

impl Service {
    /// A listener that has yet to run.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let Options { socket, tls, peers, admission, is_member, spawn, clock } = options;
        let (places, arriving) = (Arc::default(), Arc::default());
        Self { socket, door: Arc::new(Door { tls, peers, admission, is_member, spawn, clock, places, arriving }) }
    }

    /// Serves until `stop` says so; returns when every connection has ended, which takes a second at most.
    pub async fn run(self, mut stop: Stop) {
        let Self { socket, door } = self;
        let (alive, mut ended) = mpsc::channel::<()>(1);
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match accepted {
                Ok((tcp, from)) => {
                    let from = from.ip();
                    let Some(place) = door.places.shake(from) else {
                        tracing::debug!(%from, "a peer's connection was closed: there are as many as may be");
                        continue;
                    };
                    let (door, stop, alive) = (Arc::clone(&door), stop.clone(), alive.clone());
                    let spawn = Arc::clone(&door.spawn);
                    let talk = async move {
                        door.talk(tcp, from, place, stop).await;
                        drop(alive);
                    };
                    spawn.spawn(TaskKind::Call, Box::pin(talk));
                }
                Err(error) => {
                    tracing::warn!(%error, "a peer's connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
                }
            }
        }
        drop((socket, alive));
        let _ = ended.recv().await;
    }
}

impl Door {
    async fn talk(&self, tcp: TcpStream, from: IpAddr, mut place: Place, mut stop: Stop) {
        // Heartbeats are small and must not wait for more of them.
        let _ = tcp.set_nodelay(true);
        let limit = Duration::from_millis(HANDSHAKE_LIMIT_MS);
        let arrival = tokio::select! {
            arrival = self.tls.accept(tcp, limit, || self.places.join(self.clock.boot())) => arrival,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match arrival {
            Ok(Arrival::Node { node, stream, peer }) => {
                if !place.settle(node) {
                    tracing::warn!(node = node.0, %from, "a peer's connection was closed: the node has as many as it may");
                } else if (self.is_member)(node) {
                    self.serve_node(node, stream, &peer, stop).await;
                } else {
                    tracing::info!(node = node.0, %from, "a node that is no member is told so");
                    self.serve_removed(stream, stop).await;
                }
            }
            Ok(Arrival::Joining { stream, guard }) => {
                place.settle_joining();
                tracing::info!(%from, "a node asks to join");
                self.serve_joining(stream, guard, stop).await;
            }
            Err(error) => tracing::info!(error = chain(&error), %from, "a peer's connection was refused"),
        }
    }

    async fn serve_node(&self, node: NodeId, stream: TlsStream, peer: &Peer, stop: Stop) {
        let doors = Doors::of_node(node, Arc::clone(&self.peers), Arc::clone(&self.arriving));
        let mut builder = self.builder();
        builder
            .max_concurrent_streams(CONNECTION_LIMIT_STREAMS)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .max_send_buf_size(SEND_BUFFER_BYTES);
        let cut = async {
            loop {
                tokio::time::sleep(Duration::from_millis(LOOK_INTERVAL_MS)).await;
                if let Err(error) = self.tls.recheck(peer) {
                    tracing::warn!(node = node.0, error = chain(&error), "a peer's connection is cut");
                    return;
                }
                if !(self.is_member)(node) {
                    // Told by its next greeting, it ends in order, and what it has sent on for its callers is answered first.
                    tokio::time::sleep(Duration::from_millis(REMOVED_GRACE_MS)).await;
                    tracing::warn!(node = node.0, "a peer's connection is cut: the node is no member any more");
                    return;
                }
            }
        };
        serve(&builder, stream, doors, cut, stop).await;
    }

    /// Its certificate is good until its end, so that it can be told why nobody answers it, and nothing else.
    async fn serve_removed(&self, stream: TlsStream, stop: Stop) {
        let mut builder = self.builder();
        builder
            .max_concurrent_streams(REMOVED_LIMIT_STREAMS)
            .initial_connection_window_size(JOIN_WINDOW_BYTES)
            .initial_stream_window_size(JOIN_WINDOW_BYTES);
        let cut = tokio::time::sleep(Duration::from_millis(REMOVED_AGE_LIMIT_MS));
        serve(&builder, stream, Doors::Removed, cut, stop).await;
    }

    async fn serve_joining(&self, stream: TlsStream, place: JoinPlace, stop: Stop) {
        let mut builder = self.builder();
        builder
            .max_concurrent_streams(1)
            .initial_connection_window_size(JOIN_WINDOW_BYTES)
            .initial_stream_window_size(JOIN_WINDOW_BYTES);
        let cut = tokio::time::sleep(Duration::from_millis(JOIN_AGE_LIMIT_MS));
        serve(&builder, stream, Doors::of_joining(Arc::clone(&self.admission)), cut, stop).await;
        drop(place);
    }

    fn builder(&self) -> http2::Builder<Work> {
        let mut builder = http2::Builder::new(Work(Arc::clone(&self.spawn)));
        builder
            .timer(TokioTimer::new())
            .max_header_list_size(HEADERS_LIMIT_BYTES)
            .max_pending_accept_reset_streams(CONNECTION_LIMIT_RESETS_PENDING)
            .max_local_error_reset_streams(CONNECTION_LIMIT_RESETS_LOCAL)
            .keep_alive_interval(Duration::from_millis(KEEPALIVE_INTERVAL_MS))
            .keep_alive_timeout(Duration::from_millis(KEEPALIVE_LIMIT_MS));
        builder
    }
}

/// Serves one connection until it ends, `cut` does, or the node stops.
async fn serve(
    builder: &http2::Builder<Work>,
    stream: TlsStream,
    doors: Doors,
    cut: impl Future<Output = ()>,
    mut stop: Stop,
) {
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), doors));
    let stopped = async {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    tokio::select! {
        done = connection.as_mut() => {
            if let Err(error) = done {
                tracing::debug!(error = chain(&error), "a peer's connection ended");
            }
            return;
        }
        // Dropped with all its calls: whoever waits for an answer hears that there is none.
        () = cut => return,
        () = stopped => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(Duration::from_millis(STOP_LIMIT_MS), connection).await;
}
