//! What clients at all nodes were told about buses fits one order, through kills, pauses, cuts and flapping; and a stale read would not.

use std::time::Duration;

use anyhow::ensure;
use bascule_tests::Outcome;
use bascule_tests::chance::Chance;
use bascule_tests::history::{Recorder, demand_order, plant_stale_read};
use bascule_tests::nodes::{FORM_LIMIT, Nodes, Plan};
use bascule_tests::wait::{self, PATIENCE};

/// Clients.
const CLIENTS: u64 = 5;
/// Calls that are answered between two faults.
const SPELL: usize = 60;
/// How long a node is held, or cut off: longer than an election, so that another leads meanwhile.
const FAULT_SPAN: Duration = Duration::from_millis(2_500);
/// Half of a turn of one that flaps.
const FLAP_SPAN: Duration = Duration::from_millis(400);
/// Turns of it.
const FLAPS: u32 = 4;

async fn spell(recorder: &Recorder) -> Outcome {
    let least = recorder.answered() + SPELL;
    wait::until("calls are answered", PATIENCE, async || Ok((recorder.answered() >= least).then_some(()))).await
}

/// For as long as the fault lasts, callers go on.
async fn through(span: Duration) {
    tokio::time::sleep(span).await;
}

async fn faults(nodes: &mut Nodes, recorder: &Recorder) -> Outcome {
    let leader = nodes.leader(0, &nodes.numbers()).await?;
    nodes.node_mut(leader)?.kill9()?;
    spell(recorder).await?;
    nodes.node_mut(leader)?.start_again()?;
    spell(recorder).await?;

    let leader = nodes.leader(0, &nodes.numbers()).await?;
    nodes.node(leader)?.pause()?;
    through(FAULT_SPAN).await;
    nodes.node(leader)?.go_on()?;
    spell(recorder).await?;

    let leader = nodes.leader(0, &nodes.numbers()).await?;
    nodes.links().cut_off(leader);
    through(FAULT_SPAN).await;
    nodes.links().heal();
    spell(recorder).await?;

    // It hears everybody, and nobody hears it; then the other way round.
    for outward in [true, false] {
        let leader = nodes.leader(0, &nodes.numbers()).await?;
        for other in nodes.others(leader) {
            let (sender, receiver) = if outward { (leader, other) } else { (other, leader) };
            nodes.links().cut(sender, receiver);
        }
        through(FAULT_SPAN).await;
        nodes.links().heal();
        spell(recorder).await?;
    }

    let leader = nodes.leader(0, &nodes.numbers()).await?;
    for _ in 0..FLAPS {
        nodes.links().cut_off(leader);
        through(FLAP_SPAN).await;
        nodes.links().heal();
        through(FLAP_SPAN).await;
    }
    nodes.whole(FORM_LIMIT).await?;
    spell(recorder).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_control_planes_histories_are_linearizable_through_faults() -> Outcome {
    let mut chance = Chance::printed("histories");
    let mut nodes = Nodes::form(&Plan::zones(3)).await?;
    let contexts = nodes.numbers().into_iter().zip(nodes.places()?).collect();
    let recorder = Recorder::start(contexts, CLIENTS, &mut chance);
    spell(&recorder).await?;
    faults(&mut nodes, &recorder).await?;
    let mut calls = recorder.stop().await?;
    let buses = demand_order(&calls)?;
    ensure!(buses >= 3, "only {buses} buses in {} calls", calls.len());
    plant_stale_read(&mut calls)?;
    ensure!(demand_order(&calls).is_err(), "a planted stale read was not found");
    Ok(())
}
