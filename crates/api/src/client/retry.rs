//! When a failed call is tried again, and after how long: pure, chance is an argument.

use std::error::Error as _;
use std::time::Duration;

use tonic::{Code, Status};

use crate::limits::{ATTEMPTS_MAX_COUNT, BACKOFF_FIRST_MS, BACKOFF_MAX_MS, RETRY_AFTER_MAX_MS};
use crate::reasons::{Again, Reason};
use crate::status::Refusal;

/// Header by which a server or proxy sets the wait, or forbids another attempt with a negative number (gRFC A6).
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// Whether a call may happen twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Reads, writes with a `request_id`, deletions: repeated also when the outcome is unknown.
    Freely,
    /// PutEvents and writes without a `request_id`: repeated only when the answer proves that nothing was done.
    IfRefused,
}

/// How often and how long: attempts are counted from 1, waits double up to a cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Attempts of one call, the first included.
    pub attempts_max_count: u32,
    /// Longest wait after the first attempt, in milliseconds.
    pub backoff_first_ms: u64,
    /// Longest wait after any attempt, in milliseconds.
    pub backoff_max_ms: u64,
    /// Longest wait that a server may ask for, in milliseconds.
    pub retry_after_max_ms: u64,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            attempts_max_count: ATTEMPTS_MAX_COUNT,
            backoff_first_ms: BACKOFF_FIRST_MS,
            backoff_max_ms: BACKOFF_MAX_MS,
            retry_after_max_ms: RETRY_AFTER_MAX_MS,
        }
    }
}

impl Schedule {
    /// How long to wait after `attempt` (from 1) failed with `status`; none when the call is over.
    ///
    /// The server's wait (RetryInfo, else the pushback header) is honoured in full, with up to half a backoff on top so
    /// that callers refused together do not come back together. Without one the wait is between half a backoff and
    /// a whole one. `chance` is any number, evenly spread.
    pub fn wait(&self, attempt: u32, repeat: Repeat, status: &Status, chance: u64) -> Option<Duration> {
        if attempt >= self.attempts_max_count || !may_repeat(repeat, status) {
            return None;
        }
        let whole = self.backoff_ms(attempt);
        let spread = chance % (whole / 2 + 1);
        let wait = match asked_ms(status) {
            Asked::Nothing => whole - spread,
            Asked::Wait(ms) if ms <= self.retry_after_max_ms => ms + spread,
            Asked::Wait(_) | Asked::Never => return None,
        };
        Some(Duration::from_millis(wait))
    }

    /// How long to wait after a round over several nodes, from 1, in which each failed; none when the call is over.
    pub(super) fn pause(&self, round: u32, chance: u64) -> Option<Duration> {
        if round >= self.attempts_max_count {
            return None;
        }
        let whole = self.backoff_ms(round);
        Some(Duration::from_millis(whole - chance % (whole / 2 + 1)))
    }

    /// The longest wait after `attempt` (from 1), in milliseconds.
    fn backoff_ms(&self, attempt: u32) -> u64 {
        let doubled = 2_u64.saturating_pow(attempt.saturating_sub(1)).saturating_mul(self.backoff_first_ms);
        doubled.min(self.backoff_max_ms)
    }
}

/// What the server says about the wait.
enum Asked {
    Nothing,
    Wait(u64),
    Never,
}

fn asked_ms(status: &Status) -> Asked {
    let pushback = status.metadata().get(PUSHBACK).map(|value| value.to_str().ok().and_then(|text| text.parse().ok()));
    // By gRFC A6 a value that is negative or no number forbids another attempt.
    let pushback = pushback.map(|ms: Option<u64>| ms.map_or(Asked::Never, Asked::Wait));
    if let Some(Asked::Never) = pushback {
        return Asked::Never;
    }
    let told = Refusal::from_status(status).ok().and_then(|refusal| refusal.retry_after);
    match told {
        // Rounded up: a millisecond too early is refused again.
        Some(wait) => Asked::Wait(u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)),
        None => pushback.unwrap_or(Asked::Nothing),
    }
}

/// Whether the caller was told to come later, or comes too often wherever it goes.
pub(super) fn asks_to_wait(status: &Status) -> bool {
    let throttled = Refusal::from_status(status).is_ok_and(|refusal| refusal.reason == Reason::Throttled);
    throttled || !matches!(asked_ms(status), Asked::Nothing)
}

/// Whether the channel gave up waiting for the answer.
pub(super) fn is_late(status: &Status) -> bool {
    sources(status).any(|error| error.is::<tonic::TimeoutExpired>())
}

/// What lies below a status that the channel made; what a server says has no source, so that it cannot pretend to one.
fn sources(status: &Status) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    let mut next = status.source();
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

pub(super) fn may_repeat(repeat: Repeat, status: &Status) -> bool {
    match Refusal::from_status(status) {
        Ok(refusal) => match refusal.reason.again() {
            Again::Later => true,
            Again::Unknown => repeat == Repeat::Freely,
            Again::Never => false,
        },
        // A broken connection has no reason, nor has one without an answer: the request may have arrived, unless nobody began with it.
        Err(_) => {
            never_sent(status) || repeat == Repeat::Freely && (status.code() == Code::Unavailable || is_late(status))
        }
    }
}

/// Whether there was no connection, or it gave the request back before it began with it, as one does that its server has retired.
fn never_sent(status: &Status) -> bool {
    /// What the libraries below say, whose types are not to be had through tonic: hyper of a pending item that was dropped before
    /// ever being processed; h2 of a stream beyond the last one that a server in peace went into, or that it refused.
    const GIVEN_BACK: [&str; 3] = [
        "operation was canceled",
        "connection error received: not a result of an error",
        "stream error received: refused stream before processing any application logic",
    ];
    if !sources(status).next().is_some_and(|error| error.is::<tonic::transport::Error>()) {
        return false;
    }
    sources(status).any(|error| error.is::<tonic::ConnectError>() || GIVEN_BACK.contains(&error.to_string().as_str()))
}

#[cfg(test)]
mod tests {
    use tonic::metadata::MetadataValue;

    use super::*;

    const EXACT: Schedule =
        Schedule { attempts_max_count: 6, backoff_first_ms: 100, backoff_max_ms: 1_000, retry_after_max_ms: 20_000 };

    fn refused(reason: Reason) -> Status {
        Refusal::new(reason, "no").to_status()
    }

    fn told(reason: Reason, wait_ms: u64) -> Status {
        Refusal::new(reason, "no").with_retry_after(Duration::from_millis(wait_ms)).to_status()
    }

    fn pushed(mut status: Status, text: &'static str) -> Status {
        status.metadata_mut().insert(PUSHBACK, MetadataValue::from_static(text));
        status
    }

    #[test]
    fn waits_double_to_the_cap_and_end() {
        let status = refused(Reason::Throttled);
        let rows = [(1, 100, 50), (2, 200, 100), (3, 400, 200), (4, 800, 400), (5, 1_000, 500)];
        for (attempt, longest, shortest) in rows {
            let at = |chance| EXACT.wait(attempt, Repeat::IfRefused, &status, chance);
            assert_eq!(at(0), Some(Duration::from_millis(longest)), "{attempt}");
            assert_eq!(at(longest / 2), Some(Duration::from_millis(shortest)), "{attempt}");
            for chance in [1, 7, 12_345, u64::MAX] {
                let wait = u64::try_from(at(chance).unwrap().as_millis()).unwrap();
                assert!((shortest..=longest).contains(&wait), "{attempt} {chance}: {wait}");
            }
        }
        for attempt in [6, 7, u32::MAX] {
            assert_eq!(EXACT.wait(attempt, Repeat::Freely, &status, 0), None, "{attempt}");
        }
        let long = Schedule { attempts_max_count: u32::MAX, ..EXACT };
        assert_eq!(long.wait(1_000_000, Repeat::Freely, &status, 0), Some(Duration::from_millis(1_000)));
    }

    #[test]
    fn a_server_sets_the_wait() {
        let rows = [
            ("told", told(Reason::Throttled, 3_000), Some(3_000)),
            ("told too long", told(Reason::Throttled, 20_001), None),
            ("told, but in vain", told(Reason::AccessDenied, 10), None),
            ("pushed", pushed(refused(Reason::Overloaded), "700"), Some(700)),
            ("pushed to nothing", pushed(refused(Reason::Overloaded), "0"), Some(0)),
            ("told beats pushed", pushed(told(Reason::Overloaded, 900), "700"), Some(900)),
            ("forbidden", pushed(told(Reason::Overloaded, 900), "-1"), None),
            ("no number", pushed(refused(Reason::Overloaded), "soon"), None),
        ];
        for (what, status, wait_ms) in rows {
            let expected = wait_ms.map(Duration::from_millis);
            assert_eq!(EXACT.wait(1, Repeat::Freely, &status, 0), expected, "{what}");
            let spread = EXACT.wait(1, Repeat::Freely, &status, 50);
            assert_eq!(spread, expected.map(|wait| wait + Duration::from_millis(50)), "{what}, spread");
        }
    }

    #[test]
    fn what_may_have_happened_is_repeated_only_freely() {
        let rows = [
            (refused(Reason::NoLeader), true, true),
            (refused(Reason::ConcurrentModification), true, true),
            (refused(Reason::OutcomeUnknown), true, false),
            (refused(Reason::DeadlineExceeded), true, false),
            (refused(Reason::LimitExceeded), false, false),
            (refused(Reason::Unauthenticated), false, false),
            (Status::unavailable("connection reset"), true, false),
            // A server may say so, and mean something else.
            (Status::cancelled("operation was canceled"), false, false),
            (Status::resource_exhausted("message too large"), false, false),
            (Status::internal("proxy"), false, false),
        ];
        for (status, freely, if_refused) in rows {
            assert_eq!(EXACT.wait(1, Repeat::Freely, &status, 0).is_some(), freely, "{status:?}");
            assert_eq!(EXACT.wait(1, Repeat::IfRefused, &status, 0).is_some(), if_refused, "{status:?}");
        }
    }
}
