//! How much of each noun there may be, with EventBridge's numbers; the unit stands last in each name.

use crate::fault::Fault;

/// Characters of a bus name.
pub const BUS_NAME_LIMIT_CHARS: usize = 256;
/// Characters of a rule, target, connection or API destination name.
pub const NAME_LIMIT_CHARS: usize = 64;
/// Characters of a queue name, as SQS has it.
pub const QUEUE_NAME_LIMIT_CHARS: usize = 80;
/// Characters of a description.
pub const DESCRIPTION_LIMIT_CHARS: usize = 512;
/// Characters of an ARN.
pub const ARN_LIMIT_CHARS: usize = 1_600;
/// Characters of an event pattern that the API takes at all; [`Quotas::pattern_chars`] is the adjustable one below it.
pub const PATTERN_LIMIT_CHARS: usize = 4_096;
/// Tags of one bus or rule.
pub const TAGS_LIMIT_COUNT: usize = 50;
/// Characters of a tag's key.
pub const TAG_KEY_LIMIT_CHARS: usize = 128;
/// Characters of a tag's value.
pub const TAG_VALUE_LIMIT_CHARS: usize = 256;
/// What the quota of targets of a rule may be set to at most: each matched event looks at all of them.
pub const RULE_TARGETS_LIMIT_COUNT: u32 = 100;
/// What a quota may be set to at most: each row costs memory on each node.
pub const QUOTA_LIMIT_COUNT: u32 = 1_000_000;
/// Receives of a message before it goes to another queue.
pub const RECEIVES_LIMIT_COUNT: u32 = 1_000;
/// Characters of a schedule expression.
pub const SCHEDULE_LIMIT_CHARS: usize = 256;
/// Characters of a key's identifier.
pub const KEY_IDENTIFIER_LIMIT_CHARS: usize = 2_048;
/// Characters of a constant input or of an input template.
pub const INPUT_LIMIT_CHARS: usize = 8_192;
/// Characters of an input path.
pub const INPUT_PATH_LIMIT_CHARS: usize = 256;
/// Paths of one input transformer.
pub const INPUT_PATHS_LIMIT_PATHS: usize = 100;
/// Path values, headers or query parameters of one target or connection, each.
pub const HTTP_PARAMETERS_LIMIT_PARAMETERS: usize = 100;
/// Signing secrets of a connection: the one in force and the one before or after it.
pub const SIGNING_SECRETS_LIMIT_SECRETS: usize = 2;
/// Characters of a signing secret behind its prefix: base64 of 24 bytes.
pub const SIGNING_SECRET_LEAST_CHARS: usize = 32;
/// Characters of a signing secret behind its prefix: base64 of 64 bytes.
pub const SIGNING_SECRET_LIMIT_CHARS: usize = 88;
/// Characters of an API destination's endpoint.
pub const ENDPOINT_LIMIT_CHARS: usize = 2_048;
/// Calls a second to an API destination that does not say.
pub const DESTINATION_RATE_DEFAULT_PER_SECOND: u32 = 300;

/// The most retries of one delivery.
pub const RETRY_ATTEMPTS_LIMIT_ATTEMPTS: u32 = 185;
/// The least time for which a delivery is tried.
pub const EVENT_AGE_LEAST_SECONDS: u32 = 60;
/// The longest time for which a delivery is tried.
pub const EVENT_AGE_LIMIT_SECONDS: u32 = 86_400;

/// Entries of one PutEvents call.
pub const PUT_EVENTS_LIMIT_ENTRIES: usize = 10;
/// What the size of all entries of one PutEvents call together stays below, by EventBridge's formula.
pub const PUT_EVENTS_LIMIT_BYTES: usize = 1_048_576;
/// What an entry's time counts for in its size.
pub const ENTRY_TIME_BYTES: usize = 14;
/// Characters of a detail type.
pub const DETAIL_TYPE_LIMIT_CHARS: usize = 128;
/// Characters of one resource of an entry.
pub const RESOURCE_LIMIT_CHARS: usize = 2_048;
/// Characters of a trace header.
pub const TRACE_HEADER_LIMIT_CHARS: usize = 500;

/// Entries of one PutTargets or RemoveTargets call.
pub const TARGETS_CALL_LIMIT_ENTRIES: usize = 10;

/// The longest time for which a received message is hidden.
pub const VISIBILITY_LIMIT_SECONDS: u32 = 43_200;
/// For how long a received message is hidden by default.
pub const VISIBILITY_DEFAULT_SECONDS: u32 = 30;
/// The least time for which a queue keeps a message.
pub const RETENTION_LEAST_SECONDS: u32 = 60;
/// The longest time for which a queue keeps a message.
pub const RETENTION_LIMIT_SECONDS: u32 = 1_209_600;
/// For how long a queue keeps a message by default.
pub const RETENTION_DEFAULT_SECONDS: u32 = 345_600;

/// Characters of an offending value that a fault repeats.
pub const FAULT_VALUE_LIMIT_CHARS: usize = 128;

const _: () = assert!(EVENT_AGE_LEAST_SECONDS < EVENT_AGE_LIMIT_SECONDS);
const _: () = assert!(VISIBILITY_DEFAULT_SECONDS <= VISIBILITY_LIMIT_SECONDS);
const _: () = assert!(RETENTION_LEAST_SECONDS <= RETENTION_DEFAULT_SECONDS);
const _: () = assert!(RETENTION_DEFAULT_SECONDS <= RETENTION_LIMIT_SECONDS);

/// The adjustable quotas, agreed on at `init` and changed by operators; the default is EventBridge's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Buses of an account, the default one counted.
    pub account_buses: u32,
    /// Rules of a bus.
    pub bus_rules: u32,
    /// Targets of a rule.
    pub rule_targets: u32,
    /// Connections of an account.
    pub account_connections: u32,
    /// API destinations of an account.
    pub account_destinations: u32,
    /// Built-in queues of an account (SQS has no such quota; every row here costs memory on each node).
    pub account_queues: u32,
    /// Characters of an event pattern, at most [`PATTERN_LIMIT_CHARS`].
    pub pattern_chars: u32,
}

impl Quotas {
    /// Checks that each lets something in, and not too much.
    ///
    /// # Errors
    /// [`Fault::Invalid`].
    pub fn check(&self) -> Result<(), Fault> {
        let pattern_chars = u32::try_from(PATTERN_LIMIT_CHARS).unwrap_or(u32::MAX);
        for (field, value, most) in [
            ("EventBusesPerAccount", self.account_buses, QUOTA_LIMIT_COUNT),
            ("RulesPerEventBus", self.bus_rules, QUOTA_LIMIT_COUNT),
            ("TargetsPerRule", self.rule_targets, RULE_TARGETS_LIMIT_COUNT),
            ("ConnectionsPerAccount", self.account_connections, QUOTA_LIMIT_COUNT),
            ("ApiDestinationsPerAccount", self.account_destinations, QUOTA_LIMIT_COUNT),
            ("QueuesPerAccount", self.account_queues, QUOTA_LIMIT_COUNT),
            ("EventPatternCharacters", self.pattern_chars, pattern_chars),
        ] {
            if value == 0 || value > most {
                return Err(Fault::invalid(field, format!("it must be 1 to {most}"), &value.to_string()));
            }
        }
        Ok(())
    }
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            account_buses: 100,
            bus_rules: 300,
            rule_targets: 5,
            account_connections: 3_000,
            account_destinations: 3_000,
            account_queues: 10_000,
            pattern_chars: 2_048,
        }
    }
}
