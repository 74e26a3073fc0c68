//! `bascule cluster`: init, join, status, members, token, drain, resume, restart, remove, replace.
//!
//! In: ids of nodes and tokens.
//! Out: how the cluster stands, and what a change moves.
//! Never: a node that is removed without its plan having been shown, or a token that is shown twice.

use bascule_api::admin::v1::{
    DescribeClusterRequest, DrainNodeRequest, ListNodesRequest, Node, Plan, RemoveNodeRequest, ResumeNodeRequest,
};
use clap::{Args, Subcommand};

use crate::error::Error;
use crate::link::{Link, ask, change, listed};
use crate::output::{Part, cluster};
use crate::verbs::{Desk, Outcome, Reading, Writing, said};

pub mod offline;
pub mod replace;
pub mod restart;
pub mod token;

/// What is said when a node was removed or replaced: it does not forget by itself.
const KEPT: [&str; 4] = [
    "once it is gone the others refuse its certificate, and cut what it has open within seconds",
    "its machine still holds the cluster's root key and the key of its authority, and they are not changed by this:",
    "  1. stop basculed there, and destroy its data folder, its `keys.root` and its `tls.folder`",
    "  2. if somebody may have copied them: docs/runbooks/node-removed.md",
];

/// What a node keeps that was let go.
fn kept() -> Part {
    Part::Block(KEPT.map(str::to_owned).to_vec())
}

/// What to do with the cluster.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a new cluster on this machine, by `basculed init`
    Init(offline::Init),
    /// Make this machine a node of a cluster that is there, by `basculed join`
    Join(offline::Join),
    /// Show how nodes and groups stand, what is wrong, and what to do next
    Status,
    /// List nodes
    Members(Members),
    /// Tokens by which nodes join
    #[command(subcommand)]
    Token(token::Verb),
    /// Let a node lead nothing, before it is stopped; it keeps its replicas
    Drain(Turn),
    /// Let a drained node lead again
    Resume(Turn),
    /// Restart one node after the other, each drained before and waited for
    Restart(restart::Restart),
    /// Let a node give up its replicas and go for good; without `--yes` only shows what would move
    Remove(Remove),
    /// Put another node in a node's place, and wait until it has everything; without `--yes` only shows what would move
    Replace(replace::Replace),
}

/// Which nodes to list.
#[derive(Debug, Default, Args)]
pub struct Members {
    /// Those that are gone, too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    reading: Reading,
}

/// The node to drain or resume.
#[derive(Debug, Args)]
pub struct Turn {
    /// Its id
    node: u64,
    #[command(flatten)]
    writing: Writing,
}

/// The node to remove.
#[derive(Debug, Args)]
pub struct Remove {
    /// Its id
    node: u64,
    /// Do it, and not only show what would move
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    writing: Writing,
}

/// Does it.
///
/// # Errors
/// Why it could not.
pub async fn run(verb: Verb, desk: &mut Desk) -> Result<Outcome, Error> {
    match verb {
        // Done on this machine: no cluster is asked.
        Verb::Init(it) => Err(offline::init(&it, &desk.variable)),
        Verb::Join(it) => Err(offline::join(&it, &desk.variable)),
        Verb::Status => {
            let link = desk.dial.link().await?;
            let answer = ask!(link, cluster.describe_cluster, DescribeClusterRequest {}).await?;
            Ok(Outcome::done(cluster::status(&answer)))
        }
        Verb::Members(it) => Ok(Outcome::done(cluster::nodes(&nodes(&desk.dial.link().await?, &it).await?))),
        Verb::Token(verb) => token::run(verb, &desk.dial.link().await?).await,
        Verb::Drain(it) => {
            let link = desk.dial.link().await?;
            let request = change!(link, it.writing, cluster.drain_node(DrainNodeRequest { node_id: it.node }));
            let text = said(&it.writing, "node", &it.node.to_string(), "drained");
            let outcome = moved(text, request.node.as_ref(), request.plan.as_ref(), request.control_index);
            Ok(outcome.undone_by(&it.writing, format!("bascule cluster resume {}", it.node)))
        }
        Verb::Resume(it) => {
            let link = desk.dial.link().await?;
            let request = change!(link, it.writing, cluster.resume_node(ResumeNodeRequest { node_id: it.node }));
            let text = said(&it.writing, "node", &it.node.to_string(), "resumed");
            Ok(moved(text, request.node.as_ref(), request.plan.as_ref(), request.control_index))
        }
        Verb::Restart(it) => Box::pin(restart::run(it, desk)).await,
        Verb::Remove(it) => remove(it, &desk.dial.link().await?).await,
        Verb::Replace(it) => {
            let link = desk.dial.link().await?;
            Box::pin(replace::run(it, &link, desk)).await
        }
    }
}

async fn nodes(link: &Link, which: &Members) -> Result<Vec<Node>, Error> {
    Ok(listed!(
        link,
        cluster.list_nodes(ListNodesRequest { include_gone: which.all, allow_stale: which.reading.allow_stale }).nodes
    ))
}

async fn remove(it: Remove, link: &Link) -> Result<Outcome, Error> {
    let writing = Writing { validate_only: it.writing.validate_only || !it.yes, ..it.writing };
    let answer = change!(link, writing, cluster.remove_node(RemoveNodeRequest { node_id: it.node }));
    let text = said(&writing, "node", &it.node.to_string(), "removed");
    let mut outcome = moved(text, answer.node.as_ref(), answer.plan.as_ref(), answer.control_index);
    if !writing.validate_only {
        outcome.view.add(kept());
    }
    if !it.yes {
        outcome.view.add(Part::Line("nothing was changed: add `--yes` to do it, it cannot be taken back".to_owned()));
    }
    Ok(outcome)
}

/// A node in another state, and what moves for it.
fn moved(text: String, node: Option<&Node>, plan: Option<&Plan>, control_index: u64) -> Outcome {
    let plan = plan.cloned().unwrap_or_default();
    let json = node.map(cluster::node).unwrap_or_default().record("Plan", cluster::plan(&plan));
    let mut outcome = Outcome::changed(text, json, control_index);
    let lines = cluster::plan_lines(&plan);
    let part = if lines.is_empty() { Part::Line("nothing moves".to_owned()) } else { Part::Block(lines) };
    outcome.view.add(part);
    outcome
}
