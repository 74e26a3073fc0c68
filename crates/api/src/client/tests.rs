//! The session against a server in this process that fails by script.

use std::sync::Mutex;

use bascule_model::ambient::NoEntropy;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::*;
use crate::reasons::Reason;
use crate::status::Refusal;
use crate::v1::events_server::{Events, EventsServer};
use crate::v1::{
    GetEventRequest, GetEventResponse, PutEventsRequest, PutEventsResponse, TailEventsRequest, TailEventsResponse,
};

struct Zeroes;

impl Entropy for Zeroes {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        buffer.fill(0);
        Ok(())
    }
}

/// Answers with each status in turn, then with success; keeps the deadline header of every call.
struct Script {
    answers: Mutex<Vec<Status>>,
    deadlines: Arc<Mutex<Vec<String>>>,
    stall_ms: u64,
}

#[tonic::async_trait]
impl Events for Script {
    async fn put_events(&self, request: Request<PutEventsRequest>) -> Result<Response<PutEventsResponse>, Status> {
        let header = request.metadata().get(TIMEOUT).map(|value| value.to_str().unwrap().to_owned());
        self.deadlines.lock().unwrap().push(header.unwrap_or_default());
        tokio::time::sleep(Duration::from_millis(self.stall_ms)).await;
        let mut answers = self.answers.lock().unwrap();
        if answers.is_empty() {
            return Ok(Response::new(PutEventsResponse { control_index: 7, ..Default::default() }));
        }
        Err(answers.remove(0))
    }

    type TailEventsStream = tonic::codegen::BoxStream<TailEventsResponse>;

    async fn tail_events(&self, _: Request<TailEventsRequest>) -> Result<Response<Self::TailEventsStream>, Status> {
        Err(Status::unimplemented("not in the script"))
    }

    async fn get_event(&self, _: Request<GetEventRequest>) -> Result<Response<GetEventResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }
}

const QUICK: Schedule =
    Schedule { attempts_max_count: 3, backoff_first_ms: 2, backoff_max_ms: 4, retry_after_max_ms: 100 };
const BRIEF: Deadlines = Deadlines { attempt_ms: 3_000, call_ms: 5_000 };

/// One call against the script: its outcome, and the deadline header of each attempt.
async fn run(
    answers: Vec<Status>,
    stall_ms: u64,
    deadlines: Deadlines,
    repeat: Repeat,
) -> (Result<PutEventsResponse, Error>, Vec<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let script = Script { answers: Mutex::new(answers), deadlines: seen.clone(), stall_ms };
    let server =
        Server::builder().add_service(EventsServer::new(script)).serve_with_incoming(TcpIncoming::from(listener));
    let client = async {
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        let session = Session::over(channel, Arc::new(Zeroes)).with_deadlines(deadlines).with_schedule(QUICK);
        let send = |request| {
            let mut stub = session.events();
            async move { stub.put_events(request).await }
        };
        session.call(repeat, PutEventsRequest::default(), send).await
    };
    let outcome = tokio::select! {
        outcome = client => outcome,
        ended = server => panic!("the server ended: {ended:?}"),
    };
    let seen = seen.lock().unwrap().clone();
    (outcome, seen)
}

fn refused(reason: Reason) -> Status {
    Refusal::new(reason, "no").to_status()
}

#[tokio::test]
async fn attempts_follow_the_answers() {
    let throttled = || Refusal::new(Reason::Throttled, "no").with_retry_after(Duration::from_millis(5)).to_status();
    let once = Repeat::IfRefused;
    let rows = [
        ("at once", vec![], once, 1, None),
        ("after two waits", vec![throttled(), refused(Reason::NoLeader)], once, 3, None),
        ("one too many", vec![throttled(), throttled(), throttled()], once, 3, Some(Reason::Throttled)),
        ("in vain", vec![refused(Reason::AccessDenied)], Repeat::Freely, 1, Some(Reason::AccessDenied)),
        ("unknown", vec![refused(Reason::OutcomeUnknown)], once, 1, Some(Reason::OutcomeUnknown)),
        ("unknown, freely", vec![refused(Reason::OutcomeUnknown)], Repeat::Freely, 2, None),
    ];
    for (what, answers, repeat, attempts, reason) in rows {
        let (outcome, seen) = run(answers, 0, BRIEF, repeat).await;
        assert_eq!(seen.len(), attempts, "{what}");
        assert!(seen.iter().all(|header| header == "3000000u"), "{what}: {seen:?}");
        match (outcome, reason) {
            (Ok(answer), None) => assert_eq!(answer.control_index, 7, "{what}"),
            (Err(Error::Refused(refusal)), Some(reason)) => assert_eq!(refusal.reason, reason, "{what}"),
            (other, _) => panic!("{what}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_large_refusal_arrives() {
    let long = "ä".repeat(5_000);
    let mut refusal = Refusal::new(Reason::ValidationFailed, &long).with_request_id("9f0c");
    for n in 0..50 {
        refusal = refusal.with_field(&long, &long).with_metadata(format!("k{n}"), &long);
    }
    let (outcome, _) = run(vec![refusal.to_status()], 0, BRIEF, Repeat::IfRefused).await;
    match outcome {
        Err(Error::Refused(read)) => assert_eq!(*read, Refusal::from_status(&refusal.to_status()).unwrap()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_silent_server_costs_one_deadline() {
    let rows = [(Deadlines { attempt_ms: 60, call_ms: 5_000 }, 60), (Deadlines { attempt_ms: 3_000, call_ms: 60 }, 60)];
    for (deadlines, expected) in rows {
        let (outcome, seen) = run(vec![], 20_000, deadlines, Repeat::IfRefused).await;
        assert!(matches!(outcome, Err(Error::Deadline { deadline_ms }) if deadline_ms == expected), "{outcome:?}");
        assert_eq!(seen.len(), 1);
    }
}

#[test]
fn a_deadline_is_put_where_none_is() {
    let mut deadline =
        Envelope { attempt_ms: Deadlines { attempt_ms: u64::MAX, call_ms: 1 }.attempt_ms(), bearer: None };
    let bare = deadline.call(Request::new(())).unwrap();
    assert_eq!(bare.metadata().get(TIMEOUT).unwrap(), "60000000u");
    let mut own = Request::new(());
    own.set_timeout(Duration::from_millis(5));
    assert_eq!(deadline.call(own).unwrap().metadata().get(TIMEOUT).unwrap(), "5000000n");
}

#[tokio::test]
async fn a_sessions_token_is_put_on_every_call_and_shown_nowhere() {
    let channel = Endpoint::from_static("https://localhost").connect_lazy();
    let session = Session::over(channel, Arc::new(Zeroes));
    assert!(matches!(session.clone().with_session_token("a\nb"), Err(Error::Token)));
    let session = session.with_session_token("hunter2").unwrap();
    let sent = session.envelope().call(Request::new(())).unwrap();
    assert_eq!(sent.metadata().get(AUTHORIZATION).unwrap().to_str().unwrap(), "Bearer hunter2");
    assert!(!format!("{session:?} {:?}", sent.metadata()).contains("hunter2"));
}

fn context(endpoint: &str) -> Context {
    let pem = |text: &str| text.as_bytes().to_vec();
    Context { endpoint: endpoint.into(), ca: pem("no ca"), cert: pem("no cert"), key: pem("hunter2") }
}

#[tokio::test]
async fn a_wrong_context_is_refused_before_anything_is_sent() {
    for endpoint in ["", "localhost:6470", "http://localhost:6470", "https://", "https://a b", "unix:/run/x"] {
        let error = context(endpoint).connect(Arc::new(Zeroes)).await.unwrap_err();
        assert!(matches!(error, Error::Endpoint { .. }), "{endpoint}: {error:?}");
    }
    let error = context("https://localhost:6470").connect(Arc::new(Zeroes)).await.unwrap_err();
    assert!(matches!(error, Error::Credentials { .. }), "{error:?}");
    assert!(!format!("{error:?} {error}").contains("hunter2"));
    assert!(!format!("{:?}", context("https://localhost")).contains("hunter2"));
}
