//! A field's matchers as code: tests one after the other, so that equal fields of many rules are one, and small.

use std::net::Ipv4Addr;

use crate::address::{Address, Block};
use crate::ast::{Matcher, Range, Text};
use crate::fold;
use crate::matcher::anchor::{address_key, number_key};
use crate::matcher::leaves::{Kind, Leaf, Seen};
use crate::matcher::table::{Scope, Table};
use crate::number::Number;

const ABSENT: u8 = 0;
const PRESENT: u8 = 1;
const NULL: u8 = 2;
const FALSE: u8 = 3;
const TRUE: u8 = 4;
const NUMBER: u8 = 5;
const NUMBER_TEXT: u8 = 6;
const STRING: u8 = 7;
const ADDRESS: u8 = 8;
const BLOCK: u8 = 9;
const PREFIX: u8 = 10;
const SUFFIX: u8 = 11;
const FOLDED: u8 = 12;
const FOLDED_PREFIX: u8 = 13;
const FOLDED_SUFFIX: u8 = 14;
const WILDCARD: u8 = 15;
const RANGE: u8 = 16;
const NOT: u8 = 17;
/// One of many strings.
const STRINGS: u8 = 18;
/// One of many doubles.
const NUMBERS: u8 = 19;

/// From so many strings or numbers on, they are looked up instead of compared.
const MANY: usize = 8;

/// Appends the code of some matchers. `many` gives a scope that holds such keys.
pub fn encode(matchers: &[Matcher], out: &mut Vec<u8>, many: &mut impl FnMut(Vec<&[u8]>) -> Scope) {
    let strings: Vec<&[u8]> = matchers.iter().filter_map(string).collect();
    let doubles: Vec<[u8; 8]> = matchers.iter().filter_map(double).collect();
    let (strings_many, doubles_many) = (strings.len() > MANY, doubles.len() > MANY);
    if strings_many {
        push(out, STRINGS, &many(strings).to_le_bytes());
    }
    if doubles_many {
        push(out, NUMBERS, &many(doubles.iter().map(|key| &key[..]).collect()).to_le_bytes());
    }
    for matcher in matchers {
        let known = (strings_many && string(matcher).is_some()) || (doubles_many && double(matcher).is_some());
        if !known {
            one(matcher, out, many);
        }
    }
}

fn string(matcher: &Matcher) -> Option<&[u8]> {
    match matcher {
        Matcher::String(text) => Some(text),
        _ => None,
    }
}

fn double(matcher: &Matcher) -> Option<[u8; 8]> {
    match matcher {
        Matcher::Number(Number::Double(value)) => Some(number_key(*value)),
        _ => None,
    }
}

fn push(out: &mut Vec<u8>, test: u8, operand: &[u8]) {
    out.push(test);
    out.extend_from_slice(&(operand.len() as u32).to_le_bytes());
    out.extend_from_slice(operand);
}

fn one(matcher: &Matcher, out: &mut Vec<u8>, many: &mut impl FnMut(Vec<&[u8]>) -> Scope) {
    match matcher {
        Matcher::Null => push(out, NULL, &[]),
        Matcher::Boolean(false) => push(out, FALSE, &[]),
        Matcher::Boolean(true) => push(out, TRUE, &[]),
        Matcher::Number(Number::Double(value)) => push(out, NUMBER, &number_key(*value)),
        Matcher::Number(Number::Text(text)) => push(out, NUMBER_TEXT, text.as_bytes()),
        Matcher::String(text) => push(out, STRING, text),
        Matcher::Address(address) => push(out, ADDRESS, &address_key(*address)),
        Matcher::Exists(true) => push(out, PRESENT, &[]),
        Matcher::Exists(false) => push(out, ABSENT, &[]),
        Matcher::AnythingBut(others) => {
            let mut inner = Vec::new();
            encode(others, &mut inner, many);
            push(out, NOT, &inner);
        }
        Matcher::Prefix(text) => push(out, PREFIX, text),
        Matcher::Suffix(text) => push(out, SUFFIX, text),
        Matcher::EqualsIgnoreCase(text) => push(out, FOLDED, text),
        Matcher::PrefixIgnoreCase(text) => push(out, FOLDED_PREFIX, text),
        Matcher::SuffixIgnoreCase(text) => push(out, FOLDED_SUFFIX, text),
        Matcher::Wildcard(pieces) => push(out, WILDCARD, &joined(pieces)),
        Matcher::Cidr(block) => {
            let mut operand = address_key(block.address).to_vec();
            operand.push(block.bits);
            push(out, BLOCK, &operand);
        }
        Matcher::Numeric(range) => push(out, RANGE, &bounds(range)),
    }
}

fn joined(pieces: &[Text]) -> Vec<u8> {
    let mut operand = Vec::new();
    for piece in pieces {
        operand.extend_from_slice(&(piece.len() as u32).to_le_bytes());
        operand.extend_from_slice(piece);
    }
    operand
}

fn bounds(range: &Range) -> [u8; 18] {
    let mut operand = [0; 18];
    for (at, bound) in [range.bottom, range.top].into_iter().enumerate() {
        if let Some((value, included)) = bound {
            operand[at] = 1 + u8::from(included);
            operand[2 + at * 8..][..8].copy_from_slice(&value.to_bits().to_le_bytes());
        }
    }
    operand
}

/// The tests of some code, each with its operand.
fn tests(code: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = code;
    std::iter::from_fn(move || {
        let (test, behind) = rest.split_first()?;
        let (operand, next) = piece(behind)?;
        rest = next;
        Some((*test, operand))
    })
}

/// A length and so many bytes, and what is behind them.
#[inline]
fn piece(code: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = code.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*len) as usize)
}

/// Whether the absence of a leaf is taken.
pub fn takes_absence(code: &[u8]) -> bool {
    tests(code).any(|(test, _)| test == ABSENT)
}

/// Whether a leaf is taken.
pub fn takes(code: &[u8], leaf: &Leaf, seen: Seen<'_>, table: &Table) -> bool {
    tests(code).any(|(test, operand)| passes(test, operand, leaf, seen, table))
}

fn passes(test: u8, operand: &[u8], leaf: &Leaf, seen: Seen<'_>, table: &Table) -> bool {
    match (test, leaf.kind) {
        (ABSENT, _) => false,
        (PRESENT, _) => true,
        // Its code is not nested further, so that this goes one call deep.
        (NOT, _) => !tests(operand).any(|(test, operand)| passes(test, operand, leaf, seen, table)),
        (NULL, kind) => kind == Kind::Null,
        (FALSE, kind) => kind == Kind::False,
        (TRUE, kind) => kind == Kind::True,
        (NUMBER, Kind::Number) => number_key(leaf.value) == *operand && seen.is_double(leaf),
        (NUMBERS, Kind::Number) => is_member(operand, &number_key(leaf.value), table) && seen.is_double(leaf),
        (NUMBER_TEXT, Kind::Number) => seen.bytes(leaf) == operand && !seen.is_double(leaf),
        (RANGE, Kind::Number) => within(operand, leaf.value) && seen.is_double(leaf),
        (STRINGS, Kind::String) => is_member(operand, seen.bytes(leaf), table),
        (_, Kind::String) => passes_string(test, operand, seen.bytes(leaf)),
        _ => false,
    }
}

fn is_member(scope: &[u8], key: &[u8], table: &Table) -> bool {
    scope.first_chunk().is_some_and(|scope| table.entry(u32::from_le_bytes(*scope), key).is_some())
}

fn passes_string(test: u8, operand: &[u8], value: &[u8]) -> bool {
    match test {
        STRING => value == operand,
        PREFIX => value.starts_with(operand),
        SUFFIX => value.ends_with(operand),
        FOLDED if operand.is_ascii() => value.eq_ignore_ascii_case(operand),
        FOLDED_PREFIX if operand.is_ascii() => {
            value.get(..operand.len()).is_some_and(|start| start.eq_ignore_ascii_case(operand))
        }
        FOLDED_SUFFIX if operand.is_ascii() => {
            let from = value.len().checked_sub(operand.len());
            from.is_some_and(|from| value[from..].eq_ignore_ascii_case(operand))
        }
        FOLDED => fold::matches(operand, value, true),
        FOLDED_PREFIX => fold::matches(operand, value, false),
        FOLDED_SUFFIX => fold::ends(operand, value),
        WILDCARD => is_of_form(operand, value),
        ADDRESS => address(value).is_some_and(|address| address_key(address) == *operand),
        BLOCK => address(value).is_some_and(|address| contains(operand, address)),
        _ => false,
    }
}

/// The address that a string is.
#[inline]
pub fn address(value: &[u8]) -> Option<Address> {
    // The longest is an IPv6 address with an IPv4 one behind it.
    let first = value.first().filter(|first| first.is_ascii_hexdigit() || **first == b':')?;
    if value.len() > 64 || !(first.is_ascii_digit() || value.contains(&b':')) {
        return None;
    }
    Address::read(std::str::from_utf8(value).ok()?)
}

fn contains(operand: &[u8], address: Address) -> bool {
    let Some((key, [bits])) = operand.split_first_chunk::<17>() else { return false };
    let [family, rest @ ..] = key;
    let own = u128::from_le_bytes(*rest);
    let own = if *family == 4 { Address::V4(Ipv4Addr::from(own as u32).into()) } else { Address::V6(own) };
    Block { address: own, bits: *bits }.contains(address)
}

fn within(operand: &[u8], value: f64) -> bool {
    let Some(([bottom, top], bounds)) = operand.split_first_chunk::<2>() else { return false };
    let bound = |at: usize| bounds.get(at..).and_then(|rest| rest.first_chunk()).map(|bits| u64::from_le_bytes(*bits));
    let (Some(low), Some(high)) = (bound(0).map(f64::from_bits), bound(8).map(f64::from_bits)) else { return false };
    (*bottom == 0 || value > low || (*bottom == 2 && value == low))
        && (*top == 0 || value < high || (*top == 2 && value == high))
}

/// Whether a string is the pieces in order with anything between neighbours: each is taken at its first place, which is never worse
/// than a later one.
fn is_of_form(pieces: &[u8], value: &[u8]) -> bool {
    let Some((first, mut rest)) = piece(pieces) else { return false };
    if rest.is_empty() {
        return first == value;
    }
    let Some(mut left) = value.strip_prefix(first) else { return false };
    while let Some((next, behind)) = piece(rest) {
        if behind.is_empty() {
            return left.ends_with(next);
        }
        match find(left, next) {
            Some(at) => left = &left[at + next.len()..],
            None => return false,
        }
        rest = behind;
    }
    false
}

fn find(text: &[u8], piece: &[u8]) -> Option<usize> {
    let Some((first, rest)) = piece.split_first() else { return Some(0) };
    let last = text.len().checked_sub(piece.len())?;
    let mut at = 0;
    loop {
        at += text.get(at..=last)?.iter().position(|byte| byte == first)?;
        if text[at + 1..].starts_with(rest) {
            return Some(at);
        }
        at += 1;
    }
}
