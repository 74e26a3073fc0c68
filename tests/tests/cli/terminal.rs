//! A terminal of the test's own: a home without settings, and the command in it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use bascule_tests::Outcome;
use bascule_tests::binaries::Program;
use bascule_tests::command::Said;
use tempfile::TempDir;

/// A home, and variables that are set in it.
pub struct Terminal {
    home: TempDir,
    variables: Vec<(String, String)>,
}

impl Terminal {
    /// A home without anything.
    pub fn open() -> Outcome<Self> {
        Ok(Self { home: tempfile::tempdir()?, variables: Vec::new() })
    }

    /// The same with a variable set.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A path in the home.
    pub fn path(&self, within: &str) -> PathBuf {
        self.home.path().join(within)
    }

    /// Runs a command with these words on its standard input.
    pub fn run(&self, line: &str, input: &str) -> Outcome<Said> {
        self.run_words(&line.split_whitespace().collect::<Vec<_>>(), input)
    }

    /// The same with words that may hold spaces.
    pub fn run_words(&self, words: &[&str], input: &str) -> Outcome<Said> {
        let mut command = Command::new(Program::Command.find()?);
        command.args(words).env_remove("BASCULE_CONTEXT").env("XDG_CONFIG_HOME", self.home.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("`bascule` cannot be started")?;
        // Who reads nothing of it may have ended already.
        let _ = child.stdin.take().context("no standard input")?.write_all(input.as_bytes());
        let done = child.wait_with_output()?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Said { code: done.status.code(), output: text(done.stdout), errors: text(done.stderr) })
    }

    /// Runs a command and demands its exit code; gives what it said.
    pub fn ends(&self, line: &str, code: i32) -> Outcome<Said> {
        let said = self.run(line, "")?;
        ensure!(said.code == Some(code), "`bascule {line}` ended with {:?}: {}{}", said.code, said.output, said.errors);
        Ok(said)
    }
}

/// Every file below a folder with its text, by its path within.
pub fn files(dir: &Path) -> Outcome<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let within = path.strip_prefix(dir)?.display().to_string();
            found.push((within, std::fs::read_to_string(&path)?));
        }
    }
    found.sort();
    Ok(found)
}
