//! `demo --zones 3`: three daemons in three zones under load; one is killed, one zone is cut off and healed; then the account.
//!
//! In: the built `basculed`, `bascule` and `receiver`.
//! Out: narration and progress on the standard error, one table on the standard output; right only if nothing that was acknowledged
//! is missing and no more was repeated than may be.
//! Never: a figure that was not counted, or a put of unknown outcome that is called acknowledged.

use std::io;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bascule_tests::Outcome;
use bascule_tests::nodes::{Nodes, Plan};
use bascule_tests::traffic::{self, Traffic};
use bascule_tests::wait;

use crate::commands::{Commands, told};
use crate::say;
use crate::zones::account::{Account, Puts};
use crate::zones::consumers::Consumers;
use crate::zones::setup::{RULES, SOURCE};

mod account;
mod consumers;
mod setup;

/// Deliveries that a group may have under way without a word of them on disk: what each change of its leader may repeat.
const UNCONFIRMED: u64 = 64;
/// Tasks that put at once.
const PRODUCERS: usize = 12;
/// Between two puts of one task.
const PUT_PAUSE: Duration = Duration::from_millis(50);
/// Events acknowledged before a fault, during it, and after the cluster is whole again.
const SPELL: usize = 200;
/// How long the zone stays cut off, at least.
const CUT_SPAN: Duration = Duration::from_secs(5);
/// How long a spell may take.
const SPELL_LIMIT: Duration = Duration::from_secs(60);
/// How long the cluster may take to be whole again; seconds where the machine does nothing else.
const BACK_LIMIT: Duration = Duration::from_secs(120);
/// How long everything that was accepted may take to arrive.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(60);

/// Plays it; gives whether the account is right.
///
/// # Errors
/// Something could not be started, or did not come within its limit.
pub async fn demo() -> Outcome<bool> {
    let began = Instant::now();
    let folder = tempfile::Builder::new().prefix("bascule-demo-").tempdir()?;
    say(
        "1. Three daemons in three zones: `basculed init` makes the first, the others come in by `basculed join` and a token each:",
    );
    let mut plan = Plan::zones(3).set(&format!("delivery.max_unconfirmed_deliveries={UNCONFIRMED}"));
    plan.home = Some(folder.path().join("nodes"));
    let mut nodes = Nodes::form(&plan).await?;
    say(&format!("   all vote, and each leads something, after {:.1} s", began.elapsed().as_secs_f32()));
    let commands = Commands::new(nodes.node(1)?, folder.path())?;
    commands.show(&["cluster", "status"])?;
    let receiver = nodes.receiver()?;
    let control_index = setup::everything(&nodes.client(2).await?, &receiver).await?;
    let terms = terms(&nodes).await?;

    say(&format!("2. {PRODUCERS} producers over all three, and a consumer of the queue at each:"));
    let plan = traffic::Plan {
        producers: PRODUCERS,
        pause: PUT_PAUSE,
        source: SOURCE.to_owned(),
        detail_types: setup::detail_types(),
        min_control_index: control_index,
    };
    let traffic = Traffic::start(nodes.contexts()?, plan);
    let consumers = Consumers::start(nodes.contexts()?, setup::QUEUE);
    spell(&traffic, "before any fault").await?;
    let killed = kill(&mut nodes, &traffic).await?;
    cut_off(&nodes, &traffic, killed).await?;

    say("5. The load ends, and everything that was accepted arrives:");
    let again = traffic.again();
    let puts = Puts::of(traffic.stop().await?);
    say(&format!(
        "   {} acknowledged, {} of unknown outcome, {} refused; {again} times a put went to the next node, since it was certainly not written",
        puts.acknowledged(),
        puts.unknown(),
        puts.refused()
    ));
    settle(&nodes, &puts, &consumers).await?;
    let changes = changes(&terms, &self::terms(&nodes).await?);
    let seen = setup::look(&receiver, consumers.stop().await?)?;
    let account = Account::of(&puts, &seen, changes * UNCONFIRMED);
    say("6. The account, from the receiver's own file and from what was taken out of the queue:");
    account.write(&mut io::stdout())?;
    told(&format!(
        "leads changed at most {changes} times (terms), each may repeat {UNCONFIRMED} deliveries; {}, after {:.1} s",
        if account.is_right() { "nothing that was acknowledged is missing" } else { "this is NOT as it must be" },
        began.elapsed().as_secs_f32()
    ));
    nodes.end()?;
    Ok(account.is_right())
}

/// Waits until so many more are acknowledged.
async fn spell(traffic: &Traffic, when: &str) -> Outcome {
    let least = traffic.acknowledged() + SPELL;
    wait::until(&format!("{least} acknowledged puts {when}"), SPELL_LIMIT, async || {
        Ok((traffic.acknowledged() >= least).then_some(()))
    })
    .await?;
    say(&format!("   {} acknowledged {when}", traffic.acknowledged()));
    Ok(())
}

/// Kills a node that leads a group of events, and starts it again; gives which.
async fn kill(nodes: &mut Nodes, traffic: &Traffic) -> Outcome<u64> {
    let victim = nodes.leader(1, &nodes.numbers()).await?;
    say(&format!("3. SIGKILL to node {victim} in {}, {}:", nodes.zone(victim)?, leads(nodes, victim).await?));
    let at = Instant::now();
    say(&format!("   {} puts were unanswered then", traffic.unanswered()));
    nodes.node_mut(victim)?.kill9()?;
    spell(traffic, "while it was dead").await?;
    nodes.node_mut(victim)?.start_again()?;
    whole(nodes, traffic, at, "killed").await?;
    spell(traffic, "after it had caught up").await?;
    Ok(victim)
}

/// Cuts another zone off, preferably that of the control group's leader, and heals it.
async fn cut_off(nodes: &Nodes, traffic: &Traffic, killed: u64) -> Outcome {
    let leader = nodes.leader(0, &nodes.numbers()).await?;
    let victim = if leader == killed { nodes.others(killed)[0] } else { leader };
    say(&format!(
        "4. {} is cut off, node {victim} in it lives, {}: no byte goes to or from its peers, while producers still reach it:",
        nodes.zone(victim)?,
        leads(nodes, victim).await?
    ));
    let at = Instant::now();
    say(&format!("   {} puts were unanswered then", traffic.unanswered()));
    nodes.links().cut_off(victim);
    spell(traffic, "while it was cut off").await?;
    tokio::time::sleep(CUT_SPAN.saturating_sub(at.elapsed())).await;
    nodes.links().heal();
    whole(nodes, traffic, at, "cut off").await?;
    spell(traffic, "after it was healed").await
}

/// Waits until all is well again, and says for how long nothing was acknowledged.
async fn whole(nodes: &Nodes, traffic: &Traffic, at: Instant, what: &str) -> Outcome {
    nodes.whole(BACK_LIMIT).await.with_context(|| format!("after a node was {what}"))?;
    let whole = Instant::now();
    say(&format!(
        "   whole again {:.1} s after it was {what}; the longest time without an acknowledgement was {} ms",
        whole.duration_since(at).as_secs_f32(),
        traffic.silence(at, whole).as_millis()
    ));
    Ok(())
}

/// What a node leads, for people.
async fn leads(nodes: &Nodes, number: u64) -> Outcome<String> {
    let status = nodes.status(number).await?;
    let led = status.groups.iter().filter(|group| group.leader_node_id == number).map(|group| group.name.as_str());
    Ok(format!("which leads {}", led.collect::<Vec<_>>().join(" and ")))
}

/// The term of each group.
async fn terms(nodes: &Nodes) -> Outcome<Vec<u64>> {
    Ok(nodes.status(1).await?.groups.iter().map(|group| group.term).collect())
}

/// How often leads can have changed between the two: no change goes without a new term.
fn changes(before: &[u64], after: &[u64]) -> u64 {
    before.iter().zip(after).map(|(before, after)| after.saturating_sub(*before)).sum()
}

/// Waits until nothing is pending and the queue has given everything.
async fn settle(nodes: &Nodes, puts: &Puts, consumers: &Consumers) -> Outcome {
    let client = nodes.client(1).await?;
    for rule in RULES {
        client.settled("", rule.name, ARRIVAL_LIMIT).await.context("waiting until nothing is pending")?;
    }
    let owed = puts.owed(setup::queued());
    // What does not come is missing in the table, which says more than a wait that ends.
    let _ = wait::until("all messages of the queue", ARRIVAL_LIMIT, async || {
        let taken = consumers.events();
        Ok(owed.iter().all(|id| taken.contains(*id)).then_some(()))
    })
    .await;
    Ok(())
}
