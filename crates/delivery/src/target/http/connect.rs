//! The connector: HTTPS alone, names resolved and their addresses looked at where the connection is made.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioTimer;
use tower::Service;

use bascule_model::ambient::{Spawn, TaskKind};
use bascule_pki::client::OutboundConfig;

use crate::limits::{HTTP_IDLE_LIMIT_CONNECTIONS, HTTP_IDLE_LIMIT_MS, HTTP_LIMIT_MS};
use crate::target::egress::{Egress, Forbidden};
use crate::target::http::{Failure, HttpClient};

pub(super) type Connector = HttpsConnector<HttpConnector<Resolver>>;

/// The client of a node.
pub(super) fn client(outbound: OutboundConfig, egress: Egress, spawn: Arc<dyn Spawn>) -> HttpClient {
    let mut connector = HttpConnector::new_with_resolver(Resolver(Arc::new(egress)));
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(Duration::from_millis(HTTP_LIMIT_MS)));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config((*outbound).clone())
        .https_only()
        .enable_http1()
        .enable_http2()
        .wrap_connector(connector);
    Client::builder(Tasks(spawn))
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_millis(HTTP_IDLE_LIMIT_MS))
        .pool_max_idle_per_host(HTTP_IDLE_LIMIT_CONNECTIONS)
        // A call that was sent on a connection which closed is an attempt; whether it is made again is pacing's to say.
        .retry_canceled_requests(false)
        .build(connector)
}

/// The address, if the host is one and no name.
pub(super) fn literal(uri: &http::Uri) -> Option<IpAddr> {
    let host = uri.host()?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.parse().ok()
}

/// What a failed call was.
pub(super) fn failure(error: &Error) -> Failure {
    let mut why = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(deeper) = source {
        if let Some(forbidden) = deeper.downcast_ref::<Forbidden>() {
            return Failure::Forbidden(forbidden.to_string());
        }
        if let Some(io) = deeper.downcast_ref::<io::Error>() {
            if let Some(forbidden) = io.get_ref().and_then(|inner| inner.downcast_ref::<Forbidden>()) {
                return Failure::Forbidden(forbidden.to_string());
            }
            if io.kind() == io::ErrorKind::TimedOut {
                return Failure::Timeout;
            }
        }
        why = deeper.to_string();
        source = deeper.source();
    }
    Failure::Connection(format!("the connection failed: {why}"))
}

/// Resolves by the system, and lets nothing through that the operator does not allow.
#[derive(Clone)]
pub(super) struct Resolver(Arc<Egress>);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let egress = Arc::clone(&self.0);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            for address in &found {
                egress.check(address.ip()).map_err(io::Error::other)?;
            }
            Ok(found.into_iter())
        })
    }
}

/// Runs the client's connections as the house's tasks.
#[derive(Clone)]
struct Tasks(Arc<dyn Spawn>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, work: F) {
        self.0.spawn(TaskKind::Call, Box::pin(work));
    }
}
