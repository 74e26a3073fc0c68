//! The README's own commands, as a shell takes them, against a real daemon.
//!
//! In: the fenced block of README.md, a home of its own, and the programs that were built.
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
/// Until the daemon that was put into the background answers.
const READY: &str = r#"for _ in $(seq 600); do [ -e "$HOME/bascule/context.toml" ] && break; sleep 0.1; done"#;

/// The lines of the first `sh` block behind the heading.
fn block(readme: &str) -> Option<Vec<&str>> {
    let behind = readme.split_once(HEADING)?.1;
    let block = behind.split_once("```sh\n")?.1.split_once("```")?.0;
    Some(block.lines().collect())
}

/// The block as a script: the programs are those that were built, the ports any that are free.
fn script(lines: &[&str], daemon: &Path, command: &Path) -> String {
    let mut script = format!(
        "set -em\nbasculed() {{ '{}' \"$@\" --grpc 127.0.0.1:0 --admin 127.0.0.1:0 >\"$HOME/daemon.log\" 2>&1; }}\nbascule() {{ '{}' \"$@\"; }}\n",
        daemon.display(),
        command.display()
    );
    for line in lines {
        if line.starts_with("basculed()") || line.starts_with("bascule()") {
            continue;
        }
        script.push_str(line);
        script.push('\n');
        if line.contains('&') && line.starts_with("basculed dev") {
            // A function in the background is a shell of its own: the daemon is ended with its group.
            script.push_str("daemon=$!\ntrap 'kill -- -$daemon; wait $daemon || true' EXIT\n");
            script.push_str(READY);
            script.push('\n');
        }
    }
    script
}

#[test]
fn the_readmes_commands_do_what_it_says() -> Outcome {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = fs::read_to_string(root.join("README.md"))?;
    let lines = block(&readme).context("README.md has no such block")?;
    ensure!(lines.len() > 8, "the block is short: {lines:?}");
    let home = tempfile::tempdir()?;
    let script = script(&lines, &Program::Daemon.find()?, &Program::Command.find()?);
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
