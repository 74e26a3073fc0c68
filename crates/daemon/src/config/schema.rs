//! The JSON Schema of the configuration file (draft 2020-12), made from the register.

use serde_json::{Map, Value as Json, json};

use crate::config::keys::{Key, Kind, Unsaid};
use crate::config::layers::{Value, parse};
use crate::config::register::{KEYS, SECTIONS};

/// What an address looks like; whether it is one, the reader says.
const ADDRESS: &str = "^(\\[[0-9A-Fa-f:.]+\\]|[0-9.]+):[0-9]{1,5}$";

/// The schema as text. It says of one file what the reader would say: a key that must be set may also come from the environment or
/// a flag, so the schema demands none.
#[must_use]
pub fn schema() -> String {
    let sections: Map<String, Json> =
        SECTIONS.iter().map(|(name, about)| ((*name).to_owned(), section(name, about))).collect();
    let whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "basculed.toml",
        "description": "The configuration of one node of Bascule. Made by `basculed config schema`.",
        "type": "object",
        "additionalProperties": false,
        "properties": sections,
    });
    format!("{whole:#}\n")
}

fn section(name: &str, about: &str) -> Json {
    let own = KEYS.iter().filter(|key| key.parts().0 == name);
    let keys: Map<String, Json> = own.map(|key| (key.parts().1.to_owned(), property(key))).collect();
    json!({"description": about, "type": "object", "additionalProperties": false, "properties": keys})
}

fn property(key: &Key) -> Json {
    let mut said = shape(key.kind);
    let must = if key.unsaid == Unsaid::Refused { " Must be set, here, in the environment or by a flag." } else { "" };
    let unit = if key.unit.is_empty() { String::new() } else { format!(" In {}.", key.unit) };
    said.insert("description".to_owned(), format!("{}{unit}{must}", key.about).into());
    if let Some(value) = default(key) {
        said.insert("default".to_owned(), value);
    }
    Json::Object(said)
}

fn shape(kind: Kind) -> Map<String, Json> {
    let text = json!({"type": "string", "minLength": 1});
    let shape = match kind {
        Kind::Text | Kind::Path => text,
        Kind::Address => json!({"type": "string", "pattern": ADDRESS}),
        Kind::Count(least, u64::MAX) => json!({"type": "integer", "minimum": least}),
        Kind::Count(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Texts | Kind::Paths => json!({"type": "array", "items": text}),
        Kind::OneOf(words) => json!({"type": "string", "enum": words}),
    };
    match shape {
        Json::Object(shape) => shape,
        _ => Map::new(),
    }
}

/// A key's default in JSON.
fn default(key: &Key) -> Option<Json> {
    let Unsaid::Is(text) = key.unsaid else { return None };
    parse(key.kind, text).ok().map(|value| json(&value))
}

/// A value in JSON.
#[must_use]
pub fn json(value: &Value) -> Json {
    match value {
        Value::Text(text) => text.as_str().into(),
        Value::Path(path) => path.display().to_string().into(),
        Value::Address(address) => address.to_string().into(),
        Value::Count(count) => (*count).into(),
        Value::Flag(flag) => (*flag).into(),
        Value::Texts(texts) => texts.as_slice().into(),
        Value::Paths(paths) => paths.iter().map(|path| path.display().to_string()).collect(),
    }
}
