//! What a message of another node must be beyond parsing, and what is wrong with one that is not.

use bytes::Bytes;
use prost::Message;

use bascule_model::uid::{GroupId, Uid};

use crate::codec::{self, CodecError};
use crate::limits::WHY_LIMIT_CHARS;

/// Why a message of another node says nothing to this one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// The bytes are no message of this build.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A part that is always there is not.
    #[error("the message lacks {what}")]
    Missing {
        /// The part.
        what: &'static str,
    },
    /// A number that this build has no meaning for.
    #[error("{what} `{number}` is none that this build knows")]
    Unknown {
        /// What it numbers.
        what: &'static str,
        /// The number.
        number: i64,
    },
    /// A command, or a value in one, that would stop whoever applies it.
    #[error("the command is one of a later build")]
    Later,
    /// An id or hash of another length.
    #[error("{what} has `{bytes}` bytes instead of `{expected}`")]
    Length {
        /// Which.
        what: &'static str,
        /// How many it has.
        bytes: usize,
        /// How many it must have.
        expected: usize,
    },
    /// More than one message may have.
    #[error("there are `{count}` {what}, the limit is {limit}")]
    TooMany {
        /// Of what, with its unit.
        what: &'static str,
        /// How many; where they are not counted to their end, one more than the limit.
        count: u64,
        /// How many there may be.
        limit: u64,
    },
    /// It is the answer to something else.
    #[error("the message answers another question: {why}")]
    Mismatch {
        /// What tells.
        why: &'static str,
    },
}

/// The part that must be there.
pub(crate) fn need<T>(what: &'static str, part: Option<T>) -> Result<T, FormError> {
    part.ok_or(FormError::Missing { what })
}

/// A number of which zero is nobody's.
pub(crate) const fn number(what: &'static str, number: u64) -> Result<u64, FormError> {
    if number == 0 { Err(FormError::Missing { what }) } else { Ok(number) }
}

/// A uid, which is never zero.
pub(crate) fn uid(what: &'static str, uid: u64) -> Result<Uid, FormError> {
    number(what, uid).map(Uid)
}

/// A shard group, which is never zero.
pub(crate) const fn shard_group(group: u32) -> Result<GroupId, FormError> {
    if group == 0 { Err(FormError::Missing { what: "its group" }) } else { Ok(GroupId(group)) }
}

/// Sixteen bytes.
pub(crate) fn sixteen(what: &'static str, bytes: &[u8]) -> Result<[u8; 16], FormError> {
    bytes.try_into().map_err(|_| FormError::Length { what, bytes: bytes.len(), expected: 16 })
}

/// Nothing, if there are not too many.
pub(crate) fn most(what: &'static str, count: u64, limit: u64) -> Result<(), FormError> {
    if count > limit { Err(FormError::TooMany { what, count, limit }) } else { Ok(()) }
}

/// A count of bytes as this node holds them.
pub(crate) fn bytes_count(what: &'static str, count: u64) -> Result<usize, FormError> {
    usize::try_from(count).map_err(|_| FormError::TooMany { what, count, limit: usize::MAX as u64 })
}

/// As much of a text as one node says to another.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(WHY_LIMIT_CHARS).collect()
}

/// A text that [`cut`] wrote.
pub(crate) fn short(text: String) -> Result<String, FormError> {
    most("characters of a reason", text.chars().count() as u64, WHY_LIMIT_CHARS as u64)?;
    Ok(text)
}

/// Reads a message of at most `limit_bytes`.
pub(crate) fn read<M: Message + Default>(bytes: &Bytes, limit_bytes: usize) -> Result<M, FormError> {
    most("bytes of a message", bytes.len() as u64, limit_bytes as u64)?;
    Ok(codec::decode_foreign(bytes)?)
}

/// Reads a message whose one field, number 1, is a list of messages. They are counted before there is room made for them: an
/// empty one takes two bytes here and a hundred in memory.
pub(crate) fn read_list<M: Message + Default>(
    what: &'static str,
    bytes: &Bytes,
    limit_bytes: usize,
    limit_count: usize,
) -> Result<M, FormError> {
    /// Field 1 with a length before it.
    const ITEM: u8 = 1 << 3 | 2;
    most("bytes of a message", bytes.len() as u64, limit_bytes as u64)?;
    let malformed = |why: &str| FormError::Codec(CodecError::Malformed(why.to_owned()));
    let mut rest = bytes.get(1..).unwrap_or_default();
    let mut count = 0;
    while let Some((key, behind)) = rest.split_first() {
        if *key != ITEM {
            return Err(CodecError::NotCanonical.into());
        }
        rest = behind;
        let length = prost::decode_length_delimiter(&mut rest).map_err(|error| malformed(&error.to_string()))?;
        rest = rest.get(length..).ok_or_else(|| malformed("an item is longer than the message"))?;
        count += 1;
        most(what, count, limit_count as u64)?;
    }
    Ok(codec::decode_foreign(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::shard::{Command, Commands};

    #[test]
    fn lists_are_counted_before_they_are_read() {
        let list = |count| codec::encode(&Commands { commands: vec![Command::default(); count] });
        let read = |bytes: &Bytes| read_list::<Commands>("commands", bytes, 9, 3).map(|list| list.commands.len());
        assert_eq!(read(&list(0)), Ok(0));
        assert_eq!(read(&list(3)), Ok(3));
        assert_eq!(read(&list(4)), Err(FormError::TooMany { what: "commands", count: 4, limit: 3 }));
        assert_eq!(read(&list(5)), Err(FormError::TooMany { what: "bytes of a message", count: 11, limit: 9 }));
        let bytes = |bytes: &'static [u8]| read(&Bytes::from_static(bytes));
        assert_eq!(bytes(&[]), Err(CodecError::Empty.into()));
        assert_eq!(bytes(&[9]), Err(CodecError::Newer(9).into()));
        assert_eq!(bytes(&[1, 0x12, 0]), Err(CodecError::NotCanonical.into()));
        assert!(matches!(bytes(&[1, 0x0a]), Err(FormError::Codec(CodecError::Malformed(_)))));
        assert!(matches!(bytes(&[1, 0x0a, 1]), Err(FormError::Codec(CodecError::Malformed(_)))));
        assert!(matches!(bytes(&[1, 0x0a, 0xff, 0xff, 3]), Err(FormError::Codec(CodecError::Malformed(_)))));
        // A length that is written longer than it need be.
        assert_eq!(bytes(&[1, 0x0a, 0x80, 0]), Err(CodecError::NotCanonical.into()));
    }

    #[test]
    fn reasons_are_cut_between_characters() {
        let long = "ß".repeat(WHY_LIMIT_CHARS + 1);
        assert_eq!(cut(&long), "ß".repeat(WHY_LIMIT_CHARS));
        assert_eq!(short(cut(&long)), Ok(cut(&long)));
        assert!(matches!(short(long), Err(FormError::TooMany { .. })));
    }
}
