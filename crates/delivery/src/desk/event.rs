//! One event by its id: its row, and how each of its deliveries stands by the rows alone.

use bascule_model::id::EventId;
use bascule_model::uid::{ControlIndex, GroupId, Sequence, Uid};
use bascule_routing::view::View;
use bascule_statemachine::codec::shard::{EventRow, Stamp};
use bascule_statemachine::ports::ask::{AskError, Delivery, Tracked};
use bascule_statemachine::ports::tables::Read;
use bascule_statemachine::shard::{self, read};

use crate::desk::{Desk, torn};
use crate::limits::ARRIVALS_LIMIT_ROWS;
use crate::reading::stamped;

impl Desk {
    /// The first arrival of the id that somebody is owed.
    pub(super) async fn tracked(&self, group: GroupId, bus: Uid, id: EventId) -> Result<Option<Tracked>, AskError> {
        for (sequence, index) in self.arrivals(group, bus, id)? {
            // An older view would pass over targets that the event is owed to.
            let view = self.0.viewer.reached(index).await.ok_or(AskError::Behind { group, index })?;
            let rows = self.rows(group)?;
            if let Some(tracked) = tracked(&*rows, &view, sequence).map_err(torn(group))? {
                return Ok(Some(tracked));
            }
        }
        Ok(None)
    }

    /// Every arrival of the id on the bus, with the index of the view that stamped it.
    fn arrivals(&self, group: GroupId, bus: Uid, id: EventId) -> Result<Vec<(Sequence, ControlIndex)>, AskError> {
        let rows = self.rows(group)?;
        let mut arrivals = Vec::new();
        for sequence in read::sequences_of(&*rows, bus, id, ARRIVALS_LIMIT_ROWS).map_err(torn(group))? {
            let row = read::event(&*rows, sequence).map_err(torn(group))?;
            arrivals.extend(row.map(|row| (sequence, stamped(&row))));
        }
        Ok(arrivals)
    }
}

/// None if nobody is owed the event any more; its row can stay a moment longer, until the watermark has passed it.
fn tracked(rows: &dyn Read, view: &View, sequence: Sequence) -> Result<Option<Tracked>, shard::Error> {
    // It may have gone while the view was waited for.
    let Some(row) = read::event(rows, sequence)? else { return Ok(None) };
    let targets = owed(view, &row);
    let mut open = read::open(rows, sequence, &row, &targets)?;
    if open.is_empty() {
        return Ok(None);
    }
    let deliveries = targets.into_iter().map(|target| match open.remove(&target) {
        None => (target, Delivery::Ended),
        Some(None) => (target, Delivery::Waits),
        Some(Some(reference)) => (target, Delivery::Parked(reference)),
    });
    let deliveries = deliveries.collect();
    Ok(Some(Tracked { row, deliveries }))
}

/// The targets that the event was owed to: those of the stamp's rules that were minted at or before it, without the direct ones.
fn owed(view: &View, row: &EventRow) -> Vec<Uid> {
    let Some(stamp) = row.event.as_ref().and_then(|event| event.stamp.as_ref()) else { return Vec::new() };
    let is_direct = |stamp: &Stamp, target: Uid| stamp.direct.iter().any(|direct| direct.target == target.0);
    let rules = stamp.rules.iter().filter_map(|rule| view.rule(Uid(*rule)));
    let lanes = rules.flat_map(|rule| rule.targets.values());
    let lanes = lanes.filter(|lane| lane.minted <= stamped(row) && !is_direct(stamp, lane.uid));
    lanes.map(|lane| lane.uid).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bascule_keyring::secret::KeyId;
    use bascule_statemachine::codec::control::{Rule, Target, rows};
    use bascule_statemachine::codec::shard::{
        Append, Checkpoint, Command, Detach, Direct, Entry, Event, Kind, Outcome, Owed, RefRow, Terminal, Why,
    };
    use bascule_statemachine::control::state::State;
    use bascule_statemachine::overlay::{InMemory, Overlay};
    use bytes::Bytes;

    use super::*;

    const ID: EventId = EventId([7; 16]);

    /// Rule 10 of bus 1 with targets 11 and 12, and 13, which came after the events; 12 is a message at once.
    fn view() -> View {
        let key_id = Bytes::copy_from_slice(KeyId::from_random([1; 12]).as_bytes());
        let bus = rows::BusRow { uid: 1, name: "b".to_owned(), key_id, ..Default::default() };
        let rule = Rule { bus: "b".to_owned(), name: "r".to_owned(), ..Rule::default() };
        let rule = rows::RuleRow { uid: 10, bus_uid: 1, rule: Some(rule), ..Default::default() };
        let target = |uid: u64, minted_at| {
            let arn = "arn:aws:sqs:us-east-1:000000000000:q".to_owned();
            let target = Target { id: uid.to_string(), arn, retry_age_s: 60, ..Target::default() };
            (Uid(uid), rows::TargetRow { uid, rule_uid: 10, minted_at, target: Some(target) })
        };
        let state = State {
            buses: BTreeMap::from([(Uid(1), bus)]),
            rules: BTreeMap::from([(Uid(10), rule)]),
            targets: BTreeMap::from([target(11, 5), target(12, 2), target(13, 6)]),
            ..State::default()
        };
        View::of(ControlIndex(9), state)
    }

    fn put() -> Event {
        let direct = vec![Direct { target: 12, queue: 50, rule: 10 }];
        Event {
            event_id: Bytes::copy_from_slice(&ID.0),
            arrival_id: Bytes::copy_from_slice(&ID.0),
            bus: 1,
            stamp: Some(Stamp { control_index: 5, rules: vec![10], direct, hops: 0 }),
            frame: Bytes::new(),
        }
    }

    fn run(rows: &mut InMemory, kind: Kind) {
        let entry = Entry { time_ms: 1, only_in_term: 0, commands: vec![Command { kind: Some(kind) }] };
        let mut overlay = Overlay::over(rows);
        shard::apply(&mut overlay, 1, &entry).unwrap();
        let batch = overlay.into_batch();
        rows.write(batch);
    }

    fn found(rows: &InMemory, sequence: u64) -> Option<Vec<(Uid, Delivery)>> {
        tracked(rows, &view(), Sequence(sequence)).unwrap().map(|tracked| tracked.deliveries)
    }

    fn ends(sequence: u64, watermark: u64) -> Kind {
        let terminal = Terminal::Delivered as i32;
        let outcomes = vec![Outcome { sequence, target: 11, terminal, reason: String::new() }];
        Kind::Checkpoint(Checkpoint { watermark, outcomes })
    }

    #[test]
    fn each_arrival_is_shown_while_it_is_owed() {
        let mut rows = InMemory::default();
        run(&mut rows, Kind::Append(Append { events: vec![put(), put()], token: None }));
        assert_eq!(found(&rows, 1), Some(vec![(Uid(11), Delivery::Waits)]));
        // Below a watermark that has not moved yet an event that has ended still has its row.
        run(&mut rows, ends(1, 1));
        assert_eq!(read::sequences_of(&rows, Uid(1), ID, 9).unwrap(), [Sequence(1), Sequence(2)]);
        assert_eq!((found(&rows, 1), found(&rows, 3)), (None, None));
        assert_eq!(found(&rows, 2), Some(vec![(Uid(11), Delivery::Waits)]));
        let owed = vec![Owed { sequence: 2, attempts: 3, due_ms: 9, fault: "f".to_owned() }];
        let why = Why::Failing as i32;
        let detach = Detach { target: 11, rule: 10, owed, followed: 2, lane: false, why, minted: 5 };
        run(&mut rows, Kind::Detach(detach));
        run(&mut rows, Kind::Checkpoint(Checkpoint { watermark: 3, outcomes: Vec::new() }));
        let parked = RefRow { attempts: 3, due_ms: 9, fault: "f".to_owned() };
        assert_eq!(found(&rows, 2), Some(vec![(Uid(11), Delivery::Parked(parked))]));
        // Without the rule nobody is owed it.
        assert_eq!(tracked(&rows, &View::default(), Sequence(2)).unwrap(), None);
        run(&mut rows, ends(2, 3));
        assert_eq!(found(&rows, 2), None);
    }
}
