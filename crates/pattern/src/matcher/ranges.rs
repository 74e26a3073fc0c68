//! Ranges of numbers, found by one of theirs: the bounds cut the line into points and what lies between, and a tree over these
//! holds each range at the few nodes that cover it.

use crate::ast::Range;

/// The cut line. Each node of its tree has a number, which the owner keeps values under.
#[derive(Debug, Clone, Default)]
pub struct Line {
    /// Ascending.
    points: Vec<f64>,
}

impl Line {
    /// The line cut at the bounds of some ranges.
    pub fn cut<'r>(ranges: impl Iterator<Item = &'r Range>) -> Self {
        let bounds = ranges.flat_map(|range| [range.bottom, range.top]).flatten().map(|(value, _)| value + 0.0);
        let mut points: Vec<f64> = bounds.collect();
        points.sort_unstable_by(f64::total_cmp);
        points.dedup();
        points.shrink_to_fit();
        Self { points }
    }

    /// How many leaves the tree has.
    fn width(&self) -> usize {
        (2 * self.points.len() + 1).next_power_of_two()
    }

    /// How many nodes it has; they are numbered from one.
    pub fn nodes(&self) -> usize {
        2 * self.width()
    }

    /// The leaf of a value: odd at a point, even between two.
    #[inline]
    fn leaf(&self, value: f64) -> usize {
        let at = self.points.partition_point(|point| *point < value);
        2 * at + usize::from(self.points.get(at) == Some(&value))
    }

    /// First and last leaf of a range.
    fn ends(&self, range: &Range) -> (usize, usize) {
        let first = range.bottom.map_or(0, |(value, included)| self.leaf(value) + usize::from(!included));
        let last = match range.top {
            None => Some(2 * self.points.len()),
            Some((value, included)) => self.leaf(value).checked_sub(usize::from(!included)),
        };
        // Before the first leaf nothing is.
        last.map_or((1, 0), |last| (first, last))
    }

    /// How much of the line a range is, from 0 to 1.
    pub fn share(&self, range: &Range) -> f64 {
        let (first, last) = self.ends(range);
        last.saturating_sub(first) as f64 / (2 * self.points.len() + 8) as f64
    }

    /// The nodes that together cover a range.
    pub fn cover(&self, range: &Range, mut node: impl FnMut(usize)) {
        let (first, last) = self.ends(range);
        if first > last {
            return;
        }
        let (mut low, mut high) = (first + self.width(), last + self.width() + 1);
        while low < high {
            if low & 1 == 1 {
                node(low);
                low += 1;
            }
            if high & 1 == 1 {
                high -= 1;
                node(high);
            }
            low /= 2;
            high /= 2;
        }
    }

    /// The nodes whose ranges hold a value: from its leaf up.
    #[inline]
    pub fn stab(&self, value: f64) -> impl Iterator<Item = usize> + use<> {
        let mut node = 2 * (self.leaf(value) + self.width());
        std::iter::from_fn(move || {
            node /= 2;
            (node > 0).then_some(node)
        })
    }

    /// What it takes.
    pub fn heap_bytes(&self) -> usize {
        self.points.capacity() * size_of::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_finds_exactly_its_ranges() {
        let values = [-5.0, -1.0, 0.0, 0.5, 1.0, 2.0, 2.5, 3.0, 9.0];
        let mut ranges = vec![Range { bottom: None, top: None }];
        for (at, low) in values.iter().enumerate() {
            for included in [false, true] {
                ranges.push(Range { bottom: Some((*low, included)), top: None });
                ranges.push(Range { bottom: None, top: Some((*low, included)) });
                for high in &values[at..] {
                    ranges.push(Range { bottom: Some((*low, included)), top: Some((*high, true)) });
                    ranges.push(Range { bottom: Some((*low, included)), top: Some((*high, false)) });
                }
            }
        }
        let within = |range: &Range, value: f64| {
            range.bottom.is_none_or(|(bound, included)| value > bound || (included && value == bound))
                && range.top.is_none_or(|(bound, included)| value < bound || (included && value == bound))
        };
        let line = Line::cut(ranges.iter());
        for value in [-9.0, -5.0, -2.0, -0.0, 0.25, 0.5, 0.75, 1.5, 2.0, 2.25, 3.0, 8.0, 9.0, 10.0] {
            let stabbed: Vec<usize> = line.stab(value).collect();
            for range in &ranges {
                let mut found = 0;
                line.cover(range, |node| found += usize::from(stabbed.contains(&node)));
                assert_eq!(found, usize::from(within(range, value)), "{value} {range:?}");
            }
        }
    }
}
