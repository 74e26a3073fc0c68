//! Where targets may be: public addresses, and what the operator has allowed besides. Pure.
//!
//! The check is made where the connection is made, on the addresses that it is made to: a name that resolves anew to another
//! address gains nothing. One forbidden address among those of a name refuses the name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range that is not what an operator may write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no range of addresses such as `10.0.0.0/8` or `fd00::/8`")]
pub struct Error(pub String);

/// An address that no target may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("address `{0}` is not public, and no range that the operator allows has it")]
pub struct Forbidden(pub IpAddr);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    base: u128,
    bits: u32,
    is_v4: bool,
}

/// What is allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Egress {
    allowed: Vec<Range>,
}

/// IPv4 that is nobody's public address (<https://www.iana.org/assignments/iana-ipv4-special-registry/>).
const SPECIAL_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// IPv6 likewise, and what carries an IPv4 address inside: NAT64, 6to4, Teredo.
const SPECIAL_V6: [(Ipv6Addr, u32); 13] = [
    (Ipv6Addr::UNSPECIFIED, 96),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0), 96),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
    (Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];

impl Egress {
    /// Public addresses, and those of these ranges.
    ///
    /// # Errors
    /// [`Error`] for the first that is none.
    pub fn new(allow: Vec<String>) -> Result<Self, Error> {
        let ranges = allow.into_iter().map(|text| range(&text).ok_or(Error(text)));
        Ok(Self { allowed: ranges.collect::<Result<_, _>>()? })
    }

    /// Whether a connection may be made to this address.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub fn check(&self, address: IpAddr) -> Result<(), Forbidden> {
        // A mapped address reaches the IPv4 one.
        let real = address.to_canonical();
        let allowed = self.allowed.iter().any(|range| range.has(real));
        if allowed || is_public(real) { Ok(()) } else { Err(Forbidden(address)) }
    }
}

fn is_public(address: IpAddr) -> bool {
    let special = match address {
        IpAddr::V4(_) => SPECIAL_V4.iter().any(|(base, bits)| Range::of(IpAddr::V4(*base), *bits).has(address)),
        IpAddr::V6(_) => SPECIAL_V6.iter().any(|(base, bits)| Range::of(IpAddr::V6(*base), *bits).has(address)),
    };
    !special
}

fn range(text: &str) -> Option<Range> {
    let (base, bits) = text.split_once('/')?;
    let base: IpAddr = base.parse().ok()?;
    let most = if base.is_ipv4() { 32 } else { 128 };
    let bits = bits.parse().ok().filter(|bits| *bits <= most)?;
    Some(Range::of(base, bits))
}

impl Range {
    fn of(base: IpAddr, bits: u32) -> Self {
        Self { base: number(base), bits, is_v4: base.is_ipv4() }
    }

    fn has(self, address: IpAddr) -> bool {
        let width = if self.is_v4 { 32 } else { 128 };
        let differs = self.base ^ number(address);
        address.is_ipv4() == self.is_v4 && differs.checked_shr(width - self.bits).unwrap_or(0) == 0
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_and_allowed_addresses_pass() {
        let allow = |ranges: &[&str]| Egress::new(ranges.iter().map(|range| (*range).to_owned()).collect()).unwrap();
        let (none, some) = (allow(&[]), allow(&["10.1.0.0/16", "fd00::/8", "127.0.0.1/32"]));
        for (address, by_default, with_ranges) in [
            ("1.1.1.1", true, true),
            ("8.8.8.8", true, true),
            ("2606:4700::1111", true, true),
            ("127.0.0.1", false, true),
            ("127.0.0.2", false, false),
            ("10.1.2.3", false, true),
            ("10.2.2.3", false, false),
            ("0.0.0.0", false, false),
            ("169.254.169.254", false, false),
            ("172.31.255.255", false, false),
            ("172.32.0.0", true, true),
            ("192.168.1.1", false, false),
            ("100.64.0.1", false, false),
            ("100.128.0.1", true, true),
            ("198.19.0.1", false, false),
            ("224.0.0.1", false, false),
            ("255.255.255.255", false, false),
            ("::1", false, false),
            ("::", false, false),
            ("::ffff:127.0.0.1", false, true),
            ("::ffff:10.9.9.9", false, false),
            ("::ffff:8.8.8.8", true, true),
            ("::7f00:1", false, false),
            ("64:ff9b::7f00:1", false, false),
            ("2001::1", false, false),
            ("::ffff:0:7f00:1", false, false),
            ("3fff:abc::1", false, false),
            ("5f00::1", false, false),
            ("2002:7f00:1::", false, false),
            ("fd00::1", false, true),
            ("fc00::1", false, false),
            ("fe80::1", false, false),
            ("ff02::1", false, false),
        ] {
            let parsed: IpAddr = address.parse().unwrap();
            assert_eq!(none.check(parsed).is_ok(), by_default, "{address}");
            assert_eq!(some.check(parsed).is_ok(), with_ranges, "{address} with ranges");
        }
        assert!(allow(&["0.0.0.0/0"]).check(IpAddr::V4(Ipv4Addr::LOCALHOST)).is_ok());
        for bad in ["", "10.0.0.0", "10.0.0.0/33", "::/129", "x/8", "10.0.0/8"] {
            assert_eq!(Egress::new(vec![bad.to_owned()]), Err(Error(bad.to_owned())));
        }
    }
}
