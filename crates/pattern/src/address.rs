//! IP addresses and CIDR blocks as patterns mean them.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::error::Invalid;

/// An address. The two families never match each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// IPv4.
    V4(u32),
    /// IPv6.
    V6(u128),
}

impl Address {
    /// Reads an address; IPv4's octets are decimal and may have zeros in front.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        if text.contains(':') {
            return text.parse::<Ipv6Addr>().ok().map(|address| Self::V6(address.into()));
        }
        let mut octets = [0; 4];
        let mut parts = text.split('.');
        for octet in &mut octets {
            let part = parts.next()?;
            if part.is_empty() || part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            *octet = part.parse().ok()?;
        }
        parts.next().is_none().then(|| Self::V4(Ipv4Addr::from(octets).into()))
    }
}

/// A block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    pub(crate) address: Address,
    pub(crate) bits: u8,
}

impl Block {
    /// Reads `address/bits`; bits of the address behind the mask mean nothing.
    ///
    /// # Errors
    /// [`Invalid`] with the service's reason.
    pub fn read(text: &str) -> Result<Self, Invalid> {
        let (address, mask) = text.split_once('/').ok_or(Invalid::CidrSlash)?;
        if mask.contains('/') {
            return Err(Invalid::CidrSlash);
        }
        let bits: u32 = mask.parse().map_err(|_| Invalid::CidrMask)?;
        let address = Address::read(address).ok_or_else(|| Invalid::Address { text: address.to_owned() })?;
        let (version, most) = match address {
            Address::V4(_) => (4, 32),
            Address::V6(_) => (6, 128),
        };
        match u8::try_from(bits) {
            Ok(bits) if bits <= most => Ok(Self { address, bits }),
            _ => Err(Invalid::CidrBits { version, bits: most }),
        }
    }

    /// Whether `address` lies in the block.
    #[must_use]
    pub fn contains(&self, address: Address) -> bool {
        // A shift by the whole width is the empty mask: then every address of the family is inside.
        match (self.address, address) {
            (Address::V4(own), Address::V4(other)) => {
                (own ^ other).checked_shr(32 - u32::from(self.bits)).unwrap_or_default() == 0
            }
            (Address::V6(own), Address::V6(other)) => {
                (own ^ other).checked_shr(128 - u32::from(self.bits)).unwrap_or_default() == 0
            }
            _ => false,
        }
    }
}
