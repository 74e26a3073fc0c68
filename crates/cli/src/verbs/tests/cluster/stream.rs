//! A queue's stream, made up: three messages as far as there is credit for them, and an answer to each receipt.
//!
//! The queue `gone` is not there, receipts of `stale` come too late, the first stream of `shaky` breaks after a message, `round` has
//! its messages over and over.

use std::sync::atomic::{AtomicU64, Ordering};

use bascule_api::v1::subscribe_request::Action;
use bascule_api::v1::subscribe_response::Event;
use bascule_api::v1::tail_events_response::Says;
use tokio::sync::mpsc;
use tonic::codegen::BoxStream;
use tonic::codegen::tokio_stream::{self, wrappers::ReceiverStream};

use super::*;

/// Streams of `shaky` so far.
static SHAKEN: AtomicU64 = AtomicU64::new(0);

pub fn followed(fake: Fake, mut asked: Streaming<SubscribeRequest>) -> BoxStream<SubscribeResponse> {
    let (answers, told) = mpsc::channel(16);
    tokio::spawn(async move {
        let (mut queue, mut credits, mut left) = (String::new(), 0, Vec::new());
        while let Ok(Some(request)) = asked.message().await {
            fake.note(&request);
            let mut events = Vec::new();
            match request.action {
                Some(Action::Start(start)) => {
                    (queue, credits) = (start.queue_name, start.credits as usize);
                    (left, events) = begun(&queue);
                }
                Some(Action::Credit(more)) => credits += more.credits as usize,
                Some(Action::Ack(ack)) => events.push(Ok(settled(&queue, ack.receipt_handles))),
                Some(Action::Nack(nack)) => events.push(Ok(settled(&queue, nack.receipt_handles))),
                _ => {}
            }
            let sent: Vec<_> = left.drain(..credits.min(left.len())).collect();
            credits -= sent.len();
            if !sent.is_empty() {
                // Before the error, if there is one.
                let at = events.len().min(1);
                events.insert(at, Ok(messages(&sent)));
            }
            for event in events {
                let _ = answers.send(event.map(|event| SubscribeResponse { event: Some(event) })).await;
            }
        }
    });
    Box::pin(ReceiverStream::new(told))
}

/// The messages of a queue, and what its stream begins with.
fn begun(queue: &str) -> (Vec<&'static str>, Vec<Result<Event, Status>>) {
    let reason = "messages come as there are any".to_owned();
    let active = Event::State(SubscribeState { state: SubscriptionState::Active.into(), reason });
    match queue {
        "gone" => (vec![], vec![gone("queue", queue, active)]),
        "shaky" if SHAKEN.fetch_add(1, Ordering::Relaxed) == 0 => {
            (vec!["m1"], vec![Ok(active), Err(Status::unknown("transport error"))])
        }
        "shaky" => (vec!["m2", "m3"], vec![Ok(active)]),
        "round" => (["m1", "m2", "m3"].repeat(2), vec![Ok(active)]),
        _ => (vec!["m1", "m2", "m3"], vec![Ok(active)]),
    }
}

fn messages(ids: &[&str]) -> Event {
    let message = |id: &&str| QueueMessage {
        message_id: (*id).to_owned(),
        receipt_handle: format!("receipt-of-{id}"),
        body: format!("{{\"id\":\"{id}\"}}"),
        receive_count: 1,
        ..Default::default()
    };
    Event::Messages(SubscribeMessages { messages: ids.iter().map(message).collect() })
}

fn settled(queue: &str, handles: Vec<String>) -> Event {
    let code = if queue == "stale" { "RECEIPT_HANDLE_STALE" } else { "" };
    let result = |receipt_handle| SettledReceipt {
        receipt_handle,
        error_code: code.to_owned(),
        error_message: code.replace('_', " ").to_lowercase(),
    };
    Event::Settled(SubscribeSettled { results: handles.into_iter().map(result).collect() })
}

/// Two events with a gap between them, and then none.
pub fn tailed() -> BoxStream<TailEventsResponse> {
    let text = |n| {
        format!(
            r#"{{"id":"e{n}","time":"2026-01-02T03:04:0{n}Z","source":"shop","detail-type":"Paid","detail":{{ "n": {n} }}}}"#
        )
    };
    let event = |n: u8| Says::Event(TailedEvent { event_id: format!("e{n}"), event: text(n) });
    let skipped = TailSkipped { rate_limited_count: 40, ..TailSkipped::default() };
    let says = [Says::Started(TailStarted::default()), event(1), Says::Skipped(skipped), event(2)];
    Box::pin(tokio_stream::iter(says.map(|says| Ok(TailEventsResponse { says: Some(says) }))))
}
