//! Endpoints over servers in this process that answer by script.

use bascule_model::ambient::NoEntropy;
use bascule_model::time::Millis;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::*;
use crate::v1::events_server::{Events, EventsServer};
use crate::v1::{GetEventRequest, GetEventResponse, PutEventsRequestEntry, TailEventsRequest, TailEventsResponse};

struct Zeroes;

impl Entropy for Zeroes {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        buffer.fill(0);
        Ok(())
    }
}

/// Time stands still, so that who rests rests on.
struct Still;

impl Clock for Still {
    fn wall(&self) -> Millis {
        Millis(0)
    }

    fn boot(&self) -> BootMillis {
        BootMillis(0)
    }
}

/// How one server takes puts.
#[derive(Clone, Copy)]
enum Way {
    /// Nobody listens.
    Closed,
    /// Whoever connects hears nothing.
    Silent,
    /// No call is answered.
    Stalls,
    /// Every call is refused.
    Refuses(Reason),
    /// Every entry but the first is told this, the first is taken.
    Partly(Reason),
    /// All are taken.
    Takes,
}

struct Script {
    number: usize,
    way: Way,
    calls: Arc<Mutex<Vec<(usize, usize)>>>,
}

#[tonic::async_trait]
impl Events for Script {
    async fn put_events(&self, request: Request<PutEventsRequest>) -> Result<Response<PutEventsResponse>, Status> {
        let entries = request.into_inner().entries;
        self.calls.lock().unwrap().push((self.number, entries.len()));
        let told = |nth: usize, entry: &PutEventsRequestEntry| match self.way {
            Way::Partly(reason) if nth > 0 => of_error(reason, "no"),
            _ => PutEventsResultEntry {
                event_id: format!("{}@{}", entry.source, self.number),
                ..PutEventsResultEntry::default()
            },
        };
        match self.way {
            Way::Refuses(reason) => Err(Refusal::new(reason, "no").to_status()),
            Way::Stalls => std::future::pending().await,
            _ => {
                let entries = entries.iter().enumerate().map(|(nth, entry)| told(nth, entry)).collect();
                Ok(Response::new(PutEventsResponse { entries, control_index: 7, failed_entry_count: 0 }))
            }
        }
    }

    type TailEventsStream = tonic::codegen::BoxStream<TailEventsResponse>;

    async fn tail_events(&self, _: Request<TailEventsRequest>) -> Result<Response<Self::TailEventsStream>, Status> {
        Err(Status::unimplemented("not in the script"))
    }

    async fn get_event(&self, _: Request<GetEventRequest>) -> Result<Response<GetEventResponse>, Status> {
        Err(Status::unimplemented("not in the script"))
    }
}

struct World {
    endpoints: Endpoints,
    calls: Arc<Mutex<Vec<(usize, usize)>>>,
    _servers: JoinSet<()>,
}

async fn world(ways: &[Way]) -> World {
    let (calls, mut servers, mut endpoints) = (Arc::new(Mutex::new(Vec::new())), JoinSet::new(), Vec::new());
    for (number, way) in ways.iter().copied().enumerate() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        endpoints.push(Endpoint::from_shared(format!("http://{address}")).unwrap());
        let script = Script { number, way, calls: Arc::clone(&calls) };
        match way {
            Way::Closed => drop(listener),
            Way::Silent => drop(servers.spawn(async move {
                let _held = listener;
                std::future::pending().await
            })),
            _ => drop(servers.spawn(async move {
                let server = Server::builder().add_service(EventsServer::new(script));
                server.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
            })),
        }
    }
    let schedule = Schedule { attempts_max_count: 3, backoff_first_ms: 2, backoff_max_ms: 4, retry_after_max_ms: 100 };
    let deadlines = Deadlines { attempt_ms: 300, call_ms: 5_000 };
    let endpoints = Endpoints::over(endpoints, Arc::new(Still), Arc::new(Zeroes));
    World { endpoints: endpoints.with_schedule(schedule).with_deadlines(deadlines), calls, _servers: servers }
}

fn request(entries: usize) -> PutEventsRequest {
    let entry = |nth: usize| PutEventsRequestEntry { source: nth.to_string(), ..PutEventsRequestEntry::default() };
    PutEventsRequest { entries: (0..entries).map(entry).collect(), ..PutEventsRequest::default() }
}

/// What each entry was told: its id, or the reason.
async fn put(world: &World, entries: usize) -> Result<Vec<String>, Error> {
    let answer = world.endpoints.put_events(request(entries)).await?;
    let told = |entry: &PutEventsResultEntry| format!("{}{}", entry.event_id, entry.error_code);
    Ok(answer.entries.iter().map(told).collect())
}

/// Ways, what three entries are told, and who was asked with how many.
type Row = (&'static [Way], Option<&'static [&'static str]>, &'static [(usize, usize)]);

#[tokio::test]
async fn what_was_not_written_goes_to_the_next_node_and_nothing_else_does() {
    use Way::{Closed, Partly, Refuses, Silent, Stalls, Takes};
    let taken_by_1: &[&str] = &["0@1", "1@1", "2@1"];
    // Ways → what three entries are told (none: an error for all), and who was asked with how many.
    let rows: &[Row] = &[
        (&[Takes, Takes], Some(&["0@0", "1@0", "2@0"]), &[(0, 3)]),
        (&[Closed, Takes], Some(taken_by_1), &[(1, 3)]),
        (&[Refuses(Reason::NoLeader), Takes], Some(taken_by_1), &[(0, 3), (1, 3)]),
        (&[Refuses(Reason::OutcomeUnknown), Takes], None, &[(0, 3)]),
        (&[Refuses(Reason::AccessDenied), Takes], None, &[(0, 3)]),
        (&[Stalls, Takes], None, &[(0, 3)]),
        (&[Closed, Closed], None, &[]),
        (&[Refuses(Reason::Draining)], None, &[(0, 3), (0, 3), (0, 3)]),
        (&[Partly(Reason::StaleView), Takes], Some(&["0@0", "1@1", "2@1"]), &[(0, 3), (1, 2)]),
        (&[Partly(Reason::OutcomeUnknown), Takes], Some(&["0@0", "OUTCOME_UNKNOWN", "OUTCOME_UNKNOWN"]), &[(0, 3)]),
        (
            &[Partly(Reason::NoLeader), Stalls],
            Some(&["0@0", "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"]),
            &[(0, 3), (1, 2)],
        ),
        // Nobody answers the handshake of HTTP/2, which the client does not wait for: what it sent may have been read.
        (&[Silent, Takes], None, &[]),
    ];
    for (nth, (ways, told, asked)) in rows.iter().enumerate() {
        let world = world(ways).await;
        let seen = put(&world, 3).await;
        match told {
            Some(told) => assert_eq!(seen.unwrap(), *told, "row {nth}"),
            None => assert!(seen.is_err(), "row {nth}: {seen:?}"),
        }
        assert_eq!(*world.calls.lock().unwrap(), *asked, "row {nth}");
    }
}

#[tokio::test]
async fn a_node_that_failed_is_left_alone_while_there_are_others() {
    let world = world(&[Way::Stalls, Way::Takes, Way::Takes]).await;
    assert!(put(&world, 1).await.is_err());
    for _ in 0..6 {
        assert!(put(&world, 1).await.is_ok());
    }
    let asked = |number| world.calls.lock().unwrap().iter().filter(|(at, _)| *at == number).count();
    assert_eq!([asked(0), asked(1), asked(2)], [1, 3, 3], "turns are taken by those who answer");
}

#[tokio::test]
async fn what_may_happen_twice_is_asked_elsewhere_after_silence() {
    let world = world(&[Way::Stalls, Way::Refuses(Reason::OutcomeUnknown), Way::Takes]).await;
    let send = |session: Session, request| async move { session.events().put_events(request).await };
    let call = async || world.endpoints.call(Repeat::Freely, request(1), send).await;
    assert_eq!(call().await.unwrap().control_index, 7);
    assert_eq!(*world.calls.lock().unwrap(), [(0, 1), (1, 1), (2, 1)]);
    assert_eq!((0..3).map(|at| world.endpoints.open_calls(at)).sum::<usize>(), 0);
}
