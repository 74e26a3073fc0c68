//! Checkpoint: ends of deliveries, and the watermark moved on over events that nothing owns.

use bascule_model::uid::Sequence;

use crate::codec;
use crate::codec::shard::{Checkpoint, EventRow};
use crate::key::Range;
use crate::limits::{CHECKPOINT_STEP_LIMIT_ROWS, SCAN_CHUNK_ROWS};
use crate::register::Table;
use crate::shard::ledger::Ledger;
use crate::shard::reply::Reply;
use crate::shard::{Error, kept, rows};

/// First the ends, by the old watermark: behind the new one nobody could tell which of them are repeats.
pub(super) fn checkpoint(ledger: &mut Ledger<'_, '_>, checkpoint: &Checkpoint) -> Result<Reply, Error> {
    ledger.sweeps = true;
    let mut ended = 0;
    for outcome in &checkpoint.outcomes {
        let end = ledger.now(outcome.terminal(), &outcome.reason);
        if ledger.end(outcome.sequence, outcome.target, &end)?.is_some() {
            ended += 1;
        }
    }
    // INVARIANT SH-3: the watermark never goes back and never passes the next sequence.
    let before = ledger.meta.watermark;
    let asked = checkpoint.watermark.clamp(before, ledger.meta.next_sequence);
    ledger.meta.watermark = drop_unowned(ledger, before, asked)?;
    // Each row of done targets belongs to an event that was just walked over, so this many are enough.
    ledger.drop_done(before, CHECKPOINT_STEP_LIMIT_ROWS + SCAN_CHUNK_ROWS)?;
    Ok(Reply::Checkpointed { watermark: Sequence(ledger.meta.watermark), ended })
}

/// Deletes the events of `from..to` that no reference owns, and gives the watermark that this allows.
fn drop_unowned(ledger: &mut Ledger<'_, '_>, mut from: u64, to: u64) -> Result<u64, Error> {
    let mut walked = 0;
    while from < to {
        if walked >= CHECKPOINT_STEP_LIMIT_ROWS {
            return Ok(from);
        }
        let chunk = Range { from: Some(from), to: Some(to), ..Range::all(Table::Events, []) };
        let events = ledger.scan(&chunk, SCAN_CHUNK_ROWS)?;
        walked += events.len();
        let full = events.len() == SCAN_CHUNK_ROWS;
        for (key, bytes) in events {
            let sequence = rows::number(&key, 0)?;
            let row: EventRow = codec::decode(&bytes)?;
            // INVARIANT SH-2: a row goes only when it is below the watermark and no reference owns it.
            if row.owners == 0 {
                kept::drop(ledger, sequence, &row);
            }
            from = sequence + 1;
        }
        if !full {
            return Ok(to);
        }
    }
    Ok(to)
}
