//! Where the programs under test lie: beside the test's own binary, unless the environment names others.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use crate::Outcome;

/// A program of the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The daemon; `BASCULED` names another.
    Daemon,
    /// The command line; `BASCULE` names another.
    Command,
    /// The receiver of this package; `BASCULE_RECEIVER` names another.
    Receiver,
}

impl Program {
    const fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Daemon => ("basculed", "BASCULED", "bascule-daemon"),
            Self::Command => ("bascule", "BASCULE", "bascule-cli"),
            Self::Receiver => ("receiver", "BASCULE_RECEIVER", "bascule-tests"),
        }
    }

    /// Its path.
    ///
    /// # Errors
    /// It is not there; the message says how it is built.
    pub fn find(self) -> Outcome<PathBuf> {
        let (name, variable, package) = self.row();
        if let Some(named) = env::var_os(variable) {
            let path = PathBuf::from(named);
            ensure!(path.is_file(), "`{variable}` names `{}`, which is no file", path.display());
            return Ok(path);
        }
        let path = folder()?.join(name);
        ensure!(path.is_file(), "`{}` is not there: `./x cargo build -p {package}` makes it", path.display());
        if let Some(newer) = newer_source(&path) {
            // Said, not refused: others may edit while a test runs, and only cargo knows what a change means.
            let text = format!("`{name}` is older than `{}`: `./x cargo build -p {package}`\n", newer.display());
            let _ = io::stderr().write_all(text.as_bytes());
        }
        Ok(path)
    }
}

/// The folder that cargo puts programs into: a test's own binary lies in `deps` below it.
fn folder() -> Outcome<PathBuf> {
    let own = env::current_exe().context("the test's own binary is not known")?;
    let folder = own.parent().context("the test's own binary lies nowhere")?;
    Ok(if folder.ends_with("deps") { folder.parent().unwrap_or(folder).to_owned() } else { folder.to_owned() })
}

/// A source that cargo says the program is made of, and that is newer than it.
fn newer_source(program: &Path) -> Option<PathBuf> {
    let made = fs::metadata(program).ok()?.modified().ok()?;
    let list = fs::read_to_string(program.with_extension("d")).ok()?;
    let sources = list.split_once(": ")?.1.split_ascii_whitespace().map(PathBuf::from);
    let mut newer = sources.filter(|path| {
        let changed = fs::metadata(path).and_then(|file| file.modified());
        path.extension().is_some_and(|extension| extension == "rs") && changed.is_ok_and(|changed| changed > made)
    });
    newer.next()
}
