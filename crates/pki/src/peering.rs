//! TLS between the nodes of one cluster: one material for the listener and for calls, the other side is a node by its certificate.
//!
//! On the same port a node without a certificate may join: the protocol that the hello offers says which of the two is meant, and
//! neither can be reached by way of the other.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::ServerName;
use rustls::server::{Acceptor, ClientHello};
use tokio::io::AsyncBufReadExt;
use tokio::net::TcpStream;
use tokio_rustls::{LazyConfigAcceptor, TlsConnector};

use bascule_model::ambient::Clock;
use bascule_model::id::ClusterId;
use bascule_model::uid::NodeId;

use crate::client::newest_only;
use crate::error::{Error, Refusal, handshake};
use crate::material::{Material, Source};
use crate::node;
use crate::peer::Peer;
use crate::server::{Audience, ServerTls, own_pair, unasking};
use crate::stream::TlsStream;

/// The protocol of nodes among each other.
pub(crate) const PEER: &[u8] = b"bascule-peer";
/// The protocol of a node that joins.
pub(crate) const JOIN: &[u8] = b"bascule-join";

/// TLS of one node towards its peers. TLS 1.3 alone, nothing is resumed, and revocation lists count on both sides.
pub struct PeerTls {
    cluster: ClusterId,
    listening: Arc<ServerTls>,
}

/// What a listener for peers has beside its configuration.
pub(crate) struct Peering {
    join: Arc<rustls::ServerConfig>,
    calling: Arc<ClientConfig>,
}

/// Who came in.
#[derive(Debug)]
pub enum Arrival<G> {
    /// A node of the cluster.
    Node {
        /// Which.
        node: NodeId,
        /// The connection.
        stream: TlsStream,
        /// Its certificate, for [`PeerTls::recheck`].
        peer: Peer,
    },
    /// Somebody who has no certificate and may do nothing but join.
    Joining {
        /// The connection.
        stream: TlsStream,
        /// What the caller of [`PeerTls::accept`] gave for it.
        guard: G,
    },
}

impl PeerTls {
    /// Loads a node's material: its certificate with its key, and the cluster's own authority as the only one. It reads files, so
    /// call it where blocking is allowed.
    ///
    /// # Errors
    /// As [`ServerTls::load`].
    pub fn load(cluster: ClusterId, source: Source, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let listening = Arc::new(ServerTls::load_for(Audience::Peers, source, clock)?);
        Ok(Self { cluster, listening })
    }

    /// What reads changed files anew, for whoever looks after all listeners: both directions use what it reads.
    #[must_use]
    pub fn material(&self) -> &Arc<ServerTls> {
        &self.listening
    }

    /// The cluster whose nodes these are.
    #[must_use]
    pub const fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// Does the handshake on a fresh TCP connection within `limit`. `joining` is asked for a place once the hello says that somebody
    /// wants to join, before anything is computed for it.
    ///
    /// # Errors
    /// [`Error::Refused`] with the reason: whoever offers anything but one of the two protocols, and a joiner without a place, are
    /// [`Refusal::Protocol`]. [`Error::NotNode`] and its like for a certificate that is no node's; [`Error::HandshakeTimeout`],
    /// [`Error::Handshake`].
    pub async fn accept<G>(
        &self,
        tcp: TcpStream,
        limit: Duration,
        joining: impl FnOnce() -> Option<G> + Send,
    ) -> Result<Arrival<G>, Error> {
        within(limit, Box::pin(self.shake(tcp, joining))).await
    }

    async fn shake<G>(&self, tcp: TcpStream, joining: impl FnOnce() -> Option<G>) -> Result<Arrival<G>, Error> {
        const NO: Error = Error::Refused(Refusal::Protocol);
        let hello = LazyConfigAcceptor::new(Acceptor::default(), tcp).await.map_err(handshake)?;
        let offered = only_protocol(&hello.client_hello()).ok_or(NO)?;
        // Read only now: whoever holds its hello back cannot hold an old configuration.
        let loaded = self.listening.loaded();
        match offered.as_slice() {
            PEER => {
                let stream = hello.into_stream(Arc::clone(&loaded.config)).await.map_err(handshake)?;
                let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
                let peer = Peer::from_chain(chain, loaded.generation)?;
                // What was loaded between hello and here holds for this connection too.
                self.recheck(&peer)?;
                let node = node::of(self.cluster, &peer)?;
                Ok(Arrival::Node { node, stream: TlsStream(Box::new(stream.into())), peer })
            }
            JOIN => {
                let guard = joining().ok_or(NO)?;
                let peering = loaded.peering.as_ref().ok_or(NO)?;
                let stream = hello.into_stream(Arc::clone(&peering.join)).await.map_err(handshake)?;
                Ok(Arrival::Joining { stream: TlsStream(Box::new(stream.into())), guard })
            }
            _ => Err(NO),
        }
    }

    /// Does the handshake with the node that must be `node`, within `limit`. It returns once the other side has said something, which
    /// it does when it has accepted this side's certificate: in TLS 1.3 a refusal shows only then.
    ///
    /// # Errors
    /// [`Error::Refused`]: [`Refusal::WrongUse`] for a server that is another, [`Refusal::ByPeer`] if the other side refused this one;
    /// [`Error::HandshakeTimeout`], [`Error::Handshake`].
    pub async fn connect(&self, tcp: TcpStream, node: NodeId, limit: Duration) -> Result<(TlsStream, Peer), Error> {
        within(limit, Box::pin(self.call(tcp, node))).await
    }

    async fn call(&self, tcp: TcpStream, node: NodeId) -> Result<(TlsStream, Peer), Error> {
        let loaded = self.listening.loaded();
        let peering = loaded.peering.as_ref().ok_or(Error::Refused(Refusal::Protocol))?;
        let name = node::dns_name(self.cluster, node);
        let server = ServerName::try_from(name.clone()).map_err(|_| Error::BadName { name })?;
        let shaken = TlsConnector::from(Arc::clone(&peering.calling)).connect(server, tcp).await;
        let mut stream = shaken.map_err(handshake)?;
        if stream.get_ref().1.alpn_protocol() != Some(PEER) {
            return Err(Error::Refused(Refusal::Protocol));
        }
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let peer = Peer::from_chain(chain, loaded.generation)?;
        // A certificate may have a node's DNS name beside another identity: it is the identity that counts.
        if node::of(self.cluster, &peer)? != node {
            return Err(Error::Refused(Refusal::WrongUse));
        }
        if stream.fill_buf().await.map_err(handshake)?.is_empty() {
            return Err(Error::Handshake(std::io::ErrorKind::UnexpectedEof.into()));
        }
        Ok((TlsStream(Box::new(stream.into())), peer))
    }

    /// Judges the other side of a live connection again, whichever side made it; see [`ServerTls::recheck`].
    ///
    /// # Errors
    /// [`Error::Refused`] when the connection must be cut.
    pub fn recheck(&self, peer: &Peer) -> Result<(), Error> {
        self.listening.recheck(peer)
    }
}

impl fmt::Debug for PeerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerTls").field("cluster", &self.cluster).field("material", &self.listening).finish()
    }
}

impl Peering {
    pub(crate) fn of(material: &Material, clock: &Arc<dyn Clock>) -> Result<Self, Error> {
        let Material { chain, key, roots, authorities, crls, .. } = material;
        // The authority's own certificate goes with the chain: whoever joins knows nothing of it but its hash.
        let whole = chain.iter().chain(authorities).cloned().collect();
        let join = unasking(whole, key.clone_key(), JOIN, clock)?;
        let mut verifier = WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), crate::material::provider());
        if !crls.is_empty() {
            verifier = verifier.with_crls(crls.iter().cloned()).enforce_revocation_expiration();
        }
        let verifier = verifier.build().map_err(|error| Error::Tls(rustls::Error::General(error.to_string())))?;
        let wanting = newest_only(clock)?.with_webpki_verifier(verifier);
        let calling = wanting.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(own_pair)?;
        Ok(Self { join, calling: Arc::new(fresh(calling, PEER)) })
    }
}

/// A caller's configuration that offers one protocol and resumes nothing.
pub(crate) fn fresh(mut config: ClientConfig, protocol: &[u8]) -> ClientConfig {
    config.alpn_protocols = vec![protocol.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    config
}

/// The protocol that a hello offers, if it is one.
fn only_protocol(hello: &ClientHello<'_>) -> Option<Vec<u8>> {
    let mut offered = hello.alpn()?;
    match (offered.next(), offered.next()) {
        (Some(only), None) => Some(only.to_vec()),
        _ => None,
    }
}

pub(crate) async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => Err(Error::HandshakeTimeout { limit_ms: limit.as_millis() }),
    }
}

#[cfg(test)]
mod tests;
