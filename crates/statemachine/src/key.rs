//! Logical keys: a table and typed parts, the form in which apply and the state hash see a row's place.

use bascule_model::uid::{Sequence, Uid};

use crate::register::Table;

/// One part of a key. Parts at the same place of a table's keys are always of the same kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// A uid, sequence, time or other number: eight bytes, big endian, so that order is kept.
    Number(u64),
    /// A name that a user chose. Storage writes its MAC: no order, no walking by name.
    Name(String),
    /// Sixteen bytes that give nothing away: an id or a MAC.
    Bytes([u8; 16]),
}

impl From<Uid> for Part {
    fn from(uid: Uid) -> Self {
        Self::Number(uid.0)
    }
}

impl From<Sequence> for Part {
    fn from(sequence: Sequence) -> Self {
        Self::Number(sequence.0)
    }
}

impl From<u64> for Part {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Part {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

/// Where a row stands within its group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The table.
    pub table: Table,
    /// The parts, in the table's order.
    pub parts: Vec<Part>,
}

impl Key {
    /// A key of `table` with these parts.
    #[must_use]
    pub fn new(table: Table, parts: impl IntoIterator<Item = Part>) -> Self {
        Self { table, parts: parts.into_iter().collect() }
    }

    /// Canonical bytes for the state hash and for associated data: table, then each part behind its kind (names also behind their length).
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let mut bytes = vec![self.table as u8];
        for part in &self.parts {
            match part {
                Part::Number(number) => {
                    bytes.push(0);
                    bytes.extend_from_slice(&number.to_be_bytes());
                }
                Part::Name(name) => {
                    bytes.push(1);
                    bytes.extend_from_slice(&(name.len() as u64).to_be_bytes());
                    bytes.extend_from_slice(name.as_bytes());
                }
                Part::Bytes(sixteen) => {
                    bytes.push(2);
                    bytes.extend_from_slice(sixteen);
                }
            }
        }
        bytes
    }

    /// The numbers of this key, in order; names and ids are passed over.
    pub fn numbers(&self) -> impl Iterator<Item = u64> + '_ {
        self.parts.iter().filter_map(|part| if let Part::Number(number) = part { Some(*number) } else { None })
    }
}

/// Rows of one table whose leading numbers are `prefix` and whose next number is at least `from`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The table.
    pub table: Table,
    /// Leading numbers that every row shares.
    pub prefix: Vec<u64>,
    /// The least next number, inclusive; `None` takes all rows behind the prefix, whatever their next part is.
    pub from: Option<u64>,
    /// The least next number that is left out; `None` goes to the end of the prefix.
    pub to: Option<u64>,
}

impl Range {
    /// All rows of `table` behind `prefix`.
    #[must_use]
    pub fn all(table: Table, prefix: impl IntoIterator<Item = u64>) -> Self {
        Self { table, prefix: prefix.into_iter().collect(), from: None, to: None }
    }

    /// Whether `key` lies in this range.
    #[must_use]
    pub fn contains(&self, key: &Key) -> bool {
        if key.table != self.table || key.parts.len() < self.prefix.len() {
            return false;
        }
        let leads = self.prefix.iter().zip(&key.parts).all(|(number, part)| *part == Part::Number(*number));
        let next = match key.parts.get(self.prefix.len()) {
            Some(Part::Number(next)) => Some(*next),
            _ => None,
        };
        let bounded = |bound: Option<u64>, holds: fn(u64, u64) -> bool| match (bound, next) {
            (None, _) => true,
            (Some(bound), Some(next)) => holds(next, bound),
            (Some(_), None) => false,
        };
        leads && bounded(self.from, |next, from| next >= from) && bounded(self.to, |next, to| next < to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_take_what_they_say() {
        let key = |parts: &[u64]| Key::new(Table::Refs, parts.iter().map(|number| Part::Number(*number)));
        let all = Range::all(Table::Refs, [7]);
        let some = Range { from: Some(3), to: Some(5), ..all.clone() };
        for (parts, in_all, in_some) in [
            (&[7, 3][..], true, true),
            (&[7, 4], true, true),
            (&[7, 5], true, false),
            (&[7, 2], true, false),
            (&[8, 3], false, false),
        ] {
            assert_eq!((all.contains(&key(parts)), some.contains(&key(parts))), (in_all, in_some), "{parts:?}");
        }
        assert!(!all.contains(&Key::new(Table::Lanes, [Part::Number(7)])));
    }

    #[test]
    fn canonical_bytes_keep_neighbours_apart() {
        let names = |a: &str, b: &str| Key::new(Table::Buses, [a.into(), b.into()]).canonical();
        assert_ne!(names("ab", "c"), names("a", "bc"));
    }
}
