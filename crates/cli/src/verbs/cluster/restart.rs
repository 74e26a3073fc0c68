//! `bascule cluster restart`: a rolling restart. One node after the other is drained, restarted by whoever can, waited for, and resumed.
//!
//! In: how nodes are restarted: a command that is run for each, or hands that do it when they are told to.
//! Out: a line for each thing that happened, at once; where it stopped, and how it goes on.
//! Never: a second node while one is away or behind, a wait without an end, or words of the cluster in a shell's command line.

mod order;
mod shell;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bascule_api::admin::v1::{
    CanStopNodeRequest, DescribeClusterRequest, DescribeClusterResponse, DrainNodeRequest, ResumeNodeRequest,
};
use bascule_api::error::Error as Failure;
use bascule_api::reasons::Again;
use clap::Args;

use crate::error::{Error, FailedCall};
use crate::explain::explain;
use crate::limits::{RESTART_LIMIT_SECONDS, RESTART_LOOK_MS};
use crate::link::{Link, ask, tell};
use crate::output::record::{Item, Record};
use crate::output::{Format, Part, View, program, visible};
use crate::verbs::follow::{Stop, show};
use crate::verbs::{Desk, Outcome};
use order::Turn;

/// How to restart which nodes.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --command and --by-hand it only shows the order. Before each node it waits until the node can be stopped, \
                        and behind it until the node is back with everything that it missed."
)]
pub struct Restart {
    /// What restarts a node, and ends once it has: run by `sh -c`, with `{node}` replaced by the node's id, and `BASCULE_NODE`,
    /// `BASCULE_NODE_ZONE`, `BASCULE_NODE_ADDRESS`, `BASCULE_NODE_API_ADDRESS` in its environment
    #[arg(long, value_name = "COMMAND", conflicts_with = "by_hand")]
    command: Option<String>,
    /// Say when each node is to be restarted, and wait until somebody has
    #[arg(long)]
    by_hand: bool,
    /// Only these nodes, in this order; those that are drained already are resumed at the end [default: all, the control group's
    /// leader last; who was drained before stays so]
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    nodes: Vec<u64>,
    /// How long each wait for one node may take
    #[arg(long, value_name = "SECONDS", default_value_t = RESTART_LIMIT_SECONDS, value_parser = clap::value_parser!(u64).range(5..=86_400))]
    limit: u64,
}

/// Who restarts.
enum Hands {
    Command(String),
    Somebody,
}

/// Restarts the nodes, or shows in which order it would.
///
/// # Errors
/// Why it could not begin, or where it stopped.
pub async fn run(it: Restart, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let seen = ask!(link, cluster.describe_cluster, DescribeClusterRequest {}).await?;
    let turns = order::order(&seen, &it.nodes)?;
    let hands = match (it.command, it.by_hand) {
        (Some(command), _) => Hands::Command(command),
        (None, true) => Hands::Somebody,
        (None, false) => return Ok(Outcome::done(planned(&turns))),
    };
    let mut stop = Stop::heed();
    let at = AtomicUsize::new(0);
    let mut rolling = Rolling { link: &link, desk, hands, limit: Duration::from_secs(it.limit), count: turns.len() };
    let halted = tokio::select! {
        biased;
        () = stop.asked() => Some("it was told to stop".to_owned()),
        halted = rolling.all(&turns, &at) => halted.err(),
    };
    let Some(why) = halted else { return Ok(Outcome::done(View::written())) };
    let left: Vec<u64> = turns.iter().skip(at.load(Ordering::Relaxed)).map(|turn| turn.node).collect();
    Err(Error::RestartHalted { why, left })
}

fn planned(turns: &[Turn]) -> View {
    let record = |turn: &Turn| {
        Record::new().number("NodeId", turn.node).text("Zone", &turn.zone).flag("StaysDrained", !turn.resumes)
    };
    let lines = turns.iter().enumerate().map(|(at, turn)| {
        let drained = if turn.resumes { "" } else { ", and stays drained" };
        format!("{}. node {} in zone `{}`{drained}", at + 1, turn.node, turn.zone)
    });
    let mut all = vec!["one node after the other would be drained, restarted and resumed:".to_owned()];
    all.extend(lines);
    let hint = "nothing was changed: add `--command 'ssh {node}.example systemctl restart basculed'`, or `--by-hand`";
    let json = Record::new().items("Nodes", turns.iter().map(record).map(Item::Record).collect());
    View::new(vec![Part::Block(all), Part::Line(hint.to_owned())], json).of_items("Nodes")
}

/// What a call gives besides an answer.
enum Miss {
    /// The same may succeed in a moment: the node that is asked may be the one that restarts.
    Yet(String),
    /// It never will.
    Ever(String),
}

impl From<Error> for Miss {
    fn from(error: Error) -> Self {
        let told = explain(&error);
        let text = if told.why.is_empty() { told.what } else { format!("{}: {}", told.what, told.why) };
        let passes = match &error {
            Error::Call(failed) => passes(failed),
            Error::Connect { .. } => true,
            _ => false,
        };
        if passes { Self::Yet(text) } else { Self::Ever(text) }
    }
}

fn passes(failed: &FailedCall) -> bool {
    match &failed.source {
        Failure::Refused(refusal) => refusal.reason.again() != Again::Never,
        Failure::Foreign { .. } | Failure::Unreachable { .. } | Failure::Silent { .. } | Failure::Deadline { .. } => {
            true
        }
        Failure::Endpoint { .. } | Failure::Credentials { .. } | Failure::Token | Failure::Entropy(_) => false,
    }
}

/// A restart that goes on.
struct Rolling<'a> {
    link: &'a Link,
    desk: &'a mut Desk,
    hands: Hands,
    limit: Duration,
    count: usize,
}

impl Rolling<'_> {
    async fn all(&mut self, turns: &[Turn], done: &AtomicUsize) -> Result<(), String> {
        for turn in turns {
            self.one(turn, done.load(Ordering::Relaxed) + 1)
                .await
                .map_err(|why| format!("node {}: {why}", turn.node))?;
            done.fetch_add(1, Ordering::Relaxed);
        }
        self.tell(Record::new().text("Event", "Done"), "every node was restarted").await
    }

    async fn one(&mut self, turn: &Turn, nth: usize) -> Result<(), String> {
        let node = turn.node;
        let before = self.describe_until(|seen| order::began(seen, node)).await?;
        self.drain(node).await?;
        self.event(turn, nth, "Draining", "is drained").await?;
        self.until_it_can_stop(node).await?;
        self.event(turn, nth, "Restarting", "leads nothing, and can be restarted now").await?;
        if let Hands::Command(command) = &self.hands {
            shell::run(command, turn, self.limit).await?;
        }
        self.describe_until(|seen| order::is_back(seen, node, before)).await?;
        self.event(turn, nth, "Back", "is back, and has what it missed").await?;
        if turn.resumes {
            self.resume(node).await?;
            self.event(turn, nth, "Resumed", "may lead again").await?;
        }
        Ok(())
    }

    /// Looks at the cluster until there is what is looked for.
    async fn describe_until<T>(
        &self,
        found: impl Fn(&DescribeClusterResponse) -> Result<T, String>,
    ) -> Result<T, String> {
        let link = self.link;
        self.until(async || {
            let seen = ask!(*link, cluster.describe_cluster, DescribeClusterRequest {}).await?;
            found(&seen).map_err(Miss::Yet)
        })
        .await
    }

    async fn until_it_can_stop(&self, node: u64) -> Result<(), String> {
        let link = self.link;
        self.until(async || {
            let answer = ask!(*link, cluster.can_stop_node, CanStopNodeRequest { node_id: node }).await?;
            let obstacles = || Miss::Yet(format!("it should not be stopped: {}", answer.obstacles.join("; ")));
            answer.can_stop.then_some(()).ok_or_else(obstacles)
        })
        .await
    }

    async fn drain(&self, node: u64) -> Result<(), String> {
        let link = self.link;
        // One name for all tries: what happened already happens once.
        let request_id = link.request_id(None).map_err(|error| explain(&error).what)?;
        self.until(async || {
            let request = DrainNodeRequest { node_id: node, request_id: request_id.clone(), validate_only: false };
            tell!(*link, cluster.drain_node, request).await?;
            Ok(())
        })
        .await
    }

    async fn resume(&self, node: u64) -> Result<(), String> {
        let link = self.link;
        let request_id = link.request_id(None).map_err(|error| explain(&error).what)?;
        self.until(async || {
            let request = ResumeNodeRequest { node_id: node, request_id: request_id.clone(), validate_only: false };
            tell!(*link, cluster.resume_node, request).await?;
            Ok(())
        })
        .await
    }

    /// Tries until it succeeds, cannot, or the limit has passed.
    async fn until<T>(&self, mut attempt: impl AsyncFnMut() -> Result<T, Miss>) -> Result<T, String> {
        let mut last = String::new();
        let trying = async {
            loop {
                match attempt().await {
                    Ok(found) => return Ok(found),
                    Err(Miss::Ever(why)) => return Err(why),
                    Err(Miss::Yet(why)) => last = why,
                }
                tokio::time::sleep(Duration::from_millis(RESTART_LOOK_MS)).await;
            }
        };
        match tokio::time::timeout(self.limit, trying).await {
            Ok(ended) => ended,
            Err(_) if last.is_empty() => Err(format!("there was no answer within {} s", self.limit.as_secs())),
            Err(_) => Err(format!("not within {} s: {last}", self.limit.as_secs())),
        }
    }

    async fn event(&mut self, turn: &Turn, nth: usize, event: &str, words: &str) -> Result<(), String> {
        let record = Record::new().text("Event", event).number("NodeId", turn.node).text("Zone", &turn.zone);
        let record = record.number("Number", nth as u64).number("Count", self.count as u64);
        let text = format!("[{nth}/{}] node {} in zone `{}` {words}", self.count, turn.node, turn.zone);
        self.tell(record, &text).await
    }

    async fn tell(&mut self, record: Record, text: &str) -> Result<(), String> {
        let mut line = Vec::new();
        let written = match self.desk.format {
            Format::Table | Format::Wide => {
                line.extend_from_slice(format!("{}\n", visible(text)).as_bytes());
                Ok(())
            }
            // A line for each event: they come one by one.
            Format::Json | Format::Jsonl => program(&record, Format::Jsonl, &mut line),
            Format::Yaml => {
                line.extend_from_slice(b"---\n");
                program(&record, Format::Yaml, &mut line)
            }
        };
        written.map_err(|error| error.to_string())?;
        // Nobody has to read: the restart goes on.
        show(&mut self.desk.out, &line).await.map(drop).map_err(|error| error.to_string())
    }
}
