//! `bascule event get`: an event that is still owed, and how each of its deliveries stands.

use bascule_api::v1::GetEventRequest;
use clap::Args;

use crate::error::Error;
use crate::link::ask;
use crate::output::owed;
use crate::verbs::{Desk, Outcome};

/// The event to look at.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Id of the event, as `bascule event put` printed it
    #[arg(value_name = "ID")]
    id: String,
    /// Name or ARN of the bus
    #[arg(long, default_value = "default")]
    bus: String,
}

/// Does it.
///
/// # Errors
/// Why it could not.
pub async fn run(get: Arguments, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let request = GetEventRequest { event_id: get.id, event_bus_name: get.bus };
    let answer = ask!(link, events.get_event, request).await?;
    Ok(Outcome::done(owed::event(&answer)))
}
