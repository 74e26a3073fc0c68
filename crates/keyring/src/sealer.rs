//! Seals frames: a fresh content key for each payload, wrapped once per data key under a nonce that never comes again.

use std::sync::Arc;

use bascule_model::ambient::{Entropy, NoEntropy};
use bytes::Bytes;

use crate::context::Context;
use crate::data_keys::{DataKey, SEALER_BYTES};
use crate::error::Error;
use crate::frame;
use crate::limits::{FRAME_LIMIT_SLOTS, PAYLOAD_LIMIT_BYTES};
use crate::nonce::Nonces;
use crate::secret::Secret;

/// A planted fault for a canary search's negative control; absent from every build that ships.
#[cfg(feature = "planted-faults")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealing {
    /// As without the feature.
    On,
    /// Payloads and rows are stored plain.
    Off,
}

/// One process's right to seal. Two of them never share a nonce, whatever was restored in between.
#[derive(Debug)]
pub struct Sealer {
    nonces: Nonces<SEALER_BYTES>,
    #[cfg(feature = "planted-faults")]
    sealing: Sealing,
}

impl Sealer {
    /// Draws its 32 random bytes.
    ///
    /// # Errors
    /// [`NoEntropy`].
    pub fn start(entropy: Arc<dyn Entropy>) -> Result<Self, NoEntropy> {
        Ok(Self {
            nonces: Nonces::start(entropy)?,
            #[cfg(feature = "planted-faults")]
            sealing: Sealing::On,
        })
    }

    /// As [`Sealer::start`], and plain if so told.
    ///
    /// # Errors
    /// [`NoEntropy`].
    #[cfg(feature = "planted-faults")]
    pub fn start_with(entropy: Arc<dyn Entropy>, sealing: Sealing) -> Result<Self, NoEntropy> {
        Ok(Self { nonces: Nonces::start(entropy)?, sealing })
    }

    /// Seals `payload` (at most 2 MiB) to its place, readable with each of `keys`: the bus's, then the archives'.
    ///
    /// # Errors
    /// [`Error::NoSlots`], [`Error::TooManySlots`], [`Error::DuplicateSlot`], [`Error::PayloadTooLong`],
    /// [`Error::Entropy`].
    pub fn seal(&self, payload: &[u8], context: &Context, keys: &[Arc<DataKey>]) -> Result<Bytes, Error> {
        admit(payload, keys)?;
        #[cfg(feature = "planted-faults")]
        if self.sealing == Sealing::Off {
            return Ok(Bytes::from([&[frame::PLAIN_FORMAT], payload].concat()));
        }
        let associated = context.encode(frame::FORMAT);
        let content = Secret::draw(self.nonces.entropy())?;
        let (sealer, counter) = self.nonces.take()?;
        let mut slots = Vec::with_capacity(keys.len());
        for key in keys {
            let subkey = key.subkey(&sealer)?;
            key.remember(sealer, &subkey);
            let under = (&*subkey, subkey.commitment());
            slots.push(frame::make_slot(&associated, &content, key.id(), (&sealer, counter), under)?);
        }
        frame::assemble(payload, &associated, &content, &slots)
    }
}

fn admit(payload: &[u8], keys: &[Arc<DataKey>]) -> Result<(), Error> {
    if keys.is_empty() {
        return Err(Error::NoSlots);
    }
    if keys.len() > FRAME_LIMIT_SLOTS {
        return Err(frame::too_many(keys.len()));
    }
    // One nonce serves all slots of a frame, so a key that came twice would use it twice.
    for (place, key) in keys.iter().enumerate() {
        if keys[..place].iter().any(|other| other.id() == key.id()) {
            return Err(Error::DuplicateSlot { key: key.id() });
        }
    }
    if payload.len() > PAYLOAD_LIMIT_BYTES {
        return Err(Error::PayloadTooLong { bytes: payload.len(), limit_bytes: PAYLOAD_LIMIT_BYTES });
    }
    Ok(())
}
