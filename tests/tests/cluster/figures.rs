//! What a scrape of each node says of the groups: one leads each, the others follow, and the labels are as many as groups.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bascule_tests::Outcome;
use bascule_tests::client::entry;
use bascule_tests::nodes::{Nodes, Plan};

/// Figures that every group has at every node.
const OF_EACH: [&str; 12] = [
    "bascule_raft_role",
    "bascule_raft_term",
    "bascule_raft_leader_node",
    "bascule_raft_last_log_index",
    "bascule_raft_committed_index",
    "bascule_raft_applied_index",
    "bascule_raft_elections_total",
    "bascule_raft_leaders_followed_total",
    "bascule_raft_append_entries_total",
    "bascule_raft_append_bytes_total",
    "bascule_raft_snapshots_sent_total",
    "bascule_raft_snapshots_installed_total",
];

/// A sample: its labels and its value.
type Sample = (BTreeMap<String, String>, f64);

fn scrape(nodes: &Nodes, number: u64) -> Outcome<String> {
    let mut tcp = TcpStream::connect(nodes.node(number)?.admin()?)?;
    tcp.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(tcp, "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    tcp.read_to_string(&mut answer)?;
    Ok(answer.split_once("\r\n\r\n").context("no answer of HTTP")?.1.to_owned())
}

fn samples(text: &str, name: &str) -> Vec<Sample> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{')?.split_once("} "));
    let read = |(labels, value): (&str, &str)| {
        let labels = labels.split(',').filter_map(|label| label.split_once('='));
        let labels = labels.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect();
        Some((labels, value.parse().ok()?))
    };
    lines.filter_map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_group_has_its_figures_at_every_node() -> Outcome {
    let nodes = Nodes::form(&Plan::zones(3)).await?;
    let client = nodes.client(1).await?;
    client.queued("kept", r#"{"source":["test.figures"]}"#).await?;
    for number in nodes.numbers() {
        nodes.client(number).await?.put(vec![entry("test.figures", "put", "{}")]).await?;
    }
    let groups: BTreeSet<String> = nodes.status(1).await?.groups.into_iter().map(|group| group.name).collect();
    let mut leaders: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for number in nodes.numbers() {
        let text = scrape(&nodes, number)?;
        for name in OF_EACH {
            let found = samples(&text, name);
            let named: BTreeSet<String> = found.iter().map(|(labels, _)| labels["group"].clone()).collect();
            ensure!(
                named == groups && found.len() == groups.len(),
                "node {number}: `{name}` of {named:?}, not {groups:?}"
            );
        }
        let roles = samples(&text, "bascule_raft_role");
        let led =
            roles.iter().filter(|(labels, _)| labels["role"] == "leader").map(|(labels, _)| labels["group"].clone());
        let led: Vec<String> = led.collect();
        let lags = samples(&text, "bascule_raft_follower_lag_entries");
        ensure!(lags.len() == led.len() * 2, "node {number} leads {led:?} and knows {lags:?}");
        ensure!(lags.iter().all(|(labels, lag)| led.contains(&labels["group"]) && *lag < 1_000.0), "{lags:?}");
        led.into_iter().for_each(|group| leaders.entry(group).or_default().push(number));
        let entries: f64 = samples(&text, "bascule_raft_append_entries_total").iter().map(|(_, count)| count).sum();
        ensure!(entries > 10.0, "node {number} counts {entries} entries");
        for (labels, node) in samples(&text, "bascule_raft_leader_node") {
            ensure!((1.0..=3.0).contains(&node), "node {number}: {labels:?} is led by {node}");
        }
    }
    ensure!(leaders.len() == groups.len() && leaders.values().all(|nodes| nodes.len() == 1), "{leaders:?}");
    Ok(())
}
