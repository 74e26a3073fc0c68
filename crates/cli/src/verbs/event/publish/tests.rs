//! Publishing to a server in this process that answers by script.

use std::io::Cursor;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bascule_api::client::Session;
use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_api::v1::events_server::{Events, EventsServer};
use bascule_api::v1::{GetEventRequest, GetEventResponse, PutEventsResultEntry, TailEventsRequest, TailEventsResponse};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status};

use super::*;
use crate::chance::System;
use crate::output::Format;

/// Reads what to do from the first entry's source: `ok`, `slow`, `short`, or the name of a reason; an entry whose
/// detail type is `bad` fails alone.
#[derive(Default)]
struct Script {
    calls: Arc<Mutex<Vec<PutEventsRequest>>>,
}

#[tonic::async_trait]
impl Events for Script {
    async fn put_events(&self, request: Request<PutEventsRequest>) -> Result<Response<PutEventsResponse>, Status> {
        let request = request.into_inner();
        self.calls.lock().unwrap().push(request.clone());
        let word = request.entries[0].source.as_str();
        if let Some(reason) = Reason::from_name(word) {
            return Err(Refusal::new(reason, "by script").to_status());
        }
        match word {
            "slow" => tokio::time::sleep(Duration::from_millis(50)).await,
            "broken" => return Err(Status::unavailable("connection reset")),
            _ => {}
        }
        let result = |entry: &PutEventsRequestEntry| match entry.detail_type.as_str() {
            "bad" => PutEventsResultEntry { error_code: "ENTRY_DETAIL_MALFORMED".into(), ..Default::default() },
            id => PutEventsResultEntry { event_id: format!("id-{id}"), ..Default::default() },
        };
        let mut entries: Vec<_> = request.entries.iter().map(result).collect();
        if word == "short" {
            entries.pop();
        }
        Ok(Response::new(PutEventsResponse { entries, control_index: 7, ..Default::default() }))
    }

    type TailEventsStream = tonic::codegen::BoxStream<TailEventsResponse>;

    async fn tail_events(&self, _: Request<TailEventsRequest>) -> Result<Response<Self::TailEventsStream>, Status> {
        Err(Status::unimplemented("not in the script"))
    }

    async fn get_event(&self, _: Request<GetEventRequest>) -> Result<Response<GetEventResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }
}

const PLAN: Plan = Plan { in_flight_count: 1, validate_only: false, min_control_index: 0, keep_ids: false };

/// Publishes a file; answers what people read, the exit code, and the calls that the server saw.
async fn publish(file: &str, plan: Plan) -> (String, u8, Vec<PutEventsRequest>) {
    publish_until(file, plan, std::future::pending()).await
}

/// The same, stopped at some time.
async fn publish_until(file: &str, plan: Plan, stop: impl Future<Output = ()>) -> (String, u8, Vec<PutEventsRequest>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let script = Script::default();
    let calls = script.calls.clone();
    let server =
        Server::builder().add_service(EventsServer::new(script)).serve_with_incoming(TcpIncoming::from(listener));
    let client = async {
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        let link = Link::over(Session::over(channel, Arc::new(System)), Arc::new(System));
        let feed = Feed::new("events.jsonl".into(), Box::new(Cursor::new(file.as_bytes().to_vec())));
        all(&link, feed, plan, &Progress::hidden(), stop).await
    };
    let outcome = tokio::select! {
        outcome = client => outcome,
        ended = server => panic!("the server ended: {ended:?}"),
    };
    let mut out = Vec::new();
    outcome.view.write(Format::Table, false, &mut out).unwrap();
    let calls = calls.lock().unwrap().clone();
    (String::from_utf8(out).unwrap(), outcome.exit as u8, calls)
}

/// Lines of entries: for each source that many, named after their line.
fn file(runs: &[(&str, usize)]) -> String {
    let sources = runs.iter().flat_map(|(source, count)| std::iter::repeat_n(*source, *count));
    let line = |(at, source): (usize, &str)| {
        format!("{{\"Source\":\"{source}\",\"DetailType\":\"{}\",\"Detail\":{{}}}}\n", at + 1)
    };
    sources.enumerate().map(line).collect()
}

#[tokio::test]
async fn files_are_published_and_told_by_line() {
    let bad = "{\"Source\":\"ok\",\"DetailType\":\"bad\"}\n";
    let rows = [
        (String::new(), "0 accepted, 0 failed\n", 0, 0),
        (file(&[("ok", 25)]), "25 accepted, 0 failed\n", 0, 3),
        (
            format!("{}\nnonsense\n{bad}", file(&[("ok", 2)])),
            "2 accepted, 2 failed\n\nLINE  CODE                    MESSAGE\n\
             4     ENTRY_INVALID           the line is no JSON: expected ident, at column 2\n\
             5     ENTRY_DETAIL_MALFORMED  -\n",
            1,
            1,
        ),
        // Refused for its entries: the next put may go better.
        (file(&[("REQUEST_TOO_LARGE", 10), ("ok", 1)]).replacen("\n", " \n", 1), "1 accepted, 10 failed\n\n", 1, 2),
        // Refused for the caller: none goes better.
        (
            file(&[("ok", 10), ("ACCESS_DENIED", 10), ("ok", 10)]),
            "10 accepted, 10 failed\nnot sent: from line 21 on\n",
            3,
            2,
        ),
        // Lost: said so, and not repeated.
        (
            file(&[("ok", 10), ("OUTCOME_UNKNOWN", 10), ("ok", 10)]),
            "10 accepted, 0 failed, 10 unknown\nunknown, maybe published: lines 11 to 20; not repeated\nnot sent: from line 21 on\n",
            5,
            2,
        ),
        (
            file(&[("broken", 3)]),
            "0 accepted, 0 failed, 3 unknown\nunknown, maybe published: lines 1 to 3; not repeated\n",
            5,
            1,
        ),
        // An answer with too few results.
        (
            file(&[("short", 3)]),
            "2 accepted, 0 failed, 1 unknown\nunknown, maybe published: line 3; not repeated\n",
            5,
            1,
        ),
    ];
    for (file, expected, exit, calls) in rows {
        let (told, ended, seen) = publish(&file, PLAN).await;
        assert!(told.starts_with(expected), "{told}");
        assert_eq!((ended, seen.len()), (exit, calls), "{told}");
    }
}

#[tokio::test]
async fn lanes_publish_each_entry_once() {
    for in_flight_count in [1, 4, 64] {
        let plan = Plan { in_flight_count, keep_ids: true, ..PLAN };
        let (told, exit, seen) = publish(&file(&[("slow", 95)]), plan).await;
        assert!(told.starts_with("95 accepted, 0 failed\n"), "{told}");
        assert_eq!(exit, 0);
        let mut names: Vec<usize> =
            seen.iter().flat_map(|put| put.entries.iter().map(|entry| entry.detail_type.parse().unwrap())).collect();
        if in_flight_count == 1 {
            assert!(names.is_sorted(), "{names:?}");
        }
        names.sort_unstable();
        assert_eq!(names, (1..=95).collect::<Vec<_>>());
        let ids: std::collections::BTreeSet<&str> = seen.iter().map(|put| put.request_id.as_str()).collect();
        assert_eq!(ids.len(), 10);
    }
}

#[tokio::test]
async fn validating_says_so_to_the_server() {
    let plan = Plan { validate_only: true, ..PLAN };
    let (told, exit, seen) = publish(&file(&[("ok", 1)]), plan).await;
    assert!(seen.iter().all(|put| put.validate_only) && seen.len() == 1);
    assert_eq!((told.as_str(), exit), ("1 would be accepted, 0 failed\n", 0));
    // What cannot have been published is not unknown.
    let (told, exit, _) = publish(&file(&[("broken", 1)]), plan).await;
    assert!(told.starts_with("0 would be accepted, 1 failed\n"), "{told}");
    assert_eq!(exit, 4);
}

#[tokio::test]
async fn the_view_asked_for_is_asked_for_in_every_put() {
    let plan = Plan { min_control_index: 42, ..PLAN };
    let (_, _, seen) = publish(&file(&[("ok", 11)]), plan).await;
    assert_eq!(seen.iter().map(|put| put.min_control_index).collect::<Vec<_>>(), [42, 42]);
}

#[tokio::test]
async fn who_stops_learns_what_was_sent() {
    let plan = Plan { in_flight_count: 2, ..PLAN };
    let stop = tokio::time::sleep(Duration::from_millis(20));
    let (told, exit, seen) = publish_until(&file(&[("slow", 95)]), plan, stop).await;
    // Both puts that were on their way are waited for, and no other begins.
    assert!(told.starts_with("20 accepted, 0 failed\nnot sent: from line 21 on\n"), "{told}");
    assert_eq!((exit, seen.len()), (1, 2));
}

#[tokio::test]
async fn a_line_without_end_stops_the_feed() {
    let file = format!("{}{}", file(&[("ok", 12)]), "x".repeat(3 * 1024 * 1024));
    let (told, exit, seen) = publish(&file, PLAN).await;
    assert!(told.starts_with("10 accepted, 0 failed\nnot sent: from line 11 on\n"), "{told}");
    assert_eq!((exit, seen.len()), (2, 1));
}
