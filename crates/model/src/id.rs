//! Ids that are hashes: the first 16 bytes of SHA-256 over a label and length-prefixed fields.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::uid::Uid;

macro_rules! sixteen {
    ($name:ident, $what:literal) => {
        #[doc = $what]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// Reads 16 bytes; `None` for any other length.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// Reads the 8-4-4-4-12 text form; `None` for any other text.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                parse_dashed(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_dashed(&self.0, out)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_dashed(&self.0, out)
            }
        }
    };
}

sixteen!(ClusterId, "A cluster; drawn once at `init`.");
sixteen!(EventId, "An event, for life: version 4 UUID for a put.");
sixteen!(ArrivalId, "One arrival of an event on a bus: the event id, or a hop's delivery id.");
sixteen!(DeliveryId, "One event owed to one target: the same through retries and failover.");

impl EventId {
    /// Marks 16 random bytes as a version 4 UUID (RFC 9562 section 5.4).
    #[must_use]
    pub const fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }

    /// The arrival that a plain put makes.
    #[must_use]
    pub const fn arrival(self) -> ArrivalId {
        ArrivalId(self.0)
    }
}

impl DeliveryId {
    /// hash(arrival id, target uid).
    #[must_use]
    pub fn of(arrival: ArrivalId, target: Uid) -> Self {
        Self(hash("delivery", &[&arrival.0, &target.0.to_be_bytes()]))
    }
}

/// The first 16 bytes of SHA-256 over `label` and `fields`, each behind its length as a big-endian u64.
#[must_use]
pub fn hash(label: &str, fields: &[&[u8]]) -> [u8; 16] {
    let mut digest = Sha256::new();
    let mut add = |bytes: &[u8]| {
        digest.update((bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    };
    add(label.as_bytes());
    for field in fields {
        add(field);
    }
    let whole: [u8; 32] = digest.finalize().into();
    let mut first = [0; 16];
    first.copy_from_slice(&whole[..16]);
    first
}

fn write_dashed(bytes: &[u8; 16], out: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            out.write_str("-")?;
        }
        write!(out, "{byte:02x}")?;
    }
    Ok(())
}

fn parse_dashed(text: &str) -> Option<[u8; 16]> {
    let text = text.as_bytes();
    if text.len() != 36 {
        return None;
    }
    let mut bytes = [0; 16];
    let mut nibble = 0;
    for (place, &byte) in text.iter().enumerate() {
        if matches!(place, 8 | 13 | 18 | 23) {
            if byte != b'-' {
                return None;
            }
            continue;
        }
        let value = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => return None,
        };
        bytes[nibble / 2] |= value << (4 * (1 - nibble % 2));
        nibble += 1;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_before_each_field_keeps_neighbours_apart() {
        assert_ne!(hash("x", &[b"ab", b"c"]), hash("x", &[b"a", b"bc"]));
        assert_ne!(hash("xa", &[b"b"]), hash("x", &[b"ab"]));
        assert_ne!(hash("x", &[b"", b"a"]), hash("x", &[b"a", b""]));
        assert_eq!(hash("x", &[b"a"]), hash("x", &[b"a"]));
    }

    #[test]
    fn ids_read_back_from_their_text() {
        let id = EventId::from_random([0xff; 16]);
        assert_eq!(id.to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(EventId::parse(&id.to_string()), Some(id));
        assert_eq!(EventId::parse(&id.to_string().to_uppercase()), Some(id));
        for bad in [
            "",
            "ffffffff-ffff-4fff-bfff-fffffffffff",
            "ffffffffffff-4fff-bfff-ffffffffffff-",
            "gfffffff-ffff-4fff-bfff-ffffffffffff",
        ] {
            assert_eq!(EventId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_delivery_id_depends_on_both_its_parts() {
        let arrival = EventId::from_random([1; 16]).arrival();
        let other = EventId::from_random([2; 16]).arrival();
        assert_eq!(DeliveryId::of(arrival, Uid(7)), DeliveryId::of(arrival, Uid(7)));
        assert_ne!(DeliveryId::of(arrival, Uid(7)), DeliveryId::of(arrival, Uid(8)));
        assert_ne!(DeliveryId::of(arrival, Uid(7)), DeliveryId::of(other, Uid(7)));
    }
}
