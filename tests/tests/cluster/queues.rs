//! A queue is one queue at every node: what goes in through one is received through another and deleted through a third.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::ensure;
use bascule_tests::Outcome;
use bascule_tests::client::{entry, target};
use bascule_tests::ledger::read_event;
use bascule_tests::nodes::{Nodes, Plan};
use bascule_tests::wait::{self, PATIENCE};

/// Events of one round.
const EVENTS: usize = 5;
/// Longer than a round takes: what is received and not deleted would come again.
const HIDDEN_S: u32 = 5;

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_received_and_deleted_through_nodes_that_do_not_lead() -> Outcome {
    // Of one group of events two nodes lead nothing of it, so that most ways through three nodes go through one of them.
    let mut plan = Plan::zones(3);
    plan.groups = 2;
    let nodes = Nodes::form(&plan).await?;
    let mut clients = Vec::new();
    for number in nodes.numbers() {
        clients.push(nodes.client(number).await?);
    }
    let arn = clients[0].queue("kept").await?;
    clients[0].rule("", "kept", r#"{"source":["test.queues"]}"#).await?;
    let index = clients[0].targets("", "kept", vec![target("kept", &arn)]).await?;
    for round in 0..clients.len() {
        let at = |step: usize| &clients[(round + step) % clients.len()];
        let mut put = BTreeSet::new();
        for _ in 0..EVENTS {
            put.insert(at(0).put_after(index, entry("test.queues", "put", "{}")).await?);
        }
        let (mut seen, mut handles) = (BTreeSet::new(), Vec::new());
        wait::until("every message is received", PATIENCE, async || {
            for message in at(1).receive("kept", Some(HIDDEN_S)).await? {
                seen.extend(read_event(&message.body).map(|event| event.id));
                handles.push(message.receipt_handle);
            }
            Ok((seen.len() >= EVENTS).then_some(()))
        })
        .await?;
        ensure!(
            seen == put && handles.len() == EVENTS,
            "round {round}: {} receipts of {seen:?}, not {put:?}",
            handles.len()
        );
        at(2).delete("kept", handles).await?;
    }
    // Had a deletion not happened, its messages would be seen again once they are no longer hidden.
    let hidden = Duration::from_secs(u64::from(HIDDEN_S) + 1);
    wait::stays("the queue is empty", hidden, async || Ok(clients[0].receive("kept", None).await?.is_empty())).await
}
