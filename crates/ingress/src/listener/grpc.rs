//! The gRPC listener: mTLS handshakes side by side, then HTTP/2 with bounds on everything that a stranger may send.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tower::util::MapResponseLayer;

use bascule_api::FILE_DESCRIPTOR_SET;
use bascule_api::limits::MESSAGE_MAX_BYTES;
use bascule_model::ambient::{Spawn, TaskKind};
use bascule_pki::server::ServerTls;

use crate::family;
use crate::limits::{
    ACCEPT_PAUSE_MS, CONNECTION_LIMIT_STREAMS, CONNECTION_WINDOW_BYTES, HANDSHAKE_LIMIT_MS,
    HANDSHAKES_WAITING_LIMIT_CONNECTIONS, HEADERS_LIMIT_BYTES, KEEPALIVE_INTERVAL_MS, KEEPALIVE_LIMIT_MS,
    STREAM_WINDOW_BYTES,
};
use crate::listener::cut::Cut;
use crate::listener::secured::Secured;
use crate::listener::unheard;
use crate::rooms::Rooms;
use crate::stack::Stack;

/// Why the listener ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server gave up.
    #[error("the gRPC listener ended")]
    Server(#[from] tonic::transport::Error),
    /// The reflection service could not read the contract.
    #[error("the contract's descriptors cannot be read: {0}")]
    Contract(String),
}

/// What the listener serves, and how many connections at once.
pub struct Options {
    /// Its socket, bound.
    pub socket: TcpListener,
    /// Its certificates.
    pub tls: Arc<ServerTls>,
    /// The stack.
    pub stack: Arc<Stack>,
    /// The rooms behind it.
    pub rooms: Rooms,
    /// Connections at once; more wait in the kernel's queue.
    pub connections_limit: usize,
    /// Tasks.
    pub spawn: Arc<dyn Spawn>,
}

/// Serves until `stop` says so; then refuses new connections, and returns when the last call is answered.
///
/// # Errors
/// [`Error`].
pub async fn serve(options: Options, mut stop: watch::Receiver<bool>) -> Result<(), Error> {
    let Options { socket, tls, stack, rooms, connections_limit, spawn } = options;
    let (send, connections) = mpsc::channel(HANDSHAKES_WAITING_LIMIT_CONNECTIONS);
    let open = send.clone();
    let accepting = accept(socket, tls, connections_limit, Arc::clone(&spawn), send, stop.clone());
    // Without it the listener would be there and hear nobody.
    spawn.spawn(TaskKind::Listener, Box::pin(accepting));
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("", tonic_health::ServingStatus::Serving).await;
    for service in family::SERVICES {
        health.set_service_status(service, tonic_health::ServingStatus::Serving).await;
    }
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(|error| Error::Contract(error.to_string()))?;
    let router = Server::builder()
        .max_concurrent_streams(CONNECTION_LIMIT_STREAMS)
        .http2_max_header_list_size(HEADERS_LIMIT_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .http2_keepalive_interval(Some(Duration::from_millis(KEEPALIVE_INTERVAL_MS)))
        .http2_keepalive_timeout(Some(Duration::from_millis(KEEPALIVE_LIMIT_MS)))
        .tcp_nodelay(true)
        .layer(MapResponseLayer::new(unheard::reasoned))
        .add_service(health_service)
        .add_service(reflection);
    let router = family::add(router, &stack, &rooms, MESSAGE_MAX_BYTES);
    let incoming = ReceiverStream::new(connections);
    let watched = Arc::clone(&stack);
    let stopping = async move {
        let _ = stop.wait_for(|stop| *stop).await;
        stack.drain();
        // While there may be connections to come the server runs; without any it would end before it was told to, and whoever
        // waits for something to come would never hear of the stop.
        drop(open);
    };
    tokio::select! {
        served = router.serve_with_incoming_shutdown(incoming, stopping) => Ok(served?),
        () = watched.cut_stalled() => Ok(()),
    }
}

async fn accept(
    socket: TcpListener,
    tls: Arc<ServerTls>,
    connections_limit: usize,
    spawn: Arc<dyn Spawn>,
    connections: mpsc::Sender<io::Result<Secured>>,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(connections_limit));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let tcp = match accepted {
            Ok((tcp, _)) => tcp,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
                continue;
            }
        };
        let (tls, connections) = (Arc::clone(&tls), connections.clone());
        let handshake = async move {
            // Answers are small and must not wait for more of them.
            let _ = tcp.set_nodelay(true);
            let from = tcp.peer_addr().ok();
            match tls.accept(tcp, Duration::from_millis(HANDSHAKE_LIMIT_MS)).await {
                Ok((stream, peer)) => {
                    let secured = Secured {
                        stream,
                        peer: Arc::new(peer),
                        from: from.map(|from| from.ip().to_canonical()),
                        cut: Cut::default(),
                        _place: place,
                    };
                    // A server that has stopped takes no more connections.
                    let _ = connections.send(Ok(secured)).await;
                }
                Err(error) => tracing::info!(%error, ?from, "a connection was refused"),
            }
        };
        spawn.spawn(TaskKind::Call, Box::pin(handshake));
    }
}
