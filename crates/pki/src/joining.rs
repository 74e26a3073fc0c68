//! TLS of a node that joins: it has no certificate yet, and of the cluster it knows what its token says, the hash of the authority.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, PeerIncompatible, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use bascule_model::ambient::Clock;
use bascule_model::id::ClusterId;

use crate::client::newest_only;
use crate::error::{Error, Refusal, handshake};
use crate::inventory;
use crate::material::provider;
use crate::node;
use crate::peer::sha256;
use crate::peering::{JOIN, fresh, within};
use crate::spiffe::SpiffeId;
use crate::stream::TlsStream;

/// TLS of a node that joins a cluster.
pub struct JoinTls {
    config: Arc<ClientConfig>,
    name: String,
}

impl JoinTls {
    /// Trusts whoever is a node of `cluster` by a certificate of the one authority whose certificate's DER has this SHA-256.
    ///
    /// # Errors
    /// [`Error::Tls`].
    pub fn new(cluster: ClusterId, authority_sha256: [u8; 32], clock: &Arc<dyn Clock>) -> Result<Self, Error> {
        let pinned = Pinned { cluster, authority_sha256, provider: provider() };
        // The authority of a token is in no store of roots, and which node answers is not known before: both are judged here.
        let wanting = newest_only(clock)?.dangerous().with_custom_certificate_verifier(Arc::new(pinned));
        let config = Arc::new(fresh(wanting.with_no_client_auth(), JOIN));
        Ok(Self { config, name: format!("join.{cluster}.bascule.internal") })
    }

    /// Does the handshake within `limit`.
    ///
    /// # Errors
    /// [`Error::Refused`]: [`Refusal::UnknownAuthority`] for a server of another authority, [`Refusal::WrongUse`] for one that is no
    /// node of the cluster; [`Error::HandshakeTimeout`], [`Error::Handshake`].
    pub async fn connect(&self, tcp: TcpStream, limit: Duration) -> Result<TlsStream, Error> {
        let shake = async {
            let name =
                ServerName::try_from(self.name.clone()).map_err(|_| Error::BadName { name: self.name.clone() })?;
            let shaken = TlsConnector::from(Arc::clone(&self.config)).connect(name, tcp).await;
            let stream = shaken.map_err(handshake)?;
            if stream.get_ref().1.alpn_protocol() != Some(JOIN) {
                return Err(Error::Refused(Refusal::Protocol));
            }
            Ok(TlsStream(Box::new(stream.into())))
        };
        within(limit, Box::pin(shake)).await
    }
}

impl fmt::Debug for JoinTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinTls")
    }
}

/// Accepts nodes of one cluster by the hash of its authority.
#[derive(Debug)]
struct Pinned {
    cluster: ClusterId,
    authority_sha256: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl Pinned {
    /// The verifier that trusts the authority, if it is among what was shown, and holds.
    fn verifier(
        &self,
        above: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Arc<WebPkiServerVerifier>, rustls::Error> {
        let is_pinned = |der: &&CertificateDer<'_>| sha256(der).is_ok_and(|hash| hash == self.authority_sha256);
        let authority = above.iter().find(is_pinned).ok_or(CertificateError::UnknownIssuer)?;
        let facts = inventory::of_der(authority).map_err(|_| CertificateError::BadEncoding)?;
        // The TLS library does not look at an authority's own validity.
        let holds = facts.hold_at(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        holds.map_err(|_| CertificateError::Expired)?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let built = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider)).build();
        built.map_err(|error| rustls::Error::General(error.to_string()))
    }

    /// The DNS name that the leaf must have, which its own identity says.
    fn name(&self, leaf: &CertificateDer<'_>) -> Result<ServerName<'static>, CertificateError> {
        let facts = inventory::of_der(leaf).map_err(|_| CertificateError::BadEncoding)?;
        let [uri] = facts.uris.as_slice() else { return Err(CertificateError::NotValidForName) };
        let node = SpiffeId::parse(uri).and_then(|id| node::named(self.cluster, &id));
        let name = node::dns_name(self.cluster, node.map_err(|_| CertificateError::NotValidForName)?);
        ServerName::try_from(name).map_err(|_| CertificateError::NotValidForName)
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verifier = self.verifier(intermediates, now)?;
        let name = self.name(end_entity)?;
        verifier.verify_server_cert(end_entity, intermediates, &name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::ServerDoesNotSupportTls12Or13.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
