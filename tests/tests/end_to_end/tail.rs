//! Tails: what is accepted is shown while it is, beside its way; what is not shown is told.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bascule_api::client::tail::Tail;
use bascule_api::error::Error;
use bascule_api::v1::tail_events_response::Says;
use bascule_api::v1::{DeleteEventBusRequest, PutEventsRequest, TailEventsRequest, TailSkipped, TailedEvent};
use bascule_tests::Outcome;
use bascule_tests::binaries::Program;
use bascule_tests::client::{Client, entry, reason, target};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::people;
use bascule_tests::wait::{PATIENCE, until};
use serde_json::Value;
use tokio::time::timeout;
use tonic::Request;

fn asked(bus: &str, pattern: &str, max_events_per_second: u32) -> TailEventsRequest {
    TailEventsRequest { event_bus_name: bus.to_owned(), event_pattern: pattern.to_owned(), max_events_per_second }
}

/// A tail that has started.
async fn tail(client: &Client, asked: TailEventsRequest) -> Outcome<Tail> {
    let mut tail = client.session().tail(asked).await?;
    match says(&mut tail).await? {
        Says::Started(started) => ensure!(started.event_bus_arn.starts_with("arn:aws:events:"), "{started:?}"),
        other => bail!("the first word is {other:?}"),
    }
    Ok(tail)
}

async fn says(tail: &mut Tail) -> Outcome<Says> {
    timeout(PATIENCE, tail.next()).await.context("nothing came")??.context("the tail ended")
}

async fn event(tail: &mut Tail) -> Outcome<TailedEvent> {
    match says(tail).await? {
        Says::Event(event) => Ok(event),
        other => bail!("no event: {other:?}"),
    }
}

async fn skipped(tail: &mut Tail) -> Outcome<TailSkipped> {
    match says(tail).await? {
        Says::Skipped(skipped) => Ok(skipped),
        other => bail!("nothing skipped: {other:?}"),
    }
}

/// The reason of a tail's end.
async fn end(tail: &mut Tail) -> Outcome<String> {
    loop {
        match timeout(PATIENCE, tail.next()).await.context("no end")? {
            Ok(Some(_)) => {}
            Ok(None) => bail!("it ended without a reason"),
            Err(Error::Refused(refusal)) => return Ok(refusal.reason.name().to_owned()),
            Err(other) => bail!("{other}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_and_matches_is_shown() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.bus("other").await?;
    client.queued("inbox", r#"{"source":["wanted"]}"#).await?;
    client.put_one(entry("wanted", "t", r#"{"n":0}"#)).await?;
    let mut all = tail(&client, asked("", "", 0)).await?;
    let mut some = tail(&client, asked("default", r#"{"detail":{"n":[{"numeric":[">",1]}]}}"#, 1_000)).await?;
    let wanted = client.put_one(entry("wanted", "t", r#"{"n":1}"#)).await?;
    // What is only tried, what is refused, and what is accepted elsewhere is not shown here.
    let tried = PutEventsRequest {
        entries: vec![entry("tried", "t", r#"{"n":8}"#)],
        validate_only: true,
        ..PutEventsRequest::default()
    };
    client.session().events().put_events(tried).await?;
    let mut elsewhere = entry("wanted", "t", r#"{"n":9}"#);
    elsewhere.event_bus_name = "other".to_owned();
    let batch = vec![entry("wanted", "t", "no json"), elsewhere, entry("unwanted", "t", r#"{"n":2}"#)];
    let put = client.try_put(batch).await?;
    let unwanted = &put.entries[2].event_id;
    let shown = [event(&mut all).await?, event(&mut all).await?];
    assert_eq!([&shown[0].event_id, &shown[1].event_id], [&wanted, unwanted]);
    let text: Value = serde_json::from_str(&shown[0].event)?;
    assert_eq!((text["id"].as_str(), text["detail"]["n"].as_i64()), (Some(&*wanted), Some(1)));
    assert_eq!(&event(&mut some).await?.event_id, unwanted);
    // It takes nothing from anybody.
    assert_eq!(client.drain_at_least("inbox", 2).await?.len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_from_another_bus_is_shown_where_it_comes() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.bus("second").await?;
    client.rule("", "hop", r#"{"source":["test"]}"#).await?;
    let mut hop = target("hop", "arn:aws:events:us-east-1:000000000000:event-bus/second");
    let trust = people::trust(r#"{"Service":"events.amazonaws.com"}"#);
    hop.role_arn = client.role("hops", &trust, &people::allow("events:PutEvents", "*")).await?;
    client.targets("", "hop", vec![hop]).await?;
    let mut second = tail(&client, asked("second", "", 0)).await?;
    let id = client.put_one(entry("test", "t", "{}")).await?;
    assert_eq!(event(&mut second).await?.event_id, id);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_shown_is_told() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let mut slow = tail(&client, asked("", "", 1)).await?;
    client.put((0..5).map(|_| entry("test", "t", "{}")).collect()).await?;
    event(&mut slow).await?;
    // The first word may come before all were looked at.
    let mut beyond = 0;
    while beyond < 4 {
        let skipped = skipped(&mut slow).await?;
        assert_eq!((skipped.overrun_count, skipped.undecided_count), (0, 0));
        beyond += skipped.rate_limited_count;
    }
    assert_eq!(beyond, 4);
    drop(slow);
    // Whoever does not read holds up nobody, and hears afterwards how much it missed.
    let mut deaf = tail(&client, asked("", "", 1_000)).await?;
    let detail = format!("{{\"pad\":\"{}\"}}", "x".repeat(20_000));
    for _ in 0..100 {
        client.put((0..10).map(|_| entry("test", "t", &detail)).collect()).await?;
    }
    let last = client.put_one(entry("last", "t", "{}")).await?;
    let (mut shown, mut missed) = (0, 0);
    while shown + missed < 1_001 {
        match says(&mut deaf).await? {
            Says::Event(_) => shown += 1,
            Says::Skipped(skipped) => missed += skipped.overrun_count + skipped.rate_limited_count,
            Says::Started(_) => bail!("it started twice"),
        }
    }
    ensure!(shown + missed == 1_001 && shown > 100 && missed > 0, "{shown} shown, {missed} missed");
    let next = client.put_one(entry("next", "t", "{}")).await?;
    ensure!(event(&mut deaf).await?.event_id == next, "{last} was the last");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tails_are_refused_and_end_for_reasons() -> Outcome {
    let mut daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.bus("short").await?;
    let refused = async |asked: TailEventsRequest| match client.session().tail(asked).await {
        Err(Error::Refused(refusal)) => Ok((refusal.reason.name().to_owned(), refusal.message)),
        other => bail!("{other:?}"),
    };
    for (asked, reason, part) in [
        (asked("absent", "", 0), "RESOURCE_NOT_FOUND", "absent"),
        (asked("arn:aws:events:eu-west-1:000000000000:event-bus/default", "", 0), "RESOURCE_NOT_FOUND", "eu-west-1"),
        (asked("a b", "", 0), "VALIDATION_FAILED", "a b"),
        (asked("", "[]", 0), "EVENT_PATTERN_INVALID", ""),
        (asked("", r#"{"a":"not a list"}"#, 0), "EVENT_PATTERN_INVALID", ""),
        (asked("", "", 1_001), "VALIDATION_FAILED", "MaxEventsPerSecond"),
    ] {
        let (told, message) = refused(asked).await?;
        assert_eq!(told, reason, "{message}");
        ensure!(message.contains(part), "{message}");
    }
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(tail(&client, asked("", "", 0)).await?);
    }
    assert_eq!(refused(asked("", "", 0)).await?.0, "OVERLOADED");
    open.clear();
    // The server hears of it a moment later.
    until("a free place", PATIENCE, async || Ok(tail(&client, asked("", "", 0)).await.ok())).await?;
    let mut timed = Request::new(asked("", "", 0));
    timed.set_timeout(Duration::from_millis(300));
    let mut timed = client.session().events().tail_events(timed).await?.into_inner();
    let Err(status) = (async {
        while timed.message().await?.is_some() {}
        Ok(())
    })
    .await
    else {
        bail!("it has no end")
    };
    assert_eq!(reason(&status), "DEADLINE_EXCEEDED");
    let mut short = tail(&client, asked("short", "", 0)).await?;
    let gone = DeleteEventBusRequest { name: "short".to_owned(), ..DeleteEventBusRequest::default() };
    client.session().event_buses().delete_event_bus(gone).await?;
    assert_eq!(end(&mut short).await?, "RESOURCE_NOT_FOUND");
    let mut last = tail(&client, asked("", "", 0)).await?;
    let (ended, stopped) = tokio::join!(end(&mut last), async { tokio::task::block_in_place(|| daemon.terminate()) });
    assert_eq!(ended?, "DRAINING");
    ensure!(stopped?.success(), "{}", daemon.log_end());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_holds_up_no_stop() -> Outcome {
    let mut daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let mut deaf = tail(&Client::operator(&daemon).await?, asked("", "", 1_000)).await?;
    // More than any window between the two holds.
    let detail = format!("{{\"pad\":\"{}\"}}", "x".repeat(60_000));
    for _ in 0..10 {
        client.put((0..10).map(|_| entry("test", "t", &detail)).collect()).await?;
    }
    let ended = tokio::task::block_in_place(|| daemon.terminate())?;
    ensure!(ended.success(), "{ended}: {}", daemon.log_end());
    let log = std::fs::read_to_string(daemon.log_path())?;
    ensure!(log.contains("a client does not read its stream"), "{}", daemon.log_end());
    // What was on its way is there, and then the connection is gone.
    let mut shown = 0;
    while let Ok(Some(says)) = deaf.next().await {
        shown += usize::from(matches!(says, Says::Event(_)));
    }
    ensure!((1..100).contains(&shown), "{shown} of 100 were shown");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_shows_them_line_by_line() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let mut command = Command::new(Program::Command.find()?);
    command.arg("--context").arg(daemon.context_path());
    command.args(["event", "tail", "--pattern", r#"{"source":["test"]}"#, "--count", "2", "-o", "jsonl"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut errors = BufReader::new(child.stderr.take().context("no standard error")?);
    let mut first = String::new();
    errors.read_line(&mut first)?;
    ensure!(first.contains("event-bus/default from now on"), "{first}");
    client.put(vec![entry("other", "t", "{}"), entry("test", "t", r#"{ "n": 1 }"#)]).await?;
    let mut lines = BufReader::new(child.stdout.take().context("no standard output")?).lines();
    // It is there before the second one is.
    let line = lines.next().context("no line")??;
    let shown: Value = serde_json::from_str(&line)?;
    assert_eq!(shown["detail"]["n"].as_i64(), Some(1));
    client.put_one(entry("test", "t", r#"{"n":2}"#)).await?;
    let line = lines.next().context("no second line")??;
    ensure!(line.contains(r#""detail":{"n":2}"#), "{line}");
    ensure!(child.wait()?.success(), "it did not end well");
    ensure!(lines.next().is_none(), "there is more");
    Ok(())
}
