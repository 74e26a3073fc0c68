//! First stage: a call with its connection's peer and its deadline. Nothing is done without end; a stream alone may have none,
//! since it lives as long as its client: it is bounded by its place and its credits, and looked at again while it is open.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tonic::Request;

use bascule_api::limits::ATTEMPT_DEADLINE_MAX_MS;
use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_pki::peer::Peer;

use crate::listener::{Cut, Retire};
use crate::operation::Operation;
use crate::stack::session::{self, NoSession};

/// gRPC's header of a call's deadline.
const TIMEOUT: &str = "grpc-timeout";

/// Who is on the other side of a connection, as the listener left it beside each request.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(crate) peer: Arc<Peer>,
    /// Where the connection comes from, as far as the listener knows.
    pub(crate) from: Option<IpAddr>,
    /// What ends the connection.
    pub(crate) cut: Cut,
    /// What ends it in peace.
    pub(crate) retire: Retire,
}

/// A call that has an end.
pub struct Call {
    operation: Operation,
    caller: Caller,
    limit: Duration,
    /// What the call says about a session, still sealed. Never shown.
    token: Result<Option<Vec<u8>>, NoSession>,
}

impl Call {
    /// Accepts a request.
    ///
    /// # Errors
    /// [`Reason::DeadlineMissing`], [`Reason::ValidationFailed`] for a deadline that is none, [`Reason::Internal`] for a request
    /// that came past the listener.
    pub(super) fn accept<Q>(operation: Operation, request: &Request<Q>) -> Result<Self, Refusal> {
        let caller = caller(request)?;
        let Some(asked) = asked(request)? else {
            let message = "the call has no deadline: set one, of at most 60 seconds";
            return Err(Refusal::new(Reason::DeadlineMissing, message));
        };
        let asked = asked.min(Duration::from_millis(ATTEMPT_DEADLINE_MAX_MS));
        // A little earlier than the server's own timer, which has no reason to give.
        let limit = asked - (asked / 10).min(Duration::from_millis(50));
        Ok(Self { operation, caller, limit, token: session::token(request.metadata()) })
    }

    /// Accepts a stream. A deadline is not demanded, and kept if there is one, however long.
    ///
    /// # Errors
    /// As [`Call::accept`], but for a missing deadline.
    pub(super) fn open<Q>(operation: Operation, request: &Request<Q>) -> Result<Self, Refusal> {
        let caller = caller(request)?;
        let limit = asked(request)?.unwrap_or(Duration::MAX);
        Ok(Self { operation, caller, limit, token: session::token(request.metadata()) })
    }

    pub(super) const fn limit(&self) -> Duration {
        self.limit
    }

    pub(super) const fn operation(&self) -> Operation {
        self.operation
    }

    pub(super) const fn peer(&self) -> &Arc<Peer> {
        &self.caller.peer
    }

    /// The token of a session, if the call has one.
    pub(super) fn token(&self) -> Result<Option<&[u8]>, NoSession> {
        self.token.as_ref().map(Option::as_deref).map_err(|why| *why)
    }

    /// Returns once the call's connection is to end in peace.
    pub(super) fn retired(&self) -> impl Future<Output = ()> + Send + use<> {
        self.caller.retire.asked()
    }

    /// The caller's address, if the listener knows it.
    pub(super) const fn from(&self) -> Option<IpAddr> {
        self.caller.from
    }
}

fn caller<Q>(request: &Request<Q>) -> Result<Caller, Refusal> {
    let missing = || Refusal::new(Reason::Internal, "the call came without its connection");
    request.extensions().get::<Caller>().cloned().ok_or_else(missing)
}

/// The deadline that the caller set; `None` without one.
fn asked<Q>(request: &Request<Q>) -> Result<Option<Duration>, Refusal> {
    let Some(text) = request.metadata().get(TIMEOUT) else { return Ok(None) };
    let Some(asked) = text.to_str().ok().and_then(parse) else {
        let message = "the call's deadline cannot be read";
        return Err(Refusal::new(Reason::ValidationFailed, message).with_field(TIMEOUT, message));
    };
    Ok(Some(asked))
}

/// gRPC over HTTP/2: at most eight digits and a unit.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(value * 3_600),
        "M" => Duration::from_secs(value * 60),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_read() {
        for (text, expected) in [
            ("1S", Some(1_000)),
            ("250m", Some(250)),
            ("99999999H", Some(99_999_999 * 3_600_000)),
            ("2M", Some(120_000)),
            ("5000u", Some(5)),
            ("7000000n", Some(7)),
            ("", None),
            ("S", None),
            ("1", None),
            ("-1S", None),
            ("1.5S", None),
            ("123456789S", None),
            ("1ß", None),
        ] {
            assert_eq!(parse(text), expected.map(Duration::from_millis), "{text}");
        }
    }
}
