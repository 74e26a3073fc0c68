//! Some rules, compiled: which of them to look at, by what an event has, and what else they ask for.

use std::ops::Range;

use crate::address::Address;
use crate::error::TooManyCombinations;
use crate::matcher::anchor::{Family, address_key, block_key, number_key};
use crate::matcher::code;
use crate::matcher::elements::{Fields, Ways};
use crate::matcher::gone::Gone;
use crate::matcher::leaves::{Kind, Leaf, Seen, Span};
use crate::matcher::paths::{Node, Paths};
use crate::matcher::posting::{Item, Posting, To};
use crate::matcher::ranges::Line;
use crate::matcher::table::{Scope, Table};

/// A conjunction of a rule's.
#[derive(Debug, Clone, Copy)]
pub struct Sub {
    pub rule: u32,
    /// Where its clauses stand in `programs`; unset while nobody asks for them.
    pub program: u32,
}

/// What a field's values may be.
#[derive(Debug, Clone, Copy)]
pub struct Clause {
    pub path: Node,
    /// The entry whose key is its code.
    pub entry: u32,
}

/// Conjunctions under one key, by their other keys.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// Those that have none.
    pub always: Posting,
    /// Its places, ascending by path.
    pub first: u32,
    pub count: u32,
}

/// The keys that a group looks for at a path.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub path: Node,
    pub first: u32,
    pub count: u32,
}

/// One kind of key.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    pub family: Family,
    pub first: u8,
    pub last: u8,
    /// Of its keys in the table; a line's number for ranges.
    pub scope: Scope,
    /// Of the kinds that have one key only.
    pub posting: Posting,
}

/// A segment. It never changes.
#[derive(Debug, Clone)]
pub struct Segment {
    pub table: Table,
    pub subs: Vec<Sub>,
    /// How many, and the clauses in the order of their paths.
    pub programs: Vec<u32>,
    pub clauses: Vec<Clause>,
    pub items: Vec<Item>,
    /// Where each list of items begins, and at last where they end.
    pub lists: Vec<u32>,
    pub groups: Vec<Group>,
    pub places: Vec<Place>,
    pub probes: Vec<Probe>,
    /// Of the first group, if it has a good part of all paths: by path the place's number and one.
    pub roots: Vec<u32>,
    pub lines: Vec<(Line, Vec<Posting>)>,
}

/// Memory of a search, kept from event to event.
#[derive(Debug, Clone, Default)]
pub struct Work {
    generation: u32,
    /// By clause: the generation, and how it was decided.
    verdicts: Vec<u32>,
    /// By list or group: the generation in which it was looked at.
    visited: Vec<u32>,
    /// By rule or alternative: the generation in which its arrays were looked at.
    joined: Vec<u32>,
    folded: Vec<u8>,
    /// Where the string stands that `folded` is of, in lower case.
    folded_of: Option<Span>,
    ways: Ways,
}

const NO: u32 = 1;
/// By a leaf outside of all arrays, or by absence.
const OUTSIDE: u32 = 2;
/// By leaves in arrays only.
const INSIDE: u32 = 3;

impl Work {
    /// Forgets the search before.
    fn begin(&mut self, segment: &Segment) {
        self.generation += 1;
        if self.generation >= 1 << 30 {
            self.verdicts.fill(0);
            self.visited.fill(0);
            self.joined.fill(0);
            self.generation = 1;
        }
        if self.verdicts.len() < segment.clauses.len() {
            self.verdicts.resize(segment.clauses.len(), 0);
        }
        if self.joined.len() < segment.subs.len() {
            self.joined.resize(segment.subs.len(), 0);
        }
        let postings = segment.lists.len() + segment.groups.len();
        if self.visited.len() < postings {
            self.visited.resize(postings, 0);
        }
        self.folded_of = None;
    }
}

impl Segment {
    /// Appends the rules that take an event; one may come several times.
    ///
    /// # Errors
    /// [`TooManyCombinations`], only where the event repeats keys.
    pub fn find(
        &self,
        gone: &Gone,
        seen: Seen<'_>,
        paths: &Paths,
        work: &mut Work,
        out: &mut Vec<u32>,
    ) -> Result<(), TooManyCombinations> {
        work.begin(self);
        Search { segment: self, gone, paths, seen, work, out }.group(0)
    }

    /// The conjunctions of a rule. Those of the smallest number come first.
    pub fn subs_of(&self, rule: u32) -> Range<u32> {
        let from = self.subs.partition_point(|sub| sub.rule < rule);
        let count = self.subs[from..].partition_point(|sub| sub.rule == rule);
        from as u32..(from + count) as u32
    }

    fn clauses(&self, program: u32) -> &[u32] {
        let count = self.programs[program as usize];
        &self.programs[program as usize + 1..][..count as usize]
    }

    fn code(&self, clause: u32) -> &[u8] {
        self.table.key(self.clauses[clause as usize].entry)
    }

    /// What it takes.
    pub fn heap_bytes(&self) -> usize {
        let lines = self.lines.iter().map(|(line, postings)| line.heap_bytes() + postings.capacity() * 4);
        self.table.heap_bytes()
            + self.subs.capacity() * size_of::<Sub>()
            + self.clauses.capacity() * size_of::<Clause>()
            + (self.programs.capacity() + self.items.capacity() + self.lists.capacity() + self.roots.capacity()) * 4
            + self.groups.capacity() * size_of::<Group>()
            + self.places.capacity() * size_of::<Place>()
            + self.probes.capacity() * size_of::<Probe>()
            + lines.sum::<usize>()
    }
}

/// One event against one segment.
struct Search<'a> {
    segment: &'a Segment,
    gone: &'a Gone,
    paths: &'a Paths,
    seen: Seen<'a>,
    work: &'a mut Work,
    out: &'a mut Vec<u32>,
}

type Found = Result<(), TooManyCombinations>;

impl<'a> Search<'a> {
    // Groups lie in each other as deep as the builder's limit at most.
    fn group(&mut self, number: u32) -> Found {
        let segment = self.segment;
        let group = segment.groups[number as usize];
        self.take(group.always)?;
        let places = &segment.places[group.first as usize..][..group.count as usize];
        if places.len() > self.seen.leaves.paths.len() {
            let roots = if number == 0 { &segment.roots[..] } else { &[] };
            for path in &self.seen.leaves.paths {
                let at = match roots.get(*path as usize) {
                    Some(at) => (*at as usize).checked_sub(1),
                    None => places.binary_search_by_key(path, |place| place.path).ok(),
                };
                if let Some(at) = at {
                    self.place(&places[at])?;
                }
            }
        } else {
            for place in places {
                self.place(place)?;
            }
        }
        Ok(())
    }

    fn place(&mut self, place: &Place) -> Found {
        let probes = &self.segment.probes[place.first as usize..][..place.count as usize];
        for leaf in self.seen.at(place.path) {
            for probe in probes {
                self.probe(probe, leaf)?;
            }
        }
        Ok(())
    }

    #[inline]
    fn probe(&mut self, probe: &Probe, leaf: &Leaf) -> Found {
        let posting = match (probe.family, leaf.kind) {
            (Family::Present, _)
            | (Family::AnyString, Kind::String)
            | (Family::Null, Kind::Null)
            | (Family::False, Kind::False)
            | (Family::True, Kind::True) => probe.posting,
            (Family::Exact, Kind::String) => self.key(probe, self.seen.bytes(leaf)),
            (Family::Number, Kind::Number) => {
                let posting = self.key(probe, &number_key(leaf.value));
                if posting.is_none() || self.seen.is_double(leaf) { posting } else { Posting::NONE }
            }
            (Family::NumberText, Kind::Number) => {
                let posting = self.key(probe, self.seen.bytes(leaf));
                if posting.is_none() || !self.seen.is_double(leaf) { posting } else { Posting::NONE }
            }
            (Family::Range, Kind::Number) => return self.stab(probe, leaf),
            (Family::Window, Kind::String) => return self.windows(probe, leaf),
            (_, Kind::String) => self.part(probe, leaf),
            _ => return Ok(()),
        };
        self.take(posting)
    }

    #[inline]
    fn key(&self, probe: &Probe, key: &[u8]) -> Posting {
        Posting(self.segment.table.get(probe.scope, key))
    }

    /// The keys that are parts or other forms of a string.
    fn part(&mut self, probe: &Probe, leaf: &Leaf) -> Posting {
        let value = self.seen.bytes(leaf);
        let (first, last) = (usize::from(probe.first), usize::from(probe.last));
        let is_block = matches!(probe.family, Family::Block4 | Family::Block6);
        let rest = match value.len().checked_sub(last) {
            Some(rest) if is_block || first <= value.len() => rest,
            _ => return Posting::NONE,
        };
        match probe.family {
            Family::Prefix => self.key(probe, &value[..first]),
            Family::Suffix => self.key(probe, &value[rest..]),
            Family::Ends => {
                let mut key = [0; 16];
                key[..first].copy_from_slice(&value[..first]);
                key[first..first + last].copy_from_slice(&value[rest..]);
                self.key(probe, &key[..first + last])
            }
            Family::Folded => {
                self.fold(leaf);
                self.key(probe, &self.work.folded)
            }
            Family::FoldedPrefix => {
                self.fold(leaf);
                self.key(probe, &self.work.folded[..first])
            }
            Family::FoldedSuffix => {
                self.fold(leaf);
                self.key(probe, &self.work.folded[rest..])
            }
            _ => match (probe.family, code::address(value)) {
                (Family::Address, Some(address)) => self.key(probe, &address_key(address)),
                (Family::Block4, Some(address @ Address::V4(_))) | (Family::Block6, Some(address @ Address::V6(_))) => {
                    self.key(probe, &block_key(address, probe.first))
                }
                _ => Posting::NONE,
            },
        }
    }

    fn fold(&mut self, leaf: &Leaf) {
        if self.work.folded_of != Some(leaf.span) {
            self.work.folded.clear();
            self.work.folded.extend_from_slice(self.seen.bytes(leaf));
            self.work.folded.make_ascii_lowercase();
            self.work.folded_of = Some(leaf.span);
        }
    }

    fn windows(&mut self, probe: &Probe, leaf: &Leaf) -> Found {
        for window in self.seen.bytes(leaf).windows(usize::from(probe.first)) {
            self.take(self.key(probe, window))?;
        }
        Ok(())
    }

    fn stab(&mut self, probe: &Probe, leaf: &Leaf) -> Found {
        let (line, postings) = &self.segment.lines[probe.scope as usize];
        for node in line.stab(leaf.value) {
            let posting = postings[node];
            if !posting.is_none() {
                if !self.seen.is_double(leaf) {
                    return Ok(());
                }
                self.take(posting)?;
            }
        }
        Ok(())
    }

    #[inline]
    fn take(&mut self, posting: Posting) -> Found {
        match posting.to() {
            None => Ok(()),
            Some(To::Item(item)) => self.candidate(item),
            Some(To::List(list)) if self.is_new(list) => {
                let ends = &self.segment.lists[list as usize..][..2];
                for item in &self.segment.items[ends[0] as usize..ends[1] as usize] {
                    self.candidate(*item)?;
                }
                Ok(())
            }
            Some(To::Group(group)) if self.is_new(self.segment.lists.len() as u32 + group) => self.group(group),
            Some(To::List(_) | To::Group(_)) => Ok(()),
        }
    }

    /// Whether this search has not looked there before: many elements of an array may have one key.
    fn is_new(&mut self, posting: u32) -> bool {
        std::mem::replace(&mut self.work.visited[posting as usize], self.work.generation) != self.work.generation
    }

    fn candidate(&mut self, item: Item) -> Found {
        if self.gone.has(item.sub()) {
            return Ok(());
        }
        let sub = self.segment.subs[item.sub() as usize];
        if !item.is_settled() {
            let mut inside = 0;
            let program = self.segment.clauses(sub.program);
            for clause in program {
                match self.verdict(*clause) {
                    NO => return Ok(()),
                    INSIDE => inside += 1,
                    _ => {}
                }
            }
            if inside > 1 {
                // It looks at all leaves, and as many elements of an array may have the key that led here: once an event is enough.
                let joined = &mut self.work.joined[item.sub() as usize];
                if std::mem::replace(joined, self.work.generation) == self.work.generation {
                    return Ok(());
                }
                let fields = Taken { segment: self.segment, program, seen: self.seen };
                if !self.work.ways.agree(&fields, self.seen.leaves, self.paths)? {
                    return Ok(());
                }
            }
        }
        self.out.push(sub.rule);
        Ok(())
    }

    /// Whether a clause holds: decided once an event, however many rules share it.
    fn verdict(&mut self, clause: u32) -> u32 {
        let known = self.work.verdicts[clause as usize];
        if known >> 2 == self.work.generation {
            return known & 3;
        }
        let verdict = self.decide(clause);
        self.work.verdicts[clause as usize] = self.work.generation << 2 | verdict;
        verdict
    }

    fn decide(&self, clause: u32) -> u32 {
        let code = self.segment.code(clause);
        let mut leaves = self.seen.at(self.segment.clauses[clause as usize].path).peekable();
        if leaves.peek().is_none() {
            return if code::takes_absence(code) { OUTSIDE } else { NO };
        }
        let mut verdict = NO;
        for leaf in leaves {
            // One inside is enough, unless there is one outside.
            if (verdict == NO || leaf.element == 0) && code::takes(code, leaf, self.seen, &self.segment.table) {
                if leaf.element == 0 {
                    return OUTSIDE;
                }
                verdict = INSIDE;
            }
        }
        verdict
    }
}

/// A conjunction's clauses and what they take of an event.
struct Taken<'a> {
    segment: &'a Segment,
    program: &'a [u32],
    seen: Seen<'a>,
}

impl Fields for Taken<'_> {
    fn count(&self) -> usize {
        self.program.len()
    }

    fn path(&self, at: usize) -> Node {
        self.segment.clauses[self.program[at] as usize].path
    }

    fn taken(&self, at: usize, mut element: impl FnMut(u32)) -> bool {
        let code = self.segment.code(self.program[at]);
        let mut any = false;
        for leaf in self.seen.at(self.path(at)) {
            any = true;
            if code::takes(code, leaf, self.seen, &self.segment.table) {
                element(leaf.element);
            }
        }
        any
    }
}
