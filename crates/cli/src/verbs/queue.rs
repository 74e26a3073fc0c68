//! `bascule queue`: create, list, describe, delete, purge, receive, subscribe, delete-message, change-visibility,
//! policy.
//!
//! In: names, settings, receipt handles.
//! Out: queues and how full they are, messages, what became of each handle.
//! Never: a message deleted that was neither named by its handle nor, under `--delete`, written out before.

use bascule_api::v1::{CreateQueueRequest, DeleteQueueRequest, DescribeQueueRequest, ListQueuesRequest, RedrivePolicy};
use clap::{Args, Subcommand};

use crate::error::Error;
use crate::limits::PAGE_MAX_COUNT;
use crate::link::{ask, every, tell};
use crate::output::queue;
use crate::output::record::Record;
use crate::verbs::{Desk, Outcome, Reading, Writing, held, said, shown};

pub mod messages;
pub mod policy;
pub mod subscribe;
pub mod written;

/// What to do with queues.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Create a queue
    Create(Create),
    /// List the account's queues
    List(List),
    /// Show what a queue is and how full
    Describe(Describe),
    /// Delete a queue with its messages
    Delete(Delete),
    /// Delete every message of a queue, received or not
    Purge(messages::Purge),
    /// Receive messages and hide them until their visibility timeout ends
    Receive(messages::Receive),
    /// Follow a queue and write messages as they come, until Ctrl-C
    ///
    /// As with `receive`, what is written is hidden until its visibility timeout ends. With `--delete` it is deleted once it is
    /// written and flushed.
    ///
    /// Without `--delete` it only looks. What was looked at comes again when its timeout ends, here or to another consumer, and each
    /// look counts as a receive: a queue with a redrive policy moves a message away after so many, which is said on the standard error
    /// first. So each message is shown once: it ends when one comes again, after `--count` messages, or after 100,000.
    ///
    /// Up to 20 messages are received ahead, and with `--count` never more in all than that. What was received and not written when the
    /// command ends, for whatever reason, is given back at once; that receive counts all the same. Where giving back fails, it comes
    /// again when its timeout ends. Ctrl-C or SIGTERM ends the command in order, a second one at once.
    ///
    /// A connection that breaks is opened again, as often as it takes. `-o json` and `-o jsonl` write one object on a line, `-o yaml`
    /// documents that `---` sets apart.
    Subscribe(subscribe::Subscribe),
    /// Delete received messages for good
    DeleteMessage(messages::Delete),
    /// Move the end of a message's visibility timeout
    ChangeVisibility(messages::Change),
    /// The resource policy of a queue: who may do what with it, beside what their own policies allow
    #[command(subcommand)]
    Policy(policy::Verb),
}

/// The queue to create.
#[derive(Debug, Args)]
pub struct Create {
    /// Name, 1 to 80 of `-_A-Za-z0-9`
    name: String,
    /// How long a received message is hidden, 0 to 43,200 seconds [default: 30]
    #[arg(long, value_name = "SECONDS")]
    visibility_timeout: Option<u32>,
    /// How long a message is kept, 60 to 1,209,600 seconds [default: 345,600]
    #[arg(long, value_name = "SECONDS")]
    message_retention: Option<u32>,
    /// Queue for messages that were received too often
    #[arg(long, value_name = "ARN", requires = "max_receive_count")]
    redrive_arn: Option<String>,
    /// Receives after which a message goes there, 1 to 1,000
    #[arg(long, value_name = "COUNT", requires = "redrive_arn")]
    max_receive_count: Option<u32>,
    /// Key that wraps the queue's data key [default: the cluster's own]
    #[arg(long, value_name = "KEY", default_value = "", hide_default_value = true)]
    kms_key_identifier: String,
    #[command(flatten)]
    writing: Writing,
}

/// Which queues to list.
#[derive(Debug, Args)]
pub struct List {
    /// Only names that begin so
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
    #[command(flatten)]
    reading: Reading,
}

/// The queue to look at.
#[derive(Debug, Args)]
pub struct Describe {
    /// Name or ARN
    name: String,
    #[command(flatten)]
    reading: Reading,
}

/// The queue to delete.
#[derive(Debug, Args)]
pub struct Delete {
    /// Name or ARN
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
        Verb::Create(create) => self::create(create, desk).await,
        Verb::List(list) => self::list(list, desk).await,
        Verb::Describe(describe) => {
            let link = desk.dial.link().await?;
            let request = DescribeQueueRequest { queue_name: describe.name, allow_stale: describe.reading.allow_stale };
            let answer = ask!(link, queues.describe_queue, request).await?;
            let found = held(answer.queue.as_ref(), "DescribeQueue", "queue")?;
            Ok(Outcome::done(queue::description(found, &answer)))
        }
        Verb::Delete(delete) => {
            let link = desk.dial.link().await?;
            let request = DeleteQueueRequest {
                queue_name: delete.name.clone(),
                request_id: link.request_id(delete.writing.request_id.as_ref())?,
                validate_only: delete.writing.validate_only,
            };
            let answer = tell!(link, queues.delete_queue, request).await?;
            let text = said(&delete.writing, "queue", &delete.name, "deleted");
            Ok(Outcome::changed(text, Record::new(), answer.control_index))
        }
        Verb::Purge(purge) => messages::purge(purge, desk).await,
        Verb::Receive(receive) => messages::receive(receive, desk).await,
        Verb::Subscribe(subscribe) => subscribe::subscribe(subscribe, desk).await,
        Verb::DeleteMessage(delete) => messages::delete(delete, desk).await,
        Verb::ChangeVisibility(change) => messages::change(change, desk).await,
        Verb::Policy(verb) => policy::run(verb, desk).await,
    }
}

async fn create(create: Create, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let request = CreateQueueRequest {
        name: create.name.clone(),
        visibility_timeout_seconds: create.visibility_timeout,
        message_retention_seconds: create.message_retention,
        redrive_policy: create.redrive_arn.map(|dead_letter_target_arn| RedrivePolicy {
            dead_letter_target_arn,
            max_receive_count: create.max_receive_count.unwrap_or_default(),
        }),
        kms_key_identifier: create.kms_key_identifier,
        request_id: link.request_id(create.writing.request_id.as_ref())?,
        validate_only: create.writing.validate_only,
    };
    let answer = tell!(link, queues.create_queue, request).await?;
    let made = shown(&create.writing, answer.queue.as_ref().map(queue::record), "CreateQueue", "queue")?;
    let text = said(&create.writing, "queue", &create.name, "created");
    let undo = format!("bascule queue delete {}", create.name);
    Ok(Outcome::changed(text, made, answer.control_index).undone_by(&create.writing, undo))
}

async fn list(list: List, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let all = every(|page_token| {
        let request = ListQueuesRequest {
            name_prefix: list.prefix.clone(),
            allow_stale: list.reading.allow_stale,
            page_size: PAGE_MAX_COUNT,
            page_token,
        };
        let page = ask!(link, queues.list_queues, request);
        async move { page.await.map(|page| (page.queues, page.next_page_token)) }
    })
    .await?;
    Ok(Outcome::done(queue::list(&all)))
}

#[cfg(test)]
mod tests;
