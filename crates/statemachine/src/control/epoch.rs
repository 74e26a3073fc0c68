//! Epochs: for each account and for the organisation, the control index of the last change to what a decision reads.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use prost::Message;

use bascule_model::fault::Fault;
use bascule_model::uid::ControlIndex;

use crate::codec;
use crate::codec::control::rows::{
    AccessKey, AccountRow, BusRow, OrganizationRow, PolicyRow, QueueRow, RoleRow, RuleRow, UnitRow, UserRow,
};
use crate::codec::control::{Command, PolicyKind};
use crate::control::Error;
use crate::control::desk::{Desk, Stop};
use crate::control::limits::PERMIT_ACCOUNTS_LIMIT_COUNT;
use crate::control::state::{self, Effect, Stored, account_key, organization_key};
use crate::key::Key;
use crate::overlay::Overlay;
use crate::ports::tables::Read;

/// Whose epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whose {
    /// That of the account of this number.
    Account(u64),
    /// The organisation's.
    Organization,
}

/// What decisions read of a row, as bytes that are equal if and only if it is; nothing of it, if it is not here.
pub(super) type Weights = BTreeMap<Whose, Bytes>;

/// Weighs an encoded row.
pub(super) type Weigh = fn(&Bytes) -> Result<Weights, Error>;

pub(super) fn weigh<R: Stored>(bytes: &Bytes) -> Result<Weights, Error> {
    Ok(codec::decode::<R>(bytes)?.weights())
}

/// Refuses a command whose permit was given by what has changed since.
pub(super) fn unless_moved(desk: &Desk<'_, '_>, command: &Command) -> Result<(), Stop> {
    let Some(seen) = &command.epochs else {
        return Ok(());
    };
    if seen.accounts.len() > PERMIT_ACCOUNTS_LIMIT_COUNT {
        let max = PERMIT_ACCOUNTS_LIMIT_COUNT as u64;
        return Err(Fault::limit("accounts whose epochs a permit names", seen.accounts.len() as u64, max).into());
    }
    let organization = desk.get::<OrganizationRow>(&organization_key())?.map_or(0, |row| row.epoch);
    let mut moved = organization != seen.organization;
    for account in &seen.accounts {
        let row = desk.get::<AccountRow>(&account_key(account.account))?;
        moved |= row.map_or(0, |row| row.epoch) != account.epoch;
    }
    // Whoever has seen this command's own index has seen all that moved before it.
    if moved { Err(Fault::Conflict { index: desk.index }.into()) } else { Ok(()) }
}

/// Moves epochs to `index` by what a command has changed: its `weighed` rows as they were `before` and are in `rows`.
///
/// INVARIANT CO-1: an epoch moves with a command if and only if the command changes what a decision reads there. That is found
/// here, by comparing; no command says it of itself, so that none can forget to.
pub(super) fn advance(
    before: &dyn Read,
    rows: &mut Overlay<'_>,
    weighed: &BTreeMap<Key, Weigh>,
    index: ControlIndex,
) -> Result<Vec<Effect>, Error> {
    let mut whose = BTreeSet::new();
    for (key, weigh) in weighed {
        let of = |rows: &dyn Read| rows.get(key)?.map_or_else(|| Ok(Weights::new()), |bytes| weigh(&bytes));
        let (old, new) = (of(before)?, of(rows)?);
        whose.extend(old.keys().chain(new.keys()).filter(|whose| old.get(whose) != new.get(whose)));
    }
    let mut effects = Vec::new();
    for whose in whose {
        // An account that the organisation does not have has no principals, and nowhere to write an epoch.
        match whose {
            Whose::Account(number) => {
                if let Some(row) = state::read::<AccountRow>(rows, &account_key(number))? {
                    effects.push(put(rows, AccountRow { epoch: index.0, ..row }));
                }
            }
            Whose::Organization => {
                if let Some(row) = state::read::<OrganizationRow>(rows, &organization_key())? {
                    effects.push(put(rows, OrganizationRow { epoch: index.0, ..row }));
                }
            }
        }
    }
    Ok(effects)
}

fn put<R: Stored>(rows: &mut Overlay<'_>, row: R) -> Effect {
    rows.put(row.key(), codec::encode(&row));
    Effect::Upsert(Box::new(row.wrap()))
}

fn one<M: Message>(whose: Whose, read: &M) -> Weights {
    Weights::from([(whose, codec::encode(read))])
}

/// Tags and policy; a bus without them weighs as much as none.
pub(super) fn bus(row: &BusRow) -> Weights {
    let BusRow { account, name, tags, policy, .. } = row.clone();
    if tags.is_empty() && policy.is_empty() {
        return Weights::new();
    }
    one(Whose::Account(account), &BusRow { account, name, tags, policy, ..BusRow::default() })
}

/// Its tags.
pub(super) fn rule(row: &RuleRow) -> Weights {
    let RuleRow { uid, account, tags, .. } = row.clone();
    if tags.is_empty() {
        return Weights::new();
    }
    one(Whose::Account(account), &RuleRow { uid, account, tags, ..RuleRow::default() })
}

/// Its policy.
pub(super) fn queue(row: &QueueRow) -> Weights {
    let QueueRow { uid, account, policy, .. } = row.clone();
    if policy.is_empty() {
        return Weights::new();
    }
    one(Whose::Account(account), &QueueRow { uid, account, policy, ..QueueRow::default() })
}

/// Its ids and what is attached to the root.
pub(super) fn organization(row: &OrganizationRow) -> Weights {
    let OrganizationRow { id, root, management, attached, .. } = row.clone();
    one(Whose::Organization, &OrganizationRow { id, root, management, attached, ..OrganizationRow::default() })
}

/// Its place and what is attached.
pub(super) fn unit(row: &UnitRow) -> Weights {
    let UnitRow { uid, id, parent, attached, .. } = row.clone();
    one(Whose::Organization, &UnitRow { uid, id, parent, attached, ..UnitRow::default() })
}

/// Its place and what is attached, for the organisation; whether it is closed, for itself.
pub(super) fn account(row: &AccountRow) -> Weights {
    let AccountRow { number, parent, closed, attached, .. } = row.clone();
    let mut weights = one(Whose::Organization, &AccountRow { number, parent, attached, ..AccountRow::default() });
    weights.extend(one(Whose::Account(number), &AccountRow { number, closed, ..AccountRow::default() }));
    weights
}

/// All but its description and dates.
pub(super) fn role(row: &RoleRow) -> Weights {
    let mut read = row.clone();
    read.description.clear();
    (read.created_ms, read.changed_ms, read.changed_at) = (0, 0, 0);
    one(Whose::Account(row.account), &read)
}

/// All but its description and dates. Of its access keys those in force, which say who calls, as certificate identities do.
pub(super) fn user(row: &UserRow) -> Weights {
    let mut read = row.clone();
    read.description.clear();
    read.access_keys.retain(|key| key.active);
    for key in &mut read.access_keys {
        *key = AccessKey { id: std::mem::take(&mut key.id), ..AccessKey::default() };
    }
    (read.created_ms, read.changed_ms, read.changed_at) = (0, 0, 0);
    one(Whose::Account(row.account), &read)
}

/// The version in force, while it is attached or bounds somebody; of control policies for the organisation.
pub(super) fn policy(row: &PolicyRow) -> Weights {
    if row.attachments == 0 && row.bounded == 0 {
        return Weights::new();
    }
    let identity = row.kind == PolicyKind::Identity as i32;
    let whose = if identity { Whose::Account(row.account) } else { Whose::Organization };
    let in_force = row.versions.iter().find(|version| version.number == row.in_force);
    let description = in_force.map(|version| version.document.clone()).unwrap_or_default();
    one(whose, &PolicyRow { uid: row.uid, description, ..PolicyRow::default() })
}
