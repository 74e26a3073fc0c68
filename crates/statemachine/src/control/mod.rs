//! The control machine: buses, rules, targets, connections, API destinations and queues, the organisation, its principals and
//! their policies, the cluster's nodes and which groups they are to have, one command at a time.
//!
//! In: committed entries with their place in the log, and the control group's rows.
//! Out: a reply, and whole changed rows as effects, by which a view is kept without reading the tables again.
//! Never: patterns compiled, policies decided or secrets opened; what needs validation came validated.

mod access_key;
mod account;
mod assignment;
mod attachment;
mod bus;
mod cluster;
mod connection;
mod desk;
mod destination;
mod document;
mod epoch;
pub(crate) mod form;
mod join;
pub mod limits;
mod membership;
mod node;
mod organization;
mod policy;
mod principal;
mod queue;
pub mod reply;
mod request;
mod resource;
mod role;
mod rule;
pub mod state;
mod tag;
mod target;
#[cfg(test)]
mod tests;
mod unit;
mod user;

pub use cluster::updated;
pub use join::secret_hash;

use bascule_model::fault::Fault;
use bascule_model::name::AccountId;
use bascule_model::uid::ControlIndex;

use crate::codec::CodecError;
use crate::codec::control::{Entry, Kind};
use crate::control::desk::{Desk, Stop};
use crate::control::reply::{Done, Outcome, Reply};
use crate::control::state::Effect;
use crate::overlay::Overlay;
use crate::ports::tables::{Read, TableError};

/// Where an entry stands in the control group's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its index.
    pub index: u64,
    /// The term whose leader wrote it.
    pub term: u64,
}

/// Why an entry could not be applied. The group stops; a refusal is a [`Fault`] in the reply instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The rows failed.
    #[error(transparent)]
    Tables(#[from] TableError),
    /// A row of the control group is none of this build's.
    #[error("a row of the control group cannot be read")]
    Row(#[from] CodecError),
    /// The command is of a later build.
    #[error("the command is one of a later build")]
    NewerCommand,
    /// The log has had more entries, or the cluster more uids, than 48 bits count.
    #[error("a counter of the control group has run out")]
    Exhausted,
}

/// Applies one entry. A refused command changes nothing but the time and the remembered answer.
///
/// # Errors
/// [`Error`]; then nothing was put into `overlay`.
pub fn apply(overlay: &mut Overlay<'_>, place: Place, entry: &Entry) -> Result<(Reply, Vec<Effect>), Error> {
    let meta = state::meta(overlay)?;
    let command = entry.command.as_ref().ok_or(Error::NewerCommand)?;
    let kind = command.kind.as_ref().ok_or(Error::NewerCommand)?;
    let incarnation = match (&meta, kind) {
        (Some(meta), _) => meta.incarnation,
        (None, Kind::Init(init)) => init.incarnation,
        (None, _) => 0,
    };
    let incarnation = u16::try_from(incarnation).unwrap_or_default();
    let index = ControlIndex::new(incarnation, place.index).ok_or(Error::Exhausted)?;
    if entry.only_in_term != 0 && entry.only_in_term != place.term {
        return Ok((Reply { index, outcome: Outcome::Dropped }, Vec::new()));
    }
    let refused = |fault| Ok((Reply { index, outcome: Outcome::Refused(fault) }, Vec::new()));
    if meta.is_none() && !matches!(kind, Kind::Init(_)) {
        return refused(Fault::Unavailable { reason: "the cluster is not initialised".to_owned() });
    }
    if AccountId::from_number(command.account).is_none() {
        return refused(Fault::invalid("Account", "it must have twelve digits", &command.account.to_string()));
    }
    let initialised = meta.is_some();
    let mut meta = meta.unwrap_or_default();
    meta.time_ms = meta.time_ms.max(entry.time_ms);
    let now_ms = meta.time_ms;

    let known = request::find(overlay, command, kind, now_ms)?;
    if let Some(answer) = known {
        return match answer {
            Ok(reply) => Ok((reply, Vec::new())),
            Err(fault) => refused(fault),
        };
    }
    // The command works on a layer of its own, so that a fault behind its first put leaves nothing behind.
    let mut layer = Overlay::over(&*overlay);
    let mut desk = Desk::new(&*overlay, &mut layer, meta.clone(), index, command);
    let performed = epoch::unless_moved(&desk, command).and_then(|()| perform(&mut desk, kind, initialised));
    let (outcome, effects) = match performed {
        Ok(done) => (Outcome::Done(done), desk.finish()?),
        Err(Stop::Broken(error)) => return Err(error),
        Err(Stop::Fault(fault)) => {
            layer = Overlay::over(&*overlay);
            if initialised {
                state::put_meta(&mut layer, &meta);
            }
            (Outcome::Refused(fault), if initialised { vec![state::upsert_meta(meta)] } else { Vec::new() })
        }
    };
    let reply = Reply { index, outcome };
    request::remember(&mut layer, command, kind, now_ms, &reply)?;
    for (key, change) in layer.into_batch().changes {
        match change {
            Some(row) => overlay.put(key, row),
            None => overlay.delete(key),
        }
    }
    Ok((reply, effects))
}

/// The control index of the log's `index`, with the incarnation that the rows are in; 0 before `Init`.
///
/// # Errors
/// [`Error`].
pub fn index_of(read: &dyn Read, index: u64) -> Result<ControlIndex, Error> {
    let incarnation = state::meta(read)?.map_or(0, |meta| meta.incarnation);
    ControlIndex::new(u16::try_from(incarnation).unwrap_or_default(), index).ok_or(Error::Exhausted)
}

fn perform(desk: &mut Desk<'_, '_>, kind: &Kind, initialised: bool) -> Result<Done, Stop> {
    match kind {
        Kind::Init(init) => cluster::init(desk, init, initialised),
        Kind::CreateBus(bus) => bus::create(desk, bus),
        Kind::UpdateBus(update) => bus::update(desk, update),
        Kind::DeleteBus(named) => bus::delete(desk, &named.name),
        Kind::PutRule(rule) => rule::put(desk, rule),
        Kind::EnableRule(name) => rule::enable(desk, name),
        Kind::DisableRule(name) => rule::disable(desk, name),
        Kind::DeleteRule(name) => rule::delete(desk, name),
        Kind::PutTargets(put) => target::put(desk, put),
        Kind::RemoveTargets(remove) => target::remove(desk, remove),
        Kind::CreateConnection(connection) => connection::create(desk, connection),
        Kind::UpdateConnection(update) => connection::update(desk, update),
        Kind::DeleteConnection(named) => connection::delete(desk, &named.name),
        Kind::DeauthorizeConnection(named) => connection::deauthorize(desk, &named.name),
        Kind::CreateDestination(destination) => destination::create(desk, destination),
        Kind::UpdateDestination(update) => destination::update(desk, update),
        Kind::DeleteDestination(named) => destination::delete(desk, &named.name),
        Kind::CreateQueue(queue) => queue::create(desk, queue),
        Kind::DeleteQueue(named) => queue::delete(desk, &named.name),
        Kind::ConfirmTombstone(confirm) => cluster::confirm(desk, confirm),
        Kind::Fired(fired) => rule::fired(desk, fired),
        Kind::Tag(change) => tag::tag(desk, change),
        Kind::UpdateQuotas(quotas) => cluster::update_quotas(desk, quotas),
        Kind::Organize(message) => organization::organize(desk, message),
        Kind::CreateUnit(create) => unit::create(desk, create),
        Kind::RenameUnit(rename) => unit::rename(desk, rename),
        Kind::DeleteUnit(unit) => unit::delete(desk, &unit.id),
        Kind::CreateAccount(create) => account::create(desk, create),
        Kind::MoveAccount(to) => account::relocate(desk, to),
        Kind::CloseAccount(account) => account::close(desk, account.number),
        Kind::ReopenAccount(account) => account::reopen(desk, account.number),
        Kind::CreateRole(create) => role::create(desk, create),
        Kind::UpdateRole(update) => role::update(desk, update),
        Kind::DeleteRole(named) => role::delete(desk, &named.name),
        Kind::CreateUser(create) => user::create(desk, create),
        Kind::UpdateUser(update) => user::update(desk, update),
        Kind::DeleteUser(named) => user::delete(desk, &named.name),
        Kind::SetIdentities(set) => user::set_identities(desk, set),
        Kind::PutInlinePolicy(put) => principal::put_inline(desk, put),
        Kind::DeleteInlinePolicy(delete) => principal::delete_inline(desk, delete),
        Kind::AttachPolicy(attach) => principal::attach(desk, attach),
        Kind::DetachPolicy(detach) => principal::detach(desk, detach),
        Kind::TagPrincipal(change) => principal::tag(desk, change),
        Kind::CreatePolicy(create) => policy::create(desk, create),
        Kind::DeletePolicy(name) => policy::delete(desk, name),
        Kind::CreatePolicyVersion(create) => policy::create_version(desk, create),
        Kind::DeletePolicyVersion(delete) => policy::delete_version(desk, delete),
        Kind::SetDefaultPolicyVersion(set) => policy::set_in_force(desk, set),
        Kind::AttachControlPolicy(attach) => node::attach(desk, attach),
        Kind::DetachControlPolicy(detach) => node::detach(desk, detach),
        Kind::PutResourcePolicy(put) => resource::put(desk, put),
        Kind::DeleteResourcePolicy(resource) => resource::delete(desk, resource),
        Kind::CreateAccessKey(create) => access_key::create(desk, create),
        Kind::UpdateAccessKey(update) => access_key::update(desk, update),
        Kind::DeleteAccessKey(key) => access_key::delete(desk, key),
        Kind::CreateJoinToken(create) => join::create(desk, create),
        Kind::DeleteJoinToken(named) => join::delete(desk, &named.name),
        Kind::AdmitNode(admit) => join::admit(desk, admit),
        Kind::AdmitFirst(first) => membership::first(desk, first),
        Kind::AnnounceNode(announce) => membership::announce(desk, announce),
        Kind::ChangeNode(change) => membership::change(desk, change),
        Kind::Assign(assign) => assignment::assign(desk, assign),
    }
}
