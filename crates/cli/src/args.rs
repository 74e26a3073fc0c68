//! The command line: what holds for every command, and the noun.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::limits::TIMEOUT_MAX_SECONDS;
use crate::output::Format;
use crate::verbs::Noun;

/// What exit codes mean, for `--help`.
const AFTER: &str = "Exit codes: 0 done; 1 the answer is no, some entries failed, or it was stopped; 2 arguments, files or the \
context are wrong; 3 refused by the cluster; 4 unreachable or too late; 5 whether it was done is unknown.";

/// Head of the options that every command has.
const EVERYWHERE: &str = "Options of every command";

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

/// Commands for a bascule cluster: buses, rules, targets, queues and events, and who may do what.
#[derive(Debug, Parser)]
#[command(name = "bascule", version, after_help = AFTER, disable_help_subcommand = true)]
pub struct Arguments {
    /// How answers are written
    #[arg(short, long, global = true, help_heading = EVERYWHERE, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
    /// Context by its name, or a file that says where the cluster is and as whom to ask [default: $BASCULE_CONTEXT, else the
    /// context in use, else bascule/context.toml in the folder of settings]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "NAME|FILE")]
    pub context: Option<PathBuf>,
    /// File with the token of a role's session, as whose role to ask; only you may read it [default: $BASCULE_SESSION_TOKEN holds the
    /// token itself; without either you ask as the certificate says]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    pub session_token_file: Option<PathBuf>,
    /// How long a call may take, 1 to 60 [default: 10 for each attempt, 30 in all]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=TIMEOUT_MAX_SECONDS))]
    pub timeout: Option<u64>,
    /// When to colour
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    #[command(subcommand)]
    pub noun: Noun,
}

/// What must be known even when the command line as a whole makes no sense: how to say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance {
    /// The format asked for.
    pub format: Format,
    /// The colouring asked for.
    pub color: Color,
}

/// Looks for `--output` and `--color` alone.
pub fn glance(arguments: &[OsString]) -> Glance {
    let mut glance = Glance { format: Format::Table, color: Color::Auto };
    let words: Vec<&str> = arguments.iter().skip(1).map(|word| word.to_str().unwrap_or_default()).collect();
    for (at, word) in words.iter().enumerate() {
        let next = words.get(at + 1).copied().unwrap_or_default();
        let (name, value) = match (word.split_once('='), word.strip_prefix("-o")) {
            (Some((name, value)), _) => (name, value),
            (None, Some(value)) if !value.is_empty() => ("-o", value),
            _ => (*word, next),
        };
        match name {
            "--" => break,
            "-o" | "--output" => {
                // The last one counts, as for the parser itself.
                glance.format = Format::from_str(value, true).unwrap_or(glance.format);
            }
            "--color" => glance.color = Color::from_str(value, true).unwrap_or(glance.color),
            _ => {}
        }
    }
    glance
}

/// Whether to colour a stream.
pub fn coloured(color: Color, is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            // https://no-color.org: set and not empty.
            let no_color = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
            is_terminal && !no_color && variable("TERM").is_none_or(|term| term != "dumb")
        }
    }
}

#[cfg(test)]
mod tests;
