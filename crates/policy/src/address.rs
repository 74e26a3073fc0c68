//! IP addresses and blocks of them: `reference_policies_elements_condition_operators`, IP address operators.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `address/bits`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    V4(u32, u32),
    V6(u128, u128),
}

impl Block {
    /// Reads a block; bits of the address behind the mask say nothing.
    pub fn read(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let bits = match bits {
            Some(digits) if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) => return None,
            Some(digits) => Some(digits.parse::<u32>().ok()?),
            None => None,
        };
        if let Ok(address) = address.parse::<Ipv4Addr>() {
            let mask = u32::MAX.checked_shl(32_u32.checked_sub(bits.unwrap_or(32))?).unwrap_or(0);
            return Some(Self::V4(u32::from(address) & mask, mask));
        }
        let address = address.parse::<Ipv6Addr>().ok()?;
        let mask = u128::MAX.checked_shl(128_u32.checked_sub(bits.unwrap_or(128))?).unwrap_or(0);
        Some(Self::V6(u128::from(address) & mask, mask))
    }

    /// Whether `address` is inside. An IPv4 address in IPv6's clothes, as sockets of both families give it, is an IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self, address.to_canonical()) {
            (Self::V4(own, mask), IpAddr::V4(other)) => u32::from(other) & mask == *own,
            (Self::V6(own, mask), IpAddr::V6(other)) => u128::from(other) & mask == *own,
            _ => false,
        }
    }
}
