//! `bascule cluster restart`: three nodes are restarted one after the other under load, and no put fails for whoever tries again.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bascule_tests::Outcome;
use bascule_tests::binaries::Program;
use bascule_tests::client::target;
use bascule_tests::ledger::Fate;
use bascule_tests::nodes::{FORM_LIMIT, Nodes, Plan};
use bascule_tests::traffic::{self, Traffic};
use bascule_tests::wait;
use serde_json::Value;

/// How long the whole may take.
const ROLL_LIMIT: Duration = Duration::from_secs(240);
const PRODUCERS: usize = 6;

fn bascule(context: &Path, words: &[&str]) -> Outcome<Command> {
    let mut command = Command::new(Program::Command.find()?);
    command.args(["cluster", "restart"]).args(words).env("BASCULE_CONTEXT", context);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}

/// The events of a restart: each with the node that it is about.
fn events(output: &Output) -> Outcome<Vec<(String, u64)>> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let event = |line: &str| -> Outcome<(String, u64)> {
        let line: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        let name = line["Event"].as_str().context("no name")?;
        Ok((name.to_owned(), line["NodeId"].as_u64().unwrap_or_default()))
    };
    text.lines().map(event).collect()
}

/// Restarts each node whose number the command asks for, as systemd would, until the command has ended.
async fn serve(nodes: &mut Nodes, asked: &Path, mut roll: std::process::Child) -> Outcome<Output> {
    wait::until("the restart ends", ROLL_LIMIT, async || {
        for number in nodes.numbers() {
            let wish = asked.join(number.to_string());
            if wish.exists() {
                nodes.node_mut(number)?.restart()?;
                fs::rename(&wish, asked.join(format!("{number}.done")))?;
            }
        }
        Ok(roll.try_wait()?.map(drop))
    })
    .await?;
    Ok(roll.wait_with_output()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_are_restarted_under_load_and_no_put_fails() -> Outcome {
    let mut nodes = Nodes::form(&Plan::zones(3)).await?;
    let client = nodes.client(1).await?;
    client.rule("", "kept", r#"{"source":["test.rolling"]}"#).await?;
    let arn = client.queue("kept").await?;
    let min_control_index = client.targets("", "kept", vec![target("kept", &arn)]).await?;
    let context = nodes.node(1)?.context_path();
    let before = nodes.status(1).await?;

    let shown = bascule(&context, &["--output", "json"])?.output()?;
    ensure!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    let shown: Value = serde_json::from_slice(&shown.stdout)?;
    let control = nodes.leader(0, &nodes.numbers()).await?;
    let order: Vec<u64> =
        shown["Nodes"].as_array().into_iter().flatten().filter_map(|it| it["NodeId"].as_u64()).collect();
    ensure!(order.len() == 3 && order[2] == control, "{control} is not the last of {order:?}");
    let refused = bascule(&context, &["--nodes", "9"])?.output()?;
    ensure!(refused.status.code() == Some(2), "a node that is none: {refused:?}");

    let traffic = Traffic::start(
        nodes.contexts()?,
        traffic::Plan {
            producers: PRODUCERS,
            pause: Duration::from_millis(20),
            source: "test.rolling".to_owned(),
            detail_types: vec!["put".to_owned()],
            min_control_index,
        },
    );
    let asked = nodes.home().join("asked");
    fs::create_dir_all(&asked)?;
    let script = format!(
        "touch {asked}/{{node}}; until [ -e {asked}/{{node}}.done ]; do sleep 0.1; done",
        asked = asked.display()
    );
    let roll = bascule(&context, &["--command", &script, "--output", "jsonl", "--limit", "90"])?.spawn()?;
    let output = serve(&mut nodes, &asked, roll).await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = events(&output)?;
    let words = ["Draining", "Restarting", "Back", "Resumed"];
    let mut expected: Vec<(String, u64)> =
        order.iter().flat_map(|node| words.map(|word| (word.to_owned(), *node))).collect();
    expected.push(("Done".to_owned(), 0));
    ensure!(told == expected, "{told:?}");
    nodes.whole(FORM_LIMIT).await?;
    let again = traffic.again();
    let sent = traffic.stop().await?;
    // What was cut off on its way is put again by whoever may deliver twice; these producers never repeat what may have been written.
    let failed: Vec<_> = sent.iter().filter(|sent| matches!(sent.put.fate, Fate::Refused(_))).collect();
    let cut: Vec<_> = sent.iter().filter(|sent| matches!(sent.put.fate, Fate::Unknown(_))).collect();
    ensure!(
        sent.len() > 100 && failed.is_empty() && cut.len() <= PRODUCERS,
        "{} of {} puts failed, {again} tries: {failed:?}; these were cut off: {cut:?}",
        failed.len(),
        sent.len()
    );
    let after = nodes.status(1).await?;
    for (was, is) in before.nodes.iter().zip(&after.nodes) {
        ensure!(was.began_time != is.began_time, "a node was not restarted: {was:?} {is:?}");
    }
    client.drain_at_least("kept", sent.len() - cut.len()).await.map(drop)
}
