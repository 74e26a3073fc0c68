//! A target that fails holds up no other, and gets what it is owed once it is well again.

use std::time::Duration;

use anyhow::ensure;
use bascule_api::v1::UpdateApiDestinationRequest;
use bascule_tests::Outcome;
use bascule_tests::chance::now_ms;
use bascule_tests::client::{Client, entry, signing, target};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::ledger::{Arrived, Ledger};
use bascule_tests::producers::{Plan, Producers};
use bascule_tests::receiver::Receiver;
use bascule_tests::wait::{PATIENCE, until};

/// How long a lane may take to come back: the breaker's probes double their distance while it is sick.
const RECOVERY: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn sick_targets_hold_up_nobody_and_heal() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let receiver = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    let lanes = [
        ("well", "/ok/well"),
        ("fails", "/status/500/fails"),
        ("hangs", "/hang/hangs"),
        ("closes", "/close/closes"),
        ("throttles", "/status/429/throttles"),
    ];
    client.rule("", "all", r#"{"source":["test.producers"]}"#).await?;
    let mut targets = Vec::new();
    for (lane, path) in lanes {
        let query = if lane == "throttles" { "?retry-after=2" } else { "" };
        let arn = client.destination(lane, &receiver.url(&format!("{path}{query}")), signing()).await?;
        targets.push(target(lane, &arn));
    }
    client.targets("", "all", targets).await?;
    let plan = Plan { producers: 2, batch: 5, calls: Some(3), ..Plan::default() };
    let puts = Producers::start(daemon.context()?, plan).finish().await?;
    let put_ms = now_ms();
    // The well one has everything while no other has anything.
    until("everything at the well one", PATIENCE, async || {
        Ok((client.counts("", "all", "well").await?.delivered == 30).then_some(()))
    })
    .await?;
    // An attempt that hangs lasts five seconds: whoever waited for one would show it.
    let well_ms = receiver.at("/ok/well")?.iter().map(|record| record.time_ms).max().unwrap_or(u64::MAX);
    ensure!(well_ms < put_ms + 5_000, "the well one had to wait for {} ms", well_ms.saturating_sub(put_ms));
    for told in client.deliveries("", "all").await?.iter().filter(|told| told.target_id != "well") {
        assert_eq!((told.delivered, told.dead_lettered, told.pending), (0, 0, 30), "{}", told.target_id);
    }
    for (_, path) in lanes {
        receiver.behave(path, "/ok")?;
    }
    client.settled("", "all", RECOVERY).await?;
    let mut ledger = Ledger::default();
    for put in &puts {
        ledger.put(put, &lanes.map(|(lane, _)| lane));
    }
    for record in receiver.records()?.iter().filter(|record| record.is_taken()) {
        let lane = record.path.rsplit('/').next().unwrap_or_default();
        ledger.delivered(lane, &Arrived { id: record.event_id.clone(), mark: record.mark.clone() });
    }
    for (lane, _) in lanes {
        ledger.counted(lane, client.counts("", "all", lane).await?);
    }
    ledger.account().demand_exact()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_found_again_elsewhere() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let mut first = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    client.webhook("hook", r#"{"source":["test.gone"]}"#, &first.url("/ok")).await?;
    client.put_one(entry("test.gone", "t", "{}")).await?;
    client.settled("", "hook", PATIENCE).await?;
    first.kill()?;
    let id = client.put_one(entry("test.gone", "t", "{}")).await?;
    let second = Receiver::start(&daemon)?;
    let request = UpdateApiDestinationRequest {
        name: "hook".to_owned(),
        invocation_endpoint: Some(second.url("/ok")),
        ..UpdateApiDestinationRequest::default()
    };
    client.session().api_destinations().update_api_destination(request).await?;
    client.settled("", "hook", PATIENCE).await?;
    let ids: Vec<String> = second.records()?.into_iter().map(|record| record.event_id).collect();
    assert_eq!(ids, [id]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_is_called_no_faster_than_it_says() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let receiver = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    client.webhook("slow", r#"{"source":["test.rate"]}"#, &receiver.url("/ok")).await?;
    let request = UpdateApiDestinationRequest {
        name: "slow".to_owned(),
        invocation_rate_limit_per_second: Some(10),
        ..UpdateApiDestinationRequest::default()
    };
    client.session().api_destinations().update_api_destination(request).await?;
    let began_ms = now_ms();
    for _ in 0..4 {
        client.put((0..10).map(|_| entry("test.rate", "t", "{}")).collect()).await?;
    }
    client.settled("", "slow", PATIENCE).await?;
    let last_ms = receiver.at("/ok")?.iter().map(|record| record.time_ms).max().unwrap_or(0);
    assert_eq!(receiver.at("/ok")?.len(), 40);
    // A second's worth may start at once, and the last of the other thirty not before three more.
    let took_ms = last_ms - began_ms;
    ensure!(took_ms >= 2_950, "40 calls at 10 a second took {took_ms} ms");
    Ok(())
}
