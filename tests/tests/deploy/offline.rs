//! `bascule cluster init` and `join`: the daemon's own program does it, and its exit code is the command's.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, ensure};
use bascule_tests::Outcome;
use bascule_tests::binaries::Program;

/// What `basculed` ends with where it refuses.
const REFUSED: i32 = 78;

fn cluster(words: &[&str], config: &Path) -> Outcome<Output> {
    let mut command = Command::new(Program::Command.find()?);
    command.arg("cluster").args(words).arg("--config").arg(config);
    command.output().context("bascule cannot be started")
}

#[test]
fn the_command_hands_over_to_the_daemon() -> Outcome {
    // It lies beside the command, as in a package.
    ensure!(Program::Daemon.find()?.parent() == Program::Command.find()?.parent(), "two folders");
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("b.toml");
    fs::write(
        &config,
        "[node]\ndata = \"data\"\nregion = \"us-east-1\"\naccount = \"000000000000\"\n\
         [tls]\nfolder = \"pki\"\n[keys]\nroot = \"keys/root.key\"\n",
    )?;
    let refused = cluster(&["join", "--token", "none"], &config)?;
    let said = String::from_utf8_lossy(&refused.stderr);
    ensure!(refused.status.code() == Some(REFUSED) && said.starts_with("basculed:"), "{said}");
    ensure!(!folder.path().join("data").exists(), "a refused join made something");
    let made = cluster(&["init", "--set", "node.zone=a"], &config)?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    ensure!(folder.path().join("data/identity").is_file(), "no cluster was made");
    let again = cluster(&["init"], &config)?;
    ensure!(again.status.code() == Some(REFUSED), "it was made twice");
    Ok(())
}
