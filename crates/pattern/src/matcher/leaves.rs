//! An event as a matcher sees it: the leaves at paths that rules ask for, and the array elements around them. Its memory is kept
//! from event to event.

use std::cell::Cell;

use crate::matcher::Known;
use crate::matcher::decimal::{self, Exactness};
use crate::matcher::paths::Node;
use crate::matcher::table::NONE;

/// What kind of value a leaf is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Null,
    False,
    True,
    Number,
    String,
}

/// A leaf's bytes: of the event's text, or of what was written down beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub len: u32,
    /// Whether they were written down: a string with escapes, or a field that no text holds.
    pub written: bool,
}

/// A leaf.
#[derive(Debug, Clone)]
pub struct Leaf {
    pub element: u32,
    pub kind: Kind,
    /// A string's content, a number's text.
    pub span: Span,
    /// The leaf before it at the same path.
    pub before: u32,
    /// A number's double.
    pub value: f64,
    /// Whether the double says exactly what the number's text does.
    exactness: Cell<Exactness>,
}

/// An element of an array, and the element that this array lies in. Number 0 is the place outside of all arrays.
#[derive(Debug, Clone, Copy, Default)]
pub struct Element {
    pub parent: u32,
    pub array: u32,
    pub index: u32,
    /// How many keys lead to the array.
    pub depth: u32,
    /// The innermost element around it that fewer keys lead to.
    pub outer: u32,
}

/// The leaves of one event.
#[derive(Debug, Clone, Default)]
pub struct Leaves {
    pub all: Vec<Leaf>,
    pub elements: Vec<Element>,
    /// Whether a key that leads to asked leaves stands twice in one object: then one path may lead through different arrays of the
    /// same element.
    pub repeated: bool,
    /// Paths with at least one leaf, in the order of their first.
    pub paths: Vec<Node>,
    written: Vec<u8>,
    /// By path: the event it was set for, and the last leaf there.
    last: Vec<(u32, u32)>,
    /// By place of the tree: the event and the object in which a key led there last.
    objects: Vec<(u32, u32)>,
    event: u32,
    /// Objects and arrays so far.
    containers: u32,
}

impl Leaves {
    /// Forgets the event before.
    pub fn clear(&mut self, places: usize) {
        self.all.clear();
        self.elements.clear();
        // No array has this number, so that nothing is an element beside it.
        self.elements.push(Element { array: NONE, ..Element::default() });
        self.paths.clear();
        self.written.clear();
        self.repeated = false;
        self.containers = 0;
        if self.last.len() < places {
            self.last.resize(places, (0, NONE));
            self.objects.resize(places, (0, NONE));
        }
        self.event = self.event.wrapping_add(1);
        // Once in four billion events what was set for the first ones must not be taken for this one's.
        if self.event == 0 {
            self.last.fill((0, NONE));
            self.objects.fill((0, NONE));
            self.event = 1;
        }
    }

    /// Notes that a key of an object leads to a place, and whether one of this object did before.
    #[inline]
    pub fn enter(&mut self, node: Node, object: u32) {
        let known = &mut self.objects[node as usize];
        self.repeated |= *known == (self.event, object);
        *known = (self.event, object);
    }

    #[inline]
    fn push(&mut self, path: Node, element: u32, kind: Kind, span: Span, (value, exactness): (f64, Exactness)) {
        let number = self.all.len() as u32;
        let last = &mut self.last[path as usize];
        let before = if last.0 == self.event { last.1 } else { NONE };
        *last = (self.event, number);
        if before == NONE {
            self.paths.push(path);
        }
        let exactness = Cell::new(exactness);
        self.all.push(Leaf { element, kind, span, before, value, exactness });
    }

    /// Adds `null`, `true` or `false`.
    #[inline]
    pub fn constant(&mut self, path: Node, element: u32, kind: Kind) {
        self.push(path, element, kind, Span::default(), (0.0, Exactness::Open));
    }

    /// Adds a number by its text.
    #[inline]
    pub fn number(&mut self, path: Node, element: u32, text: &[u8], start: usize) {
        let span = Span { start: start as u32, len: text.len() as u32, written: false };
        self.push(path, element, Kind::Number, span, decimal::read(text));
    }

    /// Adds a string that the text holds as it is.
    #[inline]
    pub fn string(&mut self, path: Node, element: u32, start: usize, len: usize) {
        let span = Span { start: start as u32, len: len as u32, written: false };
        self.push(path, element, Kind::String, span, (0.0, Exactness::Open));
    }

    /// Adds a string that `write` writes down.
    pub fn write(&mut self, path: Node, element: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.written.len();
        write(&mut self.written);
        let span = Span { start: start as u32, len: (self.written.len() - start) as u32, written: true };
        self.push(path, element, Kind::String, span, (0.0, Exactness::Open));
    }

    /// Adds a field that no text holds.
    pub fn known(&mut self, path: Node, known: Known<'_>) {
        match known {
            Known::Text(text) => self.write(path, 0, |out| out.extend_from_slice(text.as_bytes())),
            Known::Texts(texts) => {
                let array = self.container();
                for (index, text) in texts.iter().enumerate() {
                    // It stands right below the root.
                    let element = self.element(0, array, index as u32, 1);
                    self.write(path, element, |out| out.extend_from_slice(text.as_bytes()));
                }
            }
        }
    }

    /// The number of an object or array that was not yet.
    #[inline]
    pub fn container(&mut self) -> u32 {
        self.containers += 1;
        self.containers
    }

    /// Adds an element of an array and gives its number.
    #[inline]
    pub fn element(&mut self, parent: u32, array: u32, index: u32, depth: u32) -> u32 {
        let around = self.elements[parent as usize];
        let outer = if around.depth < depth { parent } else { around.outer };
        self.elements.push(Element { parent, array, index, depth, outer });
        self.elements.len() as u32 - 1
    }
}

/// The leaves of one event beside its text.
#[derive(Clone, Copy)]
pub struct Seen<'e> {
    pub text: &'e [u8],
    pub leaves: &'e Leaves,
}

impl<'e> Seen<'e> {
    /// A string's content or a number's text.
    #[inline]
    pub fn bytes(&self, leaf: &Leaf) -> &'e [u8] {
        let of = if leaf.span.written { &self.leaves.written } else { self.text };
        &of[leaf.span.start as usize..][..leaf.span.len as usize]
    }

    /// The leaves at a path, last first.
    #[inline]
    pub fn at(&self, path: Node) -> At<'e> {
        let next = match self.leaves.last.get(path as usize) {
            Some((event, last)) if *event == self.leaves.event => *last,
            _ => NONE,
        };
        At { all: &self.leaves.all, next }
    }

    /// Whether a number's double says exactly what its text does: only then has it a value, else it is its text.
    #[inline]
    pub fn is_double(&self, leaf: &Leaf) -> bool {
        match leaf.exactness.get() {
            Exactness::Exact => true,
            Exactness::Inexact => false,
            Exactness::Open => {
                let exact = decimal::is_exact(self.bytes(leaf), leaf.value);
                leaf.exactness.set(if exact { Exactness::Exact } else { Exactness::Inexact });
                exact
            }
        }
    }
}

/// The leaves at a path.
pub struct At<'e> {
    all: &'e [Leaf],
    next: u32,
}

impl<'e> Iterator for At<'e> {
    type Item = &'e Leaf;

    #[inline]
    fn next(&mut self) -> Option<&'e Leaf> {
        let leaf = self.all.get(self.next as usize)?;
        self.next = leaf.before;
        Some(leaf)
    }
}
