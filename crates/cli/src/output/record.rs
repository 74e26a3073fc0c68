//! An answer's fields in their order, from which both the table and the JSON are made.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use bascule_model::time::Millis;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Text.
    Text(String),
    /// A count or measure.
    Number(u64),
    /// Yes or no.
    Flag(bool),
    /// A secret that is handed out: in what programs read, and nowhere else.
    Secret(Hidden),
    /// Several values.
    List(Vec<Item>),
    /// Values with names.
    Record(Record),
}

/// A text that neither people nor logs get to see.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(..)")
    }
}

/// Values with names, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record(Vec<(Cow<'static, str>, Item)>);

impl Record {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn with(mut self, key: impl Into<Cow<'static, str>>, item: Item) -> Self {
        self.0.push((key.into(), item));
        self
    }

    /// Adds a text, unless it is empty.
    #[must_use]
    pub fn text(self, key: &'static str, text: &str) -> Self {
        match text.is_empty() {
            true => self,
            false => self.with(key, Item::Text(text.to_owned())),
        }
    }

    /// Adds a secret.
    #[must_use]
    pub fn secret(self, key: &'static str, text: String) -> Self {
        self.with(key, Item::Secret(Hidden(text)))
    }

    /// Adds a number.
    #[must_use]
    pub fn number(self, key: &'static str, number: u64) -> Self {
        self.with(key, Item::Number(number))
    }

    /// Adds a number, if there is one.
    #[must_use]
    pub fn maybe(self, key: &'static str, number: Option<u32>) -> Self {
        match number {
            Some(number) => self.number(key, u64::from(number)),
            None => self,
        }
    }

    /// Adds a flag.
    #[must_use]
    pub fn flag(self, key: &'static str, flag: bool) -> Self {
        self.with(key, Item::Flag(flag))
    }

    /// Adds a time in seconds since 1970, if there is one, as RFC 3339 text.
    #[must_use]
    pub fn time(self, key: &'static str, seconds: Option<i64>) -> Self {
        match seconds.and_then(|seconds| u64::try_from(seconds).ok()) {
            Some(seconds) => self.text(key, &Millis(seconds.saturating_mul(1_000)).rfc3339_seconds()),
            None => self,
        }
    }

    /// Adds a choice of the contract by its name without the prefix, unless it is the unspecified one.
    #[must_use]
    pub fn choice(self, key: &'static str, name: &str, prefix: &str) -> Self {
        match name.strip_prefix(prefix).unwrap_or(name) {
            "UNSPECIFIED" => self,
            name => self.text(key, name),
        }
    }

    /// Adds several values, unless there are none.
    #[must_use]
    pub fn list(self, key: &'static str, items: Vec<Item>) -> Self {
        match items.is_empty() {
            true => self,
            false => self.items(key, items),
        }
    }

    /// Adds several values, none too.
    #[must_use]
    pub fn items(self, key: &'static str, items: Vec<Item>) -> Self {
        self.with(key, Item::List(items))
    }

    /// Adds several texts, unless there are none.
    #[must_use]
    pub fn texts<T: AsRef<str>>(self, key: &'static str, texts: &[T]) -> Self {
        self.list(key, texts.iter().map(|text| Item::Text(text.as_ref().to_owned())).collect())
    }

    /// Adds texts with names of somebody else's choice, unless there are none.
    #[must_use]
    pub fn map(self, key: &'static str, map: &BTreeMap<String, String>) -> Self {
        let add =
            |record: Record, (key, value): (&String, &String)| record.with(key.clone(), Item::Text(value.clone()));
        self.record(key, map.iter().fold(Record::new(), add))
    }

    /// Adds a record, unless it is empty.
    #[must_use]
    pub fn record(self, key: &'static str, record: Record) -> Self {
        match record.0.is_empty() {
            true => self,
            false => self.with(key, Item::Record(record)),
        }
    }

    /// The value at a path of names with `.` between them.
    pub fn get(&self, path: &str) -> Option<&Item> {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let (_, item) = self.0.iter().find(|(key, _)| key == first)?;
        match (item, rest) {
            (item, None) => Some(item),
            (Item::Record(record), Some(rest)) => record.get(rest),
            _ => None,
        }
    }

    /// Every value with its path, records taken apart.
    pub fn flat(&self) -> Vec<(String, String)> {
        let mut out = Vec::new();
        for (key, item) in &self.0 {
            match item {
                Item::Record(record) => {
                    out.extend(record.flat().into_iter().map(|(inner, value)| (format!("{key}.{inner}"), value)));
                }
                Item::List(items) if items.iter().any(|item| matches!(item, Item::Record(_))) => {
                    for (at, item) in items.iter().enumerate() {
                        let one = Record::new().with(format!("{key}[{at}]"), item.clone());
                        out.extend(one.flat());
                    }
                }
                item => out.push((key.clone().into_owned(), item.to_string())),
            }
        }
        out
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Text(text) => f.write_str(text),
            Item::Secret(_) => f.write_str("(not shown)"),
            Item::Number(number) => write!(f, "{number}"),
            Item::Flag(true) => f.write_str("yes"),
            Item::Flag(false) => f.write_str("no"),
            Item::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if at == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            Item::Record(record) => {
                for (at, (key, value)) in record.flat().iter().enumerate() {
                    write!(f, "{}{key}={value}", if at == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
        }
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Item::Text(text) => to.serialize_str(text),
            Item::Secret(Hidden(text)) => to.serialize_str(text),
            Item::Number(number) => to.serialize_u64(*number),
            Item::Flag(flag) => to.serialize_bool(*flag),
            Item::List(items) => to.collect_seq(items),
            Item::Record(record) => record.serialize(to),
        }
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (key, item) in &self.0 {
            map.serialize_entry(key, item)?;
        }
        map.end()
    }
}
