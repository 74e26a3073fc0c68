//! What a dead letter says of its delivery, word for word as EventBridge's dead-letter queues have it. Pure.
//!
//! Attributes: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html>.

use bytes::Bytes;

use bascule_model::time::Millis;
use bascule_routing::rights::invoking;
use bascule_routing::view::{Lane, View};
use bascule_statemachine::codec::shard::{Attribute, DeadLetter};

use crate::book::Dead;
use crate::limits::ERROR_MESSAGE_LIMIT_CHARS;
use crate::pacing::Exhausted;

/// The command that makes a dead delivery a dead letter: into the target's own queue, else, or where the service may not lay it
/// there, into the bus's own table.
pub(crate) fn letter(view: &View, dead: &Dead, now: Millis) -> DeadLetter {
    let lane = view.lane(dead.target);
    let queue = lane.and_then(|lane| queue(view, lane, now));
    let mut attributes = Vec::with_capacity(6);
    let mut say = |name: &str, value: String| attributes.push(Attribute { name: name.to_owned(), value });
    if let Some(lane) = lane {
        if let Some(arn) = invoking::rule_arn(view, lane) {
            say("RULE_ARN", arn.to_string());
        }
        say("TARGET_ARN", lane.target.arn.to_string());
    }
    say("ERROR_CODE", dead.code.word().to_owned());
    say("ERROR_MESSAGE", dead.message.chars().take(ERROR_MESSAGE_LIMIT_CHARS).collect());
    if let Some(exhausted) = dead.exhausted {
        say("EXHAUSTED_RETRY_CONDITION", condition(exhausted).to_owned());
        say("RETRY_ATTEMPTS", dead.attempts.saturating_sub(1).to_string());
    }
    DeadLetter {
        sequence: dead.sequence.0,
        target: dead.target.0,
        queue: queue.unwrap_or(0),
        attributes,
        frame: Bytes::new(),
        undecryptable: dead.undecryptable,
    }
}

/// Uid of the queue for the lane's dead letters.
fn queue(view: &View, lane: &Lane, now: Millis) -> Option<u64> {
    let arn = lane.target.dead_letter.as_ref()?;
    let queue = view.queue_of(arn)?;
    match invoking::buriable(view, lane, arn, now) {
        Ok(()) => Some(queue.uid),
        Err(refused) => {
            tracing::warn!(target = %lane.uid, queue = %arn, why = refused.why, "a dead letter goes into its bus's own table");
            None
        }
    }
}

const fn condition(exhausted: Exhausted) -> &'static str {
    match exhausted {
        Exhausted::Attempts => "MaximumRetryAttempts",
        Exhausted::Age => "MaximumEventAgeInSeconds",
    }
}

#[cfg(test)]
mod tests {
    use bascule_model::uid::{Sequence, Uid};

    use super::*;
    use crate::target::code::Code;

    #[test]
    fn attributes_are_those_of_eventbridge() {
        let dead = |exhausted, attempts| Dead {
            target: Uid(7),
            sequence: Sequence(3),
            code: Code::Timeout,
            message: "x".repeat(5_000),
            attempts,
            exhausted,
            undecryptable: false,
        };
        let told = |dead: Dead| {
            let letter = letter(&View::default(), &dead, Millis(0));
            assert_eq!((letter.sequence, letter.target, letter.queue), (3, 7, 0));
            let told = letter.attributes.iter().map(|a| format!("{}={}", a.name, &a.value[..a.value.len().min(24)]));
            told.collect::<Vec<_>>().join(" ")
        };
        let always = "ERROR_CODE=TIMEOUT ERROR_MESSAGE=xxxxxxxxxxxxxxxxxxxxxxxx";
        assert_eq!(told(dead(None, 1)), always);
        let by_age = "EXHAUSTED_RETRY_CONDITION=MaximumEventAgeInSeconds RETRY_ATTEMPTS=0";
        assert_eq!(told(dead(Some(Exhausted::Age), 0)), format!("{always} {by_age}"));
        let by_count = "EXHAUSTED_RETRY_CONDITION=MaximumRetryAttempts RETRY_ATTEMPTS=185";
        assert_eq!(told(dead(Some(Exhausted::Attempts), 186)), format!("{always} {by_count}"));
    }
}
