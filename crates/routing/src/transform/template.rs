//! Input templates: text with `<variables>`, inside of JSON strings and outside. Pure.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html>,
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_InputTransformer.html>.

use std::collections::BTreeMap;

use super::json;
use crate::limits::TRANSFORMED_LIMIT_BYTES;

/// A template that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable { name: String, quoted: bool },
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// It names a variable that is not there.
    Placeholder(String),
    /// An object's key would come from the event.
    Key(String),
    /// With every variable null it is no JSON.
    Json(String),
}

/// What came of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// The result is no JSON.
    NotJson(String),
    /// The result is longer than may be sent.
    TooLong,
}

impl Template {
    /// Reads a template whose variables are those that `known` says.
    ///
    /// # Errors
    /// [`Wrong`].
    pub fn parse(text: &str, known: impl Fn(&str) -> bool) -> Result<Self, Wrong> {
        let mut scan = Scan::default();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            match variable(rest) {
                // What follows would be part of the escape, or none.
                Some(name) if scan.escaped => return Err(Wrong::Json(format!("`\\` stands before <{name}>"))),
                Some(name) if known(name) => {
                    scan.variable(name);
                    rest = &rest[name.len() + 2..];
                }
                Some(name) => return Err(Wrong::Placeholder(name.to_owned())),
                None => {
                    scan.letter(first);
                    rest = &rest[first.len_utf8()..];
                }
            }
        }
        if let (Some(key), true) = (scan.key.take(), text.trim_start().starts_with('{')) {
            return Err(Wrong::Key(key));
        }
        let template = Self(scan.parts);
        // What every event's values would break is told at once, and not by a dead letter.
        template
            .filled(&|_| Some("null".to_owned()))
            .map_or_else(|_| Ok(()), |text| json::whole(&text))
            .map_err(Wrong::Json)?;
        Ok(template)
    }

    /// The template with its values: JSON texts by variable. A variable without a value leaves nothing behind.
    ///
    /// # Errors
    /// [`Unfit`].
    pub fn render(&self, value: &dyn Fn(&str) -> Option<String>) -> Result<String, Unfit> {
        let text = self.filled(value)?;
        json::whole(&text).map_err(Unfit::NotJson)?;
        Ok(text)
    }

    fn filled(&self, value: &dyn Fn(&str) -> Option<String>) -> Result<String, Unfit> {
        let mut values: BTreeMap<&str, Option<String>> = BTreeMap::new();
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Variable { name, quoted } => {
                    let raw = values.entry(name).or_insert_with(|| value(name));
                    match raw {
                        Some(raw) if *quoted => text.push_str(&in_string(raw)),
                        Some(raw) => text.push_str(raw),
                        None => {}
                    }
                }
            }
            if text.len() > TRANSFORMED_LIMIT_BYTES {
                return Err(Unfit::TooLong);
            }
        }
        Ok(text)
    }
}

/// A value inside of a string: a string's letters, unescaped; of anything else its JSON without the quotes.
fn in_string(raw: &str) -> String {
    match serde_json::from_str::<String>(raw) {
        Ok(text) => text,
        Err(_) => raw.replace('"', ""),
    }
}

/// The name of the placeholder with which the text begins.
fn variable(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('<')?.split_once('>')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (!name.is_empty() && name.bytes().all(plain)).then_some(name)
}

/// What was seen of a template so far.
#[derive(Default)]
struct Scan {
    parts: Vec<Part>,
    quoted: bool,
    escaped: bool,
    /// A variable since the last value began: a key, if a colon follows.
    last: Option<String>,
    key: Option<String>,
}

impl Scan {
    fn variable(&mut self, name: &str) {
        self.parts.push(Part::Variable { name: name.to_owned(), quoted: self.quoted });
        self.last = Some(name.to_owned());
    }

    fn letter(&mut self, letter: char) {
        match letter {
            _ if self.escaped => self.escaped = false,
            '\\' if self.quoted => self.escaped = true,
            '"' => {
                self.quoted = !self.quoted;
                if self.quoted {
                    self.last = None;
                }
            }
            ':' if !self.quoted && self.key.is_none() => self.key = self.last.take(),
            _ if self.quoted || letter.is_whitespace() => {}
            _ => self.last = None,
        }
        match self.parts.last_mut() {
            Some(Part::Text(text)) => text.push(letter),
            _ => self.parts.push(Part::Text(letter.to_string())),
        }
    }
}
