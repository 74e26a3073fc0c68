//! The state of one entry being applied: rows, group time, counts, and the one place that ends a delivery.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use prost::Message;

use bascule_model::id::{ArrivalId, DeliveryId};
use bascule_model::uid::Uid;

use crate::codec;
use crate::codec::shard::{
    CountRow, Event, EventRow, ExceptionRow, LaneRow, MessageRow, MetaRow, OutcomeRow, RefRow, Stamp, Terminal,
    TombstoneRow, stamp_hash,
};
use crate::key::{Key, Range};
use crate::limits::{OUTCOME_KEPT_MS, OUTCOME_SWEEP_LIMIT_ROWS, OUTCOMES_LIMIT_ROWS};
use crate::overlay::Overlay;
use crate::ports::tables::Read;
use crate::register::Table;
use crate::shard::reply::Effect;
use crate::shard::{Error, kept, read, rows};

/// Whether a delivery has ended.
pub(super) enum Standing {
    /// It has, or was never owed.
    Ended,
    /// The watermark waits for it.
    Open(EventRow),
    /// It waits outside the watermark.
    Referenced(EventRow, RefRow),
}

/// A detached lane, as an append looks for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lane {
    pub(super) target: u64,
    /// Control index at which the target was minted.
    pub(super) minted: u64,
}

struct Done {
    targets: Vec<u64>,
    changed: bool,
}

/// What is read once an entry and written at its end, over the rows that are written at once.
pub(super) struct Ledger<'entry, 'rows> {
    overlay: &'entry mut Overlay<'rows>,
    pub(super) meta: MetaRow,
    counts: BTreeMap<u64, CountRow>,
    done: BTreeMap<u64, Done>,
    buried: BTreeMap<u64, bool>,
    lanes: Option<BTreeMap<u64, Vec<Lane>>>,
    effects: BTreeSet<Effect>,
    /// Whether old outcome rows are looked for at the end.
    pub(super) sweeps: bool,
}

impl<'entry, 'rows> Ledger<'entry, 'rows> {
    pub(super) fn open(overlay: &'entry mut Overlay<'rows>, time_ms: u64) -> Result<Self, Error> {
        let mut meta = read::meta(overlay)?;
        // INVARIANT SH-3: group time never goes back, whatever a leader stamps.
        meta.time_ms = meta.time_ms.max(time_ms);
        Ok(Self {
            overlay,
            meta,
            counts: BTreeMap::new(),
            done: BTreeMap::new(),
            buried: BTreeMap::new(),
            lanes: None,
            effects: BTreeSet::new(),
            sweeps: false,
        })
    }

    /// Writes what was gathered and gives the effects.
    pub(super) fn close(mut self) -> Result<Vec<Effect>, Error> {
        if self.sweeps {
            self.sweep()?;
        }
        for (uid, row) in &self.counts {
            self.overlay.put(rows::count(*uid), codec::encode(row));
        }
        for (sequence, done) in self.done {
            if done.changed {
                self.overlay.put(rows::exception(sequence), codec::encode(&ExceptionRow { done: done.targets }));
            }
        }
        self.overlay.put(rows::meta(), codec::encode(&self.meta));
        Ok(self.effects.into_iter().collect())
    }

    pub(super) fn fetch<M: Message + Default>(&self, key: &Key) -> Result<Option<M>, Error> {
        rows::fetch(self.overlay, key)
    }

    pub(super) fn put(&mut self, key: Key, row: &impl Message) {
        self.overlay.put(key, codec::encode(row));
    }

    /// A row that says all by its key.
    pub(super) fn mark(&mut self, key: Key) {
        self.overlay.put(key, Bytes::new());
    }

    pub(super) fn delete(&mut self, key: Key) {
        self.overlay.delete(key);
    }

    pub(super) fn scan(&self, range: &Range, limit_rows: usize) -> Result<Vec<(Key, Bytes)>, Error> {
        Ok(self.overlay.scan(range, limit_rows)?)
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.insert(effect);
    }

    /// Whether a queue or bus was deleted. After its last row went, SH-5 says that no other comes.
    pub(super) fn is_buried(&mut self, uid: u64) -> Result<bool, Error> {
        if let Some(known) = self.buried.get(&uid) {
            return Ok(*known);
        }
        let buried = self.fetch::<TombstoneRow>(&rows::tombstone(uid))?.is_some();
        self.buried.insert(uid, buried);
        Ok(buried)
    }

    pub(super) fn bury(&mut self, uid: u64) {
        self.buried.insert(uid, true);
    }

    pub(super) fn count(&mut self, uid: u64) -> Result<&mut CountRow, Error> {
        if !self.counts.contains_key(&uid) {
            let row = self.fetch(&rows::count(uid))?.unwrap_or_default();
            self.counts.insert(uid, row);
        }
        Ok(self.counts.entry(uid).or_default())
    }

    /// The detached lanes of `rule`. All lanes are read once an entry, and none while the meta row counts none.
    pub(super) fn lanes_of(&mut self, rule: u64) -> Result<&[Lane], Error> {
        if self.meta.lanes == 0 {
            return Ok(&[]);
        }
        if self.lanes.is_none() {
            let limit_rows = usize::try_from(self.meta.lanes).unwrap_or(usize::MAX);
            let mut lanes: BTreeMap<u64, Vec<Lane>> = BTreeMap::new();
            for (key, bytes) in self.scan(&Range::all(Table::Lanes, []), limit_rows)? {
                let row: LaneRow = codec::decode(&bytes)?;
                lanes.entry(row.rule).or_default().push(Lane { target: rows::number(&key, 0)?, minted: row.minted });
            }
            self.lanes = Some(lanes);
        }
        Ok(self.lanes.as_ref().and_then(|lanes| lanes.get(&rule)).map_or(&[], Vec::as_slice))
    }

    pub(super) fn forget_lanes(&mut self) {
        self.lanes = None;
    }

    // INVARIANT SH-1: a delivery ends at most once. It has not ended while it has a reference, or while its event is at or above
    // the watermark, has a row, and neither the done targets nor the stamp's direct ones name it.
    pub(super) fn standing(&mut self, sequence: u64, target: u64) -> Result<Standing, Error> {
        // INVARIANT SH-2: without the event's row there is no reference to it either.
        let Some(event) = self.fetch::<EventRow>(&rows::event(sequence))? else {
            return Ok(Standing::Ended);
        };
        if event.owners > 0
            && let Some(reference) = self.fetch(&rows::reference(target, sequence))?
        {
            return Ok(Standing::Referenced(event, reference));
        }
        let ended = sequence < self.meta.watermark
            || is_direct(stamp(&event)?, target)
            || self.done(sequence)?.targets.binary_search(&target).is_ok();
        Ok(if ended { Standing::Ended } else { Standing::Open(event) })
    }

    /// Ends a delivery and gives its event; `None`, and nothing changed, if it had ended before.
    pub(super) fn end(&mut self, sequence: u64, target: u64, end: &OutcomeRow) -> Result<Option<EventRow>, Error> {
        let event = match self.standing(sequence, target)? {
            Standing::Ended => return Ok(None),
            Standing::Open(event) => event,
            Standing::Referenced(mut event, _) => {
                self.delete(rows::reference(target, sequence));
                // INVARIANT SH-2: one owner fewer, as there is one reference fewer.
                let owners = event.owners.checked_sub(1);
                event.owners = owners.ok_or(Error::Torn { table: Table::Events, invariant: "SH-2" })?;
                if event.owners == 0 && sequence < self.meta.watermark {
                    kept::drop(self, sequence, &event);
                } else {
                    self.put(rows::event(sequence), &event);
                }
                event
            }
        };
        if sequence >= self.meta.watermark {
            let done = self.done(sequence)?;
            if let Err(place) = done.targets.binary_search(&target) {
                done.targets.insert(place, target);
                done.changed = true;
            }
        }
        self.tally(sequence, target, end)?;
        Ok(Some(event))
    }

    /// Counts an end, and keeps a row of it if the delivery was not made.
    pub(super) fn tally(&mut self, sequence: u64, target: u64, end: &OutcomeRow) -> Result<(), Error> {
        let count = self.count(target)?;
        match end.terminal() {
            Terminal::Delivered => count.delivered += 1,
            Terminal::DeadLettered => count.dead_lettered += 1,
            Terminal::Cancelled => count.cancelled += 1,
            Terminal::Undecryptable => count.undecryptable += 1,
            Terminal::Expired => count.expired += 1,
            Terminal::Unspecified => return Err(Error::Later),
        }
        if end.terminal() != Terminal::Delivered {
            self.put(rows::outcome(sequence, target), end);
            // INVARIANT SH-6: by SH-1 no such row stood there, so there is one more.
            self.meta.outcomes += 1;
            self.sweeps = true;
        }
        self.effect(Effect::Ended { target: Uid(target) });
        Ok(())
    }

    /// An outcome row of now.
    pub(super) fn now(&self, terminal: Terminal, reason: &str) -> OutcomeRow {
        OutcomeRow { terminal: terminal as i32, reason: reason.to_owned(), at_ms: self.meta.time_ms }
    }

    /// A message of now; the frame is the event's own until somebody sets another.
    pub(super) fn message(&self, event: &Event, target: u64) -> Result<MessageRow, Error> {
        let torn = Error::Torn { table: Table::Events, invariant: "SH-7" };
        let arrival = ArrivalId::from_slice(&event.arrival_id).ok_or_else(|| torn.clone())?;
        let stamp = event.stamp.as_ref().ok_or(torn)?;
        Ok(MessageRow {
            event_id: event.event_id.clone(),
            delivery_id: Bytes::copy_from_slice(&DeliveryId::of(arrival, Uid(target)).0),
            bus: event.bus,
            stamp_hash: Bytes::copy_from_slice(&stamp_hash(stamp)),
            frame: event.frame.clone(),
            enqueued_ms: self.meta.time_ms,
            due_ms: self.meta.time_ms,
            received: 0,
            first_received_ms: 0,
            attributes: Vec::new(),
            kind: codec::shard::KIND_EVENT,
        })
    }

    /// Lays a message into a queue that is not buried.
    pub(super) fn lay(&mut self, queue: u64, sequence: u64, target: u64, row: &MessageRow) {
        // INVARIANT SH-4: a message has one row in `Visible`, at its due.
        self.put(rows::message(queue, sequence, target), row);
        self.overlay.put(rows::visible(queue, row.due_ms, sequence, target), Bytes::new());
        self.effect(Effect::MessagesVisible { queue: Uid(queue), at_ms: row.due_ms });
    }

    /// Drops the done targets below the watermark, `rows` of which are at most `limit_rows`.
    pub(super) fn drop_done(&mut self, from: u64, limit_rows: usize) -> Result<(), Error> {
        let below = Range { from: Some(from), to: Some(self.meta.watermark), ..Range::all(Table::Exceptions, []) };
        for (key, _) in self.scan(&below, limit_rows)? {
            self.delete(key);
        }
        let watermark = self.meta.watermark;
        self.done.retain(|sequence, _| *sequence >= watermark);
        Ok(())
    }

    fn done(&mut self, sequence: u64) -> Result<&mut Done, Error> {
        if !self.done.contains_key(&sequence) {
            let row: ExceptionRow = self.fetch(&rows::exception(sequence))?.unwrap_or_default();
            self.done.insert(sequence, Done { targets: row.done, changed: false });
        }
        Ok(self.done.entry(sequence).or_insert(Done { targets: Vec::new(), changed: false }))
    }

    /// Outcome rows over the cap, and the first few that are too old. A late end of an old event can stand before older ends of
    /// newer events and keep them a while; the cap holds all the same.
    fn sweep(&mut self) -> Result<(), Error> {
        let over = self.meta.outcomes.saturating_sub(OUTCOMES_LIMIT_ROWS);
        let over = usize::try_from(over).unwrap_or(usize::MAX);
        let first = self.scan(&Range::all(Table::Outcomes, []), over.max(OUTCOME_SWEEP_LIMIT_ROWS))?;
        for (place, (key, bytes)) in first.into_iter().enumerate() {
            let row: OutcomeRow = codec::decode(&bytes)?;
            if place < over || row.at_ms.saturating_add(OUTCOME_KEPT_MS) <= self.meta.time_ms {
                self.delete(key);
                self.meta.outcomes -= 1;
            }
        }
        Ok(())
    }
}

/// The stamp of an event's row.
pub(super) fn stamp(row: &EventRow) -> Result<&Stamp, Error> {
    let stamp = row.event.as_ref().and_then(|event| event.stamp.as_ref());
    // INVARIANT SH-7: append wrote no event without a stamp.
    stamp.ok_or(Error::Torn { table: Table::Events, invariant: "SH-7" })
}

/// Whether the target's message was made when the event was appended.
pub(super) fn is_direct(stamp: &Stamp, target: u64) -> bool {
    stamp.direct.binary_search_by_key(&target, |direct| direct.target).is_ok()
}
