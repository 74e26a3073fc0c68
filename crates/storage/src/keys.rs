//! Physical keys of rows, append-only: register number, numbers big endian, ids as they are, names as MACs.

use bascule_model::uid::GroupId;
use bascule_statemachine::key::{Key, Part, Range};
use bascule_statemachine::register::Table;

use crate::seal::Seal;

/// Where a column family holds what is applied: below every table, whose numbers begin at 1.
pub const APPLIED: &[u8] = &[0];

/// The bytes under which a row lies within its group's column family.
#[must_use]
pub fn physical(key: &Key, seal: &dyn Seal) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + 16 * key.parts.len());
    bytes.push(key.table as u8);
    for part in &key.parts {
        match part {
            Part::Number(number) => bytes.extend_from_slice(&number.to_be_bytes()),
            // The table in the label keeps a reader of the disk from seeing that two tables share a name.
            Part::Name(name) => bytes.extend_from_slice(&seal.name(&format!("row {}", key.table as u8), name)),
            Part::Bytes(sixteen) => bytes.extend_from_slice(sixteen),
        }
    }
    bytes
}

/// Whether the key itself must be sealed: it holds what a user wrote.
#[must_use]
pub fn holds_name(key: &Key) -> bool {
    key.parts.iter().any(|part| matches!(part, Part::Name(_)))
}

/// The physical keys that a range may touch: first, and the first behind. Rows in between still ask [`Range::contains`].
#[must_use]
pub fn bounds(range: &Range) -> (Vec<u8>, Vec<u8>) {
    let mut prefix = vec![range.table as u8];
    for number in &range.prefix {
        prefix.extend_from_slice(&number.to_be_bytes());
    }
    let behind = |bound: u64| [&prefix[..], &bound.to_be_bytes()].concat();
    let first = range.from.map_or_else(|| prefix.clone(), behind);
    let end = range.to.map_or_else(|| successor(prefix.clone()), behind);
    (first, end)
}

/// The least bytes above everything that begins with `prefix`. A table's number is below 255, so there always are some.
#[must_use]
pub fn successor(mut prefix: Vec<u8>) -> Vec<u8> {
    while let Some(last) = prefix.pop() {
        if last < u8::MAX {
            prefix.push(last + 1);
            break;
        }
    }
    prefix
}

/// Reads [`Key::canonical`] back; `None` if that could not have been written.
#[must_use]
pub fn parse(canonical: &[u8]) -> Option<Key> {
    let (&table, mut rest) = canonical.split_first()?;
    let mut key = Key { table: Table::from_number(table)?, parts: Vec::new() };
    while let Some((&kind, behind)) = rest.split_first() {
        let (part, behind) = match kind {
            0 => {
                let (number, behind) = behind.split_first_chunk::<8>()?;
                (Part::Number(u64::from_be_bytes(*number)), behind)
            }
            1 => {
                let (length, behind) = behind.split_first_chunk::<8>()?;
                let (name, behind) = behind.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)?;
                (Part::Name(str::from_utf8(name).ok()?.to_owned()), behind)
            }
            2 => {
                let (sixteen, behind) = behind.split_first_chunk::<16>()?;
                (Part::Bytes(*sixteen), behind)
            }
            _ => return None,
        };
        key.parts.push(part);
        rest = behind;
    }
    Some(key)
}

/// What a row's record and seals are bound to: the group and `within` it, the logical or the physical key.
#[must_use]
pub fn place(group: GroupId, within: &[u8]) -> Vec<u8> {
    [b"row\x01", &group.0.to_be_bytes()[..], within].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::toy::Toy;

    #[test]
    fn canonical_keys_read_back() {
        for parts in [
            vec![],
            vec![Part::Number(7), Part::Name("a name".into()), Part::Bytes([3; 16])],
            vec![Part::Name(String::new()), Part::Number(u64::MAX)],
        ] {
            let key = Key::new(Table::Rules, parts);
            assert_eq!(parse(&key.canonical()), Some(key));
        }
        for bad in [&[][..], &[0], &[200], &[16, 3], &[16, 0, 1], &[16, 1, 0, 0, 0, 0, 0, 0, 0, 9, b'a']] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn numbers_keep_their_order_and_bounds_their_sides() {
        let at = |n: u64| physical(&Key::new(Table::Events, [Part::Number(n)]), &Toy);
        assert!(at(255) < at(256) && at(256) < at(u64::MAX));
        let (first, end) = bounds(&Range { from: Some(3), to: Some(5), ..Range::all(Table::Events, []) });
        assert_eq!((first, end), (at(3), at(5)));
        let (_, end) = bounds(&Range::all(Table::Refs, [u64::MAX]));
        assert_eq!(end, [Table::Refs as u8 + 1]);
    }
}
