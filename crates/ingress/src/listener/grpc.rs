//! The gRPC listener: mTLS handshakes side by side, then HTTP/2 with bounds on everything that a stranger may send.

use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use opentelemetry::metrics::Meter;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tonic::transport::Server;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};
use tower::util::MapResponseLayer;

use bascule_api::FILE_DESCRIPTOR_SET;
use bascule_api::limits::MESSAGE_MAX_BYTES;
use bascule_model::ambient::{Pending, Spawn, TaskKind};
use bascule_pki::server::ServerTls;

use crate::family;
use crate::limits::{
    ACCEPT_PAUSE_MS, ARRIVAL_LIMIT_MS, CONNECTION_LIMIT_RESETS_LOCAL, CONNECTION_LIMIT_RESETS_PENDING,
    CONNECTION_LIMIT_STREAMS, CONNECTION_WINDOW_BYTES, HANDSHAKE_LIMIT_MS, HEADERS_LIMIT_BYTES, KEEPALIVE_INTERVAL_MS,
    KEEPALIVE_LIMIT_MS, STREAM_WINDOW_BYTES,
};
use crate::listener::connections::{Bounds, Connections};
use crate::listener::retire::Retire;
use crate::listener::secured::Secured;
use crate::listener::unheard;
use crate::rooms::Rooms;
use crate::stack::Stack;

/// Why the listener ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
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
    /// What each connection is held to.
    pub bounds: Bounds,
    /// Tasks.
    pub spawn: Arc<dyn Spawn>,
    /// Where connections are counted.
    pub meter: Meter,
}

/// Talks with a client until its connection ends.
type Talk = dyn Fn(Secured, Gone, &Retire) -> Pending<'static, ()> + Send + Sync;
/// Hears of a connection's end.
type Gone = oneshot::Receiver<()>;

/// Serves until `stop` says so; then refuses new connections, and returns when the last call is answered.
///
/// # Errors
/// [`Error`].
pub async fn serve(options: Options, mut stop: watch::Receiver<bool>) -> Result<(), Error> {
    let Options { socket, tls, stack, rooms, connections_limit, bounds, spawn, meter } = options;
    let connections = Connections::new(bounds, Arc::clone(&rooms.clock), &meter);
    let router = Server::builder()
        .max_concurrent_streams(CONNECTION_LIMIT_STREAMS)
        .http2_max_header_list_size(HEADERS_LIMIT_BYTES)
        .http2_max_pending_accept_reset_streams(Some(CONNECTION_LIMIT_RESETS_PENDING))
        .http2_max_local_error_reset_streams(Some(CONNECTION_LIMIT_RESETS_LOCAL))
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .http2_keepalive_interval(Some(Duration::from_millis(KEEPALIVE_INTERVAL_MS)))
        .http2_keepalive_timeout(Some(Duration::from_millis(KEEPALIVE_LIMIT_MS)))
        .timeout(Duration::from_millis(ARRIVAL_LIMIT_MS))
        .layer(MapResponseLayer::new(unheard::reasoned))
        .add_service(health().await)
        .add_service(reflection()?);
    let router = family::add(router, &stack, &rooms, MESSAGE_MAX_BYTES);
    let (alive, mut ended) = mpsc::channel::<Infallible>(1);
    let stopping = stop.clone();
    // A server for each connection, since the library retires all connections of a server at once, or none.
    let talk = move |secured: Secured, gone: Gone, retire: &Retire| -> Pending<'static, ()> {
        let (router, alive, retired, mut stop) = (router.clone(), alive.clone(), retire.asked(), stopping.clone());
        let parting = async move {
            tokio::select! {
                () = retired => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        };
        let end = stream::once(gone).filter_map(|_| ready(None));
        let incoming = stream::iter([Ok::<_, io::Error>(secured)]).chain(end);
        Box::pin(async move {
            if let Err(error) = router.serve_with_incoming_shutdown(incoming, parting).await {
                tracing::warn!(%error, "a connection was not served");
            }
            drop(alive);
        })
    };
    let door = Door {
        tls: Arc::clone(&tls),
        connections: Arc::clone(&connections),
        talk: Arc::new(talk),
        spawn,
        stop: stop.clone(),
    };
    let living = async {
        tokio::select! {
            () = door.open(&socket, connections_limit) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        stack.drain();
        // Whoever talks holds on to one sender, and the door to the last.
        drop((door, socket));
        let _ = ended.recv().await;
    };
    tokio::select! {
        () = living => {}
        () = stack.cut_stalled() => {}
        () = connections.watch(&tls) => {}
    }
    Ok(())
}

async fn health() -> HealthServer<impl Health> {
    let (health, service) = tonic_health::server::health_reporter();
    health.set_service_status("", tonic_health::ServingStatus::Serving).await;
    for service in family::SERVICES {
        health.set_service_status(service, tonic_health::ServingStatus::Serving).await;
    }
    service
}

fn reflection() -> Result<ServerReflectionServer<impl ServerReflection>, Error> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(|error| Error::Contract(error.to_string()))
}

/// Lets connections in, and hands each on to who talks with it.
struct Door {
    tls: Arc<ServerTls>,
    connections: Arc<Connections>,
    talk: Arc<Talk>,
    spawn: Arc<dyn Spawn>,
    stop: watch::Receiver<bool>,
}

impl Door {
    /// Accepts connections, for ever.
    async fn open(&self, socket: &TcpListener, connections_limit: usize) {
        let places = Arc::new(Semaphore::new(connections_limit));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            match socket.accept().await {
                Ok((tcp, from)) => self.knock(tcp, from.ip().to_canonical(), place),
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
                }
            }
        }
    }

    /// Does a handshake beside all others.
    fn knock(&self, tcp: TcpStream, from: IpAddr, place: OwnedSemaphorePermit) {
        let Some(seat) = self.connections.seat(from, place) else {
            tracing::debug!(%from, "a connection was closed: its address has as many as it may");
            self.connections.refused("address");
            return;
        };
        let (tls, connections, talk) = (Arc::clone(&self.tls), Arc::clone(&self.connections), Arc::clone(&self.talk));
        let mut stop = self.stop.clone();
        let handshake = async move {
            // Answers are small and must not wait for more of them.
            let _ = tcp.set_nodelay(true);
            let shaken = tokio::select! {
                shaken = tls.accept(tcp, Duration::from_millis(HANDSHAKE_LIMIT_MS)) => shaken,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match shaken {
                Ok((stream, peer)) => {
                    let (secured, gone) = Secured::new(stream, from, Arc::new(peer), seat, connections);
                    let retire = secured.retire().clone();
                    talk(secured, gone, &retire).await;
                }
                Err(error) => {
                    connections.refused("handshake");
                    tracing::info!(%error, %from, "a connection was refused");
                }
            }
        };
        self.spawn.spawn(TaskKind::Call, Box::pin(handshake));
    }
}
