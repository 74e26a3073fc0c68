//! Dead letters as records, with the attribute names of EventBridge's dead-letter messages.

use bascule_api::admin::v1::{DeadLetter, ExhaustedRetryCondition};

use crate::link::Rest;
use crate::output::record::Record;
use crate::output::{Part, View};

/// Everything about a dead letter.
pub fn record(letter: &DeadLetter) -> Record {
    let exhausted = match letter.exhausted_retry_condition() {
        ExhaustedRetryCondition::Unspecified => "",
        ExhaustedRetryCondition::MaximumRetryAttempts => "MaximumRetryAttempts",
        ExhaustedRetryCondition::MaximumEventAgeInSeconds => "MaximumEventAgeInSeconds",
    };
    Record::new()
        .text("EventId", &letter.event_id)
        .text("RULE_ARN", &letter.rule_arn)
        .text("TARGET_ARN", &letter.target_arn)
        .text("TargetId", &letter.target_id)
        .text("ERROR_CODE", &letter.error_code)
        .text("ERROR_MESSAGE", &letter.error_message)
        .text("EXHAUSTED_RETRY_CONDITION", exhausted)
        .number("RETRY_ATTEMPTS", u64::from(letter.retry_attempts))
        .time("DeadLetteredTime", letter.dead_lettered_time.as_ref().map(|time| time.seconds))
        .text("Event", &letter.event)
}

/// A list of dead letters, and whether there are others; their events stand in the JSON alone.
pub fn list(letters: &[DeadLetter], rest: Rest) -> View {
    let columns = [
        ("SINCE", "DeadLetteredTime"),
        ("EVENT", "EventId"),
        ("TARGET", "TargetId"),
        ("CODE", "ERROR_CODE"),
        ("RETRIES", "RETRY_ATTEMPTS"),
        ("RULE", "RULE_ARN"),
        ("MESSAGE", "ERROR_MESSAGE"),
    ];
    let more = [("TARGET ARN", "TARGET_ARN"), ("EXHAUSTED", "EXHAUSTED_RETRY_CONDITION")];
    let mut view = View::list("DeadLetters", letters.iter().map(record).collect(), &columns, &more, "no dead letters");
    if rest == Rest::More {
        view.add(Part::Line("there are more; `--limit` says how many are listed".to_owned()));
        view.json = view.json.flag("Truncated", true);
    }
    view
}
