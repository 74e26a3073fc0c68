//! A caller of the daemon: what most tests set up, in a line each. For anything else there is [`Client::session`].

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bascule_api::admin::v1::{DeadLetter, DescribeDeliveryRequest, ListDeadLettersRequest, TargetDelivery};
use bascule_api::client::{Context, Deadlines, Session};
use bascule_api::status::Refusal;
use bascule_api::v1::connection_authorization::Method;
use bascule_api::v1::{
    ConnectionAuthorization, CreateApiDestinationRequest, CreateConnectionRequest, CreateEventBusRequest,
    CreateQueueRequest, DeadLetterConfig, DeleteMessageRequest, HttpMethod, PutEventsRequest, PutEventsRequestEntry,
    PutEventsResponse, PutRuleRequest, PutTargetsRequest, QueueMessage, ReceiveMessageRequest, RetryPolicy, Secret,
    SigningSecrets, Target,
};
use tonic::Status;

use crate::Outcome;
use crate::chance::Air;
use crate::daemon::Daemon;
use crate::ledger::Counts;
use crate::receiver::SECRET;
use crate::wait;

/// Longest wait of one receive, in seconds.
const RECEIVE_WAIT_SECONDS: u32 = 1;
/// Messages of one receive.
const RECEIVE_MESSAGES: u32 = 10;

/// A connection, as somebody.
#[derive(Debug, Clone)]
pub struct Client {
    session: Session,
}

/// An entry on the default bus.
#[must_use]
pub fn entry(source: &str, detail_type: &str, detail: &str) -> PutEventsRequestEntry {
    PutEventsRequestEntry {
        source: source.to_owned(),
        detail_type: detail_type.to_owned(),
        detail: detail.to_owned(),
        ..PutEventsRequestEntry::default()
    }
}

/// A target without a policy of its own.
#[must_use]
pub fn target(id: &str, arn: &str) -> Target {
    Target { id: id.to_owned(), arn: arn.to_owned(), ..Target::default() }
}

/// Retries so often and no longer, in seconds.
#[must_use]
pub const fn retries(attempts: u32, age_seconds: u32) -> Option<RetryPolicy> {
    Some(RetryPolicy { maximum_retry_attempts: Some(attempts), maximum_event_age_seconds: Some(age_seconds) })
}

/// A secret.
#[must_use]
pub fn secret(value: &str) -> Option<Secret> {
    Some(Secret { value: value.to_owned() })
}

/// Standard Webhooks signing with the receiver's own secret.
#[must_use]
pub fn signing() -> Method {
    Method::Signing(SigningSecrets { secrets: secret(SECRET).into_iter().collect() })
}

/// The reason of a refusal, as the catalogue names it; the code and message of a status that has none.
#[must_use]
pub fn reason(status: &Status) -> String {
    match Refusal::from_status(status) {
        Ok(refusal) => refusal.reason.name().to_owned(),
        Err(_) => format!("{:?}: {}", status.code(), status.message()),
    }
}

impl Client {
    /// As the daemon's operator.
    ///
    /// # Errors
    /// It does not run, or refuses.
    pub async fn operator(daemon: &Daemon) -> Outcome<Self> {
        Self::connect(&daemon.context()?).await
    }

    /// As somebody.
    ///
    /// # Errors
    /// There is no connection.
    pub async fn connect(context: &Context) -> Outcome<Self> {
        let session = context.connect(Arc::new(Air)).await?;
        let deadlines = Deadlines { attempt_ms: 30_000, call_ms: 30_000 };
        Ok(Self { session: session.with_deadlines(deadlines) })
    }

    /// Over a session that is there.
    #[must_use]
    pub const fn over(session: Session) -> Self {
        Self { session }
    }

    /// The stubs of everything.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Makes a bus.
    ///
    /// # Errors
    /// The refusal.
    pub async fn bus(&self, name: &str) -> Outcome {
        let request = CreateEventBusRequest { name: name.to_owned(), ..CreateEventBusRequest::default() };
        self.session.event_buses().create_event_bus(request).await?;
        Ok(())
    }

    /// Makes or replaces a rule; gives its ARN.
    ///
    /// # Errors
    /// The refusal.
    pub async fn rule(&self, bus: &str, name: &str, pattern: &str) -> Outcome<String> {
        let request = PutRuleRequest {
            name: name.to_owned(),
            event_bus_name: bus.to_owned(),
            event_pattern: pattern.to_owned(),
            ..PutRuleRequest::default()
        };
        Ok(self.session.rules().put_rule(request).await?.into_inner().rule_arn)
    }

    /// Makes or replaces targets of a rule; gives the control index from which on they get events.
    ///
    /// # Errors
    /// The refusal of the call or of any target.
    pub async fn targets(&self, bus: &str, rule: &str, targets: Vec<Target>) -> Outcome<u64> {
        let request = PutTargetsRequest {
            rule: rule.to_owned(),
            event_bus_name: bus.to_owned(),
            targets,
            ..PutTargetsRequest::default()
        };
        let answer = self.session.targets().put_targets(request).await?.into_inner();
        ensure!(answer.failed_entry_count == 0, "targets were refused: {:?}", answer.failed_entries);
        Ok(answer.control_index)
    }

    /// Makes a queue; gives its ARN.
    ///
    /// # Errors
    /// The refusal.
    pub async fn queue(&self, name: &str) -> Outcome<String> {
        let request = CreateQueueRequest { name: name.to_owned(), ..CreateQueueRequest::default() };
        let answer = self.session.queues().create_queue(request).await?.into_inner();
        Ok(answer.queue.context("an answer without the queue")?.arn)
    }

    /// Makes a connection; gives its ARN.
    ///
    /// # Errors
    /// The refusal.
    pub async fn connection(&self, name: &str, method: Method) -> Outcome<String> {
        let authorization = ConnectionAuthorization { method: Some(method), invocation_parameters: Vec::new() };
        let request = CreateConnectionRequest {
            name: name.to_owned(),
            authorization: Some(authorization),
            ..CreateConnectionRequest::default()
        };
        let answer = self.session.connections().create_connection(request).await?.into_inner();
        Ok(answer.connection.context("an answer without the connection")?.arn)
    }

    /// Makes a destination that is called with POST over a connection of the same name, made too; gives its ARN.
    ///
    /// # Errors
    /// The refusal.
    pub async fn destination(&self, name: &str, url: &str, method: Method) -> Outcome<String> {
        let connection = self.connection(name, method).await?;
        self.destination_over(name, url, &connection).await
    }

    /// Makes a destination that is called with POST over this connection; gives its ARN.
    ///
    /// # Errors
    /// The refusal.
    pub async fn destination_over(&self, name: &str, url: &str, connection: &str) -> Outcome<String> {
        let request = CreateApiDestinationRequest {
            name: name.to_owned(),
            connection_arn: connection.to_owned(),
            invocation_endpoint: url.to_owned(),
            http_method: HttpMethod::Post.into(),
            ..CreateApiDestinationRequest::default()
        };
        let answer = self.session.api_destinations().create_api_destination(request).await?.into_inner();
        Ok(answer.api_destination.context("an answer without the destination")?.arn)
    }

    /// Makes a rule of the default bus with one target: a signed POST to `url`. All three have the name, the target too.
    ///
    /// # Errors
    /// The refusal.
    pub async fn webhook(&self, name: &str, pattern: &str, url: &str) -> Outcome {
        let arn = self.destination(name, url, signing()).await?;
        self.rule("", name, pattern).await?;
        self.targets("", name, vec![target(name, &arn)]).await?;
        Ok(())
    }

    /// Makes a rule of the default bus with one target: a queue. All three have the name.
    ///
    /// # Errors
    /// The refusal.
    pub async fn queued(&self, name: &str, pattern: &str) -> Outcome {
        let arn = self.queue(name).await?;
        self.rule("", name, pattern).await?;
        self.targets("", name, vec![target(name, &arn)]).await?;
        Ok(())
    }

    /// Puts entries; gives the answer, whatever it says of each.
    ///
    /// # Errors
    /// The refusal of the call as a whole.
    pub async fn try_put(&self, entries: Vec<PutEventsRequestEntry>) -> Result<PutEventsResponse, Status> {
        let request = PutEventsRequest { entries, ..PutEventsRequest::default() };
        Ok(self.session.events().put_events(request).await?.into_inner())
    }

    /// Puts entries, by a view that has reached this control index; gives the answer, whatever it says of each.
    ///
    /// # Errors
    /// The refusal of the call as a whole.
    pub async fn try_put_after(
        &self,
        min_control_index: u64,
        entries: Vec<PutEventsRequestEntry>,
    ) -> Result<PutEventsResponse, Status> {
        let request = PutEventsRequest { entries, min_control_index, ..PutEventsRequest::default() };
        Ok(self.session.events().put_events(request).await?.into_inner())
    }

    /// Puts one entry, by a view that has reached this control index; gives its event's id.
    ///
    /// # Errors
    /// The refusal of the call or of the entry.
    pub async fn put_after(&self, min_control_index: u64, entry: PutEventsRequestEntry) -> Outcome<String> {
        let answer = self.try_put_after(min_control_index, vec![entry]).await?;
        let told = answer.entries.into_iter().next().context("an answer without an entry")?;
        ensure!(told.error_code.is_empty(), "the entry was refused: {told:?}");
        Ok(told.event_id)
    }

    /// Puts entries that must all be accepted; gives their events' ids.
    ///
    /// # Errors
    /// The refusal of the call or of any entry.
    pub async fn put(&self, entries: Vec<PutEventsRequestEntry>) -> Outcome<Vec<String>> {
        let answer = self.try_put(entries).await?;
        ensure!(answer.failed_entry_count == 0, "entries were refused: {:?}", answer.entries);
        Ok(answer.entries.into_iter().map(|entry| entry.event_id).collect())
    }

    /// Puts one entry; gives its event's id.
    ///
    /// # Errors
    /// As [`Client::put`].
    pub async fn put_one(&self, entry: PutEventsRequestEntry) -> Outcome<String> {
        self.put(vec![entry]).await?.pop().context("an answer without an entry")
    }

    /// Receives up to ten messages, waiting a second for the first; `hidden_s` none: as long as the queue says.
    ///
    /// # Errors
    /// The refusal.
    pub async fn receive(&self, queue: &str, hidden_s: Option<u32>) -> Outcome<Vec<QueueMessage>> {
        let request = ReceiveMessageRequest {
            queue_name: queue.to_owned(),
            max_messages: RECEIVE_MESSAGES,
            visibility_timeout: hidden_s,
            wait_seconds: RECEIVE_WAIT_SECONDS,
        };
        Ok(self.session.queues().receive_message(request).await?.into_inner().messages)
    }

    /// Receives and deletes until nothing comes for a second.
    ///
    /// # Errors
    /// The refusal of a receive or of a deletion.
    pub async fn drain(&self, queue: &str) -> Outcome<Vec<QueueMessage>> {
        let mut drained = Vec::new();
        loop {
            let messages = self.receive(queue, None).await?;
            if messages.is_empty() {
                return Ok(drained);
            }
            let handles = messages.iter().map(|message| message.receipt_handle.clone()).collect();
            self.delete(queue, handles).await?;
            drained.extend(messages);
        }
    }

    /// Drains until at least `count` messages have come.
    ///
    /// # Errors
    /// They did not come; or as [`Client::drain`].
    pub async fn drain_at_least(&self, queue: &str, count: usize) -> Outcome<Vec<QueueMessage>> {
        let mut drained = Vec::new();
        wait::until(&format!("{count} messages of `{queue}`"), wait::PATIENCE, async || {
            drained.extend(self.drain(queue).await?);
            Ok((drained.len() >= count).then_some(()))
        })
        .await?;
        Ok(drained)
    }

    /// Deletes messages that were received.
    ///
    /// # Errors
    /// The refusal of the call or of any handle.
    pub async fn delete(&self, queue: &str, receipt_handles: Vec<String>) -> Outcome {
        let request =
            DeleteMessageRequest { queue_name: queue.to_owned(), receipt_handles, ..DeleteMessageRequest::default() };
        let answer = self.session.queues().delete_message(request).await?.into_inner();
        ensure!(answer.failed_entry_count == 0, "receipts were refused: {:?}", answer.results);
        Ok(())
    }

    /// What the daemon counts for each target of a rule.
    ///
    /// # Errors
    /// The refusal.
    pub async fn deliveries(&self, bus: &str, rule: &str) -> Outcome<Vec<TargetDelivery>> {
        let request =
            DescribeDeliveryRequest { event_bus_name: bus.to_owned(), rule: rule.to_owned(), target_id: String::new() };
        Ok(self.session.deliveries().describe_delivery(request).await?.into_inner().targets)
    }

    /// The same for one target.
    ///
    /// # Errors
    /// The refusal, or there is no such target.
    pub async fn counts(&self, bus: &str, rule: &str, target: &str) -> Outcome<Counts> {
        let all = self.deliveries(bus, rule).await?;
        let one = all.iter().find(|told| told.target_id == target);
        Ok(one.with_context(|| format!("`{rule}` has no target `{target}`"))?.into())
    }

    /// Waits until nothing is pending for any target of a rule.
    ///
    /// # Errors
    /// The limit passed, or a refusal.
    pub async fn settled(&self, bus: &str, rule: &str, limit: Duration) -> Outcome<Vec<TargetDelivery>> {
        wait::until(&format!("nothing pending for `{rule}`"), limit, async || {
            let all = self.deliveries(bus, rule).await?;
            Ok(all.iter().all(|told| told.pending == 0).then_some(all))
        })
        .await
    }

    /// Every dead letter in the table of a bus.
    ///
    /// # Errors
    /// The refusal.
    pub async fn dead_letters(&self, bus: &str) -> Outcome<Vec<DeadLetter>> {
        let mut all = Vec::new();
        let mut request =
            ListDeadLettersRequest { event_bus_name: bus.to_owned(), ..ListDeadLettersRequest::default() };
        loop {
            let answer = self.session.dead_letters().list_dead_letters(request.clone()).await?.into_inner();
            all.extend(answer.dead_letters);
            if answer.next_page_token.is_empty() {
                return Ok(all);
            }
            request.page_token = answer.next_page_token;
        }
    }
}

/// Undeliverable events go to this queue.
#[must_use]
pub fn dead_letters_to(queue_arn: &str) -> Option<DeadLetterConfig> {
    Some(DeadLetterConfig { arn: queue_arn.to_owned() })
}
