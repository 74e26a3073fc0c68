//! How many conjunctions share a key: the only hint at how many events have it, since rules are written for what there is.

use std::collections::HashMap;

use crate::ast::Matcher;
use crate::matcher::anchor::Anchor;
use crate::matcher::build::{Draft, Field, Fields, may_pick};
use crate::matcher::hash;
use crate::matcher::paths::Node;
use crate::matcher::ranges::Line;

/// The counts. Two keys may share one, which makes both look commoner than they are.
pub struct Census {
    counts: Vec<u32>,
    lines: HashMap<Node, Line>,
    total: f64,
}

impl Census {
    /// Counts the keys of the fields that a level may still pick by.
    pub fn of(drafts: &[Draft], fields: &Fields<'_>, level: u32) -> Self {
        let mut counts = vec![0_u32; (drafts.len() * 4).next_power_of_two().max(64)];
        let mut ranges: HashMap<Node, Vec<crate::ast::Range>> = HashMap::new();
        for draft in drafts {
            for (_, field) in fields.unused(*draft).filter(|(_, field)| may_pick(field, level)) {
                for matcher in field.matchers {
                    match matcher {
                        Matcher::Numeric(range) => ranges.entry(field.path).or_default().push(*range),
                        matcher => {
                            let Some(anchor) = Anchor::of(matcher) else { continue };
                            let at = place(field.path, &anchor, counts.len());
                            counts[at] = counts[at].saturating_add(1);
                        }
                    }
                }
            }
        }
        let lines = ranges.into_iter().map(|(path, ranges)| (path, Line::cut(ranges.iter()))).collect();
        Self { counts, lines, total: drafts.len() as f64 }
    }

    /// The field whose keys the fewest events have; none if there is no field with keys.
    pub fn sharpest<'p>(&self, draft: Draft, fields: &Fields<'p>, level: u32) -> Option<(u64, Field<'p>)> {
        let open = fields.unused(draft).filter(|(_, field)| may_pick(field, level));
        let costs = open.map(|(bit, field)| (self.cost(&field), bit, field));
        let least = costs.min_by(|(one, ..), (other, ..)| one.total_cmp(other));
        least.map(|(_, bit, field)| (bit, field))
    }

    fn cost(&self, field: &Field<'_>) -> f64 {
        let of = |matcher: &Matcher| match Anchor::of(matcher) {
            None => 1.0,
            Some(anchor) => match anchor.range {
                Some(range) => self.lines.get(&field.path).map_or(1.0, |line| line.share(&range)),
                None => {
                    let others = self.counts[place(field.path, &anchor, self.counts.len())].saturating_sub(1);
                    f64::from(others) / self.total + anchor.breadth()
                }
            },
        };
        field.matchers.iter().map(of).sum()
    }
}

fn place(path: Node, anchor: &Anchor<'_>, count: usize) -> usize {
    let seed = u64::from(path) << 8 | anchor.family as u64;
    hash::of(hash::mix(seed, hash::seed() | 1), &anchor.bytes) as usize & (count - 1)
}
