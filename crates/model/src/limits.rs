//! How much of each noun there may be, with EventBridge's numbers; the unit stands last in each name.

use crate::fault::Fault;

/// Characters of a bus name.
pub const BUS_NAME_LIMIT_CHARS: usize = 256;
/// Characters of a rule, target, connection or API destination name.
pub const NAME_LIMIT_CHARS: usize = 64;
/// Characters of a queue name, as SQS has it.
pub const QUEUE_NAME_LIMIT_CHARS: usize = 80;
/// Characters of a zone's name.
pub const ZONE_NAME_LIMIT_CHARS: usize = 64;
/// Nodes of a cluster at one time, those that join and leave counted: each speaks with each.
pub const CLUSTER_NODES_LIMIT_COUNT: u32 = 64;
/// Join tokens that are open at one time.
pub const JOIN_TOKENS_LIMIT_COUNT: u32 = 64;
/// Shortest life of a join token.
pub const JOIN_TOKEN_LEAST_SECONDS: u32 = 60;
/// Longest life of a join token.
pub const JOIN_TOKEN_LIMIT_SECONDS: u32 = 86_400;
/// Characters of a node's address, `host:port`.
pub const NODE_ADDRESS_LIMIT_CHARS: usize = 261;
/// DNS names and addresses of one node's certificate.
pub const NODE_NAMES_LIMIT_COUNT: usize = 16;
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

/// Characters of a role's or user's name (`reference_iam-quotas`).
pub const PRINCIPAL_NAME_LIMIT_CHARS: usize = 64;
/// Characters of a managed or inline policy's name (`reference_iam-quotas`).
pub const POLICY_NAME_LIMIT_CHARS: usize = 128;
/// Characters of a path, its slashes counted (`reference_iam-quotas`).
pub const PATH_LIMIT_CHARS: usize = 512;
/// Characters of a role's, user's or policy's description (`API_CreateRole`, `API_CreatePolicy`).
pub const PRINCIPAL_DESCRIPTION_LIMIT_CHARS: usize = 1_000;
/// The least that a role's longest session may be (`API_CreateRole`).
pub const SESSION_LEAST_SECONDS: u32 = 3_600;
/// The most that a role's longest session may be (`API_CreateRole`).
pub const SESSION_LIMIT_SECONDS: u32 = 43_200;
/// Roles of an account (`reference_iam-quotas`).
pub const ACCOUNT_ROLES_LIMIT_COUNT: u32 = 1_000;
/// Users of an account (`reference_iam-quotas`).
pub const ACCOUNT_USERS_LIMIT_COUNT: u32 = 5_000;
/// Managed policies of an account (`reference_iam-quotas`).
pub const ACCOUNT_POLICIES_LIMIT_COUNT: u32 = 1_500;
/// Versions of a managed policy (`reference_iam-quotas`); organisations' policies have one in AWS, here as many.
pub const POLICY_VERSIONS_LIMIT_COUNT: usize = 5;
/// Managed policies attached to one role or user (`reference_iam-quotas`).
pub const PRINCIPAL_ATTACHED_LIMIT_COUNT: usize = 10;
/// Certificate identities of one user; ours: the old and the new name of a service while it moves, and some room.
pub const USER_IDENTITIES_LIMIT_COUNT: usize = 5;
/// Access keys of one user, in force or not (`reference_iam-quotas`).
pub const USER_ACCESS_KEYS_LIMIT_COUNT: u32 = 2;
/// Characters that an access key's id has at least (`API_UpdateAccessKey`).
pub const ACCESS_KEY_ID_LEAST_CHARS: usize = 16;
/// Characters of an access key's id (`API_UpdateAccessKey`).
pub const ACCESS_KEY_ID_LIMIT_CHARS: usize = 128;
/// Characters of a certificate identity: what SPIFFE allows an id at most (SPIFFE-ID, section 2.3).
pub const IDENTITY_LIMIT_CHARS: usize = 2_048;
/// Characters of a role's trust policy, white space not counted (`reference_iam-quotas`).
pub const TRUST_LIMIT_CHARS: usize = 2_048;
/// Characters of a managed identity policy, white space not counted (`reference_iam-quotas`).
pub const MANAGED_LIMIT_CHARS: usize = 6_144;
/// Characters of all inline policies of a role, white space not counted (`reference_iam-quotas`).
pub const ROLE_INLINE_LIMIT_CHARS: usize = 10_240;
/// Characters of all inline policies of a user, white space not counted (`reference_iam-quotas`).
pub const USER_INLINE_LIMIT_CHARS: usize = 2_048;
/// Characters of a service or resource control policy, white space counted (`orgs_reference_limits`).
pub const CONTROL_LIMIT_CHARS: usize = 5_120;
/// Characters of a bus's or queue's policy, white space counted (`eb-quota`).
pub const RESOURCE_POLICY_LIMIT_CHARS: usize = 10_240;
/// Bytes of a document as it was sent, and of all inline policies of a principal (`API_PutRolePolicy`).
pub const DOCUMENT_LIMIT_BYTES: usize = 131_072;

/// Accounts of an organisation. AWS begins with 10 and raises it to 10,000 (`orgs_reference_limits`); the cluster's row has counts
/// of each and is written with every command.
pub const ORGANIZATION_ACCOUNTS_LIMIT_COUNT: u32 = 1_000;
/// Organisational units of an organisation (`orgs_reference_limits`).
pub const ORGANIZATION_UNITS_LIMIT_COUNT: u32 = 2_000;
/// Policies of each type of an organisation (`orgs_reference_limits`).
pub const ORGANIZATION_POLICIES_LIMIT_COUNT: u32 = 1_000;
/// Units below each other, the root not counted (`orgs_reference_limits`).
pub const UNIT_LIMIT_DEPTH: u32 = 5;
/// Policies of each type attached to a root, unit or account (`orgs_reference_limits`).
pub const NODE_ATTACHED_LIMIT_COUNT: usize = 5;
/// Characters of a unit's name (`API_CreateOrganizationalUnit`).
pub const UNIT_NAME_LIMIT_CHARS: usize = 128;
/// Characters of an account's name (`API_CreateAccount`).
pub const ACCOUNT_NAME_LIMIT_CHARS: usize = 50;

/// Characters of an offending value that a fault repeats.
pub const FAULT_VALUE_LIMIT_CHARS: usize = 128;

const _: () = assert!(EVENT_AGE_LEAST_SECONDS < EVENT_AGE_LIMIT_SECONDS);
const _: () = assert!(VISIBILITY_DEFAULT_SECONDS <= VISIBILITY_LIMIT_SECONDS);
const _: () = assert!(RETENTION_LEAST_SECONDS <= RETENTION_DEFAULT_SECONDS);
const _: () = assert!(RETENTION_DEFAULT_SECONDS <= RETENTION_LIMIT_SECONDS);
const _: () = assert!(SESSION_LEAST_SECONDS < SESSION_LIMIT_SECONDS);
const _: () = assert!(ACCESS_KEY_ID_LEAST_CHARS < ACCESS_KEY_ID_LIMIT_CHARS);
const _: () = assert!(ROLE_INLINE_LIMIT_CHARS <= DOCUMENT_LIMIT_BYTES);
const _: () = assert!(RESOURCE_POLICY_LIMIT_CHARS <= DOCUMENT_LIMIT_BYTES);
// A node is born with one policy of each type and must keep one.
const _: () = assert!(NODE_ATTACHED_LIMIT_COUNT > 1);

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
