//! A group's rows with the changes of the commands being applied laid over them, written out as one batch.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::key::{Key, Part, Range};
use crate::ports::tables::{Batch, Read, TableError};

/// Reads through to the rows below; keeps every change until [`Overlay::into_batch`].
pub struct Overlay<'rows> {
    below: &'rows dyn Read,
    changes: BTreeMap<Key, Option<Bytes>>,
}

impl<'rows> Overlay<'rows> {
    /// No changes yet over `below`.
    #[must_use]
    pub fn over(below: &'rows dyn Read) -> Self {
        Self { below, changes: BTreeMap::new() }
    }

    /// Puts `row` at `key`.
    pub fn put(&mut self, key: Key, row: Bytes) {
        self.changes.insert(key, Some(row));
    }

    /// Takes the row at `key` away, if there is one.
    pub fn delete(&mut self, key: Key) {
        self.changes.insert(key, None);
    }

    /// Every change, in the order of logical keys.
    #[must_use]
    pub fn into_batch(self) -> Batch {
        Batch { changes: self.changes.into_iter().collect() }
    }
}

impl Read for Overlay<'_> {
    fn get(&self, key: &Key) -> Result<Option<Bytes>, TableError> {
        match self.changes.get(key) {
            Some(change) => Ok(change.clone()),
            None => self.below.get(key),
        }
    }

    fn scan(&self, range: &Range, limit_rows: usize) -> Result<Vec<(Key, Bytes)>, TableError> {
        let laid: BTreeMap<&Key, &Option<Bytes>> = self.changes.iter().filter(|(key, _)| range.contains(key)).collect();
        // Each change can hide one row below, so this many are enough to fill the limit.
        let below = self.below.scan(range, limit_rows.saturating_add(laid.len()))?;
        let mut rows: BTreeMap<Key, Bytes> = below.into_iter().collect();
        for (key, change) in laid {
            match change {
                Some(row) => drop(rows.insert(key.clone(), row.clone())),
                None => drop(rows.remove(key)),
            }
        }
        Ok(rows.into_iter().take(limit_rows).collect())
    }
}

/// Rows in memory: the model that storage is held against, and the ground of the machines' own tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InMemory {
    rows: BTreeMap<Key, Bytes>,
}

impl InMemory {
    /// Applies a batch.
    pub fn write(&mut self, batch: Batch) {
        for (key, change) in batch.changes {
            match change {
                Some(row) => drop(self.rows.insert(key, row)),
                None => drop(self.rows.remove(&key)),
            }
        }
    }

    /// All rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = (&Key, &Bytes)> {
        self.rows.iter()
    }
}

impl Read for InMemory {
    fn get(&self, key: &Key) -> Result<Option<Bytes>, TableError> {
        Ok(self.rows.get(key).cloned())
    }

    fn scan(&self, range: &Range, limit_rows: usize) -> Result<Vec<(Key, Bytes)>, TableError> {
        let numbers = range.prefix.iter().copied().chain(range.from);
        let first = Key::new(range.table, numbers.map(Part::Number));
        let whole = Range::all(range.table, range.prefix.iter().copied());
        Ok(self
            .rows
            .range(first..)
            .take_while(|(key, _)| whole.contains(key))
            .filter(|(key, _)| range.contains(key))
            .take(limit_rows)
            .map(|(key, row)| (key.clone(), row.clone()))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::Table;

    fn key(number: u64) -> Key {
        Key::new(Table::Events, [Part::Number(number)])
    }

    #[test]
    fn changes_hide_what_lies_below() {
        let mut below = InMemory::default();
        below.write(Batch { changes: (0..6).map(|n| (key(n), Some(Bytes::from(vec![0])))).collect() });
        let mut over = Overlay::over(&below);
        over.delete(key(0));
        over.delete(key(2));
        over.put(key(3), Bytes::from(vec![1]));
        over.put(key(9), Bytes::from(vec![2]));
        let seen = |limit| -> Vec<(u64, u8)> {
            let rows = over.scan(&Range::all(Table::Events, []), limit).unwrap();
            rows.iter().map(|(key, row)| (key.numbers().next().unwrap(), row[0])).collect()
        };
        assert_eq!(seen(9), [(1, 0), (3, 1), (4, 0), (5, 0), (9, 2)]);
        assert_eq!(seen(2), [(1, 0), (3, 1)]);
        assert_eq!(over.get(&key(0)).unwrap(), None);
        let batch = over.into_batch();
        below.write(batch);
        assert_eq!(below.scan(&Range::all(Table::Events, []), 9).unwrap().len(), 5);
    }
}
