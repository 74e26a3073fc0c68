//! Where one command works: its rows, the cluster's row, its index and time, and the effects it leaves.

use std::collections::BTreeMap;

use prost::Message;

use bascule_model::fault::{Fault, Kind};
use bascule_model::limits::Quotas;
use bascule_model::uid::{ControlIndex, Uid};

use crate::codec;
use crate::codec::control::rows::{AccountCounts, DataKeyRow, DeletedKind, DeletedRow};
use crate::codec::control::{Command, DataKey};
use crate::control::Error;
use crate::control::epoch::{self, Weigh};
use crate::control::state::{self, Effect, Stored};
use crate::key::{Key, Part, Range};
use crate::overlay::Overlay;
use crate::ports::tables::{Read, TableError};
use crate::register::Table;

/// Why a command ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// It is refused.
    Fault(Fault),
    /// The group cannot go on.
    Broken(Error),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Broken(error)
    }
}

impl From<TableError> for Stop {
    fn from(error: TableError) -> Self {
        Self::Broken(error.into())
    }
}

/// One command's desk.
pub(super) struct Desk<'desk, 'rows> {
    before: &'desk dyn Read,
    rows: &'desk mut Overlay<'rows>,
    effects: Vec<Effect>,
    /// Rows that were put or deleted and of which decisions read something.
    weighed: BTreeMap<Key, Weigh>,
    /// The cluster's row, put back when the command is done.
    pub(super) meta: state::Meta,
    /// Where the command stands.
    pub(super) index: ControlIndex,
    /// Group time.
    pub(super) now_ms: u64,
    /// Whose resources.
    pub(super) account: u64,
    pub(super) if_changed_at: u64,
}

impl<'desk, 'rows> Desk<'desk, 'rows> {
    /// A desk over `rows`, which so far are as in `before`.
    pub(super) fn new(
        before: &'desk dyn Read,
        rows: &'desk mut Overlay<'rows>,
        meta: state::Meta,
        index: ControlIndex,
        command: &Command,
    ) -> Self {
        Self {
            before,
            rows,
            effects: Vec::new(),
            weighed: BTreeMap::new(),
            now_ms: meta.time_ms,
            meta,
            index,
            account: command.account,
            if_changed_at: command.if_changed_at,
        }
    }

    /// Moves the epochs of what changed, and puts the cluster's row back; gives the effects.
    pub(super) fn finish(mut self) -> Result<Vec<Effect>, Error> {
        self.effects.extend(epoch::advance(self.before, self.rows, &self.weighed, self.index)?);
        state::put_meta(self.rows, &self.meta);
        self.effects.push(state::upsert_meta(self.meta));
        Ok(self.effects)
    }

    pub(super) fn get<M: Message + Default>(&self, key: &Key) -> Result<Option<M>, Stop> {
        Ok(state::read(self.rows, key)?)
    }

    /// All rows of a table, which something bounds.
    pub(super) fn list<M: Message + Default>(&self, table: Table) -> Result<Vec<M>, Stop> {
        let rows = self.rows.scan(&Range::all(table, []), usize::MAX)?;
        let rows = rows.iter().map(|(_, bytes)| codec::decode(bytes).map_err(Error::from));
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A row of this account, or the fault that says it is not there.
    pub(super) fn need<R: Stored>(&self, table: Table, kind: Kind, name: &str) -> Result<R, Stop> {
        Ok(self.get(&named(table, self.account, name))?.ok_or_else(|| Fault::not_found(kind, name))?)
    }

    pub(super) fn put<R: Stored>(&mut self, row: R) {
        self.weigh::<R>(row.key());
        self.rows.put(row.key(), codec::encode(&row));
        self.effects.push(Effect::Upsert(Box::new(row.wrap())));
    }

    pub(super) fn delete<R: Stored>(&mut self, row: &R, kind: Kind, uid: u64) {
        self.weigh::<R>(row.key());
        self.rows.delete(row.key());
        self.effects.push(Effect::Delete { kind, uid: Uid(uid) });
    }

    fn weigh<R: Stored>(&mut self, key: Key) {
        if R::WEIGHED {
            self.weighed.insert(key, epoch::weigh::<R>);
        }
    }

    /// Puts a row by which another is found; no view needs it.
    pub(super) fn put_index<M: Message>(&mut self, key: Key, row: &M) {
        self.rows.put(key, codec::encode(row));
    }

    pub(super) fn delete_index(&mut self, key: Key) {
        self.rows.delete(key);
    }

    /// A uid that never was.
    pub(super) fn mint(&mut self) -> Result<u64, Stop> {
        let counter = self.meta.next_uid.max(1);
        let uid = Uid::new(self.index.incarnation(), counter).ok_or(Error::Exhausted)?;
        self.meta.next_uid = counter + 1;
        Ok(uid.0)
    }

    pub(super) fn quotas(&self) -> Quotas {
        self.meta.quotas.map_or_else(Quotas::default, state::quotas)
    }

    /// Refuses the command if the caller saw another state of the resource.
    pub(super) fn unless_changed(&self, kind: Kind, name: &str, changed_at: u64) -> Result<(), Stop> {
        if self.if_changed_at == 0 || self.if_changed_at == changed_at {
            return Ok(());
        }
        Err(Fault::ConcurrentModification { kind, name: name.to_owned() }.into())
    }

    /// The same for something that is not there: whoever saw it saw another state.
    pub(super) fn unless_expected(&self, kind: Kind, name: &str) -> Result<(), Stop> {
        self.unless_changed(kind, name, 0)
    }

    /// This account's counts.
    pub(super) fn counts(&mut self) -> &mut AccountCounts {
        let account = self.account;
        let accounts = &mut self.meta.accounts;
        let place = match accounts.binary_search_by_key(&account, |counts| counts.account) {
            Ok(place) => place,
            Err(place) => {
                accounts.insert(place, AccountCounts { account, ..AccountCounts::default() });
                place
            }
        };
        &mut accounts[place]
    }

    /// Puts a new data key of a bus; gives its id.
    pub(super) fn put_data_key(
        &mut self,
        data_key: Option<&DataKey>,
        bus_uid: u64,
        key_identifier: &str,
    ) -> Result<bytes::Bytes, Stop> {
        let Some(data_key) = data_key.filter(|key| key.key_id.len() == 16 && !key.wrapped.is_empty()) else {
            return Err(Fault::invalid("data key", "it must have an id of 16 bytes and be wrapped", "").into());
        };
        let row = DataKeyRow {
            key_id: data_key.key_id.clone(),
            wrapped: data_key.wrapped.clone(),
            bus_uid,
            key_identifier: key_identifier.to_owned(),
            created_ms: self.now_ms,
        };
        if self.get::<DataKeyRow>(&row.key())?.is_some() {
            let name = data_key.key_id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            return Err(Fault::already_exists(Kind::DataKey, name).into());
        }
        self.put(row);
        Ok(data_key.key_id.clone())
    }

    /// Writes down that something is gone, until every shard group knows.
    pub(super) fn bury(&mut self, kind: DeletedKind, uid: u64, name: &str) {
        let row = DeletedRow {
            uid,
            kind: kind as i32,
            account: self.account,
            name: name.to_owned(),
            waiting: self.meta.groups.clone(),
            deleted_ms: self.now_ms,
        };
        self.put(row);
    }
}

/// (number, name), the key of most tables: an account's or parent's number, and a name.
pub(super) fn named(table: Table, number: u64, name: &str) -> Key {
    Key::new(table, [Part::Number(number), Part::from(name)])
}

/// The same for IAM's names, which are unique whatever their case (`reference_iam-quotas`).
pub(super) fn folded(table: Table, number: u64, name: &str) -> Key {
    named(table, number, &name.to_ascii_lowercase())
}

/// Refuses one more than `max`.
pub(super) fn room(limit: &str, count: u32, max: u32) -> Result<(), Stop> {
    if count >= max {
        return Err(Fault::limit(limit, u64::from(count) + 1, max).into());
    }
    Ok(())
}
