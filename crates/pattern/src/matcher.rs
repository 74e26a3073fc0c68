//! Many rules against one event: the rules are looked up by what the event has, instead of being walked.
//!
//! In: rules, each a number and a pattern; an event's text, or the fields that it would be written from.
//! Out: the numbers of those that match, ascending, each once.
//! Never: another verdict than [`Pattern::matches`] has, a rule that is looked at without reason, or memory taken in matching once
//! the scratch has grown to what events need.
//!
//! The way of an event: `scan` passes its text along `paths` and keeps the asked `leaves`; a `segment` looks their keys up (`anchor`
//! says which, `build` chose one field of each rule by the `census`), and asks what else a rule wants (`code`, `elements`).

mod anchor;
mod build;
mod census;
mod code;
mod decimal;
mod elements;
mod hash;
mod leaves;
mod lengths;
mod paths;
mod posting;
mod ranges;
mod scan;
mod segment;
mod table;
mod text;

#[cfg(test)]
mod tests;

use crate::ast::Pattern;
use crate::error::{BadEvent, TooManyCombinations};
use crate::event::Event;
use crate::matcher::leaves::{Leaves, Seen};
use crate::matcher::paths::Paths;
use crate::matcher::scan::{Scan, Stack};
use crate::matcher::segment::{Segment, Work};
use crate::matcher::text::Broken;

/// Rules to be matched together.
#[derive(Debug, Clone)]
pub struct Matcher {
    paths: Paths,
    segment: Segment,
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
    /// The matcher of some rules.
    #[must_use]
    pub fn build<'p>(rules: impl Iterator<Item = (u32, &'p Pattern)>) -> Self {
        let mut paths = Paths::default();
        let segment = build::segment(rules, &mut paths);
        Self { paths, segment }
    }

    /// The numbers of the rules that match the event `text`, ascending. What `out` held is gone.
    ///
    /// # Errors
    /// [`Unmatched`].
    pub fn find(&self, text: &str, scratch: &mut Scratch, out: &mut Vec<u32>) -> Result<(), Unmatched> {
        out.clear();
        scratch.leaves.clear(self.paths.len());
        let scan = Scan::new(&self.paths, &mut scratch.leaves, &mut scratch.stack, text.as_bytes(), 0);
        scan.object(Paths::ROOT).map_err(|Broken| broken(text))?;
        let seen = Seen { text: text.as_bytes(), leaves: &scratch.leaves };
        self.segment.find(seen, &self.paths, &mut scratch.work, out)?;
        out.sort_unstable();
        out.dedup();
        Ok(())
    }

    /// The memory that the rules take.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.paths.heap_bytes() + self.segment.heap_bytes()
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
