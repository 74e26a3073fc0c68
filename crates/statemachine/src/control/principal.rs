//! What roles and users share: inline policies, attached policies and tags.

use bascule_model::fault::{Fault, Kind};
use bascule_model::limits::{PRINCIPAL_ATTACHED_LIMIT_COUNT, ROLE_INLINE_LIMIT_CHARS, USER_INLINE_LIMIT_CHARS};

use crate::codec::control as wire;
use crate::codec::control::PrincipalKind;
use crate::codec::control::rows::{Grants, InlinePolicy, RoleRow, UserRow};
use crate::control::attachment::{self, Hold};
use crate::control::desk::{Desk, Stop};
use crate::control::reply::Done;
use crate::control::{Error, account, document, role, tag, user};

/// A role or a user.
enum Holder {
    Role(RoleRow),
    User(UserRow),
}

impl Holder {
    /// The principal of that name, unless the caller saw another state of it.
    fn find(desk: &Desk<'_, '_>, principal: Option<&wire::Principal>) -> Result<Self, Stop> {
        let principal = principal.cloned().unwrap_or_default();
        // A kind that this build does not know is a later build's command; to refuse it would be to differ from that build.
        match PrincipalKind::try_from(principal.kind).map_err(|_| Error::NewerCommand)? {
            PrincipalKind::Role => Ok(Self::Role(role::need(desk, &principal.name)?)),
            PrincipalKind::User => Ok(Self::User(user::need(desk, &principal.name)?)),
            PrincipalKind::Unspecified => Err(Fault::invalid("principal", "its kind must be there", "").into()),
        }
    }

    fn grants(&mut self) -> &mut Grants {
        match self {
            Self::Role(row) => row.grants.get_or_insert_default(),
            Self::User(row) => row.grants.get_or_insert_default(),
        }
    }

    const fn inline_limit(&self) -> (&'static str, usize) {
        match self {
            Self::Role(_) => ("characters of all inline policies of a role", ROLE_INLINE_LIMIT_CHARS),
            Self::User(_) => ("characters of all inline policies of a user", USER_INLINE_LIMIT_CHARS),
        }
    }

    fn changed(self, desk: &mut Desk<'_, '_>) -> Done {
        match self {
            Self::Role(row) => role::changed(desk, row),
            Self::User(row) => user::changed(desk, row),
        }
    }

    const fn unchanged(&self) -> Done {
        match self {
            Self::Role(row) => Done::about(row.uid),
            Self::User(row) => Done::about(row.uid),
        }
    }
}

pub(super) fn put_inline(desk: &mut Desk<'_, '_>, put: &wire::PutInlinePolicy) -> Result<Done, Stop> {
    account::open(desk)?;
    let mut holder = Holder::find(desk, put.principal.as_ref())?;
    let (limit, max) = holder.inline_limit();
    document::check("PolicyDocument", &put.document, limit, max)?;
    let inline = &mut holder.grants().inline;
    let policy = InlinePolicy { name: put.name.clone(), document: put.document.clone() };
    match inline.binary_search_by(|old| old.name.cmp(&put.name)) {
        Ok(place) => inline[place] = policy,
        Err(place) => inline.insert(place, policy),
    }
    document::check_all(inline.iter().map(|policy| policy.document.as_str()), limit, max)?;
    Ok(holder.changed(desk))
}

pub(super) fn delete_inline(desk: &mut Desk<'_, '_>, delete: &wire::DeleteInlinePolicy) -> Result<Done, Stop> {
    let mut holder = Holder::find(desk, delete.principal.as_ref())?;
    let inline = &mut holder.grants().inline;
    let place = inline.binary_search_by(|old| old.name.cmp(&delete.name));
    inline.remove(place.map_err(|_| Fault::not_found(Kind::Policy, &delete.name))?);
    Ok(holder.changed(desk))
}

/// Attached already is as good as attached.
pub(super) fn attach(desk: &mut Desk<'_, '_>, attach: &wire::AttachPolicy) -> Result<Done, Stop> {
    account::open(desk)?;
    let mut holder = Holder::find(desk, attach.principal.as_ref())?;
    let attached = &mut holder.grants().attached;
    let Err(place) = attached.binary_search(&attach.policy) else {
        return Ok(holder.unchanged());
    };
    if attached.len() >= PRINCIPAL_ATTACHED_LIMIT_COUNT {
        let (count, max) = (attached.len() as u64 + 1, PRINCIPAL_ATTACHED_LIMIT_COUNT as u64);
        return Err(Fault::limit("managed policies attached to a principal", count, max).into());
    }
    attachment::take(desk, "PolicyArn", &attach.policy, Hold::Attached)?;
    attached.insert(place, attach.policy.clone());
    Ok(holder.changed(desk))
}

pub(super) fn detach(desk: &mut Desk<'_, '_>, detach: &wire::AttachPolicy) -> Result<Done, Stop> {
    let mut holder = Holder::find(desk, detach.principal.as_ref())?;
    let attached = &mut holder.grants().attached;
    let place = attached.binary_search(&detach.policy);
    attached.remove(place.map_err(|_| Fault::not_found(Kind::Policy, &detach.policy))?);
    attachment::release(desk, &detach.policy, Hold::Attached)?;
    Ok(holder.changed(desk))
}

pub(super) fn tag(desk: &mut Desk<'_, '_>, tag: &wire::TagPrincipal) -> Result<Done, Stop> {
    account::open(desk)?;
    let mut holder = Holder::find(desk, tag.principal.as_ref())?;
    let tags = tag::merged(&holder.grants().tags, &tag.set, &tag.remove)?;
    holder.grants().tags = tags;
    Ok(holder.changed(desk))
}
