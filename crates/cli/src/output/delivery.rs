//! The accounts of delivery as records.

use bascule_api::admin::v1::TargetDelivery;

use crate::output::View;
use crate::output::record::Record;

/// What became of the events for one target.
pub fn record(target: &TargetDelivery) -> Record {
    Record::new()
        .text("TargetId", &target.target_id)
        .text("TargetArn", &target.target_arn)
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
        ("DELIVERED", "Delivered"),
        ("DEAD-LETTERED", "DeadLettered"),
        ("CANCELLED", "Cancelled"),
        ("EXPIRED", "Expired"),
        ("UNDECRYPTABLE", "Undecryptable"),
        ("PENDING", "Pending"),
        ("OLDEST S", "OldestPendingAgeInSeconds"),
    ];
    View::list(
        "Targets",
        targets.iter().map(record).collect(),
        &columns,
        &[("ARN", "TargetArn")],
        "the rule has no such targets",
    )
}
