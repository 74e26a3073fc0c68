//! A whole zone is lost, two nodes of six at once: puts go on, and nothing is missing.

use std::time::{Duration, Instant};

use anyhow::ensure;
use bascule_tests::Outcome;
use bascule_tests::nodes::{FORM_LIMIT, Nodes, Plan};

use super::load::Load;

/// How long nothing may be acknowledged: twice the longest election, and what a busy machine adds.
const SILENCE_LIMIT: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_of_two_nodes_is_lost_and_puts_go_on() -> Outcome {
    let mut plan = Plan::zones(3);
    plan.zones = (0..6).map(|at| format!("zone-{}", at % 3 + 1)).collect();
    plan.groups = 6;
    let mut nodes = Nodes::form(&plan).await?;
    let load = Load::start(&nodes, nodes.places()?).await?;
    load.spell("by three zones").await?;
    // The zone of whoever leads the control group.
    let leader = nodes.leader(0, &nodes.numbers()).await?;
    let zone = nodes.zone(leader)?.to_owned();
    let (mut lost, mut left) = (Vec::new(), Vec::new());
    for number in nodes.numbers() {
        if nodes.zone(number)? == zone { lost.push(number) } else { left.push(number) }
    }
    ensure!(lost.len() == 2, "{lost:?} are in {zone}");
    let began = Instant::now();
    for number in &lost {
        nodes.node_mut(*number)?.kill9()?;
    }
    load.spell("without a zone").await?;
    let silence = load.silence(began);
    for number in &left {
        let client = nodes.client(*number).await?;
        client.rule("", &format!("by-{number}"), r#"{"source":["test.nothing"]}"#).await?;
    }
    for number in &lost {
        nodes.node_mut(*number)?.start_again()?;
    }
    nodes.whole(FORM_LIMIT).await?;
    load.spell("by three zones again").await?;
    load.end(&nodes.client(left[0]).await?).await?;
    ensure!(silence < SILENCE_LIMIT, "nothing was acknowledged for {silence:?}");
    Ok(())
}
