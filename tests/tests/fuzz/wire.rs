//! What only a whole daemon reads: receipts, page tokens, entries of a put and names, over its real listener. No answer may be an
//! accident, no tampered receipt or token may be taken, and the daemon must live on.

use std::collections::BTreeSet;

use anyhow::ensure;
use bascule_api::status::Refusal;
use bascule_api::v1::{
    DeleteMessageRequest, ListQueuesRequest, PutEventsRequest, PutRuleRequest, PutTargetsRequest,
    TestEventPatternRequest,
};
use bascule_tests::Outcome;
use bascule_tests::chance::Chance;
use bascule_tests::client::{Client, entry, target};
use bascule_tests::daemon::{Daemon, Options};
use tonic::{Code, Status};

use super::{mutate, patterns, run};

/// Handles of one call.
const HANDLES_COUNT: u64 = 10;
/// A call costs as much as some readings, so there are fewer.
const SHARE: u64 = 10;

/// A refusal with a reason, or what the transport says of a call that it cannot carry; never a fault of the house.
fn refused(status: &Status) -> Outcome {
    let reasoned = Refusal::from_status(status).is_ok();
    let carried = !matches!(status.code(), Code::Internal | Code::Unknown | Code::DataLoss | Code::Unavailable);
    ensure!(reasoned && carried, "an accident: {:?} {}", status.code(), status.message());
    Ok(())
}

fn text(corpus: &[Vec<u8>], chance: &mut Chance) -> String {
    String::from_utf8_lossy(&mutate::mutated(corpus, chance)).into_owned()
}

async fn receipts(client: &Client, seed: u64) -> Outcome {
    client.queued("fuzzed", r#"{"source":["fuzz"]}"#).await?;
    client.put((0..5).map(|_| entry("fuzz", "t", "{}")).collect()).await?;
    let messages = client.receive("fuzzed", Some(600)).await?;
    ensure!(!messages.is_empty(), "there is no message to fuzz the receipt of");
    let good: BTreeSet<String> = messages.iter().map(|message| message.receipt_handle.clone()).collect();
    let corpus = run::corpus(good.iter().map(String::as_str));
    for call in 0..run::inputs(1) / HANDLES_COUNT {
        let handles =
            (0..HANDLES_COUNT).map(|n| text(&corpus, &mut Chance::seeded(seed.wrapping_add(call * HANDLES_COUNT + n))));
        let handles: BTreeSet<String> = handles.filter(|handle| !good.contains(handle)).collect();
        let request = DeleteMessageRequest {
            queue_name: "fuzzed".to_owned(),
            receipt_handles: handles.into_iter().collect(),
            ..DeleteMessageRequest::default()
        };
        match client.session().queues().delete_message(request).await {
            Ok(answer) => {
                for result in answer.into_inner().results {
                    ensure!(
                        !result.error_code.is_empty(),
                        "a receipt that nobody gave was taken: `{}`",
                        result.receipt_handle
                    );
                }
            }
            Err(status) => refused(&status)?,
        }
    }
    Ok(())
}

async fn tokens(client: &Client, seed: u64) -> Outcome {
    client.queue("first").await?;
    client.queue("second").await?;
    let first = ListQueuesRequest { page_size: 1, ..ListQueuesRequest::default() };
    let good = client.session().queues().list_queues(first.clone()).await?.into_inner().next_page_token;
    ensure!(!good.is_empty(), "there is no token to fuzz");
    let corpus = run::corpus([good.as_str()]);
    for nth in 0..run::inputs(SHARE) {
        let token = text(&corpus, &mut Chance::seeded(seed.wrapping_add(nth)));
        if token == good || token.is_empty() {
            continue;
        }
        let request = ListQueuesRequest { page_token: token.clone(), ..first.clone() };
        match client.session().queues().list_queues(request).await {
            Ok(_) => ensure!(false, "a token that nobody gave was taken: `{token}`"),
            Err(status) => refused(&status)?,
        }
    }
    Ok(())
}

async fn puts(client: &Client, seed: u64) -> Outcome {
    let corpus = run::corpus([
        r#"{"mark":"1","a":[1,2.5e3,null]}"#,
        "com.example.orders",
        "default",
        "arn:aws:events:us-east-1:000000000000:event-bus/default",
    ]);
    // With a rule that wants everything, what was accepted is matched, sealed, and laid too.
    client.queued("everything", r#"{"source":[{"exists":true}]}"#).await?;
    for nth in 0..run::inputs(SHARE) {
        let mut chance = Chance::seeded(seed.wrapping_add(nth));
        let mut one = entry("fuzz", "t", &text(&corpus, &mut chance));
        match chance.below(5) {
            0 => one.source = text(&corpus, &mut chance),
            1 => one.detail_type = text(&corpus, &mut chance),
            2 => one.event_bus_name = text(&corpus, &mut chance),
            3 => one.resources = vec![text(&corpus, &mut chance)],
            _ => one.trace_header = text(&corpus, &mut chance),
        }
        let request = PutEventsRequest { entries: vec![one, entry("fuzz", "t", "{}")], ..PutEventsRequest::default() };
        match client.session().events().put_events(request).await {
            Ok(answer) => {
                let told = answer.into_inner().entries;
                ensure!(told.len() == 2, "{} answers for 2 entries", told.len());
                for told in told {
                    ensure!(told.event_id.is_empty() != told.error_code.is_empty(), "an id or a reason: {told:?}");
                    ensure!(told.error_code != "INTERNAL", "an accident: {told:?}");
                }
            }
            Err(status) => refused(&status)?,
        }
    }
    Ok(())
}

async fn settings(client: &Client, seed: u64) -> Outcome {
    let corpus = run::corpus([
        r#"{"source":["a",{"prefix":"b"}]}"#,
        "a-rule",
        "arn:aws:sqs:us-east-1:000000000000:fuzzed",
        "rate(5 minutes)",
    ]);
    let events = patterns::events();
    for nth in 0..run::inputs(SHARE) {
        let mut chance = Chance::seeded(seed.wrapping_add(nth));
        let mut text = || text(&corpus, &mut chance);
        let rule =
            PutRuleRequest { name: text(), event_pattern: text(), validate_only: true, ..PutRuleRequest::default() };
        let pattern = rule.event_pattern.clone();
        let answers = [
            client.session().rules().put_rule(rule).await.map(drop),
            client
                .session()
                .targets()
                .put_targets(PutTargetsRequest {
                    rule: "fuzzed".to_owned(),
                    targets: vec![target(&text(), &text())],
                    validate_only: true,
                    ..PutTargetsRequest::default()
                })
                .await
                .map(drop),
            client
                .session()
                .rules()
                .test_event_pattern(TestEventPatternRequest {
                    event_pattern: pattern,
                    event: String::from_utf8_lossy(&mutate::mutated(&events, &mut chance)).into_owned(),
                })
                .await
                .map(drop),
        ];
        for answer in answers {
            answer.or_else(|status| refused(&status))?;
        }
    }
    Ok(())
}

/// Fuzzes one kind of input of a daemon of its own, which must be alive and well at the end.
async fn over_a_daemon(name: &str, fuzz: impl AsyncFnOnce(&Client, u64) -> Outcome) -> Outcome {
    let seed = Chance::printed(name).draw();
    let mut daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    fuzz(&client, seed).await?;
    ensure!(daemon.is_running()?, "the daemon ended");
    let status = daemon.terminate()?;
    ensure!(status.success() && !daemon.log_end().contains("panicked"), "{status}: {}", daemon.log_end());
    Ok(())
}

// A client that is not polled does not answer the end of its connection, and the daemon would wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_receipt_is_taken_that_was_not_given() -> Outcome {
    over_a_daemon("receipts", receipts).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_is_taken_that_was_not_given() -> Outcome {
    over_a_daemon("tokens", tokens).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_are_accepted_or_refused() -> Outcome {
    over_a_daemon("puts", puts).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_are_sound_or_refused() -> Outcome {
    over_a_daemon("settings", settings).await
}
