//! The node that leads a group is killed: nothing that was acknowledged is missing, and everything goes on through the others.

use std::time::Duration;

use bascule_tests::Outcome;
use bascule_tests::client::target;
use bascule_tests::ledger::{Arrived, Ledger, read_event};
use bascule_tests::nodes::{FORM_LIMIT, Nodes, Plan};
use bascule_tests::receiver::Receiver;
use bascule_tests::traffic::{self, Sent, Traffic};
use bascule_tests::wait::{self, PATIENCE};

/// Events that are acknowledged before the kill, while the node is dead, and after it is back.
const SPELL: usize = 60;
/// Both lanes.
const LANES: [&str; 2] = ["hook", "kept"];

async fn spell(traffic: &Traffic, when: &str) -> Outcome {
    let least = traffic.acknowledged() + SPELL;
    wait::until(&format!("puts are acknowledged {when}"), PATIENCE, async || {
        Ok((traffic.acknowledged() >= least).then_some(()))
    })
    .await
}

/// Kills the leader of this group under load.
async fn check(group: u32) -> Outcome {
    let mut nodes = Nodes::form(&Plan::zones(3)).await?;
    let receiver = nodes.receiver()?;
    let client = nodes.client(1).await?;
    client.webhook("hook", r#"{"source":["test.failover"]}"#, &receiver.url("/ok")).await?;
    let arn = client.queue("kept").await?;
    let min_control_index = client.targets("", "hook", vec![target("kept", &arn)]).await?;
    let plan = traffic::Plan {
        producers: 6,
        pause: Duration::from_millis(30),
        source: "test.failover".to_owned(),
        detail_types: vec!["put".to_owned()],
        min_control_index,
    };
    let traffic = Traffic::start(nodes.contexts()?, plan);
    spell(&traffic, "before the kill").await?;
    let victim = nodes.leader(group, &nodes.numbers()).await?;
    nodes.node_mut(victim)?.kill9()?;
    spell(&traffic, "through the others").await?;
    for number in nodes.others(victim) {
        let client = nodes.client(number).await?;
        wait::until(&format!("node {number} takes a rule"), PATIENCE, async || {
            Ok(client.rule("", &format!("by-{number}"), r#"{"source":["test.nothing"]}"#).await.ok())
        })
        .await?;
    }
    nodes.node_mut(victim)?.start_again()?;
    nodes.whole(FORM_LIMIT).await?;
    spell(&traffic, "after it is back").await?;
    demand_complete(&nodes, &receiver, &traffic.stop().await?, victim).await
}

async fn demand_complete(nodes: &Nodes, receiver: &Receiver, sent: &[Sent], asked: u64) -> Outcome {
    let client = nodes.client(asked).await?;
    client.settled("", "hook", PATIENCE).await?;
    let mut ledger = Ledger::default();
    for sent in sent {
        ledger.put(&sent.put, &LANES);
    }
    for record in receiver.at("/ok")?.into_iter().filter(|record| record.is_taken()) {
        ledger.delivered("hook", &Arrived { id: record.event_id, mark: record.mark });
    }
    for arrived in client.drain("kept").await?.iter().filter_map(|message| read_event(&message.body)) {
        ledger.delivered("kept", &arrived);
    }
    ledger.account().demand_complete()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leader_of_the_control_group_is_killed() -> Outcome {
    check(0).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leader_of_a_group_of_events_is_killed() -> Outcome {
    check(2).await
}
