//! Dead letters and transformed messages: commands that are a delivery's end themselves.

use bascule_model::uid::Uid;

use crate::codec::shard::{DeadLetter, DeadLetterRow, Enqueue, Event, KIND_BODY, MessageRow, Terminal};
use crate::limits::{BUS_DEAD_LETTERS_LIMIT_ROWS, REASON_LIMIT_BYTES};
use crate::register::Table;
use crate::shard::ledger::{Ledger, Standing};
use crate::shard::reply::{Place, Reply};
use crate::shard::{Error, rows};

/// Into the queue named; if there is none, or it was deleted, into the bus's own table, as long as that has room.
pub(super) fn dead_letter(ledger: &mut Ledger<'_, '_>, letter: &DeadLetter) -> Result<Reply, Error> {
    let Some(event) = owed(ledger, letter.sequence, letter.target)? else {
        return Ok(Reply::Placed(Place::Ended));
    };
    let mut message = ledger.message(&event, letter.target)?;
    message.attributes.clone_from(&letter.attributes);
    if !letter.frame.is_empty() {
        message.frame = letter.frame.clone();
        message.kind = KIND_BODY;
    }
    let place = if letter.queue != 0 && !ledger.is_buried(letter.queue)? {
        ledger.lay(letter.queue, letter.sequence, letter.target, &message);
        Place::Queue(Uid(letter.queue))
    } else {
        own_table(ledger, letter, event.bus, message)?
    };
    let end = match place {
        Place::Full(_) => ledger.now(Terminal::Expired, "table-full"),
        Place::Gone | Place::Ended => ledger.now(Terminal::Cancelled, "bus-gone"),
        Place::Queue(_) | Place::Bus(_) if letter.undecryptable => ledger.now(Terminal::Undecryptable, "unauthentic"),
        Place::Queue(_) | Place::Bus(_) => ledger.now(Terminal::DeadLettered, reason(letter)),
    };
    ledger.end(letter.sequence, letter.target, &end)?;
    Ok(Reply::Placed(place))
}

/// Into the queue; if it was deleted, the delivery is cancelled.
pub(super) fn enqueue(ledger: &mut Ledger<'_, '_>, enqueue: &Enqueue) -> Result<Reply, Error> {
    let Some(event) = owed(ledger, enqueue.sequence, enqueue.target)? else {
        return Ok(Reply::Placed(Place::Ended));
    };
    let (place, end) = if ledger.is_buried(enqueue.queue)? {
        (Place::Gone, ledger.now(Terminal::Cancelled, "queue-gone"))
    } else {
        let message = ledger.message(&event, enqueue.target)?;
        let message = MessageRow { frame: enqueue.frame.clone(), kind: KIND_BODY, ..message };
        ledger.lay(enqueue.queue, enqueue.sequence, enqueue.target, &message);
        (Place::Queue(Uid(enqueue.queue)), ledger.now(Terminal::Delivered, ""))
    };
    ledger.end(enqueue.sequence, enqueue.target, &end)?;
    Ok(Reply::Placed(place))
}

fn owed(ledger: &mut Ledger<'_, '_>, sequence: u64, target: u64) -> Result<Option<Event>, Error> {
    match ledger.standing(sequence, target)? {
        Standing::Ended => Ok(None),
        Standing::Open(row) | Standing::Referenced(row, _) => {
            // INVARIANT SH-7: append wrote no row without its event.
            row.event.map(Some).ok_or(Error::Torn { table: Table::Events, invariant: "SH-7" })
        }
    }
}

fn own_table(ledger: &mut Ledger<'_, '_>, letter: &DeadLetter, bus: u64, message: MessageRow) -> Result<Place, Error> {
    // INVARIANT SH-5: nothing is laid under a buried uid.
    if ledger.is_buried(bus)? {
        return Ok(Place::Gone);
    }
    let count = ledger.count(bus)?;
    if count.held >= BUS_DEAD_LETTERS_LIMIT_ROWS {
        return Ok(Place::Full(Uid(bus)));
    }
    // INVARIANT SH-6: the bus's count row says how many of its dead letters there are.
    count.held += 1;
    let row = DeadLetterRow { message: Some(message), target: letter.target };
    ledger.put(rows::dead_letter(bus, letter.sequence, letter.target), &row);
    Ok(Place::Bus(Uid(bus)))
}

/// The error code, which is a fixed word of EventBridge's; anything longer is none.
fn reason(letter: &DeadLetter) -> &str {
    let code = letter.attributes.iter().find(|attribute| attribute.name == "ERROR_CODE");
    code.map(|attribute| attribute.value.as_str())
        .filter(|code| !code.is_empty() && code.len() <= REASON_LIMIT_BYTES)
        .unwrap_or("dead-lettered")
}
