//! What a client asks on its stream, checked: the start, more credit, and receipts to settle.

use std::collections::BTreeSet;

use bascule_api::status::Refusal;
use bascule_api::v1::subscribe_request::Action;
use bascule_api::v1::{SubscribeRequest, SubscribeStart};
use bascule_model::limits::VISIBILITY_LIMIT_SECONDS;

use crate::family::given;
use crate::limits::{RECEIPT_LIMIT_CHARS, SUBSCRIBE_LIMIT_CREDITS, SUBSCRIBE_LIMIT_RECEIPTS};
use crate::stack::Permitted;
use crate::wire;

/// The first request.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) queue: given::NameOrArn,
    pub(super) credits: u32,
    pub(super) visibility_ms: Option<u64>,
    pub(super) request_id: String,
}

/// Any other.
#[derive(Debug)]
pub(super) enum Asked {
    /// More may come.
    Credit(u32),
    /// Receipts to delete, or whose messages are to be visible after so long.
    Settle { handles: Vec<String>, visible_in_ms: Option<u64> },
}

/// A first request.
pub(super) fn first(_: &Permitted, request: SubscribeRequest) -> Result<Start, Refusal> {
    start(request)
}

/// A request after the first.
pub(super) fn later(_: &Permitted, request: SubscribeRequest) -> Result<Asked, Refusal> {
    asked(request)
}

/// What a stream that begins with something else is told.
pub(super) fn no_start(value: &str) -> Refusal {
    wire::field("Start", "the first request of a stream must be a start", value)
}

fn start(request: SubscribeRequest) -> Result<Start, Refusal> {
    let other = match request.action {
        Some(Action::Start(start)) => return begun(start),
        Some(Action::Credit(_)) => "credit",
        Some(Action::Ack(_)) => "ack",
        Some(Action::Nack(_)) => "nack",
        Some(Action::Extend(_)) => "extend",
        None => "nothing",
    };
    Err(no_start(other))
}

fn begun(start: SubscribeStart) -> Result<Start, Refusal> {
    let request_id = given::request_id(start.request_id)?;
    let queue = given::queue("Start.QueueName", &start.queue_name)?;
    let credits = within("Start.Credits", start.credits, 1, SUBSCRIBE_LIMIT_CREDITS)?;
    let visibility = start.visibility_timeout.map(|asked| milliseconds("Start.VisibilityTimeout", asked));
    Ok(Start { queue, credits, visibility_ms: visibility.transpose()?, request_id })
}

fn asked(request: SubscribeRequest) -> Result<Asked, Refusal> {
    match request.action {
        Some(Action::Credit(credit)) => {
            Ok(Asked::Credit(within("Credit.Credits", credit.credits, 1, SUBSCRIBE_LIMIT_CREDITS)?))
        }
        Some(Action::Ack(ack)) => {
            Ok(Asked::Settle { handles: handles("Ack", ack.receipt_handles)?, visible_in_ms: None })
        }
        Some(Action::Nack(nack)) => {
            let visible_in_ms = Some(milliseconds("Nack.DelaySeconds", nack.delay_seconds)?);
            Ok(Asked::Settle { handles: handles("Nack", nack.receipt_handles)?, visible_in_ms })
        }
        Some(Action::Extend(extend)) => {
            let visible_in_ms = Some(milliseconds("Extend.VisibilityTimeout", extend.visibility_timeout)?);
            Ok(Asked::Settle { handles: handles("Extend", extend.receipt_handles)?, visible_in_ms })
        }
        Some(Action::Start(_)) => Err(wire::field("Start", "a stream has one start", "start")),
        None => Err(wire::field("Action", "a request must ask for something", "nothing")),
    }
}

fn within(field: &str, value: u32, min: u32, max: u32) -> Result<u32, Refusal> {
    if (min..=max).contains(&value) {
        return Ok(value);
    }
    Err(wire::field(field, format!("it must be {min} to {max}"), &value.to_string()))
}

fn milliseconds(field: &str, seconds: u32) -> Result<u64, Refusal> {
    Ok(u64::from(within(field, seconds, 0, VISIBILITY_LIMIT_SECONDS)?) * 1_000)
}

fn handles(action: &str, handles: Vec<String>) -> Result<Vec<String>, Refusal> {
    let field = format!("{action}.ReceiptHandles");
    if handles.is_empty() || handles.len() > SUBSCRIBE_LIMIT_RECEIPTS {
        let reason = format!("there must be 1 to {SUBSCRIBE_LIMIT_RECEIPTS}");
        return Err(wire::field(&field, reason, &handles.len().to_string()));
    }
    let mut seen = BTreeSet::new();
    for (at, handle) in handles.iter().enumerate() {
        let field = format!("{field}[{at}]");
        if handle.len() > RECEIPT_LIMIT_CHARS {
            let reason = format!("it must be at most {RECEIPT_LIMIT_CHARS} characters");
            return Err(wire::field(&field, reason, &handle.len().to_string()));
        }
        // Two answers to one receipt would say less than one.
        if !seen.insert(handle) {
            return Err(wire::field(&field, "each handle may be given once", handle));
        }
    }
    Ok(handles)
}

#[cfg(test)]
mod tests {
    use bascule_api::v1::{SubscribeAck, SubscribeCredit, SubscribeExtend, SubscribeNack};

    use super::*;

    fn told<T>(outcome: Result<T, Refusal>) -> Option<(String, String)> {
        let refusal = outcome.err()?;
        Some((refusal.metadata.get("field").cloned().unwrap_or_default(), refusal.message))
    }

    fn check(action: Action, expected: Option<(&str, &str)>) {
        let request = || SubscribeRequest { action: Some(action.clone()) };
        let outcome = match &action {
            Action::Start(_) => told(start(request())),
            _ => told(asked(request())),
        };
        let Some((field, words)) = expected else {
            assert_eq!(outcome, None, "{action:?}");
            return;
        };
        let (named, message) = outcome.unwrap_or_default();
        assert_eq!(named, field, "{action:?}");
        assert!(message.contains(words), "{action:?}: {message}");
    }

    #[test]
    fn starts_are_checked() {
        let start = |queue: &str, credits, visibility_timeout, id: &str| {
            let (queue_name, request_id) = (queue.to_owned(), id.to_owned());
            Action::Start(SubscribeStart { queue_name, credits, visibility_timeout, request_id })
        };
        check(start("inbox", 1, None, ""), None);
        check(start("arn:aws:sqs:us-east-1:000000000000:inbox", 1_000, Some(43_200), "a-1"), None);
        check(start("inbox", 0, None, ""), Some(("Start.Credits", "1 to 1000")));
        check(start("inbox", 1_001, None, ""), Some(("Start.Credits", "1001")));
        check(start("inbox", 1, Some(43_201), ""), Some(("Start.VisibilityTimeout", "43201")));
        check(start("inbox", 1, None, "a b"), Some(("request_id", "a b")));
        check(start("arn:aws:events:us-east-1:000000000000:event-bus/b", 1, None, ""), Some(("Start.QueueName", "")));
        let credit = SubscribeRequest { action: Some(Action::Credit(SubscribeCredit { credits: 1 })) };
        for (request, value) in [(SubscribeRequest::default(), "nothing"), (credit, "credit")] {
            let (field, message) = told(super::start(request)).unwrap();
            assert!(field == "Start" && message.contains(value), "{field}: {message}");
        }
    }

    #[test]
    fn later_requests_are_checked() {
        let many = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
        let ack = |receipt_handles| Action::Ack(SubscribeAck { receipt_handles });
        let nack = |delay_seconds| Action::Nack(SubscribeNack { receipt_handles: many(1), delay_seconds });
        let extend =
            |visibility_timeout| Action::Extend(SubscribeExtend { receipt_handles: many(1), visibility_timeout });
        let credit = |credits| Action::Credit(SubscribeCredit { credits });
        for fine in [ack(many(1)), ack(many(100)), nack(0), nack(43_200), extend(0), extend(43_200), credit(1)] {
            check(fine, None);
        }
        check(ack(many(0)), Some(("Ack.ReceiptHandles", "1 to 100")));
        check(ack(many(101)), Some(("Ack.ReceiptHandles", "101")));
        check(ack(vec!["a".to_owned(), "b".to_owned(), "a".to_owned()]), Some(("Ack.ReceiptHandles[2]", "once")));
        check(ack(vec!["x".repeat(1_025)]), Some(("Ack.ReceiptHandles[0]", "1025")));
        check(nack(43_201), Some(("Nack.DelaySeconds", "43201")));
        check(extend(43_201), Some(("Extend.VisibilityTimeout", "43201")));
        check(credit(0), Some(("Credit.Credits", "1 to 1000")));
        check(credit(1_001), Some(("Credit.Credits", "1001")));
        let (field, _) = told(asked(SubscribeRequest::default())).unwrap();
        assert_eq!(field, "Action");
        let again = SubscribeRequest { action: Some(Action::Start(SubscribeStart::default())) };
        assert_eq!(told(asked(again)).unwrap().0, "Start");
    }
}
