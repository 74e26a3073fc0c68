//! What holds: every value with the layer that said it, as TOML that could be read again, or as JSON.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use crate::config::keys::Unsaid;
use crate::config::layers::{Value, parse};
use crate::config::register::{KEYS, SECTIONS};
use crate::config::{Place, Refused, Sources, gather, schema, settings_of};

/// In which form it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As a file could say it, with the layer in a comment.
    Toml,
    /// For programs.
    Json,
}

/// One key that has a value.
struct Row {
    name: &'static str,
    value: Value,
    layer: &'static str,
    place: Option<String>,
}

/// Every value that holds. No configuration holds a secret: keys are named by their files.
///
/// # Errors
/// [`Refused`], if the configuration is not sound.
pub fn told(sources: &Sources, form: Form) -> Result<String, Refused> {
    let values = gather(sources);
    settings_of(values.clone())?;
    let rows: Vec<Row> = KEYS
        .iter()
        .filter_map(|key| match (values.said(key.name), key.unsaid) {
            (Some((value, place)), _) => {
                let layer = layer(place);
                let place = Some(place.to_string()).filter(|_| layer != "default");
                Some(Row { name: key.name, value: value.clone(), layer, place })
            }
            (None, Unsaid::Is(text)) => {
                let value = parse(key.kind, text).ok()?;
                Some(Row { name: key.name, value, layer: "default", place: None })
            }
            (None, Unsaid::Nothing | Unsaid::Refused) => None,
        })
        .collect();
    Ok(match form {
        Form::Toml => toml(&rows),
        Form::Json => json_of(&rows),
    })
}

const fn layer(place: &Place) -> &'static str {
    match place {
        Place::Line(..) | Place::File(_) => "file",
        Place::Variable(_) => "environment",
        Place::Flag(_) => "flag",
        Place::Unsaid => "default",
    }
}

fn toml(rows: &[Row]) -> String {
    let mut text = String::new();
    for (section, _) in SECTIONS {
        let gap = if text.is_empty() { "" } else { "\n" };
        // Writing to a text does not fail.
        let _ = writeln!(text, "{gap}[{section}]");
        for row in rows {
            let Some(name) = row.name.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')) else { continue };
            let from = row.place.as_deref().unwrap_or("default");
            // JSON's spelling of texts, numbers and lists is TOML's too.
            let _ = writeln!(text, "{name} = {} # {from}", schema::json(&row.value));
        }
    }
    text
}

fn json_of(rows: &[Row]) -> String {
    let keys: Map<String, Json> = rows
        .iter()
        .map(|row| {
            let told = json!({"value": schema::json(&row.value), "layer": row.layer, "place": row.place});
            (row.name.to_owned(), told)
        })
        .collect();
    format!("{:#}\n", Json::Object(keys))
}
