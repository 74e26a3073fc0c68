//! Seals rows and log records to their place under the cluster's at-rest key.
//!
//! Layout, format 1: format (1), sealer (16), counter (4, big endian), cipher text, tag (16).

use std::sync::Arc;

use bascule_model::ambient::{Entropy, NoEntropy};
use bascule_model::id::ClusterId;
use bascule_model::uid::GroupId;
use zeroize::Zeroizing;

use crate::cipher::{Subkey, TAG_BYTES};
use crate::error::{Error, OpenError};
use crate::limits::AT_REST_LIMIT_SUBKEYS;
use crate::nonce::Nonces;
#[cfg(feature = "planted-faults")]
use crate::sealer::Sealing;
use crate::secret::Secret;
use crate::subkeys::Subkeys;

const FORMAT: u8 = 1;
#[cfg(feature = "planted-faults")]
const PLAIN_FORMAT: u8 = 0xf0;
const SEALER_BYTES: usize = 16;
const COUNTER_BYTES: usize = 4;
const HEAD_BYTES: usize = 1 + SEALER_BYTES + COUNTER_BYTES;
const LABEL: &str = "bascule at rest";

/// Bytes that a sealed row is longer than the plain one.
pub const OVERHEAD_BYTES: usize = HEAD_BYTES + TAG_BYTES;

/// Where sealed bytes belong; they open nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// A row or record of a group.
    Row {
        /// The group.
        group: GroupId,
        /// The table's number in its register.
        table: u8,
        /// The logical key's canonical bytes.
        key: &'a [u8],
    },
    /// A place that the caller has encoded itself, group and table included.
    Encoded(&'a [u8]),
}

/// The at-rest key at work.
#[derive(Debug)]
pub struct AtRest {
    cluster: ClusterId,
    secret: Secret,
    nonces: Nonces<SEALER_BYTES>,
    seen: Subkeys<SEALER_BYTES>,
    #[cfg(feature = "planted-faults")]
    sealing: Sealing,
}

impl AtRest {
    /// Draws this process's sealer.
    ///
    /// # Errors
    /// [`NoEntropy`].
    pub fn start(cluster: ClusterId, secret: Secret, entropy: Arc<dyn Entropy>) -> Result<Self, NoEntropy> {
        Ok(Self {
            cluster,
            secret,
            nonces: Nonces::start(entropy)?,
            seen: Subkeys::new(AT_REST_LIMIT_SUBKEYS),
            #[cfg(feature = "planted-faults")]
            sealing: Sealing::On,
        })
    }

    /// As [`AtRest::start`], and plain if so told.
    ///
    /// # Errors
    /// [`NoEntropy`].
    #[cfg(feature = "planted-faults")]
    pub fn start_with(
        cluster: ClusterId,
        secret: Secret,
        entropy: Arc<dyn Entropy>,
        sealing: Sealing,
    ) -> Result<Self, NoEntropy> {
        Ok(Self { sealing, ..Self::start(cluster, secret, entropy)? })
    }

    /// Seals `plain` so that it opens at `place` only.
    ///
    /// # Errors
    /// [`Error::Entropy`] when a new sealer is due and cannot be drawn.
    pub fn seal(&self, place: &Place<'_>, plain: &[u8]) -> Result<Vec<u8>, Error> {
        #[cfg(feature = "planted-faults")]
        if self.sealing == Sealing::Off {
            return Ok([&[PLAIN_FORMAT], plain].concat());
        }
        let (sealer, counter) = self.nonces.take()?;
        let short = u32::try_from(counter).map_err(|_| Error::CipherRefused)?;
        let subkey = match self.seen.get(&sealer) {
            Some(subkey) => subkey,
            None => {
                let subkey = Arc::new(self.subkey(&sealer)?);
                self.seen.remember(sealer, &subkey);
                subkey
            }
        };
        let mut sealed = Vec::with_capacity(plain.len() + OVERHEAD_BYTES);
        sealed.push(FORMAT);
        sealed.extend_from_slice(&sealer);
        sealed.extend_from_slice(&short.to_be_bytes());
        sealed.extend_from_slice(plain);
        let tag = subkey.seal(counter, &self.associated(place), &mut sealed[HEAD_BYTES..])?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// Opens what was sealed at the same `place`, by this process or another of the cluster.
    ///
    /// # Errors
    /// [`OpenError::Unauthentic`], [`OpenError::UnknownVersion`].
    pub fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (&format, rest) = sealed.split_first().ok_or(OpenError::Unauthentic)?;
        #[cfg(feature = "planted-faults")]
        if format == PLAIN_FORMAT {
            return Ok(Zeroizing::new(rest.to_vec()));
        }
        if format != FORMAT {
            return Err(OpenError::UnknownVersion { version: format });
        }
        let (sealer, rest) = rest.split_first_chunk::<SEALER_BYTES>().ok_or(OpenError::Unauthentic)?;
        let (counter, body) = rest.split_first_chunk::<COUNTER_BYTES>().ok_or(OpenError::Unauthentic)?;
        let counter = u64::from(u32::from_be_bytes(*counter));
        let associated = self.associated(place);
        if let Some(subkey) = self.seen.get(sealer) {
            return subkey.open(counter, &associated, body);
        }
        let subkey = Arc::new(self.subkey(sealer).map_err(|_| OpenError::Unauthentic)?);
        let plain = subkey.open(counter, &associated, body)?;
        self.seen.remember(*sealer, &subkey);
        Ok(plain)
    }

    fn subkey(&self, sealer: &[u8; SEALER_BYTES]) -> Result<Subkey, Error> {
        Subkey::derive(&self.secret, sealer, LABEL, &self.cluster.0)
    }

    /// Format, cluster, and the place behind a number for its kind; only the last field has no fixed width.
    fn associated(&self, place: &Place<'_>) -> Vec<u8> {
        let mut bytes = LABEL.as_bytes().to_vec();
        bytes.push(FORMAT);
        bytes.extend_from_slice(&self.cluster.0);
        match place {
            Place::Row { group, table, key } => {
                bytes.push(1);
                bytes.extend_from_slice(&group.0.to_be_bytes());
                bytes.push(*table);
                bytes.extend_from_slice(key);
            }
            Place::Encoded(place) => {
                bytes.push(2);
                bytes.extend_from_slice(place);
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests;
