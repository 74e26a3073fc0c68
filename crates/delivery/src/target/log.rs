//! Log targets: one line for each delivery, to wherever the daemon keeps logs.

use std::io;

use bascule_model::id::DeliveryId;

use crate::book::Attempted;
use crate::target::Order;
use crate::target::code::Code;

/// One delivery to a log group.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The log group's name, as strangers wrote it.
    pub group: &'a str,
    /// The event as JSON text.
    pub event: &'a str,
    /// The same through retries, so that a reader can drop a repeat.
    pub delivery_id: DeliveryId,
}

/// Where lines go. A line that was taken is written, or at least handed to the system.
pub trait Sink: Send + Sync {
    /// Writes one line.
    ///
    /// # Errors
    /// What the system said; then the delivery is tried again.
    fn write(&self, line: Line<'_>) -> io::Result<()>;
}

pub(super) fn send(sink: &dyn Sink, group: &str, order: &Order<'_>) -> Attempted {
    let Ok(event) = std::str::from_utf8(&order.payload.body) else {
        return Attempted::Refused { code: Code::InvalidJson, message: "the event is no UTF-8".to_owned() };
    };
    match sink.write(Line { group, event, delivery_id: order.delivery }) {
        Ok(()) => Attempted::Taken,
        Err(error) => Attempted::internal(format!("the log could not be written: {error}")),
    }
}
