//! An event that is still owed, with its deliveries.

use bascule_api::v1::{EventDelivery, GetEventResponse};

use crate::output::record::{Item, Record};
use crate::output::{Part, View, rows, whole_rows};

/// How one delivery stands.
fn delivery(delivery: &EventDelivery) -> Record {
    Record::new()
        .text("RuleName", &delivery.rule_name)
        .text("TargetId", &delivery.target_id)
        .text("TargetArn", &delivery.target_arn)
        .choice("State", delivery.state().as_str_name(), "EVENT_DELIVERY_STATE_")
        .number("AttemptCount", u64::from(delivery.attempt_count))
        .time("DueTime", delivery.due_time.as_ref().map(|time| time.seconds))
        .text("LastErrorCode", &delivery.last_error_code)
}

/// The event and, below it, its deliveries.
pub fn event(answer: &GetEventResponse) -> View {
    let record = Record::new()
        .text("EventId", &answer.event_id)
        .text("EventBusArn", &answer.event_bus_arn)
        .time("AcceptedTime", answer.accepted_time.as_ref().map(|time| time.seconds))
        .number("Hops", u64::from(answer.hops))
        .text("Event", &answer.event);
    let mut parts = vec![Part::Fields(record.flat())];
    if answer.event.is_empty() {
        parts.push(Part::Line("what the event says does not open with the key of its bus, and never will".to_owned()));
    }
    let deliveries: Vec<Record> = answer.deliveries.iter().map(delivery).collect();
    let columns = [
        ("RULE", "RuleName"),
        ("TARGET", "TargetId"),
        ("STATE", "State"),
        ("ATTEMPTS", "AttemptCount"),
        ("DUE", "DueTime"),
        ("LAST ERROR", "LastErrorCode"),
    ];
    let all = [&columns[..], &[("ARN", "TargetArn")]].concat();
    let wide = [parts.clone(), vec![whole_rows(&deliveries, &all)]].concat();
    parts.push(rows(&deliveries, &columns));
    let json = record.items("Deliveries", deliveries.into_iter().map(Item::Record).collect());
    View { wide: Some(wide), ..View::new(parts, json) }
}
