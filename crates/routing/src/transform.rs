//! What a target is sent instead of the event: a constant, a part, or a template with parts in it. Pure.
//!
//! In: a target's input as its owner wrote it, and events.
//! Out: the text to send, or why there is none.
//! Never: a value that recursion must follow, or a text longer than may be sent.

mod fuel;
mod json;
mod path;
mod template;

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use bascule_model::fault::Fault;
use bascule_model::target::{HttpParameters, Input};
use bascule_model::time::Millis;

use fuel::Fuel;

pub use path::Path;
pub use template::{Template, Unfit, Wrong};

const RULE_ARN: &str = "aws.events.rule-arn";
const RULE_NAME: &str = "aws.events.rule-name";
const INGESTION_TIME: &str = "aws.events.event.ingestion-time";
const EVENT_WITHOUT_DETAIL: &str = "aws.events.event";
const EVENT: &str = "aws.events.event.json";

/// Variables that are there without a path
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html>).
pub const RESERVED: [&str; 5] = [RULE_ARN, RULE_NAME, INGESTION_TIME, EVENT_WITHOUT_DETAIL, EVENT];

/// An input that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transform {
    /// The event itself.
    Event,
    /// This text.
    Constant(String),
    /// What stands at this path.
    Path(Path),
    /// A template over these paths.
    Template(BTreeMap<String, Path>, Template),
}

/// What a template may say beside the event.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// ARN of the rule.
    pub rule_arn: &'a str,
    /// Its name.
    pub rule_name: &'a str,
    /// When the event was accepted.
    pub accepted: Millis,
}

/// Why an event makes no input for a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nothing stands at the path.
    #[error("nothing stands at the input path")]
    Missing,
    /// The result is no JSON.
    #[error("the transformed input is not valid JSON: {0}")]
    NotJson(String),
    /// The result is longer than may be sent.
    #[error("the transformed input has more than {} bytes", crate::limits::TRANSFORMED_LIMIT_BYTES)]
    TooLong,
    /// Nothing stands at the path of an HTTP parameter.
    #[error("nothing stands at `{0}`, which an HTTP parameter is taken from")]
    Parameter(String),
    /// Its paths would read the event too often.
    #[error("the paths would read the event more than {} times", crate::limits::TRANSFORM_READ_LIMIT_TIMES)]
    TooMuch,
}

impl Transform {
    /// Reads the input of the target `id`.
    ///
    /// # Errors
    /// [`Fault::Invalid`], in the service's words where it has some.
    pub fn compile(id: &str, input: &Input) -> Result<Self, Fault> {
        match input {
            Input::Event => Ok(Self::Event),
            Input::Constant(text) => {
                serde_json::from_str::<&RawValue>(text)
                    .map_err(|why| Fault::invalid("Input", format!("it is no JSON text: {why}"), id))?;
                Ok(Self::Constant(text.clone()))
            }
            Input::Path(path) => Ok(Self::Path(compile_path("InputPath", path)?)),
            Input::Template { paths, template } => {
                let read = |(variable, path): &(String, String)| {
                    Ok((variable.clone(), compile_path(&format!("InputPathsMap.{variable}"), path)?))
                };
                let paths = paths.iter().map(read).collect::<Result<BTreeMap<_, _>, Fault>>()?;
                let known = |name: &str| paths.contains_key(name) || RESERVED.contains(&name);
                let template = Template::parse(template, known).map_err(|wrong| wrong_template(id, wrong))?;
                Ok(Self::Template(paths, template))
            }
        }
    }

    /// What is sent for `event`.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn apply(&self, event: &str, about: About<'_>) -> Result<String, Refused> {
        let fuel = Fuel::of(event);
        let made = match self {
            Self::Event => Ok(event.to_owned()),
            Self::Constant(text) => Ok(text.clone()),
            Self::Path(path) => path.find(event, &fuel).ok_or(Refused::Missing),
            Self::Template(paths, template) => {
                let value = |name: &str| match paths.get(name) {
                    Some(path) => path.find(event, &fuel),
                    None => reserved(name, event, about),
                };
                template.render(&value).map_err(|unfit| match unfit {
                    Unfit::NotJson(why) => Refused::NotJson(why),
                    Unfit::TooLong => Refused::TooLong,
                })
            }
        };
        if fuel.is_spent() { Err(Refused::TooMuch) } else { made }
    }
}

/// Whether a value of an HTTP parameter is a path into the event
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html>).
fn is_path(value: &str) -> bool {
    value.starts_with("$.")
}

/// Checks the paths among the values of HTTP parameters.
///
/// # Errors
/// [`Fault::Invalid`].
pub fn check_parameters(parameters: &HttpParameters) -> Result<(), Fault> {
    let HttpParameters { path_values, headers, query } = parameters;
    let named = headers.iter().chain(query).map(|(name, value)| (name.as_str(), value));
    let values = path_values.iter().map(|value| ("PathParameterValues", value)).chain(named);
    values
        .filter(|(_, value)| is_path(value))
        .try_for_each(|(name, path)| compile_path(&format!("HttpParameters.{name}"), path).map(drop))
}

/// HTTP parameters with what stands in the event instead of its paths: a string's letters, of anything else the JSON.
///
/// # Errors
/// [`Refused::Parameter`] for a path that leads nowhere, [`Refused::TooMuch`].
pub fn parameters(given: &HttpParameters, event: &str) -> Result<HttpParameters, Refused> {
    let fuel = Fuel::of(event);
    let one = |value: &String| {
        if !is_path(value) {
            return Ok(value.clone());
        }
        let found = Path::parse(value).ok().and_then(|path| path.find(event, &fuel));
        match found {
            Some(raw) => Ok(serde_json::from_str::<String>(&raw).unwrap_or(raw)),
            None if fuel.is_spent() => Err(Refused::TooMuch),
            None => Err(Refused::Parameter(value.clone())),
        }
    };
    let pairs = |pairs: &[(String, String)]| {
        pairs.iter().map(|(name, value)| Ok((name.clone(), one(value)?))).collect::<Result<Vec<_>, Refused>>()
    };
    Ok(HttpParameters {
        path_values: given.path_values.iter().map(one).collect::<Result<_, _>>()?,
        headers: pairs(&given.headers)?,
        query: pairs(&given.query)?,
    })
}

fn reserved(name: &str, event: &str, about: About<'_>) -> Option<String> {
    let text = |value: &str| serde_json::Value::from(value).to_string();
    match name {
        RULE_ARN => Some(text(about.rule_arn)),
        RULE_NAME => Some(text(about.rule_name)),
        INGESTION_TIME => Some(text(&about.accepted.rfc3339_seconds())),
        EVENT => Some(event.to_owned()),
        EVENT_WITHOUT_DETAIL => {
            let fields = json::fields(event)?.into_iter().filter(|(key, _)| key != "detail");
            let fields: Vec<_> = fields.map(|(key, raw)| format!("{}:{raw}", text(&key))).collect();
            Some(format!("{{{}}}", fields.join(",")))
        }
        _ => None,
    }
}

fn compile_path(field: &str, path: &str) -> Result<Path, Fault> {
    Path::parse(path).map_err(|why| Fault::invalid(field, why, path))
}

fn wrong_template(id: &str, wrong: Wrong) -> Fault {
    let reason = match wrong {
        Wrong::Placeholder(name) => format!("InputTemplate for target {id} contains invalid placeholder {name}."),
        Wrong::Key(name) => format!("InputTemplate for target {id} has the placeholder {name} in an object key."),
        Wrong::Json(why) => format!("Invalid InputTemplate for target {id} : {why}"),
    };
    Fault::invalid("InputTemplate", reason, "")
}

#[cfg(test)]
mod tests;
