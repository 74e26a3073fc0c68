//! From rules to a segment: each conjunction is put under the keys of the one field that picks it most sharply; where a key has
//! many all the same, under those of a second one.

use std::collections::HashMap;

use crate::ast::{Matcher, Pattern};
use crate::limits::{GROUP_LIMIT_LEVELS, LIST_MAX_ITEMS, SPLIT_FIELD_MAX_KEYS};
use crate::matcher::anchor::{Anchor, Family};
use crate::matcher::census::Census;
use crate::matcher::code;
use crate::matcher::lengths::Lengths;
use crate::matcher::paths::{Node, OUTSIDE, Paths};
use crate::matcher::posting::{Item, Posting};
use crate::matcher::ranges::Line;
use crate::matcher::segment::{Clause, Group, Place, Probe, Segment, Sub};
use crate::matcher::table::{NONE, Scope, Table};

/// A field of a conjunction.
#[derive(Clone, Copy)]
pub struct Field<'p> {
    pub path: Node,
    pub matchers: &'p [Matcher],
}

/// A conjunction on its way to its keys.
#[derive(Debug, Clone, Copy)]
pub struct Draft {
    pub sub: u32,
    /// Bit by bit, the fields by whose keys it was found.
    pub used: u64,
    /// Whether the last key is all that it asks for.
    settled: bool,
}

/// All conjunctions with their fields.
pub struct Fields<'p> {
    all: Vec<Field<'p>>,
    /// Where each conjunction's begin, and at last where they end.
    firsts: Vec<u32>,
}

impl<'p> Fields<'p> {
    pub fn of(&self, sub: u32) -> &[Field<'p>] {
        &self.all[self.firsts[sub as usize] as usize..self.firsts[sub as usize + 1] as usize]
    }

    /// A draft's fields that it was not found by, with their bits.
    pub fn unused(&self, draft: Draft) -> impl Iterator<Item = (u64, Field<'p>)> {
        let fields = self.of(draft.sub).iter().enumerate();
        // A field beyond the 64th is asked for, but never picked by.
        let bits = fields.map_while(|(at, field)| Some((1_u64.checked_shl(at as u32)?, *field)));
        bits.filter(move |(bit, _)| draft.used & bit == 0)
    }
}

/// What keys in the table belong to.
#[derive(PartialEq, Eq, Hash)]
enum Owner {
    /// Codes of a path's clauses.
    Clauses(Node),
    /// Lists of strings or numbers, each as one key.
    Lists,
}

struct Builder<'p> {
    fields: Fields<'p>,
    segment: Segment,
    owners: HashMap<Owner, Scope>,
    scopes: u32,
}

/// The kinds of keys of one group while it is built.
#[derive(Default)]
struct Kinds {
    known: HashMap<(Node, Family, u8, u8), usize>,
    all: Vec<(Node, Probe)>,
}

/// The segment of some rules, whose numbers ascend. All that they ask for is asked for in `paths`.
pub fn segment<'p>(rules: impl Iterator<Item = (u32, &'p Pattern)>, paths: &Paths) -> Segment {
    let (mut fields, mut subs) = (Fields { all: Vec::new(), firsts: vec![0] }, Vec::new());
    for (rule, pattern) in rules {
        for conjunction in &pattern.alternatives {
            let each = conjunction.iter().map(|(path, matchers)| {
                let path = paths.asked(path).unwrap_or(OUTSIDE);
                Field { path, matchers }
            });
            fields.all.extend(each);
            fields.firsts.push(fields.all.len() as u32);
            subs.push(Sub { rule, program: NONE });
        }
    }
    let drafts: Vec<Draft> = (0..subs.len() as u32).map(|sub| Draft { sub, used: 0, settled: false }).collect();
    let mut builder = Builder { fields, segment: Segment::empty(subs), owners: HashMap::new(), scopes: 0 };
    builder.group(&drafts, 0);
    builder.finish(paths.len())
}

impl Segment {
    fn empty(subs: Vec<Sub>) -> Self {
        Self {
            table: Table::with_capacity(subs.len()),
            subs,
            programs: Vec::new(),
            clauses: Vec::new(),
            items: Vec::new(),
            lists: vec![0],
            groups: Vec::new(),
            places: Vec::new(),
            probes: Vec::new(),
            roots: Vec::new(),
            lines: Vec::new(),
        }
    }
}

impl<'p> Builder<'p> {
    fn finish(mut self, paths: usize) -> Segment {
        let group = self.segment.groups[0];
        if group.count as usize * 8 >= paths {
            self.segment.roots.resize(paths, 0);
            for at in 0..group.count {
                let path = self.segment.places[(group.first + at) as usize].path;
                self.segment.roots[path as usize] = at + 1;
            }
        }
        self.segment.table.shrink();
        self.segment.programs.shrink_to_fit();
        self.segment.clauses.shrink_to_fit();
        self.segment.items.shrink_to_fit();
        self.segment.lists.shrink_to_fit();
        self.segment.places.shrink_to_fit();
        self.segment.probes.shrink_to_fit();
        self.segment
    }

    fn scope(&mut self) -> Scope {
        self.scopes += 1;
        self.scopes - 1
    }

    /// Puts drafts under their keys and gives the group's number.
    fn group(&mut self, drafts: &[Draft], level: u32) -> u32 {
        let census = Census::of(drafts, &self.fields, level);
        let chosen: Vec<Option<(u64, Field<'p>)>> =
            drafts.iter().map(|draft| census.sharpest(*draft, &self.fields, level)).collect();
        self.put(drafts, &chosen, level)
    }

    fn put(&mut self, drafts: &[Draft], chosen: &[Option<(u64, Field<'p>)>], level: u32) -> u32 {
        let number = self.segment.groups.len() as u32;
        self.segment.groups.push(Group { always: Posting::NONE, first: 0, count: 0 });
        let (mut kinds, mut keyed, mut ranged, mut always) = (Kinds::default(), Vec::new(), Vec::new(), Vec::new());
        let lengths = Lengths::of(chosen.iter().flatten().map(|(_, field)| *field));
        for (draft, chosen) in drafts.iter().zip(chosen) {
            let Some((bit, field)) = chosen else {
                let settled = self.fields.of(draft.sub).is_empty();
                always.push(Draft { settled, ..*draft });
                continue;
            };
            let single = self.fields.of(draft.sub).len() == 1;
            for anchor in field.matchers.iter().filter_map(Anchor::of) {
                let anchor = lengths.cut(field.path, anchor);
                let draft = Draft { used: draft.used | bit, settled: single && anchor.exact, ..*draft };
                match anchor.range {
                    Some(range) => ranged.push((field.path, range, draft)),
                    None => keyed.push((self.key(&mut kinds, field.path, &anchor), draft)),
                }
            }
        }
        let always = if always.is_empty() { Posting::NONE } else { self.list(&always) };
        self.keyed(keyed, level);
        self.ranged(ranged, &mut kinds, level);
        let (first, count) = self.places(kinds);
        self.segment.groups[number as usize] = Group { always, first, count };
        number
    }

    /// The entry of a key.
    fn key(&mut self, kinds: &mut Kinds, path: Node, anchor: &Anchor<'_>) -> u32 {
        let kind = (path, anchor.family, anchor.first, anchor.last);
        let at = match kinds.known.get(&kind) {
            Some(at) => *at,
            None => {
                let (family, first, last) = (anchor.family, anchor.first, anchor.last);
                let scope = self.scope();
                kinds.all.push((path, Probe { family, first, last, scope, posting: Posting::NONE }));
                kinds.known.insert(kind, kinds.all.len() - 1);
                kinds.all.len() - 1
            }
        };
        self.segment.table.insert(kinds.all[at].1.scope, &anchor.bytes)
    }

    fn keyed(&mut self, mut keyed: Vec<(u32, Draft)>, level: u32) {
        keyed.sort_unstable_by_key(|(entry, draft)| (*entry, draft.sub, !draft.settled));
        // The same key twice in one field.
        keyed.dedup_by_key(|(entry, draft)| (*entry, draft.sub));
        let mut run = Vec::new();
        for same in keyed.chunk_by(|one, other| one.0 == other.0) {
            run.clear();
            run.extend(same.iter().map(|(_, draft)| *draft));
            let posting = self.posting(&run, level);
            self.segment.table.set(same[0].0, posting.0);
        }
    }

    fn ranged(&mut self, mut ranged: Vec<(Node, crate::ast::Range, Draft)>, kinds: &mut Kinds, level: u32) {
        ranged.sort_by_key(|(path, _, _)| *path);
        for same in ranged.chunk_by(|one, other| one.0 == other.0) {
            let line = Line::cut(same.iter().map(|(_, range, _)| range));
            let mut covered = Vec::new();
            for (_, range, draft) in same {
                line.cover(range, |node| covered.push((node, *draft)));
            }
            covered.sort_unstable_by_key(|(node, draft)| (*node, draft.sub));
            covered.dedup_by_key(|(node, draft)| (*node, draft.sub));
            let mut postings = vec![Posting::NONE; line.nodes()];
            for same in covered.chunk_by(|one, other| one.0 == other.0) {
                let drafts: Vec<Draft> = same.iter().map(|(_, draft)| *draft).collect();
                postings[same[0].0] = self.posting(&drafts, level);
            }
            let probe = Probe {
                family: Family::Range,
                first: 0,
                last: 0,
                scope: self.segment.lines.len() as Scope,
                posting: Posting::NONE,
            };
            self.segment.lines.push((line, postings));
            kinds.all.push((same[0].0, probe));
        }
    }

    /// Writes a group's places down.
    fn places(&mut self, mut kinds: Kinds) -> (u32, u32) {
        kinds.all.sort_by_key(|(path, _)| *path);
        let first = self.segment.places.len();
        for same in kinds.all.chunk_by(|one, other| one.0 == other.0) {
            let at = self.segment.probes.len() as u32;
            self.segment.places.push(Place { path: same[0].0, first: at, count: same.len() as u32 });
            for (_, probe) in same {
                let has_one_key = matches!(
                    probe.family,
                    Family::Present | Family::AnyString | Family::Null | Family::False | Family::True
                );
                let value = if has_one_key { self.segment.table.get(probe.scope, &[]) } else { NONE };
                self.segment.probes.push(Probe { posting: Posting(value), ..*probe });
            }
        }
        (first as u32, (self.segment.places.len() - first) as u32)
    }

    /// Where a key with these drafts leads.
    fn posting(&mut self, drafts: &[Draft], level: u32) -> Posting {
        if let [draft] = drafts {
            return Posting::item(self.item(*draft));
        }
        let open = drafts.iter().filter(|draft| !draft.settled).count();
        if open > LIST_MAX_ITEMS && level + 1 < GROUP_LIMIT_LEVELS {
            let census = Census::of(drafts, &self.fields, level + 1);
            let chosen: Vec<_> = drafts.iter().map(|draft| census.sharpest(*draft, &self.fields, level + 1)).collect();
            // A group in which most have no key would be looked through like a list.
            if chosen.iter().flatten().count() * 2 > drafts.len() {
                return Posting::group(self.put(drafts, &chosen, level + 1));
            }
        }
        self.list(drafts)
    }

    fn list(&mut self, drafts: &[Draft]) -> Posting {
        if let [draft] = drafts {
            return Posting::item(self.item(*draft));
        }
        for draft in drafts {
            let item = self.item(*draft);
            self.segment.items.push(item);
        }
        self.segment.lists.push(self.segment.items.len() as u32);
        Posting::list(self.segment.lists.len() as u32 - 2)
    }

    fn item(&mut self, draft: Draft) -> Item {
        if !draft.settled && self.segment.subs[draft.sub as usize].program == NONE {
            let program = self.program(draft.sub);
            self.segment.subs[draft.sub as usize].program = program;
        }
        Item::new(draft.sub, draft.settled)
    }

    fn program(&mut self, sub: u32) -> u32 {
        let count = self.fields.of(sub).len();
        let clauses: Vec<u32> = (0..count).map(|at| self.clause(self.fields.of(sub)[at])).collect();
        let at = self.segment.programs.len() as u32;
        self.segment.programs.push(count as u32);
        self.segment.programs.extend(clauses);
        at
    }

    /// The clause of a field: one for all fields that say the same.
    fn clause(&mut self, field: Field<'p>) -> u32 {
        let scope = self.owner(Owner::Clauses(field.path));
        let mut text = Vec::new();
        code::encode(field.matchers, &mut text, &mut |keys| self.many(&keys));
        let entry = self.segment.table.insert(scope, &text);
        if self.segment.table.value(entry) == NONE {
            self.segment.table.set(entry, self.segment.clauses.len() as u32);
            self.segment.clauses.push(Clause { path: field.path, entry });
        }
        self.segment.table.value(entry)
    }

    fn owner(&mut self, owner: Owner) -> Scope {
        let new = self.scopes;
        let scope = *self.owners.entry(owner).or_insert(new);
        self.scopes += u32::from(scope == new);
        scope
    }

    /// A scope that holds some keys: one for all lists that are the same.
    fn many(&mut self, keys: &[&[u8]]) -> Scope {
        let scope = self.owner(Owner::Lists);
        let mut whole = Vec::new();
        for key in keys {
            whole.extend_from_slice(&(key.len() as u32).to_le_bytes());
            whole.extend_from_slice(key);
        }
        let entry = self.segment.table.insert(scope, &whole);
        if self.segment.table.value(entry) == NONE {
            let own = self.scope();
            self.segment.table.set(entry, own);
            for key in keys {
                self.segment.table.insert(own, key);
            }
        }
        self.segment.table.value(entry)
    }
}

/// Whether a field may pick at a level: in the second one each conjunction stands under each of its keys in each of the first.
pub fn may_pick(field: &Field<'_>, level: u32) -> bool {
    (level == 0 || field.matchers.len() <= SPLIT_FIELD_MAX_KEYS)
        && !field.matchers.is_empty()
        && !field.matchers.contains(&Matcher::Exists(false))
}
