//! Tombstone: a deleted queue or bus, kept for good, and its rows deleted a bounded number at a time.

use crate::codec::shard::{Tombstone, TombstoneRow};
use crate::key::Range;
use crate::limits::{SCAN_CHUNK_ROWS, TOMBSTONE_LIMIT_ROWS};
use crate::register::Table;
use crate::shard::ledger::Ledger;
use crate::shard::reply::Reply;
use crate::shard::{Error, rows};

/// Writes the row at once, so that nothing new is laid under the uid (SH-5), and deletes what lies there.
pub(super) fn bury(ledger: &mut Ledger<'_, '_>, tombstone: Tombstone) -> Result<Reply, Error> {
    if !ledger.is_buried(tombstone.uid)? {
        let row = TombstoneRow { since_ms: ledger.meta.time_ms };
        ledger.put(rows::tombstone(tombstone.uid), &row);
        ledger.bury(tombstone.uid);
    }
    let mut left = TOMBSTONE_LIMIT_ROWS;
    // A uid is a queue's or a bus's, and nobody here knows which: the other walk finds nothing.
    messages(ledger, tombstone.uid, &mut left)?;
    dead_letters(ledger, tombstone.uid, &mut left)?;
    let mut more = false;
    for table in [Table::Visible, Table::DeadLetters] {
        more |= !ledger.scan(&Range::all(table, [tombstone.uid]), 1)?.is_empty();
    }
    let rows = u32::try_from(TOMBSTONE_LIMIT_ROWS - left).unwrap_or(u32::MAX);
    Ok(Reply::Buried { rows, more })
}

/// By way of `Visible`, whose rows are small: SH-4 says that it names every message.
fn messages(ledger: &mut Ledger<'_, '_>, queue: u64, left: &mut usize) -> Result<(), Error> {
    for (key, _) in ledger.scan(&Range::all(Table::Visible, [queue]), *left / 2)? {
        ledger.delete(rows::message(queue, rows::number(&key, 2)?, rows::number(&key, 3)?));
        ledger.delete(key);
        *left -= 2;
    }
    Ok(())
}

fn dead_letters(ledger: &mut Ledger<'_, '_>, bus: u64, left: &mut usize) -> Result<(), Error> {
    let mut from = 0;
    while *left > 0 {
        let chunk = Range { from: Some(from), ..Range::all(Table::DeadLetters, [bus]) };
        let letters = ledger.scan(&chunk, SCAN_CHUNK_ROWS.min(*left))?;
        if letters.is_empty() {
            break;
        }
        for (key, _) in letters {
            // Letters of one sequence may be in two chunks, so the next one begins with it again.
            from = rows::number(&key, 1)?;
            ledger.delete(key);
            // INVARIANT SH-6: the bus's count row says how many of its dead letters there are.
            let held = &mut ledger.count(bus)?.held;
            *held = held.checked_sub(1).ok_or(Error::Torn { table: Table::Counts, invariant: "SH-6" })?;
            *left -= 1;
        }
    }
    Ok(())
}
