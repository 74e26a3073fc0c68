//! The paths that rules ask for, as a tree of keys: an event is walked along it, and what it does not hold is passed over.

use crate::ast::Text;

/// A place in the tree.
pub type Node = u32;

/// The place outside of the tree: nothing below it is asked for.
pub const OUTSIDE: Node = u32::MAX;

#[derive(Debug, Clone)]
struct Child {
    /// The key's first eight bytes, zeros behind a shorter one.
    head: u64,
    key: Text,
    node: Node,
}

#[derive(Debug, Clone, Default)]
struct Place {
    parent: Node,
    depth: u32,
    asked: bool,
    /// Ascending by head, length and key.
    children: Vec<Child>,
}

/// The tree. Places are only ever added, so that a number once given means the same path.
#[derive(Debug, Clone)]
pub struct Paths {
    places: Vec<Place>,
}

impl Default for Paths {
    fn default() -> Self {
        Self { places: vec![Place::default()] }
    }
}

/// How many children are looked through one by one.
const FEW: usize = 8;

impl Paths {
    /// The root.
    pub const ROOT: Node = 0;

    /// How many places there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// The place that one key without dots leads to.
    #[inline]
    pub fn child(&self, node: Node, key: &[u8]) -> Option<Node> {
        let children = &self.places[node as usize].children;
        let head = head(key);
        if children.len() <= FEW {
            let same = |child: &&Child| {
                child.head == head && child.key.len() == key.len() && (key.len() <= 8 || *child.key == *key)
            };
            return children.iter().find(same).map(|child| child.node);
        }
        self.search(node, head, key).ok().map(|at| children[at].node)
    }

    fn search(&self, node: Node, head: u64, key: &[u8]) -> Result<usize, usize> {
        let of = |child: &Child| (child.head, child.key.len());
        let children = &self.places[node as usize].children;
        children.binary_search_by(|child| of(child).cmp(&(head, key.len())).then_with(|| (*child.key).cmp(key)))
    }

    /// The place of a path that a rule asks for.
    pub fn asked(&self, path: &[Text]) -> Option<Node> {
        let node = path.iter().try_fold(Self::ROOT, |node, key| self.child(node, key))?;
        self.is_asked(node).then_some(node)
    }

    /// Adds a path that a rule asks for.
    pub fn ask(&mut self, path: &[Text]) -> Node {
        let mut node = Self::ROOT;
        for key in path {
            let head = head(key);
            node = match self.search(node, head, key) {
                Ok(at) => self.places[node as usize].children[at].node,
                Err(at) => {
                    let new = self.places.len() as u32;
                    let depth = self.places[node as usize].depth + 1;
                    self.places[node as usize].children.insert(at, Child { head, key: key.clone(), node: new });
                    self.places.push(Place { parent: node, depth, ..Place::default() });
                    new
                }
            };
        }
        self.places[node as usize].asked = true;
        node
    }

    /// Whether a rule asks for the values at a place.
    #[inline]
    pub fn is_asked(&self, node: Node) -> bool {
        self.places[node as usize].asked
    }

    /// Whether a rule asks for something below a place.
    #[inline]
    pub fn has_children(&self, node: Node) -> bool {
        !self.places[node as usize].children.is_empty()
    }

    /// How many keys lead to a place.
    #[inline]
    pub fn depth(&self, node: Node) -> u32 {
        self.places[node as usize].depth
    }

    /// How many first keys two places' paths have in common.
    pub fn shared(&self, one: Node, other: Node) -> u32 {
        let (mut one, mut other) = (one, other);
        while one != other {
            if self.depth(one) >= self.depth(other) {
                one = self.places[one as usize].parent;
            } else {
                other = self.places[other as usize].parent;
            }
        }
        self.depth(one)
    }

    /// What it takes.
    pub fn heap_bytes(&self) -> usize {
        let of = |place: &Place| {
            place.children.capacity() * size_of::<Child>()
                + place.children.iter().map(|child| child.key.len()).sum::<usize>()
        };
        self.places.capacity() * size_of::<Place>() + self.places.iter().map(of).sum::<usize>()
    }
}

#[inline]
fn head(key: &[u8]) -> u64 {
    if let Some(chunk) = key.first_chunk::<8>() {
        return u64::from_le_bytes(*chunk);
    }
    key.iter().rev().fold(0, |head, byte| head << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_again() {
        let text = |text: &str| Text::from(text.as_bytes());
        let mut paths = Paths::default();
        let mut all = Vec::new();
        for number in 0..40 {
            let path = vec![text("detail"), text(&format!("longer-than-eight-{number}")), text("")];
            all.push((paths.ask(&path), path));
        }
        for (node, path) in &all.clone() {
            assert_eq!((paths.asked(path), paths.asked(&path[..2])), (Some(*node), None));
            assert_eq!(paths.ask(path), *node);
        }
        assert_eq!(paths.child(0, b"detai"), None);
        assert_eq!((paths.shared(all[0].0, all[1].0), paths.depth(all[0].0)), (1, 3));
        // A key and the same with a zero byte behind it have one head.
        let short = paths.ask(&[text("a")]);
        assert_ne!(paths.ask(&[text("a\0")]), short);
        assert_eq!(paths.child(0, b"a"), Some(short));
    }
}
