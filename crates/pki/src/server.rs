//! A listener's side of TLS: client certificates are mandatory, every accept uses the newest configuration.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{Acceptor, NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ConfigBuilder, ServerConfig, SupportedProtocolVersion, WantsVerifier};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;

use bascule_model::ambient::Clock;

use crate::error::{Error, Refusal, handshake};
use crate::inventory::{self, Facts};
use crate::material::{Material, Source, Timer, alpn, now_unix_s, provider};
use crate::peer::Peer;
use crate::peering::Peering;
use crate::stream::TlsStream;
use crate::watch::{Watch, stamps};

/// A listener's TLS. Cheap to share behind an `Arc`; accepts never wait for a reload.
pub struct ServerTls {
    current: ArcSwap<Loaded>,
    // Held through a whole reload, so that two of them cannot finish in the wrong order.
    source: Mutex<(Source, Watch)>,
    clock: Arc<dyn Clock>,
    audience: Audience,
}

/// Whom a listener is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Callers of the API.
    Callers,
    /// Nodes of the own cluster, which are called with the same material.
    Peers,
}

/// One configuration, fresh from its source: nothing of an older one is carried over, session stores least of all.
pub(crate) struct Loaded {
    pub(crate) config: Arc<ServerConfig>,
    /// What a listener for peers has beside it.
    pub(crate) peering: Option<Peering>,
    verifier: Arc<dyn ClientCertVerifier>,
    leaf: Facts,
    crls_until_unix_s: i64,
    roots_until_unix_s: (i64, i64),
    pub(crate) generation: u64,
}

impl ServerTls {
    /// Loads a listener's material and judges it: the key belongs to the leaf, the chain holds at the clock's time.
    /// It reads files, so call it where blocking is allowed.
    ///
    /// # Errors
    /// Any of the material's errors of [`Error`]; see the variants.
    pub fn load(source: Source, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        Self::load_for(Audience::Callers, source, clock)
    }

    /// The same for an audience.
    pub(crate) fn load_for(audience: Audience, source: Source, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let mut watch = Watch::default();
        watch.reading(stamps(&source));
        let first = Loaded::from_source(&source, &clock, audience, 1)?;
        Ok(Self { current: ArcSwap::from_pointee(first), source: Mutex::new((source, watch)), clock, audience })
    }

    /// The configuration in use now.
    pub(crate) fn loaded(&self) -> Arc<Loaded> {
        self.current.load_full()
    }

    /// Reads the source anew and swaps the configuration. Live connections stay; see [`ServerTls::recheck`].
    ///
    /// # Errors
    /// As [`ServerTls::load`]; then the old configuration stays in use.
    pub fn reload(&self) -> Result<(), Error> {
        let mut held = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let (source, watch) = &mut *held;
        self.swap(source, watch)
    }

    /// Looks whether the source's files have changed, and reads them anew once they stand still: to be called again and again, a
    /// second apart or less. What was refused is read again at a change, and after a while without one. An authority that has
    /// ended since is left out by the same reading. Whether another configuration is in use now.
    ///
    /// # Errors
    /// As [`ServerTls::load`], at each reading that fails; then the old configuration stays in use.
    pub fn refresh(&self) -> Result<bool, Error> {
        let mut held = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let (source, watch) = &mut *held;
        let (first, last) = self.current.load().roots_until_unix_s;
        let now = now_unix_s(self.clock.as_ref());
        // The last one's end is judged at each use; without it there is nothing to read.
        let ended = now > first && now <= last;
        if !watch.look(stamps(source)) && !ended {
            return Ok(false);
        }
        self.swap(source, watch).map(|()| true)
    }

    /// Takes another source from now on.
    ///
    /// # Errors
    /// As [`ServerTls::load`]; then the old source and configuration stay in use.
    pub fn replace(&self, source: Source) -> Result<(), Error> {
        let mut held = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let mut watch = Watch::default();
        self.swap(&source, &mut watch)?;
        *held = (source, watch);
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
    /// while nothing was reloaded; after a reload it verifies the chain anew (about 0.1 ms), once.
    ///
    /// # Errors
    /// [`Error::Refused`] when the connection must be cut.
    pub fn recheck(&self, peer: &Peer) -> Result<(), Error> {
        let now = now_unix_s(self.clock.as_ref());
        let loaded = self.current.load();
        // The TLS library does not look at an authority's own end.
        if now > loaded.roots_until_unix_s.1 {
            return Err(Error::Refused(Refusal::NotValidNow));
        }
        if peer.generation() == loaded.generation && now <= peer.chain_until_unix_s() && now < loaded.crls_until_unix_s
        {
            return Ok(());
        }
        let (leaf, above) = peer.chain().split_first().ok_or(Error::Refused(Refusal::NoCertificate))?;
        let time = UnixTime::since_unix_epoch(Duration::from_secs(now.unsigned_abs()));
        match loaded.verifier.verify_client_cert(leaf, above, time) {
            Ok(_) => {
                peer.accepted_by(loaded.generation);
                Ok(())
            }
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

    fn swap(&self, source: &Source, watch: &mut Watch) -> Result<(), Error> {
        // Before they are read: what is written meanwhile is a change.
        watch.reading(stamps(source));
        match Loaded::from_source(source, &self.clock, self.audience, self.generation() + 1) {
            Ok(next) => {
                self.current.store(Arc::new(next));
                Ok(())
            }
            Err(error) => {
                watch.refused();
                Err(error)
            }
        }
    }

    async fn shake(&self, tcp: TcpStream) -> Result<(TlsStream, Peer), Error> {
        let hello = LazyConfigAcceptor::new(Acceptor::default(), tcp).await.map_err(handshake)?;
        // Read only now: a client that holds its hello back cannot hold an old configuration.
        let loaded = self.current.load_full();
        let stream = hello.into_stream(Arc::clone(&loaded.config)).await.map_err(handshake)?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let peer = Peer::from_chain(chain, loaded.generation)?;
        // What was loaded between hello and here holds for this connection too.
        self.recheck(&peer)?;
        Ok((TlsStream(Box::new(stream.into())), peer))
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").field("generation", &self.generation()).finish_non_exhaustive()
    }
}

impl Loaded {
    fn from_source(
        source: &Source,
        clock: &Arc<dyn Clock>,
        audience: Audience,
        generation: u64,
    ) -> Result<Self, Error> {
        let material = source.load(now_unix_s(clock.as_ref()))?;
        let peering = match audience {
            Audience::Callers => None,
            Audience::Peers => Some(Peering::of(&material, clock)?),
        };
        let Material { chain, key, roots, crls, crls_until_unix_s, roots_until_unix_s, .. } = material;
        let leaf = inventory::of_der(chain.first().ok_or(Error::Empty { what: "certificate chain" })?)?;
        let mut verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
        if !crls.is_empty() {
            // Both are off by default: without the second an attacker could keep an old list in place.
            verifier = verifier.with_crls(crls).enforce_revocation_expiration();
        }
        let verifier = verifier.build().map_err(|error| Error::Tls(rustls::Error::General(error.to_string())))?;
        let (versions, protocols) = match audience {
            Audience::Callers => (&[&rustls::version::TLS13, &rustls::version::TLS12][..], alpn()),
            Audience::Peers => (&[&rustls::version::TLS13][..], vec![crate::peering::PEER.to_vec()]),
        };
        let wanting = versioned(versions, clock)?.with_client_cert_verifier(Arc::clone(&verifier));
        let config = unresumed(wanting.with_single_cert(chain, key).map_err(own_pair)?, protocols);
        Ok(Self { config, peering, verifier, leaf, crls_until_unix_s, roots_until_unix_s, generation })
    }
}

/// A listener's configuration without client certificates, for the one call of a node that joins.
pub(crate) fn unasking(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    protocol: &[u8],
    clock: &Arc<dyn Clock>,
) -> Result<Arc<ServerConfig>, Error> {
    let wanting = versioned(&[&rustls::version::TLS13], clock)?.with_no_client_auth();
    Ok(unresumed(wanting.with_single_cert(chain, key).map_err(own_pair)?, vec![protocol.to_vec()]))
}

fn versioned(
    versions: &[&'static SupportedProtocolVersion],
    clock: &Arc<dyn Clock>,
) -> Result<ConfigBuilder<ServerConfig, WantsVerifier>, Error> {
    ServerConfig::builder_with_details(provider(), Arc::new(Timer(Arc::clone(clock))))
        .with_protocol_versions(versions)
        .map_err(Error::Tls)
}

fn unresumed(mut config: ServerConfig, protocols: Vec<Vec<u8>>) -> Arc<ServerConfig> {
    config.alpn_protocols = protocols;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Arc::new(config)
}

/// Says of a pair of chain and key what is wrong with it.
pub(crate) fn own_pair(error: rustls::Error) -> Error {
    match error {
        rustls::Error::InconsistentKeys(_) => Error::KeyMismatch,
        other => Error::Tls(other),
    }
}
