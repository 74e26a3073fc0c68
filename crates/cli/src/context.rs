//! The context file: where the cluster is and as whom it is asked; found, read and checked.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use bascule_api::client::Context;
use toml::de::{DeTable, DeValue};

use crate::error::Error;
use crate::inputs;
use crate::limits::{CONTEXT_FILE_MAX_BYTES, PEM_FILE_MAX_BYTES, SUGGESTION_MAX_EDITS};

/// The variable that names the file.
pub const VARIABLE: &str = "BASCULE_CONTEXT";
/// The file's place within the folder of settings.
const PLACE: &str = "bascule/context.toml";
/// Every key there is; all are required.
const KEYS: [&str; 4] = ["endpoint", "ca", "certificate", "key"];

/// A context file's values; paths are resolved against its folder.
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

/// Finds the file: `named` by the command line, else by the environment, else in the folder of settings.
///
/// # Errors
/// [`Error::NoContext`] with the places looked at. A file that was named is not looked for: reading it tells.
pub fn find(
    named: Option<&Path>,
    variable: impl Fn(&str) -> Option<OsString>,
    exists: impl Fn(&Path) -> bool,
) -> Result<PathBuf, Error> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    // Set to nothing means not set, as the XDG specification has it for its own variables.
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = set(VARIABLE) {
        return Ok(path);
    }
    let settings = set("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let settings = settings.or_else(|| set("HOME").map(|home| home.join(".config")));
    let looked: Vec<PathBuf> = settings.map(|folder| folder.join(PLACE)).into_iter().collect();
    match looked.iter().find(|path| exists(path)) {
        Some(path) => Ok(path.clone()),
        None => Err(Error::NoContext { looked }),
    }
}

/// Reads a context file and the files that it names.
///
/// # Errors
/// What is wrong with which of them, with the line.
pub fn load(path: &Path) -> Result<Context, Error> {
    let text = inputs::text("context file", path, CONTEXT_FILE_MAX_BYTES)?;
    let settings = parse(path, &text)?;
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
    let line_at = |offset: usize| text.as_bytes()[..offset.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1;
    let table = DeTable::parse(text).map_err(|error| Error::ContextSyntax {
        path: path.to_owned(),
        line: error.span().map_or(1, |span| line_at(span.start)),
        problem: error.message().lines().next().unwrap_or("this is no toml").to_owned(),
    })?;
    let mut values: [Option<String>; 4] = [const { None }; 4];
    for (key, value) in table.get_ref() {
        let name: &str = key.get_ref();
        let line = line_at(key.span().start);
        let Some(at) = KEYS.iter().position(|known| *known == name) else {
            return Err(Error::ContextKey {
                path: path.to_owned(),
                line,
                key: name.to_owned(),
                nearest: nearest(name),
            });
        };
        let DeValue::String(text) = value.get_ref() else {
            return Err(Error::ContextValue { path: path.to_owned(), line, key: name.to_owned() });
        };
        values[at] = Some(text.clone().into_owned());
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let [endpoint, ca, certificate, key] = values;
    let needed = |value: Option<String>, key| {
        value.filter(|text| !text.is_empty()).ok_or_else(|| Error::ContextLacks { path: path.to_owned(), key })
    };
    let file = |value, key| needed(value, key).map(|name| folder.join(name));
    Ok(Settings {
        endpoint: needed(endpoint, "endpoint")?,
        ca: file(ca, "ca")?,
        certificate: file(certificate, "certificate")?,
        key: file(key, "key")?,
    })
}

/// The key that is likely meant by `wrong`.
fn nearest(wrong: &str) -> Option<&'static str> {
    // A word of three letters is two edits from almost any other.
    let near = |known: &str| SUGGESTION_MAX_EDITS.min(known.len() / 2 + 1).min(wrong.len());
    let ranked = KEYS
        .iter()
        .map(|known| (strsim::levenshtein(wrong, known), *known))
        .filter(|(edits, known)| *edits < near(known));
    ranked.min().map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        match parse(Path::new("/etc/b/context.toml"), text) {
            Ok(settings) => format!("{} {}", settings.endpoint, settings.ca.display()),
            Err(error @ Error::ContextKey { .. }) => {
                let hint = crate::explain::explain(&error).hint;
                format!("{error} | {}", hint.split_once("? ").map_or("", |(first, _)| first))
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn files_are_read_or_refused_with_their_line() {
        let rest = "ca = \"ca.pem\"\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n";
        let rows = [
            (format!("endpoint = \"https://a:1\"\n{rest}"), "https://a:1 /etc/b/ca.pem"),
            (
                format!("# mine\n\nendpont = \"https://a:1\"\n{rest}"),
                "`/etc/b/context.toml` line 3: there is no key `endpont` | did you mean `endpoint`",
            ),
            ("cert = \"c.pem\"".to_owned(), "`/etc/b/context.toml` line 1: there is no key `cert` | "),
            (
                "certificat = \"c.pem\"".to_owned(),
                "`/etc/b/context.toml` line 1: there is no key `certificat` | did you mean `certificate`",
            ),
            ("Key = \"c.pem\"".to_owned(), "`/etc/b/context.toml` line 1: there is no key `Key` | did you mean `key`"),
            ("password = \"x\"".to_owned(), "`/etc/b/context.toml` line 1: there is no key `password` | "),
            ("[cluster]\nendpoint = \"x\"".to_owned(), "`/etc/b/context.toml` line 1: there is no key `cluster` | "),
            ("\nendpoint = 6470".to_owned(), "`/etc/b/context.toml` line 2: `endpoint` is no text"),
            (rest.to_owned(), "`/etc/b/context.toml` lacks `endpoint`"),
            (format!("endpoint = \"\"\n{rest}"), "`/etc/b/context.toml` lacks `endpoint`"),
            ("endpoint = \"a\"\nca = \"/x/ca.pem\"\ncertificate = \"c\"\nkey = \"k\"".to_owned(), "a /x/ca.pem"),
            ("endpoint = \"a\"\nca = \"b\"\ncertificate = \"c\"".to_owned(), "`/etc/b/context.toml` lacks `key`"),
        ];
        for (text, expected) in rows {
            assert_eq!(told(&text), expected, "{text}");
        }
        for (text, line) in [("endpoint: https", 1), ("ca = \"a\"\nca = \"b\"", 2), ("ca = \"a\"\n\nkey = \"", 3)] {
            let told = told(text);
            assert!(told.starts_with(&format!("`/etc/b/context.toml` line {line}: ")), "{text}: {told}");
        }
    }

    #[test]
    fn the_file_is_found_in_order() {
        let all = [(VARIABLE, "/env.toml"), ("XDG_CONFIG_HOME", "/xdg"), ("HOME", "/home/me")];
        let xdg = [("XDG_CONFIG_HOME", "/xdg"), ("HOME", "/home/me")];
        let odd = [(VARIABLE, ""), ("XDG_CONFIG_HOME", "relative"), ("HOME", "/home/me")];
        type Row<'a> = (Option<&'a str>, &'a [(&'a str, &'a str)], bool, Result<&'a str, usize>);
        let rows: [Row<'_>; 7] = [
            (Some("/named.toml"), &all, false, Ok("/named.toml")),
            (None, &all, false, Ok("/env.toml")),
            (None, &xdg, true, Ok("/xdg/bascule/context.toml")),
            (None, &xdg, false, Err(1)),
            (None, &odd, true, Ok("/home/me/.config/bascule/context.toml")),
            (None, &odd, false, Err(1)),
            (None, &[], true, Err(0)),
        ];
        for (named, variables, exists, expected) in rows {
            let variable =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
            match (find(named.map(Path::new), variable, |_| exists), expected) {
                (Ok(path), Ok(wanted)) => assert_eq!(path, Path::new(wanted)),
                (Err(Error::NoContext { looked }), Err(count)) => assert_eq!(looked.len(), count, "{looked:?}"),
                (other, _) => panic!("{variables:?}: {other:?}"),
            }
        }
    }
}
