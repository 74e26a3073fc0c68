//! The numbers of an event without memory of their own: the double, and whether it says exactly what was written.

use std::fmt::{self, Write};

use crate::number::Number;

/// Whether a double is what a number's text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exactness {
    /// Nobody has looked yet.
    Open,
    /// Its shortest decimal form is what was written.
    Exact,
    /// It is not: the number is its text.
    Inexact,
}

/// Two doubles never have the same decimal of so many digits in common, so that one of them is exact.
const EXACT_DIGITS: usize = 15;
/// Powers of ten that are doubles themselves.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// What a number's text is made of.
struct Digits {
    negative: bool,
    /// All digits as one number, while they fit.
    mantissa: u64,
    /// From the first that is not zero.
    digits: usize,
    /// Behind the point.
    fraction: usize,
    /// No exponent is written.
    plain: bool,
}

fn digits(text: &[u8]) -> Digits {
    let (negative, text) = text.strip_prefix(b"-").map_or((false, text), |rest| (true, rest));
    let mut found = Digits { negative, mantissa: 0, digits: 0, fraction: 0, plain: true };
    let mut behind = false;
    for byte in text {
        match byte {
            b'0'..=b'9' => {
                found.mantissa = found.mantissa.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
                found.digits += usize::from(found.digits > 0 || *byte != b'0');
                found.fraction += usize::from(behind);
            }
            b'.' => behind = true,
            _ => {
                found.plain = false;
                break;
            }
        }
    }
    found
}

/// The double that is nearest to the text of a JSON number, and whether it is known to be exact.
#[inline]
pub fn read(text: &[u8]) -> (f64, Exactness) {
    let found = digits(text);
    // A whole number below 2⁵³ divided by a power of ten that is a double rounds once, as it should.
    if found.plain && found.digits <= EXACT_DIGITS && found.fraction < POWERS.len() {
        let value = found.mantissa as f64 / POWERS[found.fraction];
        return (if found.negative { 0.0 - value } else { value }, Exactness::Exact);
    }
    let value = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::INFINITY);
    (value + 0.0, if value.is_finite() { Exactness::Open } else { Exactness::Inexact })
}

/// Whether the shortest decimal form of `value` is what `text` says.
pub fn is_exact(text: &[u8], value: f64) -> bool {
    let mut shortest = Short { bytes: [0; 32], len: 0 };
    let found = digits(text);
    if found.plain && found.digits <= 19 && value != 0.0 && write!(shortest, "{:e}", value.abs()).is_ok() {
        return same(&found, &shortest.bytes[..shortest.len]);
    }
    // Rare texts go the reference's way, which takes memory.
    std::str::from_utf8(text).is_ok_and(|text| matches!(Number::read(text), Number::Double(_)))
}

/// Whether digits without an exponent say what the shortest form `d.ddde±x` does.
fn same(found: &Digits, shortest: &[u8]) -> bool {
    let Some(at) = shortest.iter().position(|byte| *byte == b'e') else { return false };
    let (mantissa, exponent) = (digits(&shortest[..at]), std::str::from_utf8(&shortest[at + 1..]));
    let Some(exponent) = exponent.ok().and_then(|text| text.parse::<i64>().ok()) else { return false };
    let (mut one, mut power) = (found.mantissa, -(found.fraction as i64));
    let (mut other, mut place) = (mantissa.mantissa, exponent - mantissa.fraction as i64);
    for (digits, power) in [(&mut one, &mut power), (&mut other, &mut place)] {
        while *digits != 0 && *digits % 10 == 0 {
            *digits /= 10;
            *power += 1;
        }
    }
    (one, power) == (other, place)
}

struct Short {
    bytes: [u8; 32],
    len: usize,
}

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.len..self.len + text.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ours(text: &str) -> Number {
        let (value, exactness) = read(text.as_bytes());
        let exact = match exactness {
            Exactness::Open => is_exact(text.as_bytes(), value),
            known => known == Exactness::Exact,
        };
        if exact { Number::Double(value) } else { Number::Text(text.into()) }
    }

    #[test]
    fn rows() {
        let texts = [
            "0",
            "-0",
            "-0.0",
            "0.000",
            "0e5",
            "0.1",
            "0.10",
            "1e-1",
            "0.1000000000000000055",
            "9007199254740993",
            "9007199254740992",
            "9007199254740993.0",
            "999999999999999",
            "0.000000000000000000000123456789012345",
            "0.00000000000000000000000123456789012345",
            "123456789012345678901",
            "100000000000000000000000",
            "1e400",
            "1e-400",
            "1e-99999999999999999999999",
            "4.9e-324",
            "5e-324",
            "1.7976931348623157e308",
            "18446744073709551615",
            "18446744073709551616",
            "-122.42916360922355",
            "-122.429163609223551",
            "1000000000000000000",
            "0.000000000000000000000000000000000000000000000000000",
        ];
        for text in texts {
            assert_eq!(ours(text), Number::read(text), "{text}");
            if let (Number::Double(one), Number::Double(other)) = (ours(text), Number::read(text)) {
                assert_eq!(one.to_bits(), other.to_bits(), "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn like_the_reference(text in r"-?(0|[1-9][0-9]{0,21})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?") {
            prop_assert_eq!(ours(&text), Number::read(&text), "{}", text);
        }

        #[test]
        fn doubles_are_their_own_text(value in any::<f64>().prop_filter("finite", |value| value.is_finite())) {
            prop_assert_eq!(ours(&format!("{value}")), Number::read(&format!("{value}")));
            prop_assert_eq!(ours(&format!("{value:e}")), Number::read(&format!("{value:e}")));
        }
    }
}
