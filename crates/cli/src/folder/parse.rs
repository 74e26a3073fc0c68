//! A file's text to a document; what is wrong is told with its line, and with the key that may have been meant.

use std::path::Path;

use serde_saphyr::Error as Yaml;

use crate::context::nearest;
use crate::error::Error;
use crate::folder::document::Document;

/// Reads the text of the file at `path`. References to files are resolved against its folder.
///
/// # Errors
/// [`Error::Folder`]; no value of the file is repeated.
pub fn document(path: &Path, text: &str) -> Result<Document, Error> {
    let options = serde_saphyr::options! { with_snippet: false };
    let mut document: Document =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| refused(path, error.without_snippet()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    for connection in &mut document.connections {
        if let Err(problem) = connection.check() {
            // The text that was read has no places any more: its name tells where it begins.
            let named = |line: &str| line.contains("Name:") && line.contains(connection.name.as_str());
            let line = text.lines().position(named).map_or(1, |at| at as u64 + 1);
            let hint = "`bascule export DIR` shows how such files look".to_owned();
            return Err(Error::Folder { path: path.to_owned(), line, problem, hint });
        }
        for (_, reference) in connection.secrets_mut() {
            reference.settle(folder);
        }
    }
    Ok(document)
}

fn refused(path: &Path, error: &Yaml) -> Error {
    let line = error.location().map_or(1, |location| location.line()).max(1);
    let all = |words: &[&str]| format!("`{}`", words.join("`, `"));
    let text = error.to_string();
    let (problem, hint) = match error {
        Yaml::SerdeUnknownField { field, expected, .. } => {
            let hint = match nearest(field, expected.iter().copied()) {
                Some(nearest) => format!("did you mean `{nearest}`? the keys here are {}", all(expected)),
                None => format!("remove it; the keys here are {}", all(expected)),
            };
            (format!("there is no key `{field}` here"), hint)
        }
        Yaml::SerdeMissingField { field, .. } => (format!("`{field}` is missing"), format!("add `{field}`")),
        Yaml::SerdeInvalidType { expected, .. } | Yaml::SerdeInvalidValue { expected, .. } => {
            ("a value is of the wrong type".to_owned(), format!("give {expected}"))
        }
        Yaml::DuplicateMappingKey { .. } => {
            ("a key is there twice in one mapping".to_owned(), "keep one of them".to_owned())
        }
        // Its first line; a place is told already.
        _ => {
            let first = text.lines().next().unwrap_or_default();
            let problem = first
                .split_once(": there is no choice")
                .map_or(first.to_owned(), |(_, rest)| format!("there is no choice{rest}"));
            (problem, "mend this line; `bascule export DIR` shows how such files look".to_owned())
        }
    };
    Error::Folder { path: path.to_owned(), line, problem, hint }
}
