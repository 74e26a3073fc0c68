//! Commands about the policies that buses and queues have of their own.

use bascule_model::fault::{Fault, Kind};
use bascule_model::limits::RESOURCE_POLICY_LIMIT_CHARS;

use crate::codec::control as wire;
use crate::codec::control::ResourceKind;
use crate::codec::control::rows::{BusRow, QueueRow};
use crate::control::desk::{Desk, Stop};
use crate::control::reply::Done;
use crate::control::{Error, account, document};
use crate::register::Table;

pub(super) fn put(desk: &mut Desk<'_, '_>, put: &wire::PutResourcePolicy) -> Result<Done, Stop> {
    account::open(desk)?;
    let limit = "characters of a resource policy";
    document::check_whole("Policy", &put.document, limit, RESOURCE_POLICY_LIMIT_CHARS)?;
    set(desk, put.resource.as_ref(), &put.document)
}

/// A policy that is not there is as good as deleted; its resource must be there.
pub(super) fn delete(desk: &mut Desk<'_, '_>, resource: &wire::ResourceName) -> Result<Done, Stop> {
    set(desk, Some(resource), "")
}

fn set(desk: &mut Desk<'_, '_>, resource: Option<&wire::ResourceName>, document: &str) -> Result<Done, Stop> {
    let resource = resource.cloned().unwrap_or_default();
    let name = resource.name.as_str();
    let uid = match ResourceKind::try_from(resource.kind).map_err(|_| Error::NewerCommand)? {
        ResourceKind::Bus => {
            let mut row: BusRow = desk.need(Table::Buses, Kind::Bus, name)?;
            desk.unless_changed(Kind::Bus, name, row.changed_at)?;
            let uid = row.uid;
            if row.policy != document {
                document.clone_into(&mut row.policy);
                row.changed_ms = desk.now_ms;
                row.changed_at = desk.index.0;
                desk.put(row);
            }
            uid
        }
        ResourceKind::Queue => {
            let mut row: QueueRow = desk.need(Table::Queues, Kind::Queue, name)?;
            desk.unless_changed(Kind::Queue, name, row.changed_at)?;
            let uid = row.uid;
            if row.policy != document {
                document.clone_into(&mut row.policy);
                row.changed_at = desk.index.0;
                desk.put(row);
            }
            uid
        }
        ResourceKind::Unspecified => return Err(Fault::invalid("resource", "its kind must be there", name).into()),
    };
    Ok(Done::about(uid))
}
