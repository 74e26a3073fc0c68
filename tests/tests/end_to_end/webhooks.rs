//! Webhooks and log lines: the exact event, signed, under an id that retries keep; put over gRPC and by the command.

use anyhow::{Context as _, ensure};
use bascule_tests::chance::now_s;
use bascule_tests::client::{Client, entry, target};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::receiver::{Receiver, Record, SECRET, Signed};
use bascule_tests::wait::{PATIENCE, until};
use bascule_tests::{Outcome, command, signature};

/// A detail as strangers write it: what is inside must arrive byte for byte.
const DETAIL: &str =
    r#"{ "n": 1.10, "big": 12345678901234567890123, "text": "ß\u00fc \ud83d\ude00", "a": [ {}, null ] }"#;

async fn one(receiver: &Receiver, path: &str) -> Outcome<Record> {
    until(&format!("a request at `{path}`"), PATIENCE, async || Ok(receiver.at(path)?.pop())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exact_event_arrives_signed() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let receiver = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    client.webhook("hook", r#"{"source":["test.shop"]}"#, &receiver.url("/ok/grpc")).await?;
    let mut put = entry("test.shop", "order \"placed\"", DETAIL);
    put.resources = vec!["arn:aws:s3:::bucket/ü".to_owned(), "second".to_owned()];
    put.time = Some(prost_types::Timestamp { seconds: 1_767_323_045, nanos: 999_000_000 });
    let id = client.put_one(put).await?;
    let record = one(&receiver, "/ok/grpc").await?;
    let head = format!(r#"{{"version":"0","id":"{id}","detail-type":"order \"placed\"","source":"test.shop","#);
    let rest = r#""account":"000000000000","time":"2026-01-02T03:04:05Z","region":"us-east-1","#;
    let resources = r#""resources":["arn:aws:s3:::bucket/ü","second"],"detail":"#;
    assert_eq!(record.body, format!("{head}{rest}{resources}{DETAIL}}}"));
    assert_eq!((record.method.as_str(), record.query.as_str()), ("POST", ""));
    assert_eq!(record.headers["content-type"], "application/json; charset=utf-8");
    signed(&record)
}

/// Checked here once more, beside the receiver's own word.
fn signed(record: &Record) -> Outcome {
    assert_eq!(record.signature, Signed::Valid);
    let header = record.headers.get("webhook-signature").context("no signature")?;
    let (id, time) = (record.webhook_id.as_str(), record.webhook_timestamp.as_str());
    ensure!(signature::verify(SECRET, id, time, record.body.as_bytes(), header), "the signature is not the secret's");
    ensure!(!signature::verify(SECRET, id, time, b"{}", header), "the signature is anything's");
    let age_s = now_s() - time.parse::<i64>()?;
    ensure!((-5..120).contains(&age_s), "the timestamp is {age_s} s old");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_keep_their_id_and_are_signed_anew() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let receiver = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    client.webhook("hook", r#"{"source":["test.retry"]}"#, &receiver.url("/refuse-first/2")).await?;
    let ids = client.put(vec![entry("test.retry", "t", "{}"), entry("test.retry", "t", "{}")]).await?;
    let told = client.settled("", "hook", PATIENCE).await?;
    assert_eq!((told[0].delivered, told[0].dead_lettered), (2, 0));
    let records = receiver.at("/refuse-first/2")?;
    let mut webhooks = Vec::new();
    for id in &ids {
        let mine: Vec<&Record> = records.iter().filter(|record| record.event_id == *id).collect();
        assert_eq!(mine.iter().map(|record| record.status).collect::<Vec<_>>(), [503, 503, 200]);
        for record in &mine {
            signed(record)?;
            assert_eq!(record.webhook_id, mine[0].webhook_id);
            assert_eq!(record.body, mine[0].body);
        }
        webhooks.push(mine[0].webhook_id.clone());
    }
    assert_ne!(webhooks[0], webhooks[1]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_puts_and_sets_up_as_well() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let receiver = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    client.webhook("hook", r#"{"detail":{"by":["command"]}}"#, &receiver.url("/ok/command")).await?;
    let detail = r#"{"by": "command", "n": 2.50}"#;
    let answer = command::ask(
        &daemon,
        &["event", "put", "--source", "test.command", "--detail-type", "put", "--detail", detail],
    )?;
    let record = one(&receiver, "/ok/command").await?;
    ensure!(record.body.ends_with(&format!(r#","detail":{detail}}}"#)), "{}", record.body);
    ensure!(
        answer.to_string().contains(&record.event_id),
        "the command does not name event {}: {answer}",
        record.event_id
    );
    signed(&record)?;
    // What the command lists is what the client made.
    let rules = command::ask(&daemon, &["rule", "list"])?;
    ensure!(rules.to_string().contains("hook"), "{rules}");
    let refused = command::run(&daemon, &["rule", "describe", "absent"])?;
    ensure!(refused.code == Some(3) && refused.errors.contains("absent"), "{refused:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_target_writes_a_line_for_each_event() -> Outcome {
    let folder = tempfile::tempdir()?;
    let daemon = Daemon::start(&Options::default().set(&format!("delivery.log_folder={}", folder.path().display())))?;
    let client = Client::operator(&daemon).await?;
    client.rule("", "logged", r#"{"source":["test.log"]}"#).await?;
    let arn = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/events/orders";
    client.targets("", "logged", vec![target("log", arn)]).await?;
    let ids = client.put((0..3).map(|_| entry("test.log", "t", DETAIL)).collect()).await?;
    let file = folder.path().join("%2faws%2fevents%2forders.jsonl");
    let text = until("three lines", PATIENCE, async || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        Ok((text.lines().count() >= 3).then_some(text))
    })
    .await?;
    // Lines stand in no promised order.
    for id in &ids {
        let line = text.lines().find(|line| line.contains(&format!(r#""id":"{id}""#)));
        let line = line.with_context(|| format!("no line for event {id}: {text}"))?;
        ensure!(line.contains(DETAIL) && line.contains(r#""group":"/aws/events/orders""#), "{line}");
    }
    assert_eq!(client.settled("", "logged", PATIENCE).await?[0].delivered, 3);
    Ok(())
}
