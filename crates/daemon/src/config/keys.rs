//! The register of every key that a configuration may have: what it is, its unit, its default and its bounds.

use crate::limits::{
    CALLS_DEFAULT_COUNT, CONNECTIONS_DEFAULT_COUNT, GROUPS_LIMIT_COUNT, STOP_DEFAULT_MS, UNCONFIRMED_LIMIT_DELIVERIES,
};

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

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// `section.key`.
    pub name: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// What holds otherwise.
    pub unsaid: Unsaid,
}

impl Key {
    const fn new(name: &'static str, kind: Kind, unsaid: Unsaid) -> Self {
        Self { name, kind, unsaid }
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

use Kind::{Address, Count, Flag, OneOf, Path, Paths, Text, Texts};
use Unsaid::{Is, Nothing, Refused};

/// Every key; config/basculed.toml says what each means.
pub const KEYS: &[Key] = &[
    Key::new("node.data", Path, Is("/var/lib/bascule")),
    Key::new("node.id", Count(1, u64::MAX), Is("1")),
    Key::new("node.zone", Text, Is("zone-1")),
    Key::new("node.region", Text, Refused),
    Key::new("node.account", Text, Refused),
    Key::new("node.partition", Text, Is("aws")),
    Key::new("node.groups", Count(1, GROUPS_LIMIT_COUNT), Is("12")),
    Key::new("listen.grpc", Address, Is("127.0.0.1:6470")),
    Key::new("listen.admin", Address, Is("127.0.0.1:6472")),
    Key::new("listen.admin_exposed", Flag, Is("false")),
    Key::new("tls.folder", Path, Is("/etc/bascule/pki")),
    Key::new("tls.names", Texts, Is("localhost,127.0.0.1,::1")),
    Key::new("tls.certificate", Path, Nothing),
    Key::new("tls.key", Path, Nothing),
    Key::new("tls.authorities", Path, Nothing),
    Key::new("tls.crls", Paths, Is("")),
    Key::new("tls.operators", Texts, Is("")),
    Key::new("keys.root", Path, Is("/etc/bascule/keys/root.key")),
    Key::new("storage.compress_tables", Flag, Is("true")),
    Key::new("limits.connections", Count(1, 1_000_000), Is(CONNECTIONS_DEFAULT_COUNT)),
    Key::new("limits.calls", Count(1, 1_000_000), Is(CALLS_DEFAULT_COUNT)),
    Key::new("limits.stop_ms", Count(1_000, 600_000), Is(STOP_DEFAULT_MS)),
    Key::new("delivery.max_unconfirmed_deliveries", Count(1, UNCONFIRMED_LIMIT_DELIVERIES), Is("1024")),
    Key::new("delivery.allow_private", Texts, Is("")),
    Key::new("delivery.roots", Path, Nothing),
    Key::new("delivery.log_folder", Path, Nothing),
    Key::new("log.level", OneOf(&["error", "warn", "info", "debug", "trace"]), Is("info")),
    Key::new("log.format", OneOf(&["auto", "json", "text"]), Is("auto")),
    Key::new("raft.heartbeat_ms", Count(10, 60_000), Is("150")),
    Key::new("raft.election_min_ms", Count(20, 120_000), Is("500")),
    Key::new("raft.election_max_ms", Count(30, 240_000), Is("900")),
    Key::new("raft.start_limit_ms", Count(1_000, 3_600_000), Is("60000")),
];

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
    fn names_are_sections_with_keys_and_stand_once() {
        for (at, key) in KEYS.iter().enumerate() {
            let (section, name) = key.parts();
            let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(word(section) && word(name) && !name.contains("__"), "{}", key.name);
            assert!(KEYS[at + 1..].iter().all(|other| other.name != key.name), "{} stands twice", key.name);
        }
    }

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
