//! Targets as records.

use bascule_api::v1::{HttpParameters, InputTransformer, Target, TargetFailure};

use crate::output::record::{Item, Record};
use crate::output::{Part, View, rows};

/// Everything about a target.
pub fn record(target: &Target) -> Record {
    let dead_letters = target.dead_letter_config.as_ref().map(|it| it.arn.as_str()).unwrap_or_default();
    let retry = target.retry_policy.unwrap_or_default();
    Record::new()
        .text("Id", &target.id)
        .text("Arn", &target.arn)
        .text("RoleArn", &target.role_arn)
        .record(
            "RetryPolicy",
            Record::new()
                .maybe("MaximumRetryAttempts", retry.maximum_retry_attempts)
                .maybe("MaximumEventAgeInSeconds", retry.maximum_event_age_seconds),
        )
        .record("DeadLetterConfig", Record::new().text("Arn", dead_letters))
        .record("HttpParameters", target.http_parameters.as_ref().map(http).unwrap_or_default())
        .text("Input", target.input.as_deref().unwrap_or_default())
        .text("InputPath", target.input_path.as_deref().unwrap_or_default())
        .record("InputTransformer", target.input_transformer.as_ref().map(transformer).unwrap_or_default())
}

fn transformer(it: &InputTransformer) -> Record {
    Record::new().map("InputPathsMap", &it.input_paths_map).text("InputTemplate", &it.input_template)
}

fn http(parameters: &HttpParameters) -> Record {
    Record::new()
        .map("HeaderParameters", &parameters.header_parameters)
        .map("QueryStringParameters", &parameters.query_string_parameters)
        .texts("PathParameterValues", &parameters.path_parameter_values)
}

/// A list of targets.
pub fn list(targets: &[Target]) -> View {
    let columns = [
        ("ID", "Id"),
        ("ARN", "Arn"),
        ("RETRIES", "RetryPolicy.MaximumRetryAttempts"),
        ("MAX AGE", "RetryPolicy.MaximumEventAgeInSeconds"),
        ("DEAD LETTERS", "DeadLetterConfig.Arn"),
    ];
    let more = [
        ("ROLE", "RoleArn"),
        ("HTTP", "HttpParameters"),
        ("INPUT", "Input"),
        ("INPUT PATH", "InputPath"),
        ("TRANSFORMER", "InputTransformer"),
    ];
    View::list("Targets", targets.iter().map(record).collect(), &columns, &more, "no targets")
}

/// The names of rules that have a target.
pub fn rule_names(names: &[String]) -> View {
    let lines = names.iter().map(|name| Part::Line(name.clone()));
    let parts = match names.is_empty() {
        true => vec![Part::Line("no rules".to_owned())],
        false => lines.collect(),
    };
    let items = names.iter().map(|name| Item::Text(name.clone())).collect();
    View::new(parts, Record::new().items("RuleNames", items)).of_items("RuleNames")
}

/// What became of the targets with these ids, of which all but those that failed are `done`.
pub fn outcome(ids: &[String], failed: &[TargetFailure], done: &str, control_index: u64) -> View {
    let record = |it: &TargetFailure| {
        Record::new()
            .text("TargetId", &it.target_id)
            .text("ErrorCode", &it.error_code)
            .text("ErrorMessage", &it.error_message)
    };
    let records: Vec<Record> = failed.iter().map(record).collect();
    let columns = [("TARGET", "TargetId"), ("CODE", "ErrorCode"), ("MESSAGE", "ErrorMessage")];
    let summary = match (failed.len(), ids) {
        (0, [id]) => format!("target `{id}` {done}"),
        (0, ids) => format!("targets `{}` {done}", ids.join("`, `")),
        (count, ids) => format!("{} {done}, {count} failed", ids.len().saturating_sub(count)),
    };
    let mut parts = vec![Part::Line(summary)];
    if !records.is_empty() {
        parts.push(rows(&records, &columns));
    }
    let json = Record::new()
        .number("FailedEntryCount", records.len() as u64)
        .items("FailedEntries", records.into_iter().map(Item::Record).collect())
        .number("ControlIndex", control_index);
    View::new(parts, json)
}
