//! Limits of this room. Where AWS documents one, its page stands beside it; the others are ours.

use crate::statement::Kind;

/// A managed identity policy, and so a boundary: `reference_iam-quotas`. White space does not count.
pub const MANAGED_LIMIT_CHARS: usize = 6_144;
/// All inline policies of a user together: `reference_iam-quotas`.
pub const INLINE_USER_LIMIT_CHARS: usize = 2_048;
/// All inline policies of a group together: `reference_iam-quotas`.
pub const INLINE_GROUP_LIMIT_CHARS: usize = 5_120;
/// All inline policies of a role together: `reference_iam-quotas`.
pub const INLINE_ROLE_LIMIT_CHARS: usize = 10_240;
/// A role's trust policy: `reference_iam-quotas`.
pub const TRUST_LIMIT_CHARS: usize = 2_048;
/// A session policy: `API_AssumeRole`.
pub const SESSION_LIMIT_CHARS: usize = 2_048;
/// A service or resource control policy; here white space counts: `orgs_reference_limits`, `orgs_manage_policies_scps_syntax`.
pub const CONTROL_LIMIT_CHARS: usize = 5_120;
/// A bus policy: `eb-quota`. Other resources share it.
pub const RESOURCE_LIMIT_CHARS: usize = 10_240;
/// Any document as it is sent, white space included. A raised limit of characters cannot pass it.
pub const DOCUMENT_LIMIT_BYTES: usize = 1_048_576;
/// Statements of one policy.
pub const STATEMENTS_LIMIT_COUNT: usize = 4_096;
/// Objects and arrays inside each other. The deepest policy has six.
pub const DOCUMENT_LIMIT_DEPTH: usize = 8;
/// One string of a policy.
pub const TEXT_LIMIT_BYTES: usize = 2_048;
/// Variables of one string.
pub const VARIABLES_LIMIT_COUNT: usize = 8;
/// Longest value of a request that wildcards are tried on. A longer one cannot be evaluated.
pub const WILDCARD_VALUE_LIMIT_BYTES: usize = 2_048;
/// Steps of one decision: enough for any one pattern on any one value. What is not tried then is unclear.
pub const DECISION_LIMIT_STEPS: usize = 1_200_000;
/// Name of a condition key.
pub const KEY_LIMIT_CHARS: usize = 256;
/// A statement id. The user guides have some of 70; the shorthand of `API_PutPermission` takes 64.
pub const SID_LIMIT_CHARS: usize = 128;
/// Longest value that a refusal repeats.
pub const REPEATED_VALUE_MAX_CHARS: usize = 96;

const _: () = assert!(WILDCARD_VALUE_LIMIT_BYTES >= 1_600, "an ARN has up to 1,600 characters");
// A pattern of half the value's length is tried most often: at each of the other places, each time nearly to its end.
const _: () = assert!(DECISION_LIMIT_STEPS > WILDCARD_VALUE_LIMIT_BYTES / 2 * (WILDCARD_VALUE_LIMIT_BYTES / 2 + 64));
const _: () = assert!(RESOURCE_LIMIT_CHARS <= DOCUMENT_LIMIT_BYTES);

/// Characters that a document of `kind` may have where no quota was raised.
#[must_use]
pub const fn document_limit_chars(kind: Kind) -> usize {
    match kind {
        Kind::Identity | Kind::Boundary => MANAGED_LIMIT_CHARS,
        Kind::Resource => RESOURCE_LIMIT_CHARS,
        Kind::Trust => TRUST_LIMIT_CHARS,
        Kind::Scp | Kind::Rcp => CONTROL_LIMIT_CHARS,
        Kind::Session => SESSION_LIMIT_CHARS,
    }
}
