//! Why an event does not match: for each alternative the first field that fails, what was expected and what is there.

use std::fmt::{self, Display};

use crate::address::{Address, Block};
use crate::ast::{Conjunction, Matcher, Path, Pattern, Range};
use crate::error::TooManyCombinations;
use crate::event::{Event, Leaf, Value};
use crate::limits::{EXPLAINED_TEXT_MAX_CHARS, EXPLAINED_VALUES_MAX_COUNT};
use crate::number::Number;

/// Why an event does not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// How many alternatives the pattern has; more than one only with `$or`. None of them held.
    pub alternatives_count: usize,
    /// What failed first in each alternative, in their order; what failed alike is told once.
    pub mismatches: Vec<Mismatch>,
}

/// A field that fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The field's path, its keys joined by `.`.
    pub path: String,
    /// The matchers of which one must take a value, as a pattern spells them.
    pub expected: String,
    /// What is there instead.
    pub found: Found,
}

/// What stands at a field's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// No value.
    Nothing,
    /// Values that are not taken.
    Values(Values),
    /// A value that is taken, but in another element of an array than those of the fields before it.
    Apart(Values),
}

/// Some values as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values {
    /// The first of them.
    pub shown: Vec<String>,
    /// How many others there are.
    pub more_count: usize,
}

/// Why `event` does not match `pattern`; none exactly if it does.
///
/// # Errors
/// [`TooManyCombinations`], as [`Pattern::matches`].
pub fn explain(pattern: &Pattern, event: &Event) -> Result<Option<Explanation>, TooManyCombinations> {
    let mut mismatches: Vec<Mismatch> = Vec::new();
    for conjunction in &pattern.alternatives {
        let Some(mismatch) = first(conjunction, event)? else { return Ok(None) };
        if !mismatches.contains(&mismatch) {
            mismatches.push(mismatch);
        }
    }
    Ok(Some(Explanation { alternatives_count: pattern.alternatives.len(), mismatches }))
}

/// The first field, in the order of paths, with which the fields up to it do not match any more. The evaluator itself is asked,
/// so that there is one idea only of what matches.
fn first(conjunction: &Conjunction, event: &Event) -> Result<Option<Mismatch>, TooManyCombinations> {
    let mut so_far = Pattern { alternatives: vec![Conjunction::new()] };
    for (path, matchers) in conjunction {
        so_far.alternatives[0].insert(path.clone(), matchers.clone());
        if !so_far.matches(event)? {
            return mismatch(path, matchers, event).map(Some);
        }
    }
    Ok(None)
}

fn mismatch(path: &Path, matchers: &[Matcher], event: &Event) -> Result<Mismatch, TooManyCombinations> {
    let alone = Conjunction::from([(path.clone(), matchers.to_vec())]);
    let leaves = event.at(path);
    let found = if leaves.is_empty() {
        Found::Nothing
    } else if (Pattern { alternatives: vec![alone] }).matches(event)? {
        Found::Apart(values(leaves))
    } else {
        Found::Values(values(leaves))
    };
    let keys: Vec<_> = path.iter().map(|key| String::from_utf8_lossy(key)).collect();
    Ok(Mismatch { path: keys.join("."), expected: list(matchers), found })
}

fn values(leaves: &[Leaf]) -> Values {
    let shown = leaves.iter().take(EXPLAINED_VALUES_MAX_COUNT).map(|leaf| value(&leaf.value)).collect();
    Values { shown, more_count: leaves.len().saturating_sub(EXPLAINED_VALUES_MAX_COUNT) }
}

impl Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.alternatives_count > 1 {
            write!(f, "none of the {} alternatives held: ", self.alternatives_count)?;
        }
        for (at, mismatch) in self.mismatches.iter().enumerate() {
            write!(f, "{}{mismatch}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: expected {}, found {}", self.path, self.expected, self.found)
    }
}

impl Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::Nothing => f.write_str("no value"),
            Found::Values(values) => write!(f, "{values}"),
            Found::Apart(values) => write!(f, "{values}, in another array element than the fields before it"),
        }
    }
}

impl Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown.join(", "))?;
        match self.more_count {
            0 => Ok(()),
            count => write!(f, " and {count} more"),
        }
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Boolean(value) => value.to_string(),
        Value::Number(value) => number(value),
        Value::String(text) => quoted(text),
    }
}

fn list(matchers: &[Matcher]) -> String {
    let each: Vec<String> = matchers.iter().map(matcher).collect();
    format!("[{}]", each.join(","))
}

/// As a pattern spells it. An address stands in its canonical notation.
fn matcher(it: &Matcher) -> String {
    match it {
        Matcher::Null => "null".to_owned(),
        Matcher::Boolean(value) => value.to_string(),
        Matcher::Number(value) => number(value),
        Matcher::String(text) => quoted(text),
        Matcher::Address(it) => format!("\"{}\"", address(*it)),
        Matcher::Exists(exists) => format!("{{\"exists\":{exists}}}"),
        Matcher::AnythingBut(others) => format!("{{\"anything-but\":{}}}", but(others)),
        Matcher::Prefix(text) => format!("{{\"prefix\":{}}}", quoted(text)),
        Matcher::Suffix(text) => format!("{{\"suffix\":{}}}", quoted(text)),
        Matcher::EqualsIgnoreCase(text) => format!("{{\"equals-ignore-case\":{}}}", quoted(text)),
        Matcher::PrefixIgnoreCase(text) => format!("{{\"prefix\":{{\"equals-ignore-case\":{}}}}}", quoted(text)),
        Matcher::SuffixIgnoreCase(text) => format!("{{\"suffix\":{{\"equals-ignore-case\":{}}}}}", quoted(text)),
        Matcher::Wildcard(pieces) => format!("{{\"wildcard\":{}}}", quoted(&starred(pieces))),
        Matcher::Cidr(Block { address: it, bits }) => format!("{{\"cidr\":\"{}/{bits}\"}}", address(*it)),
        Matcher::Numeric(range) => format!("{{\"numeric\":[{}]}}", bounds(range)),
    }
}

/// The operand of `anything-but`: values stand in a list, an operator around its operands.
fn but(others: &[Matcher]) -> String {
    let operator = |name: &str, texts: Vec<String>| format!("{{\"{name}\":[{}]}}", texts.join(","));
    let texts = |of: fn(&Matcher) -> Option<String>| others.iter().filter_map(of).collect::<Vec<_>>();
    match others.first() {
        Some(Matcher::Prefix(_)) => operator("prefix", texts(operand)),
        Some(Matcher::Suffix(_)) => operator("suffix", texts(operand)),
        Some(Matcher::EqualsIgnoreCase(_)) => operator("equals-ignore-case", texts(operand)),
        Some(Matcher::Wildcard(_)) => operator("wildcard", texts(operand)),
        _ => list(others),
    }
}

fn operand(matcher: &Matcher) -> Option<String> {
    match matcher {
        Matcher::Prefix(text) | Matcher::Suffix(text) | Matcher::EqualsIgnoreCase(text) => Some(quoted(text)),
        Matcher::Wildcard(pieces) => Some(quoted(&starred(pieces))),
        _ => None,
    }
}

fn starred(pieces: &[Box<[u8]>]) -> Vec<u8> {
    let mut text = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        if at > 0 {
            text.push(b'*');
        }
        for byte in piece {
            if matches!(byte, b'*' | b'\\') {
                text.push(b'\\');
            }
            text.push(*byte);
        }
    }
    text
}

fn bounds(range: &Range) -> String {
    let bound = |sign: &str, bound: Option<(f64, bool)>| {
        bound.map(|(value, included)| format!("\"{sign}{}\",{value}", if included { "=" } else { "" }))
    };
    let both = [bound(">", range.bottom), bound("<", range.top)];
    both.into_iter().flatten().collect::<Vec<_>>().join(",")
}

fn number(number: &Number) -> String {
    match number {
        Number::Double(value) => value.to_string(),
        Number::Text(text) => text.to_string(),
    }
}

fn address(address: Address) -> String {
    match address {
        Address::V4(bits) => std::net::Ipv4Addr::from(bits).to_string(),
        Address::V6(bits) => std::net::Ipv6Addr::from(bits).to_string(),
    }
}

/// A string as JSON, cut short if it is long.
fn quoted(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut quoted = String::from("\"");
    for c in text.chars().take(EXPLAINED_TEXT_MAX_CHARS) {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    if text.chars().nth(EXPLAINED_TEXT_MAX_CHARS).is_some() {
        quoted.push('…');
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests;
