//! Messages that nobody can handle go to another queue; a queue can be emptied.

use anyhow::{Context as _, ensure};
use bascule_api::v1::{CreateQueueRequest, DeleteQueueRequest, DescribeQueueRequest, PurgeQueueRequest, RedrivePolicy};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry, reason, target};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::wait::{PATIENCE, until};
use tonic::Status;

const PATTERN: &str = r#"{"source":["test.queue"]}"#;

async fn create(client: &Client, name: &str, to: &str, max_receive_count: u32) -> Result<String, Status> {
    let request = CreateQueueRequest {
        name: name.to_owned(),
        // Whatever is received is visible again at once.
        visibility_timeout_seconds: Some(0),
        redrive_policy: Some(RedrivePolicy { dead_letter_target_arn: to.to_owned(), max_receive_count }),
        ..CreateQueueRequest::default()
    };
    let answer = client.session().queues().create_queue(request).await?.into_inner();
    Ok(answer.queue.map(|queue| queue.arn).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_received_too_often_goes_to_the_other_queue() -> Outcome {
    let mut daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let dead = client.queue("dead").await?;
    let arn = create(&client, "inbox", &dead, 2).await?;
    client.rule("", "inbox", PATTERN).await?;
    client.targets("", "inbox", vec![target("t", &arn)]).await?;
    client.put_one(entry("test.queue", "t", r#"{"mark":"m"}"#)).await?;
    let mut counts = Vec::new();
    let mut id = String::new();
    for _ in 0..2 {
        let message = until("a message", PATIENCE, async || Ok(client.receive("inbox", None).await?.pop())).await?;
        counts.push(message.receive_count);
        id = message.message_id;
    }
    assert_eq!(counts, [1, 2]);
    // The next receive hands it on instead; from then on it is not here.
    ensure!(client.receive("inbox", None).await?.is_empty(), "it was received a third time");
    daemon.kill9()?;
    daemon.start_again()?;
    let client = Client::operator(&daemon).await?;
    let moved = until("the dead one", PATIENCE, async || Ok(client.receive("dead", Some(600)).await?.pop())).await?;
    assert_eq!((moved.message_id.as_str(), moved.receive_count), (id.as_str(), 1));
    ensure!(moved.body.contains(r#""mark":"m""#), "{}", moved.body);
    assert_eq!(moved.attributes.get("DeadLetterQueueSourceArn"), Some(&arn));
    ensure!(client.receive("inbox", None).await?.is_empty(), "it is in both queues");
    let request = DescribeQueueRequest { queue_name: "inbox".to_owned(), ..DescribeQueueRequest::default() };
    let shown = client.session().queues().describe_queue(request).await?.into_inner().queue.context("no queue")?;
    let policy = shown.redrive_policy.context("no policy")?;
    assert_eq!((policy.dead_letter_target_arn, policy.max_receive_count), (dead, 2));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_other_queue_a_message_stays() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let dead = client.queue("dead").await?;
    let arn = create(&client, "inbox", &dead, 1).await?;
    client.rule("", "inbox", PATTERN).await?;
    client.targets("", "inbox", vec![target("t", &arn)]).await?;
    let request = DeleteQueueRequest { queue_name: "dead".to_owned(), ..DeleteQueueRequest::default() };
    client.session().queues().delete_queue(request).await?;
    client.put_one(entry("test.queue", "t", "{}")).await?;
    for count in 1..4 {
        let message = until("a message", PATIENCE, async || Ok(client.receive("inbox", None).await?.pop())).await?;
        assert_eq!(message.receive_count, count);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_that_cannot_be_are_refused() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let dead = client.queue("dead").await?;
    let own = dead.replace(":dead", ":inbox");
    for (to, count, told) in [
        (dead.as_str(), 0, "RedrivePolicy.maxReceiveCount"),
        (dead.as_str(), 1_001, "1 to 1000"),
        (own.as_str(), 5, "another standard queue"),
        ("arn:aws:sqs:us-east-1:000000000000:absent", 5, "that is there"),
        ("arn:aws:sqs:eu-west-1:000000000000:dead", 5, "of the same account"),
        ("dead", 5, "deadLetterTargetArn"),
    ] {
        let Err(status) = create(&client, "inbox", to, count).await else { anyhow::bail!("{to} {count}: taken") };
        let message = status.message();
        ensure!(reason(&status) == "VALIDATION_FAILED" && message.contains(told), "{told}: {message}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_deletes_what_lies_there_and_nothing_else() -> Outcome {
    const MESSAGES: u64 = 1_300;
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.queued("inbox", PATTERN).await?;
    client.queued("other", PATTERN).await?;
    for _ in 0..MESSAGES / 10 {
        client.put((0..10).map(|_| entry("test.queue", "t", "{}")).collect()).await?;
    }
    // Some of them are in flight.
    ensure!(!client.receive("inbox", Some(600)).await?.is_empty(), "nothing arrived");
    let purge = |validate_only| PurgeQueueRequest {
        queue_name: "inbox".to_owned(),
        validate_only,
        ..PurgeQueueRequest::default()
    };
    let tried = client.session().queues().purge_queue(purge(true)).await?.into_inner();
    let purged = client.session().queues().purge_queue(purge(false)).await?.into_inner();
    assert_eq!((tried.deleted_message_count, purged.deleted_message_count), (0, MESSAGES));
    ensure!(client.receive("inbox", None).await?.is_empty(), "something is left");
    let id = client.put_one(entry("test.queue", "t", "{}")).await?;
    let message = until("a new message", PATIENCE, async || Ok(client.receive("inbox", None).await?.pop())).await?;
    ensure!(message.body.contains(&id), "{}", message.body);
    assert_eq!(client.drain_at_least("other", MESSAGES as usize + 1).await?.len() as u64, MESSAGES + 1);
    let absent = PurgeQueueRequest { queue_name: "absent".to_owned(), ..PurgeQueueRequest::default() };
    let Err(status) = client.session().queues().purge_queue(absent).await else { anyhow::bail!("it was emptied") };
    assert_eq!(reason(&status), "RESOURCE_NOT_FOUND");
    Ok(())
}
