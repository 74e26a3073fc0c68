//! `bascule node can-stop`: whether a node can be stopped now.

use bascule_api::admin::v1::CanStopNodeRequest;
use clap::{Args, Subcommand};

use crate::error::Error;
use crate::explain::Exit;
use crate::link::ask;
use crate::output::record::Record;
use crate::output::{Part, View};
use crate::verbs::{Desk, Outcome};

/// What to do with one node.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Say whether a node can be stopped now without a group losing its leader or its quorum; exits with 1 if not
    CanStop(CanStop),
}

/// The node that is to be stopped.
#[derive(Debug, Args)]
pub struct CanStop {
    /// Its id
    node: u64,
}

/// Does it.
///
/// # Errors
/// Why it could not.
pub async fn run(verb: Verb, desk: &mut Desk) -> Result<Outcome, Error> {
    let Verb::CanStop(it) = verb;
    let link = desk.dial.link().await?;
    let answer = ask!(link, cluster.can_stop_node, CanStopNodeRequest { node_id: it.node }).await?;
    let json =
        Record::new().number("NodeId", it.node).flag("CanStop", answer.can_stop).texts("Obstacles", &answer.obstacles);
    if answer.can_stop {
        return Ok(Outcome::done(View::line(format!("node `{}` can be stopped", it.node), json)));
    }
    let head = format!("node `{}` should not be stopped now:", it.node);
    let lines = std::iter::once(head).chain(answer.obstacles.iter().map(|why| format!("  {why}")));
    let view = View::new(vec![Part::Block(lines.collect())], json);
    Ok(Outcome { exit: Exit::Negative, ..Outcome::done(view) })
}
