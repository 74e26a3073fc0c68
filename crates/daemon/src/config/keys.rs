//! What is known about a key: its name, what it is about, its kind with bounds, its unit, its default, and when a change of it counts.

use crate::config::register::KEYS;

/// What a key's value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text that is not empty.
    Text,
    /// A path; a relative one is taken from the folder of the file that names it.
    Path,
    /// `address:port`; port 0 lets the system choose.
    Address,
    /// A whole number within both bounds.
    Count(u64, u64),
    /// `true` or `false`.
    Flag,
    /// Texts, with commas between them where the value is one text.
    Texts,
    /// Paths, in the same way.
    Paths,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// What holds where nobody says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsaid {
    /// This value, written as in the environment.
    Is(&'static str),
    /// No value, which has its own meaning.
    Nothing,
    /// It must be said.
    Refused,
}

/// When a change of a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applies {
    /// At SIGHUP.
    Reload,
    /// At the next start.
    Start,
    /// When certificates are issued: `init` and `renew`.
    Issue,
    /// Never after `init`.
    Life,
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// `section.key`.
    pub name: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// What holds otherwise.
    pub unsaid: Unsaid,
    /// What it is, in whole sentences.
    pub about: &'static str,
    /// What it counts; empty where it counts nothing.
    pub unit: &'static str,
    /// When a change of it counts.
    pub applies: Applies,
}

impl Key {
    /// A key that is read at the start.
    pub const fn new(name: &'static str, kind: Kind, unsaid: Unsaid) -> Self {
        Self { name, kind, unsaid, about: "", unit: "", applies: Applies::Start }
    }

    /// With this explanation.
    pub const fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }

    /// Counting this.
    pub const fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    /// Whose change counts then.
    pub const fn applies(self, applies: Applies) -> Self {
        Self { applies, ..self }
    }

    /// Section and key.
    pub fn parts(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or(("", self.name))
    }

    /// Its variable: `BASCULE__SECTION__KEY`.
    pub fn variable(&self) -> String {
        let (section, key) = self.parts();
        format!("{PREFIX}{}__{}", section.to_ascii_uppercase(), key.to_ascii_uppercase())
    }
}

/// What every variable of the configuration begins with.
pub const PREFIX: &str = "BASCULE__";

/// The key of this name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The name among `known` that is likely meant by `wrong`.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = wrong.to_ascii_lowercase();
    let ranked = known.into_iter().map(|name| (strsim::damerau_levenshtein(&lower, name), name));
    // A word of three letters is two edits from almost any other.
    let near = ranked.filter(|(edits, name)| *edits <= 1 + name.len() / 4 && *edits < name.len());
    near.min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_is_found() {
        let known = ["data", "id", "zone", "max_unconfirmed_deliveries"];
        for (wrong, meant) in [
            ("dta", Some("data")),
            ("Zone", Some("zone")),
            ("zoen", Some("zone")),
            ("max_unconfirmed_delivery", Some("max_unconfirmed_deliveries")),
            ("xy", None),
            ("password", None),
        ] {
            assert_eq!(nearest(wrong, known), meant, "{wrong}");
        }
    }
}
