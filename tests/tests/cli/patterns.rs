//! `pattern test` against the rules of a bus, and that it says what the cluster says.

use anyhow::ensure;
use bascule_tests::Outcome;
use bascule_tests::client::Client;
use bascule_tests::daemon::{Daemon, Options};
use serde_json::Value;

use super::terminal::Terminal;

const EVENT: &str = r#"{"id":"1","account":"000000000000","source":"shop","time":"2026-11-23T09:30:00Z","region":"us-east-1","resources":[],"detail-type":"Order","detail":{"state":"paid","amount":20}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_tested_against_every_rule_of_a_bus() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.bus("orders").await?;
    let rows = [
        ("all", r#"{"source":["shop"]}"#, None),
        ("large", r#"{"detail":{"amount":[{"numeric":[">",100]}]}}"#, Some(("detail.amount", "20"))),
        ("none", r#"{"$or":[{"source":["till"]},{"detail":{"state":["open"]}}]}"#, Some(("source", "\"shop\""))),
        ("tagged", r#"{"detail":{"tag":["x"]}}"#, Some(("detail.tag", "no value"))),
    ];
    for (name, pattern, _) in rows {
        client.rule("orders", name, pattern).await?;
    }
    let terminal = Terminal::open()?.with("BASCULE_CONTEXT", &daemon.context_path().display().to_string());
    let said = terminal.run("pattern test --bus orders --event - -o json", EVENT)?;
    assert_eq!(said.code, Some(0), "{}", said.errors);
    let answer: Value = serde_json::from_str(&said.output)?;
    for (at, (name, pattern, mismatch)) in rows.iter().enumerate() {
        let row = &answer["Results"][at];
        assert_eq!(row["Rule"], *name);
        assert_eq!(row["Result"], mismatch.is_none(), "{row}");
        if let Some((path, found)) = mismatch {
            assert_eq!((&row["Mismatch"]["Path"], &row["Mismatch"]["Found"]), (&(*path).into(), &(*found).into()));
        }
        // The cluster says the same.
        let asked = terminal.run_words(&["pattern", "test", "--remote", "--pattern", pattern, "--event", EVENT], "")?;
        assert_eq!(asked.code, Some(i32::from(mismatch.is_some())), "{name}: {}", asked.errors);
    }
    ensure!(said.output.contains("none of the 2 alternatives held"), "{}", said.output);
    let table = terminal.run("pattern test --bus orders --event - --all", EVENT)?;
    assert_eq!(table.code, Some(1));
    ensure!(table.output.ends_with("1 of 4 rules matched\n"), "{}", table.output);
    Ok(())
}
