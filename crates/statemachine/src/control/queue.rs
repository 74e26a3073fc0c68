//! Commands about built-in queues.

use bascule_model::fault::{Fault, Kind};

use crate::codec::control as wire;
use crate::codec::control::rows::{DeletedKind, QueueRow};
use crate::control::desk::{Desk, Stop, named, room};
use crate::control::reply::Done;
use crate::register::Table;

/// A queue of the same name and settings is answered as if it were new, as SQS does.
pub(super) fn create(desk: &mut Desk<'_, '_>, queue: &wire::Queue) -> Result<Done, Stop> {
    if let Some(old) = desk.get::<QueueRow>(&named(Table::Queues, desk.account, &queue.name))? {
        if old.queue.as_ref() == Some(queue) {
            return Ok(Done::about(old.uid));
        }
        return Err(Fault::already_exists(Kind::Queue, &queue.name).into());
    }
    let max = desk.quotas().account_queues;
    room("queues per account", desk.counts().queues, max)?;
    let uid = desk.mint()?;
    desk.counts().queues += 1;
    desk.put(QueueRow {
        uid,
        account: desk.account,
        queue: Some(queue.clone()),
        created_ms: desk.now_ms,
        changed_at: desk.index.0,
        policy: String::new(),
    });
    Ok(Done::about(uid))
}

pub(super) fn delete(desk: &mut Desk<'_, '_>, name: &str) -> Result<Done, Stop> {
    let row: QueueRow = desk.need(Table::Queues, Kind::Queue, name)?;
    desk.unless_changed(Kind::Queue, name, row.changed_at)?;
    desk.delete(&row, Kind::Queue, row.uid);
    desk.counts().queues -= 1;
    desk.bury(DeletedKind::Queue, row.uid, name);
    Ok(Done::about(row.uid))
}
