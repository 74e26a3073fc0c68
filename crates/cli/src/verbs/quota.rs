//! `bascule quota`: describe and update what an account may have.

use bascule_api::admin::v1::{DescribeQuotasRequest, QuotaValues, UpdateQuotasRequest};
use clap::{ArgGroup, Args, Subcommand};

use crate::error::Error;
use crate::link::{ask, tell};
use crate::output::View;
use crate::output::record::Record;
use crate::verbs::{Desk, Outcome, Reading, Writing, shown};

/// What to do with quotas.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show the quotas and their defaults
    Describe(Reading),
    /// Change quotas; what is not named stays as it is
    Update(Update),
}

/// The quotas to change.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true).args(["event_buses_per_account",
    "rules_per_event_bus", "targets_per_rule", "connections_per_account", "api_destinations_per_account",
    "queues_per_account", "event_pattern_characters"]))]
pub struct Update {
    /// Buses of the account
    #[arg(long, value_name = "COUNT")]
    event_buses_per_account: Option<u32>,
    /// Rules of each bus
    #[arg(long, value_name = "COUNT")]
    rules_per_event_bus: Option<u32>,
    /// Targets of each rule
    #[arg(long, value_name = "COUNT")]
    targets_per_rule: Option<u32>,
    /// Connections of the account
    #[arg(long, value_name = "COUNT")]
    connections_per_account: Option<u32>,
    /// API destinations of the account
    #[arg(long, value_name = "COUNT")]
    api_destinations_per_account: Option<u32>,
    /// Queues of the account
    #[arg(long, value_name = "COUNT")]
    queues_per_account: Option<u32>,
    /// Characters of a pattern
    #[arg(long, value_name = "COUNT")]
    event_pattern_characters: Option<u32>,
    #[command(flatten)]
    writing: Writing,
}

/// Does it.
///
/// # Errors
/// Why it could not.
pub async fn run(verb: Verb, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    match verb {
        Verb::Describe(reading) => {
            let request = DescribeQuotasRequest { allow_stale: reading.allow_stale };
            let answer = ask!(link, quotas.describe_quotas, request).await?;
            let record = Record::new()
                .record("Quotas", record(&answer.quotas.unwrap_or_default()))
                .record("Defaults", record(&answer.defaults.unwrap_or_default()));
            Ok(Outcome::done(View::one(record)))
        }
        Verb::Update(update) => {
            let request = UpdateQuotasRequest {
                event_buses_per_account: update.event_buses_per_account,
                rules_per_event_bus: update.rules_per_event_bus,
                targets_per_rule: update.targets_per_rule,
                connections_per_account: update.connections_per_account,
                api_destinations_per_account: update.api_destinations_per_account,
                queues_per_account: update.queues_per_account,
                event_pattern_characters: update.event_pattern_characters,
                request_id: link.request_id(update.writing.request_id.as_ref())?,
                validate_only: update.writing.validate_only,
            };
            let answer = tell!(link, quotas.update_quotas, request).await?;
            let now = shown(&update.writing, answer.quotas.as_ref().map(record), "UpdateQuotas", "quotas")?;
            let text = if update.writing.validate_only { "quotas would be changed" } else { "quotas changed" };
            Ok(Outcome::changed(text.to_owned(), now, answer.control_index))
        }
    }
}

fn record(it: &QuotaValues) -> Record {
    Record::new()
        .number("EventBusesPerAccount", u64::from(it.event_buses_per_account))
        .number("RulesPerEventBus", u64::from(it.rules_per_event_bus))
        .number("TargetsPerRule", u64::from(it.targets_per_rule))
        .number("ConnectionsPerAccount", u64::from(it.connections_per_account))
        .number("ApiDestinationsPerAccount", u64::from(it.api_destinations_per_account))
        .number("QueuesPerAccount", u64::from(it.queues_per_account))
        .number("EventPatternCharacters", u64::from(it.event_pattern_characters))
}
