//! A fast hash of short byte strings. Its seed is drawn once a process, so that nobody can choose keys that collide.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

const FIRST: u64 = 0x9E37_79B9_7F4A_7C15;
const SECOND: u64 = 0xD6E8_FEB8_6659_FD93;

/// The process's seed. No verdict depends on it, only where keys lie in a table.
pub fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| RandomState::new().hash_one(FIRST))
}

/// The hash of `bytes` under a seed.
#[inline]
pub fn of(seed: u64, bytes: &[u8]) -> u64 {
    let mut state = seed ^ mix(bytes.len() as u64 ^ FIRST, SECOND);
    let mut rest = bytes;
    while let Some((chunk, more)) = rest.split_first_chunk::<16>() {
        if more.is_empty() {
            break;
        }
        state = mix(word(chunk) ^ state, word(&chunk[8..]) ^ SECOND);
        rest = more;
    }
    let (low, high) = match rest.len() {
        // The two words overlap, so that each byte is in one of them.
        8.. => (word(rest), word(&rest[rest.len() - 8..])),
        4.. => (half(rest), half(&rest[rest.len() - 4..])),
        1.. => (u64::from(rest[0]) << 8 | u64::from(rest[rest.len() / 2]), u64::from(rest[rest.len() - 1])),
        0 => (0, 0),
    };
    mix(low ^ state, high ^ FIRST)
}

/// A number out of two others, each bit of them in each of it.
#[inline]
pub fn mix(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    (product as u64) ^ ((product >> 64) as u64)
}

#[inline]
fn word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

#[inline]
fn half(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |chunk| u64::from(u32::from_le_bytes(*chunk)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_byte_and_the_length_count() {
        let mut seen = HashSet::new();
        for length in 0..70 {
            let plain = vec![b'a'; length];
            assert!(seen.insert(of(7, &plain)), "length {length}");
            for place in 0..length {
                let mut other = plain.clone();
                other[place] = b'b';
                assert!(seen.insert(of(7, &other)), "length {length}, place {place}");
            }
        }
        assert_ne!(of(7, b"abc"), of(8, b"abc"));
    }
}
