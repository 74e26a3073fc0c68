//! The only file that speaks to the crypto library: AES-256-GCM, HKDF-SHA-256, HMAC-SHA-256, SHA-256, constant-time compare.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{constant_time, digest as sha, hkdf, hmac};
use zeroize::Zeroizing;

use crate::error::{Error, OpenError};
use crate::secret::Secret;

/// Bytes of an AES-256-GCM tag.
pub(crate) const TAG_BYTES: usize = 16;
/// Bytes of a key commitment.
pub(crate) const COMMITMENT_BYTES: usize = 32;
/// Bytes of a subkey and its commitment, derived in one go.
const DERIVED_BYTES: usize = Secret::LEN_BYTES + COMMITMENT_BYTES;

/// A key ready for sealing, with the public value that commits to it: GCM alone opens under more than one key.
pub(crate) struct Subkey {
    key: LessSafeKey,
    commitment: [u8; COMMITMENT_BYTES],
}

impl Subkey {
    /// HKDF(`parent`, salt = `salt`, info = `label` and `owner`), 64 bytes: the subkey, then its commitment (RFC 5869).
    pub(crate) fn derive(parent: &Secret, salt: &[u8], label: &str, owner: &[u8]) -> Result<Self, Error> {
        let mut derived = Zeroizing::new([0; DERIVED_BYTES]);
        let length = u8::try_from(label.len()).map_err(|_| Error::CipherRefused)?;
        let info = [&[length][..], label.as_bytes(), owner];
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(parent.expose());
        prk.expand(&info, Length(DERIVED_BYTES))
            .and_then(|okm| okm.fill(&mut derived[..]))
            .map_err(|_| Error::CipherRefused)?;
        let (key, commitment) = derived.split_at(Secret::LEN_BYTES);
        let commitment = commitment.try_into().map_err(|_| Error::CipherRefused)?;
        Ok(Self { key: gcm(key)?, commitment })
    }

    pub(crate) const fn commitment(&self) -> &[u8; COMMITMENT_BYTES] {
        &self.commitment
    }

    /// In constant time.
    pub(crate) fn commits_to(&self, commitment: &[u8]) -> bool {
        equal(&self.commitment, commitment)
    }

    /// Seals `plain_then_cipher` in place. The pair of this subkey and `counter` must never come again.
    pub(crate) fn seal(
        &self,
        counter: u64,
        associated: &[u8],
        plain_then_cipher: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], Error> {
        seal(&self.key, counter, associated, plain_then_cipher)
    }

    /// Opens `sealed`, cipher text and tag.
    pub(crate) fn open(&self, counter: u64, associated: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        open(&self.key, counter, associated, sealed)
    }
}

impl fmt::Debug for Subkey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Subkey(..)")
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// Seals under a key that is used this once, so that its nonce may be zero.
pub(crate) fn seal_once(key: &Secret, associated: &[u8], body: &mut [u8]) -> Result<[u8; TAG_BYTES], Error> {
    seal(&gcm(key.expose())?, 0, associated, body)
}

/// Opens what [`seal_once`] sealed. `unready` is the answer if the library cannot take the key at all: that says
/// nothing about what is sealed, so it must not look like a broken seal.
pub(crate) fn open_once(
    key: &Secret,
    associated: &[u8],
    sealed: &[u8],
    unready: OpenError,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let key = gcm(key.expose()).map_err(|_| unready)?;
    open(&key, 0, associated, sealed)
}

/// SHA-256 over `label` and `parts`, each behind its length.
pub(crate) fn digest(label: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = sha::Context::new(&sha::SHA256);
    for part in std::iter::once(label.as_bytes()).chain(parts.iter().copied()) {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut whole = [0; 32];
    whole.copy_from_slice(context.finish().as_ref());
    whole
}

/// A key for MACs.
pub(crate) struct MacKey(hmac::Key);

impl MacKey {
    pub(crate) fn new(secret: &Secret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose()))
    }

    /// The first 16 bytes of HMAC-SHA-256 over `label` and `parts`, each behind its length.
    pub(crate) fn mac(&self, label: &str, parts: &[&[u8]]) -> [u8; 16] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in std::iter::once(label.as_bytes()).chain(parts.iter().copied()) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut first = [0; 16];
        first.copy_from_slice(&context.sign().as_ref()[..16]);
        first
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("MacKey(..)")
    }
}

/// HMAC-SHA-256 over `parts` one behind the other, in the form that receivers outside compute too.
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    let mut whole = [0; 32];
    whole.copy_from_slice(context.sign().as_ref());
    whole
}

/// Compares in time that depends on the lengths alone.
pub(crate) fn equal(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}

fn gcm(key: &[u8]) -> Result<LessSafeKey, Error> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| Error::CipherRefused)
}

fn seal(key: &LessSafeKey, counter: u64, associated: &[u8], body: &mut [u8]) -> Result<[u8; TAG_BYTES], Error> {
    let tag = key
        .seal_in_place_separate_tag(nonce(counter), Aad::from(associated), body)
        .map_err(|_| Error::CipherRefused)?;
    tag.as_ref().try_into().map_err(|_| Error::CipherRefused)
}

fn open(key: &LessSafeKey, counter: u64, associated: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let mut body = Zeroizing::new(sealed.to_vec());
    let length =
        key.open_in_place(nonce(counter), Aad::from(associated), &mut body).map_err(|_| OpenError::Unauthentic)?.len();
    body.truncate(length);
    Ok(body)
}

fn nonce(counter: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[NONCE_LEN - 8..].copy_from_slice(&counter.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}
