//! Thirty-two secret bytes, and the public ids that name them.

use std::fmt;

use bascule_model::ambient::{Entropy, NoEntropy};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::cipher;

const CHECK_BYTES: usize = 4;
const RANDOM_BYTES: usize = KeyId::LEN_BYTES - CHECK_BYTES;

/// A 256-bit key. Wiped when dropped; prints nothing.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; Secret::LEN_BYTES]);

impl Secret {
    /// Its length.
    pub const LEN_BYTES: usize = 32;

    /// Takes these bytes; the caller wipes its own copy.
    #[must_use]
    pub const fn new(bytes: [u8; Self::LEN_BYTES]) -> Self {
        Self(bytes)
    }

    /// Copies 32 bytes; `None` for any other length.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut secret = Self([0; Self::LEN_BYTES]);
        if bytes.len() != Self::LEN_BYTES {
            return None;
        }
        secret.0.copy_from_slice(bytes);
        Some(secret)
    }

    /// A fresh one.
    ///
    /// # Errors
    /// [`NoEntropy`].
    pub fn draw(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        let mut secret = Self([0; Self::LEN_BYTES]);
        entropy.fill(&mut secret.0)?;
        Ok(secret)
    }

    /// The bytes, for handing the key to another member over an authenticated session, and for nothing else.
    #[must_use]
    pub const fn expose(&self) -> &[u8; Self::LEN_BYTES] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(..)")
    }
}

/// The public name of a key: 12 random bytes and 4 that check them.
///
/// The check tells an altered id (the frame is broken, which is terminal) from a key that is merely not here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; KeyId::LEN_BYTES]);

impl KeyId {
    /// Its length.
    pub const LEN_BYTES: usize = 16;

    /// Completes 12 random bytes with their check.
    #[must_use]
    pub fn from_random(random: [u8; RANDOM_BYTES]) -> Self {
        let mut whole = [0; Self::LEN_BYTES];
        whole[..RANDOM_BYTES].copy_from_slice(&random);
        whole[RANDOM_BYTES..].copy_from_slice(&check(&random));
        Self(whole)
    }

    /// A fresh one.
    ///
    /// # Errors
    /// [`NoEntropy`].
    pub fn draw(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        let mut random = [0; RANDOM_BYTES];
        entropy.fill(&mut random)?;
        Ok(Self::from_random(random))
    }

    /// Reads 16 bytes; `None` for another length or if the check does not fit.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let whole: [u8; Self::LEN_BYTES] = bytes.try_into().ok()?;
        let (random, rest) = whole.split_first_chunk::<RANDOM_BYTES>()?;
        (check(random) == rest).then_some(Self(whole))
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN_BYTES] {
        &self.0
    }
}

fn check(random: &[u8; RANDOM_BYTES]) -> [u8; CHECK_BYTES] {
    let whole = cipher::digest("bascule key id", &[random]);
    [whole[0], whole[1], whole[2], whole[3]]
}

impl fmt::Display for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "KeyId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_nothing() {
        let secret = Secret::new([0x5a; 32]);
        let text = format!("{secret:?}");
        assert_eq!(text, "Secret(..)");
        assert!(Secret::from_slice(&[1; 31]).is_none() && Secret::from_slice(&[1; 33]).is_none());
        assert_eq!(Secret::from_slice(&[1; 32]).unwrap().expose(), &[1; 32]);
    }

    #[test]
    fn an_altered_key_id_is_noticed() {
        let id = KeyId::from_random([7; 12]);
        assert_eq!(KeyId::from_slice(id.as_bytes()), Some(id));
        for bit in 0..KeyId::LEN_BYTES * 8 {
            let mut bytes = *id.as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(KeyId::from_slice(&bytes), None, "bit {bit}");
        }
        assert_eq!(KeyId::from_slice(&id.as_bytes()[..15]), None);
    }
}
