//! The connector: HTTPS alone, names resolved and their addresses looked at where the connection is made.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioTimer;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tower::Service;

use bascule_model::ambient::{Spawn, TaskKind};
use bascule_pki::client::OutboundConfig;

use crate::limits::{
    HTTP_IDLE_LIMIT_CONNECTIONS, HTTP_IDLE_LIMIT_MS, HTTP_LIMIT_MS, LOOKUPS_LIMIT_COUNT, LOOKUPS_OF_NAME_LIMIT_COUNT,
};
use crate::target::egress::{Egress, Forbidden};
use crate::target::http::{Failure, HttpClient};

pub(super) type Connector = HttpsConnector<HttpConnector<Resolver>>;

/// The client of a node.
pub(super) fn client(outbound: OutboundConfig, egress: Egress, spawn: Arc<dyn Spawn>) -> HttpClient {
    let resolver = Resolver { egress: Arc::new(egress), lookups: Arc::default(), spawn: Arc::clone(&spawn) };
    let mut connector = HttpConnector::new_with_resolver(resolver);
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(Duration::from_millis(HTTP_LIMIT_MS)));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config((*outbound).clone())
        .https_only()
        // One call a connection: over HTTP/2 all calls of a host share one, its bound of streams, and its silent end.
        .enable_http1()
        .wrap_connector(connector);
    Client::builder(Tasks(spawn))
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_millis(HTTP_IDLE_LIMIT_MS))
        .pool_max_idle_per_host(HTTP_IDLE_LIMIT_CONNECTIONS)
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
pub(super) struct Resolver {
    egress: Arc<Egress>,
    lookups: Arc<Lookups>,
    spawn: Arc<dyn Spawn>,
}

/// Look-ups that are going on, by name. The system's own have no deadline: one that nobody waits for any more still counts.
#[derive(Default)]
struct Lookups(Mutex<BTreeMap<String, usize>>);

impl Lookups {
    /// A place for one more of this name.
    fn begin(self: &Arc<Self>, name: &str) -> io::Result<Going> {
        let mut going = self.0.lock();
        let all: usize = going.values().sum();
        let of_name = going.get(name).copied().unwrap_or(0);
        if all >= LOOKUPS_LIMIT_COUNT || of_name >= LOOKUPS_OF_NAME_LIMIT_COUNT {
            return Err(io::Error::other("too many names are being looked up"));
        }
        going.insert(name.to_owned(), of_name + 1);
        Ok(Going { lookups: Arc::clone(self), name: name.to_owned() })
    }
}

struct Going {
    lookups: Arc<Lookups>,
    name: String,
}

impl Drop for Going {
    fn drop(&mut self) {
        let mut going = self.lookups.0.lock();
        if let Some(count) = going.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                going.remove(&self.name);
            }
        }
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { egress, lookups, spawn } = self.clone();
        Box::pin(async move {
            let going = lookups.begin(name.as_str())?;
            let (done, found) = oneshot::channel();
            let look = move || {
                let found = (name.as_str(), 0).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
                drop(going);
                // Whoever asked may have gone away.
                let _ = done.send(found);
            };
            spawn.block(TaskKind::Call, Box::new(look));
            let found = found.await.map_err(|_| io::Error::other("the look-up ended early"))??;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_cannot_take_all_look_ups() {
        let lookups = Arc::<Lookups>::default();
        let mut going: Vec<Going> = (0..10).filter_map(|_| lookups.begin("slow").ok()).collect();
        assert_eq!(going.len(), LOOKUPS_OF_NAME_LIMIT_COUNT);
        going.extend((0..30).filter_map(|nth| lookups.begin(&nth.to_string()).ok()));
        assert_eq!(going.len(), LOOKUPS_LIMIT_COUNT);
        going.clear();
        assert!(lookups.0.lock().is_empty() && lookups.begin("slow").is_ok());
    }
}
