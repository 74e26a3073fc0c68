//! Built-in queues: create, delete, describe, list, receive, delete messages, change their visibility.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tonic::{Request, Response, Status, Streaming};

use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_api::time::timestamp;
use bascule_api::v1::queues_server::Queues;
use bascule_api::v1::{
    ChangeMessageVisibilityRequest, ChangeMessageVisibilityResponse, CreateQueueRequest, CreateQueueResponse,
    DeleteMessageRequest, DeleteMessageResponse, DeleteMessageResult, DeleteQueuePolicyRequest,
    DeleteQueuePolicyResponse, DeleteQueueRequest, DeleteQueueResponse, DescribeQueueRequest, DescribeQueueResponse,
    ListQueuesRequest, ListQueuesResponse, PurgeQueueRequest, PurgeQueueResponse, PutQueuePolicyRequest,
    PutQueuePolicyResponse, Queue, QueueMessage, ReceiveMessageRequest, ReceiveMessageResponse, RedrivePolicy,
    SubscribeRequest, SubscribeResponse,
};
use bascule_model::arn::Arn;
use bascule_model::fault::{Fault, Kind as Noun};
use bascule_model::id::DeliveryId;
use bascule_model::limits::{QUEUE_NAME_LIMIT_CHARS, VISIBILITY_LIMIT_SECONDS};
use bascule_model::name::{AccountId, QueueName};
use bascule_model::queue::{self, Redrive};
use bascule_model::time::Millis;
use bascule_model::uid::{GroupId, Uid};
use bascule_routing::error::SealError;
use bascule_routing::vault::Place;
use bascule_routing::view::View;
use bascule_statemachine::codec::control::rows::QueueRow;
use bascule_statemachine::codec::control::{self, Kind, Named};
use bascule_statemachine::codec::shard::{self, Settlement};
use bascule_statemachine::shard::reply::{Received, Settled};

use crate::family::{Front, given, permissions, receipts, subscribe};
use crate::limits::{
    DELETE_LIMIT_RECEIPTS, RECEIVE_LIMIT_BYTES, RECEIVE_LIMIT_MESSAGES, RECEIVE_PAUSE_MS, RECEIVE_WAIT_LIMIT_SECONDS,
};
use crate::page::Page;
use crate::rooms::{Rooms, Writing};
use crate::stack::{Answers, Checked, Permitted};
use crate::wire;

/// Attribute of a message whose entry had a trace header, as SQS calls it
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>).
const TRACE_HEADER: &str = "AWSTraceHeader";

struct Create {
    kind: control::Queue,
    writing: Writing,
}

struct Delete {
    queue: given::NameOrArn,
    writing: Writing,
}

struct Receive {
    queue: given::NameOrArn,
    limit: u32,
    visibility_s: Option<u32>,
    wait_s: u32,
}

struct Settle {
    queue: given::NameOrArn,
    handles: Vec<String>,
    visible_in_ms: Option<u64>,
    validate_only: bool,
}

/// A handle, and what became of it.
pub(super) type Judged = (String, Result<Settled, Refusal>);

/// Settlements of each group, with their places among the handles.
pub(super) type Settlements = BTreeMap<GroupId, Vec<(usize, Settlement)>>;

fn check_create(_: &Permitted, request: CreateQueueRequest) -> Result<Create, Refusal> {
    let mut queue = queue::Queue::new(QueueName::parse(&request.name).map_err(wire::fault)?);
    queue.visibility_s = request.visibility_timeout_seconds.unwrap_or(queue.visibility_s);
    queue.retention_s = request.message_retention_seconds.unwrap_or(queue.retention_s);
    queue.redrive = request.redrive_policy.map(redrive_of).transpose()?;
    queue.check().map_err(wire::fault)?;
    given::no_own_key(&request.kms_key_identifier)?;
    let kind = control::Queue {
        name: queue.name.as_str().to_owned(),
        visibility_ms: u64::from(queue.visibility_s) * 1_000,
        retention_ms: u64::from(queue.retention_s) * 1_000,
        redrive_to: given::text(queue.redrive.as_ref().map(|redrive| &redrive.to)),
        redrive_after: queue.redrive.as_ref().map_or(0, |redrive| redrive.after),
    };
    Ok(Create { kind, writing: given::writing(request.request_id, request.validate_only)? })
}

fn redrive_of(given: RedrivePolicy) -> Result<Redrive, Refusal> {
    let to = Arn::parse("RedrivePolicy.deadLetterTargetArn", &given.dead_letter_target_arn).map_err(wire::fault)?;
    Ok(Redrive { to, after: given.max_receive_count })
}

fn check_purge(_: &Permitted, request: PurgeQueueRequest) -> Result<(given::NameOrArn, bool), Refusal> {
    given::request_id(request.request_id)?;
    Ok((given::queue("QueueName", &request.queue_name)?, request.validate_only))
}

fn check_delete(_: &Permitted, request: DeleteQueueRequest) -> Result<Delete, Refusal> {
    let queue = given::queue("QueueName", &request.queue_name)?;
    Ok(Delete { queue, writing: given::writing(request.request_id, request.validate_only)? })
}

fn check_describe(_: &Permitted, request: DescribeQueueRequest) -> Result<(given::NameOrArn, bool), Refusal> {
    Ok((given::queue("QueueName", &request.queue_name)?, request.allow_stale))
}

fn check_list(permit: &Permitted, request: ListQueuesRequest) -> Result<(Page, String, bool), Refusal> {
    let prefix = request.name_prefix;
    Fault::unless_at_most("NamePrefix", &prefix, QUEUE_NAME_LIMIT_CHARS).map_err(wire::fault)?;
    let page = Page::check(permit, request.page_size, request.page_token, &[&prefix])?;
    Ok((page, prefix, request.allow_stale))
}

fn at_most(field: &str, value: u32, max: u32) -> Result<u32, Refusal> {
    if value <= max { Ok(value) } else { Err(wire::field(field, format!("it must be 0 to {max}"), &value.to_string())) }
}

fn check_receive(_: &Permitted, request: ReceiveMessageRequest) -> Result<Receive, Refusal> {
    let queue = given::queue("QueueName", &request.queue_name)?;
    let limit = at_most("MaxMessages", request.max_messages, RECEIVE_LIMIT_MESSAGES)?.max(1);
    let visibility = request.visibility_timeout;
    let visibility_s =
        visibility.map(|asked| at_most("VisibilityTimeout", asked, VISIBILITY_LIMIT_SECONDS)).transpose()?;
    let wait_s = at_most("WaitSeconds", request.wait_seconds, RECEIVE_WAIT_LIMIT_SECONDS)?;
    Ok(Receive { queue, limit, visibility_s, wait_s })
}

fn check_delete_message(_: &Permitted, request: DeleteMessageRequest) -> Result<Settle, Refusal> {
    given::request_id(request.request_id)?;
    let handles = request.receipt_handles;
    if handles.is_empty() || handles.len() > DELETE_LIMIT_RECEIPTS {
        let reason = format!("there must be 1 to {DELETE_LIMIT_RECEIPTS}");
        return Err(wire::field("ReceiptHandles", reason, &handles.len().to_string()));
    }
    // Two answers to one receipt would say less than one.
    if let Some(twice) = handles.iter().enumerate().find(|(at, handle)| handles[..*at].contains(handle)) {
        return Err(wire::field(&format!("ReceiptHandles[{}]", twice.0), "each handle may be given once", twice.1));
    }
    let queue = given::queue("QueueName", &request.queue_name)?;
    Ok(Settle { queue, handles, visible_in_ms: None, validate_only: request.validate_only })
}

fn check_change(_: &Permitted, request: ChangeMessageVisibilityRequest) -> Result<Settle, Refusal> {
    given::request_id(request.request_id)?;
    let seconds = at_most("VisibilityTimeout", request.visibility_timeout, VISIBILITY_LIMIT_SECONDS)?;
    let queue = given::queue("QueueName", &request.queue_name)?;
    let visible_in_ms = Some(u64::from(seconds) * 1_000);
    Ok(Settle { queue, handles: vec![request.receipt_handle], visible_in_ms, validate_only: request.validate_only })
}

pub(super) fn shown(view: &View, row: &QueueRow) -> Result<Queue, Refusal> {
    let scope = Rooms::cluster(view)?.scope.of_account(AccountId::from_number(row.account).unwrap_or_default());
    let queue = row.queue.clone().unwrap_or_default();
    let seconds = |ms: u64| u32::try_from(ms / 1_000).unwrap_or(u32::MAX);
    let redrive =
        RedrivePolicy { dead_letter_target_arn: queue.redrive_to.clone(), max_receive_count: queue.redrive_after };
    Ok(Queue {
        redrive_policy: (queue.redrive_after > 0).then_some(redrive),
        arn: Arn::queue(&scope, &QueueName::parse(&queue.name).map_err(wire::fault)?).to_string(),
        visibility_timeout_seconds: seconds(queue.visibility_ms),
        message_retention_seconds: seconds(queue.retention_ms),
        name: queue.name,
        kms_key_identifier: String::new(),
        creation_time: Some(timestamp(Millis(row.created_ms))),
        policy: row.policy.clone(),
    })
}

/// Where the queue's messages go that were received too often; nowhere while that queue is gone.
pub(super) fn redrive(view: &View, queue: Uid) -> Option<shard::Redrive> {
    let row = view.queue_by_uid(queue)?;
    let settings = row.queue.as_ref().filter(|queue| queue.redrive_after > 0)?;
    let to = view.queue_of(&Arn::parse("Arn", &settings.redrive_to).ok()?)?;
    let source = shown(view, row).ok()?.arn;
    Some(shard::Redrive { queue: to.uid, after: settings.redrive_after, source })
}

impl Front {
    /// The queue that the caller means, as of now.
    pub(super) fn find_queue(
        view: &View,
        permit: &Permitted,
        queue: &given::NameOrArn,
    ) -> Result<Arc<QueueRow>, Refusal> {
        let name = queue.here(&Rooms::cluster(view)?.scope, permit.account(), Noun::Queue)?;
        let row = view.queue(permit.account(), name);
        row.cloned().ok_or_else(|| wire::fault(Fault::not_found(Noun::Queue, name)))
    }

    async fn create_a_queue(&self, checked: Checked<Create>) -> Result<CreateQueueResponse, Refusal> {
        let (permit, Create { kind, writing }) = checked.into_parts();
        let view = self.rooms.viewer.now();
        // Of a queue that is there the machine says whether it is the same one.
        if !kind.redrive_to.is_empty() && view.queue(permit.account(), &kind.name).is_none() {
            let scope = Rooms::cluster(&view)?.scope.of_account(permit.account());
            let to = Arn::parse("RedrivePolicy.deadLetterTargetArn", &kind.redrive_to).map_err(wire::fault)?;
            if to.scope().as_ref() != Some(&scope) || view.queue_of(&to).is_none() {
                let reason = "it must be a queue that is there, of the same account";
                return Err(wire::field("RedrivePolicy.deadLetterTargetArn", reason, &kind.redrive_to));
            }
        }
        let name = kind.name.clone();
        let changed = self.rooms.change(&permit, writing, [0; 16], Kind::CreateQueue(kind)).await?;
        let row = changed.view.queue(permit.account(), &name);
        let queue = row.map(|row| shown(&changed.view, row)).transpose()?;
        Ok(CreateQueueResponse { queue, control_index: changed.index.0 })
    }

    async fn delete_a_queue(&self, checked: Checked<Delete>) -> Result<DeleteQueueResponse, Refusal> {
        let (permit, Delete { queue, writing }) = checked.into_parts();
        let view = self.rooms.viewer.now();
        let name = queue.here(&Rooms::cluster(&view)?.scope, permit.account(), Noun::Queue)?.to_owned();
        let changed = self.rooms.change(&permit, writing, [0; 16], Kind::DeleteQueue(Named { name })).await?;
        Ok(DeleteQueueResponse { control_index: changed.index.0 })
    }

    async fn purge_the_queue(&self, checked: Checked<(given::NameOrArn, bool)>) -> Result<PurgeQueueResponse, Refusal> {
        let (permit, (queue, validate_only)) = checked.into_parts();
        let view = self.rooms.viewer.now();
        let queue = Uid(Self::find_queue(&view, &permit, &queue)?.uid);
        let mut deleted_message_count = 0;
        for group in self.rooms.ask.groups().into_iter().filter(|_| !validate_only) {
            let mut mark = None;
            loop {
                let purged = self.rooms.ask.purge(group, queue, mark).await;
                let (deleted, more) = purged.map_err(|error| wire::asked(&error))?;
                deleted_message_count += deleted;
                if more.is_none() {
                    break;
                }
                mark = more;
            }
        }
        Ok(PurgeQueueResponse { deleted_message_count, control_index: view.index.0 })
    }

    async fn describe_a_queue(
        &self,
        checked: Checked<(given::NameOrArn, bool)>,
    ) -> Result<DescribeQueueResponse, Refusal> {
        let (permit, (queue, allow_stale)) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let row = Self::find_queue(&view, &permit, &queue)?;
        let mut answer = DescribeQueueResponse { queue: Some(shown(&view, &row)?), ..DescribeQueueResponse::default() };
        let mut oldest_ms = u64::MAX;
        for group in self.rooms.ask.groups() {
            let depth = self.rooms.ask.depth(group, Uid(row.uid)).await.map_err(|error| wire::asked(&error))?;
            answer.visible_message_count += depth.visible;
            answer.in_flight_message_count += depth.in_flight;
            answer.counts_are_lower_bounds |= depth.more;
            if depth.oldest_ms > 0 {
                oldest_ms = oldest_ms.min(depth.oldest_ms);
            }
        }
        if oldest_ms != u64::MAX {
            answer.oldest_message_age_seconds = self.rooms.clock.wall().since(Millis(oldest_ms)) / 1_000;
        }
        Ok(answer)
    }

    async fn list_the_queues(&self, checked: Checked<(Page, String, bool)>) -> Result<ListQueuesResponse, Refusal> {
        let (permit, (page, prefix, allow_stale)) = checked.into_parts();
        let view = self.rooms.view(allow_stale).await?;
        let rows = view.queues(permit.account()).filter_map(|row| {
            let name = row.queue.as_ref()?.name.as_str();
            name.starts_with(&prefix).then_some((name, row))
        });
        let (rows, next_page_token) = page.take(&self.rooms.handles, rows)?;
        let shown = |row| Ok(Queue { policy: String::new(), ..shown(&view, row)? });
        let queues = rows.into_iter().map(|row: &Arc<QueueRow>| shown(row)).collect::<Result<_, Refusal>>()?;
        Ok(ListQueuesResponse { queues, next_page_token })
    }

    async fn receive(&self, checked: Checked<Receive>) -> Result<ReceiveMessageResponse, Refusal> {
        let (permit, Receive { queue, limit, visibility_s, wait_s }) = checked.into_parts();
        let view = self.rooms.viewer.now();
        let row = Self::find_queue(&view, &permit, &queue)?;
        let uid = Uid(row.uid);
        let own_ms = row.queue.as_ref().map_or(0, |queue| queue.visibility_ms);
        let visibility_ms = visibility_s.map_or(own_ms, |seconds| u64::from(seconds) * 1_000);
        let began = self.rooms.clock.boot();
        let mut retired = Box::pin(permit.retired());
        loop {
            let hinted = !self.rooms.ask.hinted(uid).await.is_empty();
            let messages = self.receive_now(&view, uid, limit, visibility_ms).await?;
            let waited_ms = self.rooms.clock.boot().since(began);
            let left_ms = u64::from(wait_s * 1_000).saturating_sub(waited_ms);
            if !messages.is_empty() || left_ms == 0 {
                return Ok(ReceiveMessageResponse { messages });
            }
            if hinted {
                // Group time may be behind this node's clock, or another consumer was first: no reason to ask without a pause.
                tokio::time::sleep(Duration::from_millis(RECEIVE_PAUSE_MS.min(left_ms))).await;
            }
            tokio::select! {
                () = self.rooms.ask.visible(uid, left_ms) => {}
                () = self.stack.drained() => return Ok(ReceiveMessageResponse { messages }),
                () = &mut retired => return Ok(ReceiveMessageResponse { messages }),
            }
            // A right that went meanwhile is not used any more.
            permit.still()?;
        }
    }

    async fn receive_now(
        &self,
        view: &View,
        queue: Uid,
        limit: u32,
        visibility_ms: u64,
    ) -> Result<Vec<QueueMessage>, Refusal> {
        let mut messages = Vec::new();
        let mut bytes = 0;
        let redrive = redrive(view, queue);
        for group in self.rooms.ask.hinted(queue).await {
            let left = limit - u32::try_from(messages.len()).unwrap_or(limit).min(limit);
            // What a group hands out is bounded by itself, so that the next is asked only while there is much room.
            if left == 0 || bytes > RECEIVE_LIMIT_BYTES / 3 {
                break;
            }
            let received = self.rooms.ask.receive(group, queue, left, visibility_ms, redrive.clone()).await;
            let received = match received {
                Ok(received) => received,
                // What was received before comes to the caller; the rest stays where it is.
                Err(_) if !messages.is_empty() => break,
                Err(error) => return Err(wire::asked(&error)),
            };
            for (at, message) in received.iter().enumerate() {
                match self.opened(view, group, message).await {
                    Ok(message) => {
                        bytes += message.as_ref().map_or(0, |message| message.body.len());
                        messages.extend(message);
                    }
                    Err(refusal) => {
                        self.give_back(group, &received[at..], 0).await;
                        return if messages.is_empty() { Err(refusal) } else { Ok(messages) };
                    }
                }
            }
        }
        Ok(messages)
    }

    /// Messages that were handed out and cannot be opened now come again after `visible_in_ms`, as if they had not been received:
    /// what nobody got to see must not count towards another queue.
    pub(super) async fn give_back(&self, group: GroupId, received: &[Received], visible_in_ms: u64) {
        let settlements = received.iter().map(|received| Settlement {
            receipt: Some(received.receipt),
            visible_in_ms: Some(visible_in_ms),
            unseen: true,
        });
        if let Err(error) = self.rooms.ask.settle(group, settlements.collect()).await {
            tracing::warn!(%group, %error, "messages that could not be opened were not given back before their time");
        }
    }

    /// The message as its receiver gets it; `None` for one that cannot be opened for good, which stays in the queue.
    pub(super) async fn opened(
        &self,
        view: &View,
        group: GroupId,
        received: &Received,
    ) -> Result<Option<QueueMessage>, Refusal> {
        let row = &received.row;
        let Some(place) = Place::of_message(row) else {
            tracing::error!(%group, sequence = received.receipt.sequence, "a message of a later build is passed over");
            return Ok(None);
        };
        let payload = match self.rooms.vault.open(view, place, &row.frame).await {
            Ok(payload) => payload,
            Err(error @ SealError::Payload(_)) => {
                tracing::error!(%group, sequence = received.receipt.sequence, %error, "a message of a later build is passed over");
                return Ok(None);
            }
            Err(error) if error.is_final() => {
                tracing::error!(%group, sequence = received.receipt.sequence, %error, "a message cannot be opened");
                return Ok(None);
            }
            Err(error) => return Err(wire::sealed(&error)),
        };
        let id = DeliveryId::from_slice(&row.delivery_id).unwrap_or_default();
        let own = row.attributes.iter().map(|pair| (pair.name.clone(), pair.value.clone()));
        let trace = Some(payload.trace_header).filter(|header| !header.is_empty());
        Ok(Some(QueueMessage {
            message_id: id.to_string(),
            receipt_handle: receipts::write(&self.rooms.handles, group, &received.receipt),
            body: String::from_utf8_lossy(&payload.body).into_owned(),
            receive_count: row.received,
            sent_time: Some(timestamp(Millis(row.enqueued_ms))),
            first_received_time: Some(timestamp(Millis(row.first_received_ms))),
            attributes: own.chain(trace.map(|header| (TRACE_HEADER.to_owned(), header))).collect(),
        }))
    }

    /// What became of each handle, in order, and the view that decided.
    async fn settle(&self, checked: Checked<Settle>) -> Result<(Vec<Judged>, u64), Refusal> {
        let (permit, Settle { queue, handles, visible_in_ms, validate_only }) = checked.into_parts();
        let view = self.rooms.viewer.now();
        let uid = Uid(Self::find_queue(&view, &permit, &queue)?.uid);
        let (mut results, of_group) = self.sort(uid, handles, visible_in_ms);
        if !validate_only {
            self.carry_out(&mut results, of_group).await;
        }
        Ok((results, view.index.0))
    }

    /// Handles of a queue, judged as far as they can be without asking, and the settlements for each group.
    pub(super) fn sort(
        &self,
        uid: Uid,
        handles: Vec<String>,
        visible_in_ms: Option<u64>,
    ) -> (Vec<Judged>, Settlements) {
        let mut results = Vec::with_capacity(handles.len());
        let mut of_group = Settlements::new();
        for (at, handle) in handles.into_iter().enumerate() {
            let result = receipts::read(&self.rooms.handles, uid, &handle).map(|(group, receipt)| {
                let settlement = Settlement { receipt: Some(receipt), visible_in_ms, unseen: false };
                of_group.entry(group).or_default().push((at, settlement));
                Settled::Gone
            });
            results.push((handle, result));
        }
        (results, of_group)
    }

    /// Settles, and puts what each group says in its place among the results.
    pub(super) async fn carry_out(&self, results: &mut [Judged], of_group: Settlements) {
        for (group, settlements) in of_group {
            let (places, settlements): (Vec<_>, Vec<_>) = settlements.into_iter().unzip();
            let settled = self.rooms.ask.settle(group, settlements).await;
            for (nth, at) in places.into_iter().enumerate() {
                let result = match &settled {
                    Ok(settled) => settled.get(nth).copied().ok_or_else(|| wire::internal("too few settlements")),
                    Err(error) => Err(wire::asked(error)),
                };
                if let Some((_, place)) = results.get_mut(at) {
                    *place = result;
                }
            }
        }
    }

    async fn delete_messages(&self, checked: Checked<Settle>) -> Result<DeleteMessageResponse, Refusal> {
        let (results, control_index) = self.settle(checked).await?;
        let results = results.into_iter().map(|(receipt_handle, result)| {
            let refusal = match result {
                // Deleted now or before: both are what was asked for.
                Ok(Settled::Deleted | Settled::Gone | Settled::Moved) => None,
                Ok(Settled::Stale) => Some(stale()),
                Err(refusal) => Some(refusal),
            };
            let (error_code, error_message) =
                refusal.map(|refusal| (refusal.reason.name().to_owned(), refusal.message)).unwrap_or_default();
            DeleteMessageResult { receipt_handle, error_code, error_message }
        });
        let results: Vec<_> = results.collect();
        let failed = results.iter().filter(|result| !result.error_code.is_empty()).count();
        let failed_entry_count = u32::try_from(failed).unwrap_or(u32::MAX);
        Ok(DeleteMessageResponse { failed_entry_count, results, control_index })
    }

    async fn move_message(&self, checked: Checked<Settle>) -> Result<ChangeMessageVisibilityResponse, Refusal> {
        let validate_only = checked.input().validate_only;
        let (results, control_index) = self.settle(checked).await?;
        match results.into_iter().next() {
            Some((_, Err(refusal))) => Err(refusal),
            Some((_, Ok(Settled::Stale | Settled::Gone))) if !validate_only => Err(stale()),
            _ => Ok(ChangeMessageVisibilityResponse { control_index }),
        }
    }
}

pub(super) fn stale() -> Refusal {
    Refusal::new(Reason::ReceiptHandleStale, "the message was received again or is gone")
}

#[tonic::async_trait]
impl Queues for Front {
    async fn create_queue(
        &self,
        request: Request<CreateQueueRequest>,
    ) -> Result<Response<CreateQueueResponse>, Status> {
        self.stack.run(request, check_create, |checked| self.create_a_queue(checked)).await
    }

    async fn delete_queue(
        &self,
        request: Request<DeleteQueueRequest>,
    ) -> Result<Response<DeleteQueueResponse>, Status> {
        self.stack.run(request, check_delete, |checked| self.delete_a_queue(checked)).await
    }

    async fn purge_queue(&self, request: Request<PurgeQueueRequest>) -> Result<Response<PurgeQueueResponse>, Status> {
        self.stack.run(request, check_purge, |checked| self.purge_the_queue(checked)).await
    }

    async fn describe_queue(
        &self,
        request: Request<DescribeQueueRequest>,
    ) -> Result<Response<DescribeQueueResponse>, Status> {
        self.stack.run(request, check_describe, |checked| self.describe_a_queue(checked)).await
    }

    async fn list_queues(&self, request: Request<ListQueuesRequest>) -> Result<Response<ListQueuesResponse>, Status> {
        self.stack.run(request, check_list, |checked| self.list_the_queues(checked)).await
    }

    async fn put_queue_policy(
        &self,
        request: Request<PutQueuePolicyRequest>,
    ) -> Result<Response<PutQueuePolicyResponse>, Status> {
        let work = async |checked| {
            let (queue, control_index) = self.change_queue_policy(checked).await?;
            Ok(PutQueuePolicyResponse { queue, control_index })
        };
        self.stack.run(request, permissions::check_put_queue, work).await
    }

    async fn delete_queue_policy(
        &self,
        request: Request<DeleteQueuePolicyRequest>,
    ) -> Result<Response<DeleteQueuePolicyResponse>, Status> {
        let work = async |checked| {
            let (queue, control_index) = self.change_queue_policy(checked).await?;
            Ok(DeleteQueuePolicyResponse { queue, control_index })
        };
        self.stack.run(request, permissions::check_delete_queue, work).await
    }

    async fn receive_message(
        &self,
        request: Request<ReceiveMessageRequest>,
    ) -> Result<Response<ReceiveMessageResponse>, Status> {
        self.stack.run(request, check_receive, |checked| self.receive(checked)).await
    }

    async fn delete_message(
        &self,
        request: Request<DeleteMessageRequest>,
    ) -> Result<Response<DeleteMessageResponse>, Status> {
        self.stack.run(request, check_delete_message, |checked| self.delete_messages(checked)).await
    }

    async fn change_message_visibility(
        &self,
        request: Request<ChangeMessageVisibilityRequest>,
    ) -> Result<Response<ChangeMessageVisibilityResponse>, Status> {
        self.stack.run(request, check_change, |checked| self.move_message(checked)).await
    }

    type SubscribeStream = Answers<SubscribeResponse>;

    async fn subscribe(
        &self,
        request: Request<Streaming<SubscribeRequest>>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        self.stack.stream(request, |opening| subscribe::answers(self.clone(), opening))
    }
}
