//! A listener's side of TLS: client certificates are mandatory, every accept uses the newest configuration.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::UnixTime;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{Acceptor, NoServerSessionStorage, WebPkiClientVerifier};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;

use bascule_model::ambient::Clock;

use crate::error::{Error, Refusal, handshake};
use crate::inventory::{self, Facts};
use crate::material::{Material, Source, Timer, alpn, now_unix_s, provider};
use crate::peer::Peer;
use crate::stream::TlsStream;

/// A listener's TLS. Cheap to share behind an `Arc`; accepts never wait for a reload.
pub struct ServerTls {
    current: ArcSwap<Loaded>,
    // Held through a whole reload, so that two of them cannot finish in the wrong order.
    source: Mutex<Source>,
    clock: Arc<dyn Clock>,
}

/// One configuration, fresh from its source: nothing of an older one is carried over, session stores least of all.
struct Loaded {
    config: Arc<ServerConfig>,
    verifier: Arc<dyn ClientCertVerifier>,
    leaf: Facts,
    crls_until_unix_s: i64,
    generation: u64,
}

impl ServerTls {
    /// Loads a listener's material and judges it: the key belongs to the leaf, the chain holds at the clock's time.
    /// It reads files, so call it where blocking is allowed.
    ///
    /// # Errors
    /// Any of the material's errors of [`Error`]; see the variants.
    pub fn load(source: Source, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let first = Loaded::from_source(&source, &clock, 1)?;
        Ok(Self { current: ArcSwap::from_pointee(first), source: Mutex::new(source), clock })
    }

    /// Reads the source anew and swaps the configuration. Live connections stay; see [`ServerTls::recheck`].
    ///
    /// # Errors
    /// As [`ServerTls::load`]; then the old configuration stays in use.
    pub fn reload(&self) -> Result<(), Error> {
        let source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        self.swap(&source)
    }

    /// Takes another source from now on.
    ///
    /// # Errors
    /// As [`ServerTls::load`]; then the old source and configuration stay in use.
    pub fn replace(&self, source: Source) -> Result<(), Error> {
        let mut held = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        self.swap(&source)?;
        *held = source;
        Ok(())
    }

    /// Does the handshake on a fresh TCP connection within `limit` and says who the client is. No session is ever
    /// resumed, since a resumed one would skip the client's certificate.
    ///
    /// # Errors
    /// [`Error::Refused`] with the reason, [`Error::HandshakeTimeout`], or [`Error::Handshake`] when the connection
    /// breaks.
    pub async fn accept(&self, tcp: TcpStream, limit: Duration) -> Result<(TlsStream, Peer), Error> {
        match tokio::time::timeout(limit, Box::pin(self.shake(tcp))).await {
            Ok(done) => done,
            Err(_) => Err(Error::HandshakeTimeout { limit_ms: limit.as_millis() }),
        }
    }

    /// Judges a live connection's peer again, at the clock's time and with the newest authorities and lists. Cheap
    /// while nothing was reloaded; after a reload it verifies the chain anew (about 0.1 ms).
    ///
    /// # Errors
    /// [`Error::Refused`] when the connection must be cut.
    pub fn recheck(&self, peer: &Peer) -> Result<(), Error> {
        let now = now_unix_s(self.clock.as_ref());
        let loaded = self.current.load();
        if peer.generation() == loaded.generation && now <= peer.chain_until_unix_s() && now < loaded.crls_until_unix_s
        {
            return Ok(());
        }
        let (leaf, above) = peer.chain().split_first().ok_or(Error::Refused(Refusal::NoCertificate))?;
        let time = UnixTime::since_unix_epoch(Duration::from_secs(now.unsigned_abs()));
        match loaded.verifier.verify_client_cert(leaf, above, time) {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::Refused(Refusal::of(&error))),
        }
    }

    /// The facts of the leaf in use, for expiry metrics.
    pub fn leaf(&self) -> Facts {
        self.current.load().leaf.clone()
    }

    /// When the first revocation list in use is over, in seconds since the Unix epoch; none without lists. From then on
    /// every client is refused.
    pub fn crls_until_unix_s(&self) -> Option<i64> {
        let until = self.current.load().crls_until_unix_s;
        (until != i64::MAX).then_some(until)
    }

    /// Which configuration is in use: 1 at first, one more with every reload that held.
    pub fn generation(&self) -> u64 {
        self.current.load().generation
    }

    fn swap(&self, source: &Source) -> Result<(), Error> {
        let next = Loaded::from_source(source, &self.clock, self.generation() + 1)?;
        self.current.store(Arc::new(next));
        Ok(())
    }

    async fn shake(&self, tcp: TcpStream) -> Result<(TlsStream, Peer), Error> {
        let hello = LazyConfigAcceptor::new(Acceptor::default(), tcp).await.map_err(handshake)?;
        // Read only now: a client that holds its hello back cannot hold an old configuration.
        let loaded = self.current.load_full();
        let stream = hello.into_stream(Arc::clone(&loaded.config)).await.map_err(handshake)?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let peer = Peer::from_chain(chain, loaded.generation)?;
        Ok((TlsStream(Box::new(stream.into())), peer))
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").field("generation", &self.generation()).finish_non_exhaustive()
    }
}

impl Loaded {
    fn from_source(source: &Source, clock: &Arc<dyn Clock>, generation: u64) -> Result<Self, Error> {
        let Material { chain, key, roots, crls, crls_until_unix_s } = source.load(now_unix_s(clock.as_ref()))?;
        let leaf = inventory::of_der(chain.first().ok_or(Error::Empty { what: "certificate chain" })?)?;
        let mut verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
        if !crls.is_empty() {
            // Both are off by default: without the second an attacker could keep an old list in place.
            verifier = verifier.with_crls(crls).enforce_revocation_expiration();
        }
        let verifier = verifier.build().map_err(|error| Error::Tls(rustls::Error::General(error.to_string())))?;
        let mut config = ServerConfig::builder_with_details(provider(), Arc::new(Timer(Arc::clone(clock))))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(Error::Tls)?
            .with_client_cert_verifier(Arc::clone(&verifier))
            .with_single_cert(chain, key)
            .map_err(own_pair)?;
        config.alpn_protocols = alpn();
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        Ok(Self { config: Arc::new(config), verifier, leaf, crls_until_unix_s, generation })
    }
}

/// Says of a pair of chain and key what is wrong with it.
pub(crate) fn own_pair(error: rustls::Error) -> Error {
    match error {
        rustls::Error::InconsistentKeys(_) => Error::KeyMismatch,
        other => Error::Tls(other),
    }
}
