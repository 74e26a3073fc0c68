//! The accounts of delivery as records.

use bascule_api::admin::v1::{DeliveryState, TargetDelivery};

use crate::output::record::Record;
use crate::output::{Part, View};

/// What became of the events for one target.
pub fn record(target: &TargetDelivery) -> Record {
    Record::new()
        .text("TargetId", &target.target_id)
        .text("TargetArn", &target.target_arn)
        .choice("State", target.state().as_str_name(), "DELIVERY_STATE_")
        .text("Reason", &target.reason)
        .number("Delivered", target.delivered)
        .number("DeadLettered", target.dead_lettered)
        .number("Cancelled", target.cancelled)
        .number("Expired", target.expired)
        .number("Undecryptable", target.undecryptable)
        .number("Pending", target.pending)
        .number("OldestPendingAgeInSeconds", target.oldest_pending_age_seconds)
}

/// The accounts of a rule's targets.
pub fn list(targets: &[TargetDelivery]) -> View {
    let columns = [
        ("TARGET", "TargetId"),
        ("STATE", "State"),
        ("DELIVERED", "Delivered"),
        ("DEAD-LETTERED", "DeadLettered"),
        ("CANCELLED", "Cancelled"),
        ("EXPIRED", "Expired"),
        ("UNDECRYPTABLE", "Undecryptable"),
        ("PENDING", "Pending"),
        ("OLDEST S", "OldestPendingAgeInSeconds"),
    ];
    let more = [("REASON", "Reason"), ("ARN", "TargetArn")];
    let none = "the rule has no such targets";
    let view = View::list("Targets", targets.iter().map(record).collect(), &columns, &more, none);
    let told: Vec<Part> = targets.iter().filter_map(forbidden).map(Part::Line).collect();
    let above = |below: Vec<Part>| told.iter().cloned().chain(below).collect();
    View { parts: above(view.parts), wide: view.wide.map(above), ..view }
}

/// What is said first of a target that nothing may be delivered to: waiting does not mend it. Policies may refuse it before an event
/// was held up by that, so that the reason counts as much as the state.
fn forbidden(target: &TargetDelivery) -> Option<String> {
    let state = target.state() == DeliveryState::Forbidden;
    let why = match target.reason.as_str() {
        "" if !state => return None,
        // The events were held up when they were last tried, and would be let through now.
        "" => "until a moment ago; they are tried again",
        reason => reason,
    };
    Some(format!("target `{}` is forbidden, its events wait: {why}", target.target_id))
}
