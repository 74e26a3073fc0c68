//! An event by its id: shown as long as somebody is owed it, with how each delivery stands.

use anyhow::{Context as _, ensure};
use bascule_api::v1::{
    EventDelivery, EventDeliveryState, GetEventRequest, GetEventResponse, RemoveTargetsRequest, Target,
};
use bascule_tests::client::{Client, entry, reason, target};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::people;
use bascule_tests::receiver::Receiver;
use bascule_tests::wait::{PATIENCE, until};
use bascule_tests::{Outcome, command};
use tonic::Status;

const PATTERN: &str = r#"{"source":["test.owed"]}"#;
const REFUSES: &str = "/status/503/owed";

async fn get(client: &Client, bus: &str, id: &str) -> Result<GetEventResponse, Status> {
    let request = GetEventRequest { event_id: id.to_owned(), event_bus_name: bus.to_owned() };
    Ok(client.session().events().get_event(request).await?.into_inner())
}

async fn missing(client: &Client, bus: &str, id: &str) -> Outcome {
    match get(client, bus, id).await {
        Ok(answer) => anyhow::bail!("it is there: {answer:?}"),
        Err(status) => ensure!(reason(&status) == "RESOURCE_NOT_FOUND", "{status:?}"),
    }
    Ok(())
}

/// Once it is no longer there.
async fn gone(client: &Client, bus: &str, id: &str) -> Outcome {
    until("the event is gone", PATIENCE, async || Ok(missing(client, bus, id).await.ok())).await
}

/// The event once a delivery to `hook` was tried.
async fn tried(client: &Client, bus: &str, id: &str) -> Outcome<(GetEventResponse, EventDelivery)> {
    until("an attempt that is written down", PATIENCE, async || {
        let answer = get(client, bus, id).await?;
        let hook = answer.deliveries.iter().find(|one| one.target_id == "hook" && one.attempt_count > 0).cloned();
        Ok(hook.map(|hook| (answer, hook)))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_shown_until_its_last_delivery_has_ended() -> Outcome {
    let mut daemon = Daemon::start(&Options::default())?;
    let receiver = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    client.webhook("hook", PATTERN, &receiver.url(REFUSES)).await?;
    client.webhook("also", PATTERN, &receiver.url("/ok/owed")).await?;
    client.queued("kept", PATTERN).await?;
    client.bus("other").await?;
    let id = client.put_one(entry("test.owed", "t", r#"{"n":1.10}"#)).await?;
    let (answer, hook) = tried(&client, "", &id).await?;
    assert_eq!(answer.event_bus_arn, "arn:aws:events:us-east-1:000000000000:event-bus/default");
    ensure!(answer.event.contains(&id) && answer.event.ends_with(r#""detail":{"n":1.10}}"#), "{}", answer.event);
    ensure!(answer.accepted_time.is_some() && answer.hops == 0, "{answer:?}");
    let names: Vec<_> = answer.deliveries.iter().map(|one| (one.rule_name.as_str(), one.target_id.as_str())).collect();
    assert_eq!(names, [("also", "also"), ("hook", "hook")], "what became a message at once is no delivery");
    assert_eq!((hook.state(), hook.last_error_code.as_str()), (EventDeliveryState::Pending, "ERROR_FROM_TARGET"));
    ensure!(hook.due_time.is_some() && hook.target_arn.contains(":api-destination/hook"), "{hook:?}");
    until("the other delivery has ended", PATIENCE, async || {
        let deliveries = get(&client, "default", &id).await?.deliveries;
        Ok((deliveries[0].state() == EventDeliveryState::Ended).then_some(()))
    })
    .await?;
    // Not on another bus, and not on one that there is not.
    missing(&client, "other", &id).await?;
    missing(&client, "absent", &id).await?;

    // Rows outlive their leader.
    daemon.kill9()?;
    daemon.start_again()?;
    let client = Client::operator(&daemon).await?;
    let shown = command::ask(&daemon, &["event", "get", &id])?;
    assert_eq!((&shown["EventId"], &shown["Deliveries"][1]["State"]), (&id.as_str().into(), &"PENDING".into()));
    ensure!(shown["Event"].as_str().is_some_and(|event| event.contains("test.owed")), "{shown}");

    receiver.behave(REFUSES, "/ok")?;
    gone(&client, "", &id).await?;
    assert_eq!(client.counts("", "hook", "hook").await?.delivered, 1);
    let said = command::run(&daemon, &["event", "get", &id])?;
    ensure!(said.code == Some(3) && said.errors.contains("bascule dead-letter list"), "{said:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_is_owed_is_not_found() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.queued("kept", r#"{"source":["test.kept"]}"#).await?;
    client.rule("", "aimless", PATTERN).await?;
    for source in ["test.unwanted", "test.kept", "test.owed"] {
        let id = client.put_one(entry(source, "t", "{}")).await?;
        missing(&client, "", &id).await.with_context(|| source.to_owned())?;
        // The form of the id is free as that of any UUID; that it is one is not.
        missing(&client, "", &id.to_uppercase()).await?;
        for bad in ["", "1", &id[1..], &id.replace('-', "")] {
            let status = get(&client, "", bad).await.err().context("it was taken")?;
            ensure!(
                reason(&status) == "VALIDATION_FAILED" && status.message().contains("EventId"),
                "{bad}: {status:?}"
            );
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_keeps_its_id_on_the_next_bus_and_goes_with_its_last_target() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let receiver = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    client.bus("second").await?;
    let destination = client.destination("hook", &receiver.url(REFUSES), bascule_tests::client::signing()).await?;
    client.rule("second", "late", PATTERN).await?;
    client.targets("second", "late", vec![target("hook", &destination), target("hook2", &destination)]).await?;
    client.rule("", "hop", PATTERN).await?;
    let trust = people::trust(r#"{"Service":"events.amazonaws.com"}"#);
    let role = client.role("hops", &trust, &people::allow("events:PutEvents", "*")).await?;
    let bus = "arn:aws:events:us-east-1:000000000000:event-bus/second";
    client.targets("", "hop", vec![Target { role_arn: role, ..target("hop", bus) }]).await?;
    let id = client.put_one(entry("test.owed", "t", "{}")).await?;
    until("it hopped", PATIENCE, async || Ok(get(&client, "second", &id).await.ok())).await?;
    let (answer, hook) = tried(&client, bus, &id).await?;
    assert_eq!((answer.hops, answer.deliveries.len()), (1, 2));
    assert_eq!((answer.event_bus_arn.as_str(), hook.rule_name.as_str()), (bus, "late"));
    gone(&client, "", &id).await?;
    // A target that was made later is not owed it, one that is removed no longer.
    client.targets("second", "late", vec![target("later", &destination)]).await?;
    let targets = ["hook", "hook2"];
    for (left, id_of_target) in [(1, targets[0]), (0, targets[1])] {
        let request = RemoveTargetsRequest {
            rule: "late".to_owned(),
            event_bus_name: "second".to_owned(),
            ids: vec![id_of_target.to_owned()],
            ..RemoveTargetsRequest::default()
        };
        client.session().targets().remove_targets(request).await?;
        let found = get(&client, "second", &id).await.map_or(0, |answer| answer.deliveries.len());
        assert_eq!(found, left);
    }
    missing(&client, "second", &id).await
}
