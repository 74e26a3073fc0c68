//! Chance that a seed repeats.

use serde_json::{Value as Json, json};

/// SplitMix64.
pub struct Chance(pub u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % end).unwrap_or_default()
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn pick<'t>(&mut self, all: &[&'t str]) -> &'t str {
        let at = self.below(all.len());
        all.get(at).copied().unwrap_or_default()
    }

    /// One of them, or an array of up to three different ones.
    pub fn some(&mut self, all: &[&str]) -> Json {
        if self.one_in(2) {
            return json!(self.pick(all));
        }
        let most = 1 + self.below(3);
        json!(self.several(all, most))
    }

    /// Up to `most` different ones.
    pub fn several<'t>(&mut self, all: &[&'t str], most: usize) -> Vec<&'t str> {
        let mut found: Vec<&str> = Vec::new();
        for _ in 0..most {
            let one = self.pick(all);
            if !found.contains(&one) {
                found.push(one);
            }
        }
        found
    }
}
