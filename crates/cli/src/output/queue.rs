//! Queues and their messages as records.

use bascule_api::v1::{DeleteMessageResult, DescribeQueueResponse, Queue, QueueMessage, RedrivePolicy};

use crate::output::record::{Item, Record};
use crate::output::{Part, View, rows};

/// What a queue is.
pub fn record(queue: &Queue) -> Record {
    Record::new()
        .text("Name", &queue.name)
        .text("Arn", &queue.arn)
        .number("VisibilityTimeout", u64::from(queue.visibility_timeout_seconds))
        .number("MessageRetentionPeriod", u64::from(queue.message_retention_seconds))
        .record("RedrivePolicy", queue.redrive_policy.as_ref().map(redrive).unwrap_or_default())
        .text("KmsKeyIdentifier", &queue.kms_key_identifier)
        .text("Policy", &queue.policy)
        .time("CreationTime", queue.creation_time.as_ref().map(|time| time.seconds))
}

fn redrive(policy: &RedrivePolicy) -> Record {
    Record::new()
        .text("DeadLetterTargetArn", &policy.dead_letter_target_arn)
        .number("MaxReceiveCount", u64::from(policy.max_receive_count))
}

/// What a queue is and how full.
pub fn description(queue: &Queue, answer: &DescribeQueueResponse) -> View {
    let json = record(queue)
        .number("VisibleMessageCount", answer.visible_message_count)
        .number("InFlightMessageCount", answer.in_flight_message_count)
        .number("OldestMessageAgeInSeconds", answer.oldest_message_age_seconds)
        .flag("CountsAreLowerBounds", answer.counts_are_lower_bounds);
    let more = if answer.counts_are_lower_bounds { "+" } else { "" };
    let people = record(queue)
        .text("VisibleMessageCount", &format!("{}{more}", answer.visible_message_count))
        .text("InFlightMessageCount", &format!("{}{more}", answer.in_flight_message_count))
        .number("OldestMessageAgeInSeconds", answer.oldest_message_age_seconds);
    View::new(vec![Part::Fields(people.flat())], json)
}

/// A list of queues.
pub fn list(queues: &[Queue]) -> View {
    let columns = [
        ("NAME", "Name"),
        ("VISIBILITY S", "VisibilityTimeout"),
        ("RETENTION S", "MessageRetentionPeriod"),
        ("CREATED", "CreationTime"),
        ("ARN", "Arn"),
    ];
    View::list(
        "Queues",
        queues.iter().map(record).collect(),
        &columns,
        &[("REDRIVE", "RedrivePolicy"), ("KEY", "KmsKeyIdentifier")],
        "no queues",
    )
}

fn received(message: &QueueMessage) -> Record {
    Record::new()
        .text("MessageId", &message.message_id)
        .number("ReceiveCount", u64::from(message.receive_count))
        .time("SentTime", message.sent_time.as_ref().map(|time| time.seconds))
        .time("FirstReceivedTime", message.first_received_time.as_ref().map(|time| time.seconds))
        .map("Attributes", &message.attributes)
        .text("Body", &message.body)
        .text("ReceiptHandle", &message.receipt_handle)
}

/// One message as received, whole.
pub fn message(message: &QueueMessage) -> View {
    View::one(received(message))
}

/// Messages as received, each whole.
pub fn messages(messages: &[QueueMessage]) -> View {
    let records: Vec<Record> = messages.iter().map(received).collect();
    let mut parts: Vec<Part> = records.iter().map(|record| Part::Fields(record.flat())).collect();
    if parts.is_empty() {
        parts.push(Part::Line("no messages".to_owned()));
    }
    let items = records.into_iter().map(Item::Record).collect();
    View::new(parts, Record::new().items("Messages", items)).of_items("Messages")
}

/// What became of messages that were to be `done`; of `untold_count` others nothing was heard.
pub fn deletions(results: &[DeleteMessageResult], untold_count: usize, done: &str) -> View {
    let record = |result: &DeleteMessageResult| {
        Record::new()
            .text("ReceiptHandle", &result.receipt_handle)
            .text("ErrorCode", &result.error_code)
            .text("ErrorMessage", &result.error_message)
    };
    let (failed, deleted): (Vec<_>, Vec<_>) = results.iter().partition(|result| !result.error_code.is_empty());
    let mut summary = format!("{} {done}, {} failed", deleted.len(), failed.len());
    if untold_count > 0 {
        summary.push_str(&format!(", {untold_count} without an answer"));
    }
    let mut parts = vec![Part::Line(summary)];
    let failures: Vec<Record> = failed.iter().map(|it| record(it)).collect();
    if !failures.is_empty() {
        let columns = [("CODE", "ErrorCode"), ("MESSAGE", "ErrorMessage"), ("RECEIPT HANDLE", "ReceiptHandle")];
        parts.push(rows(&failures, &columns));
    }
    let deleted = deleted.iter().map(|it| Item::Record(record(it))).collect();
    let json =
        Record::new().items("Successful", deleted).items("Failed", failures.into_iter().map(Item::Record).collect());
    let json = match untold_count {
        0 => json,
        count => json.number("UnansweredEntryCount", count as u64),
    };
    View::new(parts, json)
}
