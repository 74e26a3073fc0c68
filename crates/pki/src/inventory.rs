//! What is known about a certificate without trusting it: subject, serial, validity, names; for expiry metrics and doctors.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::prelude::{CertificateRevocationList, FromDer, GeneralName, X509Certificate};

use crate::error::{Error, Refusal};
use crate::peer::sha256;

/// One certificate's plain facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The subject as text, for people only: never compare it.
    pub subject: String,
    /// The serial number, big-endian, as it stands in the certificate.
    pub serial: Vec<u8>,
    /// First valid second since the Unix epoch.
    pub not_before_unix_s: i64,
    /// Last valid second since the Unix epoch.
    pub not_after_unix_s: i64,
    /// The DNS names that it is for.
    pub dns: Vec<String>,
    /// The URIs that it names.
    pub uris: Vec<String>,
}

impl Facts {
    /// Refuses a certificate that does not hold at `now_unix_s`.
    ///
    /// # Errors
    /// [`Error::Expired`] or [`Error::NotYetValid`].
    pub fn hold_at(&self, now_unix_s: i64) -> Result<(), Error> {
        let subject = self.subject.clone();
        if now_unix_s > self.not_after_unix_s {
            return Err(Error::Expired { subject, not_after_unix_s: self.not_after_unix_s, now_unix_s });
        }
        if now_unix_s < self.not_before_unix_s {
            return Err(Error::NotYetValid { subject, not_before_unix_s: self.not_before_unix_s, now_unix_s });
        }
        Ok(())
    }
}

/// The facts of every certificate in a PEM text, in its order.
///
/// # Errors
/// [`Error::BadPem`] when an item does not parse.
pub fn of_pem(pem: &str) -> Result<Vec<Facts>, Error> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .map(|item| of_der(&item.map_err(|_| Error::BadPem { what: "certificate" })?))
        .collect()
}

/// SHA-256 of the DER of the first certificate in a PEM text.
///
/// # Errors
/// [`Error::BadPem`] when there is none.
pub fn fingerprint_sha256(pem: &str) -> Result<[u8; 32], Error> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| Error::BadPem { what: "certificate" })?;
    sha256(&der)
}

/// A revocation list's plain facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFacts {
    /// Its number; each list of an authority has a higher one than the one before.
    pub number: u64,
    /// When it is over, in seconds since the Unix epoch.
    pub until_unix_s: i64,
    /// Serial numbers of what is revoked, big-endian, in the list's order.
    pub revoked: Vec<Vec<u8>>,
}

/// The facts of the first list in a PEM text.
///
/// # Errors
/// [`Error::BadPem`] when there is none, it does not parse, or it has no number or no end.
pub fn of_list(pem: &str) -> Result<ListFacts, Error> {
    let bad = || Error::BadPem { what: "revocation list" };
    let der = CertificateRevocationListDer::from_pem_slice(pem.as_bytes()).map_err(|_| bad())?;
    let (_, list) = CertificateRevocationList::from_der(der.as_ref()).map_err(|_| bad())?;
    let digits = list.crl_number().ok_or_else(bad)?.to_u64_digits();
    let number = match digits.as_slice() {
        [] => 0,
        [number] => *number,
        _ => return Err(bad()),
    };
    let revoked = list.iter_revoked_certificates().map(|revoked| revoked.raw_serial().to_vec()).collect();
    Ok(ListFacts { number, until_unix_s: list.next_update().ok_or_else(bad)?.timestamp(), revoked })
}

/// Whether a leaf can be a caller's. The TLS library takes one that says nothing of its use for any use, and does not look at names
/// that are no text: two identities could hide behind one.
///
/// # Errors
/// [`Refusal::WrongUse`] unless it says that it is for clients; [`Error::BadPem`] for names that cannot be read.
pub(crate) fn of_caller(der: &CertificateDer<'_>) -> Result<(), Error> {
    let bad = || Error::BadPem { what: "certificate" };
    let (_, certificate) = X509Certificate::from_der(der).map_err(|_| bad())?;
    let usage = certificate.extended_key_usage().map_err(|_| bad())?;
    if !usage.is_some_and(|usage| usage.value.client_auth) {
        return Err(Error::Refused(Refusal::WrongUse));
    }
    let names = certificate.subject_alternative_name().map_err(|_| bad())?;
    let mut names = names.iter().flat_map(|names| &names.value.general_names);
    if names.any(|name| matches!(name, GeneralName::Invalid(..))) { Err(bad()) } else { Ok(()) }
}

pub(crate) fn of_der(der: &CertificateDer<'_>) -> Result<Facts, Error> {
    let bad = || Error::BadPem { what: "certificate" };
    let (_, certificate) = X509Certificate::from_der(der).map_err(|_| bad())?;
    let mut facts = Facts {
        subject: certificate.subject().to_string(),
        serial: certificate.raw_serial().to_vec(),
        not_before_unix_s: certificate.validity().not_before.timestamp(),
        not_after_unix_s: certificate.validity().not_after.timestamp(),
        dns: Vec::new(),
        uris: Vec::new(),
    };
    if let Some(names) = certificate.subject_alternative_name().map_err(|_| bad())? {
        for name in &names.value.general_names {
            match name {
                GeneralName::DNSName(dns) => facts.dns.push((*dns).to_owned()),
                GeneralName::URI(uri) => facts.uris.push((*uri).to_owned()),
                _ => {}
            }
        }
    }
    Ok(facts)
}
