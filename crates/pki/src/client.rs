//! The calling side of TLS: HTTPS to strangers, and mutual TLS to the cluster's own nodes and regions.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, SupportedProtocolVersion, WantsVerifier};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use bascule_model::ambient::Clock;

use crate::error::{Error, handshake};
use crate::inventory::{self, Facts};
use crate::material::{Material, Source, Timer, alpn, now_unix_s, provider, trust};
use crate::server::own_pair;
use crate::stream::TlsStream;

/// What an HTTPS connector takes: the settings of [`outbound`], under a name for rooms that know no rustls.
pub type OutboundConfig = Arc<ClientConfig>;

/// Which authorities an outbound HTTPS call trusts.
#[derive(Debug, Clone)]
pub enum Roots<'a> {
    /// The system's.
    System,
    /// The system's and a bundle of PEM.
    SystemAnd(&'a str),
    /// A bundle of PEM and nothing else.
    Only(&'a str),
}

/// The configuration for outbound HTTPS: TLS 1.3 and 1.2, server verified, no client certificate. ALPN is left empty for
/// the HTTP connector, which sets it to what it speaks.
///
/// # Errors
/// [`Error::BadPem`] or [`Error::Empty`] for a bundle, [`Error::Empty`] when no authority is left.
pub fn outbound(roots: Roots<'_>, clock: &Arc<dyn Clock>) -> Result<OutboundConfig, Error> {
    let now = now_unix_s(clock.as_ref());
    let mut store = RootCertStore::empty();
    if !matches!(roots, Roots::Only(_)) {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "a system authority could not be read");
        }
        store.add_parsable_certificates(found.certs);
    }
    if let Roots::SystemAnd(bundle) | Roots::Only(bundle) = roots {
        trust(&mut store, bundle, now)?;
    }
    if store.is_empty() {
        return Err(Error::Empty { what: "store of system authorities" });
    }
    Ok(Arc::new(versions(clock)?.with_root_certificates(store).with_no_client_auth()))
}

/// The configuration for mutual TLS: the server must come from the source's authorities, the source's leaf is shown, no
/// session is resumed, ALPN offers `h2` and `http/1.1`.
///
/// # Errors
/// As [`crate::server::ServerTls::load`].
pub fn mutual(source: &Source, clock: &Arc<dyn Clock>) -> Result<Arc<ClientConfig>, Error> {
    Ok(Loaded::from_source(source, clock)?.config)
}

/// Mutual TLS of a calling node, reloaded like a listener's.
pub struct ClientTls {
    current: ArcSwap<Loaded>,
    source: Mutex<Source>,
    clock: Arc<dyn Clock>,
}

struct Loaded {
    config: Arc<ClientConfig>,
    leaf: Facts,
}

impl ClientTls {
    /// Loads a caller's material; it reads files, so call it where blocking is allowed.
    ///
    /// # Errors
    /// As [`mutual`].
    pub fn load(source: Source, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let first = Loaded::from_source(&source, &clock)?;
        Ok(Self { current: ArcSwap::from_pointee(first), source: Mutex::new(source), clock })
    }

    /// Reads the source anew; connections made from now on use it.
    ///
    /// # Errors
    /// As [`mutual`]; then the old configuration stays in use.
    pub fn reload(&self) -> Result<(), Error> {
        let source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        self.current.store(Arc::new(Loaded::from_source(&source, &self.clock)?));
        Ok(())
    }

    /// The newest configuration, for a connector that does its own handshakes.
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.current.load().config)
    }

    /// The facts of the leaf in use, for expiry metrics.
    pub fn leaf(&self) -> Facts {
        self.current.load().leaf.clone()
    }

    /// Does the handshake with a server that must prove `name` (a DNS name or an address) within `limit`.
    ///
    /// In TLS 1.3 the server judges this side's certificate after this returns: a refusal shows at the first read.
    ///
    /// # Errors
    /// [`Error::BadName`], [`Error::Refused`], [`Error::HandshakeTimeout`] or [`Error::Handshake`].
    pub async fn connect(&self, tcp: TcpStream, name: &str, limit: Duration) -> Result<TlsStream, Error> {
        let server = ServerName::try_from(name.to_owned()).map_err(|_| Error::BadName { name: name.to_owned() })?;
        let shake = TlsConnector::from(self.config()).connect(server, tcp);
        match tokio::time::timeout(limit, shake).await {
            Ok(Ok(stream)) => Ok(TlsStream(Box::new(stream.into()))),
            Ok(Err(error)) => Err(handshake(error)),
            Err(_) => Err(Error::HandshakeTimeout { limit_ms: limit.as_millis() }),
        }
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientTls")
    }
}

impl Loaded {
    fn from_source(source: &Source, clock: &Arc<dyn Clock>) -> Result<Self, Error> {
        let Material { chain, key, roots, crls, .. } = source.load(now_unix_s(clock.as_ref()))?;
        let leaf = inventory::of_der(chain.first().ok_or(Error::Empty { what: "certificate chain" })?)?;
        let mut verifier = WebPkiServerVerifier::builder_with_provider(roots, provider());
        if !crls.is_empty() {
            verifier = verifier.with_crls(crls).enforce_revocation_expiration();
        }
        let verifier = verifier.build().map_err(|error| Error::Tls(rustls::Error::General(error.to_string())))?;
        let mut config =
            versions(clock)?.with_webpki_verifier(verifier).with_client_auth_cert(chain, key).map_err(own_pair)?;
        config.alpn_protocols = alpn();
        config.resumption = Resumption::disabled();
        config.enable_early_data = false;
        Ok(Self { config: Arc::new(config), leaf })
    }
}

fn versions(clock: &Arc<dyn Clock>) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Error> {
    of_versions(&[&rustls::version::TLS13, &rustls::version::TLS12], clock)
}

/// For what nobody but the house speaks: TLS 1.3 alone.
pub(crate) fn newest_only(clock: &Arc<dyn Clock>) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Error> {
    of_versions(&[&rustls::version::TLS13], clock)
}

fn of_versions(
    versions: &[&'static SupportedProtocolVersion],
    clock: &Arc<dyn Clock>,
) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Error> {
    ClientConfig::builder_with_details(provider(), Arc::new(Timer(Arc::clone(clock))))
        .with_protocol_versions(versions)
        .map_err(Error::Tls)
}
