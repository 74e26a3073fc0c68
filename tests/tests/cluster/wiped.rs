//! A node whose disk was wiped never comes back under its id; another takes its place with one command.

use std::fs;

use anyhow::{Context as _, ensure};
use bascule_tests::Outcome;
use bascule_tests::client::{entry, target};
use bascule_tests::command;
use bascule_tests::nodes::{FORM_LIMIT, Nodes, Plan};
use bascule_tests::wait::PATIENCE;

/// Events that lie in a queue all the while.
const EVENTS: usize = 30;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_disk_was_wiped_is_replaced() -> Outcome {
    let mut plan = Plan::zones(3);
    plan.zones.push("zone-2".to_owned());
    let mut nodes = Nodes::begin(&plan, 3).await?;
    let client = nodes.client(1).await?;
    let arn = client.queue("kept").await?;
    client.rule("", "kept", r#"{"source":["test.wiped"]}"#).await?;
    let index = client.targets("", "kept", vec![target("kept", &arn)]).await?;
    for _ in 0..EVENTS {
        client.put_after(index, entry("test.wiped", "put", "{}")).await?;
    }
    client.settled("", "kept", PATIENCE).await?;

    let wiped = nodes.node_mut(2)?;
    wiped.kill9()?;
    fs::remove_dir_all(wiped.data())?;
    let refused = format!("{:#}", wiped.start_again().err().context("a node without a disk serves")?);
    ensure!(refused.contains("78") && refused.contains("is no data folder of a cluster"), "{refused}");
    ensure!(refused.contains("`bascule cluster replace`"), "it does not say what to do: {refused}");

    let asked = nodes.node(1)?;
    let said = command::run(asked, &["cluster", "replace", "2"])?;
    ensure!(said.code == Some(1) && said.output.contains("NEEDED"), "{said:?}");
    let path = asked.context_path();
    // It waits until another node has joined, in a terminal of its own.
    let waiting = tokio::task::spawn_blocking(move || {
        command::run_by(&path, &["cluster", "replace", "2", "--yes", "--wait", "120"])
    });
    nodes.admit(4).await?;
    let said = waiting.await??;
    ensure!(said.code == Some(0) && said.output.contains("GONE"), "{said:?}");
    nodes.whole_among(&[1, 3, 4], FORM_LIMIT).await?;
    let again = command::ask(nodes.node(3)?, &["cluster", "members"])?;
    let left: Vec<&serde_json::Value> =
        again["Nodes"].as_array().context("no nodes")?.iter().map(|it| &it["Id"]).collect();
    ensure!(left == [1, 3, 4], "{left:?}");

    // What lay there is there without the first node, and the new one.
    nodes.node_mut(1)?.kill9()?;
    let client = nodes.client(4).await?;
    let there = client.drain_at_least("kept", EVENTS).await?;
    ensure!(there.len() == EVENTS, "{} messages of {EVENTS}", there.len());
    Ok(())
}
