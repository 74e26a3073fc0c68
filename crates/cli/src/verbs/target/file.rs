//! Targets as a JSON file with EventBridge's names, as `target list -o json` prints them.

use std::collections::BTreeMap;
use std::path::Path;

use bascule_api::v1::{DeadLetterConfig, HttpParameters, InputTransformer, RetryPolicy, Target};
use serde::{Deserialize, Serialize, Serializer};

use crate::error::Error;
use crate::inputs::Inputs;
use crate::output::yaml::Verbatim;

/// The service's defaults.
const RETRY_DEFAULT_ATTEMPTS: u32 = 185;
const RETRY_DEFAULT_AGE_SECONDS: u32 = 86_400;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Whole {
    targets: Vec<One>,
}

/// A target as a file says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct One {
    /// Id within the rule.
    pub id: String,
    arn: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    role_arn: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_policy: Option<Retry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dead_letter_config: Option<DeadLetter>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    http_parameters: Option<Http>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input_path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input_transformer: Option<Transformer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
struct Transformer {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    input_paths_map: BTreeMap<String, String>,
    #[serde(serialize_with = "verbatim")]
    input_template: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Retry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    maximum_retry_attempts: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    maximum_event_age_in_seconds: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct DeadLetter {
    #[serde(default)]
    arn: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "PascalCase")]
struct Http {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    header_parameters: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    query_string_parameters: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    path_parameter_values: Vec<String>,
}

fn verbatim<S: Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
    Verbatim(text).serialize(to)
}

impl From<One> for Target {
    fn from(one: One) -> Self {
        Self {
            id: one.id,
            arn: one.arn,
            role_arn: one.role_arn,
            retry_policy: one.retry_policy.map(|it| RetryPolicy {
                maximum_retry_attempts: it.maximum_retry_attempts,
                maximum_event_age_seconds: it.maximum_event_age_in_seconds,
            }),
            dead_letter_config: one.dead_letter_config.map(|it| DeadLetterConfig { arn: it.arn }),
            http_parameters: one.http_parameters.map(|it| HttpParameters {
                header_parameters: it.header_parameters,
                query_string_parameters: it.query_string_parameters,
                path_parameter_values: it.path_parameter_values,
            }),
            input: one.input,
            input_path: one.input_path,
            input_transformer: one
                .input_transformer
                .map(|it| InputTransformer { input_paths_map: it.input_paths_map, input_template: it.input_template }),
        }
    }
}

impl From<Target> for One {
    fn from(target: Target) -> Self {
        Self {
            id: target.id,
            arn: target.arn,
            role_arn: target.role_arn,
            retry_policy: target.retry_policy.map(|it| Retry {
                maximum_retry_attempts: it.maximum_retry_attempts,
                maximum_event_age_in_seconds: it.maximum_event_age_seconds,
            }),
            dead_letter_config: target.dead_letter_config.map(|it| DeadLetter { arn: it.arn }),
            http_parameters: target.http_parameters.map(|it| Http {
                header_parameters: it.header_parameters,
                query_string_parameters: it.query_string_parameters,
                path_parameter_values: it.path_parameter_values,
            }),
            input: target.input,
            input_path: target.input_path,
            input_transformer: target
                .input_transformer
                .map(|it| Transformer { input_paths_map: it.input_paths_map, input_template: it.input_template }),
        }
    }
}

impl One {
    /// Takes out what is the service's default anyhow.
    pub fn normalise(&mut self) {
        if let Some(retry) = &mut self.retry_policy {
            retry.maximum_retry_attempts.take_if(|attempts| *attempts == RETRY_DEFAULT_ATTEMPTS);
            retry.maximum_event_age_in_seconds.take_if(|age| *age == RETRY_DEFAULT_AGE_SECONDS);
        }
        self.retry_policy
            .take_if(|it| it.maximum_retry_attempts.is_none() && it.maximum_event_age_in_seconds.is_none());
        self.dead_letter_config.take_if(|it| it.arn.is_empty());
        self.http_parameters.take_if(|it| *it == Http::default());
    }
}

/// Reads the targets of a file, or of the standard input for `-`.
///
/// # Errors
/// What is wrong with the file, with its line; no value of it is repeated.
pub fn read(inputs: &mut Inputs, path: &Path) -> Result<Vec<Target>, Error> {
    parse(&inputs.whole("--file", path)?).map_err(|problem| Error::Argument { flag: "--file", problem })
}

fn parse(text: &str) -> Result<Vec<Target>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let read: Result<Vec<One>, _> = match text.trim_start().starts_with('[') {
        true => serde_json::from_str(text),
        false => serde_json::from_str(text).map(|whole: Whole| whole.targets),
    };
    match read {
        Ok(targets) if targets.is_empty() => Err("there is no target in it".to_owned()),
        Ok(targets) => Ok(targets.into_iter().map(Target::from).collect()),
        Err(error) => Err(problem(&error)),
    }
}

/// The parser's message, in which a value of the wrong type is left out: a header may hold a secret.
fn problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let quotes = text.starts_with("invalid type: ") || text.starts_with("invalid value: ");
    match text.rsplit_once(", expected ") {
        Some((_, wanted)) if quotes => format!("a value is of the wrong type, expected {wanted}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Format, target};

    fn told(text: &str) -> String {
        match parse(text) {
            Ok(targets) => targets.iter().map(|target| format!("{}={} ", target.id, target.arn)).collect(),
            Err(problem) => format!("error: {problem}"),
        }
    }

    #[test]
    fn files_are_lists_or_objects_or_say_why_not() {
        let fields = "expected one of `Id`, `Arn`, `RoleArn`, `RetryPolicy`, `DeadLetterConfig`, `HttpParameters`, \
            `Input`, `InputPath`, `InputTransformer`";
        let rows = [
            (r#"[{"Id": "a", "Arn": "x"}]"#, "a=x ".to_owned()),
            (
                "\u{feff}\n {\"Targets\": [{\"Id\": \"a\", \"Arn\": \"x\"}, {\"Id\": \"b\", \"Arn\": \"y\"}]}",
                "a=x b=y ".to_owned(),
            ),
            ("[]", "error: there is no target in it".to_owned()),
            (r#"{"Targets": []}"#, "error: there is no target in it".to_owned()),
            ("", "error: EOF while parsing a value at line 1 column 0".to_owned()),
            ("[{\"Id\": \"a\",\n\"Arm\": \"x\"}]", format!("error: unknown field `Arm`, {fields} at line 2 column 5")),
            (r#"[{"Id": "a"}]"#, "error: missing field `Arn` at line 1 column 12".to_owned()),
            (
                r#"{"Id": "a", "Arn": "x"}"#,
                "error: unknown field `Id`, expected `Targets` at line 1 column 5".to_owned(),
            ),
            (
                r#"[{"Id": "a", "Arn": "x", "RetryPolicy": {"MaximumRetryAttempts": -1}}]"#,
                "error: a value is of the wrong type, expected u32 at line 1 column 67".to_owned(),
            ),
            (
                r#"[{"Id": "a", "Arn": "x", "HttpParameters": {"HeaderParameters": "a: hunter2, expected"}}]"#,
                "error: a value is of the wrong type, expected a map at line 1 column 86".to_owned(),
            ),
        ];
        for (text, expected) in rows {
            assert_eq!(told(text), expected, "{text}");
        }
    }

    #[test]
    fn a_printed_list_reads_back() {
        let whole = Target {
            id: "a".into(),
            arn: "arn:q".into(),
            role_arn: "arn:role".into(),
            retry_policy: Some(RetryPolicy { maximum_retry_attempts: Some(0), maximum_event_age_seconds: Some(60) }),
            dead_letter_config: Some(DeadLetterConfig { arn: "arn:d".into() }),
            http_parameters: Some(HttpParameters {
                header_parameters: [("h".to_owned(), "1".to_owned())].into(),
                query_string_parameters: [("q".to_owned(), String::new())].into(),
                path_parameter_values: vec!["p".into()],
            }),
            input: Some("{}".into()),
            input_path: Some("$.detail".into()),
            input_transformer: Some(InputTransformer {
                input_paths_map: [("a".to_owned(), "$.id".to_owned())].into(),
                input_template: "<a>".into(),
            }),
        };
        let targets = vec![whole, Target { id: "b".into(), arn: "arn:r".into(), ..Default::default() }];
        let mut out = Vec::new();
        target::list(&targets).write(Format::Json, false, &mut out).unwrap();
        assert_eq!(parse(&String::from_utf8(out).unwrap()).unwrap(), targets);
    }
}
