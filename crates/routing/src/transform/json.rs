//! JSON as text: fields in their order, and whether a text is made of whole values. Nothing is recursed into.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

struct Fields;

impl<'json> Visitor<'json> for Fields {
    type Value = Vec<(Cow<'json, str>, &'json str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'json>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some((Key(key), raw)) = map.next_entry::<Key<'json>, &'json RawValue>()? {
            fields.push((key, raw.get()));
        }
        Ok(fields)
    }
}

#[derive(serde::Deserialize)]
struct Key<'json>(#[serde(borrow)] Cow<'json, str>);

/// The fields of an object with the texts of their values, in order; `None` for what is no object.
pub(super) fn fields(text: &str) -> Option<Vec<(Cow<'_, str>, &str)>> {
    serde_json::Deserializer::from_str(text).deserialize_map(Fields).ok()
}

/// Whether the text is JSON values and nothing else, one or, line by line, several.
///
/// # Errors
/// The first thing that is wrong.
pub(super) fn whole(text: &str) -> Result<(), String> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    match values.next() {
        None => return Err("there is no value".to_owned()),
        Some(value) => value.map(drop).map_err(|error| error.to_string())?,
    }
    values.try_for_each(|value| value.map(drop).map_err(|error| error.to_string()))
}
