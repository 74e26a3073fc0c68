//! `bascule rule`: put, list, describe, enable, disable, delete.

use bascule_api::v1::{
    DeleteRuleRequest, DescribeRuleRequest, DisableRuleRequest, EnableRuleRequest, ListRulesRequest, PutRuleRequest,
    RuleState,
};
use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use crate::error::Error;
use crate::limits::PAGE_MAX_COUNT;
use crate::link::{ask, every, tell};
use crate::output::record::Record;
use crate::output::{View, rule};
use crate::verbs::pairs::named;
use crate::verbs::{Desk, Outcome, Reading, Writing, held, said};

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Create a rule, or replace it whole; its targets stay
    Put(Put),
    /// List the rules of a bus
    List(List),
    /// Show everything about a rule
    Describe(Describe),
    /// Let a rule match again
    Enable(Change),
    /// Stop a rule from matching
    Disable(Change),
    /// Delete a rule that has no targets
    Delete(Delete),
}

/// Whether a rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum State {
    /// Matches.
    Enabled,
    /// Matches nothing.
    Disabled,
    /// Matches read-only management events of AWS CloudTrail too.
    EnabledWithAllCloudtrailManagementEvents,
}

/// The rule to write.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("trigger").required(true).multiple(true).args(["pattern", "schedule"]))]
pub struct Put {
    /// Name, 1 to 64 of `.-_A-Za-z0-9`
    name: String,
    /// Name or ARN of the bus
    #[arg(long, default_value = "default")]
    bus: String,
    /// Event pattern: JSON, `@FILE`, or `-` for the standard input
    #[arg(long, value_name = "JSON")]
    pattern: Option<String>,
    /// Schedule: `rate(…)` or `cron(…)`
    #[arg(long, value_name = "EXPRESSION")]
    schedule: Option<String>,
    /// Whether it matches
    #[arg(long, default_value = "enabled")]
    state: State,
    /// Description, at most 512 characters
    #[arg(long, default_value = "", hide_default_value = true)]
    description: String,
    /// Role for targets without a role of their own
    #[arg(long, value_name = "ARN", default_value = "", hide_default_value = true)]
    role_arn: String,
    /// Tag of a new rule; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    tags: Vec<String>,
    #[command(flatten)]
    writing: Writing,
}

/// Which rules to list.
#[derive(Debug, Args)]
pub struct List {
    /// Name or ARN of the bus
    #[arg(long, default_value = "default")]
    bus: String,
    /// Only names that begin so
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
    #[command(flatten)]
    reading: Reading,
}

/// The rule to look at.
#[derive(Debug, Args)]
pub struct Describe {
    /// Name
    name: String,
    /// Name or ARN of the bus
    #[arg(long, default_value = "default")]
    bus: String,
    #[command(flatten)]
    reading: Reading,
}

/// The rule to change.
#[derive(Debug, Args)]
pub struct Change {
    /// Name
    name: String,
    /// Name or ARN of the bus
    #[arg(long, default_value = "default")]
    bus: String,
    #[command(flatten)]
    writing: Writing,
}

/// The rule to delete.
#[derive(Debug, Args)]
pub struct Delete {
    #[command(flatten)]
    rule: Change,
    /// Delete it although a service owns it
    #[arg(long)]
    force: bool,
}

/// Does it.
///
/// # Errors
/// Why it could not.
pub async fn run(verb: Verb, desk: &mut Desk) -> Result<Outcome, Error> {
    match verb {
        Verb::Put(put) => self::put(put, desk).await,
        Verb::List(list) => self::list(list, desk).await,
        Verb::Describe(describe) => {
            let link = desk.dial.link().await?;
            let request = DescribeRuleRequest {
                name: describe.name,
                event_bus_name: describe.bus,
                allow_stale: describe.reading.allow_stale,
            };
            let answer = ask!(link, rules.describe_rule, request).await?;
            let found = held(answer.rule, "DescribeRule", "rule")?;
            Ok(Outcome::done(View::one(rule::record(&found))))
        }
        Verb::Enable(it) => {
            let link = desk.dial.link().await?;
            let request = EnableRuleRequest {
                name: it.name.clone(),
                event_bus_name: it.bus.clone(),
                request_id: link.request_id(it.writing.request_id.as_ref())?,
                validate_only: it.writing.validate_only,
            };
            let answer = tell!(link, rules.enable_rule, request).await?;
            let text = said(&it.writing, "rule", &it.name, "enabled");
            let undo = format!("bascule rule disable {} --bus {}", it.name, it.bus);
            Ok(Outcome::changed(text, Record::new(), answer.control_index).undone_by(&it.writing, undo))
        }
        Verb::Disable(it) => {
            let link = desk.dial.link().await?;
            let request = DisableRuleRequest {
                name: it.name.clone(),
                event_bus_name: it.bus.clone(),
                request_id: link.request_id(it.writing.request_id.as_ref())?,
                validate_only: it.writing.validate_only,
            };
            let answer = tell!(link, rules.disable_rule, request).await?;
            let text = said(&it.writing, "rule", &it.name, "disabled");
            let undo = format!("bascule rule enable {} --bus {}", it.name, it.bus);
            Ok(Outcome::changed(text, Record::new(), answer.control_index).undone_by(&it.writing, undo))
        }
        Verb::Delete(Delete { rule: it, force }) => {
            let link = desk.dial.link().await?;
            let request = DeleteRuleRequest {
                name: it.name.clone(),
                event_bus_name: it.bus,
                force,
                request_id: link.request_id(it.writing.request_id.as_ref())?,
                validate_only: it.writing.validate_only,
            };
            let answer = tell!(link, rules.delete_rule, request).await?;
            let text = said(&it.writing, "rule", &it.name, "deleted");
            Ok(Outcome::changed(text, Record::new(), answer.control_index))
        }
    }
}

async fn put(put: Put, desk: &mut Desk) -> Result<Outcome, Error> {
    let pattern = match &put.pattern {
        Some(value) => desk.inputs.document("--pattern", value)?,
        None => String::new(),
    };
    let tags = named("--tag", &put.tags)?;
    let state = match put.state {
        State::Enabled => RuleState::Enabled,
        State::Disabled => RuleState::Disabled,
        State::EnabledWithAllCloudtrailManagementEvents => RuleState::EnabledWithAllCloudtrailManagementEvents,
    };
    let link = desk.dial.link().await?;
    let request = PutRuleRequest {
        name: put.name.clone(),
        event_bus_name: put.bus,
        event_pattern: pattern,
        schedule_expression: put.schedule.unwrap_or_default(),
        state: state.into(),
        description: put.description,
        role_arn: put.role_arn,
        tags,
        request_id: link.request_id(put.writing.request_id.as_ref())?,
        validate_only: put.writing.validate_only,
    };
    let answer = tell!(link, rules.put_rule, request).await?;
    let json = Record::new().text("RuleArn", &answer.rule_arn);
    Ok(Outcome::changed(said(&put.writing, "rule", &put.name, "written"), json, answer.control_index))
}

async fn list(list: List, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let all = every(|page_token| {
        let request = ListRulesRequest {
            event_bus_name: list.bus.clone(),
            name_prefix: list.prefix.clone(),
            allow_stale: list.reading.allow_stale,
            page_size: PAGE_MAX_COUNT,
            page_token,
        };
        let page = ask!(link, rules.list_rules, request);
        async move { page.await.map(|page| (page.rules, page.next_page_token)) }
    })
    .await?;
    Ok(Outcome::done(rule::list(&all)))
}
