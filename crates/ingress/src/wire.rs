//! Faults and errors of the rooms as refusals of the contract: the one place where they are.

use std::time::Duration;

use bascule_api::reasons::Reason;
use bascule_api::status::Refusal;
use bascule_model::event::{EntryCode, OVER_SIZE};
use bascule_model::fault::{Fault, Kind};
use bascule_pattern::Invalid;
use bascule_policy::error::Invalid as InvalidPolicy;
use bascule_policy::limits::REPEATED_VALUE_MAX_CHARS;
use bascule_routing::error::{EntryError, Error as PutError, SealError};
use bascule_statemachine::ports::ask::AskError;
use bascule_statemachine::ports::propose::ProposeError;

use crate::limits::BUSY_RETRY_MS;

/// A fault of the nouns or of the control machine.
pub(crate) fn fault(fault: Fault) -> Refusal {
    let text = fault.to_string();
    match fault {
        Fault::NotFound { kind, name } => of(Reason::ResourceNotFound, text, kind, name),
        Fault::AlreadyExists { kind, name } => of(Reason::ResourceAlreadyExists, text, kind, name),
        Fault::LimitExceeded { limit, value, max } => Refusal::new(Reason::LimitExceeded, text.clone())
            .with_metadata("limit", limit.clone())
            .with_metadata("value", value.to_string())
            .with_metadata("max", max.to_string())
            .with_quota(limit, text),
        Fault::Invalid { field, reason, value } => invalid(&field, &reason, &value, text),
        Fault::InvalidPattern { reason } => {
            let message = format!("Event pattern is not valid. Reason: {reason}");
            Refusal::new(Reason::EventPatternInvalid, message.clone()).with_field("event_pattern", message)
        }
        Fault::InvalidState { kind, name, .. } => {
            let reason = match kind {
                Kind::Bus => Reason::BusHasRules,
                Kind::Rule => Reason::RuleHasTargets,
                _ => Reason::InvalidState,
            };
            of(reason, text, kind, name)
        }
        Fault::ConcurrentModification { kind, name } => of(Reason::ConcurrentModification, text, kind, name),
        Fault::Conflict { .. } => Refusal::new(Reason::ConcurrentModification, text),
        Fault::RequestReused { request_id } => Refusal::new(Reason::RequestIdReused, text.clone())
            .with_metadata("request_id", request_id)
            .with_field("request_id", text),
        Fault::AccessDenied { .. } => Refusal::new(Reason::AccessDenied, text),
        Fault::Throttled { retry_after_ms } => {
            Refusal::new(Reason::Throttled, text).with_retry_after(Duration::from_millis(retry_after_ms))
        }
        Fault::Unavailable { .. } => Refusal::new(Reason::NoLeader, text),
        Fault::Internal { reason } => internal(&reason),
    }
}

fn of(reason: Reason, text: String, kind: Kind, name: String) -> Refusal {
    Refusal::new(reason, text).with_metadata("name", name.clone()).with_resource(kind.word(), name)
}

fn invalid(field: &str, reason: &str, value: &str, text: String) -> Refusal {
    let code = match field {
        "ScheduleExpression" => Reason::ScheduleInvalid,
        "Entries" if reason == OVER_SIZE => Reason::RequestTooLarge,
        _ => Reason::ValidationFailed,
    };
    // The service's own words stand alone where it has some: they begin with a capital letter.
    let own = reason.starts_with(|first: char| first.is_ascii_uppercase());
    let message = if own { reason.to_owned() } else { text };
    let refusal = Refusal::new(code, message.clone()).with_field(field, message).with_metadata("field", field);
    if value.is_empty() { refusal } else { refusal.with_metadata("value", value) }
}

/// A field that cannot be.
pub(crate) fn field(field: &str, reason: impl Into<String>, value: &str) -> Refusal {
    fault(Fault::invalid(field, reason, value))
}

/// A pattern that does not compile, in the service's words.
pub(crate) fn pattern(why: &Invalid) -> Refusal {
    fault(Fault::InvalidPattern { reason: why.to_string() })
}

/// A policy document that cannot be read, with the place in it, what stood there, and the limit that it passes.
pub(crate) fn policy(field: &str, why: &InvalidPolicy) -> Refusal {
    let text = why.to_string();
    let reason = match why {
        InvalidPolicy::Large { .. } => Reason::PolicyTooLong,
        _ => Reason::PolicyInvalid,
    };
    let refusal = Refusal::new(reason, text.clone()).with_field(field, text).with_metadata("field", field);
    match why {
        InvalidPolicy::Json { at, .. } => refusal.with_metadata("place", format!("byte {at}")),
        InvalidPolicy::Deep { at, limit } => {
            refusal.with_metadata("place", format!("byte {at}")).with_metadata("limit", limit.to_string())
        }
        InvalidPolicy::Large { found, unit, limit, .. } => refusal
            .with_metadata("value", found.to_string())
            .with_metadata("limit", limit.to_string())
            .with_metadata("unit", *unit),
        InvalidPolicy::Repeated { path, element } | InvalidPolicy::Unknown { path, element, .. } => {
            refusal.with_metadata("place", path).with_metadata("value", element)
        }
        InvalidPolicy::Missing { path, element } | InvalidPolicy::Misplaced { path, element, .. } => {
            refusal.with_metadata("place", path).with_metadata("value", *element)
        }
        InvalidPolicy::Value { path, found, .. } => refusal.with_metadata("place", path).with_metadata("value", found),
    }
}

/// A policy document that is one, and says what it may not say where it is to stand.
pub(crate) fn policy_place(field: &str, place: &str, found: &str, reason: &str) -> Refusal {
    let found = found.chars().take(REPEATED_VALUE_MAX_CHARS).collect();
    policy(field, &InvalidPolicy::Value { path: place.to_owned(), found, reason: reason.to_owned() })
}

/// A fault of ours: its cause goes to the log, never to the caller.
pub(crate) fn internal(why: &str) -> Refusal {
    tracing::error!(%why, "internal fault");
    Refusal::new(Reason::Internal, "a fault of this node; its log has the cause")
}

/// A view that did not come in time.
pub(crate) fn stale() -> Refusal {
    let retry = Duration::from_millis(BUSY_RETRY_MS);
    Refusal::new(Reason::StaleView, "this node's view is behind what was asked for").with_retry_after(retry)
}

/// A proposal without answer.
pub(crate) fn proposed(error: &ProposeError) -> Refusal {
    let text = error.to_string();
    let retry = Duration::from_millis(BUSY_RETRY_MS);
    match error {
        ProposeError::NotLeading { .. } => Refusal::new(Reason::NoLeader, text).with_retry_after(retry),
        ProposeError::Busy { .. } => Refusal::new(Reason::Overloaded, text).with_retry_after(retry),
        ProposeError::TooLarge { bytes, limit_bytes, .. } => Refusal::new(Reason::RequestTooLarge, text.clone())
            .with_metadata("value", bytes.to_string())
            .with_metadata("limit", limit_bytes.to_string()),
        ProposeError::Unknown { .. } => Refusal::new(Reason::OutcomeUnknown, text),
    }
}

/// A question without answer.
pub(crate) fn asked(error: &AskError) -> Refusal {
    match error {
        AskError::Propose(error) => proposed(error),
        AskError::NoLeader { .. } => Refusal::new(Reason::NoLeader, error.to_string()),
        AskError::Behind { .. } => stale(),
        AskError::NoQueue => Refusal::new(Reason::ResourceNotFound, error.to_string()),
        AskError::Tables(_) | AskError::Rows { .. } => internal(&error.to_string()),
    }
}

/// A payload that was not sealed or opened.
pub(crate) fn sealed(error: &SealError) -> Refusal {
    match error {
        SealError::Key { key, .. } => {
            let message = format!("data key `{key}` cannot be used now");
            Refusal::new(Reason::KeyUnavailable, message).with_metadata("key", key.to_string())
        }
        SealError::Open(_) | SealError::NoKey | SealError::Seal(_) | SealError::Payload(_) => {
            internal(&error.to_string())
        }
    }
}

/// A put that was refused as a whole.
pub(crate) fn put(error: PutError) -> Refusal {
    match error {
        PutError::Fault(inner) => fault(inner),
        PutError::Stale { .. } => stale(),
        PutError::NotInitialised => Refusal::new(Reason::NoLeader, error.to_string()),
    }
}

/// One entry that was not taken.
pub(crate) const fn entry(error: &EntryError) -> Reason {
    match error {
        EntryError::Refused(refusal) => match refusal.code {
            EntryCode::InvalidArgument => Reason::EntryInvalid,
            EntryCode::MalformedDetail => Reason::EntryDetailMalformed,
            EntryCode::NotAuthorizedForSource => Reason::EntrySourceReserved,
            EntryCode::InternalFailure => Reason::Internal,
            EntryCode::Throttling => Reason::Throttled,
        },
        EntryError::NoBus(_) => Reason::ResourceNotFound,
        EntryError::TooManyCombinations | EntryError::TooManyMatches { .. } => Reason::EntryInvalid,
        EntryError::Key(_) => Reason::KeyUnavailable,
        EntryError::Busy => Reason::Overloaded,
        EntryError::NoLeader => Reason::NoLeader,
        EntryError::Unknown => Reason::OutcomeUnknown,
        EntryError::Internal(_) => Reason::Internal,
    }
}
