//! Rules as records.

use bascule_api::v1::Rule;

use crate::output::View;
use crate::output::record::Record;

/// Everything about a rule.
pub fn record(rule: &Rule) -> Record {
    Record::new()
        .text("Name", &rule.name)
        .text("Arn", &rule.arn)
        .text("EventBusName", &rule.event_bus_name)
        .choice("State", rule.state().as_str_name(), "RULE_STATE_")
        .text("EventPattern", &rule.event_pattern)
        .text("ScheduleExpression", &rule.schedule_expression)
        .text("Description", &rule.description)
        .text("RoleArn", &rule.role_arn)
        .text("ManagedBy", &rule.managed_by)
        .text("CreatedBy", &rule.created_by)
}

/// A list of rules.
pub fn list(rules: &[Rule]) -> View {
    let columns = [
        ("NAME", "Name"),
        ("BUS", "EventBusName"),
        ("STATE", "State"),
        ("SCHEDULE", "ScheduleExpression"),
        ("PATTERN", "EventPattern"),
    ];
    let more = [("DESCRIPTION", "Description"), ("ROLE", "RoleArn"), ("MANAGED BY", "ManagedBy"), ("ARN", "Arn")];
    View::list("Rules", rules.iter().map(record).collect(), &columns, &more, "no rules")
}
