//! Requests for a certificate (RFC 2986): a node's key stays where it was made, and an authority takes nothing but the public key.

use rcgen::{
    CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, SubjectPublicKeyInfo,
};
use rustls::pki_types::CertificateSigningRequestDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

use crate::error::Error;
use crate::limits::REQUEST_MAX_BYTES;
use crate::secret::PrivateKey;

/// `ecdsa-with-SHA256`, RFC 5758, section 3.2, as an algorithm identifier in DER.
const ECDSA_WITH_SHA256: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";

/// Makes a fresh ECDSA P-256 key, and a request that names nobody: the PEM to send, and the key to keep.
///
/// # Errors
/// [`Error::Issue`].
pub fn certificate_request() -> Result<(String, PrivateKey), Error> {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Error::Issue)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&pair).and_then(|request| request.pem()).map_err(Error::Issue)?;
    Ok((request, PrivateKey::from_pem(pair.serialize_pem())?))
}

/// The public key of a request whose signature shows that the sender has the private one.
///
/// Names, uses and whatever else a request could ask for are refused and not passed over: whoever put them there believes that they
/// will be in the certificate.
///
/// # Errors
/// [`Error::BadRequest`].
pub(crate) fn public_key(pem: &str) -> Result<SubjectPublicKeyInfo, Error> {
    let refused = |reason| Error::BadRequest { reason };
    if pem.len() > REQUEST_MAX_BYTES {
        return Err(refused("it is too long"));
    }
    let mut items = CertificateSigningRequestDer::pem_slice_iter(pem.as_bytes());
    let (Some(Ok(der)), None) = (items.next(), items.next()) else {
        return Err(refused("it is not exactly one request in PEM"));
    };
    let (rest, request) =
        X509CertificationRequest::from_der(&der).map_err(|_| refused("it does not read as a request"))?;
    if !rest.is_empty() {
        return Err(refused("something stands behind it"));
    }
    let info = &request.certification_request_info;
    if info.version.0 != 0 {
        return Err(refused("its version is unknown"));
    }
    if info.subject.iter().next().is_some() {
        return Err(refused("it asks for a name"));
    }
    if !info.attributes().is_empty() {
        return Err(refused("it asks for more than a certificate of its key"));
    }
    // What is not signed is compared as bytes, since the parser takes other spellings of it for the same.
    let head = der.len() - length_of(&der).ok_or_else(|| refused("it does not read as a request"))?;
    let unsigned = der.get(head + info.raw.len()..).and_then(|rest| rest.strip_prefix(ECDSA_WITH_SHA256));
    if !matches!(unsigned, Some([0x03, _, 0x00, ..])) {
        return Err(refused("it is not signed by ECDSA with SHA-256"));
    }
    let key =
        SubjectPublicKeyInfo::from_der(info.subject_pki.raw).map_err(|_| refused("its key is of no known kind"))?;
    if key.algorithm() != &PKCS_ECDSA_P256_SHA256 {
        return Err(refused("its key is not on the curve P-256"));
    }
    request.verify_signature().map_err(|_| refused("its signature is not by its key"))?;
    Ok(key)
}

/// How many bytes a DER sequence of less than 64 KiB has behind its head.
fn length_of(der: &[u8]) -> Option<usize> {
    match der.strip_prefix(b"\x30")?.get(..3)? {
        [0x81, length, _] => Some(usize::from(*length)),
        [0x82, high, low] => Some(usize::from(u16::from_be_bytes([*high, *low]))),
        [length, ..] if *length < 0x80 => Some(usize::from(*length)),
        _ => None,
    }
    .filter(|length| *length < der.len())
}

#[cfg(test)]
mod tests {
    use rcgen::{
        Attribute, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
        SanType,
    };

    use super::*;

    fn check(pem: &str, expected: &str) {
        match public_key(pem) {
            Err(Error::BadRequest { reason }) => assert!(reason.contains(expected), "{reason}, not {expected}"),
            other => panic!("{expected}: {other:?}"),
        }
    }

    fn asking(change: impl FnOnce(&mut CertificateParams)) -> String {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        change(&mut params);
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        params.serialize_request(&pair).unwrap().pem().unwrap()
    }

    fn pem(der: &[u8]) -> String {
        use base64::Engine;
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n")
    }

    fn der(pem: &str) -> Vec<u8> {
        CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
    }

    #[test]
    fn our_own_request_gives_its_key() {
        let (request, key) = certificate_request().unwrap();
        let pair = KeyPair::from_pem(key.expose_pem()).unwrap();
        assert_eq!(public_key(&request).unwrap().der_bytes(), pair.der_bytes());
    }

    #[test]
    fn whatever_a_request_asks_for_beside_is_refused() {
        check(&asking(|params| params.distinguished_name.push(DnType::CommonName, "node-1")), "asks for a name");
        let more = "asks for more";
        check(&asking(|params| params.subject_alt_names.push(SanType::DnsName("a.test".try_into().unwrap()))), more);
        check(&asking(|params| params.is_ca = IsCa::ExplicitNoCa), more);
        check(&asking(|params| params.key_usages.push(KeyUsagePurpose::KeyCertSign)), more);
        check(&asking(|params| params.extended_key_usages.push(ExtendedKeyUsagePurpose::Any)), more);
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let challenge = Attribute { oid: &[1, 2, 840, 113_549, 1, 9, 7], values: vec![0x31, 0x03, 0x0c, 0x01, b'x'] };
        let request = params.serialize_request_with_attributes(&pair, vec![challenge]).unwrap();
        check(&request.pem().unwrap(), more);
    }

    #[test]
    fn keys_of_other_kinds_are_refused() {
        for kind in [&PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
            let mut params = CertificateParams::default();
            params.distinguished_name = DistinguishedName::new();
            let request = params.serialize_request(&KeyPair::generate_for(kind).unwrap()).unwrap();
            check(&request.pem().unwrap(), "not signed by ECDSA with SHA-256");
        }
    }

    #[test]
    fn a_request_that_was_touched_is_refused() {
        let (one, _) = certificate_request().unwrap();
        let (other, _) = certificate_request().unwrap();
        check(&format!("{one}{other}"), "exactly one");
        check("", "exactly one");
        check(&"x".repeat(REQUEST_MAX_BYTES + 1), "too long");
        check(&pem(&[&der(&one)[..], &[0]].concat()), "stands behind");
        check(&pem(b"no request"), "does not read");
        let whole = der(&one);
        assert!(public_key(&pem(&whole)).is_ok());
        for bit in [0x01, 0x80] {
            for at in 0..whole.len() {
                let mut touched = whole.clone();
                touched[at] ^= bit;
                assert!(public_key(&pem(&touched)).is_err(), "byte {at} of {}", whole.len());
            }
        }
    }
}
