//! Queues: receive, hide, give back, delete; a receipt is good until the message is received again.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bascule_api::v1::{
    ChangeMessageVisibilityRequest, CreateQueueRequest, DeleteMessageRequest, DescribeQueueRequest,
    PutEventsRequestEntry, QueueMessage, ReceiveMessageRequest,
};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry, reason};
use bascule_tests::command;
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::ledger::{Fate, read_event};
use bascule_tests::producers::{Plan, Producers};
use bascule_tests::wait::{PATIENCE, until};

async fn receive_one(client: &Client, queue: &str, hidden_s: Option<u32>) -> Outcome<QueueMessage> {
    until("a message", PATIENCE, async || Ok(client.receive(queue, hidden_s).await?.pop())).await
}

/// The code of each handle's result, empty for those that are deleted.
async fn delete(client: &Client, queue: &str, handles: &[&str]) -> Outcome<Vec<String>> {
    let request = DeleteMessageRequest {
        queue_name: queue.to_owned(),
        receipt_handles: handles.iter().map(|handle| (*handle).to_owned()).collect(),
        ..DeleteMessageRequest::default()
    };
    let answer = client.session().queues().delete_message(request).await?.into_inner();
    let failed = answer.results.iter().filter(|result| !result.error_code.is_empty()).count();
    ensure!(answer.failed_entry_count as usize == failed, "{answer:?}");
    Ok(answer.results.into_iter().map(|result| result.error_code).collect())
}

async fn change(client: &Client, queue: &str, handle: &str, seconds: u32) -> Result<(), String> {
    let request = ChangeMessageVisibilityRequest {
        queue_name: queue.to_owned(),
        receipt_handle: handle.to_owned(),
        visibility_timeout: seconds,
        ..ChangeMessageVisibilityRequest::default()
    };
    let answer = client.session().queues().change_message_visibility(request).await;
    answer.map(|_| ()).map_err(|status| reason(&status))
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_hidden_given_back_and_deleted() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.queued("inbox", r#"{"source":["test.queue"]}"#).await?;
    let id = client.put_one(entry("test.queue", "t", r#"{"mark":"m", "n": 1.10}"#)).await?;
    let first = receive_one(&client, "inbox", Some(600)).await?;
    let event = read_event(&first.body).context("no event")?;
    assert_eq!((event.id.as_str(), event.mark.as_str(), first.receive_count), (id.as_str(), "m", 1));
    ensure!(first.body.contains("1.10") && first.attributes.is_empty(), "{first:?}");
    ensure!(client.receive("inbox", None).await?.is_empty(), "a hidden message was received");
    // Given back, it comes again under another receipt; the first is stale from then on.
    change(&client, "inbox", &first.receipt_handle, 0).await.map_err(anyhow::Error::msg)?;
    let second = receive_one(&client, "inbox", Some(600)).await?;
    assert_eq!((second.message_id.as_str(), second.receive_count), (first.message_id.as_str(), 2));
    assert_eq!(delete(&client, "inbox", &[&first.receipt_handle]).await?, ["RECEIPT_HANDLE_STALE"]);
    assert_eq!(change(&client, "inbox", &first.receipt_handle, 9).await, Err("RECEIPT_HANDLE_STALE".to_owned()));
    let last = if second.receipt_handle.ends_with('A') { "E" } else { "A" };
    let forged = format!("{}{last}", &second.receipt_handle[..second.receipt_handle.len() - 1]);
    let told = delete(&client, "inbox", &[&second.receipt_handle, &forged, "junk"]).await?;
    assert_eq!(told, ["", "RECEIPT_HANDLE_INVALID", "RECEIPT_HANDLE_INVALID"]);
    // The same handle twice in one call is a mistake, and nothing of it is done.
    let twice = delete(&client, "inbox", &["junk", &second.receipt_handle, &second.receipt_handle]).await;
    let told = twice.err().context("a handle was taken twice")?;
    ensure!(format!("{told:#}").contains("ReceiptHandles[2]"), "{told:#}");
    // Deleted twice is deleted.
    assert_eq!(delete(&client, "inbox", &[&second.receipt_handle]).await?, [""]);
    ensure!(client.drain("inbox").await?.is_empty(), "a deleted message came back");
    let counts = client.counts("", "inbox", "inbox").await?;
    assert_eq!((counts.delivered, counts.pending, counts.cancelled), (1, 0, 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_header_travels_with_its_event() -> Outcome {
    const TRACE: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1";
    let mut daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.queued("inbox", r#"{"source":["test.queue"]}"#).await?;
    let put = PutEventsRequestEntry { trace_header: TRACE.to_owned(), ..entry("test.queue", "t", "{}") };
    client.put_one(put).await?;
    daemon.kill9()?;
    daemon.start_again()?;
    let client = Client::operator(&daemon).await?;
    let message = receive_one(&client, "inbox", None).await?;
    assert_eq!(message.attributes.into_iter().collect::<Vec<_>>(), [("AWSTraceHeader".to_owned(), TRACE.to_owned())]);
    ensure!(!message.body.contains(TRACE), "{}", message.body);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_comes_back_when_its_time_is_over() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.queued("inbox", r#"{"source":["test.queue"]}"#).await?;
    client.put_one(entry("test.queue", "t", "{}")).await?;
    let first = receive_one(&client, "inbox", Some(1)).await?;
    let second = receive_one(&client, "inbox", None).await?;
    assert_eq!((second.message_id, second.receive_count), (first.message_id, 2));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receive_that_waits_hears_of_a_new_message() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.queued("inbox", r#"{"source":["test.queue"]}"#).await?;
    let waiting = {
        let client = client.clone();
        tokio::spawn(async move {
            let request = ReceiveMessageRequest {
                queue_name: "inbox".to_owned(),
                wait_seconds: 20,
                ..ReceiveMessageRequest::default()
            };
            client.session().queues().receive_message(request).await
        })
    };
    // Whichever is first, the message must come well before the wait is over.
    client.put_one(entry("test.queue", "t", "{}")).await?;
    let answer = tokio::time::timeout(Duration::from_secs(15), waiting).await???.into_inner();
    assert_eq!(answer.messages.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_messages_are_each_received_once() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let request = CreateQueueRequest {
        name: "inbox".to_owned(),
        visibility_timeout_seconds: Some(120),
        ..CreateQueueRequest::default()
    };
    let made = client.session().queues().create_queue(request).await?.into_inner().queue.context("no queue")?;
    assert_eq!(made.arn, "arn:aws:sqs:us-east-1:000000000000:inbox");
    client.rule("", "inbox", r#"{"source":["test.queue"]}"#).await?;
    client.targets("", "inbox", vec![bascule_tests::client::target("inbox", &made.arn)]).await?;
    let mut put = Vec::new();
    for _ in 0..20 {
        put.extend(client.put((0..10).map(|_| entry("test.queue", "t", "{}")).collect()).await?);
    }
    let describe = DescribeQueueRequest { queue_name: "inbox".to_owned(), allow_stale: false };
    let full = client.session().queues().describe_queue(describe).await?.into_inner();
    assert_eq!((full.visible_message_count, full.in_flight_message_count), (200, 0));
    let drained = client.drain_at_least("inbox", 200).await?;
    let mut got: Vec<String> = drained.iter().filter_map(|message| Some(read_event(&message.body)?.id)).collect();
    got.sort();
    put.sort();
    assert_eq!(got, put);
    ensure!(drained.iter().all(|message| message.receive_count == 1), "a message was received twice");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_holds_more_than_is_counted_says_so() -> Outcome {
    /// What one group counts.
    const COUNTED: u64 = 10_000;
    let daemon = Daemon::start(&Options::default().set("node.groups=1"))?;
    let client = Client::operator(&daemon).await?;
    client.queued("inbox", r#"{"source":["test.queue"]}"#).await?;
    let began = Instant::now();
    client.put_one(entry("test.queue", "t", "{}")).await?;
    // The oldest is hidden, and stands behind all that are visible.
    receive_one(&client, "inbox", Some(600)).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let describe = async || {
        let request = DescribeQueueRequest { queue_name: "inbox".to_owned(), allow_stale: false };
        anyhow::Ok(client.session().queues().describe_queue(request).await?.into_inner())
    };
    let few = describe().await?;
    assert_eq!((few.visible_message_count, few.in_flight_message_count, few.counts_are_lower_bounds), (0, 1, false));
    let plan = Plan {
        producers: 8,
        batch: 10,
        calls: Some(usize::try_from(COUNTED)? / 80 + 1),
        source: "test.queue".to_owned(),
        ..Plan::default()
    };
    let puts = Producers::start(daemon.context()?, plan).finish().await?;
    ensure!(puts.iter().all(|put| matches!(put.fate, Fate::Acknowledged(_))), "a put failed");
    client.settled("", "inbox", PATIENCE).await?;
    let (least_s, many) = (began.elapsed().as_secs() - 1, describe().await?);
    assert_eq!((many.visible_message_count, many.in_flight_message_count), (COUNTED, 0));
    ensure!(many.counts_are_lower_bounds, "it does not say that there are more");
    ensure!(many.oldest_message_age_seconds >= least_s, "{many:?} after {least_s} s");
    let told = command::ask(&daemon, &["queue", "describe", "inbox"])?;
    assert_eq!((&told["VisibleMessageCount"], &told["CountsAreLowerBounds"]), (&COUNTED.into(), &true.into()));
    Ok(())
}
