//! `bascule delivery describe`: what became of the events that a rule matched.

use bascule_api::admin::v1::DescribeDeliveryRequest;
use clap::{Args, Subcommand};

use crate::error::Error;
use crate::link::ask;
use crate::output::delivery;
use crate::verbs::{Desk, Outcome};

/// What to do with deliveries.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Count the outcomes for each target of a rule
    Describe(Describe),
}

/// Whose deliveries to count.
#[derive(Debug, Args)]
pub struct Describe {
    /// Name of the rule
    #[arg(long, value_name = "NAME")]
    rule: String,
    /// Name or ARN of the bus
    #[arg(long, default_value = "default")]
    bus: String,
    /// Only this target
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    target: String,
}

/// Does it.
///
/// # Errors
/// Why it could not.
pub async fn run(verb: Verb, desk: &mut Desk) -> Result<Outcome, Error> {
    let Verb::Describe(describe) = verb;
    let link = desk.dial.link().await?;
    let request =
        DescribeDeliveryRequest { event_bus_name: describe.bus, rule: describe.rule, target_id: describe.target };
    let answer = ask!(link, deliveries.describe_delivery, request).await?;
    Ok(Outcome::done(delivery::list(&answer.targets)))
}
