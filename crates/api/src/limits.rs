//! The limits of the contract's wire and of the client, each with its unit last in its name.

/// Largest message that either side takes.
pub const MESSAGE_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Longest reason of the catalogue, by AIP-193.
pub const REASON_MAX_CHARS: usize = 63;
/// Most field violations, and most quota violations, in one status.
pub const VIOLATIONS_MAX_COUNT: usize = 10;
/// Most metadata pairs of a refusal in one status.
pub const METADATA_MAX_COUNT: usize = 16;
/// Longest text of one detail; the rest is cut off.
pub const DETAIL_TEXT_MAX_BYTES: usize = 256;
/// Longest message of a status; the rest is cut off.
pub const MESSAGE_TEXT_MAX_BYTES: usize = 512;
/// Most text in the details of one status. They travel in a trailer in base64, beside the message in percent-encoding,
/// and some gRPC libraries take 8 KiB of metadata.
pub const DETAILS_TEXT_MAX_BYTES: usize = 4_800;
/// Most metadata that a status may make.
pub const STATUS_MAX_BYTES: usize = 8 * 1024;

/// Longest time to open a connection.
pub const CONNECT_MAX_MS: u64 = 5_000;
/// Deadline of one attempt unless the caller says otherwise.
pub const ATTEMPT_DEADLINE_MS: u64 = 10_000;
/// Deadline of a call with all its attempts unless the caller says otherwise.
pub const CALL_DEADLINE_MS: u64 = 30_000;
/// Longest deadline of one attempt that a caller may ask for.
pub const ATTEMPT_DEADLINE_MAX_MS: u64 = 60_000;
/// Silence after which the client asks whether the connection is alive.
pub const KEEPALIVE_INTERVAL_MS: u64 = 20_000;
/// Longest wait for the answer to that.
pub const KEEPALIVE_TIMEOUT_MS: u64 = 10_000;

/// Longest time to connect to one of several nodes before the next one is asked.
pub const ENDPOINT_CONNECT_MAX_MS: u64 = 1_000;
/// How long one of several nodes is left alone after it failed; it doubles from there.
pub const ENDPOINT_REST_FIRST_MS: u64 = 250;
/// Longest time that the doubling reaches.
pub const ENDPOINT_REST_MAX_MS: u64 = 4_000;

/// Attempts of one call, the first included.
pub const ATTEMPTS_MAX_COUNT: u32 = 4;
/// Longest wait before the second attempt; it doubles from there.
pub const BACKOFF_FIRST_MS: u64 = 100;
/// Longest wait that the doubling reaches.
pub const BACKOFF_MAX_MS: u64 = 5_000;
/// Longest wait that a server may ask for; a longer one ends the call.
pub const RETRY_AFTER_MAX_MS: u64 = 20_000;
/// Most messages that may be outstanding on one stream of Subscribe.
pub const SUBSCRIBE_CREDITS_MAX_COUNT: u32 = 1_000;
/// Most acks, nacks and extends of a client's stream that wait for their answer; one more waits until one is answered.
pub const SUBSCRIBE_UNANSWERED_MAX_COUNT: usize = 256;

const _: () = assert!(ATTEMPT_DEADLINE_MS <= CALL_DEADLINE_MS);
const _: () = assert!(ATTEMPT_DEADLINE_MS <= ATTEMPT_DEADLINE_MAX_MS);
const _: () = assert!(ENDPOINT_CONNECT_MAX_MS <= CONNECT_MAX_MS && ENDPOINT_REST_FIRST_MS <= ENDPOINT_REST_MAX_MS);
const _: () = assert!(BACKOFF_FIRST_MS <= BACKOFF_MAX_MS && BACKOFF_MAX_MS <= RETRY_AFTER_MAX_MS);
const _: () = assert!(RETRY_AFTER_MAX_MS < CALL_DEADLINE_MS);
// A status's longest message, which travels twice, and its request id always fit its room.
const _: () = assert!(2 * MESSAGE_TEXT_MAX_BYTES + 2 * DETAIL_TEXT_MAX_BYTES < DETAILS_TEXT_MAX_BYTES);
