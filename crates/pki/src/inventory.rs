//! What is known about a certificate without trusting it: subject, serial, validity, names; for expiry metrics and doctors.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::error::Error;

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
