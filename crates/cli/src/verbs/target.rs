//! `bascule target`: put, list, remove, rules.
//!
//! In: a target as flags, or targets as a file with EventBridge's names.
//! Out: targets, rules that have one, what became of each entry.
//! Never: a default written where nothing was said, or a parameter's value in an error.

use std::path::PathBuf;

use bascule_api::v1::{
    DeadLetterConfig, HttpParameters, InputTransformer, ListRuleNamesByTargetRequest, ListTargetsByRuleRequest,
    PutTargetsRequest, RemoveTargetsRequest, RetryPolicy, Target,
};
use clap::{Args, Subcommand};

use crate::error::Error;
use crate::inputs::Inputs;
use crate::limits::PAGE_MAX_COUNT;
use crate::link::{ask, every, tell};
use crate::output::target;
use crate::verbs::pairs::named;
use crate::verbs::{Desk, Outcome, Reading, Writing};

pub mod file;

/// What to do with targets.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Add a target to a rule or, with `--file`, several; those with the same id are replaced
    Put(Box<Put>),
    /// List the targets of a rule
    List(List),
    /// Remove targets from a rule; their pending deliveries are cancelled
    Remove(Remove),
    /// List the names of a bus's rules that have a target
    Rules(Rules),
}

/// The target to write.
#[derive(Debug, Args)]
pub struct Put {
    /// Name of the rule
    #[arg(long, value_name = "NAME")]
    rule: String,
    /// Name or ARN of the bus
    #[arg(long, default_value = "default")]
    bus: String,
    /// Id within the rule, 1 to 64 of `.-_A-Za-z0-9`
    #[arg(long, required_unless_present = "file")]
    id: Option<String>,
    /// What to invoke: a queue, an API destination …
    #[arg(long, required_unless_present = "file")]
    arn: Option<String>,
    /// Role that the delivery is made as
    #[arg(long, value_name = "ARN", default_value = "", hide_default_value = true)]
    role_arn: String,
    /// Attempts after the first one, 0 to 185
    #[arg(long, value_name = "COUNT")]
    max_retry_attempts: Option<u32>,
    /// Age at which an event is given up, 60 to 86,400 seconds
    #[arg(long, value_name = "SECONDS")]
    max_event_age_seconds: Option<u32>,
    /// Queue for events that could not be delivered
    #[arg(long, value_name = "ARN")]
    dead_letter_arn: Option<String>,
    /// Header of the HTTP request, `NAME=VALUE`; may be repeated
    #[arg(long = "header", value_name = "NAME=VALUE")]
    headers: Vec<String>,
    /// Query parameter of the HTTP request, `NAME=VALUE`; may be repeated
    #[arg(long = "query", value_name = "NAME=VALUE")]
    queries: Vec<String>,
    /// Value for the next `*` of the endpoint; may be repeated
    #[arg(long = "path-value", value_name = "VALUE")]
    path_values: Vec<String>,
    /// What is sent instead of the event: JSON, `@FILE`, or `-` for the standard input
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    /// Part of the event that is sent, such as `$.detail`
    #[arg(long, value_name = "PATH", conflicts_with = "input")]
    input_path: Option<String>,
    /// What is made of the event, with `<variable>` in it: text, `@FILE`, or `-` for the standard input
    #[arg(long, value_name = "TEMPLATE", conflicts_with_all = ["input", "input_path"])]
    input_template: Option<String>,
    /// Variable of the template and its path, `NAME=$.detail.id`; may be repeated
    #[arg(long = "input-variable", value_name = "NAME=PATH", requires = "input_template")]
    input_variables: Vec<String>,
    /// File with the targets as JSON, `-` for the standard input: a list, or an object with `Targets`, of Id, Arn,
    /// RoleArn, RetryPolicy, DeadLetterConfig, HttpParameters, Input, InputPath and InputTransformer, as `target list -o json` prints them
    #[arg(long, value_name = "FILE", conflicts_with_all = ["id", "arn", "role_arn", "max_retry_attempts",
        "max_event_age_seconds", "dead_letter_arn", "headers", "queries", "path_values", "input",
        "input_path", "input_template"])]
    file: Option<PathBuf>,
    #[command(flatten)]
    writing: Writing,
}

/// Whose targets to list.
#[derive(Debug, Args)]
pub struct List {
    /// Name of the rule
    #[arg(long, value_name = "NAME")]
    rule: String,
    /// Name or ARN of the bus
    #[arg(long, default_value = "default")]
    bus: String,
    #[command(flatten)]
    reading: Reading,
}

/// The targets to remove.
#[derive(Debug, Args)]
pub struct Remove {
    /// Name of the rule
    #[arg(long, value_name = "NAME")]
    rule: String,
    /// Name or ARN of the bus
    #[arg(long, default_value = "default")]
    bus: String,
    /// Id of a target; may be repeated
    #[arg(long = "id", value_name = "ID", required = true)]
    ids: Vec<String>,
    /// Remove them although a service owns the rule
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    writing: Writing,
}

/// The target to look for.
#[derive(Debug, Args)]
pub struct Rules {
    /// What is invoked
    #[arg(long)]
    arn: String,
    /// Name or ARN of the bus
    #[arg(long, default_value = "default")]
    bus: String,
    #[command(flatten)]
    reading: Reading,
}

/// Does it.
///
/// # Errors
/// Why it could not.
pub async fn run(verb: Verb, desk: &mut Desk) -> Result<Outcome, Error> {
    match verb {
        Verb::Put(put) => self::put(*put, desk).await,
        Verb::List(list) => self::list(list, desk).await,
        Verb::Remove(remove) => self::remove(remove, desk).await,
        Verb::Rules(rules) => self::rules(rules, desk).await,
    }
}

impl Put {
    /// The request's targets; absent settings stay absent, so that the cluster's defaults hold.
    fn targets(&self, inputs: &mut Inputs) -> Result<Vec<Target>, Error> {
        if let Some(path) = &self.file {
            return file::read(inputs, path);
        }
        let retry_policy = match (self.max_retry_attempts, self.max_event_age_seconds) {
            (None, None) => None,
            (attempts, age) => Some(RetryPolicy { maximum_retry_attempts: attempts, maximum_event_age_seconds: age }),
        };
        let http = HttpParameters {
            header_parameters: named("--header", &self.headers)?,
            query_string_parameters: named("--query", &self.queries)?,
            path_parameter_values: self.path_values.clone(),
        };
        Ok(vec![Target {
            id: self.id.clone().unwrap_or_default(),
            arn: self.arn.clone().unwrap_or_default(),
            role_arn: self.role_arn.clone(),
            retry_policy,
            dead_letter_config: self.dead_letter_arn.clone().map(|arn| DeadLetterConfig { arn }),
            http_parameters: Some(http).filter(|http| *http != HttpParameters::default()),
            input: self.input.as_ref().map(|value| inputs.document("--input", value)).transpose()?,
            input_path: self.input_path.clone(),
            input_transformer: self.transformer(inputs)?,
        }])
    }
}

impl Put {
    fn transformer(&self, inputs: &mut Inputs) -> Result<Option<InputTransformer>, Error> {
        let Some(template) = &self.input_template else { return Ok(None) };
        Ok(Some(InputTransformer {
            input_paths_map: named("--input-variable", &self.input_variables)?,
            input_template: inputs.document("--input-template", template)?,
        }))
    }
}

async fn put(put: Put, desk: &mut Desk) -> Result<Outcome, Error> {
    let targets = put.targets(&mut desk.inputs)?;
    let ids: Vec<String> = targets.iter().map(|target| target.id.clone()).collect();
    let link = desk.dial.link().await?;
    let request = PutTargetsRequest {
        rule: put.rule,
        event_bus_name: put.bus,
        targets,
        request_id: link.request_id(put.writing.request_id.as_ref())?,
        validate_only: put.writing.validate_only,
    };
    let answer = tell!(link, targets.put_targets, request).await?;
    let view = target::outcome(&ids, &answer.failed_entries, &done(&put.writing, "written"), answer.control_index);
    Ok(Outcome::of_entries(view, answer.failed_entries.len()))
}

async fn remove(remove: Remove, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let request = RemoveTargetsRequest {
        rule: remove.rule,
        event_bus_name: remove.bus,
        ids: remove.ids.clone(),
        force: remove.force,
        request_id: link.request_id(remove.writing.request_id.as_ref())?,
        validate_only: remove.writing.validate_only,
    };
    let answer = tell!(link, targets.remove_targets, request).await?;
    let done = done(&remove.writing, "removed");
    let view = target::outcome(&remove.ids, &answer.failed_entries, &done, answer.control_index);
    Ok(Outcome::of_entries(view, answer.failed_entries.len()))
}

/// The words for what was done, or would be.
fn done(writing: &Writing, word: &str) -> String {
    match writing.validate_only {
        true => format!("would be {word}"),
        false => word.to_owned(),
    }
}

async fn list(list: List, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let all = every(|page_token| {
        let request = ListTargetsByRuleRequest {
            rule: list.rule.clone(),
            event_bus_name: list.bus.clone(),
            allow_stale: list.reading.allow_stale,
            page_size: PAGE_MAX_COUNT,
            page_token,
        };
        let page = ask!(link, targets.list_targets_by_rule, request);
        async move { page.await.map(|page| (page.targets, page.next_page_token)) }
    })
    .await?;
    Ok(Outcome::done(target::list(&all)))
}

async fn rules(rules: Rules, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let all = every(|page_token| {
        let request = ListRuleNamesByTargetRequest {
            target_arn: rules.arn.clone(),
            event_bus_name: rules.bus.clone(),
            allow_stale: rules.reading.allow_stale,
            page_size: PAGE_MAX_COUNT,
            page_token,
        };
        let page = ask!(link, targets.list_rule_names_by_target, request);
        async move { page.await.map(|page| (page.rule_names, page.next_page_token)) }
    })
    .await?;
    Ok(Outcome::done(target::rule_names(&all)))
}
