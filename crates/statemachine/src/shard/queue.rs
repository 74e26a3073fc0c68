//! Receive and settle: messages handed out in (due, sequence) order, deleted or moved by the latest receipt alone.

use crate::codec::shard::{Attribute, MessageRow, Receipt, Receive, Redrive, Settle};
use crate::key::Range;
use crate::limits::{RECEIVE_LIMIT_BYTES, VISIBILITY_LIMIT_MS};
use crate::register::Table;
use crate::shard::ledger::Ledger;
use crate::shard::reply::{Received, Reply, Settled};
use crate::shard::{Error, rows};

/// Attribute of a message that was received too often elsewhere, as SQS calls it
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>).
const REDRIVE_SOURCE: &str = "DeadLetterQueueSourceArn";

/// Hands out what is visible at group time.
pub(super) fn receive(ledger: &mut Ledger<'_, '_>, receive: &Receive) -> Result<Reply, Error> {
    if ledger.is_buried(receive.queue)? {
        return Ok(Reply::NoQueue);
    }
    let to = ledger.meta.time_ms.saturating_add(1);
    let visible = Range { to: Some(to), ..Range::all(Table::Visible, [receive.queue]) };
    let limit_rows = usize::try_from(receive.limit).unwrap_or(usize::MAX);
    let due_ms = later(ledger, receive.visibility_ms);
    // INVARIANT SH-5: a queue that was deleted takes nothing; the message stays with those who cannot handle it.
    let redrive = match &receive.redrive {
        Some(redrive) if redrive.queue != receive.queue && !ledger.is_buried(redrive.queue)? => Some(redrive),
        _ => None,
    };
    let mut received = Vec::new();
    let mut bytes = 0;
    for (key, _) in ledger.scan(&visible, limit_rows)? {
        let (sequence, target) = (rows::number(&key, 2)?, rows::number(&key, 3)?);
        let row: Option<MessageRow> = ledger.fetch(&rows::message(receive.queue, sequence, target))?;
        // INVARIANT SH-4: every row of `Visible` has its message.
        let mut row = row.ok_or(Error::Torn { table: Table::Messages, invariant: "SH-4" })?;
        bytes += row.frame.len();
        if bytes > RECEIVE_LIMIT_BYTES && !received.is_empty() {
            break;
        }
        if let Some(redrive) = redrive.filter(|redrive| row.received >= redrive.after) {
            send_on(ledger, (receive.queue, sequence, target), row, redrive);
            continue;
        }
        if row.received == 0 {
            row.first_received_ms = ledger.meta.time_ms;
        }
        row.received = row.received.saturating_add(1);
        let receipt = Receipt { queue: receive.queue, sequence, target, received: row.received };
        shift(ledger, receipt, &mut row, due_ms);
        received.push(Received { receipt, row });
    }
    Ok(Reply::Received(received))
}

/// Lays a message into the queue for those that were received too often: as new there, but as old as it is.
fn send_on(ledger: &mut Ledger<'_, '_>, (queue, sequence, target): (u64, u64, u64), row: MessageRow, to: &Redrive) {
    // INVARIANT SH-4: the row in `Visible` goes with its message.
    ledger.delete(rows::visible(queue, row.due_ms, sequence, target));
    ledger.delete(rows::message(queue, sequence, target));
    let mut row = MessageRow { received: 0, first_received_ms: 0, due_ms: ledger.meta.time_ms, ..row };
    row.attributes.retain(|attribute| attribute.name != REDRIVE_SOURCE);
    row.attributes.push(Attribute { name: REDRIVE_SOURCE.to_owned(), value: to.source.clone() });
    ledger.lay(to.queue, sequence, target, &row);
}

/// Each receipt on its own.
pub(super) fn settle(ledger: &mut Ledger<'_, '_>, settle: &Settle) -> Result<Reply, Error> {
    let mut settled = Vec::with_capacity(settle.settlements.len());
    for settlement in &settle.settlements {
        let Some(receipt) = settlement.receipt else { continue };
        let key = rows::message(receipt.queue, receipt.sequence, receipt.target);
        settled.push(match ledger.fetch::<MessageRow>(&key)? {
            None => Settled::Gone,
            // The handle of a message that nobody received cannot exist.
            Some(row) if row.received != receipt.received || row.received == 0 => Settled::Stale,
            Some(mut row) => match settlement.visible_in_ms {
                None => {
                    ledger.delete(key);
                    ledger.delete(rows::visible(receipt.queue, row.due_ms, receipt.sequence, receipt.target));
                    Settled::Deleted
                }
                Some(visible_in_ms) => {
                    let due_ms = later(ledger, visible_in_ms);
                    if settlement.unseen {
                        row.received -= 1;
                    }
                    shift(ledger, receipt, &mut row, due_ms);
                    Settled::Moved
                }
            },
        });
    }
    Ok(Reply::Settled(settled))
}

fn later(ledger: &Ledger<'_, '_>, more_ms: u64) -> u64 {
    ledger.meta.time_ms.saturating_add(more_ms.min(VISIBILITY_LIMIT_MS))
}

fn shift(ledger: &mut Ledger<'_, '_>, receipt: Receipt, row: &mut MessageRow, due_ms: u64) {
    let Receipt { queue, sequence, target, .. } = receipt;
    // INVARIANT SH-4: the row in `Visible` moves with the message's due.
    ledger.delete(rows::visible(queue, row.due_ms, sequence, target));
    row.due_ms = due_ms;
    ledger.lay(queue, sequence, target, row);
}
