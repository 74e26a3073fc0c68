//! Values of files that are more than text: the contract's choices by their names, and patterns in two spellings.

use std::fmt;

use bascule_api::v1::{HttpMethod, LogDetail, LogLevel, ParameterPlace, RuleState};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::output::yaml::Verbatim;

/// A choice of the contract.
pub trait Choice: Copy {
    /// What its names begin with on the wire.
    const PREFIX: &'static str;
    /// Its name on the wire.
    fn wire_name(self) -> &'static str;
    /// The choice of that name on the wire.
    fn of_wire_name(name: &str) -> Option<Self>;
}

macro_rules! choices {
    ($($choice:ident: $prefix:literal),*) => {$(
        impl Choice for $choice {
            const PREFIX: &'static str = $prefix;
            fn wire_name(self) -> &'static str {
                self.as_str_name()
            }
            fn of_wire_name(name: &str) -> Option<Self> {
                Self::from_str_name(name)
            }
        }
    )*};
}

choices! {
    HttpMethod: "HTTP_METHOD_",
    LogDetail: "LOG_DETAIL_",
    LogLevel: "LOG_LEVEL_",
    ParameterPlace: "PARAMETER_PLACE_",
    RuleState: "RULE_STATE_"
}

/// A choice by its name without the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<C>(pub C);

impl<C: Choice> Serialize for Word<C> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let name = self.0.wire_name();
        to.serialize_str(name.strip_prefix(C::PREFIX).unwrap_or(name))
    }
}

impl<'de, C: Choice> Deserialize<'de> for Word<C> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = String::deserialize(from)?;
        let found = C::of_wire_name(&format!("{}{word}", C::PREFIX)).filter(|_| word != "UNSPECIFIED");
        found.map(Word).ok_or_else(|| de::Error::custom(format!("there is no choice `{word}` here")))
    }
}

/// A pattern's text; in a file also its JSON as YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternText(pub String);

impl Serialize for PatternText {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Verbatim(&self.0).serialize(to)
    }
}

impl<'de> Deserialize<'de> for PatternText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(PatternVisitor)
    }
}

struct PatternVisitor;

impl<'de> Visitor<'de> for PatternVisitor {
    type Value = PatternText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event pattern, as text or as a mapping")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<PatternText, E> {
        Ok(PatternText(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PatternText, A::Error> {
        let value = serde_json::Value::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(PatternText(value.to_string()))
    }
}
