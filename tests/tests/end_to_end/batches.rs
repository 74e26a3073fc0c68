//! What a put takes: entries decided one by one, limits, a dry run; and control calls that are made twice.

use anyhow::ensure;
use bascule_api::v1::{PutEventsRequest, PutEventsRequestEntry, PutRuleRequest};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry, reason};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::ledger::read_event;

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_decided_one_by_one() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.queued("inbox", r#"{"source":["test.batch"]}"#).await?;
    let deep = format!("{}1{}", r#"{"a":"#.repeat(1_001), "}".repeat(1_001));
    let rows = [
        ("test.batch", "t", r#"{"mark":"first"}"#, ""),
        ("test.batch", "t", "no json", "ENTRY_DETAIL_MALFORMED"),
        ("test.batch", "t", "[1]", "ENTRY_DETAIL_MALFORMED"),
        ("test.batch", "t", deep.as_str(), "ENTRY_INVALID"),
        ("", "t", "{}", "ENTRY_INVALID"),
        ("aws.ec2", "t", "{}", "ENTRY_SOURCE_RESERVED"),
        ("test.batch", "", "{}", "ENTRY_INVALID"),
        ("test.batch", "t", r#"{"mark":"last"}"#, ""),
    ];
    let answer =
        client.try_put(rows.iter().map(|(source, kind, detail, _)| entry(source, kind, detail)).collect()).await?;
    for (result, (source, kind, detail, code)) in answer.entries.iter().zip(rows) {
        let what = format!("`{source}` `{kind}` `{}`", &detail[..detail.len().min(40)]);
        assert_eq!(result.error_code, code, "{what}: {}", result.error_message);
        assert_eq!(result.event_id.is_empty(), !code.is_empty(), "{what}");
        assert_eq!(result.error_message.is_empty(), code.is_empty(), "{what}");
    }
    assert_eq!((answer.entries.len(), answer.failed_entry_count), (8, 6));
    let drained = client.drain_at_least("inbox", 2).await?;
    let mut marks: Vec<String> = drained.iter().map(|m| read_event(&m.body).unwrap_or_default().mark).collect();
    marks.sort();
    assert_eq!(marks, ["first", "last"]);
    Ok(())
}

/// Row 4 of the attack matrix: one forbidden entry of a batch fails, and no other.
#[tokio::test(flavor = "multi_thread")]
async fn row_04_a_batch_with_a_forbidden_entry() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.queued("inbox", r#"{"source":["test.mixed"]}"#).await?;
    let on = |bus: &str, mark: &str, seconds: i64| PutEventsRequestEntry {
        event_bus_name: bus.to_owned(),
        time: Some(prost_types::Timestamp { seconds, nanos: 0 }),
        ..entry("test.mixed", "t", &format!(r#"{{"mark":"{mark}"}}"#))
    };
    // Another account's bus, whose account has not said that it may be used; there is none of that name.
    let foreign = "arn:aws:events:us-east-1:999999999999:event-bus/default";
    // What cannot be of an entry that is not looked at fails nothing else.
    let entries = vec![on("", "first", 1), on(foreign, "stray", -1), on("absent", "lost", 1), on("default", "last", 1)];
    let answer = client.try_put(entries).await?;
    let codes: Vec<&str> = answer.entries.iter().map(|entry| entry.error_code.as_str()).collect();
    assert_eq!(codes, ["", "ACCESS_DENIED", "RESOURCE_NOT_FOUND", ""]);
    assert_eq!(answer.failed_entry_count, 2);
    let why = &answer.entries[1].error_message;
    ensure!(why.contains(&format!("may not events:PutEvents on `{foreign}`: no resource policy allows it")), "{why}");
    let drained = client.drain_at_least("inbox", 2).await?;
    let mut marks: Vec<String> = drained.iter().map(|m| read_event(&m.body).unwrap_or_default().mark).collect();
    marks.sort();
    assert_eq!(marks, ["first", "last"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_refused_as_a_whole_and_by_their_number() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let many =
        |count: usize| -> Vec<PutEventsRequestEntry> { (0..count).map(|_| entry("test.limit", "t", "{}")).collect() };
    let sized = |bytes: usize| {
        let frame = "test.limit".len() + "t".len() + r#"{"p":""}"#.len();
        vec![entry("test.limit", "t", &format!(r#"{{"p":"{}"}}"#, "p".repeat(bytes - frame)))]
    };
    for (what, entries, expected) in [
        ("none", many(0), Some(("VALIDATION_FAILED", "1 to 10"))),
        ("eleven", many(11), Some(("VALIDATION_FAILED", "1 to 10"))),
        ("ten", many(10), None),
        ("one byte below the limit", sized(1_048_575), None),
        ("the limit", sized(1_048_576), Some(("REQUEST_TOO_LARGE", "over the limit"))),
        ("far beyond, still a message", sized(3_000_000), Some(("REQUEST_TOO_LARGE", "over the limit"))),
    ] {
        let refused = client.try_put(entries).await.err();
        assert_eq!(refused.is_some(), expected.is_some(), "{what}: {refused:?}");
        if let (Some(status), Some((name, words))) = (refused, expected) {
            assert_eq!(reason(&status), name, "{what}");
            ensure!(status.message().contains(words), "{what}: {}", status.message());
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_changes_nothing() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.queued("inbox", r#"{"source":["test.dry"]}"#).await?;
    let request = PutEventsRequest {
        entries: vec![entry("test.dry", "t", "{}"), entry("test.dry", "t", "[]")],
        validate_only: true,
        ..PutEventsRequest::default()
    };
    let answer = client.session().events().put_events(request).await?.into_inner();
    let told: Vec<(&str, &str)> = answer.entries.iter().map(|e| (e.event_id.as_str(), e.error_code.as_str())).collect();
    assert_eq!(told, [("", ""), ("", "ENTRY_DETAIL_MALFORMED")]);
    let rule = |validate_only| PutRuleRequest {
        name: "dry".to_owned(),
        event_pattern: r#"{"source":["x"]}"#.to_owned(),
        validate_only,
        ..PutRuleRequest::default()
    };
    client.session().rules().put_rule(rule(true)).await?;
    ensure!(client.deliveries("", "dry").await.is_err(), "a dry run made a rule");
    let bad = PutRuleRequest { event_pattern: "{}".to_owned(), ..rule(true) };
    let Err(status) = client.session().rules().put_rule(bad).await else { anyhow::bail!("an empty pattern was taken") };
    assert_eq!(reason(&status), "EVENT_PATTERN_INVALID");
    // Whatever a real put brings is all there is.
    let id = client.put_one(entry("test.dry", "t", "{}")).await?;
    let drained = client.drain_at_least("inbox", 1).await?;
    let ids: Vec<String> = drained.iter().map(|m| read_event(&m.body).unwrap_or_default().id).collect();
    assert_eq!(ids, [id]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_call_made_twice_is_made_once() -> Outcome {
    let mut daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let create = |name: &str| bascule_api::v1::CreateEventBusRequest {
        name: name.to_owned(),
        request_id: "call-1".to_owned(),
        ..bascule_api::v1::CreateEventBusRequest::default()
    };
    let mut buses = client.session().event_buses();
    let first = buses.create_event_bus(create("one")).await?.into_inner();
    let again = buses.create_event_bus(create("one")).await?.into_inner();
    assert_eq!(first.control_index, again.control_index);
    assert_eq!(first.event_bus.map(|bus| bus.arn), again.event_bus.map(|bus| bus.arn));
    // The memory of it is replicated, so a restart changes nothing.
    daemon.restart()?;
    let mut buses = Client::operator(&daemon).await?.session().event_buses();
    assert_eq!(buses.create_event_bus(create("one")).await?.into_inner().control_index, first.control_index);
    let Err(status) = buses.create_event_bus(create("two")).await else {
        anyhow::bail!("an id was used for two calls")
    };
    assert_eq!(reason(&status), "REQUEST_ID_REUSED");
    let fresh = bascule_api::v1::CreateEventBusRequest { request_id: "call-2".to_owned(), ..create("one") };
    let Err(status) = buses.create_event_bus(fresh).await else { anyhow::bail!("a bus was made twice") };
    assert_eq!(reason(&status), "RESOURCE_ALREADY_EXISTS");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_asks_for_a_later_view_is_refused() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let request = PutEventsRequest {
        entries: vec![entry("test.view", "t", "{}")],
        min_control_index: u64::MAX,
        ..PutEventsRequest::default()
    };
    let Err(status) = client.session().events().put_events(request).await else { anyhow::bail!("it was taken") };
    assert_eq!(reason(&status), "STALE_VIEW");
    Ok(())
}
