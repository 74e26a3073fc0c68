//! An event's text to its asked leaves: the whole text is held to JSON's grammar, but only what rules ask for is kept.

use crate::limits::JSON_LIMIT_DEPTH;
use crate::matcher::leaves::{Kind, Leaves};
use crate::matcher::paths::{Node, OUTSIDE, Paths};
use crate::matcher::text::{self, Broken, Cursor};

/// An object or array whose inside is asked for.
#[derive(Debug, Clone, Copy)]
struct Open {
    node: Node,
    element: u32,
    /// Its number among the objects and arrays.
    number: u32,
    /// Of an array: the next element's index.
    index: u32,
    is_object: bool,
}

impl Open {
    fn end(self) -> u8 {
        if self.is_object { b'}' } else { b']' }
    }
}

/// Memory of a scan, kept from event to event.
#[derive(Debug, Clone, Default)]
pub struct Stack {
    open: Vec<Open>,
    key: Vec<u8>,
}

/// What a scan works on.
pub struct Scan<'s, 't> {
    paths: &'s Paths,
    leaves: &'s mut Leaves,
    stack: &'s mut Stack,
    cursor: Cursor<'t>,
    /// Objects and arrays around the text.
    around: usize,
}

impl<'s, 't> Scan<'s, 't> {
    /// A scan of `text`, which stands `around` objects deep. Places in it are counted from its own beginning.
    pub fn new(paths: &'s Paths, leaves: &'s mut Leaves, stack: &'s mut Stack, text: &'t [u8], around: usize) -> Self {
        stack.open.clear();
        Self { paths, leaves, stack, cursor: Cursor { text, at: 0 }, around }
    }

    /// Adds the leaves of the object that the text is, at and below `node`. What stands behind it is passed over.
    pub fn object(mut self, node: Node) -> Result<(), Broken> {
        if self.cursor.peek()? != b'{' {
            return Err(Broken);
        }
        self.value(node, 0)?;
        while let Some(around) = self.stack.open.last().copied() {
            if self.cursor.peek()? == around.end() {
                self.cursor.at += 1;
                self.stack.open.pop();
                self.after()?;
            } else if around.is_object {
                self.member(around)?;
            } else {
                self.element(around)?;
            }
        }
        Ok(())
    }

    /// Passes the comma behind a value, if what it stands in goes on. Behind a comma nothing ends.
    fn after(&mut self) -> Result<(), Broken> {
        let Some(around) = self.stack.open.last() else { return Ok(()) };
        match self.cursor.peek()? {
            b',' => {
                self.cursor.at += 1;
                if self.cursor.peek()? == around.end() { Err(Broken) } else { Ok(()) }
            }
            byte if byte == around.end() => Ok(()),
            _ => Err(Broken),
        }
    }

    /// A key and its value.
    fn member(&mut self, around: Open) -> Result<(), Broken> {
        if self.cursor.peek()? != b'"' {
            return Err(Broken);
        }
        let string = self.cursor.string()?;
        if self.cursor.peek()? != b':' {
            return Err(Broken);
        }
        self.cursor.at += 1;
        let mut key = &self.cursor.text[string.start..][..string.len];
        if string.escaped {
            self.stack.key.clear();
            text::unescape(key, &mut self.stack.key);
            key = &self.stack.key;
        }
        let node = descend(self.paths, self.leaves, around, key);
        self.cursor.peek()?;
        self.value(node, around.element)
    }

    fn element(&mut self, around: Open) -> Result<(), Broken> {
        if let Some(top) = self.stack.open.last_mut() {
            top.index += 1;
        }
        // What is not asked for is no element either.
        let asked = match self.cursor.peek()? {
            b'{' => self.paths.has_children(around.node),
            b'[' => true,
            _ => self.paths.is_asked(around.node),
        };
        if !asked {
            return self.value(OUTSIDE, 0);
        }
        let depth = self.paths.depth(around.node);
        let element = self.leaves.element(around.element, around.number, around.index, depth);
        self.value(around.node, element)
    }

    /// The value at the cursor. Opens an object or array if its inside is asked for.
    fn value(&mut self, node: Node, element: u32) -> Result<(), Broken> {
        let asked = node != OUTSIDE && self.paths.is_asked(node);
        let start = self.cursor.at;
        match self.cursor.peek()? {
            byte @ (b'{' | b'[') => {
                let is_object = byte == b'{';
                let inside = node != OUTSIDE && (self.paths.has_children(node) || (asked && !is_object));
                let depth = self.around + self.stack.open.len();
                if !inside {
                    self.cursor.pass(depth)?;
                    return self.after();
                }
                if depth >= JSON_LIMIT_DEPTH {
                    return Err(Broken);
                }
                self.cursor.at += 1;
                let number = self.leaves.container();
                self.stack.open.push(Open { node, element, number, index: 0, is_object });
                return Ok(());
            }
            b'"' => {
                let string = self.cursor.string()?;
                if asked && string.escaped {
                    let raw = &self.cursor.text[string.start..][..string.len];
                    self.leaves.write(node, element, |out| text::unescape(raw, out));
                } else if asked {
                    self.leaves.string(node, element, string.start, string.len);
                }
            }
            b'-' | b'0'..=b'9' => {
                self.cursor.number()?;
                if asked {
                    self.leaves.number(node, element, &self.cursor.text[start..self.cursor.at], start);
                }
            }
            _ => {
                let kind = match self.cursor.word()? {
                    b't' => Kind::True,
                    b'f' => Kind::False,
                    _ => Kind::Null,
                };
                if asked {
                    self.leaves.constant(node, element, kind);
                }
            }
        }
        self.after()
    }
}

/// The place that a key of an object leads to. Its dots part it, since `a.b` and `{"a":{"b":…}}` are one path.
fn descend(paths: &Paths, leaves: &mut Leaves, around: Open, key: &[u8]) -> Node {
    if !key.contains(&b'.') {
        return paths.child(around.node, key).map_or(OUTSIDE, |node| {
            leaves.enter(node, around.number);
            node
        });
    }
    let mut node = around.node;
    for (at, part) in key.split(|byte| *byte == b'.').enumerate() {
        match paths.child(node, part) {
            Some(next) => node = next,
            None => return OUTSIDE,
        }
        if at == 0 {
            leaves.enter(node, around.number);
        }
    }
    node
}
