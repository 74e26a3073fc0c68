//! One row as it lies on disk: its logical key, sealed if it holds a name, and its value, sealed if its table is.

use bascule_model::uid::GroupId;
use bascule_statemachine::key::Key;
use bascule_statemachine::ports::tables::TableError;
use bytes::Bytes;

use crate::keys;
use crate::record::{self, BODY_SEALED, Fault, KEY_SEALED};
use crate::seal::{Seal, SealError};

/// The record of `row` for the physical key `at`.
///
/// # Errors
/// [`SealError::NoEntropy`].
pub fn encode(seal: &dyn Seal, group: GroupId, key: &Key, at: &[u8], row: &[u8]) -> Result<Vec<u8>, SealError> {
    let canonical = key.canonical();
    let place = keys::place(group, at);
    let mut flags = 0;
    let mut head = None;
    let mut body = None;
    if keys::holds_name(key) {
        // A scan knows only the physical key before it has opened this, so the key's own seal is bound to that.
        flags |= KEY_SEALED;
        head = Some(seal.seal(&place, &canonical)?);
    }
    if flags & KEY_SEALED != 0 || !key.table.is_clear() {
        flags |= BODY_SEALED;
        body = Some(seal.seal(&keys::place(group, &canonical), row)?);
    }
    let head = record::field(head.as_deref().unwrap_or(&canonical));
    Ok(record::write(&place, flags, &[&head, body.as_deref().unwrap_or(row)]))
}

/// Key and value of the record at the physical key `at`. A record that belongs elsewhere is damage too.
///
/// # Errors
/// [`TableError::Damaged`], [`TableError::Newer`].
pub fn decode(seal: &dyn Seal, group: GroupId, at: &[u8], bytes: &[u8]) -> Result<(Key, Bytes), TableError> {
    let table = at.first().copied().unwrap_or_default();
    let damaged = |why: String| TableError::Damaged { group, table, why };
    let fault = |fault: Fault| in_table(group, table, fault);
    let place = keys::place(group, at);
    let (flags, body) = record::read(&place, bytes).map_err(fault)?;
    let (head, row) = record::take_field(body).map_err(fault)?;
    let opened;
    let canonical = if flags & KEY_SEALED == 0 {
        head
    } else {
        opened = seal.open(&place, head).map_err(|error| damaged(error.to_string()))?;
        &opened
    };
    let key = keys::parse(canonical).ok_or_else(|| damaged("the key does not parse".into()))?;
    if keys::physical(&key, seal) != at {
        return Err(damaged("the row lies under another key".into()));
    }
    let sealed = keys::holds_name(&key) || !key.table.is_clear();
    if sealed != (flags & BODY_SEALED != 0) {
        return Err(damaged("the row is not sealed as its table is".into()));
    }
    let row = if sealed {
        let place = keys::place(group, canonical);
        Bytes::from(seal.open(&place, row).map_err(|error| damaged(error.to_string()))?)
    } else {
        Bytes::copy_from_slice(row)
    };
    Ok((key, row))
}

/// A fault of a record as the port names it.
#[must_use]
pub fn in_table(group: GroupId, table: u8, fault: Fault) -> TableError {
    match fault {
        Fault::Newer(format) => TableError::Newer { group, table, format },
        other => TableError::Damaged { group, table, why: other.to_string() },
    }
}
