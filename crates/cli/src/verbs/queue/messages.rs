//! Messages of a queue: receive, delete by receipt handle, change the visibility.

use std::path::PathBuf;

use bascule_api::client::retry::Repeat;
use bascule_api::v1::{
    ChangeMessageVisibilityRequest, DeleteMessageRequest, DeleteMessageResponse, PurgeQueueRequest,
    ReceiveMessageRequest,
};
use clap::{ArgGroup, Args};

use crate::error::{Error, Intent};
use crate::explain::explain;
use crate::inputs::{self, Inputs};
use crate::limits::{RECEIPT_LINE_MAX_BYTES, RECEIPTS_MAX_COUNT, RECEIVE_MARGIN_MS, RECEIVE_WAIT_MAX_SECONDS};
use crate::link::{Link, Manner};
use crate::output::record::Record;
use crate::output::{View, queue};
use crate::verbs::{Desk, Outcome};

/// The queue to empty.
#[derive(Debug, Args)]
pub struct Purge {
    /// Name or ARN
    name: String,
    /// Decide and check everything, delete nothing
    #[arg(long)]
    validate_only: bool,
}

/// Deletes every message of a queue.
///
/// # Errors
/// Why it could not.
pub async fn purge(purge: Purge, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let request = PurgeQueueRequest {
        queue_name: purge.name.clone(),
        request_id: link.request_id(None)?,
        validate_only: purge.validate_only,
    };
    let intent = if purge.validate_only { Intent::Read } else { Intent::Write };
    // A second purge would take messages too that came after the first.
    let manner = Manner { function: "purge_queue", intent, repeat: Repeat::IfRefused, request_id: None };
    let send = |request| {
        let mut stub = link.session.queues();
        async move { stub.purge_queue(request).await }
    };
    let answer = link.call(manner, request, send).await?;
    let count = answer.deleted_message_count;
    let text = match purge.validate_only {
        true => format!("queue `{}` would be purged", purge.name),
        false => format!("queue `{}` purged of {count} messages", purge.name),
    };
    Ok(Outcome::done(View::line(text, Record::new().number("DeletedMessageCount", count))))
}

/// How to receive.
#[derive(Debug, Args)]
pub struct Receive {
    /// Name or ARN
    name: String,
    /// Most messages, 1 to 10
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10))]
    max_messages: u32,
    /// How long they are hidden, 0 to 43,200 seconds [default: the queue's own]
    #[arg(long, value_name = "SECONDS")]
    visibility_timeout: Option<u32>,
    /// How long to wait for a first message, 0 to 20 seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0,
        value_parser = clap::value_parser!(u32).range(0..=i64::from(RECEIVE_WAIT_MAX_SECONDS)))]
    wait: u32,
}

/// The messages to delete.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("handles").required(true).args(["receipt_handles", "receipt_handle_file"]))]
pub struct Delete {
    /// Name or ARN
    name: String,
    /// Receipt handle as received; may be repeated
    // A handle may begin with `-`.
    #[arg(long = "receipt-handle", value_name = "HANDLE", allow_hyphen_values = true)]
    receipt_handles: Vec<String>,
    /// File with a receipt handle on each line, `-` for the standard input
    #[arg(long, value_name = "FILE")]
    receipt_handle_file: Option<PathBuf>,
    /// Decide and check everything, delete nothing
    #[arg(long)]
    validate_only: bool,
}

/// The message whose visibility to change.
#[derive(Debug, Args)]
pub struct Change {
    /// Name or ARN
    name: String,
    /// Receipt handle as received
    #[arg(long, value_name = "HANDLE", allow_hyphen_values = true)]
    receipt_handle: String,
    /// How long it is hidden from now, 0 to 43,200 seconds; 0 gives it back at once
    #[arg(long, value_name = "SECONDS")]
    visibility_timeout: u32,
    /// Decide and check everything, change nothing
    #[arg(long)]
    validate_only: bool,
}

/// Receives messages.
///
/// # Errors
/// Why it could not.
pub async fn receive(receive: Receive, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?.patient(u64::from(receive.wait) * 1_000 + RECEIVE_MARGIN_MS);
    let request = ReceiveMessageRequest {
        queue_name: receive.name,
        max_messages: receive.max_messages,
        visibility_timeout: receive.visibility_timeout,
        wait_seconds: receive.wait,
    };
    // A lost answer's messages come back by themselves, but a second receive would hide others as well.
    let manner =
        Manner { function: "receive_message", intent: Intent::Read, repeat: Repeat::IfRefused, request_id: None };
    let send = |request| {
        let mut stub = link.session.queues();
        async move { stub.receive_message(request).await }
    };
    let answer = link.call(manner, request, send).await?;
    Ok(Outcome::done(queue::messages(&answer.messages)))
}

/// Deletes messages, as many at a time as the contract takes. A call that fails as a whole ends it; what became of the
/// handles before is told all the same.
///
/// # Errors
/// Why it could not.
pub async fn delete(delete: Delete, desk: &mut Desk) -> Result<Outcome, Error> {
    let handles = delete.handles(&mut desk.inputs)?;
    let link = desk.dial.link().await?;
    let (mut results, mut trouble) = (Vec::new(), None);
    for handles in handles.chunks(RECEIPTS_MAX_COUNT) {
        let request = DeleteMessageRequest {
            queue_name: delete.name.clone(),
            receipt_handles: handles.to_vec(),
            request_id: link.request_id(None)?,
            validate_only: delete.validate_only,
        };
        match settle(&link, request).await {
            Ok(answer) => results.extend(answer.results),
            // Nothing to tell beside the error.
            Err(error) if results.is_empty() => return Err(error),
            Err(error) => {
                trouble = Some(error);
                break;
            }
        }
    }
    let failed_count = results.iter().filter(|result| !result.error_code.is_empty()).count();
    let untold_count = handles.len().saturating_sub(results.len());
    let done = if delete.validate_only { "would be deleted" } else { "deleted" };
    let told = Outcome::of_entries(queue::deletions(&results, untold_count, done), failed_count + untold_count);
    let exit = trouble.as_ref().map_or(told.exit, |error| explain(error).exit);
    Ok(Outcome { exit, trouble, ..told })
}

impl Delete {
    fn handles(&self, inputs: &mut Inputs) -> Result<Vec<String>, Error> {
        let Some(path) = &self.receipt_handle_file else {
            return Ok(self.receipt_handles.clone());
        };
        let what = "file of receipt handles";
        let mut lines = inputs.lines("--receipt-handle-file", path)?.from;
        let mut handles = Vec::new();
        let unreadable = |source| Error::Unreadable { what, path: path.clone(), source };
        while let Some(line) = inputs::line(&mut *lines, RECEIPT_LINE_MAX_BYTES).map_err(unreadable)? {
            let line = String::from_utf8(line).map_err(|_| Error::NotText { what, path: path.clone() })?;
            if !line.trim().is_empty() {
                handles.push(line.trim().to_owned());
            }
        }
        match handles.is_empty() {
            true => {
                Err(Error::Argument { flag: "--receipt-handle-file", problem: "there is no handle in it".to_owned() })
            }
            false => Ok(handles),
        }
    }
}

async fn settle(link: &Link, request: DeleteMessageRequest) -> Result<DeleteMessageResponse, Error> {
    let intent = if request.validate_only { Intent::Read } else { Intent::Write };
    let manner = Manner { function: "delete_message", intent, repeat: Repeat::Freely, request_id: None };
    let send = |request| {
        let mut stub = link.session.queues();
        async move { stub.delete_message(request).await }
    };
    link.call(manner, request, send).await
}

/// Moves the end of a message's visibility timeout.
///
/// # Errors
/// Why it could not.
pub async fn change(change: Change, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let request = ChangeMessageVisibilityRequest {
        queue_name: change.name,
        receipt_handle: change.receipt_handle,
        visibility_timeout: change.visibility_timeout,
        request_id: link.request_id(None)?,
        validate_only: change.validate_only,
    };
    let intent = if change.validate_only { Intent::Read } else { Intent::Write };
    let manner = Manner { function: "change_message_visibility", intent, repeat: Repeat::Freely, request_id: None };
    let send = |request| {
        let mut stub = link.session.queues();
        async move { stub.change_message_visibility(request).await }
    };
    let answer = link.call(manner, request, send).await?;
    let text = match (change.validate_only, change.visibility_timeout) {
        (true, seconds) => format!("the message would be hidden for {seconds} s"),
        (false, 0) => "the message can be received again".to_owned(),
        (false, seconds) => format!("the message is hidden for {seconds} s"),
    };
    Ok(Outcome::changed(text, Record::new(), answer.control_index))
}
