//! Each fault, from the blow to the moment when nothing keeps the victim from working any more.

use std::time::Duration;

use anyhow::Context as _;
use bascule_tests::Outcome;
use bascule_tests::chance::Chance;
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::failover::links::Gate;
use crate::failover::nodes::Nodes;
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
    nodes: &mut Nodes,
    fault: Fault,
    victim: u64,
    chance: &mut Chance,
    is_planted: Planted,
) -> Outcome<Struck> {
    let mut wrong = Vec::new();
    match fault {
        Fault::Kill => {
            nodes.kill(victim)?;
            pause(chance, AWAY_MS).await;
            wrong = start(nodes, &[victim], is_planted).await?;
        }
        Fault::Pause => {
            nodes.pause(victim)?;
            pause(chance, PAUSED_MS).await;
            nodes.go_on(victim)?;
        }
        Fault::CutOff => {
            nodes.links.around(victim, Gate::Shut);
            pause(chance, CUT_MS).await;
            nodes.links.around(victim, Gate::Open);
        }
        Fault::CutOneWay => {
            nodes.links.outward(victim, Gate::Shut);
            pause(chance, CUT_MS).await;
            nodes.links.outward(victim, Gate::Open);
        }
        Fault::Flapping => {
            for _ in 0..drawn(chance, FLAPS) {
                nodes.links.around(victim, Gate::Shut);
                pause(chance, FLAP_MS).await;
                nodes.links.around(victim, Gate::Open);
                pause(chance, FLAP_MS).await;
            }
        }
        Fault::PowerCut => wrong = power_cut(nodes, &[victim], chance, is_planted).await?,
        Fault::PowerCutOfAll => {
            let all: Vec<u64> = nodes.ids().collect();
            wrong = power_cut(nodes, &all, chance, is_planted).await?;
        }
    }
    let all: Vec<u64> = nodes.ids().collect();
    for id in all {
        // Whoever did not start is said already.
        if wrong.is_empty() && !nodes.is_running(id)? {
            wrong.push(format!("node {id} ended by itself:\n{}", nodes.log_end(id)?));
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
    nodes: &mut Nodes,
    victims: &[u64],
    chance: &mut Chance,
    is_planted: Planted,
) -> Outcome<Vec<String>> {
    for victim in victims {
        block_in_place(|| nodes.disk(*victim)?.cut())?;
    }
    pause(chance, DISKLESS_MS).await;
    for victim in victims {
        nodes.kill(*victim)?;
    }
    for victim in victims {
        block_in_place(|| nodes.disk(*victim)?.back()).with_context(|| format!("the disk of node {victim}"))?;
    }
    if victims.len() == 1 {
        pause(chance, AWAY_MS).await;
    }
    start(nodes, victims, is_planted).await
}

/// Starts daemons together, since none of them may serve before a quorum is there. Those that refuse what is left are a finding; with
/// a planted fault they are started once more with the loss accepted, so that it is seen what is lost.
async fn start(nodes: &mut Nodes, victims: &[u64], is_planted: Planted) -> Outcome<Vec<String>> {
    let (mut wrong, mut refused) = (Vec::new(), Vec::new());
    for (victim, error) in start_with(nodes, victims, &[]).await? {
        wrong.push(format!("{error:#}"));
        refused.push(victim);
    }
    if is_planted == Planted::NoSync && !refused.is_empty() {
        let still = start_with(nodes, &refused, &["--accept-loss"]).await?;
        wrong.extend(still.into_iter().map(|(_, error)| format!("nor with the loss accepted: {error:#}")));
    }
    Ok(wrong)
}

async fn start_with(nodes: &mut Nodes, victims: &[u64], words: &[&str]) -> Outcome<Vec<(u64, anyhow::Error)>> {
    let mut starting = Vec::new();
    for victim in victims {
        starting.push((*victim, nodes.spawn(*victim, words)?));
    }
    let mut refused = Vec::new();
    for (victim, starting) in starting {
        if let Err(error) = nodes.serving(starting).await {
            refused.push((victim, error));
        }
    }
    Ok(refused)
}

fn drawn(chance: &mut Chance, (least, most): Span) -> u64 {
    least + chance.below(most - least + 1)
}

async fn pause(chance: &mut Chance, span: Span) {
    sleep(Duration::from_millis(drawn(chance, span))).await;
}
