//! What can go wrong with certificates, keys and handshakes.

use std::io;
use std::path::PathBuf;

/// A situation in which this room could not do what it was asked. No variant carries key material.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read, created or synced.
    #[error("cannot use the file `{}`", path.display())]
    File {
        /// The file, or the folder that had to be synced.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A private key's file grants more than reading and writing to its owner.
    #[error("the key file `{}` has mode `{mode:04o}`, no more than `0600` is allowed", path.display())]
    KeyTooOpen {
        /// The key's file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A PEM file is larger than [`crate::limits::PEM_FILE_MAX_BYTES`].
    #[error("the file `{}` is larger than `{limit_bytes}` bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit that it passes.
        limit_bytes: u64,
    },
    /// A text is not PEM of the wanted kind, or its content does not parse.
    #[error("the {what} cannot be read as PEM")]
    BadPem {
        /// Which part of the material it is.
        what: &'static str,
    },
    /// A PEM text holds no item of the wanted kind.
    #[error("the {what} holds nothing that is valid now")]
    Empty {
        /// Which part of the material it is.
        what: &'static str,
    },
    /// The private key belongs to another certificate.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// A certificate is over.
    #[error("the certificate of `{subject}` expired at `{not_after_unix_s}`, now is `{now_unix_s}`")]
    Expired {
        /// The certificate's subject.
        subject: String,
        /// Its last valid second since the Unix epoch.
        not_after_unix_s: i64,
        /// The second at which it was judged.
        now_unix_s: i64,
    },
    /// A certificate has not begun.
    #[error("the certificate of `{subject}` begins at `{not_before_unix_s}`, now is `{now_unix_s}`")]
    NotYetValid {
        /// The certificate's subject.
        subject: String,
        /// Its first valid second since the Unix epoch.
        not_before_unix_s: i64,
        /// The second at which it was judged.
        now_unix_s: i64,
    },
    /// A time lies outside what a certificate can say, or an end lies before its beginning.
    #[error("the validity from `{not_before_unix_s}` to `{not_after_unix_s}` is not one a certificate can have")]
    BadValidity {
        /// Begin, seconds since the Unix epoch.
        not_before_unix_s: i64,
        /// End, seconds since the Unix epoch.
        not_after_unix_s: i64,
    },
    /// A certificate that should issue others may not.
    #[error("the certificate of `{subject}` is not a certificate authority")]
    NotAuthority {
        /// The certificate's subject.
        subject: String,
    },
    /// A text is neither a DNS name nor an address.
    #[error("`{name}` is neither a DNS name nor an address")]
    BadName {
        /// The text.
        name: String,
    },
    /// A text is not a SPIFFE ID of a workload.
    #[error("`{id}` is not a workload's SPIFFE ID: {reason}")]
    BadSpiffe {
        /// The text, cut at 256 characters.
        id: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// A certificate does not name exactly one URI, so that nobody can say who it is.
    #[error("the certificate names `{found}` URIs where exactly one is needed")]
    NotOneUri {
        /// How many it names.
        found: usize,
    },
    /// A certificate without a URI does not name exactly one DNS name either.
    #[error("the certificate names no URI and `{found}` DNS names, where exactly one is needed")]
    NotOneName {
        /// How many DNS names it has.
        found: usize,
    },
    /// The one name in a certificate cannot be anybody's.
    #[error("`{name}` is nobody's name: {reason}")]
    BadIdentity {
        /// The name, cut at 256 characters, with what cannot be shown escaped.
        name: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// An identity is of no node of this cluster.
    #[error("`{id}` is no node of this cluster: {reason}")]
    NotNode {
        /// The identity, cut at 256 characters.
        id: String,
        /// Why it is none.
        reason: &'static str,
    },
    /// A request for a certificate is not one that is signed here.
    #[error("the request for a certificate is refused: {reason}")]
    BadRequest {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A join token cannot be one. Nothing of its text is told.
    #[error("the token is refused: {reason}")]
    BadToken {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A certificate or revocation list could not be made.
    #[error("the certificate or list could not be issued")]
    Issue(#[source] rcgen::Error),
    /// The TLS library refused the material.
    #[error("the TLS configuration was refused")]
    Tls(#[source] rustls::Error),
    /// The peer was refused, or refused this side.
    #[error("the handshake was refused: {0}")]
    Refused(Refusal),
    /// The connection broke during the handshake.
    #[error("the connection broke during the handshake")]
    Handshake(#[source] io::Error),
    /// The peer did not end the handshake in time.
    #[error("the handshake took longer than `{limit_ms}` ms")]
    HandshakeTimeout {
        /// The caller's limit.
        limit_ms: u128,
    },
}

/// Why a handshake was refused, closed so that it can label a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Refusal {
    /// The peer showed no certificate.
    #[error("no certificate was shown")]
    NoCertificate,
    /// The peer's certificate leads to no authority that is trusted here.
    #[error("the certificate comes from an unknown authority")]
    UnknownAuthority,
    /// The peer's certificate is over, or has not begun.
    #[error("the certificate is not valid now")]
    NotValidNow,
    /// The peer's certificate is on a revocation list.
    #[error("the certificate is revoked")]
    Revoked,
    /// A revocation list is over, or none covers the certificate: nobody can say that it still holds.
    #[error("the revocation status cannot be known")]
    UnknownStatus,
    /// The certificate is for another name or another use.
    #[error("the certificate is for another name or use")]
    WrongUse,
    /// The peer refused this side with an alert.
    #[error("the peer refused with an alert")]
    ByPeer,
    /// Anything else: versions, suites, garbage.
    #[error("the peer does not speak TLS as required")]
    Protocol,
}

impl Refusal {
    /// The refusal that an error of the TLS library stands for.
    pub(crate) fn of(error: &rustls::Error) -> Self {
        use rustls::CertificateError as C;
        match error {
            rustls::Error::NoCertificatesPresented => Self::NoCertificate,
            rustls::Error::AlertReceived(_) => Self::ByPeer,
            rustls::Error::InvalidCertificate(reason) => match reason {
                C::UnknownIssuer | C::BadSignature => Self::UnknownAuthority,
                C::Expired | C::ExpiredContext { .. } | C::NotValidYet | C::NotValidYetContext { .. } => {
                    Self::NotValidNow
                }
                C::Revoked => Self::Revoked,
                C::UnknownRevocationStatus | C::ExpiredRevocationList | C::ExpiredRevocationListContext { .. } => {
                    Self::UnknownStatus
                }
                C::NotValidForName
                | C::NotValidForNameContext { .. }
                | C::InvalidPurpose
                | C::InvalidPurposeContext { .. } => Self::WrongUse,
                _ => Self::Protocol,
            },
            _ => Self::Protocol,
        }
    }
}

/// Sorts what a handshake's I/O said: a refusal of the TLS library, or a broken connection.
pub(crate) fn handshake(error: io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(inner) => Error::Refused(Refusal::of(inner)),
        None => Error::Handshake(error),
    }
}
