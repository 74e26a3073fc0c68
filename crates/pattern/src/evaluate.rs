//! Whether an event matches, decided in the plainest way: the reference that a faster matcher is compared with.

use std::collections::BTreeSet;

use crate::address::Address;
use crate::ast::{Conjunction, Matcher, Path, Pattern, Range};
use crate::error::TooManyCombinations;
use crate::event::{Event, Leaf, Value};
use crate::fold;
use crate::limits::ELEMENTS_LIMIT_PAIRS;
use crate::number::Number;
use crate::wildcard;

/// The elements that the fields so far were taken from, none of them inside another.
type Way = BTreeSet<u32>;

impl Pattern {
    /// Whether `event` matches.
    ///
    /// # Errors
    /// [`TooManyCombinations`], only for events with repeated keys or arrays directly in arrays.
    pub fn matches(&self, event: &Event) -> Result<bool, TooManyCombinations> {
        let mut pairs = 0;
        for conjunction in &self.alternatives {
            if all(conjunction, event, &mut pairs)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Two fields may not come from different elements of the same array. Fields are taken in the order of their paths, and of the
/// choices so far only those are kept that the next field can share: what lies above the two paths' common part. A later field
/// shares no more with what is left behind than the next one does.
fn all(conjunction: &Conjunction, event: &Event, pairs: &mut usize) -> Result<bool, TooManyCombinations> {
    let mut ways: BTreeSet<Way> = BTreeSet::from([Way::from([0])]);
    let mut before = 0;
    let mut fields = conjunction.iter().peekable();
    while let Some((path, matchers)) = fields.next() {
        let shared = fields.peek().map_or(0, |(next, _)| common(path, next));
        let leaves = event.at(path);
        let mut next = BTreeSet::new();
        if leaves.is_empty() {
            if !matchers.contains(&Matcher::Exists(false)) {
                return Ok(false);
            }
            next.extend(ways.iter().map(|way| above(event, way, shared)));
        } else {
            let taken: BTreeSet<u32> =
                leaves.iter().filter(|leaf| taken(matchers, leaf)).map(|leaf| leaf.element).collect();
            for element in taken {
                choose(event, &ways, element, before, pairs, |way| {
                    next.insert(above(event, &way, shared));
                })?;
            }
        }
        if next.is_empty() {
            return Ok(false);
        }
        (ways, before) = (next, shared);
    }
    Ok(true)
}

/// Hands on every way that `element` can be added to.
fn choose(
    event: &Event,
    ways: &BTreeSet<Way>,
    element: u32,
    before: u32,
    pairs: &mut usize,
    mut add: impl FnMut(Way),
) -> Result<(), TooManyCombinations> {
    // A way that is this element's own place, or lies around it, allows all that any other way would allow.
    let mut place = cut(event, element, before);
    loop {
        if ways.contains(&Way::from([place])) {
            add(Way::from([element]));
            return Ok(());
        }
        if place == 0 {
            break;
        }
        place = event.elements[place as usize].parent;
    }
    // In a regular event one path leads through one array of an element, so every other way chose another element of it.
    if !event.irregular {
        return Ok(());
    }
    for way in ways {
        *pairs += way.len();
        if *pairs > ELEMENTS_LIMIT_PAIRS {
            return Err(TooManyCombinations { limit: ELEMENTS_LIMIT_PAIRS });
        }
        if way.iter().all(|chosen| agree(event, *chosen, element)) {
            let mut both = way.clone();
            both.insert(element);
            add(both);
        }
    }
    Ok(())
}

/// The way as far as fields can share it whose paths are equal up to `shared` keys.
fn above(event: &Event, way: &Way, shared: u32) -> Way {
    let cut: Way = way.iter().map(|element| cut(event, *element, shared)).collect();
    let around = |outer: u32, inner: u32| outer != inner && chain(event, inner).any(|element| element == outer);
    cut.iter().copied().filter(|outer| !cut.iter().any(|inner| around(*outer, *inner))).collect()
}

/// The innermost element around or at `element` whose array stands at most `depth` keys deep.
fn cut(event: &Event, element: u32, depth: u32) -> u32 {
    chain(event, element).find(|element| event.elements[*element as usize].depth <= depth).unwrap_or_default()
}

/// The element and those around it, inside out, the place outside of all arrays last.
fn chain(event: &Event, element: u32) -> impl Iterator<Item = u32> {
    std::iter::successors(Some(element), |element| (*element != 0).then(|| event.elements[*element as usize].parent))
}

/// Whether no array has different elements of it around the two.
fn agree(event: &Event, one: u32, other: u32) -> bool {
    let of = |element: u32| {
        let element = event.elements[element as usize];
        (element.array, element.index)
    };
    let ones: Vec<(u32, u32)> = chain(event, one).map(of).collect();
    chain(event, other)
        .map(of)
        .all(|(array, index)| ones.iter().all(|(known, place)| *known != array || *place == index))
}

fn common(one: &Path, other: &Path) -> u32 {
    u32::try_from(one.iter().zip(other).take_while(|(one, other)| one == other).count()).unwrap_or(u32::MAX)
}

fn taken(matchers: &[Matcher], leaf: &Leaf) -> bool {
    matchers.iter().any(|matcher| takes(matcher, &leaf.value))
}

fn takes(matcher: &Matcher, value: &Value) -> bool {
    match (matcher, value) {
        (Matcher::Exists(exists), _) => *exists,
        (Matcher::AnythingBut(others), value) => !others.iter().any(|other| takes(other, value)),
        (Matcher::Null, Value::Null) => true,
        (Matcher::Boolean(wanted), Value::Boolean(value)) => wanted == value,
        (Matcher::Number(wanted), Value::Number(value)) => wanted == value,
        (Matcher::Numeric(range), Value::Number(Number::Double(value))) => within(range, *value),
        (matcher, Value::String(value)) => takes_string(matcher, value),
        _ => false,
    }
}

fn takes_string(matcher: &Matcher, value: &[u8]) -> bool {
    match matcher {
        Matcher::String(wanted) => **wanted == *value,
        Matcher::Address(wanted) => address(value) == Some(*wanted),
        Matcher::Cidr(block) => address(value).is_some_and(|address| block.contains(address)),
        Matcher::Prefix(prefix) => value.starts_with(prefix),
        Matcher::Suffix(suffix) => value.ends_with(suffix),
        Matcher::EqualsIgnoreCase(text) => fold::matches(text, value, true),
        Matcher::PrefixIgnoreCase(text) => fold::matches(text, value, false),
        Matcher::SuffixIgnoreCase(text) => fold::ends(text, value),
        Matcher::Wildcard(pieces) => wildcard::matches(pieces, value),
        _ => false,
    }
}

fn address(value: &[u8]) -> Option<Address> {
    Address::read(std::str::from_utf8(value).ok()?)
}

fn within(range: &Range, value: f64) -> bool {
    range.bottom.is_none_or(|(bound, included)| value > bound || (included && value == bound))
        && range.top.is_none_or(|(bound, included)| value < bound || (included && value == bound))
}
