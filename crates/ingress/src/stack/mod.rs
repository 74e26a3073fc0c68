//! The typed stack, composed once: `Call → Known → Permitted → Checked`, then the handler, all within the deadline.
//!
//! In: a request with the connection's peer.
//! Out: the handler's answer, or the refusal of the first stage that refuses; one line of log and one count for each.
//! Never: a stage passed over, which does not compile: each stage's constructor takes the one before.
//!
//! The order: first who calls and until when, since nothing is done for strangers or without end; then whether they may, before
//! anything of the request is validated, so that refusals teach nothing: [`access`] says what it asks for, whatever it holds, and
//! [`authority`] whether policies allow that; then whether the request can be; then the handler.
//! Streams pass the same stages in [`streams`].

mod access;
mod authority;
mod call;
mod checked;
mod known;
mod permitted;
mod places;
mod rates;
mod session;
mod stalls;
mod streams;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter, UpDownCounter};
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit, watch};
use tonic::{Request, Response, Status};

use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_keyring::session::SessionKeys;
use bascule_model::ambient::Clock;
use bascule_model::arn::Scope;
use bascule_pki::server::ServerTls;
use bascule_routing::viewer::Viewer;

use crate::limits::{BUSY_RETRY_MS, SIMULATIONS_LIMIT_COUNT};
use crate::operation::Operation;
use crate::stack::authority::Authority;
use crate::stack::places::Places;
use crate::stack::rates::Rates;
use crate::stack::stalls::Stalls;

pub use access::{Accesses, Asking, Asks};
pub use authority::Simulated;
pub use call::{Call, Caller};
pub use checked::Checked;
pub use known::{Known, Principal};
pub use permitted::Permitted;
pub use session::Claims;
pub use streams::{Answers, Held, Opened, Opening};

/// How a stack admits.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where callers act, before the cluster is there to say so: partition, region, account.
    pub scope: Scope,
    /// Calls at once, beyond which the node is overloaded.
    pub calls_limit: usize,
    /// Calls of one certificate's identity in a second, those of its sessions included; 0: without limit.
    pub principal_calls_per_second: u32,
    /// Events that come to one bus in a second; 0: without limit.
    pub bus_events_per_second: u32,
}

/// The stack of one node; all listeners share it.
pub struct Stack {
    authority: Arc<Authority>,
    tls: Arc<ServerTls>,
    sessions: Arc<SessionKeys>,
    clock: Arc<dyn Clock>,
    simulations: Semaphore,
    callers: Rates<String>,
    buses: Rates<String>,
    open: Semaphore,
    places: Arc<Places>,
    stalls: Arc<Stalls>,
    draining: watch::Sender<bool>,
    calls: Counter<u64>,
    durations: Histogram<f64>,
    streams: UpDownCounter<i64>,
}

impl Stack {
    /// A stack for the connections of `tls`.
    #[must_use]
    pub fn new(
        settings: &Settings,
        tls: Arc<ServerTls>,
        sessions: Arc<SessionKeys>,
        viewer: Arc<Viewer>,
        clock: Arc<dyn Clock>,
        meter: &Meter,
    ) -> Self {
        let calls = meter.u64_counter("bascule.calls").with_description("Calls by operation and outcome.").build();
        let durations = meter
            .f64_histogram("bascule.call.duration")
            .with_description("Time from a call's acceptance to its answer.")
            .with_unit("s")
            .build();
        let streams = meter
            .i64_up_down_counter("bascule.streams")
            .with_description("Streams that are open, by operation.")
            .with_unit("{stream}")
            .build();
        let open = Semaphore::new(settings.calls_limit);
        Self {
            authority: Arc::new(Authority::new(settings.scope.clone(), viewer, Arc::clone(&tls), Arc::clone(&clock))),
            tls,
            sessions,
            clock,
            simulations: Semaphore::new(SIMULATIONS_LIMIT_COUNT),
            callers: Rates::new(settings.principal_calls_per_second),
            buses: Rates::new(settings.bus_events_per_second),
            open,
            places: Arc::default(),
            stalls: Arc::default(),
            draining: watch::Sender::new(false),
            calls,
            durations,
            streams,
        }
    }

    /// A turn for a simulation, which computes more than any other call.
    pub(crate) async fn simulating(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.simulations.acquire().await
    }

    /// From now on every call is refused as to a node about to stop.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// Returns once the node is about to stop: whoever waits for something to come answers with what there is.
    pub async fn drained(&self) {
        // The sender is this stack's own, so that there is always an answer.
        let _ = self.draining.subscribe().wait_for(|draining| *draining).await;
    }

    /// Whether the node is about to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Takes one call through all stages. `check` makes of the request what the handler takes; `handle` acts.
    ///
    /// # Errors
    /// The status of the refusal, with its reason and the call's name.
    pub async fn run<Q, T, A, W>(
        &self,
        request: Request<Q>,
        check: impl FnOnce(&Permitted, Q) -> Result<T, Refusal>,
        handle: impl FnOnce(Checked<T>) -> W,
    ) -> Result<Response<A>, Status>
    where
        Q: Asks,
        W: Future<Output = Result<A, Refusal>>,
    {
        let (operation, began) = (Q::OPERATION, self.clock.boot());
        let result = self.stages(operation, request, check, handle).await;
        let took_ms = self.clock.boot().since(began);
        let outcome = result.as_ref().err().map_or("OK", |refusal| refusal.reason.name());
        let labels = [KeyValue::new("operation", operation.name()), KeyValue::new("outcome", outcome)];
        self.calls.add(1, &labels);
        self.durations.record(took_ms as f64 / 1_000.0, &labels[..1]);
        tracing::debug!(operation = operation.name(), outcome, took_ms, "call");
        result.map(Response::new).map_err(|refusal| refusal.to_status())
    }

    fn known(&self, call: Call) -> Result<Known, Refusal> {
        Known::authenticate(call, &self.tls, &self.sessions, self.clock.wall())
    }

    /// Whether whoever is on the connection may call so often: by its certificate, since anybody may have many sessions, and before
    /// anything is decided, since refusing costs too.
    fn paced(&self, known: &Known) -> Result<(), Refusal> {
        let identity = known.principal().identity().to_string();
        let taken = self.callers.take(identity.clone(), 1, self.clock.boot());
        taken.map_err(|wait| too_often("calls of one principal in a second", &identity, wait))
    }

    /// Whether so many events may come to a bus, by its ARN, now.
    ///
    /// # Errors
    /// [`Reason::Throttled`].
    pub(crate) fn paced_bus(&self, bus: &str, events: u32) -> Result<(), Refusal> {
        let taken = self.buses.take(bus.to_owned(), events, self.clock.boot());
        taken.map_err(|wait| too_often("events of one bus in a second", bus, wait))
    }

    async fn stages<Q, T, A, W>(
        &self,
        operation: Operation,
        request: Request<Q>,
        check: impl FnOnce(&Permitted, Q) -> Result<T, Refusal>,
        handle: impl FnOnce(Checked<T>) -> W,
    ) -> Result<A, Refusal>
    where
        Q: Asks,
        W: Future<Output = Result<A, Refusal>>,
    {
        let call = Call::accept(operation, &request)?;
        if *self.draining.borrow() {
            return Err(about_to_stop());
        }
        let Ok(_open) = self.open.try_acquire() else {
            let retry = Duration::from_millis(BUSY_RETRY_MS);
            return Err(
                Refusal::new(Reason::Overloaded, "this node has more calls than it takes").with_retry_after(retry)
            );
        };
        let limit = call.limit();
        let known = self.known(call)?;
        self.paced(&known)?;
        let request = request.into_inner();
        let permit = Permitted::authorise(known, &request, &self.authority)?;
        let checked = Checked::validate(permit, request, check)?;
        match tokio::time::timeout(limit, handle(checked)).await {
            Ok(answer) => answer,
            Err(_) => {
                let message = format!("the call's deadline of {} ms passed", limit.as_millis());
                Err(Refusal::new(Reason::DeadlineExceeded, message))
            }
        }
    }
}

fn too_often(limit: &str, whose: &str, wait: Duration) -> Refusal {
    let message = format!("`{whose}` has reached the limit `{limit}` of this node");
    Refusal::new(Reason::Throttled, message.clone()).with_quota(limit, message).with_retry_after(wait)
}

/// What a node that is about to stop says.
pub(crate) fn about_to_stop() -> Refusal {
    Refusal::new(Reason::Draining, "this node is about to stop")
}
