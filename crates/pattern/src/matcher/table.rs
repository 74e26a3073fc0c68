//! A table from byte strings to numbers, one for all kinds of keys of a segment: open addressing, the hash beside the place, so
//! that a key that is not there costs one look.

use crate::matcher::hash;

/// No value, no entry.
pub const NONE: u32 = u32::MAX;

/// What a key belongs to: keys of different scopes never meet.
pub type Scope = u32;

#[derive(Debug, Clone, Copy)]
struct Entry {
    scope: Scope,
    start: u32,
    len: u32,
    value: u32,
}

/// The table.
#[derive(Debug, Clone)]
pub struct Table {
    seed: u64,
    /// Upper half of the hash, then the entry's number and one; 0 where nothing is.
    slots: Vec<u64>,
    entries: Vec<Entry>,
    bytes: Vec<u8>,
}

impl Table {
    /// An empty one with room for `count` keys.
    pub fn with_capacity(count: usize) -> Self {
        let slots = vec![0; (count * 4 / 3 + 1).next_power_of_two().max(8)];
        Self { seed: hash::seed(), slots, entries: Vec::with_capacity(count), bytes: Vec::new() }
    }

    #[inline]
    fn hash(&self, scope: Scope, key: &[u8]) -> u64 {
        hash::of(self.seed ^ (u64::from(scope) << 17), key)
    }

    #[inline]
    fn find(&self, scope: Scope, key: &[u8], hash: u64) -> Result<u32, usize> {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return Err(at);
            }
            if slot >> 32 == hash >> 32 {
                let number = slot as u32 - 1;
                let entry = self.entries[number as usize];
                if entry.scope == scope && self.text(entry) == key {
                    return Ok(number);
                }
            }
            at = (at + 1) & mask;
        }
    }

    fn text(&self, entry: Entry) -> &[u8] {
        &self.bytes[entry.start as usize..][..entry.len as usize]
    }

    /// The number of the key's entry.
    #[inline]
    pub fn entry(&self, scope: Scope, key: &[u8]) -> Option<u32> {
        self.find(scope, key, self.hash(scope, key)).ok()
    }

    /// The key's value, [`NONE`] if it is not there.
    #[inline]
    pub fn get(&self, scope: Scope, key: &[u8]) -> u32 {
        self.entry(scope, key).map_or(NONE, |entry| self.entries[entry as usize].value)
    }

    /// The number of the key's entry, which is new with the value [`NONE`] if it was not there.
    pub fn insert(&mut self, scope: Scope, key: &[u8]) -> u32 {
        let hash = self.hash(scope, key);
        let free = match self.find(scope, key, hash) {
            Ok(entry) => return entry,
            Err(free) => free,
        };
        let entry = Entry { scope, start: self.bytes.len() as u32, len: key.len() as u32, value: NONE };
        self.bytes.extend_from_slice(key);
        self.entries.push(entry);
        self.slots[free] = slot(hash, self.entries.len());
        if self.entries.len() * 4 > self.slots.len() * 3 {
            self.grow();
        }
        self.entries.len() as u32 - 1
    }

    fn grow(&mut self) {
        let mut slots = vec![0; self.slots.len() * 2];
        let mask = slots.len() - 1;
        for (number, entry) in self.entries.iter().enumerate() {
            let hash = self.hash(entry.scope, self.text(*entry));
            let mut at = hash as usize & mask;
            while slots[at] != 0 {
                at = (at + 1) & mask;
            }
            slots[at] = slot(hash, number + 1);
        }
        self.slots = slots;
    }

    /// The value of an entry.
    #[inline]
    pub fn value(&self, entry: u32) -> u32 {
        self.entries[entry as usize].value
    }

    /// Sets the value of an entry.
    pub fn set(&mut self, entry: u32, value: u32) {
        self.entries[entry as usize].value = value;
    }

    /// The key of an entry.
    #[inline]
    pub fn key(&self, entry: u32) -> &[u8] {
        self.text(self.entries[entry as usize])
    }

    /// Gives back what was kept for growing.
    pub fn shrink(&mut self) {
        self.entries.shrink_to_fit();
        self.bytes.shrink_to_fit();
    }

    /// What it takes.
    pub fn heap_bytes(&self) -> usize {
        self.slots.capacity() * 8 + self.entries.capacity() * size_of::<Entry>() + self.bytes.capacity()
    }
}

fn slot(hash: u64, number: usize) -> u64 {
    (hash >> 32 << 32) | number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_again_and_scopes_apart() {
        let mut table = Table::with_capacity(0);
        for number in 0_u32..5_000 {
            let entry = table.insert(number % 3, &number.to_string().into_bytes());
            assert_eq!(table.insert(number % 3, &number.to_string().into_bytes()), entry);
            table.set(entry, number);
        }
        for number in 0_u32..5_000 {
            let key = number.to_string().into_bytes();
            assert_eq!(table.get(number % 3, &key), number);
            assert_eq!(table.get(number % 3 + 1, &key), NONE);
        }
        assert_eq!(table.get(0, b"x"), NONE);
        assert_eq!(table.entries.len(), 5_000);
    }
}
