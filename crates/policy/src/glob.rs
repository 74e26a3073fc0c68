//! Whether a value is of a template's form. Each stretch between two stars is taken at its first place, which is never
//! worse than a later one: no backtracking beyond it, so the work is at most the product of both lengths. Each step is paid
//! for; an answer is good only if the meter is not spent.

use crate::meter::Metered;
use crate::template::{Case, Piece};

/// Bytes that are compared in the time of a step.
const COMPARED_BYTES: usize = 16;
/// Bytes that are searched in the time of a step.
const SEARCHED_BYTES: usize = 2;

/// `texts` are the variables' values by their index; they stand for themselves.
pub fn fits(pieces: &[Piece], texts: &[&str], value: &str, case: Case, meter: &Metered<'_, '_>) -> bool {
    let trial = Trial { texts, value, case, meter };
    let mut stretches = pieces.split(|piece| *piece == Piece::Many);
    let Some(mut at) = stretches.next().and_then(|first| trial.end_of(first, 0)) else { return false };
    let Some(mut stretch) = stretches.next() else { return at == value.len() };
    for next in stretches {
        match trial.first_end_of(stretch, at) {
            Some(end) => at = end,
            None => return false,
        }
        stretch = next;
    }
    trial.ends_with(stretch, at)
}

struct Trial<'t> {
    texts: &'t [&'t str],
    value: &'t str,
    case: Case,
    meter: &'t Metered<'t, 't>,
}

impl<'t> Trial<'t> {
    fn text<'p: 't>(&self, piece: &'p Piece) -> Option<&'t str> {
        match piece {
            Piece::Text(text) => Some(text),
            Piece::Variable(at) => self.texts.get(*at).copied(),
            Piece::One | Piece::Many => None,
        }
    }

    /// Where the stretch ends if it begins at `at`, which is the border of a character.
    fn end_of<'p: 't>(&self, stretch: &'p [Piece], from: usize) -> Option<usize> {
        let (mut at, mut tried) = (from, 1_usize);
        let mut pieces = stretch.iter();
        let fits = pieces.all(|piece| {
            tried += 1;
            let rest = &self.value[at..];
            let width = match self.text(piece) {
                Some(text) => {
                    tried += text.len().min(rest.len()) / COMPARED_BYTES;
                    self.prefix(rest, text)
                }
                None => rest.chars().next().map(char::len_utf8),
            };
            at += width.unwrap_or_default();
            width.is_some()
        });
        self.meter.pay(tried);
        fits.then_some(at)
    }

    fn prefix(&self, rest: &str, text: &str) -> Option<usize> {
        let same = match self.case {
            Case::Sensitive => rest.starts_with(text),
            Case::Ignored => rest.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text)),
        };
        same.then_some(text.len())
    }

    fn first_end_of<'p: 't>(&self, stretch: &'p [Piece], from: usize) -> Option<usize> {
        let mut at = from;
        let least: usize = stretch.iter().map(|piece| self.text(piece).map_or(1, str::len)).sum();
        self.meter.pay(stretch.len());
        while self.value.len() - at >= least && !self.meter.is_spent() {
            if self.case == Case::Sensitive
                && let Some(text) = stretch.first().and_then(|piece| self.text(piece))
            {
                let ahead = self.value[at..].find(text);
                self.meter.pay(ahead.unwrap_or(self.value.len() - at) / SEARCHED_BYTES);
                at += ahead?;
            }
            if let Some(end) = self.end_of(stretch, at) {
                return Some(end);
            }
            at += self.value[at..].chars().next()?.len_utf8();
        }
        None
    }

    /// A stretch has so many characters, whatever it meets, so its place at the end is known.
    fn ends_with<'p: 't>(&self, stretch: &'p [Piece], from: usize) -> bool {
        let count: usize = stretch.iter().map(|piece| self.text(piece).map_or(1, |text| text.chars().count())).sum();
        self.meter.pay(stretch.len() + count);
        let rest = &self.value[from..];
        let start = match count.checked_sub(1) {
            None => return true,
            Some(before) => rest.char_indices().nth_back(before).map(|(at, _)| from + at),
        };
        start.and_then(|start| self.end_of(stretch, start)) == Some(self.value.len())
    }
}
