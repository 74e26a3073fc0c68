//! Nodes join and are let go under load: no put of a client that retries fails, and whoever was removed is out for good.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bascule_tests::Outcome;
use bascule_tests::command;
use bascule_tests::nodes::{FORM_LIMIT, Nodes, Plan};
use bascule_tests::wait;

use super::load::Load;

/// What a daemon exits with that must not be started again as it is.
const OUT: i32 = 78;
/// How long nothing may be acknowledged while groups change hands in order: no election's time, and what a busy machine adds.
const SILENCE_LIMIT: Duration = Duration::from_secs(2);
/// How long a node may take to hear that it was removed, and to end.
const END_LIMIT: Duration = Duration::from_secs(30);

/// Every group has three voters, in three zones.
async fn demand_spread(nodes: &Nodes, asked: u64) -> Outcome {
    let status = nodes.status(asked).await?;
    for group in &status.groups {
        let voters = group.replicas.iter().filter(|replica| replica.votes);
        let mut zones = voters.map(|replica| nodes.zone(replica.node_id)).collect::<Outcome<Vec<&str>>>()?;
        zones.sort_unstable();
        ensure!(zones == ["zone-1", "zone-2", "zone-3"], "`{}` votes in {zones:?}", group.name);
    }
    Ok(())
}

/// Removes a node as an operator does, and waits until it is gone and has ended.
async fn remove(nodes: &mut Nodes, number: u64, left: &[u64]) -> Outcome {
    let asked = nodes.node(left[0])?;
    let shown = command::ask(asked, &["cluster", "remove", &number.to_string()])?;
    ensure!(shown["State"] == "ACTIVE", "it was removed without `--yes`: {shown}");
    command::ask(asked, &["cluster", "remove", &number.to_string(), "--yes"])?;
    nodes.whole_among(left, FORM_LIMIT).await?;
    let removed = nodes.node_mut(number)?;
    wait::until("the removed node ends", END_LIMIT, async || Ok((!removed.is_running()?).then_some(()))).await?;
    let status = removed.await_end()?;
    ensure!(status.code() == Some(OUT), "the removed node ended with {status}");
    demand_told(nodes, number)
}

fn demand_told(nodes: &Nodes, number: u64) -> Outcome {
    let log = nodes.node(number)?.log_end();
    ensure!(log.contains("this node was removed from the cluster"), "the removed node does not say so:\n{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_become_five_and_three_again_under_load() -> Outcome {
    let mut plan = Plan::zones(3);
    plan.zones.extend(["zone-1", "zone-2"].map(str::to_owned));
    plan.groups = 5;
    let mut nodes = Nodes::begin(&plan, 3).await?;
    let load = Load::start(&nodes, nodes.places()?).await?;
    load.spell("by three nodes").await?;
    let began = Instant::now();
    for number in [4, 5] {
        nodes.admit(number).await?;
    }
    nodes.whole_among(&[1, 2, 3, 4, 5], FORM_LIMIT).await?;
    load.spell("by five nodes").await?;
    for (number, left) in [(1, [2, 3, 4, 5].as_slice()), (2, &[3, 4, 5])] {
        remove(&mut nodes, number, left).await?;
        load.spell(&format!("without node {number}")).await?;
    }
    let silence = load.silence(began);
    demand_spread(&nodes, 3).await?;
    // A removed node that is started again is told again, whatever its certificate says.
    let again = nodes.node_mut(1)?.start_again().err().context("a removed node serves")?;
    ensure!(format!("{again:#}").contains(&OUT.to_string()), "{again:#}");
    demand_told(&nodes, 1)?;
    load.end(&nodes.client(3).await?).await?.demand_acknowledged()?;
    ensure!(silence < SILENCE_LIMIT, "nothing was acknowledged for {silence:?}");
    Ok(())
}
