//! Expire: messages and dead letters that have lain longer than they are kept, named by the leader, judged by group time.

use crate::codec::shard::{DeadLetterRow, Expire, Item, MessageRow};
use crate::register::Table;
use crate::shard::ledger::Ledger;
use crate::shard::reply::Reply;
use crate::shard::{Error, rows};

/// Deletes what is old enough; the rest is not touched, for a leader's clock alone deletes nothing.
pub(super) fn expire(ledger: &mut Ledger<'_, '_>, expire: &Expire) -> Result<Reply, Error> {
    let mut deleted = 0;
    for item in &expire.items {
        // A uid is a queue's or a bus's, and nobody here knows which: the other look finds nothing.
        deleted += u32::from(message(ledger, expire, *item)? || dead_letter(ledger, expire, *item)?);
    }
    Ok(Reply::Expired(deleted))
}

fn is_old(ledger: &Ledger<'_, '_>, expire: &Expire, enqueued_ms: u64) -> bool {
    enqueued_ms.saturating_add(expire.kept_ms) <= ledger.meta.time_ms
}

fn message(ledger: &mut Ledger<'_, '_>, expire: &Expire, item: Item) -> Result<bool, Error> {
    let key = rows::message(expire.uid, item.sequence, item.target);
    let Some(row) = ledger.fetch::<MessageRow>(&key)?.filter(|row| is_old(ledger, expire, row.enqueued_ms)) else {
        return Ok(false);
    };
    // INVARIANT SH-4: the row in `Visible` goes with its message.
    ledger.delete(rows::visible(expire.uid, row.due_ms, item.sequence, item.target));
    ledger.delete(key);
    Ok(true)
}

fn dead_letter(ledger: &mut Ledger<'_, '_>, expire: &Expire, item: Item) -> Result<bool, Error> {
    let key = rows::dead_letter(expire.uid, item.sequence, item.target);
    let row: Option<DeadLetterRow> = ledger.fetch(&key)?;
    let enqueued_ms = row.and_then(|row| row.message).map(|message| message.enqueued_ms);
    if !enqueued_ms.is_some_and(|enqueued_ms| is_old(ledger, expire, enqueued_ms)) {
        return Ok(false);
    }
    ledger.delete(key);
    // INVARIANT SH-6: the bus's count row says how many of its dead letters there are.
    let held = &mut ledger.count(expire.uid)?.held;
    *held = held.checked_sub(1).ok_or(Error::Torn { table: Table::Counts, invariant: "SH-6" })?;
    Ok(true)
}
