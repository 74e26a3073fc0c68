//! The cluster's own certificate authority: it is made once, issues leaves for nodes and clients, and signs revocation lists.

use std::fmt;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    RevokedCertParams, SanType, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::error::Error;
use crate::identity;
use crate::inventory;
use crate::request;
use crate::secret::PrivateKey;
use crate::spiffe::SpiffeId;

/// From when to when something holds, both ends included, in seconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// First second.
    pub not_before_unix_s: i64,
    /// Last second.
    pub not_after_unix_s: i64,
}

/// What a leaf is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaf {
    /// A listener that is reached by these DNS names and addresses.
    Server(Vec<String>),
    /// A caller that is exactly this identity.
    Client(SpiffeId),
    /// A caller that is exactly this DNS name, and has no URI.
    Named(String),
    /// A node of the cluster: it listens under these names, and calls its peers as this identity.
    Node(Vec<String>, SpiffeId),
}

/// A fresh leaf with its key.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The leaf as PEM, without the authority's own certificate.
    pub certificate_pem: String,
    /// The leaf's private key.
    pub key: PrivateKey,
}

/// An authority that holds its private key.
pub struct Authority {
    certificate_pem: String,
    key: PrivateKey,
    issuer: Issuer<'static, KeyPair>,
    crl_may_begin_unix_s: i64,
}

impl Authority {
    /// Makes a new authority with an ECDSA P-256 key. It may issue leaves and no further authorities.
    ///
    /// The serial must be random (16 bytes are right) and comes from the caller; the key comes from the crypto library.
    ///
    /// # Errors
    /// [`Error::BadValidity`], [`Error::Issue`].
    pub fn create(name: &str, validity: Validity, serial: [u8; 16]) -> Result<Self, Error> {
        let mut params = blank(validity, serial)?;
        params.distinguished_name = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Error::Issue)?;
        let key = PrivateKey::from_pem(pair.serialize_pem())?;
        let certificate_pem = params.self_signed(&pair).map_err(Error::Issue)?.pem();
        let crl_may_begin_unix_s = validity.not_before_unix_s;
        Ok(Self { certificate_pem, key, issuer: Issuer::new(params, pair), crl_may_begin_unix_s })
    }

    /// Takes up an authority from its PEM at the time given.
    ///
    /// # Errors
    /// [`Error::BadPem`], [`Error::NotAuthority`], [`Error::KeyMismatch`], [`Error::Expired`],
    /// [`Error::NotYetValid`].
    pub fn from_pem(certificate_pem: &str, key: PrivateKey, now_unix_s: i64) -> Result<Self, Error> {
        const WHAT: &str = "authority's certificate";
        let bad = || Error::BadPem { what: WHAT };
        let der = CertificateDer::from_pem_slice(certificate_pem.as_bytes()).map_err(|_| bad())?;
        let facts = inventory::of_der(&der)?;
        facts.hold_at(now_unix_s)?;
        let pair = KeyPair::from_pem(key.expose_pem()).map_err(|_| Error::BadPem { what: "private key" })?;
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| bad())?;
        if !parsed.is_ca() {
            return Err(Error::NotAuthority { subject: facts.subject });
        }
        if parsed.public_key().subject_public_key.data.as_ref() != pair.public_key_raw() {
            return Err(Error::KeyMismatch);
        }
        let issuer = Issuer::from_ca_cert_der(&der, pair).map_err(Error::Issue)?;
        let crl_may_begin_unix_s = facts.not_before_unix_s;
        Ok(Self { certificate_pem: certificate_pem.to_owned(), key, issuer, crl_may_begin_unix_s })
    }

    /// The authority's certificate as PEM: what the other side trusts.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The authority's private key, to be written with [`crate::secret::write_private`].
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// Issues a leaf with a fresh ECDSA P-256 key. The serial must be random and never used before. A validity that is
    /// already over is issued as asked.
    ///
    /// # Errors
    /// [`Error::BadName`] for a name that is neither DNS nor address, [`Error::BadIdentity`] for one that is no caller's,
    /// [`Error::BadValidity`], [`Error::Issue`].
    pub fn issue(&self, leaf: &Leaf, validity: Validity, serial: [u8; 16]) -> Result<Issued, Error> {
        let params = params(leaf, validity, serial)?;
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Error::Issue)?;
        let certificate = params.signed_by(&pair, &self.issuer).map_err(Error::Issue)?;
        Ok(Issued { certificate_pem: certificate.pem(), key: PrivateKey::from_pem(pair.serialize_pem())? })
    }

    /// Issues a leaf for the key of a request for a certificate, PEM; gives the leaf as PEM. Of the request nothing but the public
    /// key is taken: for whom the leaf is, the caller says.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for a request that asks for more, or whose sender does not have the key; as [`Authority::issue`].
    pub fn sign(&self, request: &str, leaf: &Leaf, validity: Validity, serial: [u8; 16]) -> Result<String, Error> {
        let key = request::public_key(request)?;
        let certificate = params(leaf, validity, serial)?.signed_by(&key, &self.issuer).map_err(Error::Issue)?;
        Ok(certificate.pem())
    }

    /// SHA-256 of the DER of the authority's certificate: what a join token names it by.
    ///
    /// # Errors
    /// [`Error::BadPem`].
    pub fn fingerprint_sha256(&self) -> Result<[u8; 32], Error> {
        inventory::fingerprint_sha256(&self.certificate_pem)
    }

    /// Signs a revocation list as PEM. `revoked` are serial numbers as [`crate::inventory::Facts`] gives them;
    /// `number` must grow with each list; the validity's end is the list's next update.
    ///
    /// # Errors
    /// [`Error::BadValidity`], also for a list older than its authority; [`Error::Issue`].
    pub fn revocation_list(&self, revoked: &[Vec<u8>], number: u64, validity: Validity) -> Result<String, Error> {
        let Validity { not_before_unix_s, not_after_unix_s } = validity;
        if not_before_unix_s < self.crl_may_begin_unix_s {
            return Err(Error::BadValidity { not_before_unix_s, not_after_unix_s });
        }
        let (this_update, next_update) = span(validity)?;
        let list = CertificateRevocationListParams {
            this_update,
            next_update,
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked
                .iter()
                .map(|serial| RevokedCertParams {
                    serial_number: SerialNumber::from_slice(serial),
                    revocation_time: this_update,
                    reason_code: None,
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).and_then(|list| list.pem()).map_err(Error::Issue)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("key", &self.key).finish_non_exhaustive()
    }
}

/// What a leaf says of itself.
fn params(leaf: &Leaf, validity: Validity, serial: [u8; 16]) -> Result<CertificateParams, Error> {
    let mut params = blank(validity, serial)?;
    let (names, spiffe): (&[String], _) = match leaf {
        Leaf::Server(names) => (names, None),
        Leaf::Client(id) => (&[], Some(id)),
        Leaf::Named(name) => (std::slice::from_ref(name), None),
        Leaf::Node(names, id) => (names, Some(id)),
    };
    if let Leaf::Named(name) = leaf {
        // One that no peer could be known by is not issued.
        identity::dns_name(name)?;
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    }
    if matches!(leaf, Leaf::Server(_) | Leaf::Node(..)) {
        if names.is_empty() {
            return Err(Error::BadName { name: String::new() });
        }
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    for name in names {
        params.subject_alt_names.push(alternative(name)?);
    }
    if let Some(id) = spiffe {
        let uri = id.as_str().try_into().map_err(Error::Issue)?;
        params.subject_alt_names.push(SanType::URI(uri));
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    }
    // For people who read it; nothing compares it.
    params.distinguished_name = named(spiffe.map_or_else(|| names[0].as_str(), |_| "bascule"));
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn blank(validity: Validity, mut serial: [u8; 16]) -> Result<CertificateParams, Error> {
    let (not_before, not_after) = span(validity)?;
    let mut params = CertificateParams::default();
    params.not_before = not_before;
    params.not_after = not_after;
    // RFC 5280 4.1.2.2: positive and not zero; a set top bit would make it negative or a byte longer.
    serial[0] = (serial[0] & 0x7f) | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params)
}

fn span(validity: Validity) -> Result<(OffsetDateTime, OffsetDateTime), Error> {
    let Validity { not_before_unix_s, not_after_unix_s } = validity;
    let bad = || Error::BadValidity { not_before_unix_s, not_after_unix_s };
    if not_before_unix_s < 0 || not_after_unix_s < not_before_unix_s {
        return Err(bad());
    }
    let at = |unix_s| OffsetDateTime::from_unix_timestamp(unix_s).map_err(|_| bad());
    Ok((at(not_before_unix_s)?, at(not_after_unix_s)?))
}

fn named(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

fn alternative(name: &str) -> Result<SanType, Error> {
    let bad = || Error::BadName { name: name.to_owned() };
    match rustls::pki_types::ServerName::try_from(name).map_err(|_| bad())? {
        rustls::pki_types::ServerName::IpAddress(address) => Ok(SanType::IpAddress(address.into())),
        _ => name.try_into().map(SanType::DnsName).map_err(|_| bad()),
    }
}
