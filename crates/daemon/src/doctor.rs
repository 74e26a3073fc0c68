//! `doctor`: looks at machine, disk, files, certificates and ports as a node will find them, and says what to do.
//!
//! In: a configuration, the system; before the installation, with the daemon down, or beside a running one.
//! Out: a text or a JSON document on the standard output, and an exit code.
//! Never: anything changed, a running daemon held up, a secret or what an event says.

pub mod finding;
pub mod judge;
pub mod read;
pub mod readings;

use std::sync::Arc;

use crate::ambient::System;
use crate::config::{self, Sources};
use crate::error::{EXIT_CONFIG, Error};
use crate::ground::Air;
use finding::{Report, Status};
use judge::Asked;
use readings::Configuration;

/// Something fails.
const EXIT_FAIL: u8 = 2;
/// Something could be better, and the command line asks to be told by the exit code.
const EXIT_WARN: u8 = 1;

/// From which verdict on the exit code is not 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FailOn {
    /// From warnings on.
    Warn,
    /// From failures on.
    Fail,
}

/// In which form it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// What the command line says.
#[derive(Debug, Clone)]
pub struct Wish {
    /// What is configured.
    pub sources: Sources,
    /// The form.
    pub form: Form,
    /// When to fail.
    pub fail_on: FailOn,
    /// How early to warn of an expiry.
    pub expiry_seconds: Option<i64>,
}

/// Looks, judges, and gives the text and the exit code.
///
/// # Errors
/// [`Error::System`]: the encoder's.
pub fn doctor(wish: Wish) -> Result<(String, u8), Error> {
    let Wish { sources, form, fail_on, expiry_seconds } = wish;
    let read = config::read(&sources);
    let problems = read.as_ref().err().map(|refused| refused.0.iter().map(ToString::to_string).collect());
    let configuration = Configuration { file: sources.file.clone(), problems: problems.unwrap_or_default() };
    let air = Air { clock: Arc::new(System), entropy: Arc::new(System) };
    let readings = read::read(configuration, read.as_ref().ok(), &air);
    let report = judge::judge(&readings, Asked { expiry_seconds });
    let exit = if read.is_err() { EXIT_CONFIG } else { exit(&report, fail_on) };
    let text = match form {
        Form::Text => report.text(),
        Form::Json => report
            .json(env!("CARGO_PKG_VERSION"))
            .map_err(|error| Error::System { what: "the encoding of the findings", source: error.into() })?,
    };
    Ok((text, exit))
}

fn exit(report: &Report, fail_on: FailOn) -> u8 {
    match (report.verdict(), fail_on) {
        (Status::Fail, _) => EXIT_FAIL,
        (Status::Warn, FailOn::Warn) => EXIT_WARN,
        _ => 0,
    }
}

/// Reads `30d`, `12h`, `90m` or `45s`.
///
/// # Errors
/// What it must be.
pub fn span(text: &str) -> Result<i64, String> {
    let refused = || "must be a whole number with a unit, `s`, `m`, `h` or `d`, for example `30d`".to_owned();
    let unit = text.chars().last().ok_or_else(refused)?;
    let size = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(refused()),
    };
    let count: u32 = text[..text.len() - 1].parse().map_err(|_| refused())?;
    Ok(i64::from(count) * size)
}

#[cfg(test)]
mod tests;
