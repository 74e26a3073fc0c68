//! The stack of streams: the same stages as a call's, once when a stream is opened and again while it is open.
//!
//! A handler gets a [`Held`], or an [`Opening`] whose first request makes an [`Opened`] of it, and nothing else to read from, so that
//! it cannot go on without a permit. The first request says what the stream is on, so that it decides. Each other is let in as a call
//! would be: the caller is known and may still, may what it asks for, and the request can be.

use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use opentelemetry::KeyValue;
use tokio::time::Sleep;
use tonic::{Code, Request, Response, Status, Streaming};

use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;

use crate::limits::BUSY_RETRY_MS;
use crate::listener::{Cut, Retire};
use crate::operation::Operation;
use crate::stack::access::{Asks, Settles};
use crate::stack::call::{Call, Caller};
use crate::stack::known::Known;
use crate::stack::permitted::Permitted;
use crate::stack::places::Place;
use crate::stack::{Stack, about_to_stop};

/// What a stream answers, as the server takes it. It is asked for more only when the connection has room, so that nothing is made
/// for a client that does not read.
pub type Answers<A> = Pin<Box<dyn Stream<Item = Result<A, Status>> + Send>>;

/// A stream that its caller may have, whatever it carries: the permit, and until when.
pub struct Held {
    // Given back before the permit, whose connection it is counted by.
    _place: Place,
    permit: Permitted,
    stack: Arc<Stack>,
    /// The caller's deadline; a stream without one ends in some decades.
    end: Pin<Box<Sleep>>,
}

impl Held {
    /// The permit with which it was opened.
    #[must_use]
    pub const fn permit(&self) -> &Permitted {
        &self.permit
    }

    /// Whether the caller is still known and may still.
    ///
    /// # Errors
    /// [`Reason::Unauthenticated`], [`Reason::AccessDenied`].
    pub fn recheck(&self) -> Result<(), Refusal> {
        self.permit.recheck(&self.stack.tls)
    }

    /// Returns [`Reason::DeadlineExceeded`] once the caller's deadline has passed.
    pub async fn ended(&mut self) -> Refusal {
        (&mut self.end).await;
        too_late()
    }
}

fn too_late() -> Refusal {
    Refusal::new(Reason::DeadlineExceeded, "the stream's deadline passed")
}

/// A stream in both directions whose caller is known, and has yet to say what it is on.
pub struct Opening<Q> {
    admitted: Admitted,
    stack: Arc<Stack>,
    requests: Streaming<Q>,
}

/// A stream of a caller who is known.
struct Admitted {
    known: Known,
    /// The caller's deadline; a stream without one ends in some decades.
    end: Pin<Box<Sleep>>,
    connection: usize,
}

impl<Q: Asks + Default> Opening<Q> {
    /// Waits for the first request, which decides; `None` if none comes within `limit`.
    ///
    /// # Errors
    /// As [`Opened::next`]; [`Reason::LimitExceeded`] and [`Reason::Overloaded`] without a place for the stream.
    pub async fn first<T>(
        mut self,
        limit: Duration,
        check: impl FnOnce(&Permitted, Q) -> Result<T, Refusal>,
    ) -> Result<Option<(Opened<Q>, T)>, Refusal> {
        let request = tokio::select! {
            request = self.requests.message() => request.map_err(|status| broken(&status))?,
            () = tokio::time::sleep(limit) => None,
            () = &mut self.admitted.end => return Err(too_late()),
        };
        self.admitted.known.recheck(&self.stack.tls, self.stack.clock.wall())?;
        let nothing = Q::default();
        let Admitted { known, end, connection } = self.admitted;
        let permit = Permitted::authorise(known, request.as_ref().unwrap_or(&nothing), &self.stack.authority)?;
        let Some(request) = request else { return Ok(None) };
        let asked = check(&permit, request)?;
        let held = self.stack.hold(permit, end, connection)?;
        Ok(Some((Opened { held, requests: self.requests }, asked)))
    }
}

/// A stream in both directions: held, and what the caller asks.
pub struct Opened<Q> {
    held: Held,
    requests: Streaming<Q>,
}

impl<Q: Settles> Opened<Q> {
    /// The permit with which it was opened.
    #[must_use]
    pub const fn permit(&self) -> &Permitted {
        self.held.permit()
    }

    /// As [`Held::recheck`].
    ///
    /// # Errors
    /// Those.
    pub fn recheck(&self) -> Result<(), Refusal> {
        self.held.recheck()
    }

    /// The next request, or `None` when the caller has closed its side. Nothing is lost if the wait is given up.
    ///
    /// # Errors
    /// Those of [`Opened::recheck`], for what the request asks for too; what `check` refuses; [`Reason::DeadlineExceeded`];
    /// [`Reason::ValidationFailed`] and [`Reason::RequestTooLarge`] for what is no request; [`Reason::Cancelled`] when the caller is
    /// gone.
    pub async fn next<T>(
        &mut self,
        check: impl FnOnce(&Permitted, Q) -> Result<T, Refusal>,
    ) -> Result<Option<T>, Refusal> {
        let request = tokio::select! {
            request = self.requests.message() => request.map_err(|status| broken(&status))?,
            refusal = self.held.ended() => return Err(refusal),
        };
        self.recheck()?;
        let Some(request) = request else { return Ok(None) };
        let permit = self.held.permit();
        permit.also(&request.later(permit.opened_on()))?;
        check(permit, request).map(Some)
    }
}

/// The switches of a request's connection; one that came past the listener has none, and is refused.
fn switches_of<Q>(request: &Request<Q>) -> (Cut, Retire) {
    let caller = request.extensions().get::<Caller>();
    caller.map(|caller| (caller.cut.clone(), caller.retire.clone())).unwrap_or_default()
}

/// What a stream ends with when its connection retires: its client opens it again on another one.
fn retired() -> Refusal {
    let retry = Duration::from_millis(BUSY_RETRY_MS);
    Refusal::new(Reason::Draining, "this connection ends: open the stream again on another").with_retry_after(retry)
}

/// What the library says of a request that did not come whole.
fn broken(status: &Status) -> Refusal {
    let reason = match status.code() {
        Code::OutOfRange => Reason::RequestTooLarge,
        Code::Internal | Code::InvalidArgument | Code::Unimplemented => Reason::ValidationFailed,
        _ => Reason::Cancelled,
    };
    Refusal::new(reason, status.message().trim_start_matches("Error, "))
}

impl Stack {
    /// Cuts the connections of clients that do not read their streams, for ever.
    pub(crate) async fn cut_stalled(&self) {
        self.stalls.watch(&*self.clock, || self.is_draining()).await;
    }

    /// Takes a stream in both directions as far as its caller is known. `handle` has the first request decided, and makes the answers;
    /// its first refusal ends the stream.
    ///
    /// # Errors
    /// The status of the refusal, with its reason.
    pub fn stream<Q, A, S>(
        self: &Arc<Self>,
        request: Request<Streaming<Q>>,
        handle: impl FnOnce(Opening<Q>) -> S,
    ) -> Result<Response<Answers<A>>, Status>
    where
        Q: Asks,
        S: Stream<Item = Result<A, Refusal>> + Send + 'static,
        A: Send + 'static,
    {
        let switches = switches_of(&request);
        self.answered(Q::OPERATION, switches, || {
            let admitted = self.admit(Q::OPERATION, &request)?;
            Ok(handle(Opening { admitted, stack: Arc::clone(self), requests: request.into_inner() }))
        })
    }

    /// Takes a call that is answered by a stream through all stages. `check` makes of the request what the handler takes; `handle`
    /// makes the answers, or refuses; its first refusal ends the stream.
    ///
    /// # Errors
    /// The status of the refusal, with its reason.
    pub fn follow<Q, T, A, S>(
        self: &Arc<Self>,
        request: Request<Q>,
        check: impl FnOnce(&Permitted, Q) -> Result<T, Refusal>,
        handle: impl FnOnce(Held, T) -> Result<S, Refusal>,
    ) -> Result<Response<Answers<A>>, Status>
    where
        Q: Asks,
        S: Stream<Item = Result<A, Refusal>> + Send + 'static,
        A: Send + 'static,
    {
        let switches = switches_of(&request);
        self.answered(Q::OPERATION, switches, || {
            let Admitted { known, end, connection } = self.admit(Q::OPERATION, &request)?;
            let request = request.into_inner();
            let permit = Permitted::authorise(known, &request, &self.authority)?;
            let asked = check(&permit, request)?;
            handle(self.hold(permit, end, connection)?, asked)
        })
    }

    fn answered<A, S>(
        self: &Arc<Self>,
        operation: Operation,
        (cut, retire): (Cut, Retire),
        open: impl FnOnce() -> Result<S, Refusal>,
    ) -> Result<Response<Answers<A>>, Status>
    where
        S: Stream<Item = Result<A, Refusal>> + Send + 'static,
        A: Send + 'static,
    {
        // A caller who goes away without a word is nobody's refusal.
        let mut ending = Ending::new(self, operation);
        let answers = match open() {
            Ok(answers) => answers,
            Err(refusal) => {
                ending.with(refusal.reason.name());
                return Err(refusal.to_status());
            }
        };
        let (clock, pulse) = (Arc::clone(&self.clock), self.stalls.pulse(operation, cut, self.clock.boot()));
        let mut answers = Box::pin(answers.map(Some).chain(stream::iter([None])));
        let (mut retiring, mut over) = (Box::pin(retire.asked()), false);
        let answers = stream::poll_fn(move |cx| {
            pulse.beat(clock.boot());
            if over {
                return Poll::Ready(None);
            }
            let answer = answers.as_mut().poll_next(cx);
            // What there is to say is said first.
            if answer.is_pending() && retiring.as_mut().poll(cx).is_ready() {
                over = true;
                return Poll::Ready(Some(Some(Err(retired()))));
            }
            answer
        });
        let answers = answers.filter_map(move |answer| {
            match &answer {
                Some(Ok(_)) => {}
                Some(Err(refusal)) => ending.with(refusal.reason.name()),
                None => ending.with("OK"),
            }
            ready(answer.map(|answer| answer.map_err(|refusal| refusal.to_status())))
        });
        Ok(Response::new(Box::pin(answers)))
    }

    /// The stages before the request is looked at.
    fn admit<Q>(&self, operation: Operation, request: &Request<Q>) -> Result<Admitted, Refusal> {
        let call = Call::open(operation, request)?;
        if *self.draining.borrow() {
            return Err(about_to_stop());
        }
        let (end, connection) = (Box::pin(tokio::time::sleep(call.limit())), Arc::as_ptr(call.peer()).addr());
        let known = self.known(call)?;
        self.paced(&known)?;
        Ok(Admitted { known, end, connection })
    }

    /// Last, so that whoever may not have one takes no place.
    fn hold(self: &Arc<Self>, permit: Permitted, end: Pin<Box<Sleep>>, connection: usize) -> Result<Held, Refusal> {
        let place = self.places.take(connection)?;
        Ok(Held { _place: place, permit, stack: Arc::clone(self), end })
    }
}

/// Counts a stream while it is open, and how it ends.
struct Ending {
    stack: Arc<Stack>,
    operation: Operation,
    outcome: &'static str,
}

impl Ending {
    fn new(stack: &Arc<Stack>, operation: Operation) -> Self {
        stack.streams.add(1, &[KeyValue::new("operation", operation.name())]);
        Self { stack: Arc::clone(stack), operation, outcome: Reason::Cancelled.name() }
    }

    const fn with(&mut self, outcome: &'static str) {
        self.outcome = outcome;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Self { operation, outcome, .. } = self;
        let labels = [KeyValue::new("operation", operation.name()), KeyValue::new("outcome", *outcome)];
        self.stack.streams.add(-1, &labels[..1]);
        self.stack.calls.add(1, &labels);
        tracing::debug!(operation = operation.name(), outcome, "stream");
    }
}
