//! The sealed frame: a payload under its own content key, and one slot per data key that holds this content key.
//!
//! Layout, format 1: format (1), number of slots (1), slots of 136 bytes each, cipher text, tag (16). A slot: key id (16),
//! sealer (32), counter (8, big endian), commitment (32), wrapped content key (32), tag (16).

use std::sync::Arc;

use bytes::Bytes;
use zeroize::Zeroizing;

use crate::cipher::{self, COMMITMENT_BYTES, Subkey, TAG_BYTES};
use crate::context::Context;
use crate::data_keys::{DataKey, SEALER_BYTES};
use crate::error::{Error, OpenError};
use crate::limits::{FRAME_LIMIT_SLOTS, PAYLOAD_LIMIT_BYTES};
use crate::secret::{KeyId, Secret};

/// The format that this build writes.
pub const FORMAT: u8 = 1;
/// What stands where the format does when a planted fault left the payload plain.
#[cfg(feature = "planted-faults")]
pub(crate) const PLAIN_FORMAT: u8 = 0xf0;

const HEAD_BYTES: usize = 2;
const COUNTER_BYTES: usize = 8;
/// What a slot says in the clear; all of it is authenticated.
const CLEAR_BYTES: usize = KeyId::LEN_BYTES + SEALER_BYTES + COUNTER_BYTES + COMMITMENT_BYTES;
const WRAPPED_BYTES: usize = Secret::LEN_BYTES + TAG_BYTES;
/// Bytes of one slot.
pub const SLOT_BYTES: usize = CLEAR_BYTES + WRAPPED_BYTES;

/// Bytes that a frame is longer than its payload.
#[must_use]
pub const fn overhead_bytes(slots: usize) -> usize {
    HEAD_BYTES + slots * SLOT_BYTES + TAG_BYTES
}

/// Opens a frame with the first slot whose key `lookup` has; `context` must be the one it was sealed in.
///
/// # Errors
/// [`OpenError`]: of the three only `Unauthentic` is terminal.
pub fn open(
    frame: &[u8],
    context: &Context,
    lookup: impl Fn(KeyId) -> Option<Arc<DataKey>>,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    #[cfg(feature = "planted-faults")]
    if let Some((&PLAIN_FORMAT, plain)) = frame.split_first() {
        return Ok(Zeroizing::new(plain.to_vec()));
    }
    let parsed = Parsed::read(frame)?;
    let mut first_missing = None;
    for slot in parsed.slots() {
        let id = slot.key_id()?;
        let Some(key) = lookup(id) else {
            first_missing.get_or_insert(id);
            continue;
        };
        let associated = context.encode(FORMAT);
        let content = slot.unwrap(&associated, &key)?;
        return cipher::open_once(&content, &associated, parsed.payload, OpenError::KeyUnavailable { key: id });
    }
    Err(first_missing.map_or(OpenError::Unauthentic, |key| OpenError::KeyUnavailable { key }))
}

/// The keys that a frame has slots for, in its order. Nothing is authenticated by this.
///
/// # Errors
/// [`OpenError::Unauthentic`] and [`OpenError::UnknownVersion`].
pub fn key_ids(frame: &[u8]) -> Result<Vec<KeyId>, OpenError> {
    Parsed::read(frame)?.slots().map(|slot| slot.key_id()).collect()
}

/// The frame with the slot of `key` alone. It needs no key and no chance, so that apply can do it.
///
/// # Errors
/// [`Error::NoSuchSlot`]; [`Error::Open`] for what is no frame.
pub fn keep_slot(frame: &[u8], key: KeyId) -> Result<Bytes, Error> {
    #[cfg(feature = "planted-faults")]
    if frame.first() == Some(&PLAIN_FORMAT) {
        return Ok(Bytes::copy_from_slice(frame));
    }
    let parsed = Parsed::read(frame)?;
    for slot in parsed.slots() {
        if slot.key_id()? == key {
            let mut copy = Vec::with_capacity(HEAD_BYTES + SLOT_BYTES + parsed.payload.len());
            copy.extend_from_slice(&[FORMAT, 1]);
            copy.extend_from_slice(slot.0);
            copy.extend_from_slice(parsed.payload);
            return Ok(Bytes::from(copy));
        }
    }
    Err(Error::NoSuchSlot { key })
}

/// Seals `payload` under `content`, a fresh key, with `slots` already made for that key.
pub(crate) fn assemble(
    payload: &[u8],
    associated: &[u8],
    content: &Secret,
    slots: &[[u8; SLOT_BYTES]],
) -> Result<Bytes, Error> {
    let count = u8::try_from(slots.len()).map_err(|_| too_many(slots.len()))?;
    let mut frame = Vec::with_capacity(overhead_bytes(slots.len()) + payload.len());
    frame.extend_from_slice(&[FORMAT, count]);
    for slot in slots {
        frame.extend_from_slice(slot);
    }
    let start = frame.len();
    frame.extend_from_slice(payload);
    let tag = cipher::seal_once(content, associated, &mut frame[start..])?;
    frame.extend_from_slice(&tag);
    Ok(Bytes::from(frame))
}

/// Wraps `content` for one data key. The pair of sealer and counter must be new for this key.
pub(crate) fn make_slot(
    associated: &[u8],
    content: &Secret,
    key: KeyId,
    (sealer, counter): (&[u8; SEALER_BYTES], u64),
    (subkey, commitment): (&Subkey, &[u8; COMMITMENT_BYTES]),
) -> Result<[u8; SLOT_BYTES], Error> {
    let mut clear = Vec::with_capacity(CLEAR_BYTES);
    clear.extend_from_slice(key.as_bytes());
    clear.extend_from_slice(sealer);
    clear.extend_from_slice(&counter.to_be_bytes());
    clear.extend_from_slice(commitment);
    let mut slot = [0; SLOT_BYTES];
    slot[..CLEAR_BYTES].copy_from_slice(&clear);
    slot[CLEAR_BYTES..SLOT_BYTES - TAG_BYTES].copy_from_slice(content.expose());
    let associated = [associated, &clear].concat();
    let tag = subkey.seal(counter, &associated, &mut slot[CLEAR_BYTES..SLOT_BYTES - TAG_BYTES])?;
    slot[SLOT_BYTES - TAG_BYTES..].copy_from_slice(&tag);
    Ok(slot)
}

pub(crate) const fn too_many(count: usize) -> Error {
    Error::TooManySlots { count, limit_slots: FRAME_LIMIT_SLOTS }
}

/// A frame cut into its parts; nothing is authentic yet.
struct Parsed<'a> {
    slots: &'a [u8],
    payload: &'a [u8],
}

impl<'a> Parsed<'a> {
    fn read(frame: &'a [u8]) -> Result<Self, OpenError> {
        match frame.first() {
            Some(&FORMAT) => {}
            Some(&version) => return Err(OpenError::UnknownVersion { version }),
            None => return Err(OpenError::Unauthentic),
        }
        let count = usize::from(*frame.get(1).ok_or(OpenError::Unauthentic)?);
        if count == 0 || count > FRAME_LIMIT_SLOTS {
            return Err(OpenError::Unauthentic);
        }
        let (slots, payload) =
            frame[HEAD_BYTES..].split_at_checked(count * SLOT_BYTES).ok_or(OpenError::Unauthentic)?;
        if payload.len() < TAG_BYTES || payload.len() > PAYLOAD_LIMIT_BYTES + TAG_BYTES {
            return Err(OpenError::Unauthentic);
        }
        Ok(Self { slots, payload })
    }

    fn slots(&self) -> impl Iterator<Item = Slot<'a>> + use<'a> {
        self.slots.as_chunks().0.iter().map(Slot)
    }
}

/// One slot, not authentic yet.
struct Slot<'a>(&'a [u8; SLOT_BYTES]);

impl Slot<'_> {
    fn key_id(&self) -> Result<KeyId, OpenError> {
        KeyId::from_slice(&self.0[..KeyId::LEN_BYTES]).ok_or(OpenError::Unauthentic)
    }

    /// The content key, if `key` made this slot for this place.
    fn unwrap(&self, associated: &[u8], key: &DataKey) -> Result<Secret, OpenError> {
        let (clear, wrapped) = self.0.split_at(CLEAR_BYTES);
        let rest = &clear[KeyId::LEN_BYTES..];
        let (sealer, rest) = rest.split_first_chunk::<SEALER_BYTES>().ok_or(OpenError::Unauthentic)?;
        let (counter, commitment) = rest.split_first_chunk::<COUNTER_BYTES>().ok_or(OpenError::Unauthentic)?;
        let subkey = key.subkey(sealer).map_err(|_| OpenError::KeyUnavailable { key: key.id() })?;
        if !subkey.commits_to(commitment) {
            return Err(OpenError::Unauthentic);
        }
        let associated = [associated, clear].concat();
        let content = subkey.open(u64::from_be_bytes(*counter), &associated, wrapped)?;
        key.remember(*sealer, &subkey);
        Secret::from_slice(&content).ok_or(OpenError::Unauthentic)
    }
}

#[cfg(test)]
mod tests;
