//! The clients' examples, run: those in Rust as they stand, the one in Python where grpcio is at hand.
//!
//! In: the examples' own files, and a daemon.
//! Out: what they put and got.
//! Never: a copy of an example.

#[expect(dead_code, reason = "its main is what `cargo run --example` calls")]
#[path = "../../crates/api/examples/follow_queue.rs"]
mod follow_queue;
#[expect(dead_code, reason = "its main is what `cargo run --example` calls")]
#[path = "../../crates/api/examples/put_events.rs"]
mod put_events;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bascule_tests::Outcome;
use bascule_tests::client::Client;
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::ledger::read_event;
use bascule_tests::skip;

/// As many as the example in Python puts.
const EVENTS: usize = 10_000;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_rust_examples_put_they_get() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.queued("inbox", r#"{"source":["example.rust"]}"#).await?;
    let context = daemon.context()?;
    let mut owed: BTreeSet<String> =
        put_events::put(&context, 250).await.map_err(anyhow::Error::from_boxed)?.into_iter().collect();
    assert_eq!(owed.len(), 250);
    let mut failed = BTreeSet::new();
    let followed = follow_queue::follow(&context, "inbox", |body| {
        let id = read_event(body).map(|event| event.id).unwrap_or_default();
        // Each tenth is not handled the first time.
        if failed.len() < 25 && failed.insert(id.clone()) {
            return Err("not now".to_owned());
        }
        owed.remove(&id);
        Ok(owed.is_empty())
    });
    tokio::time::timeout(Duration::from_secs(60), followed)
        .await
        .context("not everything came")?
        .map_err(anyhow::Error::from_boxed)?;
    ensure!(owed.is_empty() && failed.len() == 25, "{} are missing", owed.len());
    ensure!(client.receive("inbox", None).await?.is_empty(), "what was acknowledged is there still");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_python_example_puts_it_gets() -> Outcome {
    let python = std::env::var("BASCULE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python).args(["-c", "import grpc, grpc_status, grpc_tools, tomllib"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        let reason = "python3 has no grpcio; BASCULE_PYTHON may name one that has";
        skip("examples::what_the_python_example_puts_it_gets", reason)?;
        return Ok(());
    }
    let daemon = Daemon::start(&Options::default())?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/python/put_and_receive.py");
    let context = daemon.context_path();
    let count = EVENTS.to_string();
    let run = move || Command::new(python).arg(script).arg("--context").arg(context).args(["--count", &count]).output();
    let output = tokio::task::spawn_blocking(run).await??;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    ensure!(said.contains(&format!("put {EVENTS} events")) && said.contains("0 are missing"), "{said}");
    Ok(())
}
