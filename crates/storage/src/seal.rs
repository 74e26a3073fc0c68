//! What this room asks of the keyring: to seal bytes to their place, to open them, and to hide names.

use bascule_keyring::atrest::{AtRest, Place};
use bascule_keyring::error::OpenError;
use bascule_keyring::mac::IndexKey;

/// Why bytes were not sealed or opened. It never says what they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The bytes are not what was sealed at this place.
    #[error("the seal does not fit its place")]
    Broken,
    /// A later build's format.
    #[error("sealed in format `{format}`, newer than this build")]
    Newer {
        /// Its number.
        format: u8,
    },
    /// Nothing could be sealed: there were no random bytes.
    #[error("nothing could be sealed: the system gave no random bytes")]
    NoEntropy,
}

/// Sealing under the cluster's at-rest key. The implementation adds the cluster id to every place.
pub trait Seal: Send + Sync {
    /// Seals `plain` so that it opens at `place` only.
    ///
    /// # Errors
    /// [`SealError::NoEntropy`].
    fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError>;

    /// Opens what [`Seal::seal`] sealed at the same `place`.
    ///
    /// # Errors
    /// [`SealError`].
    fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError>;

    /// The MAC of `name` under the index key; `label` keeps equal names of different tables apart.
    fn name(&self, label: &str, name: &str) -> [u8; 16];
}

/// The keyring's at-rest and index keys as this room's [`Seal`].
#[derive(Debug)]
pub struct Keys {
    at_rest: AtRest,
    index: IndexKey,
}

impl Keys {
    /// The two keys of one cluster.
    #[must_use]
    pub const fn new(at_rest: AtRest, index: IndexKey) -> Self {
        Self { at_rest, index }
    }
}

impl Seal for Keys {
    fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        // An at-rest sealer refuses for want of chance alone: places and lengths are all the same to it.
        self.at_rest.seal(&Place::Encoded(place), plain).map_err(|_| SealError::NoEntropy)
    }

    fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        match self.at_rest.open(&Place::Encoded(place), sealed) {
            Ok(plain) => Ok(plain.to_vec()),
            Err(OpenError::UnknownVersion { version }) => Err(SealError::Newer { format: version }),
            Err(OpenError::Unauthentic | OpenError::KeyUnavailable { .. }) => Err(SealError::Broken),
        }
    }

    fn name(&self, label: &str, name: &str) -> [u8; 16] {
        self.index.name(label, name.as_bytes())
    }
}

/// For tests: hides bytes from a grep and notices a wrong place, and is no cipher.
#[cfg(test)]
pub mod toy {
    use super::{Seal, SealError};

    /// Stands in for the keyring: a keyed sum, no secrecy.
    pub struct Toy;

    impl Seal for Toy {
        fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
            let mut sealed: Vec<u8> = plain.iter().map(|byte| byte ^ 0xa5).collect();
            let sum = crc32c::crc32c_append(crc32c::crc32c(place), plain);
            sealed.extend_from_slice(&sum.to_be_bytes());
            Ok(sealed)
        }

        fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
            let (body, sum) = sealed.split_last_chunk::<4>().ok_or(SealError::Broken)?;
            let plain: Vec<u8> = body.iter().map(|byte| byte ^ 0xa5).collect();
            let right = crc32c::crc32c_append(crc32c::crc32c(place), &plain).to_be_bytes() == *sum;
            if right { Ok(plain) } else { Err(SealError::Broken) }
        }

        fn name(&self, label: &str, name: &str) -> [u8; 16] {
            bascule_model::id::hash(label, &[name.as_bytes()])
        }
    }
}
