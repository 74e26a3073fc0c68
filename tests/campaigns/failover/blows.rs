//! Each fault, from the blow to the moment when nothing keeps the victim from working any more.

use std::time::Duration;

use anyhow::Context as _;
use bascule_tests::Outcome;
use bascule_tests::chance::Chance;
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::failover::cluster::Cluster;
use crate::failover::plan::Fault;

/// Milliseconds, from and to.
type Span = (u64, u64);

/// A node that was killed stays away for so long.
const AWAY_MS: Span = (300, 2_500);
/// So long a pause is.
const PAUSED_MS: Span = (1_000, 5_000);
/// So long a node is cut off: past a lease, and now and then past what a view may be behind.
const CUT_MS: Span = (1_000, 11_000);
/// The same for each of the cuts of one that flaps, and for each time between two.
const FLAP_MS: Span = (100, 1_200);
/// Cuts of one that flaps.
const FLAPS: Span = (3, 6);
/// A daemon whose disk is gone must not acknowledge; it gets a moment in which it could.
const DISKLESS_MS: Span = (0, 150);

/// What a blow came to.
pub struct Struck {
    /// Daemons that did not start on what was left.
    pub wrong: Vec<String>,
}

/// Strikes, and heals.
///
/// # Errors
/// What keeps it from striking; a daemon that does not come back is a finding.
pub async fn strike(
    cluster: &mut Cluster,
    fault: Fault,
    victim: u64,
    chance: &mut Chance,
    is_planted: Planted,
) -> Outcome<Struck> {
    let mut wrong = Vec::new();
    match fault {
        Fault::Kill => {
            cluster.nodes.node_mut(victim)?.kill9()?;
            pause(chance, AWAY_MS).await;
            wrong = start(cluster, &[victim], is_planted)?;
        }
        Fault::Pause => {
            cluster.nodes.node(victim)?.pause()?;
            pause(chance, PAUSED_MS).await;
            cluster.nodes.node(victim)?.go_on()?;
        }
        Fault::CutOff => {
            cluster.nodes.links().cut_off(victim);
            pause(chance, CUT_MS).await;
            cluster.nodes.links().heal();
        }
        Fault::CutOneWay => {
            cluster.nodes.links().cut_outward(victim);
            pause(chance, CUT_MS).await;
            cluster.nodes.links().heal();
        }
        Fault::Flapping => {
            for _ in 0..drawn(chance, FLAPS) {
                cluster.nodes.links().cut_off(victim);
                pause(chance, FLAP_MS).await;
                cluster.nodes.links().heal();
                pause(chance, FLAP_MS).await;
            }
        }
        Fault::PowerCut => wrong = power_cut(cluster, &[victim], chance, is_planted).await?,
        Fault::PowerCutOfAll => {
            let all = cluster.nodes.numbers();
            wrong = power_cut(cluster, &all, chance, is_planted).await?;
        }
    }
    for number in cluster.nodes.numbers() {
        // Whoever did not start is said already.
        let node = cluster.nodes.node_mut(number)?;
        if wrong.is_empty() && !node.is_running()? {
            wrong.push(format!("node {number} ended by itself:\n{}", node.log_end()));
        }
    }
    Ok(Struck { wrong })
}

/// Whether the daemons lose what they acknowledge, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// They do.
    NoSync,
    /// They must not.
    Nothing,
}

async fn power_cut(
    cluster: &mut Cluster,
    victims: &[u64],
    chance: &mut Chance,
    is_planted: Planted,
) -> Outcome<Vec<String>> {
    for victim in victims {
        block_in_place(|| cluster.disk(*victim)?.cut())?;
    }
    pause(chance, DISKLESS_MS).await;
    for victim in victims {
        // One that lost its disk may have ended by itself, which this takes note of too.
        cluster.nodes.node_mut(*victim)?.kill9()?;
    }
    for victim in victims {
        block_in_place(|| cluster.disk(*victim)?.back()).with_context(|| format!("the disk of node {victim}"))?;
    }
    if victims.len() == 1 {
        pause(chance, AWAY_MS).await;
    }
    start(cluster, victims, is_planted)
}

/// Starts daemons together. Those that refuse what is left are a finding; with a planted fault each would, so that the loss is accepted
/// and it is seen what is lost.
fn start(cluster: &mut Cluster, victims: &[u64], is_planted: Planted) -> Outcome<Vec<String>> {
    let words: &[&str] = if is_planted == Planted::NoSync { &["--accept-loss"] } else { &[] };
    let refused = block_in_place(|| cluster.nodes.start_together(victims, words))?;
    Ok(refused.into_iter().map(|(_, error)| format!("{error:#}")).collect())
}

fn drawn(chance: &mut Chance, (least, most): Span) -> u64 {
    least + chance.below(most - least + 1)
}

async fn pause(chance: &mut Chance, span: Span) {
    sleep(Duration::from_millis(drawn(chance, span))).await;
}
