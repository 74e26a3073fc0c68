//! The operator's command, run for one node: what the cluster says of the node is in its environment, never in its text.

use std::io;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::limits::RESTART_LOOK_MS;
use crate::verbs::cluster::restart::order::Turn;

/// What stands for the node's id.
const NODE: &str = "{node}";

/// Runs it and waits until it ends well.
///
/// # Errors
/// It cannot be run, failed, or did not end in time, in words.
pub async fn run(command: &str, turn: &Turn, limit: Duration) -> Result<(), String> {
    let mut child = Command::new("sh")
        .arg("-c")
        // A number alone: addresses and zones are other people's words, and a shell would obey them.
        .arg(command.replace(NODE, &turn.node.to_string()))
        .env("BASCULE_NODE", turn.node.to_string())
        .env("BASCULE_NODE_ZONE", &turn.zone)
        .env("BASCULE_NODE_ADDRESS", &turn.address)
        .env("BASCULE_NODE_API_ADDRESS", &turn.api_address)
        .stdin(Stdio::null())
        // The standard output is this command's own.
        .stdout(io::stderr())
        .spawn()
        .map_err(|error| format!("`sh` cannot be run: {error}"))?;
    let ended = async {
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => tokio::time::sleep(Duration::from_millis(RESTART_LOOK_MS / 4)).await,
                Err(error) => return Err(format!("the command cannot be waited for: {error}")),
            }
        }
    };
    match tokio::time::timeout(limit, ended).await {
        Ok(status) => judged(status?),
        Err(_) => {
            // Whether it did its work is for whoever looks; it does nothing more.
            let _ = child.kill();
            let _ = child.wait();
            Err(format!("the command did not end within {} s", limit.as_secs()))
        }
    }
}

fn judged(status: ExitStatus) -> Result<(), String> {
    if status.success() { Ok(()) } else { Err(format!("the command ended with {status}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn() -> Turn {
        let text = |text: &str| text.to_owned();
        Turn { node: 7, zone: text("$(exit 9)"), address: text("n7:6473"), api_address: text("n7:6470"), resumes: true }
    }

    #[tokio::test]
    async fn the_command_knows_its_node_and_its_end_is_judged() {
        let limit = Duration::from_secs(20);
        let check = async |command: &str, expected: &str| {
            let said = run(command, &turn(), limit).await.err().unwrap_or_default();
            assert_eq!(said, expected, "{command}");
        };
        check("test {node} = 7 && test \"$BASCULE_NODE\" = 7 && test $BASCULE_NODE_ADDRESS = n7:6473", "").await;
        check("test \"$BASCULE_NODE_ZONE\" = '$(exit 9)'", "").await;
        check("exit 3", "the command ended with exit status: 3").await;
        let late = run("exec sleep 60", &turn(), Duration::from_millis(300)).await;
        assert_eq!(late, Err("the command did not end within 0 s".to_owned()));
    }
}
