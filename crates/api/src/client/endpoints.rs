//! Several nodes of one cluster, each of which takes any call: one that fails is passed over at once, and left alone for a while.
//!
//! In: the nodes' contexts, a clock, a source of chance.
//! Out: [`Endpoints::call`] and [`Endpoints::put_events`], answered by the first node that has an answer.
//! Never: a put that may have happened sent again, one call at two nodes at once, a round over all nodes without a wait before the next.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bascule_model::ambient::{Clock, Entropy};
use bascule_model::time::BootMillis;
use tokio::time::timeout;
use tonic::transport::Endpoint;
use tonic::{Code, Request, Response, Status};

use crate::client::retry::{self, Repeat, Schedule};
use crate::client::{Context, Deadlines, Session, chance, failure};
use crate::error::Error;
use crate::limits::{ENDPOINT_CONNECT_MAX_MS, ENDPOINT_REST_FIRST_MS, ENDPOINT_REST_MAX_MS};
use crate::reasons::{Again, Reason};
use crate::status::Refusal;
use crate::v1::{PutEventsRequest, PutEventsResponse, PutEventsResultEntry};

/// Nodes to call. Cheap to clone; clones share the connections, and what is known of each node.
#[derive(Clone)]
pub struct Endpoints {
    places: Arc<[Place]>,
    turn: Arc<AtomicUsize>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    deadlines: Deadlines,
    schedule: Schedule,
}

/// One node.
struct Place {
    endpoint: Endpoint,
    state: Mutex<State>,
    /// Calls that were sent and are not answered.
    open: AtomicUsize,
    /// Callers that connect to it.
    dialing: AtomicUsize,
}

#[derive(Default)]
struct State {
    session: Option<Session>,
    /// In a row.
    failures: u32,
    /// It is asked earlier only if all others were asked.
    not_before: BootMillis,
}

/// Counted until it is dropped.
struct Counted<'a>(&'a AtomicUsize);

/// What a call has been through.
struct Round {
    /// From 1.
    number: u32,
    tried: Vec<bool>,
    /// By its place in the list.
    last_tried: Option<usize>,
    last: Option<Error>,
}

/// How one attempt failed.
enum Failed {
    /// Nothing was sent.
    Unsent(Error),
    /// An answer, or the end of the connection.
    Told(Status),
    /// No answer in time.
    Late,
}

impl Endpoints {
    /// The nodes with these contexts. Nothing is connected yet: each is when it is wanted.
    ///
    /// # Errors
    /// [`Error::Endpoint`], [`Error::Credentials`] of the first context that cannot be used.
    pub fn new(contexts: &[Context], clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<Self, Error> {
        let endpoints = contexts.iter().map(Context::endpoint).collect::<Result<Vec<_>, _>>()?;
        if endpoints.is_empty() {
            return Err(Error::Endpoint { endpoint: String::new() });
        }
        Ok(Self::over(endpoints, clock, entropy))
    }

    fn over(endpoints: Vec<Endpoint>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        let place = |endpoint| Place {
            endpoint,
            state: Mutex::default(),
            open: AtomicUsize::new(0),
            dialing: AtomicUsize::new(0),
        };
        Self {
            places: endpoints.into_iter().map(place).collect(),
            turn: Arc::default(),
            clock,
            entropy,
            deadlines: Deadlines::default(),
            schedule: Schedule::default(),
        }
    }

    /// The same nodes with other deadlines: one attempt is at one node.
    #[must_use]
    pub const fn with_deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// The same nodes with another retry: an attempt of the schedule is a round over all nodes.
    #[must_use]
    pub const fn with_schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// Calls that were sent to the node with this place in the list and have no answer yet.
    #[must_use]
    pub fn open_calls(&self, at: usize) -> usize {
        self.places.get(at).map_or(0, |place| place.open.load(Ordering::Acquire))
    }

    /// Sends a request until some node answers it, one refuses it for good, or time is out. `send` is called once for each attempt,
    /// with the node's session and a request that has its deadline.
    ///
    /// # Errors
    /// As [`Session::call`]; [`Error::Unreachable`] if no node could be connected to.
    pub async fn call<Q, A, F, W>(&self, repeat: Repeat, request: Q, send: F) -> Result<A, Error>
    where
        Q: Clone,
        F: Fn(Session, Request<Q>) -> W,
        W: Future<Output = Result<Response<A>, Status>>,
    {
        let attempts = async {
            let mut round = Round::new(self.places.len());
            loop {
                let Some(at) = self.pick(&mut round) else {
                    if self.goes_on(&mut round).await? {
                        continue;
                    }
                    // There is at least one node, and each was tried.
                    return Err(round.last.unwrap_or(Error::Deadline { deadline_ms: self.deadlines.call_ms }));
                };
                match self.attempt(at, request.clone(), &send).await {
                    Ok(answer) => return Ok(answer),
                    Err(failed) => self.judge(&mut round, repeat, failed).await?,
                }
            }
        };
        let deadline_ms = self.deadlines.call_ms;
        timeout(Duration::from_millis(deadline_ms), attempts).await.unwrap_or(Err(Error::Deadline { deadline_ms }))
    }

    /// Puts entries; those that a node certainly did not write are put again at another. What became of each stands in the answer, in
    /// order: one of which it is not known has `OUTCOME_UNKNOWN` or `DEADLINE_EXCEEDED`.
    ///
    /// # Errors
    /// As [`Endpoints::call`], if it is the same for all entries.
    pub async fn put_events(&self, request: PutEventsRequest) -> Result<PutEventsResponse, Error> {
        let mut told = Told::new(request.entries.len());
        let deadline_ms = self.deadlines.call_ms;
        let put = timeout(Duration::from_millis(deadline_ms), self.put_all(&request, &mut told));
        let outcome = put.await.unwrap_or(Err(Error::Deadline { deadline_ms }));
        told.end(outcome)
    }

    async fn put_all(&self, request: &PutEventsRequest, told: &mut Told) -> Result<(), Error> {
        let send = |session: Session, request| async move { session.events().put_events(request).await };
        let mut round = Round::new(self.places.len());
        loop {
            let Some(at) = self.pick(&mut round) else {
                if self.goes_on(&mut round).await? {
                    continue;
                }
                // Without an error each entry has its own.
                return round.last.map_or(Ok(()), Err);
            };
            match self.attempt(at, told.rest_of(request), &send).await {
                Ok(answer) => {
                    told.take(answer);
                    if told.open.is_empty() {
                        return Ok(());
                    }
                    round.last = None;
                    self.failed(at);
                }
                Err(failed) => self.judge(&mut round, Repeat::IfRefused, failed).await?,
            }
        }
    }

    /// The next node of this round: one that has not failed of late, else the one that has rested longest.
    fn pick(&self, round: &mut Round) -> Option<usize> {
        let now = self.clock.boot();
        let rest = |at: &usize| {
            let place = &self.places[*at];
            let state = place.state();
            let is_dialed = state.session.is_none() && place.dialing.load(Ordering::Acquire) > 0;
            (is_dialed, state.not_before.since(now))
        };
        let count = self.places.len();
        let at = match round.last_tried {
            Some(last) => {
                (1..=count).map(|nth| (last + nth) % count).filter(|at| !round.tried[*at]).min_by_key(rest)?
            }
            None => {
                let rests: Vec<_> = (0..count).map(|at| rest(&at)).collect();
                let least = *rests.iter().min()?;
                // Turns go round among those who are as good: the neighbour of one that failed does not get its share as well.
                let ready: Vec<usize> = (0..count).filter(|at| rests[*at] == least).collect();
                ready[self.turn.fetch_add(1, Ordering::Relaxed) % ready.len()]
            }
        };
        round.last_tried = Some(at);
        round.tried[at] = true;
        Some(at)
    }

    /// One attempt at one node.
    async fn attempt<Q, A, F, W>(&self, at: usize, request: Q, send: &F) -> Result<A, Failed>
    where
        F: Fn(Session, Request<Q>) -> W,
        W: Future<Output = Result<Response<A>, Status>>,
    {
        let session = self.session(at).await.map_err(Failed::Unsent)?;
        let limit = Duration::from_millis(self.deadlines.attempt_ms());
        let mut sent = Request::new(request);
        sent.set_timeout(limit);
        let place = &self.places[at];
        let open = Counted::in_(&place.open);
        let answer = timeout(limit, send(session, sent)).await;
        drop(open);
        match answer {
            Ok(Ok(answer)) => {
                place.state().failures = 0;
                Ok(answer.into_inner())
            }
            Ok(Err(status)) => {
                if Refusal::from_status(&status).is_err() {
                    place.state().session = None;
                }
                if status.code() == Code::Unavailable || retry::is_late(&status) {
                    self.failed(at);
                }
                Err(Failed::Told(status))
            }
            Err(_) => {
                // A connection on which nobody answers is not waited on again.
                place.state().session = None;
                self.failed(at);
                Err(Failed::Late)
            }
        }
    }

    async fn session(&self, at: usize) -> Result<Session, Error> {
        let place = &self.places[at];
        if let Some(session) = place.state().session.clone() {
            return Ok(session);
        }
        let limit_ms = ENDPOINT_CONNECT_MAX_MS.min(self.deadlines.attempt_ms());
        let dialing = Counted::in_(&place.dialing);
        let connected = timeout(Duration::from_millis(limit_ms), place.endpoint.connect()).await;
        drop(dialing);
        let channel = match connected {
            Ok(Ok(channel)) => channel,
            Ok(Err(source)) => {
                self.failed(at);
                return Err(Error::Unreachable { endpoint: place.endpoint.uri().to_string(), source });
            }
            Err(_) => {
                self.failed(at);
                return Err(Error::Silent { endpoint: place.endpoint.uri().to_string(), deadline_ms: limit_ms });
            }
        };
        let session = Session::over(channel, Arc::clone(&self.entropy)).with_deadlines(self.deadlines);
        place.state().session = Some(session.clone());
        Ok(session)
    }

    /// It is left alone for a while, for longer each time.
    fn failed(&self, at: usize) {
        let now = self.clock.boot();
        let mut state = self.places[at].state();
        let rest_ms = ENDPOINT_REST_FIRST_MS.saturating_mul(1 << state.failures.min(16)).min(ENDPOINT_REST_MAX_MS);
        state.failures = state.failures.saturating_add(1);
        state.not_before = BootMillis(now.0.saturating_add(rest_ms));
    }

    /// Whether the call goes on after a failure, which it does at the next node: at once, unless it was told to wait.
    async fn judge(&self, round: &mut Round, repeat: Repeat, failed: Failed) -> Result<(), Error> {
        let deadline_ms = self.deadlines.attempt_ms();
        match failed {
            Failed::Unsent(error) => round.last = Some(error),
            Failed::Late if repeat == Repeat::Freely => round.last = Some(Error::Deadline { deadline_ms }),
            Failed::Late => return Err(Error::Deadline { deadline_ms }),
            Failed::Told(status) => {
                if !retry::may_repeat(repeat, &status) {
                    return Err(failure(status, deadline_ms));
                }
                if retry::asks_to_wait(&status) {
                    let chance = chance(&*self.entropy)?;
                    let Some(wait) = self.schedule.wait(round.number, repeat, &status, chance) else {
                        return Err(failure(status, deadline_ms));
                    };
                    tokio::time::sleep(wait).await;
                }
                round.last = Some(failure(status, deadline_ms));
            }
        }
        Ok(())
    }

    /// After a round in which every node failed: waits for the next, if there is to be one.
    async fn goes_on(&self, round: &mut Round) -> Result<bool, Error> {
        let Some(wait) = self.schedule.pause(round.number, chance(&*self.entropy)?) else { return Ok(false) };
        tokio::time::sleep(wait).await;
        round.number += 1;
        round.tried.fill(false);
        Ok(true)
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<String> = self.places.iter().map(|place| place.endpoint.uri().to_string()).collect();
        f.debug_struct("Endpoints").field("places", &places).finish_non_exhaustive()
    }
}

impl Place {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Counted<'a> {
    fn in_(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Round {
    fn new(places: usize) -> Self {
        Self { number: 1, tried: vec![false; places], last_tried: None, last: None }
    }
}

/// What the entries of a put were told so far.
struct Told {
    entries: Vec<PutEventsResultEntry>,
    /// Places of those that certainly were not written.
    open: Vec<usize>,
    control_index: u64,
}

impl Told {
    fn new(count: usize) -> Self {
        Self { entries: vec![PutEventsResultEntry::default(); count], open: (0..count).collect(), control_index: 0 }
    }

    /// What is still to be put.
    fn rest_of(&self, request: &PutEventsRequest) -> PutEventsRequest {
        let entries = self.open.iter().filter_map(|at| request.entries.get(*at).cloned()).collect();
        let PutEventsRequest { min_control_index, request_id, validate_only, .. } = request;
        PutEventsRequest {
            entries,
            min_control_index: *min_control_index,
            request_id: request_id.clone(),
            validate_only: *validate_only,
        }
    }

    fn take(&mut self, answer: PutEventsResponse) {
        self.control_index = answer.control_index;
        let mut answers = answer.entries.into_iter();
        for at in std::mem::take(&mut self.open) {
            // An answer that is too short says nothing of the rest.
            let told =
                answers.next().unwrap_or_else(|| of_error(Reason::OutcomeUnknown, "the answer has too few entries"));
            let again = Reason::from_name(&told.error_code).is_some_and(|reason| reason.again() == Again::Later);
            if again {
                self.open.push(at);
            }
            self.entries[at] = told;
        }
    }

    fn end(mut self, outcome: Result<(), Error>) -> Result<PutEventsResponse, Error> {
        if let Err(error) = outcome {
            if self.open.len() == self.entries.len() {
                return Err(error);
            }
            let reason = match &error {
                Error::Refused(refusal) => refusal.reason,
                Error::Unreachable { .. } | Error::Silent { .. } => Reason::NoLeader,
                Error::Deadline { .. } => Reason::DeadlineExceeded,
                _ => Reason::OutcomeUnknown,
            };
            for at in self.open {
                self.entries[at] = of_error(reason, &error.to_string());
            }
        }
        let failed = self.entries.iter().filter(|entry| !entry.error_code.is_empty()).count();
        Ok(PutEventsResponse {
            failed_entry_count: u32::try_from(failed).unwrap_or(u32::MAX),
            entries: self.entries,
            control_index: self.control_index,
        })
    }
}

fn of_error(reason: Reason, message: &str) -> PutEventsResultEntry {
    PutEventsResultEntry {
        error_code: reason.name().to_owned(),
        error_message: message.to_owned(),
        ..PutEventsResultEntry::default()
    }
}

#[cfg(test)]
mod tests;
