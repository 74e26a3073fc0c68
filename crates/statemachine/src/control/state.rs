//! All that the control group agrees on, in memory: read whole from the rows, or kept by effects.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;

use bascule_model::fault::Kind;
use bascule_model::limits::Quotas;
use bascule_model::name::AccountId;
use bascule_model::uid::{GroupId, NodeId, Uid};

use crate::codec;
use crate::codec::control;
use crate::codec::control::rows::{
    AccountRow, AssignmentRow, BusRow, ConnectionRow, DataKeyRow, DeletedRow, DestinationRow, JoinTokenRow, MetaRow,
    NodeRow, OrganizationRow, PolicyRow, QueueRow, RoleRow, RuleRow, TargetRow, UnitRow, UserRow,
};
use crate::control::Error;
use crate::control::desk::{folded, named};
use crate::control::epoch::{self, Weights};
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
    /// The organisation.
    Organization(OrganizationRow),
    /// An organisational unit.
    Unit(UnitRow),
    /// An account.
    Account(AccountRow),
    /// A role.
    Role(RoleRow),
    /// A user, with its certificate identities.
    User(UserRow),
    /// A managed policy.
    Policy(PolicyRow),
    /// A node of the cluster.
    Node(NodeRow),
    /// A join token.
    JoinToken(JoinTokenRow),
    /// Which nodes are to have a group.
    Assignment(AssignmentRow),
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

/// Everything, by uid (data keys by key id, accounts by number, nodes by their id, assignments by group).
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
    /// Absent in a cluster that was founded before there were organisations, until `Organize`.
    pub organization: Option<OrganizationRow>,
    /// Organisational units.
    pub units: BTreeMap<Uid, UnitRow>,
    /// Accounts.
    pub accounts: BTreeMap<AccountId, AccountRow>,
    /// Roles.
    pub roles: BTreeMap<Uid, RoleRow>,
    /// Users.
    pub users: BTreeMap<Uid, UserRow>,
    /// Managed policies of accounts and of the organisation; shipped ones have no row.
    pub policies: BTreeMap<Uid, PolicyRow>,
    /// Nodes, those that are gone too. None in a cluster that was founded before they were written down, until `AdmitFirst`.
    pub nodes: BTreeMap<NodeId, NodeRow>,
    /// Join tokens.
    pub join_tokens: BTreeMap<Uid, JoinTokenRow>,
    /// Which nodes are to have a group.
    pub assignments: BTreeMap<GroupId, AssignmentRow>,
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
                Kind::Unit => drop(self.units.remove(&uid)),
                Kind::Role => drop(self.roles.remove(&uid)),
                Kind::User => drop(self.users.remove(&uid)),
                Kind::Policy => drop(self.policies.remove(&uid)),
                Kind::JoinToken => drop(self.join_tokens.remove(&uid)),
                // None of these is ever deleted, or has a row of its own here.
                Kind::Cluster
                | Kind::Event
                | Kind::DataKey
                | Kind::Tombstone
                | Kind::Organization
                | Kind::Account
                | Kind::PolicyVersion
                | Kind::Identity
                | Kind::AccessKey
                | Kind::Node => {}
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
            Row::Organization(row) => self.organization = Some(row),
            Row::Unit(row) => drop(self.units.insert(Uid(row.uid), row)),
            Row::Account(row) => {
                if let Some(number) = AccountId::from_number(row.number) {
                    self.accounts.insert(number, row);
                }
            }
            Row::Role(row) => drop(self.roles.insert(Uid(row.uid), row)),
            Row::User(row) => drop(self.users.insert(Uid(row.uid), row)),
            Row::Policy(row) => drop(self.policies.insert(Uid(row.uid), row)),
            Row::Node(row) => drop(self.nodes.insert(NodeId(row.id), row)),
            Row::JoinToken(row) => drop(self.join_tokens.insert(Uid(row.uid), row)),
            Row::Assignment(row) => drop(self.assignments.insert(GroupId(group_of(&row)), row)),
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
    each::<OrganizationRow>(read, Table::Organization, &mut state)?;
    each::<UnitRow>(read, Table::Units, &mut state)?;
    each::<AccountRow>(read, Table::Accounts, &mut state)?;
    each::<RoleRow>(read, Table::Roles, &mut state)?;
    each::<UserRow>(read, Table::Users, &mut state)?;
    each::<PolicyRow>(read, Table::Policies, &mut state)?;
    each::<NodeRow>(read, Table::Nodes, &mut state)?;
    each::<JoinTokenRow>(read, Table::JoinTokens, &mut state)?;
    each::<AssignmentRow>(read, Table::Assignments, &mut state)?;
    Ok(state)
}

fn each<R: Stored>(read: &dyn Read, table: Table, state: &mut State) -> Result<(), Error> {
    // Keys hold names as MACs, so that a table cannot be paged through; quotas bound it.
    for (_, bytes) in read.scan(&Range::all(table, []), usize::MAX)? {
        state.upsert(codec::decode::<R>(&bytes)?.wrap());
    }
    Ok(())
}

/// Every node there ever was, ascending by id.
///
/// # Errors
/// [`Error`].
pub fn nodes(read: &dyn Read) -> Result<Vec<NodeRow>, Error> {
    rows(read, Table::Nodes)
}

/// Which nodes are to have which group, ascending by group.
///
/// # Errors
/// [`Error`].
pub fn assignments(read: &dyn Read) -> Result<Vec<AssignmentRow>, Error> {
    rows(read, Table::Assignments)
}

fn rows<M: Message + Default>(read: &dyn Read, table: Table) -> Result<Vec<M>, Error> {
    let rows = read.scan(&Range::all(table, []), usize::MAX)?;
    rows.iter().map(|(_, bytes)| Ok(codec::decode(bytes)?)).collect()
}

/// A row that knows its key, and what of it decisions read.
pub(super) trait Stored: Message + Default {
    /// Whether decisions read anything of such rows at all.
    const WEIGHED: bool = false;

    fn key(&self) -> Key;
    fn wrap(self) -> Row;

    fn weights(&self) -> Weights {
        Weights::new()
    }
}

macro_rules! stored {
    ($row:ty, $kind:ident, $self:ident => $key:expr $(, $weights:path)?) => {
        impl Stored for $row {
            $(
                const WEIGHED: bool = true;

                fn weights(&self) -> Weights {
                    $weights(self)
                }
            )?

            fn key(&$self) -> Key {
                $key
            }

            fn wrap(self) -> Row {
                Row::$kind(self)
            }
        }
    };
}

stored!(BusRow, Bus, self => named(Table::Buses, self.account, &self.name), epoch::bus);
stored!(
    RuleRow,
    Rule,
    self => named(Table::Rules, self.bus_uid, self.rule.as_ref().map_or("", |rule| &rule.name)),
    epoch::rule
);
stored!(TargetRow, Target, self => named(Table::Targets, self.rule_uid, self.target.as_ref().map_or("", |target| &target.id)));
stored!(ConnectionRow, Connection, self => named(Table::Connections, self.account, &self.name));
stored!(DestinationRow, Destination, self => {
    named(Table::Destinations, self.account, self.destination.as_ref().map_or("", |destination| &destination.name))
});
stored!(
    QueueRow,
    Queue,
    self => named(Table::Queues, self.account, self.queue.as_ref().map_or("", |queue| &queue.name)),
    epoch::queue
);
stored!(DeletedRow, Deleted, self => Key::new(Table::Deleted, [Part::Number(self.uid)]));
stored!(DataKeyRow, DataKey, self => {
    Key::new(Table::DataKeys, [Part::Bytes(self.key_id.as_ref().try_into().unwrap_or_default())])
});
stored!(OrganizationRow, Organization, self => organization_key(), epoch::organization);
stored!(UnitRow, Unit, self => unit_key(&self.id), epoch::unit);
stored!(AccountRow, Account, self => account_key(self.number), epoch::account);
stored!(RoleRow, Role, self => folded(Table::Roles, self.account, &self.name), epoch::role);
stored!(UserRow, User, self => folded(Table::Users, self.account, &self.name), epoch::user);
stored!(PolicyRow, Policy, self => policy_key(self.account, self.kind, &self.name), epoch::policy);
stored!(NodeRow, Node, self => node_key(self.id));
stored!(JoinTokenRow, JoinToken, self => join_token_key(&self.id));
stored!(AssignmentRow, Assignment, self => assignment_key(group_of(self)));

pub(super) fn node_key(id: u64) -> Key {
    Key::new(Table::Nodes, [Part::Number(id)])
}

pub(super) fn join_token_key(id: &str) -> Key {
    Key::new(Table::JoinTokens, [Part::from(id)])
}

pub(super) fn assignment_key(group: u32) -> Key {
    Key::new(Table::Assignments, [Part::Number(u64::from(group))])
}

fn group_of(row: &AssignmentRow) -> u32 {
    row.assignment.as_ref().map_or(0, |assignment| assignment.group)
}

pub(super) fn organization_key() -> Key {
    Key::new(Table::Organization, [])
}

pub(super) fn unit_key(id: &str) -> Key {
    Key::new(Table::Units, [Part::from(id)])
}

pub(super) fn account_key(number: u64) -> Key {
    Key::new(Table::Accounts, [Part::Number(number)])
}

/// IAM tells names apart by more than case only in ARNs: what differs in case alone cannot exist side by side.
pub(super) fn policy_key(account: u64, kind: i32, name: &str) -> Key {
    let kind = u64::try_from(kind).unwrap_or_default();
    Key::new(Table::Policies, [Part::Number(account), Part::Number(kind), Part::Name(name.to_ascii_lowercase())])
}

fn meta_key() -> Key {
    Key::new(Table::Meta, [])
}

/// The cluster, and what the machine counts; `None` before `Init`.
///
/// # Errors
/// [`Error`].
pub fn meta(rows: &dyn Read) -> Result<Option<MetaRow>, Error> {
    read(rows, &meta_key())
}

pub(super) fn read<M: Message + Default>(rows: &dyn Read, key: &Key) -> Result<Option<M>, Error> {
    match rows.get(key)? {
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
