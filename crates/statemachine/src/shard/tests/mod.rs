//! Tests of the shard machine: rows per command, and a naive model beside it through random histories.

mod history;
mod naive;
mod table;

use bytes::Bytes;

use crate::codec::shard::{Append, Command, Direct, Entry, Event, Kind, Stamp};
use crate::overlay::{InMemory, Overlay};
use crate::shard::{Applied, apply};

/// Applies one entry and writes its batch.
fn run(rows: &mut InMemory, term: u64, entry: &Entry) -> Applied {
    let mut overlay = Overlay::over(rows);
    let applied = apply(&mut overlay, term, entry).unwrap();
    let batch = overlay.into_batch();
    rows.write(batch);
    applied
}

fn entry(time_ms: u64, kinds: impl IntoIterator<Item = Kind>) -> Entry {
    let commands = kinds.into_iter().map(|kind| Command { kind: Some(kind) }).collect();
    Entry { time_ms, only_in_term: 0, commands }
}

fn event(bus: u64, control_index: u64, rules: &[u64], direct: &[(u64, u64)]) -> Event {
    let direct = direct.iter().map(|(target, queue)| Direct { target: *target, queue: *queue, rule: 1 }).collect();
    Event {
        event_id: Bytes::from_static(&[7; 16]),
        arrival_id: Bytes::from_static(&[8; 16]),
        bus,
        stamp: Some(Stamp { control_index, rules: rules.to_vec(), direct, hops: 0 }),
        frame: Bytes::from_static(b"sealed"),
    }
}

fn append(events: impl IntoIterator<Item = Event>) -> Kind {
    Kind::Append(Append { events: events.into_iter().collect(), token: None })
}
