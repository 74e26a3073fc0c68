//! A built-in durable queue.

use crate::arn::Arn;
use crate::fault::Fault;
use crate::limits::{
    RECEIVES_LIMIT_COUNT, RETENTION_DEFAULT_SECONDS, RETENTION_LEAST_SECONDS, RETENTION_LIMIT_SECONDS,
    VISIBILITY_DEFAULT_SECONDS, VISIBILITY_LIMIT_SECONDS,
};
use crate::name::QueueName;
use crate::target::TargetKind;

/// A queue, with SQS's attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name, unique in its account.
    pub name: QueueName,
    /// For how long a received message is hidden, seconds, 0 to 43,200.
    pub visibility_s: u32,
    /// For how long a message is kept, seconds, 60 to 1,209,600.
    pub retention_s: u32,
    /// Where messages go that were received too often.
    pub redrive: Option<Redrive>,
}

/// SQS's redrive policy
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// Another queue.
    pub to: Arn,
    /// How often a message may be received before, 1 to 1,000.
    pub after: u32,
}

impl Queue {
    /// A queue with SQS's defaults: 30 s, 4 days.
    #[must_use]
    pub const fn new(name: QueueName) -> Self {
        Self { name, visibility_s: VISIBILITY_DEFAULT_SECONDS, retention_s: RETENTION_DEFAULT_SECONDS, redrive: None }
    }

    /// Checks both times.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub fn check(&self) -> Result<(), Fault> {
        for (field, value, least, most) in [
            ("VisibilityTimeout", self.visibility_s, 0, VISIBILITY_LIMIT_SECONDS),
            ("MessageRetentionPeriod", self.retention_s, RETENTION_LEAST_SECONDS, RETENTION_LIMIT_SECONDS),
        ] {
            if !(least..=most).contains(&value) {
                return Err(Fault::invalid(field, format!("it must be {least} to {most}"), &value.to_string()));
            }
        }
        if let Some(Redrive { to, after }) = &self.redrive {
            if !(1..=RECEIVES_LIMIT_COUNT).contains(after) {
                let reason = format!("it must be 1 to {RECEIVES_LIMIT_COUNT}");
                return Err(Fault::invalid("RedrivePolicy.maxReceiveCount", reason, &after.to_string()));
            }
            if !matches!(TargetKind::of(to), Ok(TargetKind::Queue(name)) if name != self.name) {
                let reason = "it must be another standard queue";
                return Err(Fault::invalid("RedrivePolicy.deadLetterTargetArn", reason, &to.to_string()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_hold_at_their_borders() {
        let queue = Queue::new(QueueName::parse("q").unwrap());
        assert_eq!(queue.check(), Ok(()));
        for (visibility_s, retention_s, good) in
            [(0, 60, true), (43_200, 1_209_600, true), (43_201, 60, false), (0, 59, false), (0, 1_209_601, false)]
        {
            let queue = Queue { visibility_s, retention_s, ..queue.clone() };
            assert_eq!(queue.check().is_ok(), good, "{queue:?}");
        }
        for (resource, after, good) in [
            ("sqs:us-east-1:000000000000:d", 1, true),
            ("sqs:us-east-1:000000000000:d", 1_000, true),
            ("sqs:us-east-1:000000000000:d", 0, false),
            ("sqs:us-east-1:000000000000:d", 1_001, false),
            ("sqs:us-east-1:000000000000:q", 5, false),
            ("events:us-east-1:000000000000:event-bus/b", 5, false),
        ] {
            let to = Arn::parse("Arn", &format!("arn:aws:{resource}")).unwrap();
            let queue = Queue { redrive: Some(Redrive { to, after }), ..queue.clone() };
            assert_eq!(queue.check().is_ok(), good, "{queue:?}");
        }
    }
}
