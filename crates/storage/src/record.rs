//! The one form of every value on disk: format version, flags, checksum, body; all checked on each read.

/// The format that this build writes.
pub const FORMAT: u8 = 1;
/// The logical key in the body is sealed.
pub const KEY_SEALED: u8 = 1;
/// What stands behind the key or id in the body is sealed.
pub const BODY_SEALED: u8 = 2;
const KNOWN_FLAGS: u8 = KEY_SEALED | BODY_SEALED;
const HEAD_BYTES: usize = 6;

/// Why bytes are no record of this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// They end before they should.
    #[error("the record is cut short")]
    Short,
    /// A later build wrote them.
    #[error("the record has format {0}, newer than this build")]
    Newer(u8),
    /// A flag that no build of this format sets, or format zero.
    #[error("the record's head is unknown")]
    Head,
    /// The checksum over place and body is another.
    #[error("the checksum is wrong")]
    Checksum,
}

/// A record that holds `parts` one behind another and is valid at `place` only.
#[must_use]
pub fn write(place: &[u8], flags: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body: usize = parts.iter().map(|part| part.len()).sum();
    let mut bytes = Vec::with_capacity(HEAD_BYTES + body);
    bytes.extend_from_slice(&[FORMAT, flags, 0, 0, 0, 0]);
    for part in parts {
        bytes.extend_from_slice(part);
    }
    let sum = checksum(place, flags, &bytes[HEAD_BYTES..]);
    bytes[2..HEAD_BYTES].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// Flags and body of a record read at `place`.
///
/// # Errors
/// [`Fault`].
pub fn read<'a>(place: &[u8], bytes: &'a [u8]) -> Result<(u8, &'a [u8]), Fault> {
    match bytes.first() {
        None => return Err(Fault::Short),
        Some(0) => return Err(Fault::Head),
        Some(&format) if format > FORMAT => return Err(Fault::Newer(format)),
        Some(_) => {}
    }
    let (head, body) = bytes.split_first_chunk::<HEAD_BYTES>().ok_or(Fault::Short)?;
    let [_, flags, a, b, c, d] = *head;
    if checksum(place, flags, body) != u32::from_be_bytes([a, b, c, d]) {
        return Err(Fault::Checksum);
    }
    if flags & !KNOWN_FLAGS != 0 {
        return Err(Fault::Head);
    }
    Ok((flags, body))
}

/// Four bytes of length, then the field.
#[must_use]
pub fn field(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(4 + bytes.len());
    // A field is a key, an id or a row, each far below 4 GiB; a longer one would fail its read.
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
    out
}

/// Takes a [`field`] off the front: the field and what follows.
///
/// # Errors
/// [`Fault::Short`].
pub fn take_field(bytes: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or(Fault::Short)?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize).ok_or(Fault::Short)
}

fn checksum(place: &[u8], flags: u8, body: &[u8]) -> u32 {
    let sum = crc32c::crc32c_append(crc32c::crc32c(&[FORMAT, flags]), place);
    crc32c::crc32c_append(sum, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_and_every_cut_is_seen() {
        let whole = write(b"here", BODY_SEALED, &[&field(b"key"), b"row"]);
        let (flags, body) = read(b"here", &whole).unwrap();
        assert_eq!((flags, take_field(body).unwrap()), (BODY_SEALED, (&b"key"[..], &b"row"[..])));
        assert_eq!(read(b"there", &whole), Err(Fault::Checksum));
        for bit in 0..whole.len() * 8 {
            let mut other = whole.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(read(b"here", &other).is_err(), "bit {bit}");
        }
        for length in 0..whole.len() {
            assert!(read(b"here", &whole[..length]).is_err(), "length {length}");
        }
        let mut newer = whole;
        newer[0] = 9;
        assert_eq!(read(b"here", &newer), Err(Fault::Newer(9)));
    }
}
