//! The `bascule` command, run as its users run it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::Outcome;
use crate::binaries::Program;
use crate::daemon::Daemon;

/// What a command said.
#[derive(Debug, Clone)]
pub struct Said {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub output: String,
    /// Its standard error.
    pub errors: String,
}

/// Runs `bascule WORDS` as the daemon's operator, with answers in JSON.
///
/// # Errors
/// It cannot be started.
pub fn run(daemon: &Daemon, words: &[&str]) -> Outcome<Said> {
    run_by(&daemon.context_path(), words)
}

/// The same as whoever this context file is of.
///
/// # Errors
/// As [`run`].
pub fn run_by(context: &Path, words: &[&str]) -> Outcome<Said> {
    let mut command = Command::new(Program::Command.find()?);
    command.args(words).arg("--output").arg("json").env("BASCULE_CONTEXT", context);
    let done = command.output().context("`bascule` cannot be started")?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Said { code: done.status.code(), output: text(done.stdout), errors: text(done.stderr) })
}

/// Runs it, sees that it succeeds, and gives its answer.
///
/// # Errors
/// It failed, or answered no JSON.
pub fn ask(daemon: &Daemon, words: &[&str]) -> Outcome<Value> {
    let said = run(daemon, words)?;
    ensure!(said.code == Some(0), "`bascule {}` ended with {:?}: {}", words.join(" "), said.code, said.errors);
    serde_json::from_str(&said.output).with_context(|| said.output.clone())
}
