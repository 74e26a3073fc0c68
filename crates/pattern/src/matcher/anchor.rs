//! What a matcher can be found by: a key that each value which it takes has, too.

use std::borrow::Cow;

use crate::address::Address;
use crate::ast::{Matcher, Range, Text};
use crate::number::Number;

/// Kinds of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// A string.
    Exact,
    /// A string's first bytes.
    Prefix,
    /// Its last bytes.
    Suffix,
    /// Its first and last bytes.
    Ends,
    /// A string in lower case.
    Folded,
    /// A string's first bytes in lower case.
    FoldedPrefix,
    /// Its last bytes in lower case.
    FoldedSuffix,
    /// Bytes anywhere inside.
    Window,
    /// A number's double.
    Number,
    /// A number's text, if no double says it.
    NumberText,
    /// An address.
    Address,
    /// An address's first bits.
    Block4,
    /// An address's first bits.
    Block6,
    /// A range of numbers, which is found by its bounds.
    Range,
    /// Any string.
    AnyString,
    Null,
    False,
    True,
    /// Any value.
    Present,
}

/// A key, and whether a value that has it is always taken.
#[derive(Debug, Clone)]
pub struct Anchor<'p> {
    pub family: Family,
    /// Length of the first part, or bits of a block.
    pub first: u8,
    /// Length of the last part.
    pub last: u8,
    pub bytes: Cow<'p, [u8]>,
    pub exact: bool,
    pub range: Option<Range>,
}

/// Longest first, last or inner part that a key is made of.
const PART_MAX_BYTES: usize = 32;
/// Longest piece looked for anywhere in a string.
const WINDOW_MAX_BYTES: usize = 4;

impl<'p> Anchor<'p> {
    fn plain(family: Family, bytes: impl Into<Cow<'p, [u8]>>) -> Self {
        Self { family, first: 0, last: 0, bytes: bytes.into(), exact: true, range: None }
    }

    fn inexact(self) -> Self {
        Self { exact: false, ..self }
    }

    /// The key of a matcher; none for one that takes absence.
    pub fn of(matcher: &'p Matcher) -> Option<Self> {
        Some(match matcher {
            Matcher::Null => Self::plain(Family::Null, &[][..]),
            Matcher::Boolean(false) => Self::plain(Family::False, &[][..]),
            Matcher::Boolean(true) => Self::plain(Family::True, &[][..]),
            Matcher::Number(Number::Double(value)) => Self::plain(Family::Number, number_key(*value).to_vec()),
            Matcher::Number(Number::Text(text)) => Self::plain(Family::NumberText, text.as_bytes()),
            Matcher::String(text) => Self::plain(Family::Exact, &**text),
            Matcher::Address(address) => Self::plain(Family::Address, address_key(*address).to_vec()),
            Matcher::Exists(true) => Self::plain(Family::Present, &[][..]),
            Matcher::Exists(false) => return None,
            Matcher::AnythingBut(_) => Self::plain(Family::Present, &[][..]).inexact(),
            Matcher::Prefix(text) => Self::first(Family::Prefix, text),
            Matcher::Suffix(text) => Self::last(Family::Suffix, text),
            Matcher::EqualsIgnoreCase(text) | Matcher::PrefixIgnoreCase(text) | Matcher::SuffixIgnoreCase(text)
                if !text.is_ascii() =>
            {
                Self::plain(Family::AnyString, &[][..]).inexact()
            }
            Matcher::EqualsIgnoreCase(text) => Self::plain(Family::Folded, text.to_ascii_lowercase()),
            Matcher::PrefixIgnoreCase(text) => Self::first(Family::FoldedPrefix, text).lower(),
            Matcher::SuffixIgnoreCase(text) => Self::last(Family::FoldedSuffix, text).lower(),
            Matcher::Wildcard(pieces) => Self::wildcard(pieces),
            Matcher::Cidr(block) => {
                let family = if matches!(block.address, Address::V4(_)) { Family::Block4 } else { Family::Block6 };
                let key = block_key(block.address, block.bits).to_vec();
                Self { first: block.bits, ..Self::plain(family, key) }
            }
            Matcher::Numeric(range) => Self { range: Some(*range), ..Self::plain(Family::Range, &[][..]) },
        })
    }

    fn first(family: Family, text: &'p [u8]) -> Self {
        if text.is_empty() {
            return Self::plain(Family::AnyString, &[][..]);
        }
        let len = text.len().min(PART_MAX_BYTES);
        Self { first: len as u8, exact: len == text.len(), ..Self::plain(family, &text[..len]) }
    }

    fn last(family: Family, text: &'p [u8]) -> Self {
        if text.is_empty() {
            return Self::plain(Family::AnyString, &[][..]);
        }
        let len = text.len().min(PART_MAX_BYTES);
        Self { last: len as u8, exact: len == text.len(), ..Self::plain(family, &text[text.len() - len..]) }
    }

    fn lower(self) -> Self {
        Self { bytes: Cow::Owned(self.bytes.to_ascii_lowercase()), ..self }
    }

    fn wildcard(pieces: &'p [Text]) -> Self {
        let [first, inner @ .., last] = pieces else {
            return pieces.first().map_or_else(
                || Self::plain(Family::AnyString, &[][..]).inexact(),
                |whole| Self::plain(Family::Exact, &**whole),
            );
        };
        // Between two stars an empty piece says nothing.
        let simple = inner.iter().all(|piece| piece.is_empty());
        match (first.is_empty(), last.is_empty()) {
            (true, true) if simple => Self::plain(Family::AnyString, &[][..]),
            (true, true) => Self::window(inner),
            (false, true) => Self::first(Family::Prefix, first).only_if(simple),
            (true, false) => Self::last(Family::Suffix, last).only_if(simple),
            (false, false) => Self::ends(first, last),
        }
    }

    fn only_if(self, exact: bool) -> Self {
        Self { exact: self.exact && exact, ..self }
    }

    /// Few different lengths, so that few keys are looked for in a value.
    fn ends(first: &[u8], last: &[u8]) -> Self {
        let round = |len: usize| 1 << len.min(8).ilog2();
        let (from, to) = (round(first.len()), round(last.len()));
        let bytes = [&first[..from], &last[last.len() - to..]].concat();
        Self { first: from as u8, last: to as u8, ..Self::plain(Family::Ends, bytes).inexact() }
    }

    fn window(inner: &'p [Text]) -> Self {
        let longest = inner.iter().max_by_key(|piece| piece.len()).map_or(&[][..], |piece| piece);
        let len = longest.len().min(WINDOW_MAX_BYTES);
        Self { first: len as u8, ..Self::plain(Family::Window, &longest[longest.len() - len..]).inexact() }
    }

    /// The same key with shorter parts, which more values have.
    pub fn cut(mut self, first: u8, last: u8) -> Self {
        if (first, last) == (self.first, self.last) {
            return self;
        }
        match self.family {
            Family::Prefix | Family::FoldedPrefix => {
                self.bytes = match self.bytes {
                    Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[..usize::from(first)]),
                    Cow::Owned(bytes) => Cow::Owned(bytes[..usize::from(first)].to_vec()),
                };
            }
            Family::Suffix | Family::FoldedSuffix => {
                let from = self.bytes.len() - usize::from(last);
                self.bytes = match self.bytes {
                    Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[from..]),
                    Cow::Owned(bytes) => Cow::Owned(bytes[from..].to_vec()),
                };
            }
            Family::Block4 | Family::Block6 => {
                // What is in the key has lost its last bits already.
                let lost = self.first - first;
                self.bytes = Cow::Owned(match address_of(&self.bytes) {
                    Some(address @ Address::V4(_)) => block_key(address, 32 - lost).to_vec(),
                    Some(address) => block_key(address, 128 - lost).to_vec(),
                    None => return self,
                });
            }
            _ => return self,
        }
        Self { first, last, exact: false, ..self }
    }

    /// How many events have the key, if nothing is known of them: about so much of one.
    pub fn breadth(&self) -> f64 {
        let bits = |bits: i32| 0.5_f64.powi(bits.min(40));
        match self.family {
            Family::Exact | Family::Folded | Family::Number | Family::NumberText | Family::Address => 0.0,
            Family::Prefix | Family::Suffix | Family::FoldedPrefix | Family::FoldedSuffix | Family::Ends => {
                bits(3 * (i32::from(self.first) + i32::from(self.last)))
            }
            Family::Window => 8.0 * bits(3 * i32::from(self.first)),
            Family::Block4 | Family::Block6 => bits(i32::from(self.first) / 2),
            // Told by the bounds around it.
            Family::Range => 0.0,
            Family::Null | Family::False | Family::True => 0.2,
            Family::AnyString => 0.6,
            Family::Present => 0.7,
        }
    }
}

/// The key of a double. Zero has one only.
#[inline]
pub fn number_key(value: f64) -> [u8; 8] {
    (value + 0.0).to_bits().to_le_bytes()
}

/// The key of an address: both families in one space, which they share nothing of.
#[inline]
pub fn address_key(address: Address) -> [u8; 17] {
    let (family, bits) = match address {
        Address::V4(bits) => (4, u128::from(bits)),
        Address::V6(bits) => (6, bits),
    };
    let mut key = [family; 17];
    key[1..].copy_from_slice(&bits.to_le_bytes());
    key
}

fn address_of(key: &[u8]) -> Option<Address> {
    let bits = u128::from_le_bytes(*key.get(1..)?.first_chunk()?);
    Some(if key[0] == 4 { Address::V4(bits as u32) } else { Address::V6(bits) })
}

/// The key of the first `bits` of an address.
#[inline]
pub fn block_key(address: Address, bits: u8) -> [u8; 17] {
    address_key(match address {
        Address::V4(address) => {
            let rest = 32_u32.saturating_sub(u32::from(bits));
            Address::V4(address.checked_shr(rest).unwrap_or(0))
        }
        Address::V6(address) => {
            let rest = 128_u32.saturating_sub(u32::from(bits));
            Address::V6(address.checked_shr(rest).unwrap_or(0))
        }
    })
}
