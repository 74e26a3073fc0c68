//! The README's own commands, as a shell takes them, against a real daemon.
//!
//! In: the fenced blocks of README.md, a home of its own, and the programs that were built.
//! Out: what the commands print, and a failure for any that ends badly.
//! Never: a command that the README does not show, but for where the programs lie and which ports are free.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use bascule_tests::Outcome;
use bascule_tests::binaries::Program;

/// Where the block begins.
const HEADING: &str = "## A bus of your own";
/// How the daemon is started from the tree.
const DAEMON: &str = "./x cargo run -q --bin basculed -- ";
/// Until the daemon that was put into the background answers.
const READY: &str = r#"for _ in $(seq 600); do [ -e "$HOME/bascule/context.toml" ] && break; sleep 0.1; done"#;

/// The lines of the first two `sh` blocks behind the heading: the terminal with the daemon, and the other one.
fn blocks(readme: &str) -> Option<[Vec<&str>; 2]> {
    let behind = readme.split_once(HEADING)?.1;
    let (first, behind) = behind.split_once("```sh\n")?.1.split_once("```")?;
    let second = behind.split_once("```sh\n")?.1.split_once("```")?.0;
    Some([first.lines().collect(), second.lines().collect()])
}

/// The blocks as a script: the programs are those that were built, the ports any that are free.
fn script(daemon_line: &str, lines: &[&str], daemon: &Path, command: &Path) -> Outcome<String> {
    let words = daemon_line.strip_prefix(DAEMON).context("the daemon is started in another way")?;
    let (daemon, command) = (daemon.display(), command.display());
    // The daemon is ended with its group.
    let mut script = format!(
        "set -em\n'{daemon}' {words} --grpc 127.0.0.1:0 --admin 127.0.0.1:0 >\"$HOME/daemon.log\" 2>&1 &\ndaemon=$!\n\
         trap 'kill -- -$daemon; wait $daemon || true' EXIT\n{READY}\nbascule() {{ '{command}' \"$@\"; }}\n"
    );
    for line in lines.iter().filter(|line| !line.starts_with("bascule()")) {
        script.push_str(line);
        script.push('\n');
    }
    Ok(script)
}

#[test]
fn the_readmes_commands_do_what_it_says() -> Outcome {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = fs::read_to_string(root.join("README.md"))?;
    let [first, lines] = blocks(&readme).context("README.md has no such blocks")?;
    ensure!(first.len() == 1 && lines.len() > 8, "the blocks are others: {first:?} {lines:?}");
    let home = tempfile::tempdir()?;
    let script = script(first[0], &lines, &Program::Daemon.find()?, &Program::Command.find()?)?;
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(&home)
        .env("HOME", home.path())
        .env_remove("BASCULE_CONTEXT")
        .env_remove("XDG_CONFIG_HOME")
        .output()
        .context("there is no bash")?;
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let log = fs::read_to_string(home.path().join("daemon.log")).unwrap_or_default();
    ensure!(output.status.success(), "{}\n{said}\n{complained}\n{log}", output.status);
    for told in ["queue `orders` created", "1 accepted, 0 failed", r#""amount":250"#, "detail.amount", "nothing to do"]
    {
        ensure!(said.contains(told), "`{told}` is not said:\n{said}\n{complained}");
    }
    Ok(())
}
