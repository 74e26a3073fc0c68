//! The book of named contexts: a file in the folder of settings, written by `bascule context`.
//!
//! In: the file's text, names.
//! Out: a context by its name, the file's text after a change.
//! Never: a key or certificate in the file: it holds their paths.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use toml::de::DeValue;

use crate::context::{KEYS, Page, Settings, nearest};
use crate::error::Error;
use crate::inputs;
use crate::limits::{CONTEXT_FILE_MAX_BYTES, CONTEXT_NAME_MAX_CHARS};

/// The file's name within the folder of settings.
pub const FILE: &str = "contexts.toml";
/// What stands at the file's head.
const HEAD: &str = "# Written by `bascule context`; notes of your own would be lost.\n";
/// What an entry may say.
const ENTRY_KEYS: [&str; 5] = ["file", KEYS[0], KEYS[1], KEYS[2], KEYS[3]];

/// A named context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// What its own file says, whenever it is used.
    File(PathBuf),
    /// These settings.
    Settings(Settings),
}

/// The contexts by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Book {
    /// The one that is used unless another is named.
    pub current: Option<String>,
    entries: BTreeMap<String, Entry>,
}

/// Whether a word can name a context: paths have a `.` or `/`, names have neither.
pub fn is_name(word: &str) -> bool {
    (1..=CONTEXT_NAME_MAX_CHARS).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

impl Book {
    /// Reads the book of this folder; one that is not there is empty.
    ///
    /// # Errors
    /// What is wrong with the file, with the line.
    pub fn read(folder: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = folder.map(|folder| folder.join(FILE)) else {
            return Ok(Self::default());
        };
        match inputs::text("file of contexts", &path, CONTEXT_FILE_MAX_BYTES) {
            Ok(text) => Self::parse(&path, &text),
            Err(Error::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let page = Page { path, text };
        let mut book = Self::default();
        for (key, value) in &page.table()? {
            let (name, line) = (key.get_ref().as_ref(), page.line_at(key.span().start));
            match (name, value.get_ref()) {
                ("current", DeValue::String(current)) => book.current = Some(current.clone().into_owned()),
                ("context", DeValue::Table(contexts)) => {
                    for (name, entry) in contexts {
                        let line = page.line_at(name.span().start);
                        let name: &str = name.get_ref();
                        let wrong = || Error::ContextValue { path: path.to_owned(), line, key: name.to_owned() };
                        let DeValue::Table(entry) = entry.get_ref() else { return Err(wrong()) };
                        let [file, settings @ ..] = page.texts(entry, ENTRY_KEYS)?;
                        let entry = match file {
                            Some(file) => Entry::File(path.parent().unwrap_or(Path::new("")).join(file)),
                            None => Entry::Settings(page.settings(settings)?),
                        };
                        book.entries.insert(name.to_owned(), entry);
                    }
                }
                ("current" | "context", _) => {
                    return Err(Error::ContextValue { path: path.to_owned(), line, key: name.to_owned() });
                }
                _ => return Err(page.stray(name, line, &["current", "context"])),
            }
        }
        Ok(book)
    }

    /// The context of that name.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// The contexts in the order of their names.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// Writes a context down; the first one becomes the current one.
    pub fn put(&mut self, name: &str, entry: Entry) {
        self.entries.insert(name.to_owned(), entry);
        self.current.get_or_insert_with(|| name.to_owned());
    }

    /// Strikes a context out; answers whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        if self.current.as_deref() == Some(name) {
            self.current = None;
        }
        self.entries.remove(name).is_some()
    }

    /// There is no context of that name.
    pub fn unknown(&self, name: &str) -> Error {
        Error::ContextUnknown {
            name: name.to_owned(),
            nearest: nearest(name, self.entries.keys().map(String::as_str)).map(str::to_owned),
            known: self.entries.keys().cloned().collect(),
        }
    }

    /// The file's text.
    fn text(&self) -> String {
        let mut text = HEAD.to_owned();
        let quoted = |value: &str| toml::Value::String(value.to_owned()).to_string();
        let path = |path: &Path| quoted(&path.to_string_lossy());
        // Writing to a text cannot fail.
        if let Some(current) = &self.current {
            let _ = writeln!(text, "current = {}", quoted(current));
        }
        for (name, entry) in &self.entries {
            let _ = writeln!(text, "\n[context.{}]", quoted(name));
            let _ = match entry {
                Entry::File(file) => writeln!(text, "file = {}", path(file)),
                Entry::Settings(it) => writeln!(
                    text,
                    "endpoint = {}\nca = {}\ncertificate = {}\nkey = {}",
                    quoted(&it.endpoint),
                    path(&it.ca),
                    path(&it.certificate),
                    path(&it.key)
                ),
            };
        }
        text
    }

    /// Writes the book into its folder, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Unwritable`].
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join(FILE);
        let unwritable = |source| Error::Unwritable { what: "file of contexts", path: path.clone(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unwritable)?;
        let next = folder.join(format!("{FILE}.{}.next", std::process::id()));
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&next);
        let written = file.and_then(|mut file| {
            file.write_all(self.text().as_bytes())?;
            file.sync_all()
        });
        written.and_then(|()| fs::rename(&next, &path)).map_err(unwritable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_reads_back_as_written() {
        let mut book = Book::default();
        book.put("dev", Entry::File("/home/me/my \"bus\"/context.toml".into()));
        let settings = Settings {
            endpoint: "https://a:1".into(),
            ca: "/ca.pem".into(),
            certificate: "/c.pem".into(),
            key: "/k.pem".into(),
        };
        book.put("prod", Entry::Settings(settings));
        assert_eq!(book.current.as_deref(), Some("dev"));
        assert_eq!(Book::parse(Path::new("/x/contexts.toml"), &book.text()).unwrap(), book);
        assert!(book.remove("dev") && !book.remove("dev") && book.current.is_none());
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        assert_eq!(Book::read(Some(&inner)).unwrap(), Book::default());
        book.write(&inner).unwrap();
        assert_eq!(Book::read(Some(&inner)).unwrap(), book);
        assert_eq!(fs::read_dir(&inner).unwrap().count(), 1);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let rows = [
            ("curent = \"a\"", "`/x` line 1: there is no key `curent`"),
            ("current = 1", "`/x` line 1: `current` is no text"),
            ("\n[context.a]\nfiel = \"x\"", "`/x` line 3: there is no key `fiel`"),
            ("[context]\na = 1", "`/x` line 2: `a` is no text"),
            ("[context.a]\nendpoint = \"x\"", "`/x` lacks `ca`"),
        ];
        for (text, expected) in rows {
            assert_eq!(Book::parse(Path::new("/x"), text).unwrap_err().to_string(), expected);
        }
        for (word, expected) in [("a-B_1", true), ("a.b", false), ("a/b", false), ("", false), ("ä", false)] {
            assert_eq!(is_name(word), expected, "{word}");
        }
    }
}
