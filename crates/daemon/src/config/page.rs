//! The page of all settings, made from the register: docs/configuration.md.

use std::fmt::Write as _;

use crate::config::keys::{Applies, Key, Kind, Unsaid};
use crate::config::register::{KEYS, SECTIONS};

const HEAD: &str = "\
# Every setting

Made by `basculed config docs` from the table that the daemon reads by; a test holds this page against it.

A value holds in this order: the default, the file (`--config FILE`), the environment, a flag (`--set section.key=value`). Lists
have commas between their items in the environment and in flags. A relative path is taken from the file's folder. A key or a
`BASCULE__` variable that nobody knows is refused.

`basculed check --config FILE` says all that is wrong, `basculed config print --config FILE` every value that holds and which layer
said it, and `basculed config schema` the same table as JSON Schema (config/basculed.schema.json), for editors.

*Counts* says when a change is taken over: at a **reload** (SIGHUP, `systemctl reload basculed`), at the next **start**, when
certificates are **issued** (`basculed init`, `basculed renew`), or **never** after `init`, since it is part of what the cluster is.
";

/// The page.
#[must_use]
pub fn page() -> String {
    let mut text = HEAD.to_owned();
    for (section, about) in SECTIONS {
        // Writing to a text does not fail.
        let _ = write!(text, "\n## [{section}]\n\n{about}\n");
        for key in KEYS.iter().filter(|key| key.parts().0 == *section) {
            text += &entry(key);
        }
    }
    text
}

fn entry(key: &Key) -> String {
    let unit = if key.unit.is_empty() { String::new() } else { format!(", in {}", key.unit) };
    format!(
        "\n### {}\n\n{}\n\n| type | default | environment | counts |\n|---|---|---|---|\n| {}{unit} | {} | `{}` | {} |\n",
        key.name,
        key.about,
        kind(key.kind),
        default(key),
        key.variable(),
        applies(key.applies)
    )
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Path => "path".to_owned(),
        Kind::Address => "`address:port`".to_owned(),
        Kind::Count(least, u64::MAX) => format!("whole number from {least}"),
        Kind::Count(least, most) => format!("whole number, {least} to {most}"),
        Kind::Flag => "`true` or `false`".to_owned(),
        Kind::Texts => "list of texts".to_owned(),
        Kind::Paths => "list of paths".to_owned(),
        Kind::OneOf(words) => format!("one of `{}`", words.join("`, `")),
    }
}

fn default(key: &Key) -> String {
    match (key.unsaid, key.kind) {
        (Unsaid::Refused, _) => "must be set".to_owned(),
        (Unsaid::Nothing, _) => "unset".to_owned(),
        (Unsaid::Is(""), _) => "empty".to_owned(),
        (Unsaid::Is(text), Kind::Texts | Kind::Paths) => format!("`{}`", text.replace(',', "`, `")),
        (Unsaid::Is(text), _) => format!("`{text}`"),
    }
}

const fn applies(applies: Applies) -> &'static str {
    match applies {
        Applies::Reload => "reload",
        Applies::Start => "start",
        Applies::Issue => "issued",
        Applies::Life => "never",
    }
}
