//! A node that is cut off says of a put, within a caller's second, that it was not written: another node may be asked then.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use bascule_api::client::Deadlines;
use bascule_api::client::endpoints::Endpoints;
use bascule_api::v1::PutEventsRequest;
use bascule_tests::Outcome;
use bascule_tests::chance::Air;
use bascule_tests::client::{Client, entry, reason, target};
use bascule_tests::nodes::{FORM_LIMIT, Nodes, Plan};
use bascule_tests::wait::{self, PATIENCE};

/// What a caller waits for.
const SECOND: Deadlines = Deadlines { attempt_ms: 1_000, call_ms: 10_000 };
/// How long the cut is watched.
const WATCH_SPAN: Duration = Duration::from_secs(2);

/// What one put that needs a group is told; empty: it is taken.
async fn put(client: &Client, control_index: u64) -> String {
    match client.try_put_after(control_index, vec![entry("test.refusing", "put", "{}")]).await {
        Ok(answer) => answer.entries.into_iter().map(|told| told.error_code).collect(),
        Err(status) => reason(&status),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_cut_off_says_that_a_put_was_not_written() -> Outcome {
    let nodes = Nodes::form(&Plan::zones(3)).await?;
    let client = nodes.client(1).await?;
    let arn = client.queue("kept").await?;
    client.rule("", "kept", r#"{"source":["test.refusing"]}"#).await?;
    let index = client.targets("", "kept", vec![target("kept", &arn)]).await?;
    let victim = nodes.leader(1, &nodes.numbers()).await?;
    let there = Client::over(nodes.client(victim).await?.session().clone().with_deadlines(SECOND));
    let everywhere = Endpoints::new(&nodes.contexts()?, Arc::new(Air), Arc::new(Air))?.with_deadlines(SECOND);
    wait::until("a put is taken", PATIENCE, async || Ok(put(&there, index).await.is_empty().then_some(()))).await?;

    nodes.links().cut_off(victim);
    // Until it has missed its quorum for a lease it may take one, and not know.
    wait::until("it misses its quorum", PATIENCE, async || Ok((put(&there, index).await == "NO_LEADER").then_some(())))
        .await?;
    wait::stays("it refuses for certain", WATCH_SPAN, async || Ok(put(&there, index).await == "NO_LEADER")).await?;
    for _ in 0..2 * nodes.numbers().len() {
        let entries = vec![entry("test.refusing", "put", "{}")];
        let request = PutEventsRequest { entries, min_control_index: index, ..PutEventsRequest::default() };
        let answer = everywhere.put_events(request).await?;
        ensure!(answer.failed_entry_count == 0, "over all nodes: {:?}", answer.entries);
    }
    nodes.links().heal();
    nodes.whole(FORM_LIMIT).await?;
    wait::until("it takes puts again", PATIENCE, async || Ok(put(&there, index).await.is_empty().then_some(()))).await
}
