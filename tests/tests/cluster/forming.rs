//! Three nodes form a cluster by themselves, and an event that is put at any of them is delivered once.

use std::collections::BTreeSet;

use anyhow::ensure;
use bascule_tests::Outcome;
use bascule_tests::client::{entry, target};
use bascule_tests::ledger::read_event;
use bascule_tests::nodes::{Nodes, Plan};
use bascule_tests::wait::PATIENCE;

/// Events that each node is given.
const EVENTS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_form_and_an_event_put_anywhere_is_delivered_once() -> Outcome {
    let nodes = Nodes::form(&Plan::zones(3)).await?;
    let receiver = nodes.receiver()?;
    let client = nodes.client(2).await?;
    client.webhook("hook", r#"{"source":["test.forming"]}"#, &receiver.url("/ok")).await?;
    let arn = client.queue("kept").await?;
    let index = client.targets("", "hook", vec![target("queue", &arn)]).await?;
    let mut put = BTreeSet::new();
    for number in nodes.numbers() {
        let client = nodes.client(number).await?;
        for _ in 0..EVENTS {
            put.insert(client.put_after(index, entry("test.forming", "put", "{}")).await?);
        }
    }
    for number in nodes.numbers() {
        nodes.client(number).await?.settled("", "hook", PATIENCE).await?;
    }
    let taken: Vec<String> = receiver.records()?.into_iter().map(|record| record.event_id).collect();
    ensure!(taken.len() == put.len(), "{} deliveries of {} events", taken.len(), put.len());
    ensure!(taken.into_iter().collect::<BTreeSet<_>>() == put, "other events arrived than were put");
    let queued = nodes.client(3).await?.drain_at_least("kept", put.len()).await?;
    let ids: BTreeSet<String> =
        queued.iter().filter_map(|message| read_event(&message.body)).map(|event| event.id).collect();
    ensure!(queued.len() == put.len() && ids == put, "{} messages of {} events", queued.len(), put.len());
    Ok(())
}
