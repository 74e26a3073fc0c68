//! The command line as a newcomer would use it: each command is shown, run, and must succeed.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use bascule_api::client::Context;
use bascule_tests::Outcome;
use bascule_tests::binaries::Program;
use bascule_tests::daemon::Daemon;
use serde_json::Value;

use crate::say;

/// Longest word that is shown whole.
const SHOWN_CHARS: usize = 110;

/// Whether commands are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// With all arguments.
    Yes,
    /// Others like it were shown.
    No,
}

/// `bascule`, as the daemon's operator.
#[derive(Debug)]
pub struct Commands {
    program: PathBuf,
    context: PathBuf,
    folder: PathBuf,
}

/// Writes a line of the result to the standard output.
pub fn told(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

impl Commands {
    /// For this daemon; files are made in `folder`.
    ///
    /// # Errors
    /// There is no program.
    pub fn new(daemon: &Daemon, folder: &Path) -> Outcome<Self> {
        Ok(Self { program: Program::Command.find()?, context: daemon.context_path(), folder: folder.to_owned() })
    }

    /// Runs a command and gives its answer as JSON.
    ///
    /// # Errors
    /// It failed; what it said is in the message.
    pub fn run(&self, words: &[&str], shown: Shown) -> Outcome<Value> {
        if shown == Shown::Yes {
            say(&line(words));
        }
        let text = self.output(&[words, &["-o", "json"]].concat())?;
        serde_json::from_str(&text).with_context(|| format!("`bascule {}` answered `{text}`", words.join(" ")))
    }

    /// Runs a command and shows what it prints for people.
    ///
    /// # Errors
    /// It failed.
    pub fn show(&self, words: &[&str]) -> Outcome {
        say(&line(words));
        let text = self.output(words)?;
        text.lines().for_each(|line| say(&format!("     {line}")));
        Ok(())
    }

    /// Runs a command as somebody else, who must be refused, and shows what they are told.
    ///
    /// # Errors
    /// It succeeded, or could not be run.
    pub fn refused(&self, words: &[&str], context: &Context) -> Outcome<String> {
        let file = |name: &str, bytes: &[u8]| self.file(name, &String::from_utf8_lossy(bytes));
        let (ca, certificate) = (file("other-ca.pem", &context.ca)?, file("other.pem", &context.cert)?);
        let key = self.folder.join("other.key");
        private(&key, &context.key).with_context(|| format!("`{}`", key.display()))?;
        let text = format!(
            "endpoint = \"{}\"\nca = \"{ca}\"\ncertificate = \"{certificate}\"\nkey = \"{}\"\n",
            context.endpoint,
            key.display()
        );
        let path = self.file("other.toml", &text)?;
        say(&format!("{} --context {path}", line(words)));
        let mut command = Command::new(&self.program);
        command.args(words).args(["--context", &path]).stdin(Stdio::null());
        let output = command.output().with_context(|| format!("`{}` cannot be run", self.program.display()))?;
        ensure!(!output.status.success(), "`bascule {}` was let", words.join(" "));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        said.lines().for_each(|line| say(&format!("     {line}")));
        Ok(said)
    }

    /// Writes a file for a command to read; gives its path.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn file(&self, name: &str, text: &str) -> Outcome<String> {
        let path = self.folder.join(name);
        fs::write(&path, text).with_context(|| format!("`{}`", path.display()))?;
        Ok(path.display().to_string())
    }

    fn output(&self, words: &[&str]) -> Outcome<String> {
        let mut command = Command::new(&self.program);
        command.args(words).env("BASCULE_CONTEXT", &self.context).stdin(Stdio::null());
        let output = command.output().with_context(|| format!("`{}` cannot be run", self.program.display()))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`bascule {}` ended with {}: {said}", words.join(" "), output.status);
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Writes a key as it must lie: for its owner alone.
fn private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}

/// The command as a shell would take it; long words are cut.
fn line(words: &[&str]) -> String {
    let quoted = words.iter().map(|word| {
        let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=,@".contains(c)) && !word.is_empty();
        let shown: String = match word.chars().count() > SHOWN_CHARS {
            true => word.chars().take(SHOWN_CHARS).chain("…".chars()).collect(),
            false => (*word).to_owned(),
        };
        if plain { shown } else { format!("'{shown}'") }
    });
    format!("   $ bascule {}", quoted.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_a_shell_takes_them() {
        let words = ["rule", "put", "a", "--pattern", r#"{"a":[1]}"#, ""];
        assert_eq!(line(&words), r#"   $ bascule rule put a --pattern '{"a":[1]}' ''"#);
        assert!(line(&[&"x".repeat(500)]).ends_with("x…"));
    }
}
