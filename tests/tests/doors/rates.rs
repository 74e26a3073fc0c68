//! How often one principal may call, and how fast events may come to one bus: who asks for more is told when to come again, and
//! nobody else waits for it.

use anyhow::ensure;
use bascule_api::status::Refusal;
use bascule_api::v1::{ListEventBusesRequest, PutEventsRequestEntry};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::people::{People, document};

/// Lists buses so often; gives how many calls were refused as too many.
async fn throttled(client: &Client, calls: usize) -> Outcome<usize> {
    let mut refused = 0;
    for _ in 0..calls {
        let Err(status) = client.session().event_buses().list_event_buses(ListEventBusesRequest::default()).await
        else {
            continue;
        };
        let refusal = Refusal::from_status(&status)?;
        ensure!(refusal.reason.name() == "THROTTLED", "{status:?}");
        ensure!(refusal.retry_after.is_some_and(|wait| !wait.is_zero()), "when to come again is not told: {status:?}");
        ensure!(refusal.message.contains("calls of one principal in a second"), "{status:?}");
        refused += 1;
    }
    Ok(refused)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_principal_that_calls_too_often_waits_alone() -> Outcome {
    let daemon = Daemon::start(&Options::default().set("limits.principal_calls_per_second=20"))?;
    let people = People::of(&daemon).await?;
    let own = document(&[("Allow", "events:ListEventBuses", "*")]);
    let (busy, calm) = (people.user("busy", &own).await?, people.user("calm", &own).await?);
    let refused = throttled(&busy, 200).await?;
    ensure!(refused >= 100, "only {refused} of 200 calls were refused");
    ensure!(throttled(&calm, 5).await? == 0, "another waits for it");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_takes_no_more_than_it_may() -> Outcome {
    let daemon = Daemon::start(&Options::default().set("limits.bus_events_per_second=50"))?;
    let operator = Client::operator(&daemon).await?;
    operator.bus("calm").await?;
    let on = |bus: &str| PutEventsRequestEntry { event_bus_name: bus.to_owned(), ..entry("shop", "sold", "{}") };
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..30 {
        let answer = operator.try_put((0..10).map(|_| on("default")).collect()).await?;
        for entry in answer.entries {
            match entry.error_code.as_str() {
                "" => taken += 1,
                "THROTTLED" => refused += 1,
                other => anyhow::bail!("{other}: {}", entry.error_message),
            }
        }
    }
    ensure!(taken >= 50 && refused >= 100, "{taken} taken, {refused} refused");
    ensure!(operator.try_put(vec![on("calm")]).await?.failed_entry_count == 0, "another bus waits for it");
    Ok(())
}
