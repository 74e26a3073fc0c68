//! A leader that hangs and comes back: others lead meanwhile, and what they had was neither lost nor delivered twice by it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::ensure;
use bascule_tests::Outcome;
use bascule_tests::ledger::Fate;
use bascule_tests::nodes::{FORM_LIMIT, Nodes, Plan};
use bascule_tests::traffic::Sent;

use super::load::Load;

/// For how long it hangs once others lead: past its lease.
const HANG_SPAN: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_hangs_acknowledges_and_delivers_nothing_past_its_lease() -> Outcome {
    let nodes = Nodes::form(&Plan::zones(3)).await?;
    let load = Load::start(&nodes, nodes.places()?).await?;
    load.spell("before").await?;
    let victim = nodes.leader(2, &nodes.numbers()).await?;
    let others = nodes.others(victim);
    nodes.node(victim)?.pause()?;
    let heir = nodes.leader(2, &others).await?;
    ensure!(heir != victim, "a node that hangs leads");
    nodes.leader(0, &others).await?;
    let from = load.begun();
    load.spell("while it hangs").await?;
    tokio::time::sleep(HANG_SPAN).await;
    let until = load.begun();
    nodes.node(victim)?.go_on()?;
    nodes.whole(FORM_LIMIT).await?;
    load.spell("once it is back").await?;
    let ended = load.end(&nodes.client(victim).await?).await?;
    // What was put while it hung is no business of its.
    let meanwhile: BTreeSet<String> = from
        .iter()
        .flat_map(|(producer, from)| {
            let until = until.get(producer).copied().unwrap_or_default();
            (*from..until).map(move |number| format!("{producer}-{number}"))
        })
        .collect();
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    for arrived in &ended.taken {
        *times.entry(&arrived.mark).or_default() += 1;
    }
    let again: Vec<&&str> =
        times.iter().filter(|(mark, count)| **count > 1 && meanwhile.contains(**mark)).map(|(mark, _)| mark).collect();
    ensure!(again.is_empty(), "{again:?} were delivered again, once a node went on that had hung");
    let acknowledged =
        |sent: &&Sent| meanwhile.contains(&sent.put.mark) && matches!(sent.put.fate, Fate::Acknowledged(_));
    let count = ended.sent.iter().filter(acknowledged).count();
    ensure!(count >= 20, "only {count} puts of {} were acknowledged meanwhile", meanwhile.len());
    Ok(())
}
