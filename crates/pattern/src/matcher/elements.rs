//! Whether fields can be taken together: no two of them from different elements of one array.

use std::collections::BTreeSet;

use crate::error::TooManyCombinations;
use crate::limits::ELEMENTS_LIMIT_PAIRS;
use crate::matcher::leaves::{Element, Leaves};
use crate::matcher::paths::{Node, Paths};

/// The elements that the fields so far were taken from, none of them inside another.
type Way = BTreeSet<u32>;

/// What is remembered from field to field, and kept from event to event.
#[derive(Debug, Clone, Default)]
pub struct Ways {
    /// Elements that the fields so far can share with the next.
    now: Vec<u32>,
    next: Vec<u32>,
    /// By element: the step it was marked in, and as what.
    marks: Vec<(u32, Mark)>,
    step: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// It is one of `now`, or lies in one.
    Open,
    /// It does not.
    Shut,
    /// It is one of `next`.
    Next,
}

/// A field to be taken: its path, and the elements of the leaves that its matchers take; none if its absence is what they take.
pub trait Fields {
    /// How many there are.
    fn count(&self) -> usize;
    /// The path of one, in the order of paths.
    fn path(&self, at: usize) -> Node;
    /// Hands on the element of each leaf that is taken, and says whether there is a leaf at all.
    fn taken(&self, at: usize, element: impl FnMut(u32)) -> bool;
}

impl Ways {
    fn begin(&mut self, elements: usize) {
        if self.marks.len() < elements {
            self.marks.resize(elements, (0, Mark::Shut));
        }
        self.step = self.step.wrapping_add(1);
        if self.step == 0 {
            self.marks.fill((0, Mark::Shut));
            self.step = 1;
        }
    }

    fn mark(&mut self, element: u32, mark: Mark) {
        self.marks[element as usize] = (self.step, mark);
    }

    fn known(&self, element: u32) -> Option<Mark> {
        let (step, mark) = self.marks[element as usize];
        (step == self.step).then_some(mark)
    }

    /// Whether all fields can be taken together.
    ///
    /// # Errors
    /// [`TooManyCombinations`], only where the event repeats keys.
    pub fn agree(&mut self, fields: &impl Fields, leaves: &Leaves, paths: &Paths) -> Result<bool, TooManyCombinations> {
        if leaves.repeated {
            return search(fields, leaves, paths);
        }
        self.now.clear();
        self.now.push(0);
        let mut before = 0;
        for at in 0..fields.count() {
            let shared = shared(fields, at, paths);
            self.advance(fields, at, (before, shared), &leaves.elements);
            if self.next.is_empty() {
                return Ok(false);
            }
            std::mem::swap(&mut self.now, &mut self.next);
            before = shared;
        }
        Ok(true)
    }

    /// One field further. Where no key is repeated, one path leads to one place of an element, so that two leaves go together exactly
    /// if one's element, as far as the paths are the same, is the other's or lies around it.
    fn advance(&mut self, fields: &impl Fields, at: usize, (before, shared): (u32, u32), elements: &[Element]) {
        self.next.clear();
        self.begin(elements.len());
        for place in 0..self.now.len() {
            self.mark(self.now[place], Mark::Open);
        }
        let mut chosen = std::mem::take(&mut self.next);
        let any = fields.taken(at, |element| {
            if self.is_open(cut(elements, element, before), elements) {
                chosen.push(cut(elements, element, shared));
            }
        });
        if !any {
            chosen.extend(self.now.iter().map(|element| cut(elements, *element, shared)));
        }
        self.begin(elements.len());
        chosen.retain(|element| {
            let new = self.known(*element).is_none();
            self.mark(*element, Mark::Next);
            new
        });
        self.next = chosen;
    }

    /// Whether the place is one of those so far or lies in one. Everything on the way is marked, so that no place is passed twice.
    fn is_open(&mut self, place: u32, elements: &[Element]) -> bool {
        let mut up = place;
        let found = loop {
            match self.known(up) {
                Some(mark) => break mark,
                None if up == 0 => break Mark::Shut,
                None => up = elements[up as usize].parent,
            }
        };
        let mut up = place;
        while self.known(up).is_none() {
            self.mark(up, found);
            up = elements[up as usize].parent;
        }
        found == Mark::Open
    }
}

/// How many first keys a field's path and the next one's have in common.
fn shared(fields: &impl Fields, at: usize, paths: &Paths) -> u32 {
    if at + 1 < fields.count() { paths.shared(fields.path(at), fields.path(at + 1)) } else { 0 }
}

/// The innermost element around or at `element` whose array stands at most `depth` keys deep.
#[inline]
fn cut(elements: &[Element], mut element: u32, depth: u32) -> u32 {
    while elements[element as usize].depth > depth {
        element = elements[element as usize].outer;
    }
    element
}

/// With repeated keys two elements may go together though neither lies in the other: all choices are followed, as the reference does.
fn search(fields: &impl Fields, leaves: &Leaves, paths: &Paths) -> Result<bool, TooManyCombinations> {
    let elements = &leaves.elements[..];
    let mut ways: BTreeSet<Way> = BTreeSet::from([Way::from([0])]);
    let (mut before, mut pairs) = (0, 0);
    for at in 0..fields.count() {
        let shared = shared(fields, at, paths);
        let (mut next, mut taken) = (BTreeSet::new(), BTreeSet::new());
        if fields.taken(at, |element| taken.extend([element])) {
            for element in taken {
                choose(elements, &ways, (element, before), &mut pairs, |way| {
                    next.insert(above(elements, &way, shared));
                })?;
            }
        } else {
            next.extend(ways.iter().map(|way| above(elements, way, shared)));
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
    elements: &[Element],
    ways: &BTreeSet<Way>,
    (element, before): (u32, u32),
    pairs: &mut usize,
    mut add: impl FnMut(Way),
) -> Result<(), TooManyCombinations> {
    // A way that is this element's own place, or lies around it, allows all that any other way would allow.
    if chain(elements, cut(elements, element, before)).any(|place| ways.contains(&Way::from([place]))) {
        add(Way::from([element]));
        return Ok(());
    }
    for way in ways {
        *pairs += way.len();
        if *pairs > ELEMENTS_LIMIT_PAIRS {
            return Err(TooManyCombinations { limit: ELEMENTS_LIMIT_PAIRS });
        }
        if way.iter().all(|chosen| is_compatible(elements, *chosen, element)) {
            let mut both = way.clone();
            both.insert(element);
            add(both);
        }
    }
    Ok(())
}

/// The way as far as fields can share it whose paths are equal up to `shared` keys.
fn above(elements: &[Element], way: &Way, shared: u32) -> Way {
    let cut: Way = way.iter().map(|element| cut(elements, *element, shared)).collect();
    let around = |outer: u32, inner: u32| outer != inner && chain(elements, inner).any(|element| element == outer);
    cut.iter().copied().filter(|outer| !cut.iter().any(|inner| around(*outer, *inner))).collect()
}

/// The element and those around it, inside out, the place outside of all arrays last.
fn chain(elements: &[Element], element: u32) -> impl Iterator<Item = u32> {
    std::iter::successors(Some(element), |element| (*element != 0).then(|| elements[*element as usize].parent))
}

/// Whether no array has different elements of it around the two.
fn is_compatible(elements: &[Element], one: u32, other: u32) -> bool {
    let of = |element: u32| (elements[element as usize].array, elements[element as usize].index);
    chain(elements, other)
        .map(of)
        .all(|(array, index)| chain(elements, one).map(of).all(|(known, place)| known != array || place == index))
}
