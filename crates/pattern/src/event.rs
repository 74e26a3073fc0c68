//! An event as patterns see it: its leaves by path, and which element of which array each one lies in.

use std::collections::{HashMap, HashSet};

use crate::ast::Text;
use crate::error::{BadEvent, Invalid};
use crate::json::{Reader, Token};
use crate::number::Number;

/// What TestEventPattern wants of an event beside `resources` and `detail`; see its API reference.
const ENVELOPE: [&str; 6] = ["id", "source", "detail-type", "account", "region", "time"];

/// A leaf's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(Text),
}

/// A leaf: a scalar, in or outside of arrays.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Leaf {
    pub(crate) value: Value,
    pub(crate) element: u32,
}

/// An element of an array, and the element that this array lies in. Number 0 is the place outside of all arrays.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element {
    pub(crate) parent: u32,
    pub(crate) array: u32,
    pub(crate) index: u32,
    /// How many keys lead to the array.
    pub(crate) depth: u32,
}

/// A parsed event. Takes memory in proportion to the text, whatever its shape: paths and elements point to their parents.
#[derive(Debug, Clone)]
pub struct Event {
    nodes: HashMap<(u32, Text), u32>,
    pub(crate) leaves: Vec<Vec<Leaf>>,
    pub(crate) elements: Vec<Element>,
    /// Whether a key stands twice in one object or an array lies directly in an array: then one path may lead through different
    /// arrays of the same element.
    pub(crate) irregular: bool,
}

struct Open {
    node: u32,
    depth: u32,
    element: u32,
    /// Of an array: its number and the next element's index.
    array: Option<(u32, u32)>,
    /// Of an object: the nodes that its keys led to first.
    seen: HashSet<u32>,
}

impl Open {
    fn new(node: u32, depth: u32, element: u32, array: Option<(u32, u32)>) -> Self {
        Self { node, depth, element, array, seen: HashSet::new() }
    }
}

impl Event {
    /// Parses an event. Text behind its last brace is passed over, as the service does; repeated keys all count.
    ///
    /// # Errors
    /// [`BadEvent`]
    pub fn parse(text: &str) -> Result<Self, BadEvent> {
        Self::read(text).map_err(|why| BadEvent { why: why.to_string() })
    }

    fn read(text: &str) -> Result<Self, Invalid> {
        let mut reader = Reader::new(text);
        if reader.next()? != Some(Token::ObjectStart) {
            return Err(Invalid::NotAnObject);
        }
        let root = Element { parent: 0, array: u32::MAX, index: 0, depth: 0 };
        let mut event =
            Self { nodes: HashMap::new(), leaves: vec![Vec::new()], elements: vec![root], irregular: false };
        let mut open = vec![Open::new(0, 0, 0, None)];
        let (mut arrays, mut place) = (0, (0, 0));
        while let Some(token) = reader.next()? {
            let Some(around) = open.last_mut() else { break };
            let value = match token {
                Token::Key(key) => {
                    let first;
                    (first, place) = event.descend(around.node, around.depth, &key);
                    event.irregular |= !around.seen.insert(first);
                    continue;
                }
                Token::ObjectEnd | Token::ArrayEnd => {
                    open.pop();
                    continue;
                }
                token => token,
            };
            let ((node, depth), mut element) = (place, around.element);
            let in_array = around.array.is_some();
            let (node, depth) = match &mut around.array {
                None => (node, depth),
                Some((array, index)) => {
                    element =
                        event.enter(Element { parent: element, array: *array, index: *index, depth: around.depth });
                    *index += 1;
                    (around.node, around.depth)
                }
            };
            let value = match value {
                Token::ObjectStart => {
                    open.push(Open::new(node, depth, element, None));
                    continue;
                }
                Token::ArrayStart => {
                    event.irregular |= in_array;
                    open.push(Open::new(node, depth, element, Some((arrays, 0))));
                    arrays += 1;
                    continue;
                }
                Token::String(text) => Value::String(text.into()),
                Token::Number(text) => Value::Number(Number::read(text)),
                Token::Boolean(value) => Value::Boolean(value),
                _ => Value::Null,
            };
            event.leaves[node as usize].push(Leaf { value, element });
        }
        Ok(event)
    }

    fn enter(&mut self, element: Element) -> u32 {
        self.elements.push(element);
        // The text is far shorter than 4 GiB, so a number always fits.
        u32::try_from(self.elements.len() - 1).unwrap_or(u32::MAX)
    }

    /// The node that the key's first part leads to, and the node and depth that all of it does.
    fn descend(&mut self, mut node: u32, mut depth: u32, key: &[u8]) -> (u32, (u32, u32)) {
        let mut first = None;
        for part in key.split(|byte| *byte == b'.') {
            let next = u32::try_from(self.leaves.len()).unwrap_or(u32::MAX);
            node = *self.nodes.entry((node, part.into())).or_insert(next);
            if node == next {
                self.leaves.push(Vec::new());
            }
            first = first.or(Some(node));
            depth += 1;
        }
        (first.unwrap_or(node), (node, depth))
    }

    /// The leaves at a path.
    pub(crate) fn at(&self, path: &[Text]) -> &[Leaf] {
        let mut node = 0;
        for part in path {
            match self.nodes.get(&(node, part.clone())) {
                Some(next) => node = *next,
                None => return &[],
            }
        }
        &self.leaves[node as usize]
    }

    /// Whether the event has the fields without which TestEventPattern refuses it.
    #[must_use]
    pub fn is_testable(&self) -> bool {
        ENVELOPE.iter().all(|field| self.nodes.contains_key(&(0, field.as_bytes().into())))
    }
}

/// The characters of a string, lone surrogates as one each.
pub(crate) fn characters(mut text: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let rest = text.get(1..)?;
        let length = 1 + rest.iter().take_while(|byte| **byte & 0xC0 == 0x80).count();
        let (character, rest) = text.split_at(length);
        text = rest;
        Some(character)
    })
}
