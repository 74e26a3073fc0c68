//! `bascule cluster replace`: another node in a node's place, watched until nothing is left to move.
//!
//! What moves and in which order the cluster decides: whoever comes has everything before whoever goes is let go.

use std::time::Duration;

use bascule_api::admin::v1::{DescribeClusterRequest, DescribeClusterResponse, Node, NodeState, RemoveNodeRequest};
use clap::Args;

use crate::error::Error;
use crate::explain::Exit;
use crate::limits::{REPLACE_LOOK_MS, REPLACE_WAIT_MAX_SECONDS};
use crate::link::{Link, ask, change};
use crate::output::record::Record;
use crate::output::{Part, View};
use crate::verbs::follow::show;
use crate::verbs::{Desk, Outcome, Writing, said};

use super::{Members, kept, moved, nodes};

/// The node to replace.
#[derive(Debug, Args)]
pub struct Replace {
    /// Its id
    node: u64,
    /// Do it, and not only show what would move; without another node yet, wait until one has joined
    #[arg(long)]
    yes: bool,
    /// For how long to wait until all is done, 0 to 86400 seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 1_800,
          value_parser = clap::value_parser!(u64).range(0..=REPLACE_WAIT_MAX_SECONDS))]
    wait: u64,
    #[command(flatten)]
    writing: Writing,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// Each of so many nodes is needed: another must join first.
    Needed { zone: String, count: usize },
    /// These have been admitted, and do not count before they have caught up.
    Joining(Vec<u64>),
    /// These groups cannot change who votes, since nobody leads them.
    Standing(Vec<String>),
    /// It can be let go.
    Ready,
    /// It still has a replica of these groups, or votes in none and is not written down as gone yet.
    Leaving(Vec<String>),
    /// It is gone.
    Gone,
}

impl Stage {
    /// `asked`: whether the cluster was asked to let it go, so that one that is not listed is gone.
    fn of(old: u64, asked: bool, all: &[Node], status: &DescribeClusterResponse) -> Self {
        let counts = |node: &&Node| matches!(node.state(), NodeState::Active | NodeState::Draining);
        let Some(node) = all.iter().find(|node| node.id == old) else {
            // Of one that never was the cluster says so itself.
            return if asked { Self::Gone } else { Self::Ready };
        };
        let standing = status.groups.iter().filter(|group| group.leader_node_id == 0);
        let standing: Vec<String> = standing.map(|group| group.name.clone()).collect();
        let count = all.iter().filter(counts).count();
        match node.state() {
            NodeState::Gone => Self::Gone,
            NodeState::Leaving => {
                let has = status.groups.iter().filter(|it| it.replicas.iter().any(|replica| replica.node_id == old));
                Self::Leaving(has.map(|group| group.name.clone()).collect())
            }
            _ if !standing.is_empty() => Self::Standing(standing),
            _ if counts(&node) && (count == 1 || count == 3) => {
                let joining = all.iter().filter(|node| node.state() == NodeState::Joining).map(|node| node.id);
                let joining: Vec<u64> = joining.collect();
                let alone = Self::Needed { zone: node.zone.clone(), count };
                if joining.is_empty() { alone } else { Self::Joining(joining) }
            }
            _ => Self::Ready,
        }
    }

    /// For people, a line at most where it is told again and again.
    fn lines(&self, old: u64) -> Vec<String> {
        let listed = |ids: &[u64]| ids.iter().map(u64::to_string).collect::<Vec<String>>().join(", ");
        match self {
            Self::Needed { zone, count } => vec![
                format!("node {old} cannot go yet: {count} nodes are there, and each is needed"),
                "first another has to join:".to_owned(),
                format!("  1. `bascule cluster token create --zone {zone}`"),
                "  2. on the new machine, `basculed join --config FILE --token TOKEN`, and start it".to_owned(),
            ],
            Self::Joining(ids) => vec![format!(
                "node {old} cannot go yet: node {} has been admitted and has not caught up; is it started?",
                listed(ids)
            )],
            Self::Standing(groups) => vec![format!(
                "node {old} cannot go yet: nobody leads {}, so that nothing can move: bring back a majority",
                groups.join(", ")
            )],
            Self::Ready => vec![format!("node {old} can go")],
            Self::Leaving(groups) if groups.is_empty() => vec![format!("node {old} has no replica any more")],
            Self::Leaving(groups) => vec![format!("node {old} still has a replica of {}", groups.join(", "))],
            Self::Gone => vec![format!("node {old} is gone, and every group has its voters without it")],
        }
    }

    const fn word(&self) -> &'static str {
        match self {
            Self::Needed { .. } => "NEEDED",
            Self::Joining(_) => "JOINING",
            Self::Standing(_) => "STANDING",
            Self::Ready => "READY",
            Self::Leaving(_) => "LEAVING",
            Self::Gone => "GONE",
        }
    }

    fn record(&self, old: u64) -> Record {
        let record = Record::new().number("Id", old).text("Stage", self.word());
        record.flag("Replaceable", matches!(self, Self::Ready | Self::Leaving(_) | Self::Gone))
    }
}

/// Does it, and watches it.
///
/// # Errors
/// Why it could not.
pub(super) async fn run(it: Replace, link: &Link, desk: &mut Desk) -> Result<Outcome, Error> {
    let only_shown = !it.yes || it.writing.validate_only;
    let writing = Writing { validate_only: only_shown, ..it.writing.clone() };
    let mut asked = false;
    let mut told = Vec::new();
    let mut left_ms = it.wait * 1_000;
    loop {
        let stage = look(link, it.node, asked).await?;
        match &stage {
            Stage::Ready if !asked => {
                let answer = change!(link, writing, cluster.remove_node(RemoveNodeRequest { node_id: it.node }));
                let text = said(&writing, "node", &it.node.to_string(), "replaced");
                let outcome = moved(text, answer.node.as_ref(), answer.plan.as_ref(), answer.control_index);
                if only_shown {
                    return Ok(with_hint(outcome, it.yes));
                }
                asked = true;
                // Nothing is waited for before the first look at what it came to.
                continue;
            }
            Stage::Gone => {
                let mut gone = View::line(stage.lines(it.node).join("\n"), stage.record(it.node));
                gone.add(kept());
                return Ok(Outcome::done(gone));
            }
            _ if only_shown => return Ok(Outcome { exit: Exit::Negative, ..shown(&stage, it.node, LATER) }),
            _ if left_ms == 0 => return Ok(Outcome { exit: Exit::Negative, ..shown(&stage, it.node, OVER) }),
            _ => {}
        }
        if told != stage.lines(it.node) {
            told = stage.lines(it.node);
            if desk.format.is_for_people() {
                // Whoever does not read it hears the end.
                show(&mut desk.aside, format!("{}\n", told.join("\n")).as_bytes()).await?;
            }
        }
        let pause_ms = left_ms.min(REPLACE_LOOK_MS);
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        left_ms -= pause_ms;
    }
}

const LATER: &str = "nothing was changed: add `--yes` to wait for that and do it";
const OVER: &str =
    "that is waited for no longer; the same command goes on where it is, and `bascule cluster status` shows it";

/// One look. A group may be without a leader for a moment, and a node that is asked may be the one that goes: the link tries again.
async fn look(link: &Link, old: u64, asked: bool) -> Result<Stage, Error> {
    let all = nodes(link, &Members::default()).await?;
    let status = ask!(link, cluster.describe_cluster, DescribeClusterRequest {}).await?;
    Ok(Stage::of(old, asked, &all, &status))
}

fn shown(stage: &Stage, old: u64, hint: &str) -> Outcome {
    let parts = vec![Part::Block(stage.lines(old)), Part::Line(hint.to_owned())];
    Outcome::done(View::new(parts, stage.record(old)))
}

fn with_hint(mut outcome: Outcome, yes: bool) -> Outcome {
    if !yes {
        outcome.view.add(Part::Line("nothing was changed: add `--yes` to do it, it cannot be taken back".to_owned()));
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use bascule_api::admin::v1::{Group, GroupReplica};

    fn nodes(states: &[(u64, NodeState)]) -> Vec<Node> {
        let node = |(id, state): &(u64, NodeState)| Node {
            id: *id,
            zone: format!("z{id}"),
            state: (*state).into(),
            ..Default::default()
        };
        states.iter().map(node).collect()
    }

    fn groups(leader: u64, voters: &[u64]) -> DescribeClusterResponse {
        let replica = |id: &u64| GroupReplica { node_id: *id, votes: true, ..Default::default() };
        let replicas = voters.iter().map(replica).collect();
        let group = Group { name: "shard-1".to_owned(), leader_node_id: leader, replicas, ..Default::default() };
        DescribeClusterResponse { groups: vec![group], ..Default::default() }
    }

    #[test]
    fn a_node_goes_only_when_another_is_there_and_is_gone_only_without_replicas() {
        use NodeState::{Active, Draining, Gone, Joining, Leaving};
        let shard = || vec!["shard-1".to_owned()];
        let needed = |count| Stage::Needed { zone: "z2".to_owned(), count };
        let three = [(1, Active), (2, Active), (3, Active)];
        let with = |state| [(1, Active), (2, Active), (3, Active), (4, state)];
        type Row<'a> = (&'a [(u64, NodeState)], u64, &'a [u64], bool, Stage);
        let rows: [Row<'_>; 11] = [
            (&three, 1, &[1, 2, 3], false, needed(3)),
            (&[(2, Active)], 2, &[2], false, needed(1)),
            (&with(Joining), 1, &[1, 2, 3], false, Stage::Joining(vec![4])),
            (&with(Active), 1, &[1, 2, 3], false, Stage::Ready),
            (&with(Draining), 1, &[1, 2, 3], false, Stage::Ready),
            (&with(Active), 0, &[1, 2, 3], false, Stage::Standing(shard())),
            (&[(1, Active), (2, Active)], 1, &[1], false, Stage::Ready),
            (&[(1, Active), (2, Leaving), (3, Active)], 1, &[1, 2, 3], true, Stage::Leaving(shard())),
            (&[(1, Active), (2, Leaving), (3, Active)], 1, &[1, 3], true, Stage::Leaving(Vec::new())),
            (&[(1, Active), (2, Gone), (3, Active)], 1, &[1, 3], false, Stage::Gone),
            (&[(1, Active), (3, Active)], 1, &[1, 3], true, Stage::Gone),
        ];
        for (states, leader, voters, asked, expected) in rows {
            let stage = Stage::of(2, asked, &nodes(states), &groups(leader, voters));
            assert_eq!(stage, expected, "{states:?} {voters:?}");
            assert!(!stage.lines(2).is_empty());
        }
    }
}
