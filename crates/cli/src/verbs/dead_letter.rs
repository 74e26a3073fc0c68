//! `bascule dead-letter list`: events in a bus's own dead-letter table.

use bascule_api::admin::v1::ListDeadLettersRequest;
use clap::{Args, Subcommand};

use crate::error::Error;
use crate::limits::PAGE_MAX_COUNT;
use crate::link::{ask, first};
use crate::output::dead_letter;
use crate::verbs::{Desk, Outcome};

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List the dead letters of a bus, oldest first; the events themselves stand in `-o json`
    List(List),
}

/// Whose dead letters to list.
#[derive(Debug, Args)]
pub struct List {
    /// Name or ARN of the bus
    #[arg(long, default_value = "default")]
    bus: String,
    /// Only those of this rule
    #[arg(long, value_name = "ARN", default_value = "", hide_default_value = true)]
    rule_arn: String,
    /// Leave the events themselves out
    #[arg(long)]
    omit_event: bool,
    /// Most letters to list [default: all]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

/// Does it.
///
/// # Errors
/// Why it could not.
pub async fn run(verb: Verb, desk: &mut Desk) -> Result<Outcome, Error> {
    let Verb::List(list) = verb;
    let link = desk.dial.link().await?;
    // A table does not show the events, so they need not travel.
    let omit_event = list.omit_event || desk.format.is_for_people();
    let max_count = list.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let (letters, rest) = first(max_count, |page_token| {
        let request = ListDeadLettersRequest {
            event_bus_name: list.bus.clone(),
            rule_arn: list.rule_arn.clone(),
            omit_event,
            page_size: list.limit.unwrap_or(PAGE_MAX_COUNT).min(PAGE_MAX_COUNT),
            page_token,
        };
        let page = ask!(link, dead_letters.list_dead_letters, request);
        async move { page.await.map(|page| (page.dead_letters, page.next_page_token)) }
    })
    .await?;
    Ok(Outcome::done(dead_letter::list(&letters, rest)))
}
