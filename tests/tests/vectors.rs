//! Patterns judged as the real service judged them: every row of `$BASCULE_VECTORS/event-patterns.jsonl` over gRPC.

use std::env;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use bascule_api::status::Refusal;
use bascule_api::v1::TestEventPatternRequest;
use bascule_tests::client::Client;
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::{Outcome, skip};
use serde::Deserialize;

/// The folder of the vectors.
const VECTORS_ENV: &str = "BASCULE_VECTORS";
/// Fewer rows than this, and the file is not what it was.
const ROWS_LEAST: usize = 100;

/// Rows that are judged otherwise on purpose, each with the reason that decides. There may be twelve.
const DEVIATIONS: [(&str, &str); 0] = [];

/// One row, as the vectors' own page describes it.
#[derive(Debug, Deserialize)]
struct Row {
    name: String,
    pattern: String,
    event: String,
    expect: String,
    #[serde(default)]
    error_code: String,
    #[serde(default)]
    error_message: String,
}

/// A verdict: `match`, `nomatch`, or an error's code and what decides it.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Match,
    NoMatch,
    Error(String, String),
}

/// The text after `Reason: `, or all of it, up to the first line break.
fn deciding(message: &str) -> String {
    let text = message.split_once("Reason: ").map_or(message, |(_, reason)| reason);
    text.lines().next().unwrap_or_default().to_owned()
}

fn expected(row: &Row) -> Outcome<Verdict> {
    Ok(match row.expect.as_str() {
        "match" => Verdict::Match,
        "nomatch" => Verdict::NoMatch,
        "error" => Verdict::Error(row.error_code.clone(), deciding(&row.error_message)),
        other => anyhow::bail!("`{}` expects `{other}`", row.name),
    })
}

async fn verdict(client: &Client, row: &Row) -> Outcome<Verdict> {
    let request = TestEventPatternRequest { event_pattern: row.pattern.clone(), event: row.event.clone() };
    Ok(match client.session().rules().test_event_pattern(request).await {
        Ok(answer) if answer.get_ref().result => Verdict::Match,
        Ok(_) => Verdict::NoMatch,
        Err(status) => {
            let refusal = Refusal::from_status(&status)?;
            Verdict::Error(refusal.reason.aws_error().to_owned(), deciding(&refusal.message))
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_vector_is_judged_as_it_was() -> Outcome {
    let Some(folder) = env::var_os(VECTORS_ENV) else {
        return Ok(skip("vectors::every_vector_is_judged_as_it_was", &format!("{VECTORS_ENV} is not set"))?);
    };
    let path = Path::new(&folder).join("event-patterns.jsonl");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let (mut count, mut wrong) = (0, Vec::new());
    for line in text.lines() {
        let row: Row = serde_json::from_str(line)?;
        count += 1;
        let (expected, found) = (expected(&row)?, verdict(&client, &row).await?);
        let deviates = DEVIATIONS.iter().any(|(name, _)| *name == row.name);
        // A deviation that is none any more is to be struck off.
        if (expected == found) == deviates {
            wrong.push(format!("{}: expected {expected:?}, found {found:?}", row.name));
        }
    }
    ensure!(count >= ROWS_LEAST, "only {count} rows in {}", path.display());
    ensure!(wrong.is_empty(), "{} of {count} rows:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

#[test]
fn the_deciding_text_is_found() {
    for (message, expected) in [
        ("Event pattern is not valid. Reason: Why\n at [Source]", "Why"),
        ("Parameter Event is not valid.", "Parameter Event is not valid."),
        ("", ""),
    ] {
        assert_eq!(deciding(message), expected);
    }
    assert!(DEVIATIONS.len() <= 12 && DEVIATIONS.iter().all(|(_, reason)| !reason.is_empty()));
}
