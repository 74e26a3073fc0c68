//! Chain, key, trusted authorities and revocation lists: where they come from and how they are judged before use.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::time_provider::TimeProvider;
use x509_parser::prelude::{CertificateRevocationList, FromDer};

use bascule_model::ambient::Clock;

use crate::error::Error;
use crate::inventory;
use crate::secret::{PrivateKey, read_public};

/// Where one side's material comes from; a reload reads it anew.
#[derive(Debug, Clone)]
pub enum Source {
    /// PEM files, the key's of mode `0600` or less.
    Files {
        /// The chain, leaf first.
        chain: PathBuf,
        /// The leaf's private key.
        key: PathBuf,
        /// The authorities whose certificates are accepted from the other side.
        authorities: PathBuf,
        /// Revocation lists. When any is given, every certificate below an authority must be covered by one.
        crls: Vec<PathBuf>,
        /// The list of the cluster's own authority: one more, if the file is there.
        own_crl: Option<PathBuf>,
    },
    /// The same as PEM texts.
    Pem {
        /// The chain, leaf first.
        chain: String,
        /// The leaf's private key.
        key: PrivateKey,
        /// The authorities whose certificates are accepted from the other side.
        authorities: String,
        /// Revocation lists.
        crls: Vec<String>,
    },
}

/// Material that was parsed and holds now.
pub(crate) struct Material {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
    pub(crate) roots: Arc<RootCertStore>,
    /// The authorities that hold now, as they stand in the bundle.
    pub(crate) authorities: Vec<CertificateDer<'static>>,
    pub(crate) crls: Vec<CertificateRevocationListDer<'static>>,
    /// When the first revocation list is over; the end of time without lists.
    pub(crate) crls_until_unix_s: i64,
    /// When the first authority is over, and when the last one is.
    pub(crate) roots_until_unix_s: (i64, i64),
}

impl Source {
    pub(crate) fn load(&self, now_unix_s: i64) -> Result<Material, Error> {
        match self {
            Self::Pem { chain, key, authorities, crls } => judge(chain, key, authorities, crls, now_unix_s),
            Self::Files { chain, key, authorities, crls, own_crl } => {
                let mut crls = crls.iter().map(|path| read_public(path)).collect::<Result<Vec<_>, _>>()?;
                // One that is there and cannot be read is an error like any other.
                if let Some(path) = own_crl.as_ref().filter(|path| path.symlink_metadata().is_ok()) {
                    crls.push(read_public(path)?);
                }
                judge(&read_public(chain)?, &PrivateKey::read(key)?, &read_public(authorities)?, &crls, now_unix_s)
            }
        }
    }
}

fn judge(
    chain: &str,
    key: &PrivateKey,
    authorities: &str,
    crls: &[String],
    now_unix_s: i64,
) -> Result<Material, Error> {
    let chain = certificates(chain, "certificate chain")?;
    for certificate in &chain {
        inventory::of_der(certificate)?.hold_at(now_unix_s)?;
    }
    let (crls, crls_until_unix_s) = revocations(crls)?;
    let mut store = RootCertStore::empty();
    let roots_until_unix_s = trust(&mut store, authorities, now_unix_s)?;
    let holds = |der: &CertificateDer<'_>| inventory::of_der(der).is_ok_and(|facts| facts.hold_at(now_unix_s).is_ok());
    let authorities = certificates(authorities, "bundle of authorities")?.into_iter().filter(holds).collect();
    let roots = Arc::new(store);
    Ok(Material { chain, key: key.der()?, roots, authorities, crls, crls_until_unix_s, roots_until_unix_s })
}

/// Adds a bundle's authorities. The TLS library does not look at an authority's own validity, so one that is over is
/// left out here; a bundle that holds no other is refused. Says when the first that was added is over, and when the last one is.
pub(crate) fn trust(store: &mut RootCertStore, bundle: &str, now_unix_s: i64) -> Result<(i64, i64), Error> {
    const WHAT: &str = "bundle of authorities";
    let (mut first, mut last) = (i64::MAX, None);
    for authority in certificates(bundle, WHAT)? {
        let facts = inventory::of_der(&authority)?;
        if let Err(error) = facts.hold_at(now_unix_s) {
            tracing::warn!(%error, "an authority is left out of the bundle");
            continue;
        }
        store.add(authority).map_err(Error::Tls)?;
        first = first.min(facts.not_after_unix_s);
        last = last.max(Some(facts.not_after_unix_s));
    }
    last.map(|last| (first, last)).ok_or(Error::Empty { what: WHAT })
}

fn certificates(pem: &str, what: &'static str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let items = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| Error::BadPem { what })?;
    if items.is_empty() { Err(Error::Empty { what }) } else { Ok(items) }
}

fn revocations(texts: &[String]) -> Result<(Vec<CertificateRevocationListDer<'static>>, i64), Error> {
    const WHAT: &str = "revocation list";
    let mut lists = Vec::new();
    let mut until = i64::MAX;
    for text in texts {
        let before = lists.len();
        for item in CertificateRevocationListDer::pem_slice_iter(text.as_bytes()) {
            let list = item.map_err(|_| Error::BadPem { what: WHAT })?;
            let (_, parsed) =
                CertificateRevocationList::from_der(list.as_ref()).map_err(|_| Error::BadPem { what: WHAT })?;
            // A list without an end could be kept for ever to hide a revocation.
            let end = parsed.next_update().ok_or(Error::BadPem { what: WHAT })?;
            until = until.min(end.timestamp());
            lists.push(list);
        }
        if lists.len() == before {
            return Err(Error::Empty { what: WHAT });
        }
    }
    Ok((lists, until))
}

/// The one crypto provider: aws-lc-rs, ECDHE with AEAD only, the post-quantum hybrid first.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    use aws_lc_rs::kx_group::{SECP256R1, SECP384R1, X25519, X25519MLKEM768};
    Arc::new(CryptoProvider {
        // Named here, so that a feature switched off elsewhere cannot take the hybrid away.
        kx_groups: vec![X25519MLKEM768, X25519, SECP256R1, SECP384R1],
        ..aws_lc_rs::default_provider()
    })
}

/// Offered in this order by both sides.
pub(crate) fn alpn() -> Vec<Vec<u8>> {
    vec![b"h2".to_vec(), b"http/1.1".to_vec()]
}

/// Seconds since the Unix epoch.
pub(crate) fn now_unix_s(clock: &dyn Clock) -> i64 {
    i64::try_from(clock.wall().0 / 1_000).unwrap_or(i64::MAX)
}

/// The house's clock as the TLS library asks for time.
pub(crate) struct Timer(pub(crate) Arc<dyn Clock>);

impl TimeProvider for Timer {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_millis(self.0.wall().0)))
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Timer")
    }
}
