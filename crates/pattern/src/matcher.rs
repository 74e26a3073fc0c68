//! Many rules against one event: the rules are looked up by what the event has, instead of being walked.
//!
//! In: rules, each a number and a pattern; an event's text, or the fields that it would be written from.
//! Out: the numbers of those that match, ascending, each once.
//! Never: another verdict than [`Pattern::matches`] has, a rule that is looked at without reason, or memory taken in matching once
//! the scratch has grown to what events need.
//!
//! The way of an event: `scan` passes its text along `paths` and keeps the asked `leaves`; a `segment` looks their keys up (`anchor`
//! says which, `build` chose one field of each rule by the `census`), and asks what else a rule wants (`code`, `elements`).
//! Changes make a new small `part` beside the others and mark what is `gone`, so that whoever holds the matcher before sees all of
//! one and nothing of the other.

mod anchor;
mod build;
mod census;
mod code;
mod decimal;
mod elements;
mod gone;
mod hash;
mod leaves;
mod lengths;
mod part;
mod paths;
mod posting;
mod ranges;
mod scan;
mod segment;
mod table;
mod text;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ast::Pattern;
use crate::error::{BadEvent, TooManyCombinations};
use crate::event::Event;
use crate::limits::{MERGE_NOW_LIMIT_RULES, PART_LIMIT_RATIO};
use crate::matcher::leaves::{Leaves, Seen};
use crate::matcher::part::Part;
use crate::matcher::paths::Paths;
use crate::matcher::scan::{Scan, Stack};
use crate::matcher::segment::Work;
use crate::matcher::text::Broken;

/// Rules to be matched together. A copy shares everything and costs next to nothing.
#[derive(Debug, Clone, Default)]
pub struct Matcher {
    paths: Arc<Paths>,
    /// Largest first.
    parts: Vec<Part>,
}

/// A field of an event that need not be written down.
#[derive(Debug, Clone, Copy)]
pub enum Known<'e> {
    /// A string.
    Text(&'e str),
    /// An array of strings.
    Texts(&'e [String]),
}

/// Memory of matching. It belongs to no matcher: one for each thread is enough.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    leaves: Leaves,
    stack: Stack,
    work: Work,
}

/// Why an event is not matched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmatched {
    /// It is no JSON object.
    #[error(transparent)]
    Event(#[from] BadEvent),
    /// Its repeated keys leave too many ways to choose elements.
    #[error(transparent)]
    TooManyCombinations(#[from] TooManyCombinations),
}

impl Matcher {
    /// The matcher of some rules. Of two with one number the later stays.
    #[must_use]
    pub fn build(rules: impl IntoIterator<Item = (u32, Arc<Pattern>)>) -> Self {
        let rules: BTreeMap<u32, Arc<Pattern>> = rules.into_iter().collect();
        let mut matcher = Self::default();
        if !rules.is_empty() {
            matcher.parts.push(Part::build(rules.into_iter().collect(), &mut matcher.paths));
        }
        matcher
    }

    /// Takes rules away and others in, those in place of their numbers' earlier ones. Costs as much as the changed rules and, now
    /// and then, some of their neighbours; see [`Matcher::settle`].
    pub fn change(&mut self, gone: impl IntoIterator<Item = u32>, new: impl IntoIterator<Item = (u32, Arc<Pattern>)>) {
        let new: BTreeMap<u32, Arc<Pattern>> = new.into_iter().collect();
        for number in gone.into_iter().chain(new.keys().copied()) {
            self.parts.iter_mut().for_each(|part| part.remove(number));
        }
        self.parts.retain(|part| part.len() > 0);
        if !new.is_empty() {
            self.parts.push(Part::build(new.into_iter().collect(), &mut self.paths));
        }
        self.merge(MERGE_NOW_LIMIT_RULES);
    }

    /// Whether [`Matcher::settle`] has something to do.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        self.due(usize::MAX).is_some()
    }

    /// Merges what changes have left in pieces: few parts make matching fast. Costs as much as the pieces, at most a whole build.
    pub fn settle(&mut self) {
        self.merge(usize::MAX);
    }

    /// From which part on all are to become one, if that has at most `limit` rules.
    fn due(&self, limit: usize) -> Option<usize> {
        let mut behind = 0;
        let mut from = None;
        for (at, part) in self.parts.iter().enumerate().rev() {
            let crowded = at + 1 < self.parts.len() && part.len() <= behind * PART_LIMIT_RATIO;
            behind += part.len();
            if behind > limit {
                break;
            }
            if crowded || part.is_worn() {
                from = Some(at);
            }
        }
        from
    }

    fn merge(&mut self, limit: usize) {
        while let Some(from) = self.due(limit) {
            let merged = self.parts.drain(from..);
            let rules: BTreeMap<u32, Arc<Pattern>> =
                merged.flat_map(|part| part.rules().cloned().collect::<Vec<_>>()).collect();
            if from == 0 {
                // Nobody asks any more for what only rules asked for that are gone.
                self.paths = Arc::default();
            }
            self.parts.push(Part::build(rules.into_iter().collect(), &mut self.paths));
        }
    }

    /// The numbers of the rules that match the event `text`, ascending. What `out` held is gone.
    ///
    /// # Errors
    /// [`Unmatched`].
    pub fn find(&self, text: &str, scratch: &mut Scratch, out: &mut Vec<u32>) -> Result<(), Unmatched> {
        scratch.leaves.clear(self.paths.len());
        let scan = Scan::new(&self.paths, &mut scratch.leaves, &mut scratch.stack, text.as_bytes(), 0);
        scan.object(Paths::ROOT).map_err(|Broken| broken(text))?;
        self.search(text, scratch, out)
    }

    /// As [`Matcher::find`] of the event that has these fields and, under `key`, the object `text`. Keys are without dots, and each
    /// is there once.
    ///
    /// # Errors
    /// [`Unmatched`].
    pub fn find_in(
        &self,
        fields: &[(&str, Known<'_>)],
        (key, text): (&str, &str),
        scratch: &mut Scratch,
        out: &mut Vec<u32>,
    ) -> Result<(), Unmatched> {
        scratch.leaves.clear(self.paths.len());
        for (key, known) in fields {
            if let Some(node) = self.paths.child(Paths::ROOT, key.as_bytes()).filter(|node| self.paths.is_asked(*node))
            {
                scratch.leaves.known(node, *known);
            }
        }
        let node = self.paths.child(Paths::ROOT, key.as_bytes()).unwrap_or(paths::OUTSIDE);
        let scan = Scan::new(&self.paths, &mut scratch.leaves, &mut scratch.stack, text.as_bytes(), 1);
        scan.object(node).map_err(|Broken| broken(text))?;
        self.search(text, scratch, out)
    }

    fn search(&self, text: &str, scratch: &mut Scratch, out: &mut Vec<u32>) -> Result<(), Unmatched> {
        out.clear();
        let seen = Seen { text: text.as_bytes(), leaves: &scratch.leaves };
        for part in &self.parts {
            part.segment.find(&part.gone, seen, &self.paths, &mut scratch.work, out)?;
        }
        out.sort_unstable();
        out.dedup();
        Ok(())
    }

    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.iter().map(Part::len).sum()
    }

    /// Whether there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The memory that the rules take beside their patterns.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.paths.heap_bytes() + self.parts.iter().map(Part::heap_bytes).sum::<usize>()
    }
}

/// The reason in the reference's words.
fn broken(text: &str) -> BadEvent {
    match Event::parse(text) {
        Err(reason) => reason,
        // The two disagree, which the tests would have to show first: then it is refused too.
        Ok(_) => BadEvent { why: "it cannot be read".to_owned() },
    }
}
