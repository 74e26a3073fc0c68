//! The other nodes: whether they can reach this one, believe it, and agree with it about the time.

use crate::doctor::finding::{Check, Finding};
use crate::doctor::judge::node::port;
use crate::doctor::readings::{Answer, Holder, Peers, Seed};
use crate::limits::{CLOCK_OFF_FAIL_MS, CLOCK_OFF_WARN_MS};

/// All checks of the peers.
pub fn all(peers: &Peers, holder: Option<Holder>) -> [Finding; 4] {
    [listener(peers, holder), certificate(peers), reached(peers), clocks(peers)]
}

fn listener(peers: &Peers, holder: Option<Holder>) -> Finding {
    const CHECK: Check = Check::PeerPort;
    match &peers.port {
        Some(tried) => port(CHECK, tried, holder),
        None => Finding::ok(CHECK, "the node is alone: `listen.peer` is not set"),
    }
}

fn certificate(peers: &Peers) -> Finding {
    const CHECK: Check = Check::PeerCertificate;
    match &peers.certificate {
        Ok(Ok(node)) => Finding::ok(CHECK, format!("peers take it as node {node}'s")),
        Ok(Err(why)) => {
            let advice = "`basculed renew --config FILE` issues it anew: docs/runbooks/certificate-expired.md";
            Finding::fail(CHECK, why, advice)
        }
        Err(why) => Finding::skipped(CHECK, why),
    }
}

fn reached(peers: &Peers) -> Finding {
    const CHECK: Check = Check::Peers;
    let seeds = match &peers.seeds {
        Ok(seeds) if seeds.is_empty() => {
            return Finding::skipped(CHECK, "`peers.seeds` names none: a node knows them from the cluster itself");
        }
        Ok(seeds) => seeds,
        Err(why) => return Finding::skipped(CHECK, why),
    };
    let away = |seed: &Seed| {
        let why = seed.answer.as_ref().err()?;
        Some(format!("node {} at `{}`: {why}", seed.node, seed.address))
    };
    let away: Vec<String> = seeds.iter().filter_map(away).collect();
    if !away.is_empty() {
        let advice = "see that they run, that `peers.seeds` is right, and that nothing between closes the peers' port; a node \
                      starts without them, and serves once a majority is there";
        return Finding::warn(CHECK, away.join("; "), advice);
    }
    let there = seeds.iter().filter_map(|seed| {
        let Answer { build, .. } = seed.answer.as_ref().ok()?;
        Some(format!("node {} ({build})", seed.node))
    });
    Finding::ok(CHECK, format!("these answer: {}", there.collect::<Vec<_>>().join(", ")))
}

fn clocks(peers: &Peers) -> Finding {
    const CHECK: Check = Check::PeerClocks;
    let seeds = peers.seeds.as_deref().unwrap_or_default();
    let heard = seeds.iter().filter_map(|seed| Some((seed.node, seed.answer.as_ref().ok()?.clock_ahead_ms)));
    let Some((node, ahead_ms)) = heard.max_by_key(|(_, ahead_ms)| ahead_ms.unsigned_abs()) else {
        return Finding::skipped(CHECK, "no peer said what time it is");
    };
    let seen = format!("the clock of node {node} is ahead by {ahead_ms} ms, and no other differs more");
    let advice = "see which of the two is wrong, and mend its time service: chrony or systemd-timesyncd";
    match ahead_ms.unsigned_abs() {
        off if off > CLOCK_OFF_FAIL_MS => Finding::fail(CHECK, seen, advice),
        off if off > CLOCK_OFF_WARN_MS => Finding::warn(CHECK, seen, advice),
        _ => Finding::ok(CHECK, seen),
    }
}
