//! Named contexts: added from the file that a daemon wrote, used, shown, struck out.

use std::fs;

use anyhow::{Context as _, ensure};
use bascule_tests::Outcome;
use bascule_tests::daemon::{Daemon, Options};

use super::terminal::{Terminal, files};

#[test]
fn a_daemons_own_context_gets_a_name() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let terminal = Terminal::open()?;
    let none = terminal.ends("bus list", 2)?;
    ensure!(none.errors.contains("CONTEXT_NOT_FOUND") && none.errors.contains("hint:"), "{}", none.errors);
    let file = daemon.context_path().display().to_string();
    let added = terminal.ends(&format!("context add dev --file {file}"), 0)?;
    assert_eq!(added.output, "context `dev` written down\n");
    assert_eq!(added.errors, "undo: bascule context remove dev\n");
    // The first one is in use; by name and by path it is the same.
    for line in ["bus list", "--context dev bus list", &format!("--context {file} bus list")] {
        ensure!(terminal.ends(line, 0)?.output.contains("default"), "{line}");
    }
    let shown = terminal.ends("context list -o jsonl", 0)?.output;
    ensure!(shown.contains("\"Name\":\"dev\"") && shown.contains("\"InUse\":true"), "{shown}");
    let by_variable = Terminal::open()?.with("BASCULE_CONTEXT", &file);
    by_variable.ends("bus list", 0)?;
    let wrong = terminal.ends("--context dve bus list", 2)?;
    ensure!(wrong.errors.contains("did you mean `dev`?"), "{}", wrong.errors);
    // Neither key nor certificate is copied.
    let key = fs::read_to_string(daemon.pki().join("operator.key")).or_else(|_| {
        let shown: serde_json::Value = serde_json::from_str(&terminal.ends("context show -o json", 0)?.output)?;
        Ok::<_, anyhow::Error>(fs::read_to_string(shown["Key"].as_str().context("no key")?)?)
    })?;
    let secret = key.lines().nth(1).context("an empty key")?;
    for (name, text) in files(&terminal.path("bascule"))? {
        ensure!(!text.contains(secret), "`{name}` holds the key");
    }
    terminal.ends("context remove dev", 0)?;
    terminal.ends("bus list", 2)?;
    Ok(())
}

#[test]
fn every_format_is_written_and_errors_are_in_it_too() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let terminal = Terminal::open()?.with("BASCULE_CONTEXT", &daemon.context_path().display().to_string());
    ensure!(terminal.ends("bus list", 0)?.output.starts_with("NAME "), "table");
    let wide = terminal.ends("bus list -o wide", 0)?.output;
    ensure!(wide.lines().next().is_some_and(|head| head.contains("DEAD LETTERS")), "{wide}");
    let jsonl = terminal.ends("bus list -o jsonl", 0)?.output;
    ensure!(jsonl.starts_with("{\"Name\":\"default\",") && jsonl.lines().count() == 1, "{jsonl}");
    let yaml = terminal.ends("bus list -o yaml", 0)?.output;
    ensure!(yaml.starts_with("EventBuses:\n- Name: default\n"), "{yaml}");
    let refused = terminal.ends("bus describe nowhere -o yaml", 3)?;
    ensure!(refused.output.is_empty() && refused.errors.contains("Code: RESOURCE_NOT_FOUND"), "{}", refused.errors);
    let made = terminal.ends("queue create q", 0)?;
    assert_eq!(made.errors, "undo: bascule queue delete q\n");
    ensure!(terminal.ends("completion bash", 0)?.output.contains("_bascule"), "completion");
    let pages = terminal.path("man");
    terminal.ends(&format!("man --dir {}", pages.display()), 0)?;
    ensure!(pages.join("bascule-rule-put.1").is_file(), "no page of `rule put`");
    Ok(())
}
