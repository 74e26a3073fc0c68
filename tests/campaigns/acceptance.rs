//! A start that accepts loss for good, as an operator would do it: once, with `--accept-loss`, over the folder of a `basculed dev`.
//!
//! Only a negative control comes here: a daemon that acknowledged without a sync refuses its own disks, which is a finding; what
//! the account makes of the loss is another, and takes a daemon that runs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use bascule_tests::Outcome;
use rustix::process::{Pid, Signal, kill_process};

/// Starts it, waits until it serves, and stops it in order.
///
/// # Errors
/// It does not serve, or does not end well.
pub fn accept(binary: &Path, home: &Path, environment: (&str, &str)) -> Outcome {
    let path = home.join("accepting.toml");
    fs::write(&path, configuration(home))?;
    let mut command = Command::new(binary);
    command.arg("--config").arg(&path).arg("--accept-loss").env(environment.0, environment.1);
    let log = fs::OpenOptions::new().create(true).append(true).open(home.join("daemon.log"))?;
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn()?;
    let mut line = String::new();
    let output = child.stdout.take().context("its output is not piped")?;
    // It serves, or ends and closes its output: either ends the wait.
    BufReader::new(output).read_line(&mut line)?;
    if line.contains("\"ready\"") {
        kill_process(Pid::from_child(&child), Signal::TERM)?;
    }
    let ended = child.wait()?;
    ensure!(line.contains("\"ready\"") && ended.success(), "with the loss accepted it ended with {ended}");
    Ok(())
}

/// What `basculed dev` presumes, written out.
fn configuration(home: &Path) -> String {
    let path = |name: &str| home.join(name).display().to_string();
    format!(
        "[node]\ndata = {:?}\nregion = \"us-east-1\"\naccount = \"000000000000\"\n\
         [listen]\ngrpc = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
         [tls]\nfolder = {:?}\n[keys]\nroot = {:?}\n\
         [delivery]\nallow_private = [\"127.0.0.0/8\"]\nroots = {:?}\n",
        path("data"),
        path("pki"),
        path("keys/root.key"),
        path("pki/authority.pem"),
    )
}
