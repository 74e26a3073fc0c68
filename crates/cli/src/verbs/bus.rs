//! `bascule bus`: create, list, describe, update, delete, policy, permission.
//!
//! In: names and settings, the document of a resource policy.
//! Out: buses, and who may do what with them.
//! Never: a policy that is changed on its way to the cluster.

use bascule_api::v1::{
    CreateEventBusRequest, DeadLetterConfig, DeleteEventBusRequest, DescribeEventBusRequest, ListEventBusesRequest,
    LogConfig, LogDetail, LogLevel, UpdateEventBusRequest,
};
use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use crate::error::Error;
use crate::limits::PAGE_MAX_COUNT;
use crate::link::{ask, every, tell};
use crate::output::record::Record;
use crate::output::{View, bus};
use crate::verbs::pairs::named;
use crate::verbs::{Desk, Outcome, Reading, Writing, held, said, shown};

pub mod permission;
pub mod policy;

/// What to do with buses.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Create a bus
    Create(Create),
    /// List the account's buses
    List(List),
    /// Show everything about a bus
    Describe(Describe),
    /// Change a bus; what is not named stays as it is
    Update(Update),
    /// Delete a bus that has no rules
    Delete(Delete),
    /// The resource policy of a bus: who may do what with it, beside what their own policies allow
    #[command(subcommand)]
    Policy(policy::Verb),
    /// Single statements of that policy, by a shorthand
    #[command(subcommand)]
    Permission(permission::Verb),
}

/// Which delivery steps are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Nothing.
    Off,
    /// Failures.
    Error,
    /// Failures and the main steps.
    Info,
    /// Every step.
    Trace,
}

/// Whether log records hold event content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Detail {
    /// No content.
    None,
    /// The event's detail.
    Full,
}

/// The settings of a bus.
#[derive(Debug, Args)]
pub struct Settings {
    /// Description, at most 512 characters; empty for none
    #[arg(long)]
    description: Option<String>,
    /// Key that wraps the bus's data key; empty for the cluster's own
    #[arg(long, value_name = "KEY")]
    kms_key_identifier: Option<String>,
    /// Queue for events whose encryption failed for good
    #[arg(long, value_name = "ARN")]
    dead_letter_arn: Option<String>,
    /// Delivery steps to log
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<Level>,
    /// Event content in logged steps
    #[arg(long, value_name = "DETAIL", requires = "log_level")]
    log_detail: Option<Detail>,
}

impl Settings {
    fn dead_letters(&self) -> Option<DeadLetterConfig> {
        self.dead_letter_arn.clone().map(|arn| DeadLetterConfig { arn })
    }

    fn log(&self) -> Option<LogConfig> {
        let level = match self.log_level? {
            Level::Off => LogLevel::Off,
            Level::Error => LogLevel::Error,
            Level::Info => LogLevel::Info,
            Level::Trace => LogLevel::Trace,
        };
        let detail = match self.log_detail {
            None => LogDetail::Unspecified,
            Some(Detail::None) => LogDetail::None,
            Some(Detail::Full) => LogDetail::Full,
        };
        Some(LogConfig { level: level.into(), include_detail: detail.into() })
    }
}

/// The bus to create.
#[derive(Debug, Args)]
pub struct Create {
    /// Name, 1 to 256 of `.-_A-Za-z0-9`
    name: String,
    /// Partner event source to attach
    #[arg(long, value_name = "SOURCE")]
    event_source_name: Option<String>,
    /// Tag; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    tags: Vec<String>,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    writing: Writing,
}

/// Which buses to list.
#[derive(Debug, Args)]
pub struct List {
    /// Only names that begin so
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
    #[command(flatten)]
    reading: Reading,
}

/// The bus to look at.
#[derive(Debug, Args)]
pub struct Describe {
    /// Name or ARN
    #[arg(default_value = "default")]
    name: String,
    #[command(flatten)]
    reading: Reading,
}

/// What to change in a bus.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true)
    .args(["description", "kms_key_identifier", "dead_letter_arn", "log_level"]))]
pub struct Update {
    /// Name or ARN
    name: String,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    writing: Writing,
}

/// The bus to delete.
#[derive(Debug, Args)]
pub struct Delete {
    /// Name or ARN
    name: String,
    #[command(flatten)]
    writing: Writing,
}

/// Does it.
///
/// # Errors
/// Why it could not.
pub async fn run(verb: Verb, desk: &mut Desk) -> Result<Outcome, Error> {
    match verb {
        Verb::Create(create) => self::create(create, desk).await,
        Verb::List(list) => self::list(list, desk).await,
        Verb::Describe(describe) => {
            let link = desk.dial.link().await?;
            let request = DescribeEventBusRequest { name: describe.name, allow_stale: describe.reading.allow_stale };
            let answer = ask!(link, event_buses.describe_event_bus, request).await?;
            let found = held(answer.event_bus, "DescribeEventBus", "event_bus")?;
            Ok(Outcome::done(View::one(bus::record(&found))))
        }
        Verb::Update(update) => self::update(update, desk).await,
        Verb::Delete(delete) => {
            let link = desk.dial.link().await?;
            let request = DeleteEventBusRequest {
                name: delete.name.clone(),
                request_id: link.request_id(delete.writing.request_id.as_ref())?,
                validate_only: delete.writing.validate_only,
            };
            let answer = tell!(link, event_buses.delete_event_bus, request).await?;
            let text = said(&delete.writing, "bus", &delete.name, "deleted");
            Ok(Outcome::changed(text, Record::new(), answer.control_index))
        }
        Verb::Policy(verb) => policy::run(verb, desk).await,
        Verb::Permission(verb) => permission::run(verb, desk).await,
    }
}

async fn create(create: Create, desk: &mut Desk) -> Result<Outcome, Error> {
    let tags = named("--tag", &create.tags)?;
    let link = desk.dial.link().await?;
    let request = CreateEventBusRequest {
        name: create.name.clone(),
        event_source_name: create.event_source_name.unwrap_or_default(),
        dead_letter_config: create.settings.dead_letters(),
        log_config: create.settings.log(),
        description: create.settings.description.unwrap_or_default(),
        kms_key_identifier: create.settings.kms_key_identifier.unwrap_or_default(),
        tags,
        request_id: link.request_id(create.writing.request_id.as_ref())?,
        validate_only: create.writing.validate_only,
    };
    let answer = tell!(link, event_buses.create_event_bus, request).await?;
    let bus = shown(&create.writing, answer.event_bus.as_ref().map(bus::record), "CreateEventBus", "event_bus")?;
    let text = said(&create.writing, "bus", &create.name, "created");
    let undo = format!("bascule bus delete {}", create.name);
    Ok(Outcome::changed(text, bus, answer.control_index).undone_by(&create.writing, undo))
}

async fn update(update: Update, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let request = UpdateEventBusRequest {
        name: update.name.clone(),
        dead_letter_config: update.settings.dead_letters(),
        log_config: update.settings.log(),
        description: update.settings.description,
        kms_key_identifier: update.settings.kms_key_identifier,
        request_id: link.request_id(update.writing.request_id.as_ref())?,
        validate_only: update.writing.validate_only,
    };
    let answer = tell!(link, event_buses.update_event_bus, request).await?;
    let bus = shown(&update.writing, answer.event_bus.as_ref().map(bus::record), "UpdateEventBus", "event_bus")?;
    Ok(Outcome::changed(said(&update.writing, "bus", &update.name, "changed"), bus, answer.control_index))
}

async fn list(list: List, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let all = every(|page_token| {
        let request = ListEventBusesRequest {
            name_prefix: list.prefix.clone(),
            allow_stale: list.reading.allow_stale,
            page_size: PAGE_MAX_COUNT,
            page_token,
        };
        let page = ask!(link, event_buses.list_event_buses, request);
        async move { page.await.map(|page| (page.event_buses, page.next_page_token)) }
    })
    .await?;
    Ok(Outcome::done(bus::list(&all)))
}
