//! Who is on the other side of a connection, from the leaf certificate that the handshake verified.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::pki_types::CertificateDer;

use crate::error::Error;
use crate::identity::{self, PeerIdentity};
use crate::inventory;
use crate::spiffe::SpiffeId;

/// A verified peer. It keeps the chain that was shown, so that a live connection can be judged again.
#[derive(Debug, Clone)]
pub struct Peer {
    /// SHA-256 of the leaf's DER.
    pub fingerprint_sha256: [u8; 32],
    /// The leaf's serial number, big-endian.
    pub serial: Vec<u8>,
    /// The leaf's last valid second since the Unix epoch.
    pub not_after_unix_s: i64,
    /// The DNS names in the leaf, for principals mapped from a name.
    pub dns: Vec<String>,
    uris: Vec<String>,
    chain: Arc<[CertificateDer<'static>]>,
    chain_until_unix_s: i64,
    // One for all clones: what one of them was judged by holds for the connection.
    generation: Arc<AtomicU64>,
}

impl Peer {
    /// The peer's SPIFFE ID.
    ///
    /// # Errors
    /// [`Error::NotOneUri`] unless the leaf names exactly one URI, [`Error::BadSpiffe`] when that is no SPIFFE ID: a
    /// certificate with two identities has none.
    pub fn spiffe(&self) -> Result<SpiffeId, Error> {
        match self.uris.as_slice() {
            [only] => SpiffeId::parse(only),
            several => Err(Error::NotOneUri { found: several.len() }),
        }
    }

    /// The one name that the peer is known by: what principals are mapped from.
    ///
    /// # Errors
    /// [`Error::NotOneUri`], [`Error::NotOneName`], [`Error::BadSpiffe`], [`Error::BadIdentity`]; see [`PeerIdentity`].
    pub fn identities(&self) -> Result<PeerIdentity, Error> {
        identity::of(&self.uris, &self.dns)
    }

    /// The newest configuration of the listener that accepted it; it grows with every reload.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// The configuration of this number accepted it too.
    pub(crate) fn accepted_by(&self, generation: u64) {
        self.generation.fetch_max(generation, Ordering::Relaxed);
    }

    pub(crate) fn from_chain(chain: &[CertificateDer<'_>], generation: u64) -> Result<Self, Error> {
        let leaf = chain.first().ok_or(Error::Refused(crate::error::Refusal::NoCertificate))?;
        inventory::of_caller(leaf)?;
        let facts = inventory::of_der(leaf)?;
        let mut until = facts.not_after_unix_s;
        for above in &chain[1..] {
            until = until.min(inventory::of_der(above)?.not_after_unix_s);
        }
        Ok(Self {
            fingerprint_sha256: sha256(leaf)?,
            serial: facts.serial,
            not_after_unix_s: facts.not_after_unix_s,
            dns: facts.dns,
            uris: facts.uris,
            chain: chain.iter().map(|der| der.clone().into_owned()).collect(),
            chain_until_unix_s: until,
            generation: Arc::new(AtomicU64::new(generation)),
        })
    }

    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    pub(crate) fn chain_until_unix_s(&self) -> i64 {
        self.chain_until_unix_s
    }
}

/// SHA-256 by the hash of a TLS suite that names it: the room needs no second crypto library for one digest.
pub(crate) fn sha256(bytes: &[u8]) -> Result<[u8; 32], Error> {
    let missing = || Error::Tls(rustls::Error::General("SHA-256 is missing".to_owned()));
    // Never a placeholder: two peers with the same made-up fingerprint would be one.
    let suite = TLS13_AES_128_GCM_SHA256.tls13().ok_or_else(missing)?;
    suite.common.hash_provider.hash(bytes).as_ref().try_into().map_err(|_| missing())
}
