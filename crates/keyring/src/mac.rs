//! MACs that stand in for names and vouch for handles: the index key and the handle keys.

use crate::cipher::{self, MacKey};
use crate::secret::Secret;

/// Bytes of each MAC.
pub const MAC_BYTES: usize = 16;

/// The key for names in row keys, ordering keys and client tokens; equal on every node, never rotated.
#[derive(Debug)]
pub struct IndexKey(MacKey);

impl IndexKey {
    /// Takes the cluster's index secret.
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        Self(MacKey::new(secret))
    }

    /// Stands for `name` in a row key; `label` keeps equal names of different tables apart.
    #[must_use]
    pub fn name(&self, label: &str, name: &[u8]) -> [u8; MAC_BYTES] {
        self.0.mac("bascule name", &[label.as_bytes(), name])
    }

    /// Stands for an ordering key of the bus or queue `owner`, in its stamp.
    #[must_use]
    pub fn ordering(&self, owner: u64, key: &[u8]) -> [u8; MAC_BYTES] {
        self.0.mac("bascule ordering key", &[&owner.to_be_bytes(), key])
    }

    /// Stands for a client token of a principal's account in a token row.
    #[must_use]
    pub fn token(&self, account: &str, token: &[u8]) -> [u8; MAC_BYTES] {
        self.0.mac("bascule token", &[account.as_bytes(), token])
    }

    /// Stands for the content that came with a client token, to tell a repeat from a reuse.
    #[must_use]
    pub fn content(&self, content: &[u8]) -> [u8; MAC_BYTES] {
        self.0.mac("bascule token content", &[content])
    }
}

/// What a handle is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandleKind {
    /// A queue message's receipt handle.
    Receipt,
    /// The place where a listing goes on.
    Page,
}

impl HandleKind {
    const fn label(self) -> &'static str {
        match self {
            Self::Receipt => "bascule receipt handle",
            Self::Page => "bascule page token",
        }
    }
}

/// The handle key in force and, until its overlap is over, the one before.
#[derive(Debug)]
pub struct HandleKeys {
    current: MacKey,
    previous: Option<MacKey>,
}

impl HandleKeys {
    /// Signs with `current`, verifies with both. The caller drops `previous` 24 h after the rotation.
    #[must_use]
    pub fn new(current: &Secret, previous: Option<&Secret>) -> Self {
        Self { current: MacKey::new(current), previous: previous.map(MacKey::new) }
    }

    /// The MAC to append to a handle's clear part.
    #[must_use]
    pub fn sign(&self, kind: HandleKind, clear: &[u8]) -> [u8; MAC_BYTES] {
        self.current.mac(kind.label(), &[clear])
    }

    /// Whether either key made `mac` for `clear`; in constant time for a given length.
    #[must_use]
    pub fn verify(&self, kind: HandleKind, clear: &[u8], mac: &[u8]) -> bool {
        let by = |key: &MacKey| cipher::equal(&key.mac(kind.label(), &[clear]), mac);
        let previous = self.previous.as_ref().is_some_and(by);
        by(&self.current) | previous
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn equal_names_are_apart_by_use_and_owner() {
        let key = IndexKey::new(&Secret::new([1; 32]));
        let other = IndexKey::new(&Secret::new([2; 32]));
        let macs = [
            key.name("bus", b"orders"),
            key.name("rule", b"orders"),
            key.name("busorders", b""),
            key.name("", b"busorders"),
            key.name("bu", b"sorders"),
            key.ordering(1, b"orders"),
            key.ordering(2, b"orders"),
            key.token("bus", b"orders"),
            key.content(b"orders"),
            other.name("bus", b"orders"),
        ];
        assert_eq!(macs.iter().collect::<BTreeSet<_>>().len(), macs.len());
        assert_eq!(key.name("bus", b"orders"), IndexKey::new(&Secret::new([1; 32])).name("bus", b"orders"));
    }

    #[test]
    fn the_mac_is_hmac_sha_256() {
        // RFC 4231 has no 32-byte key with our framing, so the framing is rebuilt here from the library's plain HMAC.
        let secret = Secret::new([1; 32]);
        let mut framed = Vec::new();
        for part in [&b"bascule token content"[..], b"x"] {
            framed.extend_from_slice(&(part.len() as u64).to_be_bytes());
            framed.extend_from_slice(part);
        }
        let plain = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &[1; 32]);
        let expected = aws_lc_rs::hmac::sign(&plain, &framed);
        assert_eq!(IndexKey::new(&secret).content(b"x"), expected.as_ref()[..MAC_BYTES]);
    }

    #[test]
    fn handles_verify_through_a_rotation() {
        let (old, new) = (Secret::new([1; 32]), Secret::new([2; 32]));
        let before = HandleKeys::new(&old, None);
        let mac = before.sign(HandleKind::Receipt, b"handle");
        let rows = [
            (HandleKeys::new(&old, None), HandleKind::Receipt, &b"handle"[..], &mac[..], true),
            (HandleKeys::new(&new, Some(&old)), HandleKind::Receipt, b"handle", &mac, true),
            (HandleKeys::new(&new, None), HandleKind::Receipt, b"handle", &mac, false),
            (HandleKeys::new(&old, None), HandleKind::Page, b"handle", &mac, false),
            (HandleKeys::new(&old, None), HandleKind::Receipt, b"handlf", &mac, false),
            (HandleKeys::new(&old, None), HandleKind::Receipt, b"handle", &mac[..15], false),
            (HandleKeys::new(&old, None), HandleKind::Receipt, b"handle", &[], false),
        ];
        for (place, (keys, kind, clear, mac, expected)) in rows.into_iter().enumerate() {
            assert_eq!(keys.verify(kind, clear, mac), expected, "row {place}");
        }
        for bit in 0..MAC_BYTES * 8 {
            let mut altered = mac;
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(!before.verify(HandleKind::Receipt, b"handle", &altered), "bit {bit}");
        }
    }
}
