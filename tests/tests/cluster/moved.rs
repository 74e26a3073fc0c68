//! Addresses change: those of all nodes at once while they are stopped, and that of one while the others run.

use anyhow::ensure;
use bascule_tests::Outcome;
use bascule_tests::client::entry;
use bascule_tests::nodes::{FORM_LIMIT, Nodes, Plan};
use bascule_tests::wait::{self, PATIENCE};

/// Every node takes a put that goes through a group's log.
async fn demand_puts(nodes: &Nodes, asked: &[u64]) -> Outcome {
    for number in asked {
        let client = nodes.client(*number).await?;
        wait::until(&format!("node {number} takes a put"), PATIENCE, async || {
            Ok(client.put_one(entry("test.moved", "put", "{}")).await.ok())
        })
        .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn all_addresses_change_at_once_and_then_one_alone() -> Outcome {
    let mut nodes = Nodes::form(&Plan::zones(3)).await?;
    let client = nodes.client(1).await?;
    client.queued("kept", r#"{"source":["test.moved"]}"#).await?;
    demand_puts(&nodes, &[1, 2, 3]).await?;

    let before = nodes.peer_addresses();
    nodes.stop_all()?;
    nodes.move_all()?;
    ensure!(nodes.peer_addresses().iter().all(|address| !before.contains(address)), "a node did not move");
    nodes.start_all()?;
    nodes.whole(FORM_LIMIT).await?;
    demand_puts(&nodes, &[1, 2, 3]).await?;

    // The others' configurations still name the old place of the one that moves; it tells them where it is.
    nodes.node_mut(3)?.terminate()?;
    nodes.move_one(3)?;
    nodes.node_mut(3)?.start_again()?;
    nodes.whole(FORM_LIMIT).await?;
    // It counts: without it there would be no quorum now.
    nodes.node_mut(1)?.kill9()?;
    demand_puts(&nodes, &[2, 3]).await
}
