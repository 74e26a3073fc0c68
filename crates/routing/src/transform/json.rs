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

/// Whether the text is one JSON value and nothing else, or, line by line, strings.
///
/// # Errors
/// The first thing that is wrong.
pub(super) fn whole(text: &str) -> Result<(), String> {
    let values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let (mut count, mut strings) = (0_usize, true);
    for value in values {
        count += 1;
        strings &= value.map_err(|error| error.to_string())?.get().starts_with('"');
    }
    match count {
        0 => Err("there is no value".to_owned()),
        1 => Ok(()),
        _ if strings => Ok(()),
        _ => Err("more than one value stands there, and not all are strings".to_owned()),
    }
}
