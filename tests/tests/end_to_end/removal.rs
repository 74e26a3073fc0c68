//! What is pending when its rule, target, queue or bus goes away is cancelled, and nothing of it comes back under the same name.

use std::time::Duration;

use anyhow::ensure;
use bascule_api::v1::{
    DeleteEventBusRequest, DeleteQueueRequest, DeleteRuleRequest, DescribeQueueRequest, RemoveTargetsRequest,
};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry, reason, signing, target};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::receiver::Receiver;
use bascule_tests::wait::{PATIENCE, stays, until};

/// Longer than the longest wait before a second retry, so that a delivery that still lived would show.
const QUIET: Duration = Duration::from_millis(2_500);

async fn remove_target(client: &Client, bus: &str, rule: &str, id: &str) -> Outcome {
    let request = RemoveTargetsRequest {
        rule: rule.to_owned(),
        event_bus_name: bus.to_owned(),
        ids: vec![id.to_owned()],
        ..RemoveTargetsRequest::default()
    };
    let answer = client.session().targets().remove_targets(request).await?.into_inner();
    ensure!(answer.failed_entry_count == 0, "{answer:?}");
    Ok(())
}

async fn delete_rule(client: &Client, bus: &str, rule: &str) -> Result<(), String> {
    let request =
        DeleteRuleRequest { name: rule.to_owned(), event_bus_name: bus.to_owned(), ..DeleteRuleRequest::default() };
    client.session().rules().delete_rule(request).await.map(|_| ()).map_err(|status| reason(&status))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_target_is_called_no_more() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let receiver = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    let path = "/status/503/gone";
    let pattern = r#"{"source":["test.gone"]}"#;
    client.webhook("gone", pattern, &receiver.url(path)).await?;
    client.put((0..10).map(|_| entry("test.gone", "t", "{}")).collect()).await?;
    until("every event attempted", PATIENCE, async || Ok((receiver.at(path)?.len() >= 10).then_some(()))).await?;
    assert_eq!(client.counts("", "gone", "gone").await?.pending, 10);
    assert_eq!(delete_rule(&client, "", "gone").await, Err("RULE_HAS_TARGETS".to_owned()));
    remove_target(&client, "", "gone", "gone").await?;
    delete_rule(&client, "", "gone").await.map_err(anyhow::Error::msg)?;
    // Attempts that were open may end; then there is silence, even though the receiver would take them now.
    receiver.behave(path, "/ok")?;
    let before = until("the last open attempt", PATIENCE, async || {
        let seen = receiver.at(path)?.len();
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok((receiver.at(path)?.len() == seen).then_some(seen))
    })
    .await?;
    stays("silence after the removal", QUIET, async || Ok(receiver.at(path)?.len() == before)).await?;
    // The same names again are another rule and another target.
    let arn = client.destination_over("again", &receiver.url(path), &connection_arn(&client, "gone").await?).await?;
    client.rule("", "gone", pattern).await?;
    client.targets("", "gone", vec![target("gone", &arn)]).await?;
    let id = client.put_one(entry("test.gone", "t", "{}")).await?;
    let told = client.settled("", "gone", PATIENCE).await?;
    assert_eq!((told[0].delivered, told[0].pending), (1, 0));
    let after: Vec<_> = receiver.at(path)?.into_iter().skip(before).collect();
    assert_eq!(after.iter().map(|record| record.event_id.as_str()).collect::<Vec<_>>(), [id.as_str()]);
    Ok(())
}

async fn connection_arn(client: &Client, name: &str) -> Outcome<String> {
    let request = bascule_api::v1::DescribeConnectionRequest { name: name.to_owned(), allow_stale: false };
    let answer = client.session().connections().describe_connection(request).await?.into_inner();
    Ok(answer.connection.unwrap_or_default().arn)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_queue_takes_its_messages_along() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.queued("inbox", r#"{"source":["test.queue"]}"#).await?;
    client.put((0..10).map(|_| entry("test.queue", "t", "{}")).collect()).await?;
    let held = client.receive("inbox", Some(600)).await?;
    ensure!(!held.is_empty(), "nothing to hold");
    let request = DeleteQueueRequest { queue_name: "inbox".to_owned(), ..DeleteQueueRequest::default() };
    client.session().queues().delete_queue(request).await?;
    let Err(gone) = client.receive("inbox", None).await else { anyhow::bail!("a deleted queue was received from") };
    ensure!(gone.to_string().contains("inbox"), "{gone}");
    // Events that still match find no queue: they are accounted for, and the rule's other work goes on.
    client.put_one(entry("test.queue", "t", "{}")).await?;
    let told = client.settled("", "inbox", PATIENCE).await?;
    ensure!(told[0].delivered + told[0].dead_lettered + told[0].cancelled == 11, "{told:?}");
    // A new queue of that name is empty, and old receipts are of no use on it.
    client.queue("inbox").await?;
    let describe = DescribeQueueRequest { queue_name: "inbox".to_owned(), allow_stale: false };
    let fresh = client.session().queues().describe_queue(describe).await?.into_inner();
    assert_eq!((fresh.visible_message_count, fresh.in_flight_message_count), (0, 0));
    let refused = client.delete("inbox", vec![held[0].receipt_handle.clone()]).await;
    ensure!(refused.is_err_and(|error| error.to_string().contains("RECEIPT_HANDLE_INVALID")), "an old receipt is good");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_goes_when_its_rules_are_gone() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let receiver = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    let path = "/status/500/bus";
    client.bus("short").await?;
    let arn = client.destination("short", &receiver.url(path), signing()).await?;
    client.rule("short", "rule", r#"{"source":["test.bus"]}"#).await?;
    client.targets("short", "rule", vec![target("hook", &arn)]).await?;
    let on_short = || {
        let mut put = entry("test.bus", "t", "{}");
        put.event_bus_name = "short".to_owned();
        put
    };
    client.put((0..5).map(|_| on_short()).collect()).await?;
    until("an attempt", PATIENCE, async || Ok((!receiver.at(path)?.is_empty()).then_some(()))).await?;
    let delete = || DeleteEventBusRequest { name: "short".to_owned(), ..DeleteEventBusRequest::default() };
    let Err(status) = client.session().event_buses().delete_event_bus(delete()).await else {
        anyhow::bail!("a bus with rules was deleted")
    };
    assert_eq!(reason(&status), "BUS_HAS_RULES");
    remove_target(&client, "short", "rule", "hook").await?;
    delete_rule(&client, "short", "rule").await.map_err(anyhow::Error::msg)?;
    client.session().event_buses().delete_event_bus(delete()).await?;
    let answer = client.try_put(vec![on_short(), entry("test.bus", "t", "{}")]).await;
    // EventBridge acknowledges events for a bus that is not there; whatever is said, it is said of that entry alone.
    if let Ok(answer) = &answer {
        ensure!(!answer.entries[1].event_id.is_empty(), "the other entry suffers: {answer:?}");
    }
    client.bus("short").await?;
    let put = client.put_one(on_short()).await?;
    ensure!(!put.is_empty(), "the new bus takes nothing");
    let seen = receiver.at(path)?.len();
    stays("silence after the deletion", QUIET, async || Ok(receiver.at(path)?.len() <= seen + 5)).await
}
