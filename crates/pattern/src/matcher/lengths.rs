//! How long the parts are by which strings of a path are looked for: few lengths, since each costs every value a look.

use std::collections::HashMap;

use crate::limits::LENGTHS_MAX_COUNT;
use crate::matcher::anchor::{Anchor, Family};
use crate::matcher::build::Field;
use crate::matcher::paths::Node;

/// The lengths by path and kind of key, ascending.
#[derive(Default)]
pub struct Lengths(HashMap<(Node, Family), Vec<u8>>);

impl Lengths {
    /// The lengths for the keys of some fields. Where there are too many different ones, the shortest and some between stay.
    pub fn of<'p>(fields: impl Iterator<Item = Field<'p>>) -> Self {
        let mut all: HashMap<(Node, Family), Vec<u8>> = HashMap::new();
        for field in fields {
            for anchor in field.matchers.iter().filter_map(Anchor::of).filter(|anchor| is_cut(anchor.family)) {
                let lengths = all.entry((field.path, anchor.family)).or_default();
                let length = anchor.first.max(anchor.last);
                if let Err(at) = lengths.binary_search(&length) {
                    lengths.insert(at, length);
                }
            }
        }
        for lengths in all.values_mut() {
            let count = lengths.len();
            if count > LENGTHS_MAX_COUNT {
                *lengths = (0..LENGTHS_MAX_COUNT).map(|at| lengths[at * count / LENGTHS_MAX_COUNT]).collect();
            }
        }
        Self(all)
    }

    /// The key with a part of one of the lengths.
    pub fn cut<'p>(&self, path: Node, anchor: Anchor<'p>) -> Anchor<'p> {
        let Some(lengths) = self.0.get(&(path, anchor.family)) else { return anchor };
        let of = |length: u8| {
            let longer = lengths.partition_point(|known| *known <= length);
            if length == 0 { 0 } else { lengths[longer.saturating_sub(1)] }
        };
        let (first, last) = (of(anchor.first), of(anchor.last));
        anchor.cut(first, last)
    }
}

fn is_cut(family: Family) -> bool {
    matches!(
        family,
        Family::Prefix | Family::Suffix | Family::FoldedPrefix | Family::FoldedSuffix | Family::Block4 | Family::Block6
    )
}
