//! `bascule queue policy`: put, show, delete.

use std::path::PathBuf;

use bascule_api::v1::{DeleteQueuePolicyRequest, DescribeQueueRequest, PutQueuePolicyRequest};
use clap::{Args, Subcommand};

use crate::error::Error;
use crate::explain::Exit;
use crate::link::{ask, change};
use crate::output::{policy, queue};
use crate::verbs::{Desk, Outcome, Reading, Writing, held, said, shown};

/// What to do with the resource policy of a queue.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Replace the policy of a queue
    Put(Put),
    /// Show the policy of a queue; exits with 1 if it has none
    Show(Show),
    /// Delete the policy of a queue; one that is not there is as good as deleted
    Delete(Delete),
}

/// The policy that a queue has from now on.
#[derive(Debug, Args)]
pub struct Put {
    /// Name or ARN of the queue
    name: String,
    /// File with the policy, at most 10,240 characters, `-` for the standard input
    #[arg(long, value_name = "FILE")]
    document: PathBuf,
    #[command(flatten)]
    writing: Writing,
}

/// The queue whose policy to look at.
#[derive(Debug, Args)]
pub struct Show {
    /// Name or ARN of the queue
    name: String,
    #[command(flatten)]
    reading: Reading,
}

/// The queue whose policy goes.
#[derive(Debug, Args)]
pub struct Delete {
    /// Name or ARN of the queue
    name: String,
    #[command(flatten)]
    writing: Writing,
}

/// Does it.
///
/// # Errors
/// Why it could not.
pub async fn run(verb: Verb, desk: &mut Desk) -> Result<Outcome, Error> {
    match verb {
        Verb::Put(it) => put(it, desk).await,
        Verb::Show(it) => {
            let link = desk.dial.link().await?;
            let request = DescribeQueueRequest { queue_name: it.name, allow_stale: it.reading.allow_stale };
            let answer = ask!(link, queues.describe_queue, request).await?;
            let found = held(answer.queue, "DescribeQueue", "queue")?;
            let exit = if found.policy.is_empty() { Exit::Negative } else { Exit::Done };
            let view = policy::of_resource(&format!("queue `{}`", found.name), &found.policy);
            Ok(Outcome { exit, ..Outcome::done(view) })
        }
        Verb::Delete(it) => {
            let link = desk.dial.link().await?;
            let answer = change!(
                link,
                it.writing,
                queues.delete_queue_policy(DeleteQueuePolicyRequest { queue_name: it.name.clone() })
            );
            let json = shown(&it.writing, answer.queue.as_ref().map(queue::record), "DeleteQueuePolicy", "queue")?;
            let text = said(&it.writing, "policy of queue", &it.name, "deleted");
            Ok(Outcome::changed(text, json, answer.control_index))
        }
    }
}

async fn put(put: Put, desk: &mut Desk) -> Result<Outcome, Error> {
    let document = desk.inputs.policy("--document", &put.document)?;
    let link = desk.dial.link().await?;
    let answer = change!(
        link,
        put.writing,
        queues.put_queue_policy(PutQueuePolicyRequest { queue_name: put.name.clone(), policy: document })
    );
    let json = shown(&put.writing, answer.queue.as_ref().map(queue::record), "PutQueuePolicy", "queue")?;
    Ok(Outcome::changed(said(&put.writing, "policy of queue", &put.name, "written"), json, answer.control_index))
}
