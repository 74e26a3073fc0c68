//! All that the control group agrees on, in memory: read whole from the rows, or kept by effects.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;

use bascule_model::fault::Kind;
use bascule_model::limits::Quotas;
use bascule_model::uid::Uid;

use crate::codec;
use crate::codec::control;
use crate::codec::control::rows::{
    BusRow, ConnectionRow, DataKeyRow, DeletedRow, DestinationRow, MetaRow, QueueRow, RuleRow, TargetRow,
};
use crate::control::Error;
use crate::control::desk::named;
use crate::key::{Key, Part, Range};
use crate::overlay::Overlay;
use crate::ports::tables::Read;
use crate::register::Table;

pub(super) type Meta = MetaRow;

/// A whole row.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// The cluster's.
    Cluster(MetaRow),
    /// A bus.
    Bus(BusRow),
    /// A rule.
    Rule(RuleRow),
    /// A target.
    Target(TargetRow),
    /// A connection.
    Connection(ConnectionRow),
    /// An API destination.
    Destination(DestinationRow),
    /// A queue.
    Queue(QueueRow),
    /// A tombstone.
    Deleted(DeletedRow),
    /// A data key.
    DataKey(DataKeyRow),
}

/// What a command changed, for the view.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// The row is new, or replaces the one with the same uid.
    Upsert(Box<Row>),
    /// The row of that kind and uid is gone.
    Delete {
        /// What it was.
        kind: Kind,
        /// Its uid.
        uid: Uid,
    },
}

/// Everything, by uid (data keys by key id).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// Absent before `Init`.
    pub cluster: Option<MetaRow>,
    /// Buses.
    pub buses: BTreeMap<Uid, BusRow>,
    /// Rules.
    pub rules: BTreeMap<Uid, RuleRow>,
    /// Targets.
    pub targets: BTreeMap<Uid, TargetRow>,
    /// Connections.
    pub connections: BTreeMap<Uid, ConnectionRow>,
    /// API destinations.
    pub destinations: BTreeMap<Uid, DestinationRow>,
    /// Queues.
    pub queues: BTreeMap<Uid, QueueRow>,
    /// Tombstones.
    pub deleted: BTreeMap<Uid, DeletedRow>,
    /// Data keys.
    pub data_keys: BTreeMap<Bytes, DataKeyRow>,
}

impl State {
    /// Takes one effect in.
    pub fn absorb(&mut self, effect: Effect) {
        match effect {
            Effect::Upsert(row) => self.upsert(*row),
            Effect::Delete { kind, uid } => match kind {
                Kind::Bus => drop(self.buses.remove(&uid)),
                Kind::Rule => drop(self.rules.remove(&uid)),
                Kind::Target => drop(self.targets.remove(&uid)),
                Kind::Connection => drop(self.connections.remove(&uid)),
                Kind::Destination => drop(self.destinations.remove(&uid)),
                Kind::Queue => drop(self.queues.remove(&uid)),
                // None of these is ever deleted.
                Kind::Cluster | Kind::DataKey | Kind::Tombstone => {}
            },
        }
    }

    fn upsert(&mut self, row: Row) {
        match row {
            Row::Cluster(row) => self.cluster = Some(row),
            Row::Bus(row) => drop(self.buses.insert(Uid(row.uid), row)),
            Row::Rule(row) => drop(self.rules.insert(Uid(row.uid), row)),
            Row::Target(row) => drop(self.targets.insert(Uid(row.uid), row)),
            Row::Connection(row) => drop(self.connections.insert(Uid(row.uid), row)),
            Row::Destination(row) => drop(self.destinations.insert(Uid(row.uid), row)),
            Row::Queue(row) => drop(self.queues.insert(Uid(row.uid), row)),
            Row::Deleted(row) => drop(self.deleted.insert(Uid(row.uid), row)),
            Row::DataKey(row) => drop(self.data_keys.insert(row.key_id.clone(), row)),
        }
    }
}

/// Reads everything from the rows, for a start or an installed snapshot.
///
/// # Errors
/// [`Error`] for a row that cannot be read.
pub fn all(read: &dyn Read) -> Result<State, Error> {
    let mut state = State { cluster: meta(read)?, ..State::default() };
    each::<BusRow>(read, Table::Buses, &mut state)?;
    each::<RuleRow>(read, Table::Rules, &mut state)?;
    each::<TargetRow>(read, Table::Targets, &mut state)?;
    each::<ConnectionRow>(read, Table::Connections, &mut state)?;
    each::<DestinationRow>(read, Table::Destinations, &mut state)?;
    each::<QueueRow>(read, Table::Queues, &mut state)?;
    each::<DeletedRow>(read, Table::Deleted, &mut state)?;
    each::<DataKeyRow>(read, Table::DataKeys, &mut state)?;
    Ok(state)
}

fn each<R: Stored>(read: &dyn Read, table: Table, state: &mut State) -> Result<(), Error> {
    // Keys hold names as MACs, so that a table cannot be paged through; quotas bound it.
    for (_, bytes) in read.scan(&Range::all(table, []), usize::MAX)? {
        state.upsert(codec::decode::<R>(&bytes)?.wrap());
    }
    Ok(())
}

/// A row that knows its key.
pub(super) trait Stored: Message + Default {
    fn key(&self) -> Key;
    fn wrap(self) -> Row;
}

macro_rules! stored {
    ($row:ty, $kind:ident, $self:ident => $key:expr) => {
        impl Stored for $row {
            fn key(&$self) -> Key {
                $key
            }

            fn wrap(self) -> Row {
                Row::$kind(self)
            }
        }
    };
}

stored!(BusRow, Bus, self => named(Table::Buses, self.account, &self.name));
stored!(RuleRow, Rule, self => named(Table::Rules, self.bus_uid, self.rule.as_ref().map_or("", |rule| &rule.name)));
stored!(TargetRow, Target, self => named(Table::Targets, self.rule_uid, self.target.as_ref().map_or("", |target| &target.id)));
stored!(ConnectionRow, Connection, self => named(Table::Connections, self.account, &self.name));
stored!(DestinationRow, Destination, self => {
    named(Table::Destinations, self.account, self.destination.as_ref().map_or("", |destination| &destination.name))
});
stored!(QueueRow, Queue, self => named(Table::Queues, self.account, self.queue.as_ref().map_or("", |queue| &queue.name)));
stored!(DeletedRow, Deleted, self => Key::new(Table::Deleted, [Part::Number(self.uid)]));
stored!(DataKeyRow, DataKey, self => {
    Key::new(Table::DataKeys, [Part::Bytes(self.key_id.as_ref().try_into().unwrap_or_default())])
});

fn meta_key() -> Key {
    Key::new(Table::Meta, [])
}

pub(super) fn meta(read: &dyn Read) -> Result<Option<MetaRow>, Error> {
    match read.get(&meta_key())? {
        Some(bytes) => Ok(Some(codec::decode(&bytes)?)),
        None => Ok(None),
    }
}

pub(super) fn put_meta(rows: &mut Overlay<'_>, meta: &MetaRow) {
    rows.put(meta_key(), codec::encode(meta));
}

pub(super) fn upsert_meta(meta: MetaRow) -> Effect {
    Effect::Upsert(Box::new(Row::Cluster(meta)))
}

/// The quotas of their message.
#[must_use]
pub fn quotas(message: control::Quotas) -> Quotas {
    Quotas {
        account_buses: message.account_buses,
        bus_rules: message.bus_rules,
        rule_targets: message.rule_targets,
        account_connections: message.account_connections,
        account_destinations: message.account_destinations,
        account_queues: message.account_queues,
        pattern_chars: message.pattern_chars,
    }
}

/// The message of quotas.
#[must_use]
pub fn quotas_message(quotas: &Quotas) -> control::Quotas {
    control::Quotas {
        account_buses: quotas.account_buses,
        bus_rules: quotas.bus_rules,
        rule_targets: quotas.rule_targets,
        account_connections: quotas.account_connections,
        account_destinations: quotas.account_destinations,
        account_queues: quotas.account_queues,
        pattern_chars: quotas.pattern_chars,
    }
}
