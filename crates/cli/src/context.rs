//! Contexts: where the cluster is and as whom it is asked; found, read and checked.
//!
//! In: a name or a path, the environment, the book of named contexts, a context file.
//! Out: the address and the files that a session needs.
//! Never: a private key copied from where its owner keeps it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bascule_api::client::Context;
use toml::de::{DeTable, DeValue};

use crate::context::book::Book;
use crate::error::Error;
use crate::inputs;
use crate::limits::{CONTEXT_FILE_MAX_BYTES, PEM_FILE_MAX_BYTES, SUGGESTION_MAX_EDITS};

pub mod book;

/// The variable that names a context or its file.
pub const VARIABLE: &str = "BASCULE_CONTEXT";
/// The folder of settings within the user's own.
const FOLDER: &str = "bascule";
/// The file of the one context of who keeps no book.
const FILE: &str = "context.toml";
/// Every key there is; all are required.
const KEYS: [&str; 4] = ["endpoint", "ca", "certificate", "key"];

/// Reads a variable of the environment.
pub type Variable = Arc<dyn Fn(&str) -> Option<OsString> + Send + Sync>;

/// A context's values; paths are resolved against the folder of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Address of the form `https://host:port`.
    pub endpoint: String,
    /// PEM file of the authorities that may vouch for the cluster.
    pub ca: PathBuf,
    /// PEM file of the caller's certificate chain.
    pub certificate: PathBuf,
    /// PEM file of its key.
    pub key: PathBuf,
}

/// Where a context stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spot {
    /// In a file of its own.
    File(PathBuf),
    /// In the book, under this name.
    Named(String),
}

/// The folder of settings, if the environment names one.
pub fn folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let settings = set(&variable, "XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || set(&variable, "HOME").map(|home| PathBuf::from(home).join(".config"));
    settings.or_else(home).map(|path| path.join(FOLDER))
}

/// A variable's value. Set to nothing means not set, as the XDG specification has it for its own variables.
pub fn set(variable: impl Fn(&str) -> Option<OsString>, name: &str) -> Option<OsString> {
    variable(name).filter(|value| !value.is_empty())
}

/// Finds the context: `named` by the command line, else by the environment, else the book's current one, else the file in the
/// folder of settings. A word without `.` and `/` is a name, and a path only if the book does not know it.
///
/// # Errors
/// [`Error::NoContext`] with the places looked at, [`Error::ContextUnknown`]. A file that was named is not looked for: reading
/// it tells.
pub fn find(
    named: Option<&Path>,
    variable: impl Fn(&str) -> Option<OsString>,
    book: &Book,
    exists: impl Fn(&Path) -> bool,
) -> Result<Spot, Error> {
    let word = named.map(Path::to_owned).or_else(|| set(&variable, VARIABLE).map(PathBuf::from));
    if let Some(word) = word {
        let Some(name) = word.to_str().filter(|name| book::is_name(name)) else {
            return Ok(Spot::File(word));
        };
        return match book.get(name) {
            Some(_) => Ok(Spot::Named(name.to_owned())),
            None if exists(&word) => Ok(Spot::File(word)),
            None => Err(book.unknown(name)),
        };
    }
    if let Some(current) = &book.current {
        return Ok(Spot::Named(current.clone()));
    }
    let looked: Vec<PathBuf> = folder(&variable).map(|folder| folder.join(FILE)).into_iter().collect();
    match looked.iter().find(|path| exists(path)) {
        Some(path) => Ok(Spot::File(path.clone())),
        None => Err(Error::NoContext { looked }),
    }
}

/// The settings that stand there.
///
/// # Errors
/// What is wrong with the file, with the line.
pub fn settings(spot: &Spot, book: &Book) -> Result<Settings, Error> {
    match spot {
        Spot::File(path) => read(path),
        Spot::Named(name) => match book.get(name) {
            Some(book::Entry::Settings(settings)) => Ok(settings.clone()),
            Some(book::Entry::File(path)) => read(path),
            None => Err(book.unknown(name)),
        },
    }
}

/// Reads a context file.
///
/// # Errors
/// What is wrong with it, with the line.
pub fn read(path: &Path) -> Result<Settings, Error> {
    parse(path, &inputs::text("context file", path, CONTEXT_FILE_MAX_BYTES)?)
}

/// Reads the files that the settings name.
///
/// # Errors
/// What is wrong with which of them.
pub fn load(settings: Settings) -> Result<Context, Error> {
    Ok(Context {
        ca: inputs::bytes("CA file", &settings.ca, PEM_FILE_MAX_BYTES)?,
        cert: inputs::bytes("certificate file", &settings.certificate, PEM_FILE_MAX_BYTES)?,
        key: inputs::private("key file", &settings.key, PEM_FILE_MAX_BYTES)?,
        endpoint: settings.endpoint,
    })
}

/// Reads the text of the context file at `path`.
///
/// # Errors
/// `ContextSyntax`, `ContextKey`, `ContextValue` or `ContextLacks`.
pub fn parse(path: &Path, text: &str) -> Result<Settings, Error> {
    let page = Page { path, text };
    let table = page.table()?;
    page.settings(page.texts(&table, KEYS)?)
}

/// A text that is read, and where it stands.
#[derive(Debug, Clone, Copy)]
struct Page<'a> {
    path: &'a Path,
    text: &'a str,
}

impl<'a> Page<'a> {
    fn line_at(&self, offset: usize) -> usize {
        self.text.as_bytes()[..offset.min(self.text.len())].iter().filter(|b| **b == b'\n').count() + 1
    }

    fn table(&self) -> Result<DeTable<'a>, Error> {
        let table = DeTable::parse(self.text).map_err(|error| Error::ContextSyntax {
            path: self.path.to_owned(),
            line: error.span().map_or(1, |span| self.line_at(span.start)),
            problem: error.message().lines().next().unwrap_or("this is no toml").to_owned(),
        })?;
        Ok(table.into_inner())
    }

    /// The texts of a table that may have these keys and no others.
    fn texts<const N: usize>(
        &self,
        table: &DeTable<'a>,
        keys: [&'static str; N],
    ) -> Result<[Option<String>; N], Error> {
        let mut values = [const { None }; N];
        for (key, value) in table {
            let name: &str = key.get_ref();
            let line = self.line_at(key.span().start);
            let Some(at) = keys.iter().position(|known| *known == name) else {
                return Err(self.stray(name, line, &keys));
            };
            let DeValue::String(text) = value.get_ref() else {
                return Err(Error::ContextValue { path: self.path.to_owned(), line, key: name.to_owned() });
            };
            values[at] = Some(text.clone().into_owned());
        }
        Ok(values)
    }

    fn stray(&self, name: &str, line: usize, keys: &[&'static str]) -> Error {
        Error::ContextKey {
            path: self.path.to_owned(),
            line,
            key: name.to_owned(),
            nearest: nearest(name, keys.iter().copied()),
            keys: keys.to_vec(),
        }
    }

    fn settings(&self, values: [Option<String>; 4]) -> Result<Settings, Error> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let [endpoint, ca, certificate, key] = values;
        let needed = |value: Option<String>, key| {
            let lacks = || Error::ContextLacks { path: self.path.to_owned(), key };
            value.filter(|text| !text.is_empty()).ok_or_else(lacks)
        };
        let file = |value, key| needed(value, key).map(|name| folder.join(name));
        Ok(Settings {
            endpoint: needed(endpoint, "endpoint")?,
            ca: file(ca, "ca")?,
            certificate: file(certificate, "certificate")?,
            key: file(key, "key")?,
        })
    }
}

/// The word that is likely meant by `wrong`.
pub fn nearest<'k>(wrong: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    // A word of three letters is two edits from almost any other; letters that changed places are one.
    let near = |known: &str| SUGGESTION_MAX_EDITS.min(known.len() / 2 + 1).min(wrong.len());
    let ranked = known
        .map(|known| (strsim::damerau_levenshtein(wrong, known), known))
        .filter(|(edits, known)| *edits < near(known));
    ranked.min().map(|(_, known)| known)
}

#[cfg(test)]
mod tests;
