//! `wildcard`: reading its text, and whether a string is of its form.

use crate::ast::Text;
use crate::error::Invalid;
use crate::event::characters;
use crate::limits::WILDCARD_LIMIT_REPEATS;

/// The pieces between the stars; `\*` and `\\` are the characters themselves.
pub fn read(text: &[u8]) -> Result<Vec<Text>, Invalid> {
    let mut pieces = Vec::new();
    let mut piece = Vec::new();
    let mut after_star = false;
    let mut characters = characters(text).enumerate();
    while let Some((at, character)) = characters.next() {
        match character {
            b"*" if after_star => return Err(Invalid::WildcardPair { at }),
            b"*" => pieces.push(std::mem::take(&mut piece).into_boxed_slice()),
            b"\\" => match characters.next() {
                Some((_, escaped @ (b"*" | b"\\"))) => piece.extend_from_slice(escaped),
                _ => return Err(Invalid::WildcardEscape { at }),
            },
            other => piece.extend_from_slice(other),
        }
        after_star = character == b"*";
    }
    pieces.push(piece.into_boxed_slice());
    if is_complex(&pieces) { Err(Invalid::Complex) } else { Ok(pieces) }
}

// The service counts the states that its automaton can be in at once and does not say how many it bears. Stars followed by the
// same character are what makes them many; the one refusal that we have on record has five of them.
fn is_complex(pieces: &[Text]) -> bool {
    let mut repeats = [0_usize; 256];
    for first in pieces.iter().skip(1).filter_map(|piece| piece.first()) {
        repeats[usize::from(*first)] += 1;
    }
    repeats.iter().any(|count| *count > WILDCARD_LIMIT_REPEATS)
}

/// Whether `value` is the pieces in order with anything between neighbours. Linear in practice: each piece is taken at its
/// first place, which is never worse than a later one.
pub fn matches(pieces: &[Text], value: &[u8]) -> bool {
    let Some((first, rest)) = pieces.split_first() else { return false };
    let Some((last, middle)) = rest.split_last() else { return **first == *value };
    let Some(mut left) = value.strip_prefix(&**first) else { return false };
    for piece in middle {
        if piece.is_empty() {
            continue;
        }
        match left.windows(piece.len()).position(|window| window == &**piece) {
            Some(place) => left = &left[place + piece.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}
