//! Queues and their messages; and the cluster's quotas.

use anyhow::ensure;
use bascule_api::admin::v1::{DescribeQuotasRequest, UpdateQuotasRequest};
use bascule_api::v1::subscribe_request::Action;
use bascule_api::v1::{
    ChangeMessageVisibilityRequest, CreateQueueRequest, DeleteMessageRequest, DeleteMessageResponse,
    DeleteQueuePolicyRequest, DeleteQueueRequest, DescribeQueueRequest, ListQueuesRequest, PurgeQueueRequest,
    PutQueuePolicyRequest, ReceiveMessageRequest, ReceiveMessageResponse, RedrivePolicy, SubscribeRequest,
    SubscribeStart,
};
use bascule_tests::client::{Client, entry};
use bascule_tests::{Outcome, wait};
use prost::Message as _;

use super::{Row, Shape, full, row, text};

const INBOX: &str = "sqs:inbox";
const MADE: &str = "sqs:made";
/// Longer than the test, in seconds.
const HIDDEN_S: u32 = 600;
/// What another account may do on the queue `made`.
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"theirs","Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"sqs:SendMessage","Resource":"arn:aws:sqs:us-east-1:000000000000:made"}]}"#;

/// A queue `inbox` of three messages, of which one is received; gives its receipt.
pub async fn set_up(operator: &Client) -> Outcome<String> {
    operator.queued("inbox", r#"{"source":["test"]}"#).await?;
    operator.put_one(entry("test", "t", "{}")).await?;
    let received =
        wait::until("a message", wait::PATIENCE, async || Ok(operator.receive("inbox", Some(HIDDEN_S)).await?.pop()));
    let receipt = received.await?.receipt_handle;
    operator.put(vec![entry("test", "t", "{}"), entry("test", "t", "{}")]).await?;
    Ok(receipt)
}

/// The queue `made` is made and goes again; messages are those of `inbox`.
pub fn rows(receipt: &str) -> Vec<Row> {
    let mut rows = queues();
    rows.extend(messages(receipt));
    rows.extend(gone());
    rows
}

fn queues() -> Vec<Row> {
    let queue_name = || text("made");
    vec![
        row(
            "bascule.v1.Queues/CreateQueue",
            &CreateQueueRequest {
                name: queue_name(),
                redrive_policy: Some(RedrivePolicy { dead_letter_target_arn: full(INBOX), max_receive_count: 3 }),
                ..CreateQueueRequest::default()
            },
            &[("sqs:CreateQueue", MADE), ("sqs:SendMessage", INBOX)],
        ),
        row(
            "bascule.v1.Queues/DescribeQueue",
            &DescribeQueueRequest { queue_name: queue_name(), ..DescribeQueueRequest::default() },
            &[("sqs:GetQueueAttributes", MADE)],
        ),
        row("bascule.v1.Queues/ListQueues", &ListQueuesRequest::default(), &[("sqs:ListQueues", "*")]),
        row(
            "bascule.v1.Queues/PutQueuePolicy",
            &PutQueuePolicyRequest {
                queue_name: queue_name(),
                policy: text(POLICY),
                ..PutQueuePolicyRequest::default()
            },
            &[("sqs:SetQueueAttributes", MADE)],
        ),
        row(
            "bascule.v1.Queues/DeleteQueuePolicy",
            &DeleteQueuePolicyRequest { queue_name: queue_name(), ..DeleteQueuePolicyRequest::default() },
            &[("sqs:SetQueueAttributes", MADE)],
        ),
    ]
}

fn messages(receipt: &str) -> Vec<Row> {
    let queue_name = || text("inbox");
    let start = SubscribeStart { queue_name: queue_name(), credits: 1, ..SubscribeStart::default() };
    vec![
        row(
            "bascule.v1.Queues/ReceiveMessage",
            &ReceiveMessageRequest {
                queue_name: queue_name(),
                max_messages: 1,
                visibility_timeout: Some(HIDDEN_S),
                wait_seconds: 10,
            },
            &[("sqs:ReceiveMessage", INBOX)],
        )
        .good(|answer| {
            let answer = ReceiveMessageResponse::decode(answer.clone())?;
            // Had a refused call taken it, it would have been received before.
            ensure!(answer.messages.len() == 1 && answer.messages[0].receive_count == 1, "{answer:?}");
            Ok(())
        }),
        row(
            "bascule.v1.Queues/Subscribe",
            &SubscribeRequest { action: Some(Action::Start(start)) },
            &[("sqs:ReceiveMessage", INBOX)],
        )
        .shaped(Shape::Open),
        // Of a message that a refused deletion had deleted it would fail.
        row(
            "bascule.v1.Queues/ChangeMessageVisibility",
            &ChangeMessageVisibilityRequest {
                queue_name: queue_name(),
                receipt_handle: text(receipt),
                visibility_timeout: HIDDEN_S,
                ..ChangeMessageVisibilityRequest::default()
            },
            &[("sqs:ChangeMessageVisibility", INBOX)],
        ),
        row(
            "bascule.v1.Queues/DeleteMessage",
            &DeleteMessageRequest {
                queue_name: queue_name(),
                receipt_handles: vec![text(receipt)],
                ..DeleteMessageRequest::default()
            },
            &[("sqs:DeleteMessage", INBOX)],
        )
        .good(|answer| {
            let answer = DeleteMessageResponse::decode(answer.clone())?;
            ensure!(answer.failed_entry_count == 0, "{answer:?}");
            Ok(())
        }),
    ]
}

fn gone() -> Vec<Row> {
    vec![
        row(
            "bascule.v1.Queues/PurgeQueue",
            &PurgeQueueRequest { queue_name: text("inbox"), ..PurgeQueueRequest::default() },
            &[("sqs:PurgeQueue", INBOX)],
        ),
        row(
            "bascule.v1.Queues/DeleteQueue",
            &DeleteQueueRequest { queue_name: text("made"), ..DeleteQueueRequest::default() },
            &[("sqs:DeleteQueue", MADE)],
        ),
    ]
}

/// Quotas are the cluster's, which is no single resource.
pub fn quotas() -> Vec<Row> {
    vec![
        row(
            "bascule.admin.v1.Quotas/DescribeQuotas",
            &DescribeQuotasRequest::default(),
            &[("bascule:DescribeQuotas", "*")],
        ),
        row(
            "bascule.admin.v1.Quotas/UpdateQuotas",
            &UpdateQuotasRequest { rules_per_event_bus: Some(299), ..UpdateQuotasRequest::default() },
            &[("bascule:UpdateQuotas", "*")],
        ),
    ]
}
