//! A node whose data folder is an older copy: peers say so before it votes or follows, it ends for good, and the others go on.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use bascule_tests::Outcome;
use bascule_tests::binaries::Program;
use bascule_tests::client::entry;
use bascule_tests::nodes::{FORM_LIMIT, Nodes, Plan};

/// Events that the older copy lacks, in every group.
const EVENTS: usize = 60;
/// A second start would see the same.
const FOR_GOOD: i32 = 78;

fn copy(from: &Path, to: &Path) -> Outcome {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to)?;
        } else {
            fs::copy(&path, &to)?;
        }
    }
    Ok(())
}

async fn puts(nodes: &Nodes, number: u64) -> Outcome {
    let client = nodes.client(number).await?;
    for _ in 0..EVENTS {
        client.put(vec![entry("test.went-back", "put", "{}")]).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_log_went_back_is_stopped_before_it_follows_and_the_others_go_on() -> Outcome {
    let mut nodes = Nodes::form(&Plan::zones(3)).await?;
    let client = nodes.client(1).await?;
    client.queued("kept", r#"{"source":["test.went-back"]}"#).await?;
    let leader = nodes.leader(0, &nodes.numbers()).await?;
    let victim = nodes.others(leader)[0];
    let others = nodes.others(victim);
    let (data, older) = (nodes.node(victim)?.data(), nodes.node(victim)?.home().join("older"));

    ensure!(nodes.node_mut(victim)?.terminate()?.success(), "a stop in order");
    copy(&data, &older)?;
    nodes.node_mut(victim)?.start_again()?;
    nodes.whole(FORM_LIMIT).await?;
    for number in &others {
        puts(&nodes, *number).await?;
    }
    nodes.node_mut(victim)?.kill9()?;
    fs::remove_dir_all(&data)?;
    fs::rename(&older, &data)?;
    let refused = nodes.node_mut(victim)?.start_again().err().context("the node started with an older log")?;
    let refused = format!("{refused:#}");
    ensure!(refused.contains(&format!("exit status: {FOR_GOOD}")), "{refused}");
    for words in ["lacks what it had acknowledged", "bascule cluster replace", "an older copy"] {
        ensure!(refused.contains(words), "`{words}` is not said: {refused}");
    }

    // openraft's leader would have stopped its group, and with it the node, had it heard of the older log.
    for number in &others {
        ensure!(nodes.node_mut(*number)?.is_running()?, "node {number} ended with it");
        puts(&nodes, *number).await?;
        nodes.client(*number).await?.rule("", &format!("by-{number}"), r#"{"source":["test.nothing"]}"#).await?;
    }
    nodes.client(others[0]).await?.drain_at_least("kept", EVENTS * others.len() * 2).await.map(drop)
}

/// Starts a stopped node with `--accept-loss` and gives its exit code and what it said.
fn accept_loss(nodes: &Nodes, number: u64) -> Outcome<(Option<i32>, String)> {
    let config = nodes.node(number)?.home().join("node.toml");
    let done = Command::new(Program::Daemon.find()?).arg("--accept-loss").arg("--config").arg(config).output()?;
    Ok((done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_node_of_several_accepts_a_loss() -> Outcome {
    let mut nodes = Nodes::form(&Plan::zones(3)).await?;
    // The one that made the cluster, which knows the others from its rows, and one that joined.
    for number in [1, 2] {
        ensure!(nodes.node_mut(number)?.terminate()?.success(), "a stop in order");
        let (code, said) = accept_loss(&nodes, number)?;
        ensure!(code == Some(FOR_GOOD), "node {number} ended with {code:?}: {said}");
        ensure!(said.contains("is for a node that is alone"), "node {number}: {said}");
        nodes.node_mut(number)?.start_again()?;
        nodes.whole(FORM_LIMIT).await?;
    }
    Ok(())
}
