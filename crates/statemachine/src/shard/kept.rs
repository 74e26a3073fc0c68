//! Events' rows as they come and go, each with its row in the index by id: the one place where both are written and deleted.

use bascule_model::id::EventId;

use crate::codec::shard::EventRow;
use crate::key::Key;
use crate::shard::ledger::Ledger;
use crate::shard::rows;

// INVARIANT SH-11: the index holds exactly one row for each event's row, under the event's bus, id and sequence. The sequence is
// part of the key because an id can come to a bus twice (a hop whose answer was lost is made again): each arrival then has a row
// of its own, and the end of one takes nothing from the other.

/// Writes the row of a new event. Later changes of the row leave bus and id as they are, and so need no word here.
pub(super) fn keep(ledger: &mut Ledger<'_, '_>, sequence: u64, row: &EventRow) {
    ledger.put(rows::event(sequence), row);
    if let Some(key) = index(sequence, row) {
        ledger.mark(key);
    }
}

/// Deletes an event's row. One that a build before the index wrote has none in there, and the delete then finds nothing.
pub(super) fn drop(ledger: &mut Ledger<'_, '_>, sequence: u64, row: &EventRow) {
    ledger.delete(rows::event(sequence));
    if let Some(key) = index(sequence, row) {
        ledger.delete(key);
    }
}

/// Nobody can ask for an id that is none, so that such an event stands in no index; no put of this house makes one.
fn index(sequence: u64, row: &EventRow) -> Option<Key> {
    let event = row.event.as_ref()?;
    Some(rows::event_id(event.bus, EventId::from_slice(&event.event_id)?, sequence))
}
