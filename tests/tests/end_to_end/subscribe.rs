//! Subscriptions: each message against one credit, receipts settled on the stream, and an end that says why.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bascule_api::client::subscription::{Following, Heard, Subscription};
use bascule_api::status::Refusal;
use bascule_api::v1::subscribe_request::Action;
use bascule_api::v1::subscribe_response::Event;
use bascule_api::v1::{
    DeleteQueueRequest, DescribeQueueRequest, QueueMessage, SettledReceipt, SubscribeAck, SubscribeCredit,
    SubscribeExtend, SubscribeNack, SubscribeRequest, SubscribeResponse, SubscribeStart, SubscriptionState as State,
};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry, reason};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::ledger::read_event;
use bascule_tests::wait::PATIENCE;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::codegen::tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status, Streaming};

/// Longer than any test.
const LONG_S: u32 = 600;
/// Time in which something would have come that must not come.
const SILENCE: Duration = Duration::from_millis(1_500);

/// Linux counts a process's time so.
const TICKS_A_SECOND: u64 = 100;

/// A stream as it is on the wire, without the client's own credit and reconnection.
struct Wire {
    requests: mpsc::Sender<SubscribeRequest>,
    responses: Streaming<SubscribeResponse>,
}

impl Wire {
    async fn open(client: &Client, first: Option<Action>, limit: Duration) -> Result<Self, Status> {
        let (requests, sent) = mpsc::channel(64);
        let _ = requests.send(SubscribeRequest { action: first }).await;
        let mut request = Request::new(ReceiverStream::new(sent));
        request.set_timeout(limit);
        let responses = client.session().queues().subscribe(request).await?.into_inner();
        Ok(Self { requests, responses })
    }

    async fn start(client: &Client, queue: &str, credits: u32, hidden_s: u32) -> Outcome<Self> {
        let mut wire = Self::open(client, Some(start(queue, credits, Some(hidden_s))), PATIENCE * 4).await?;
        ensure!(wire.state().await? == State::Active, "the first word is another");
        Ok(wire)
    }

    async fn ask(&self, action: Action) -> Outcome {
        Ok(self.requests.send(SubscribeRequest { action: Some(action) }).await?)
    }

    async fn event(&mut self) -> Outcome<Event> {
        let response = timeout(PATIENCE, self.responses.message()).await.context("nothing came")??;
        response.context("the stream ended")?.event.context("an empty response")
    }

    async fn messages(&mut self) -> Outcome<Vec<QueueMessage>> {
        match self.event().await? {
            Event::Messages(messages) => Ok(messages.messages),
            other => bail!("no messages: {other:?}"),
        }
    }

    /// So many messages and no more; states in between are passed over.
    async fn collect(&mut self, count: usize) -> Outcome<Vec<QueueMessage>> {
        let mut all = Vec::new();
        while all.len() < count {
            match self.event().await? {
                Event::Messages(messages) => {
                    ensure!((1..=10).contains(&messages.messages.len()), "{} at once", messages.messages.len());
                    all.extend(messages.messages);
                }
                Event::State(_) => {}
                Event::Settled(settled) => bail!("not asked: {settled:?}"),
            }
        }
        ensure!(all.len() == count, "{} of {count} messages", all.len());
        Ok(all)
    }

    async fn settled(&mut self) -> Outcome<Vec<SettledReceipt>> {
        loop {
            match self.event().await? {
                Event::Settled(settled) => return Ok(settled.results),
                Event::State(_) => {}
                Event::Messages(messages) => bail!("not settled: {messages:?}"),
            }
        }
    }

    async fn state(&mut self) -> Outcome<State> {
        match self.event().await? {
            Event::State(told) => {
                ensure!(!told.reason.is_empty(), "{told:?} has no reason");
                Ok(told.state())
            }
            other => bail!("no state: {other:?}"),
        }
    }

    async fn silent(&mut self) -> Outcome {
        match timeout(SILENCE, self.responses.message()).await {
            Err(_) => Ok(()),
            Ok(said) => bail!("it was not silent: {said:?}"),
        }
    }

    /// What the stream ends with, past whatever it says before.
    async fn end(&mut self) -> Outcome<Option<Status>> {
        loop {
            match timeout(PATIENCE, self.responses.message()).await.context("no end")? {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                Err(status) => return Ok(Some(status)),
            }
        }
    }
}

fn start(queue: &str, credits: u32, visibility_timeout: Option<u32>) -> Action {
    let queue_name = queue.to_owned();
    Action::Start(SubscribeStart { queue_name, credits, visibility_timeout, request_id: "the-stream".to_owned() })
}

fn credit(credits: u32) -> Action {
    Action::Credit(SubscribeCredit { credits })
}

fn ack(receipt_handles: Vec<String>) -> Action {
    Action::Ack(SubscribeAck { receipt_handles })
}

fn handles(messages: &[QueueMessage]) -> Vec<String> {
    messages.iter().map(|message| message.receipt_handle.clone()).collect()
}

fn codes(results: &[SettledReceipt]) -> Vec<&str> {
    results.iter().map(|result| result.error_code.as_str()).collect()
}

async fn put(client: &Client, count: usize) -> Outcome<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    while ids.len() < count {
        let more = (count - ids.len()).min(10);
        ids.extend(client.put((0..more).map(|_| entry("test.queue", "t", "{}")).collect()).await?);
    }
    Ok(ids)
}

fn ids(messages: &[QueueMessage]) -> BTreeSet<String> {
    messages.iter().filter_map(|message| Some(read_event(&message.body)?.id)).collect()
}

async fn inbox() -> Outcome<(Daemon, Client)> {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.queued("inbox", r#"{"source":["test.queue"]}"#).await?;
    Ok((daemon, client))
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_are_respected_and_acks_delete() -> Outcome {
    let (_daemon, client) = inbox().await?;
    let mut wire = Wire::start(&client, "inbox", 3, LONG_S).await?;
    assert_eq!(wire.state().await?, State::WaitingForMessages);
    let put_ids = put(&client, 30).await?;
    let mut got = wire.collect(3).await?;
    assert_eq!(wire.state().await?, State::WaitingForCredit);
    wire.silent().await?;
    for more in [1, 12, 14] {
        wire.ask(credit(more)).await?;
        got.extend(wire.collect(more as usize).await?);
        assert_eq!(wire.state().await?, State::WaitingForCredit);
    }
    wire.silent().await?;
    // Credit beyond what there is stays outstanding.
    wire.ask(credit(5)).await?;
    assert_eq!(wire.state().await?, State::WaitingForMessages);
    assert_eq!(ids(&got), put_ids);
    assert!(got.iter().all(|message| message.receive_count == 1));
    wire.ask(ack(handles(&got))).await?;
    let results = wire.settled().await?;
    assert_eq!(results.iter().map(|result| result.receipt_handle.clone()).collect::<Vec<_>>(), handles(&got));
    assert!(codes(&results).iter().all(|code| code.is_empty()), "{results:?}");
    let later = put(&client, 2).await?;
    assert_eq!(ids(&wire.collect(2).await?), later);
    ensure!(client.drain("inbox").await?.is_empty(), "something is visible");
    // A client that closes its side is answered first.
    wire.ask(ack(handles(&got[..1]))).await?;
    let Wire { requests, responses } = wire;
    drop(requests);
    let mut rest = Wire { requests: mpsc::channel(1).0, responses };
    assert_eq!(codes(&rest.settled().await?), [""]);
    assert!(rest.end().await?.is_none());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_given_back_and_kept() -> Outcome {
    let (_daemon, client) = inbox().await?;
    put(&client, 1).await?;
    let mut wire = Wire::start(&client, "inbox", 10, LONG_S).await?;
    let first = wire.messages().await?.remove(0);
    let nack = |handle: &str, delay_seconds| {
        Action::Nack(SubscribeNack { receipt_handles: vec![handle.to_owned()], delay_seconds })
    };
    wire.ask(nack(&first.receipt_handle, 0)).await?;
    assert_eq!(codes(&wire.settled().await?), [""]);
    let second = wire.collect(1).await?.remove(0);
    assert_eq!((second.message_id.as_str(), second.receive_count), (first.message_id.as_str(), 2));
    // The receipt of before is of no use any more.
    wire.ask(ack(vec![first.receipt_handle, "junk".to_owned()])).await?;
    assert_eq!(codes(&wire.settled().await?), ["RECEIPT_HANDLE_STALE", "RECEIPT_HANDLE_INVALID"]);
    wire.ask(nack(&second.receipt_handle, 1)).await?;
    assert_eq!(codes(&wire.settled().await?), [""]);
    let third = wire.collect(1).await?.remove(0);
    assert_eq!(third.receive_count, 3);
    // The other stream hides for a second only; extended, the message stays hidden.
    // Given back for later, so that the stream is gone before the message comes again.
    wire.ask(nack(&third.receipt_handle, 2)).await?;
    assert_eq!(codes(&wire.settled().await?), [""]);
    drop(wire);
    let mut brief = Wire::start(&client, "inbox", 2, 1).await?;
    let fourth = brief.collect(1).await?.remove(0);
    let extend = SubscribeExtend { receipt_handles: vec![fourth.receipt_handle.clone()], visibility_timeout: LONG_S };
    brief.ask(Action::Extend(extend)).await?;
    assert_eq!(codes(&brief.settled().await?), [""]);
    // How the stream stands was said after the message; whether it was heard before the answer is chance.
    let _ = timeout(SILENCE, brief.state()).await;
    brief.silent().await?;
    brief.ask(ack(vec![fourth.receipt_handle.clone()])).await?;
    assert_eq!(codes(&brief.settled().await?), [""]);
    // What is deleted cannot be kept.
    brief.ask(nack(&fourth.receipt_handle, 0)).await?;
    assert_eq!(codes(&brief.settled().await?), ["RECEIPT_HANDLE_STALE"]);
    Ok(())
}

/// The refusal of a stream that begins with the first action and, if that is taken, goes on with the others.
async fn refusal(client: &Client, actions: Vec<Option<Action>>) -> Outcome<Refusal> {
    let mut actions = actions.into_iter();
    let status = match Wire::open(client, actions.next().flatten(), PATIENCE).await {
        Err(status) => status,
        Ok(mut wire) => {
            for action in actions {
                let _ = wire.requests.send(SubscribeRequest { action }).await;
            }
            wire.end().await?.context("a stream ended well")?
        }
    };
    Ok(Refusal::from_status(&status)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_with_field_limit_and_value() -> Outcome {
    let (_daemon, client) = inbox().await?;
    client.queue("other").await?;
    let begun = || Some(start("inbox", 600, None));
    let many: Vec<String> = (0..101).map(|nth| nth.to_string()).collect();
    /// What it is, what is asked, the reason and words of its refusal.
    type Row<'a> = (&'a str, Vec<Option<Action>>, &'a str, &'a [&'a str]);
    let rows: Vec<Row<'_>> = vec![
        ("no action", vec![None], "VALIDATION_FAILED", &["Start", "nothing"]),
        ("credit first", vec![Some(credit(1))], "VALIDATION_FAILED", &["Start", "credit"]),
        ("no credits", vec![Some(start("inbox", 0, None))], "VALIDATION_FAILED", &["Start.Credits", "1 to 1000", "0"]),
        ("many credits", vec![Some(start("inbox", 1_001, None))], "VALIDATION_FAILED", &["Start.Credits", "1001"]),
        ("long", vec![Some(start("inbox", 1, Some(43_201)))], "VALIDATION_FAILED", &["43200", "43201"]),
        ("no queue", vec![Some(start("absent", 1, None))], "RESOURCE_NOT_FOUND", &["absent"]),
        ("two starts", vec![begun(), begun()], "VALIDATION_FAILED", &["Start"]),
        ("too much", vec![begun(), Some(credit(401))], "VALIDATION_FAILED", &["Credit.Credits", "1000", "1001"]),
        ("no more", vec![begun(), Some(credit(0))], "VALIDATION_FAILED", &["Credit.Credits", "1 to 1000"]),
        ("nothing", vec![begun(), None], "VALIDATION_FAILED", &["Action"]),
        ("no handles", vec![begun(), Some(ack(vec![]))], "VALIDATION_FAILED", &["Ack.ReceiptHandles", "1 to 100"]),
        ("many handles", vec![begun(), Some(ack(many))], "VALIDATION_FAILED", &["Ack.ReceiptHandles", "100", "101"]),
    ];
    for (what, actions, reason, words) in rows {
        let told = refusal(&client, actions).await.with_context(|| what.to_owned())?;
        assert_eq!(told.reason.name(), reason, "{what}: {told}");
        for word in words {
            ensure!(told.message.contains(word), "{what}: `{}` lacks `{word}`", told.message);
        }
    }
    // A handle of another queue is refused alone, and the stream goes on.
    put(&client, 1).await?;
    let mine = client.receive("inbox", Some(LONG_S)).await?.remove(0);
    let mut other = Wire::start(&client, "other", 1, LONG_S).await?;
    other.ask(ack(vec![mine.receipt_handle.clone()])).await?;
    let told = other.settled().await?;
    assert_eq!(codes(&told), ["RECEIPT_HANDLE_INVALID"]);
    ensure!(told[0].error_message.contains("none of this queue"), "{told:?}");
    let mut inbox = Wire::start(&client, "inbox", 1, LONG_S).await?;
    inbox.ask(ack(vec![mine.receipt_handle])).await?;
    assert_eq!(codes(&inbox.settled().await?), [""], "a receipt of ReceiveMessage is good here");
    // A deadline is not demanded, and kept if there is one.
    let mut brief = Wire::open(&client, begun(), Duration::from_secs(1)).await?;
    let status = brief.end().await?.context("it ended well")?;
    ensure!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_one_connection_are_bounded() -> Outcome {
    let (daemon, client) = inbox().await?;
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(Wire::start(&client, "inbox", 1, LONG_S).await?);
    }
    let told = refusal(&client, vec![Some(start("inbox", 1, None))]).await?;
    assert_eq!(told.reason.name(), "LIMIT_EXCEEDED");
    ensure!(told.message.contains("65 of at most 64"), "{told}");
    // Streams that wait cost next to nothing: a loop without a pause would use the whole of a processor.
    let (before, span) = (processor_ticks(&daemon)?, Duration::from_secs(2));
    tokio::time::sleep(span).await;
    let used = processor_ticks(&daemon)? - before;
    ensure!(used < 100, "idle streams used {used} of {} ticks", span.as_secs() * TICKS_A_SECOND);
    // Others are not held up, calls go on, and a place comes back with its stream.
    let another = Client::operator(&daemon).await?;
    drop(Wire::start(&another, "inbox", 1, LONG_S).await?);
    client.put_one(entry("test.other", "t", "{}")).await?;
    open.truncate(1);
    bascule_tests::wait::until("a place", PATIENCE, async || {
        Ok(Wire::start(&client, "inbox", 1, LONG_S).await.ok().map(drop))
    })
    .await
}

/// Time that the daemon has used, in the system's ticks: proc_pid_stat(5), fields 14 and 15.
fn processor_ticks(daemon: &Daemon) -> Outcome<u64> {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", daemon.pid()?))?;
    let (_, fields) = text.rsplit_once(')').context("no stat")?;
    let used = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    Ok(used.sum::<Result<u64, _>>()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_sent_no_more() -> Outcome {
    let (_daemon, client) = inbox().await?;
    let detail = format!(r#"{{"p":"{}"}}"#, "p".repeat(200_000));
    for _ in 0..100 {
        client.put_one(entry("test.queue", "t", &detail)).await?;
    }
    client.settled("", "inbox", PATIENCE).await?;
    let mut wire = Wire::start(&client, "inbox", 1_000, LONG_S).await?;
    tokio::time::sleep(SILENCE).await;
    let request = DescribeQueueRequest { queue_name: "inbox".to_owned(), allow_stale: false };
    let depth = client.session().queues().describe_queue(request).await?.into_inner();
    // Windows of HTTP/2 and an answer or two are on the way: some 6 MB of 20.
    ensure!((1..=50).contains(&depth.in_flight_message_count), "{depth:?}");
    // It may go on when it likes.
    let got = wire.collect(100).await?;
    assert_eq!(ids(&got).len(), 100);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_queue_ends_its_streams() -> Outcome {
    let (_daemon, client) = inbox().await?;
    client.queue("doomed").await?;
    let mut wire = Wire::start(&client, "doomed", 1, LONG_S).await?;
    assert_eq!(wire.state().await?, State::WaitingForMessages);
    let request = DeleteQueueRequest { queue_name: "doomed".to_owned(), ..DeleteQueueRequest::default() };
    client.session().queues().delete_queue(request).await?;
    // A queue of the same name is another one.
    client.queue("doomed").await?;
    assert_eq!(wire.state().await?, State::QueueGone);
    let status = wire.end().await?.context("it ended well")?;
    let told = Refusal::from_status(&status)?;
    assert_eq!((told.reason.name(), told.request_id.as_deref()), ("RESOURCE_NOT_FOUND", Some("the-stream")));
    ensure!(told.message.contains("doomed"), "{told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_said_and_a_kill_loses_nothing() -> Outcome {
    let (mut daemon, client) = inbox().await?;
    let put_ids = put(&client, 20).await?;
    let mut wire = Wire::start(&client, "inbox", 8, 1).await?;
    let got = wire.collect(8).await?;
    wire.ask(ack(handles(&got[..3]))).await?;
    assert_eq!(codes(&wire.settled().await?), ["", "", ""]);
    let mut idle = Wire::start(&client, "inbox", 1, 1).await?;
    idle.collect(1).await?;
    // Stopped in order: both streams hear of it, and the stop waits for nobody.
    let stopping = tokio::task::spawn_blocking(move || daemon.terminate().map(|status| (daemon, status)));
    for wire in [&mut wire, &mut idle] {
        let mut last = None;
        let status = loop {
            match timeout(PATIENCE, wire.responses.message()).await? {
                Ok(Some(response)) => last = response.event,
                Ok(None) => bail!("it ended well"),
                Err(status) => break status,
            }
        };
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "DRAINING"));
        ensure!(Refusal::from_status(&status)?.retry_after.is_some(), "no time to come back is named");
        ensure!(matches!(&last, Some(Event::State(told)) if told.state() == State::Draining), "{last:?}");
    }
    let (mut daemon, status) = stopping.await??;
    ensure!(status.success(), "{status}");
    daemon.start_again()?;
    // Killed while messages are out: whatever was not deleted comes again.
    let client = Client::operator(&daemon).await?;
    let mut wire = Wire::start(&client, "inbox", 5, 1).await?;
    wire.collect(5).await?;
    daemon.kill9()?;
    let status = wire.end().await?.context("it ended well")?;
    ensure!(Refusal::from_status(&status).is_err(), "{status:?}");
    daemon.start_again()?;
    let client = Client::operator(&daemon).await?;
    let mut subscription = follow(&client, 4, LONG_S).await?;
    let mut left: BTreeSet<String> = put_ids.difference(&ids(&got[..3])).cloned().collect();
    while !left.is_empty() {
        let message = timeout(PATIENCE, subscription.message()).await.context("messages are missing")??;
        for id in ids(std::slice::from_ref(&message)) {
            ensure!(put_ids.contains(&id) && !ids(&got[..3]).contains(&id), "{id} was deleted or never put");
            left.remove(&id);
        }
        subscription.ack(vec![message.receipt_handle]).await?;
    }
    for heard in subscription.close().await? {
        ensure!(!matches!(heard, Heard::Message(_)), "one too many");
    }
    assert_eq!(client.counts("", "inbox", "inbox").await?.delivered, 20);
    Ok(())
}

async fn follow(client: &Client, credits: u32, hidden_s: u32) -> Outcome<Subscription> {
    let queue_name = "inbox".to_owned();
    Ok(client.session().subscribe(Following { queue_name, credits, visibility_timeout: Some(hidden_s) }).await?)
}

/// Takes and acknowledges until nothing comes for a while; gives the ids, each as often as it came.
async fn consume(mut subscription: Subscription) -> Outcome<Vec<String>> {
    let mut got = Vec::new();
    while let Ok(message) = timeout(SILENCE * 2, subscription.message()).await {
        let message = message?;
        ensure!(message.receive_count == 1, "received {} times", message.receive_count);
        got.extend(ids(std::slice::from_ref(&message)));
        subscription.ack(vec![message.receipt_handle]).await?;
    }
    for heard in subscription.close().await? {
        if let Heard::Settled(results) = heard {
            ensure!(codes(&results) == [""], "{results:?}");
        }
    }
    Ok(got)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_subscribers_share_a_queue() -> Outcome {
    let (daemon, client) = inbox().await?;
    let another = Client::operator(&daemon).await?;
    let (first, second) = (follow(&client, 7, LONG_S).await?, follow(&another, 25, LONG_S).await?);
    let (first, second) = (tokio::spawn(consume(first)), tokio::spawn(consume(second)));
    let put_ids = put(&client, 300).await?;
    let (first, second) = (first.await??, second.await??);
    ensure!(!first.is_empty() && !second.is_empty(), "{} and {}", first.len(), second.len());
    assert_eq!(first.len() + second.len(), 300, "a message came twice or not at all");
    assert_eq!(first.into_iter().chain(second).collect::<BTreeSet<_>>(), put_ids);
    ensure!(client.drain("inbox").await?.is_empty(), "something is left");
    Ok(())
}
