//! Canonical bytes of commands and rows: a version byte, then a hand-declared prost message without maps or floats.
//!
//! In: messages of this folder.
//! Out: bytes that are equal on every replica, and back.
//! Never: openraft's types, or a field number that was once something else.

pub mod ask;
pub mod control;
pub mod form;
pub mod payload;
pub mod propose;
pub mod shard;
#[cfg(test)]
mod strangers;

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;

/// The version that this build writes.
pub const VERSION: u8 = 1;

/// Why bytes are no message of this build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// There is not even a version byte.
    #[error("the record is empty")]
    Empty,
    /// A later build wrote it.
    #[error("the record has version {0}, newer than this build's {VERSION}")]
    Newer(u8),
    /// The bytes do not parse.
    #[error("the record does not parse: {0}")]
    Malformed(String),
    /// It parses, yet writing it again gives other bytes: an unknown field, or another encoder's habits.
    #[error("the record is not in canonical form")]
    NotCanonical,
}

/// Version byte and message.
#[must_use]
pub fn encode<M: Message>(message: &M) -> Bytes {
    let mut bytes = BytesMut::with_capacity(1 + message.encoded_len());
    bytes.put_u8(VERSION);
    // A BytesMut grows as needed, so that there is no lack of room to report.
    message.encode_raw(&mut bytes);
    bytes.freeze()
}

/// A message that says all it has to say by being there.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Blank {}

/// How many bytes a message takes within another, its own prefix not counted.
#[must_use]
pub fn size<M: Message>(message: &M) -> usize {
    message.encoded_len()
}

/// Reads what [`encode`] wrote. An unknown field in a known version is refused: prost drops it, so that the length differs.
///
/// # Errors
/// [`CodecError`].
pub fn decode<M: Message + Default>(bytes: &Bytes) -> Result<M, CodecError> {
    let Some(&version) = bytes.first() else {
        return Err(CodecError::Empty);
    };
    if version != VERSION {
        return Err(CodecError::Newer(version));
    }
    let message = M::decode(bytes.slice(1..)).map_err(|error| CodecError::Malformed(error.to_string()))?;
    if message.encoded_len() != bytes.len() - 1 {
        return Err(CodecError::NotCanonical);
    }
    Ok(message)
}

/// Reads what another node's [`encode`] wrote. Equal length is not enough there: swapped fields, or a number written longer than it
/// need be beside one left out, would pass. The message is written again and compared, which rows of our own do not pay for.
///
/// # Errors
/// [`CodecError`].
pub fn decode_foreign<M: Message + Default>(bytes: &Bytes) -> Result<M, CodecError> {
    let message = decode(bytes)?;
    if encode(&message) != bytes { Err(CodecError::NotCanonical) } else { Ok(message) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::shard::Stamp;

    #[test]
    fn what_is_not_ours_is_refused() {
        let stamp = Stamp { control_index: 9, rules: vec![1, 2], ..Stamp::default() };
        let bytes = encode(&stamp);
        assert_eq!(decode::<Stamp>(&bytes), Ok(stamp));
        let with = |change: fn(&mut Vec<u8>)| {
            let mut other = bytes.to_vec();
            change(&mut other);
            decode::<Stamp>(&Bytes::from(other))
        };
        assert_eq!(with(Vec::clear), Err(CodecError::Empty));
        assert_eq!(with(|b| b[0] = 9), Err(CodecError::Newer(9)));
        // Field 1000 as a varint is none of a stamp's.
        assert_eq!(with(|b| b.extend([0xc0, 0x3e, 1])), Err(CodecError::NotCanonical));
        assert!(matches!(with(|b| b.truncate(4)), Err(CodecError::Malformed(_))));
    }
    #[test]
    fn another_nodes_fields_stand_in_order() {
        let receipt = crate::codec::shard::Receipt { queue: 1, sequence: 2, ..Default::default() };
        assert_eq!(decode_foreign(&encode(&receipt)), Ok(receipt));
        // Of the same length and meaning, with the fields swapped.
        let swapped = Bytes::from_static(&[VERSION, 0x10, 2, 0x08, 1]);
        assert_eq!(decode(&swapped), Ok(receipt));
        assert_eq!(decode_foreign::<crate::codec::shard::Receipt>(&swapped), Err(CodecError::NotCanonical));
    }
}
