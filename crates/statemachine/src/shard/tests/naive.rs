//! A naive machine: plain maps, every delivery a state, nothing about watermarks deciding what is done.

use std::collections::{BTreeMap, BTreeSet};

use crate::codec::shard::Terminal;

pub(super) const RULES: [(u64, &[u64]); 2] = [(10, &[11, 12]), (20, &[21])];
/// Control index at which target 21 was minted; the others were there from the start.
pub(super) const LATE: u64 = 5;

pub(super) fn rule_of(target: u64) -> u64 {
    RULES.iter().find(|(_, targets)| targets.contains(&target)).map_or(99, |(rule, _)| *rule)
}

pub(super) fn minted(target: u64) -> u64 {
    if target == 21 { LATE } else { 0 }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Pending,
    Parked(u32),
    Ended(Terminal),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Naive {
    pub(super) next: u64,
    pub(super) watermark: u64,
    pub(super) time_ms: u64,
    /// (bus, id) of each event.
    pub(super) ids: BTreeMap<u64, (u64, u8)>,
    pub(super) has_rules: BTreeSet<u64>,
    pub(super) states: BTreeMap<(u64, u64), State>,
    pub(super) lanes: BTreeSet<u64>,
    /// (queue, sequence, target) → due, received.
    pub(super) messages: BTreeMap<(u64, u64, u64), (u64, u32)>,
    pub(super) held: BTreeSet<(u64, u64, u64)>,
    /// When each message or dead letter that ever was was laid.
    pub(super) laid: BTreeMap<(u64, u64, u64), u64>,
    pub(super) buried: BTreeSet<u64>,
}

impl Naive {
    pub(super) fn new() -> Self {
        Self { next: 1, watermark: 1, ..Self::default() }
    }

    pub(super) fn append(&mut self, (bus, id): (u64, u8), control: u64, rules: &[u64], direct: &[(u64, u64)]) -> u64 {
        if rules.is_empty() && direct.is_empty() {
            return 0;
        }
        let sequence = self.next;
        self.next += 1;
        self.ids.insert(sequence, (bus, id));
        if !rules.is_empty() {
            self.has_rules.insert(sequence);
        }
        for (rule, targets) in RULES {
            for target in targets.iter().filter(|target| rules.contains(&rule) && minted(**target) <= control) {
                let state = if self.lanes.contains(target) { State::Parked(0) } else { State::Pending };
                self.states.insert((sequence, *target), state);
            }
        }
        for (target, queue) in direct {
            let gone = self.buried.contains(queue) || self.buried.contains(&bus);
            let end = if gone { Terminal::Cancelled } else { Terminal::Delivered };
            self.states.insert((sequence, *target), State::Ended(end));
            if !gone {
                self.messages.insert((*queue, sequence, *target), (self.time_ms, 0));
                self.laid.insert((*queue, sequence, *target), self.time_ms);
            }
        }
        sequence
    }

    pub(super) fn is_open(&self, sequence: u64, target: u64) -> bool {
        matches!(self.states.get(&(sequence, target)), Some(State::Pending | State::Parked(_)))
    }

    pub(super) fn end(&mut self, sequence: u64, target: u64, terminal: Terminal) -> bool {
        let open = self.is_open(sequence, target);
        if open {
            self.states.insert((sequence, target), State::Ended(terminal));
        }
        open
    }

    pub(super) fn park(&mut self, sequence: u64, target: u64, attempts: u32) -> bool {
        let Some(state) = self.states.get_mut(&(sequence, target)) else { return false };
        match *state {
            State::Ended(_) => return false,
            State::Parked(before) if attempts < before => return false,
            State::Pending | State::Parked(_) => *state = State::Parked(attempts),
        }
        true
    }

    pub(super) fn detach_above(&mut self, followed: u64, target: u64) -> u32 {
        let mut parked = 0;
        for ((sequence, owed), state) in &mut self.states {
            if *owed == target && *sequence > followed && *state == State::Pending {
                *state = State::Parked(0);
                parked += 1;
            }
        }
        self.lanes.insert(target);
        parked
    }

    pub(super) fn lowest_pending(&self) -> u64 {
        let mut pending = self.states.iter().filter(|(_, state)| **state == State::Pending);
        pending.next().map_or(self.next, |((sequence, _), _)| *sequence)
    }

    pub(super) fn receive(
        &mut self,
        queue: u64,
        limit: usize,
        visibility_ms: u64,
        redrive: Option<(u64, u32)>,
    ) -> Vec<(u64, u64, u32)> {
        let redrive = redrive.filter(|(to, _)| *to != queue && !self.buried.contains(to));
        let visible = self.messages.iter().filter(|((of, ..), (due, _))| *of == queue && *due <= self.time_ms);
        let mut order: Vec<_> = visible.map(|((_, sequence, target), (due, _))| (*due, *sequence, *target)).collect();
        order.sort_unstable();
        order.truncate(limit);
        let mut handed = Vec::new();
        for (_, sequence, target) in order {
            if let Some((to, _)) = redrive.filter(|(_, after)| self.messages[&(queue, sequence, target)].1 >= *after) {
                self.messages.remove(&(queue, sequence, target));
                self.messages.insert((to, sequence, target), (self.time_ms, 0));
                let laid_ms = self.laid[&(queue, sequence, target)];
                self.laid.insert((to, sequence, target), laid_ms);
                continue;
            }
            let message = self.messages.get_mut(&(queue, sequence, target)).unwrap();
            *message = (self.time_ms + visibility_ms, message.1 + 1);
            handed.push((sequence, target, message.1));
        }
        handed
    }

    pub(super) fn expire(&mut self, item: (u64, u64, u64), kept_ms: u64) -> u32 {
        let old = self.laid.get(&item).is_some_and(|laid_ms| laid_ms + kept_ms <= self.time_ms);
        u32::from(old && (self.messages.remove(&item).is_some() | self.held.remove(&item)))
    }

    pub(super) fn bury(&mut self, uid: u64) -> u32 {
        self.buried.insert(uid);
        let before = self.messages.len() * 2 + self.held.len();
        self.messages.retain(|(queue, ..), _| *queue != uid);
        self.held.retain(|(bus, ..)| *bus != uid);
        u32::try_from(before - self.messages.len() * 2 - self.held.len()).unwrap()
    }

    pub(super) fn parked(&self) -> BTreeMap<(u64, u64), u32> {
        let parked = self.states.iter().filter_map(|((sequence, target), state)| match state {
            State::Parked(attempts) => Some(((*target, *sequence), *attempts)),
            _ => None,
        });
        parked.collect()
    }
}
