//! Buses as records.

use bascule_api::v1::EventBus;

use crate::output::View;
use crate::output::record::Record;

/// Everything about a bus.
pub fn record(bus: &EventBus) -> Record {
    let dead_letters = bus.dead_letter_config.as_ref().map(|it| it.arn.as_str()).unwrap_or_default();
    let log = bus.log_config.unwrap_or_default();
    Record::new()
        .text("Name", &bus.name)
        .text("Arn", &bus.arn)
        .text("Description", &bus.description)
        .text("KmsKeyIdentifier", &bus.kms_key_identifier)
        .record("DeadLetterConfig", Record::new().text("Arn", dead_letters))
        .record(
            "LogConfig",
            Record::new().choice("Level", log.level().as_str_name(), "LOG_LEVEL_").choice(
                "IncludeDetail",
                log.include_detail().as_str_name(),
                "LOG_DETAIL_",
            ),
        )
        .text("Policy", &bus.policy)
        .time("CreationTime", bus.creation_time.as_ref().map(|time| time.seconds))
        .time("LastModifiedTime", bus.last_modified_time.as_ref().map(|time| time.seconds))
}

/// A list of buses.
pub fn list(buses: &[EventBus]) -> View {
    let columns = [("NAME", "Name"), ("DESCRIPTION", "Description"), ("CREATED", "CreationTime"), ("ARN", "Arn")];
    let more = [
        ("KEY", "KmsKeyIdentifier"),
        ("DEAD LETTERS", "DeadLetterConfig.Arn"),
        ("LOG", "LogConfig.Level"),
        ("CHANGED", "LastModifiedTime"),
    ];
    View::list("EventBuses", buses.iter().map(record).collect(), &columns, &more, "no buses")
}
