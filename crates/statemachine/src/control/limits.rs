//! Bounds of the control machine that no quota moves.

/// For how long a request's first answer is kept, control time.
pub const REQUEST_KEPT_MS: u64 = 86_400_000;
/// How many answers that are over age one command takes away. More than one, so that the table shrinks.
pub const REQUESTS_SWEPT_LIMIT_ROWS: usize = 64;

/// How far a due time that fired may lie ahead of group time.
pub const FIRED_AHEAD_LIMIT_MS: u64 = 2_000;

/// How far ahead of group time the end of a role's revoked sessions may lie: as much as clocks may differ at the edge. What is
/// revoked never comes back, so that a wrong clock must not silence a role for years.
pub const REVOKED_AHEAD_LIMIT_MS: u64 = 300_000;

/// Accounts whose epochs a permit names: the caller's, the resource's, and a third's that a role or target belongs to.
pub const PERMIT_ACCOUNTS_LIMIT_COUNT: usize = 3;

/// Voters of a group, once there are nodes for them.
pub const VOTERS_LEAST_COUNT: usize = 3;
/// Characters of a node's build.
pub const BUILD_LIMIT_CHARS: usize = 128;
/// Bytes of a certificate's serial number (RFC 5280, 4.1.2.2).
pub const SERIAL_LIMIT_BYTES: usize = 20;
/// Characters of a join token's id.
pub const JOIN_TOKEN_ID_LIMIT_CHARS: usize = 64;

const _: () = assert!(REQUESTS_SWEPT_LIMIT_ROWS > 1);
