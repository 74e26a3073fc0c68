//! A part of a matcher's rules: a segment, what of it is gone, and the patterns to build a larger one from.

use std::sync::Arc;

use crate::ast::Pattern;
use crate::matcher::build;
use crate::matcher::gone::Gone;
use crate::matcher::paths::Paths;
use crate::matcher::segment::Segment;

/// A rule: its number and what it wants.
pub type Rule = (u32, Arc<Pattern>);

/// A part. Copies share all but a few words.
#[derive(Debug, Clone)]
pub struct Part {
    pub segment: Arc<Segment>,
    /// Ascending.
    rules: Arc<[Rule]>,
    /// Conjunctions that are gone.
    pub gone: Gone,
    gone_rules: Gone,
    gone_count: usize,
}

impl Part {
    /// The part of some rules, whose numbers ascend. Copies `paths` only if a rule asks for a new one.
    pub fn build(rules: Vec<Rule>, paths: &mut Arc<Paths>) -> Self {
        let conjunctions = rules.iter().flat_map(|(_, pattern)| &pattern.alternatives);
        for path in conjunctions.flat_map(|conjunction| conjunction.keys()) {
            if paths.asked(path).is_none() {
                Arc::make_mut(paths).ask(path);
            }
        }
        let segment = build::segment(rules.iter().map(|(number, pattern)| (*number, &**pattern)), paths);
        let (gone, gone_rules) = (Gone::default(), Gone::default());
        Self { segment: Arc::new(segment), rules: rules.into(), gone, gone_rules, gone_count: 0 }
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len() - self.gone_count
    }

    /// Whether so much is gone that a build without it pays.
    pub fn is_worn(&self) -> bool {
        self.gone_count * 2 > self.rules.len()
    }

    /// Takes a rule away, if it is here.
    pub fn remove(&mut self, number: u32) {
        if let Ok(at) = self.rules.binary_search_by_key(&number, |(known, _)| *known)
            && !self.is_gone(at)
        {
            self.gone_count += 1;
            self.gone_rules.add(at as u32);
            for sub in self.segment.subs_of(number) {
                self.gone.add(sub);
            }
        }
    }

    fn is_gone(&self, at: usize) -> bool {
        self.gone_rules.has(at as u32)
    }

    /// The rules that there are.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().enumerate().filter(|(at, _)| !self.is_gone(*at)).map(|(_, rule)| rule)
    }

    /// What it takes, without the patterns, which are their owner's.
    pub fn heap_bytes(&self) -> usize {
        self.segment.heap_bytes() + self.rules.len() * size_of::<Rule>()
    }
}
