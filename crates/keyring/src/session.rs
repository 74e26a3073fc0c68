//! Seals what a role's session is into a token that only nodes of the cluster read, and only beside the one identity that it was
//! given to.
//!
//! Layout, format 1: format (1), salt (32), commitment (32), cipher text, tag (16). Each token has a key of its own, so that its
//! nonce may be zero.

use std::fmt;
use std::sync::Arc;

use bascule_model::ambient::Entropy;
use bascule_model::id::ClusterId;
use zeroize::Zeroizing;

use crate::cipher::{self, COMMITMENT_BYTES, Subkey, TAG_BYTES};
use crate::error::{Error, OpenError};
use crate::limits::SESSION_TOKEN_LIMIT_BYTES;
use crate::secret::Secret;

const FORMAT: u8 = 1;
const SALT_BYTES: usize = 32;
const HEAD_BYTES: usize = 1 + SALT_BYTES + COMMITMENT_BYTES;
const LABEL: &str = "bascule session token";

/// Seals and opens session tokens.
pub struct SessionKeys {
    cluster: ClusterId,
    secret: Secret,
    entropy: Arc<dyn Entropy>,
}

impl SessionKeys {
    /// Of a secret that all nodes of the cluster share. Their own is made of it, so that it may have other uses.
    #[must_use]
    pub fn new(cluster: ClusterId, shared: &Secret, entropy: Arc<dyn Entropy>) -> Self {
        let secret = Secret::new(cipher::hmac_sha256(shared.expose(), &[LABEL.as_bytes(), &cluster.0]));
        Self { cluster, secret, entropy }
    }

    /// Seals `claims` for whoever shows `bearer`, an identity as its certificate has it.
    ///
    /// # Errors
    /// [`Error::Entropy`]; [`Error::CipherRefused`] for claims that make no token.
    pub fn seal(&self, bearer: &str, claims: &[u8]) -> Result<Vec<u8>, Error> {
        if claims.len() + HEAD_BYTES + TAG_BYTES > SESSION_TOKEN_LIMIT_BYTES {
            return Err(Error::CipherRefused);
        }
        let mut salt = [0; SALT_BYTES];
        self.entropy.fill(&mut salt)?;
        let subkey = self.subkey(&salt)?;
        let mut sealed = Vec::with_capacity(HEAD_BYTES + claims.len() + TAG_BYTES);
        sealed.push(FORMAT);
        sealed.extend_from_slice(&salt);
        sealed.extend_from_slice(subkey.commitment());
        sealed.extend_from_slice(claims);
        let tag = subkey.seal(0, &associated(bearer), &mut sealed[HEAD_BYTES..])?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// Opens a token beside the identity that it was given to.
    ///
    /// # Errors
    /// [`OpenError::Unauthentic`] for one of another cluster, another bearer, or none; [`OpenError::UnknownVersion`].
    pub fn open(&self, bearer: &str, token: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (&format, rest) = token.split_first().ok_or(OpenError::Unauthentic)?;
        if format != FORMAT {
            return Err(OpenError::UnknownVersion { version: format });
        }
        if token.len() > SESSION_TOKEN_LIMIT_BYTES {
            return Err(OpenError::Unauthentic);
        }
        let (salt, rest) = rest.split_first_chunk::<SALT_BYTES>().ok_or(OpenError::Unauthentic)?;
        let (commitment, body) = rest.split_first_chunk::<COMMITMENT_BYTES>().ok_or(OpenError::Unauthentic)?;
        let subkey = self.subkey(salt).map_err(|_| OpenError::Unauthentic)?;
        if !subkey.commits_to(commitment) {
            return Err(OpenError::Unauthentic);
        }
        subkey.open(0, &associated(bearer), body)
    }

    fn subkey(&self, salt: &[u8; SALT_BYTES]) -> Result<Subkey, Error> {
        Subkey::derive(&self.secret, salt, LABEL, &self.cluster.0)
    }
}

fn associated(bearer: &str) -> Vec<u8> {
    [&[FORMAT], bearer.as_bytes()].concat()
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SessionKeys(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Steps;

    const BEARER: &str = "spiffe://shop.test/orders";

    fn keys(cluster: u8, secret: u8) -> SessionKeys {
        SessionKeys::new(ClusterId([cluster; 16]), &Secret::new([secret; 32]), Arc::new(Steps::new(3)))
    }

    #[test]
    fn a_token_opens_beside_its_bearer_alone() {
        let own = keys(1, 1);
        let token = own.seal(BEARER, b"claims").unwrap();
        assert_eq!(own.open(BEARER, &token).unwrap().as_slice(), b"claims");
        // The same claims never make the same token.
        assert_ne!(own.seal(BEARER, b"claims").unwrap(), token);
        for other in ["", "spiffe://shop.test/order", "spiffe://shop.test/orders/", "dns:shop.test"] {
            assert!(matches!(own.open(other, &token), Err(OpenError::Unauthentic)), "{other}");
        }
        // Row 6: the token of another account's cluster, or of another key, is no token.
        assert!(matches!(keys(2, 1).open(BEARER, &token), Err(OpenError::Unauthentic)));
        assert!(matches!(keys(1, 2).open(BEARER, &token), Err(OpenError::Unauthentic)));
    }

    #[test]
    fn no_bit_of_a_token_may_differ() {
        let own = keys(1, 1);
        let token = own.seal(BEARER, b"claims of a role").unwrap();
        for at in 0..token.len() {
            for bit in 0..8 {
                let mut other = token.clone();
                other[at] ^= 1 << bit;
                assert!(own.open(BEARER, &other).is_err(), "{at} {bit}");
            }
            assert!(own.open(BEARER, &token[..at]).is_err(), "{at}");
        }
        assert!(own.open(BEARER, &[&token[..], &[0]].concat()).is_err());
    }

    #[test]
    fn claims_that_are_too_long_make_no_token() {
        let own = keys(1, 1);
        let most = SESSION_TOKEN_LIMIT_BYTES - HEAD_BYTES - TAG_BYTES;
        let token = own.seal(BEARER, &vec![7; most]).unwrap();
        assert!(own.open(BEARER, &token).is_ok());
        assert!(own.seal(BEARER, &vec![7; most + 1]).is_err());
    }
}
