//! From bus to bus: once, with id and time as they were; further never.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use bascule_api::v1::{PutEventsRequestEntry, PutTargetsRequest, Target};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry, retries, target};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::ledger::read_event;
use bascule_tests::people::{allow, trust};
use bascule_tests::wait::{PATIENCE, until};

const ROLE: &str = "arn:aws:iam::000000000000:role/hops";
const PATTERN: &str = r#"{"source":["test.hop"]}"#;

fn bus_arn(name: &str) -> String {
    format!("arn:aws:events:us-east-1:000000000000:event-bus/{name}")
}

fn hop(name: &str) -> Target {
    Target { role_arn: ROLE.to_owned(), ..target("hop", &bus_arn(name)) }
}

/// The role of hops.
async fn role(client: &Client) -> Outcome {
    let trust = trust(r#"{"Service":"events.amazonaws.com"}"#);
    let role = client.role("hops", &trust, &allow("events:PutEvents", "*")).await?;
    ensure!(role == ROLE, "{role}");
    Ok(())
}

/// A bus with a rule that lays everything of the test into a queue of its name.
async fn bus(client: &Client, name: &str) -> Outcome {
    client.bus(name).await?;
    let arn = client.queue(name).await?;
    client.rule(name, "keep", PATTERN).await?;
    client.targets(name, "keep", vec![target("keep", &arn)]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_goes_to_another_bus_as_it_is_and_no_further() -> Outcome {
    let mut daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    role(&client).await?;
    bus(&client, "second").await?;
    bus(&client, "third").await?;
    client.queued("first", PATTERN).await?;
    client.rule("", "hop", PATTERN).await?;
    client.targets("", "hop", vec![hop("second")]).await?;
    client.rule("second", "hop", PATTERN).await?;
    client.targets("second", "hop", vec![hop("third")]).await?;
    let put =
        PutEventsRequestEntry { trace_header: "Root=1-hop".to_owned(), ..entry("test.hop", "t", r#"{"mark":"m"}"#) };
    let id = client.put_one(put).await?;
    daemon.kill9()?;
    daemon.start_again()?;
    let client = Client::operator(&daemon).await?;
    let first = client.drain_at_least("first", 1).await?;
    let second = client.drain_at_least("second", 1).await?;
    // A hop that the kill left without its word was made again: the same delivery, by its id.
    let ids: BTreeSet<&str> = second.iter().map(|message| message.message_id.as_str()).collect();
    assert_eq!((first.len(), ids.len()), (1, 1));
    ensure!(first[0].body == second[0].body, "{} {}", first[0].body, second[0].body);
    ensure!(first[0].message_id != second[0].message_id, "two deliveries have one id");
    assert_eq!(second[0].attributes.get("AWSTraceHeader").map(String::as_str), Some("Root=1-hop"));
    // The next hop is one too many: the event lies in the dead letters of the bus where it stopped.
    let letter = until("the dead letter", PATIENCE, async || Ok(client.dead_letters("second").await?.pop())).await?;
    assert_eq!((letter.error_code.as_str(), letter.event_id.as_str()), ("THIRD_ACCOUNT_HOP_DETECTED", id.as_str()));
    ensure!(client.receive("third", None).await?.is_empty(), "it went further");
    let event = read_event(&letter.event).context("no event")?;
    assert_eq!(event.mark, "m");
    let counts = client.counts("", "hop", "hop").await?;
    assert_eq!((counts.delivered, counts.dead_lettered, counts.pending), (1, 0, 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_other_bus_does_not_want_is_delivered_all_the_same() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    role(&client).await?;
    client.bus("deaf").await?;
    client.rule("", "hop", PATTERN).await?;
    client.targets("", "hop", vec![hop("deaf")]).await?;
    client.put_one(entry("test.hop", "t", "{}")).await?;
    client.settled("", "hop", PATIENCE).await?;
    let counts = client.counts("", "hop", "hop").await?;
    assert_eq!((counts.delivered, counts.dead_lettered), (1, 0));
    // A bus that is gone is a dead letter at once.
    client
        .session()
        .event_buses()
        .delete_event_bus(bascule_api::v1::DeleteEventBusRequest { name: "deaf".to_owned(), ..Default::default() })
        .await?;
    client.put_one(entry("test.hop", "t", "{}")).await?;
    let letter = until("the dead letter", PATIENCE, async || Ok(client.dead_letters("").await?.pop())).await?;
    assert_eq!((letter.error_code.as_str(), letter.retry_attempts), ("NO_RESOURCE", 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn hops_that_cannot_be_are_refused() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    role(&client).await?;
    client.bus("own").await?;
    client.rule("own", "hop", PATTERN).await?;
    let far = Target { arn: "arn:aws:events:eu-west-1:000000000000:event-bus/x".to_owned(), ..hop("x") };
    for (bad, told) in [
        (hop("own"), "its own bus"),
        (target("hop", &bus_arn("other")), "needs a role"),
        (Target { retry_policy: retries(1, 60), ..hop("other") }, "RetryPolicy"),
        (Target { input: Some("1".to_owned()), ..hop("other") }, "the whole event"),
        (far, "same region"),
    ] {
        let request = PutTargetsRequest {
            rule: "hop".to_owned(),
            event_bus_name: "own".to_owned(),
            targets: vec![bad],
            ..PutTargetsRequest::default()
        };
        let failed = client.session().targets().put_targets(request).await?.into_inner().failed_entries;
        ensure!(failed.len() == 1 && failed[0].error_message.contains(told), "{told}: {failed:?}");
    }
    Ok(())
}
