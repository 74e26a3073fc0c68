//! Which rules of a bus want an event: its matcher, kept in step with its rules. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use bascule_pattern::Pattern;
use bascule_pattern::matcher::{Matcher, Scratch};

use crate::limits::SCRATCHES_LIMIT_COUNT;

/// The rules of a bus that pick events, by their numbers in its matcher.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    matcher: Matcher,
    slots: BTreeMap<Arc<str>, Slot>,
    /// By number, the rule's name.
    names: Vec<Option<Arc<str>>>,
    /// Numbers that nobody has.
    free: Vec<u32>,
}

#[derive(Debug, Clone)]
struct Slot {
    number: u32,
    pattern: Arc<Pattern>,
}

impl Wanted {
    /// Takes changed rules in, by name with the pattern by which each picks events now, if it does.
    pub(crate) fn change<'r>(&mut self, rules: impl Iterator<Item = (&'r str, Option<Arc<Pattern>>)>) {
        let (mut gone, mut new) = (Vec::new(), Vec::new());
        for (name, pattern) in rules {
            match (self.slots.get_mut(name), pattern) {
                // Patterns are compiled anew only if their text changed.
                (Some(slot), Some(pattern)) if Arc::ptr_eq(&slot.pattern, &pattern) => {}
                (Some(slot), Some(pattern)) => {
                    slot.pattern = Arc::clone(&pattern);
                    new.push((slot.number, pattern));
                }
                (Some(slot), None) => {
                    gone.push(slot.number);
                    self.names[slot.number as usize] = None;
                    self.slots.remove(name);
                }
                (None, Some(pattern)) => {
                    let (name, number) = (Arc::<str>::from(name), self.number());
                    self.names[number as usize] = Some(Arc::clone(&name));
                    self.slots.insert(name, Slot { number, pattern: Arc::clone(&pattern) });
                    new.push((number, pattern));
                }
                (None, None) => {}
            }
        }
        if !gone.is_empty() || !new.is_empty() {
            self.matcher.change(gone.iter().copied(), new);
            self.matcher.settle();
            // Only now, so that one change gives no number to two rules.
            self.free.append(&mut gone);
        }
    }

    fn number(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.names.push(None);
            // There are fewer rules on a bus than numbers: each takes a key of the control group.
            (self.names.len() - 1) as u32
        })
    }

    /// The matcher.
    #[must_use]
    pub const fn matcher(&self) -> &Matcher {
        &self.matcher
    }

    /// The name of the rule that has a number.
    #[must_use]
    pub fn name(&self, number: u32) -> Option<&str> {
        self.names.get(number as usize)?.as_deref()
    }
}

/// Memory of matching, lent to one event at a time.
#[derive(Default)]
pub(crate) struct Scratches(Mutex<Vec<(Scratch, Vec<u32>)>>);

impl Scratches {
    /// Runs `work` with a scratch that no other has.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Scratch, &mut Vec<u32>) -> T) -> T {
        let (mut scratch, mut found) = self.0.lock().pop().unwrap_or_default();
        let done = work(&mut scratch, &mut found);
        let mut all = self.0.lock();
        if all.len() < SCRATCHES_LIMIT_COUNT {
            all.push((scratch, found));
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(wanted: &Wanted, event: &str) -> Vec<String> {
        let (mut scratch, mut numbers) = (Scratch::default(), Vec::new());
        wanted.matcher().find(event, &mut scratch, &mut numbers).unwrap();
        let mut names: Vec<String> = numbers.iter().map(|number| wanted.name(*number).unwrap().to_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn numbers_follow_names() {
        let pattern = |text: &str| Some(Arc::new(Pattern::parse(text).unwrap()));
        let mut wanted = Wanted::default();
        wanted.change([("a", pattern(r#"{"x":[1]}"#)), ("b", pattern(r#"{"x":[2]}"#))].into_iter());
        assert_eq!((found(&wanted, r#"{"x":1}"#), found(&wanted, r#"{"x":2}"#)), (vec!["a".into()], vec!["b".into()]));
        let before = wanted.clone();
        // One goes and another comes in one step, and a third has its pattern changed.
        wanted.change([("a", None), ("c", pattern(r#"{"x":[1]}"#)), ("b", pattern(r#"{"x":[1]}"#))].into_iter());
        assert_eq!(found(&wanted, r#"{"x":1}"#), ["b", "c"]);
        assert_eq!(found(&before, r#"{"x":1}"#), ["a"]);
        wanted.change([("d", pattern(r#"{"x":[3]}"#)), ("gone", None)].into_iter());
        assert_eq!((found(&wanted, r#"{"x":3}"#), wanted.names.len()), (vec!["d".to_owned()], 3));
    }
}
