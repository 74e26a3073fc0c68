//! The configuration: defaults, then a file, then the environment, then flags; read whole, with every error at once.
//!
//! In: the text of a file, the variables of the environment, flags.
//! Out: settings that are known to be sound, or all that is wrong with them, each with its place.
//! Never: a key that nobody knows passed over, a file other than the configuration opened, a secret.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

pub mod keys;
pub mod layers;
pub mod page;
pub mod register;
pub mod schema;
pub mod settings;
pub mod told;

use crate::limits::CONFIG_LIMIT_BYTES;
use layers::Values;
pub use settings::Settings;

/// Where packages put the configuration file.
pub const USUAL: &str = "/etc/bascule/basculed.toml";

/// What has no default and still says nothing about a machine: presumed where a machine is looked at without a file.
pub const PRESUMED: [(&str, &str); 2] = [("node.region", "us-east-1"), ("node.account", "000000000000")];

/// Where a value was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A line of a file.
    Line(PathBuf, usize),
    /// A file as a whole.
    File(PathBuf),
    /// A variable of the environment.
    Variable(String),
    /// A flag of the command line.
    Flag(String),
    /// Nowhere.
    Unsaid,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(path, line) => write!(out, "{}:{line}", path.display()),
            Self::File(path) => write!(out, "{}", path.display()),
            Self::Variable(name) => write!(out, "environment {name}"),
            Self::Flag(text) => write!(out, "flag {text}"),
            Self::Unsaid => out.write_str("configuration"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.place, self.text)
    }
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct Refused(pub Vec<Problem>);

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Who says what, beside the defaults.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// What a verb presumes, below everything else.
    pub presumed: Vec<(&'static str, String)>,
    /// The file.
    pub file: Option<PathBuf>,
    /// The environment; only what begins with [`keys::PREFIX`] is looked at.
    pub variables: Vec<(String, String)>,
    /// `section.key=value`.
    pub flags: Vec<String>,
    /// Keys whose defaults do not hold for a verb: they have a value only where somebody says one.
    pub omitted: Vec<&'static str>,
    /// What a verb decides itself: whoever says something else is refused.
    pub decided: Vec<(&'static str, String)>,
}

/// Reads all sources.
///
/// # Errors
/// [`Refused`] with everything that is wrong.
pub fn read(sources: &Sources) -> Result<Settings, Refused> {
    settings_of(gather(sources))
}

/// Whether anybody says anything about a key, beside a verb's presumption.
#[must_use]
pub fn says(sources: &Sources, name: &str) -> bool {
    gather(sources).said(name).is_some_and(|(_, place)| *place != Place::Unsaid)
}

/// Everything that was said, with what is wrong with it so far.
fn gather(sources: &Sources) -> Values {
    let mut values = Values::default();
    values.preset(&sources.presumed);
    if let Some(path) = &sources.file {
        match text_of(path) {
            Ok(text) => values.file(path, &text),
            Err(text) => values.problem(Place::File(path.clone()), text),
        }
    }
    values.variables(&sources.variables);
    values.flags(&sources.flags);
    values.decide(&sources.decided);
    values.omit(&sources.omitted);
    values
}

fn settings_of(values: Values) -> Result<Settings, Refused> {
    settings::build(values).map_err(|mut refused| {
        refused.0.sort_by_key(|problem| match problem.place {
            Place::Line(_, line) => (0, line),
            _ => (1, 0),
        });
        refused
    })
}

fn text_of(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| format!("it cannot be read: {error}"))?;
    let read = file.take(CONFIG_LIMIT_BYTES + 1).read_to_string(&mut text);
    read.map_err(|error| format!("it cannot be read: {error}"))?;
    if text.len() as u64 > CONFIG_LIMIT_BYTES {
        return Err(format!("it is larger than {CONFIG_LIMIT_BYTES} bytes"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
