//! Strings of a policy with wildcards and variables: read once, tried on a request's values without allocation.
//!
//! Sources: `reference_policies_variables`, `reference_policies_elements_resource`, `reference_policies_elements_condition_operators`.
//! AWS does not say whether wildcards in a variable's value count. Here they do not: a name may not widen a policy.

use crate::glob;
use crate::key::Key;
use crate::limits::{TEXT_LIMIT_BYTES, VARIABLES_LIMIT_COUNT, WILDCARD_VALUE_LIMIT_BYTES};
use crate::meter::Metered;
use crate::request::{Found, Scratch};
use crate::statement::Version;

/// What an allocation takes.
const ALLOCATION_STEPS: usize = 64;
/// What filling in a variable takes, beside the search for it.
const VARIABLE_STEPS: usize = 8;
/// What ignoring case takes, beside what it takes for each byte.
const FOLDING_STEPS: usize = 16;

/// A step of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Text(Box<str>),
    /// `?`: one character.
    One,
    /// `*`: any characters, or none.
    Many,
    /// The variable of that index.
    Variable(usize),
}

#[derive(Debug, Clone)]
struct Variable {
    key: Key,
    default: Option<Box<str>>,
}

/// Whether `*` and `?` stand for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wildcards {
    Count,
    AreText,
}

/// Whether letters of both cases are the same. Only ASCII's: names of actions have no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    Sensitive,
    Ignored,
}

/// How a value fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    Yes,
    No,
    /// A variable has no value.
    Unresolved,
    /// A variable has several values, the value is longer than wildcards are tried on, or the decision has done all the work
    /// that it may.
    Unclear,
}

/// A string of a policy.
#[derive(Debug, Clone)]
pub struct Template {
    pieces: Box<[Piece]>,
    variables: Box<[Variable]>,
}

/// A variable's value: a request's own text, or a short one made for the occasion.
enum Filled<'r> {
    Text(&'r str),
    Short(Scratch),
}

impl Filled<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Short(scratch) => scratch.text(),
        }
    }
}

impl Template {
    /// Reads a string; `Err` says what it must be.
    pub fn read(text: &str, version: Version, wildcards: Wildcards) -> Result<Self, String> {
        if text.len() > TEXT_LIMIT_BYTES {
            return Err(format!("it has {} bytes, the limit is {TEXT_LIMIT_BYTES}", text.len()));
        }
        let mut building = Building { wildcards, text: String::new(), pieces: Vec::new(), variables: Vec::new() };
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            rest = match rest.strip_prefix("${") {
                Some(inside) if version == Version::V2012 => building.variable(inside)?,
                _ => {
                    building.letter(letter);
                    &rest[letter.len_utf8()..]
                }
            };
        }
        Ok(building.done())
    }

    /// The text, if it stands for itself alone.
    pub fn literal(&self) -> Option<&str> {
        match &*self.pieces {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    pub fn has_variables(&self) -> bool {
        !self.variables.is_empty()
    }

    /// Whether it stands for every value.
    pub fn is_everything(&self) -> bool {
        *self.pieces == [Piece::Many]
    }

    /// Tries it on `value`.
    pub fn fits(&self, value: &str, case: Case, request: &Metered<'_, '_>) -> Fit {
        if !request.pay(1) {
            return Fit::Unclear;
        }
        if self.is_everything() {
            return Fit::Yes;
        }
        if let [Piece::Text(own)] = &*self.pieces {
            // Most templates are plain, and most values another's: their lengths tell.
            let same = match case {
                Case::Sensitive => **own == *value,
                Case::Ignored => own.eq_ignore_ascii_case(value),
            };
            return if same { Fit::Yes } else { Fit::No };
        }
        if self.variables.is_empty() {
            return self.tried(value, case, &[], request);
        }
        let mut filled = [const { Filled::Text("") }; VARIABLES_LIMIT_COUNT];
        if let Err(unfilled) = self.fill(&mut filled, request) {
            return unfilled;
        }
        self.tried(value, case, &filled.each_ref().map(Filled::text), request)
    }

    fn tried(&self, value: &str, case: Case, texts: &[&str], request: &Metered<'_, '_>) -> Fit {
        // Without wildcards one pass decides, however long the value is.
        let wild = || self.pieces.iter().any(|piece| matches!(piece, Piece::One | Piece::Many));
        if value.len() > WILDCARD_VALUE_LIMIT_BYTES && wild() {
            return Fit::Unclear;
        }
        let fits = glob::fits(&self.pieces, texts, value, case, request);
        match fits {
            _ if request.is_spent() => Fit::Unclear,
            true => Fit::Yes,
            false => Fit::No,
        }
    }

    /// Fills in the variables' values, or the defaults of those that have none.
    fn fill<'r>(&'r self, filled: &mut [Filled<'r>], request: &Metered<'_, 'r>) -> Result<(), Fit> {
        self.variables.iter().zip(filled).try_for_each(|(variable, place)| {
            if !request.pay_search() || !request.pay(VARIABLE_STEPS) {
                return Err(Fit::Unclear);
            }
            let found = variable.key.find(request);
            *place = match (found.only(), found, &variable.default) {
                (Some(value), ..) => match value.borrowed() {
                    Some(text) => Filled::Text(text),
                    None => Filled::Short(value.shown()),
                },
                (None, Found::Nothing, Some(default)) => Filled::Text(default),
                (None, Found::Nothing, None) => return Err(Fit::Unresolved),
                (None, ..) => return Err(Fit::Unclear),
            };
            Ok(())
        })
    }

    /// With its variables' values as text, which allocates; `Err` if one has none, or several.
    pub fn resolved(&self, request: &Metered<'_, '_>) -> Result<Self, Fit> {
        request.pay(ALLOCATION_STEPS * (1 + self.pieces.len()));
        let mut filled = [const { Filled::Text("") }; VARIABLES_LIMIT_COUNT];
        self.fill(&mut filled, request)?;
        let length = |piece: &Piece| match piece {
            Piece::Variable(at) => filled.get(*at).map_or(0, |text| text.text().len()),
            Piece::Text(text) => text.len(),
            Piece::One | Piece::Many => 0,
        };
        if !request.pay(self.pieces.iter().map(length).sum()) {
            return Err(Fit::Unclear);
        }
        let plain = |piece: &Piece| match piece {
            Piece::Variable(at) => Piece::Text(filled.get(*at).map_or("", Filled::text).into()),
            other => other.clone(),
        };
        Ok(Self { pieces: self.pieces.iter().map(plain).collect(), variables: Box::default() })
    }

    /// Whether `value` is the same text, letters of both cases being the same in every script.
    pub fn equals_folded(&self, value: &str, request: &Metered<'_, '_>) -> Fit {
        // A longer value is not read to its end beside a shorter text.
        let read = self.literal().map_or(value.len(), |own| own.len().min(value.len()));
        if !request.pay(FOLDING_STEPS + 2 * read) {
            return Fit::Unclear;
        }
        let equal = match self.literal() {
            Some(own) => folded(own).eq(folded(value)),
            None => match self.resolved(request) {
                Ok(own) => own.texts().flat_map(folded).eq(folded(value)),
                Err(unfilled) => return unfilled,
            },
        };
        if equal { Fit::Yes } else { Fit::No }
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(&**text),
            _ => None,
        })
    }

    /// Cut at its first `cuts` colons; `None` if it has fewer, as far as its own text goes.
    pub fn split(&self, cuts: usize) -> Option<Vec<Self>> {
        let mut parts = vec![Vec::new()];
        for piece in &self.pieces {
            let Piece::Text(text) = piece else {
                parts.last_mut()?.push(piece.clone());
                continue;
            };
            let mut rest: &str = text;
            while parts.len() <= cuts
                && let Some((before, after)) = rest.split_once(':')
            {
                parts.last_mut()?.push(Piece::Text(before.into()));
                parts.push(Vec::new());
                rest = after;
            }
            parts.last_mut()?.push(Piece::Text(rest.into()));
        }
        let whole = |pieces: Vec<Piece>| {
            let varies = pieces.iter().any(|piece| matches!(piece, Piece::Variable(_)));
            let says = |piece: &Piece| !matches!(piece, Piece::Text(text) if text.is_empty());
            Self {
                pieces: pieces.into_iter().filter(says).collect(),
                // Another part's variable without a value is no reason not to try this one.
                variables: if varies { self.variables.clone() } else { Box::default() },
            }
        };
        (parts.len() == cuts + 1).then(|| parts.into_iter().map(whole).collect())
    }

    /// The same in lower case, for names whose case does not matter.
    pub fn lowered(mut self) -> Self {
        for piece in &mut self.pieces {
            if let Piece::Text(text) = piece {
                text.make_ascii_lowercase();
            }
        }
        self
    }
}

fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

struct Building {
    wildcards: Wildcards,
    text: String,
    pieces: Vec<Piece>,
    variables: Vec<Variable>,
}

impl Building {
    fn letter(&mut self, letter: char) {
        match letter {
            '*' if self.wildcards == Wildcards::Count => self.piece(Piece::Many),
            '?' if self.wildcards == Wildcards::Count => self.piece(Piece::One),
            other => self.text.push(other),
        }
    }

    fn piece(&mut self, piece: Piece) {
        self.flush();
        // `**` says no more than `*`.
        if piece != Piece::Many || self.pieces.last() != Some(&Piece::Many) {
            self.pieces.push(piece);
        }
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.pieces.push(Piece::Text(std::mem::take(&mut self.text).into()));
        }
    }

    /// Reads from behind `${`, and gives what follows the `}`.
    fn variable<'t>(&mut self, inside: &'t str) -> Result<&'t str, String> {
        let (name, default, rest) = match variable_parts(inside) {
            Some(parts) => parts,
            None => return Err("a variable must be `${key}` or `${key, 'default'}`".to_owned()),
        };
        if let ("*" | "?" | "$", None) = (name, default) {
            self.text.push_str(name);
            return Ok(rest);
        }
        let key = Key::read(name).map_err(|reason| format!("the key of its variable: {reason}"))?;
        if self.variables.len() == VARIABLES_LIMIT_COUNT {
            return Err(format!("it has more than {VARIABLES_LIMIT_COUNT} variables"));
        }
        let at = self.variables.len();
        self.variables.push(Variable { key, default: default.map(Into::into) });
        self.piece(Piece::Variable(at));
        Ok(rest)
    }

    fn done(mut self) -> Template {
        self.flush();
        Template { pieces: self.pieces.into(), variables: self.variables.into() }
    }
}

/// Name, default, and what follows the brace.
fn variable_parts(inside: &str) -> Option<(&str, Option<&str>, &str)> {
    let end = inside.find(['}', ','])?;
    let name = &inside[..end];
    if name.contains("${") {
        return None;
    }
    let rest = &inside[end..];
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((name, None, rest));
    }
    let quoted = rest[1..].trim_start_matches(' ').strip_prefix('\'')?;
    let (default, rest) = quoted.split_once('\'')?;
    Some((name.trim_end_matches(' '), Some(default), rest.strip_prefix('}')?))
}
