//! Layers laid over each other: what a file, the environment and flags say, each value checked for its kind as it is read.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use crate::config::keys::{self, Key, Kind, PREFIX, Unsaid};
use crate::config::register::KEYS;
use crate::config::{Place, Problem};

/// A value of its key's kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text or a word.
    Text(String),
    /// Path.
    Path(PathBuf),
    /// Address.
    Address(SocketAddr),
    /// Count.
    Count(u64),
    /// Flag.
    Flag(bool),
    /// Texts.
    Texts(Vec<String>),
    /// Paths.
    Paths(Vec<PathBuf>),
}

/// What was said so far, and what was wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Values {
    said: BTreeMap<&'static str, (Value, Place)>,
    omitted: Vec<&'static str>,
    problems: Vec<Problem>,
}

impl Values {
    /// Takes a verb's presumptions.
    pub fn preset(&mut self, presumed: &[(&'static str, String)]) {
        for (name, text) in presumed {
            self.text(name, text, Place::Unsaid);
        }
    }

    /// Takes a file's text.
    pub fn file(&mut self, path: &Path, text: &str) {
        let line = |offset: usize| {
            let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
            Place::Line(path.to_owned(), before.iter().filter(|byte| **byte == b'\n').count() + 1)
        };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let place = line(error.span().map_or(0, |span| span.start));
            self.problem(place, error.message().lines().next().unwrap_or("this is no TOML").to_owned());
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        for (name, value) in table.get_ref() {
            let (section, place) = (name.get_ref().as_ref(), line(name.span().start));
            let DeValue::Table(entries) = value.get_ref() else {
                // What could not be parsed is left behind as a stump, and has its error already.
                if errors.is_empty() {
                    self.problem(place, stray(section));
                }
                continue;
            };
            if !KEYS.iter().any(|key| key.parts().0 == section) {
                self.problem(place, no_section(section));
                continue;
            }
            for (name, value) in entries {
                let place = line(name.span().start);
                match keys::find(&format!("{section}.{}", name.get_ref())) {
                    Some(key) => self.toml(key, value.get_ref(), place, folder),
                    None => self.problem(place, no_key(section, name.get_ref())),
                }
            }
        }
    }

    /// Takes variables of the environment.
    pub fn variables(&mut self, variables: &[(String, String)]) {
        for (name, text) in variables.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
            let place = Place::Variable(name.clone());
            match KEYS.iter().find(|key| key.variable() == *name) {
                Some(key) => self.text(key.name, text, place),
                None => {
                    let known: Vec<String> = KEYS.iter().map(Key::variable).collect();
                    let meant = strsim_upper(name, &known);
                    self.problem(place, format!("no key has this name{}", suggest(meant)));
                }
            }
        }
    }

    /// Takes flags of the form `section.key=value`.
    pub fn flags(&mut self, flags: &[String]) {
        for flag in flags {
            let Some((name, text)) = flag.split_once('=') else {
                self.problem(Place::Flag(flag.clone()), "it must have the form `section.key=value`".to_owned());
                continue;
            };
            let place = Place::Flag(name.to_owned());
            match keys::find(name) {
                Some(key) => self.text(key.name, text, place),
                None => {
                    let meant = keys::nearest(name, KEYS.iter().map(|key| key.name));
                    self.problem(place, format!("there is no key `{name}`{}", suggest(meant)));
                }
            }
        }
    }

    /// Sets what a verb decides itself, and refuses whoever said something about it.
    pub fn decide(&mut self, decided: &[(&'static str, String)]) {
        for (name, text) in decided {
            if let Some((_, place)) = self.said.remove(name).filter(|(_, place)| *place != Place::Unsaid) {
                self.problem(place, format!("`{name}` is decided by this verb itself"));
            }
            self.text(name, text, Place::Unsaid);
        }
    }

    /// Keys whose defaults do not hold.
    pub fn omit(&mut self, names: &[&'static str]) {
        self.omitted.extend(names);
    }

    /// Notes that something is wrong.
    pub fn problem(&mut self, place: Place, text: String) {
        self.problems.push(Problem { place, text });
    }

    /// The value of a key with its place, by its default where nobody said one; `None` where there is none.
    pub fn take(&mut self, name: &'static str) -> Option<(Value, Place)> {
        if let Some(found) = self.said.remove(name) {
            return Some(found);
        }
        let key = keys::find(name)?;
        match key.unsaid {
            Unsaid::Is(_) if self.omitted.contains(&name) => None,
            Unsaid::Is(text) => parse(key.kind, text).ok().map(|value| (value, Place::Unsaid)),
            Unsaid::Nothing => None,
            Unsaid::Refused => {
                // Said, but wrong: that has its problem already.
                if !self.problems.iter().any(|problem| problem.text.starts_with(&format!("`{name}` "))) {
                    self.problem(Place::Unsaid, format!("`{name}` must be set"));
                }
                None
            }
        }
    }

    /// The value of a key with its place, looked at and not taken; `None` where nobody said one.
    pub fn said(&self, name: &str) -> Option<&(Value, Place)> {
        self.said.get(name)
    }

    /// Everything that is wrong, once all keys were taken.
    pub fn problems(self) -> Vec<Problem> {
        self.problems
    }

    fn text(&mut self, name: &'static str, text: &str, place: Place) {
        let Some(key) = keys::find(name) else { return };
        match parse(key.kind, text) {
            Ok(value) => drop(self.said.insert(name, (value, place))),
            Err(why) => self.problem(place, format!("`{name}` {why}")),
        }
    }

    fn toml(&mut self, key: &'static Key, value: &DeValue<'_>, place: Place, folder: &Path) {
        let parsed = match (key.kind, value) {
            (Kind::Texts | Kind::Paths, DeValue::Array(items)) => {
                let texts: Option<Vec<&str>> = items.iter().map(|item| item.get_ref().as_str()).collect();
                match texts {
                    Some(texts) if texts.iter().all(|text| !text.is_empty()) => list(key.kind, &texts),
                    _ => Err("must be a list of texts that are not empty".to_owned()),
                }
            }
            (Kind::Count(..), DeValue::Integer(number)) if number.radix() == 10 => parse(key.kind, number.as_str()),
            (Kind::Flag, DeValue::Boolean(flag)) => Ok(Value::Flag(*flag)),
            (Kind::Text | Kind::Path | Kind::Address | Kind::OneOf(_), DeValue::String(text)) => parse(key.kind, text),
            _ => Err(wanted(key.kind)),
        };
        match parsed {
            Ok(value) => drop(self.said.insert(key.name, (based(value, folder), place))),
            Err(why) => self.problem(place, format!("`{}` {why}", key.name)),
        }
    }
}

/// Reads a value that is one text.
///
/// # Errors
/// What it must be.
pub fn parse(kind: Kind, text: &str) -> Result<Value, String> {
    let refused = || Err(wanted(kind));
    match kind {
        Kind::Texts | Kind::Paths => {
            let items: Vec<&str> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
            list(kind, &items)
        }
        _ if text.is_empty() || text.contains('\0') => refused(),
        Kind::Text => Ok(Value::Text(text.to_owned())),
        Kind::Path => Ok(Value::Path(PathBuf::from(text))),
        Kind::Address => text.parse().map(Value::Address).or_else(|_| refused()),
        Kind::Count(least, most) => match text.replace('_', "").parse() {
            Ok(count) if (least..=most).contains(&count) => Ok(Value::Count(count)),
            _ => refused(),
        },
        Kind::Flag => text.parse().map(Value::Flag).or_else(|_| refused()),
        Kind::OneOf(words) if words.contains(&text) => Ok(Value::Text(text.to_owned())),
        Kind::OneOf(_) => refused(),
    }
}

fn list(kind: Kind, items: &[&str]) -> Result<Value, String> {
    Ok(match kind {
        Kind::Paths => Value::Paths(items.iter().map(PathBuf::from).collect()),
        _ => Value::Texts(items.iter().map(|item| (*item).to_owned()).collect()),
    })
}

/// What a value of this kind must be.
pub fn wanted(kind: Kind) -> String {
    match kind {
        Kind::Text => "must be a text that is not empty".to_owned(),
        Kind::Path => "must be a path".to_owned(),
        Kind::Address => "must be `address:port`, for example `127.0.0.1:6470` or `[::1]:6470`".to_owned(),
        Kind::Count(least, u64::MAX) => format!("must be a whole number of at least {least}"),
        Kind::Count(least, most) => format!("must be a whole number from {least} to {most}"),
        Kind::Flag => "must be `true` or `false`".to_owned(),
        Kind::Texts | Kind::Paths => "must be a list of texts".to_owned(),
        Kind::OneOf(words) => format!("must be one of `{}`", words.join("`, `")),
    }
}

/// A relative path of a file is taken from the file's folder, wherever the daemon was started.
fn based(value: Value, folder: &Path) -> Value {
    match value {
        Value::Path(path) => Value::Path(folder.join(path)),
        Value::Paths(paths) => Value::Paths(paths.into_iter().map(|path| folder.join(path)).collect()),
        other => other,
    }
}

fn suggest(meant: Option<impl std::fmt::Display>) -> String {
    meant.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

fn sections() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|key| key.parts().0)
}

fn stray(name: &str) -> String {
    let owner = KEYS.iter().find(|key| key.parts().1 == name).map(|key| key.name);
    format!("`{name}` stands in no section{}", suggest(owner))
}

fn no_section(section: &str) -> String {
    format!("there is no section `[{section}]`{}", suggest(keys::nearest(section, sections())))
}

fn no_key(section: &str, name: &str) -> String {
    let here = KEYS.iter().map(Key::parts).filter(|(owner, _)| *owner == section).map(|(_, key)| key);
    let elsewhere = || KEYS.iter().find(|key| key.parts().1 == name).map(|key| key.name);
    let meant = keys::nearest(name, here).or_else(elsewhere);
    format!("there is no key `{name}` in `[{section}]`{}", suggest(meant))
}

fn strsim_upper<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let ranked = known.iter().map(|known| (strsim::damerau_levenshtein(name, known), known.as_str()));
    ranked.filter(|(edits, _)| *edits <= 4).min().map(|(_, known)| known)
}
