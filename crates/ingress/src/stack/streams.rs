//! The stack of streams: the same stages as a call's, once when a stream is opened and again while it is open.
//!
//! A handler gets an [`Opened`] and nothing else to read from, so that it cannot be reached, nor go on, without a permit. Each
//! request on the stream is let in as a call would be: the caller is known and may still, and the request can be.

use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt, stream};
use opentelemetry::KeyValue;
use tokio::time::Sleep;
use tonic::{Code, Request, Response, Status, Streaming};

use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;

use crate::operation::Operation;
use crate::stack::call::Call;
use crate::stack::known::Known;
use crate::stack::permitted::Permitted;
use crate::stack::places::Place;
use crate::stack::{Stack, about_to_stop};

/// What a stream answers, as the server takes it. It is asked for more only when the connection has room, so that nothing is made
/// for a client that does not read.
pub type Answers<A> = Pin<Box<dyn Stream<Item = Result<A, Status>> + Send>>;

/// A stream that its caller may have: the permit, and what the caller asks.
pub struct Opened<Q> {
    // Given back before the permit, whose connection it is counted by.
    _place: Place,
    permit: Permitted,
    stack: Arc<Stack>,
    requests: Streaming<Q>,
    /// The caller's deadline; a stream without one ends in some decades.
    end: Pin<Box<Sleep>>,
}

impl<Q> Opened<Q> {
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
        self.permit.recheck(&self.stack.tls, &self.stack.settings)
    }

    /// The next request, or `None` when the caller has closed its side. Nothing is lost if the wait is given up.
    ///
    /// # Errors
    /// Those of [`Opened::recheck`]; what `check` refuses; [`Reason::DeadlineExceeded`]; [`Reason::ValidationFailed`] and
    /// [`Reason::RequestTooLarge`] for what is no request; [`Reason::Cancelled`] when the caller is gone.
    pub async fn next<T>(
        &mut self,
        check: impl FnOnce(&Permitted, Q) -> Result<T, Refusal>,
    ) -> Result<Option<T>, Refusal> {
        let request = tokio::select! {
            request = self.requests.message() => request.map_err(|status| broken(&status))?,
            () = &mut self.end => return Err(Refusal::new(Reason::DeadlineExceeded, "the stream's deadline passed")),
        };
        self.recheck()?;
        request.map(|request| check(&self.permit, request)).transpose()
    }
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
    /// Takes a stream through all stages. `handle` makes the answers; its first refusal ends the stream.
    ///
    /// # Errors
    /// The status of the refusal, with its reason.
    pub fn stream<Q, A, S>(
        self: &Arc<Self>,
        operation: Operation,
        request: Request<Streaming<Q>>,
        handle: impl FnOnce(Opened<Q>) -> S,
    ) -> Result<Response<Answers<A>>, Status>
    where
        S: Stream<Item = Result<A, Refusal>> + Send + 'static,
        A: Send + 'static,
    {
        // A caller who goes away without a word is nobody's refusal.
        let mut ending = Ending { stack: Arc::clone(self), operation, outcome: Reason::Cancelled.name() };
        let opened = match self.open_stream(operation, request) {
            Ok(opened) => opened,
            Err(refusal) => {
                ending.with(refusal.reason.name());
                return Err(refusal.to_status());
            }
        };
        let answers = handle(opened).map(Some).chain(stream::iter([None]));
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

    fn open_stream<Q>(
        self: &Arc<Self>,
        operation: Operation,
        request: Request<Streaming<Q>>,
    ) -> Result<Opened<Q>, Refusal> {
        let call = Call::open(operation, &request)?;
        if *self.draining.borrow() {
            return Err(about_to_stop());
        }
        let (limit, connection) = (call.limit(), Arc::as_ptr(call.peer()).addr());
        let known = Known::authenticate(call, &self.tls)?;
        let permit = Permitted::authorise(known, &self.settings)?;
        // Last, so that whoever may not have one takes no place.
        let place = self.places.take(connection)?;
        let (stack, end) = (Arc::clone(self), Box::pin(tokio::time::sleep(limit)));
        Ok(Opened { _place: place, permit, stack, requests: request.into_inner(), end })
    }
}

/// Counts a stream when it ends, however it does.
struct Ending {
    stack: Arc<Stack>,
    operation: Operation,
    outcome: &'static str,
}

impl Ending {
    const fn with(&mut self, outcome: &'static str) {
        self.outcome = outcome;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Self { operation, outcome, .. } = self;
        let labels = [KeyValue::new("operation", operation.name()), KeyValue::new("outcome", *outcome)];
        self.stack.calls.add(1, &labels);
        tracing::debug!(operation = operation.name(), outcome, "stream");
    }
}
