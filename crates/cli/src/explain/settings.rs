//! What is wrong with contexts, and with folders of settings.

use std::path::Path;

use crate::error::Error;
use crate::explain::{Exit, Explanation};

/// Explains what is wrong with the context file.
pub(super) fn context(error: &Error) -> Explanation {
    let invalid = |why: &str, hint: String| Explanation::here("CONTEXT_INVALID", error.to_string(), why, hint);
    let all = |words: &[&str]| match words {
        [before @ .., last] if !before.is_empty() => format!("`{}` and `{last}`", before.join("`, `")),
        words => format!("`{}`", words.join("`, `")),
    };
    match error {
        Error::NoContext { looked } => {
            let places: Vec<String> = looked.iter().map(|path| format!("`{}`", path.display())).collect();
            let why = match places.is_empty() {
                true => "neither `--context`, `BASCULE_CONTEXT`, `XDG_CONFIG_HOME` nor `HOME` is set".to_owned(),
                false => format!("looked for {}", places.join(", ")),
            };
            let hint = "name one with `--context` or `BASCULE_CONTEXT`, or keep it with `bascule context add NAME --file PATH`; `basculed dev` \
                writes one";
            Explanation::here("CONTEXT_NOT_FOUND", error.to_string(), why, hint)
        }
        Error::ContextUnknown { nearest, known, .. } => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let why = match known.is_empty() {
                true => "no context has a name yet".to_owned(),
                false => format!("the names are {}", all(&known)),
            };
            let hint = match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => "`bascule context add NAME --file PATH` adds one; a path has a `.` or `/` in it".to_owned(),
            };
            Explanation::here("CONTEXT_NOT_FOUND", error.to_string(), why, hint)
        }
        Error::ContextKey { nearest, keys, .. } => {
            let keys = format!("the keys are {}", all(keys));
            let hint = match nearest {
                Some(nearest) => format!("did you mean `{nearest}`? {keys}"),
                None => format!("remove it; {keys}"),
            };
            invalid("a key that means nothing is mostly a mistyped one", hint)
        }
        Error::ContextValue { .. } => invalid("", "put the value between double quotes".to_owned()),
        Error::ContextLacks { key, .. } => invalid(
            "all four keys are needed",
            format!("add `{key}`; the keys are {}", all(&["endpoint", "ca", "certificate", "key"])),
        ),
        _ => invalid("", "write lines of the form `endpoint = \"https://localhost:6470\"`".to_owned()),
    }
}

/// Explains that a file with a key or token can be read by others, `what` being the one or the other.
pub(super) fn open(error: &Error, what: &str, path: &Path) -> Explanation {
    let close = format!("`chmod 600 {}`; if others could read it,", path.display());
    let (code, why, hint) = match what {
        "key file" => (
            "KEY_FILE_OPEN",
            "whoever can read the key can do all that its owner may",
            format!("{close} get a new certificate"),
        ),
        _ => (
            "TOKEN_FILE_OPEN",
            "whoever can read the token, and calls with the same certificate, is the role",
            format!("{close} `bascule role revoke-sessions NAME` ends the role's sessions"),
        ),
    };
    Explanation::here(code, error.to_string(), why, hint)
}

/// Explains what is wrong with a folder of settings, or with what it is to bring about.
pub(super) fn folder(error: &Error) -> Explanation {
    let here = |code, why: String, hint: &str| Explanation::here(code, error.to_string(), why, hint);
    match error {
        Error::SecretsMissing { missing } => {
            let needs = |(connection, name): &(String, String)| format!("connection `{connection}` needs `{name}`");
            let each: Vec<String> = missing.iter().map(needs).collect();
            let hint = "set these variables, or name a file with `{File: PATH}`; nothing was done";
            here("SECRET_MISSING", each.join(", "), hint)
        }
        Error::EntryFailed { message, .. } => {
            here("ENTRY_FAILED", message.clone(), "mend what is named and try again").ending(Exit::Refused)
        }
        Error::SecretVariable { .. } => here("SECRET_UNUSABLE", String::new(), "put the secret alone into it"),
        Error::Unchangeable { .. } => here(
            "UNCHANGEABLE",
            "it can only be deleted and created anew".to_owned(),
            "delete it first, or leave those settings as they are; nothing was done",
        ),
        Error::Folder { hint, .. } => here("FOLDER_INVALID", String::new(), hint),
        _ => here("FOLDER_INVALID", String::new(), "`bascule export DIR` shows how such files look"),
    }
}
