//! Append: sequences for new events, their rows, their direct messages, and references for lanes that are detached.

use bascule_model::uid::{Sequence, Uid};

use crate::codec::shard::{Append, Event, EventRow, RefRow, Stamp, Terminal};
use crate::shard::ledger::{Ledger, is_direct};
use crate::shard::reply::{Effect, Reply};
use crate::shard::{Error, kept, rows};

/// Appends the events in order.
pub(super) fn append(ledger: &mut Ledger<'_, '_>, append: &Append) -> Result<Reply, Error> {
    let before = ledger.meta.next_sequence;
    let mut sequences = Vec::with_capacity(append.events.len());
    for event in &append.events {
        sequences.push(Sequence(one(ledger, event)?));
    }
    if ledger.meta.next_sequence > before {
        let last = Sequence(ledger.meta.next_sequence - 1);
        ledger.effect(Effect::Appended { first: Sequence(before), last });
    }
    Ok(Reply::Appended(sequences))
}

fn one(ledger: &mut Ledger<'_, '_>, event: &Event) -> Result<u64, Error> {
    let Some(stamp) = &event.stamp else { return Ok(0) };
    if stamp.rules.is_empty() && stamp.direct.is_empty() {
        return Ok(0);
    }
    let sequence = ledger.meta.next_sequence;
    ledger.meta.next_sequence += 1;
    if !stamp.rules.is_empty() {
        let owners = reference(ledger, sequence, stamp)?;
        let row = EventRow { event: Some(event.clone()), accepted_ms: ledger.meta.time_ms, owners };
        kept::keep(ledger, sequence, &row);
    }
    direct(ledger, sequence, event, stamp)?;
    Ok(sequence)
}

// INVARIANT SH-8: while a lane is detached, every later event that owes its target has a reference from its own apply on.
fn reference(ledger: &mut Ledger<'_, '_>, sequence: u64, stamp: &Stamp) -> Result<u32, Error> {
    let mut targets = Vec::new();
    for rule in &stamp.rules {
        let lanes = ledger.lanes_of(*rule)?.iter();
        let owed = lanes.filter(|lane| lane.minted <= stamp.control_index && !is_direct(stamp, lane.target));
        targets.extend(owed.map(|lane| lane.target));
    }
    let mut owners = 0;
    for target in targets {
        ledger.put(rows::reference(target, sequence), &RefRow::default());
        ledger.effect(Effect::RefsAdded { target: Uid(target) });
        owners += 1;
    }
    Ok(owners)
}

fn direct(ledger: &mut Ledger<'_, '_>, sequence: u64, event: &Event, stamp: &Stamp) -> Result<(), Error> {
    for direct in &stamp.direct {
        // INVARIANT SH-5: nothing is laid under a buried uid.
        let gone = if ledger.is_buried(event.bus)? {
            Some("bus-gone")
        } else if ledger.is_buried(direct.queue)? {
            Some("queue-gone")
        } else {
            None
        };
        let end = match gone {
            Some(reason) => ledger.now(Terminal::Cancelled, reason),
            None => {
                let message = ledger.message(event, direct.target)?;
                ledger.lay(direct.queue, sequence, direct.target, &message);
                ledger.now(Terminal::Delivered, "")
            }
        };
        ledger.tally(sequence, direct.target, &end)?;
    }
    Ok(())
}
