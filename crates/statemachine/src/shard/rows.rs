//! The shard's rows by typed keys: where each stands, and reading one.

use bascule_model::id::EventId;
use bascule_model::uid::Uid;
use prost::Message;

use crate::codec;
use crate::key::{Key, Part, Range};
use crate::ports::tables::Read;
use crate::register::Table;
use crate::shard::Error;

fn key<const N: usize>(table: Table, numbers: [u64; N]) -> Key {
    Key::new(table, numbers.map(Part::Number))
}

pub(super) fn meta() -> Key {
    key(Table::Meta, [])
}

pub(super) fn event(sequence: u64) -> Key {
    key(Table::Events, [sequence])
}

pub(super) fn reference(target: u64, sequence: u64) -> Key {
    key(Table::Refs, [target, sequence])
}

pub(super) fn lane(target: u64) -> Key {
    key(Table::Lanes, [target])
}

pub(super) fn exception(sequence: u64) -> Key {
    key(Table::Exceptions, [sequence])
}

pub(super) fn count(uid: u64) -> Key {
    key(Table::Counts, [uid])
}

pub(super) fn message(queue: u64, sequence: u64, target: u64) -> Key {
    key(Table::Messages, [queue, sequence, target])
}

pub(super) fn visible(queue: u64, due_ms: u64, sequence: u64, target: u64) -> Key {
    key(Table::Visible, [queue, due_ms, sequence, target])
}

pub(super) fn dead_letter(bus: u64, sequence: u64, target: u64) -> Key {
    key(Table::DeadLetters, [bus, sequence, target])
}

pub(super) fn tombstone(uid: u64) -> Key {
    key(Table::Tombstones, [uid])
}

pub(super) fn outcome(sequence: u64, target: u64) -> Key {
    key(Table::Outcomes, [sequence, target])
}

pub(super) fn token(bus: u64, mac: [u8; 16]) -> Key {
    Key::new(Table::Tokens, [Part::Number(bus), Part::Bytes(mac)])
}

pub(super) fn token_age(until_ms: u64, bus: u64, mac: [u8; 16]) -> Key {
    Key::new(Table::TokenAges, [Part::Number(until_ms), Part::Number(bus), Part::Bytes(mac)])
}

/// The halves of an event's id are two numbers, so that a scan finds every sequence of one id.
pub(super) fn event_id(bus: u64, id: EventId, sequence: u64) -> Key {
    let [first, second] = halves(id);
    key(Table::EventIds, [bus, first, second, sequence])
}

/// Every row of an id on a bus.
pub(super) fn event_ids(bus: Uid, id: EventId) -> Range {
    let [first, second] = halves(id);
    Range::all(Table::EventIds, [bus.0, first, second])
}

fn halves(id: EventId) -> [u64; 2] {
    let whole = u128::from_be_bytes(id.0);
    [whole >> 64, whole].map(|half| (half & u128::from(u64::MAX)) as u64)
}

/// The row at `key`, decoded.
pub(super) fn fetch<M: Message + Default>(read: &dyn Read, key: &Key) -> Result<Option<M>, Error> {
    match read.get(key)? {
        Some(bytes) => Ok(Some(codec::decode(&bytes)?)),
        None => Ok(None),
    }
}

/// The number at `place` of a key that a scan of `key.table` gave.
pub(super) fn number(key: &Key, place: usize) -> Result<u64, Error> {
    match key.parts.get(place) {
        Some(Part::Number(number)) => Ok(*number),
        _ => Err(Error::Torn { table: key.table, invariant: "SH-7" }),
    }
}
