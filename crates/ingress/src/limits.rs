//! Bounds of this room, each with its unit last in its name.

use bascule_api::limits::{ATTEMPT_DEADLINE_MAX_MS, SUBSCRIBE_CREDITS_MAX_COUNT};

/// Time for a TLS handshake.
pub const HANDSHAKE_LIMIT_MS: u64 = 5_000;
/// Handshakes of one address at once.
pub const ADDRESS_LIMIT_HANDSHAKES: usize = 256;
/// All connections are looked at so often: who is known no more is cut within this and a reload's time.
pub const LOOK_INTERVAL_MS: u64 = 1_000;
/// After so many connections the look lets others work.
pub const LOOKS_TURN_LIMIT_CONNECTIONS: usize = 32;
/// Time for a preface, a header block, or any frame that carries no message.
pub const UNFINISHED_LIMIT_MS: u64 = 10_000;
/// Frames of one connection that ask for nothing: settings, pings, resets and the like. Some clients send a ping for each message,
pub const EMPTY_FRAMES_LIMIT_COUNT: u32 = 20_000;
/// within so long.
pub const EMPTY_FRAMES_WINDOW_MS: u64 = 10_000;
/// A connection is retired this much before its certificate ends,
pub const RETIRE_EARLY_LIMIT_MS: u64 = 60_000;
/// or this part of what the certificate had left at the handshake, if that is less.
pub const RETIRE_EARLY_PART: u64 = 4;
/// Connections retire at their greatest age less up to this part of it, so that they do not all come again at once.
pub const RETIRE_SPREAD_PART: u64 = 10;
/// Time for the calls of a connection that retires; then it is cut.
pub const RETIRE_GRACE_MS: u64 = 65_000;
/// Time for a call to be there with its message, where it has no deadline.
pub const ARRIVAL_LIMIT_MS: u64 = 65_000;
/// Calls on one connection at once.
pub const CONNECTION_LIMIT_STREAMS: u32 = 128;
/// Calls that were reset before they were looked at; one more ends the connection (CVE-2023-44487).
pub const CONNECTION_LIMIT_RESETS_PENDING: usize = 20;
/// Calls that this side reset for what the client sent on them; one more ends the connection (CVE-2025-8671).
pub const CONNECTION_LIMIT_RESETS_LOCAL: usize = 1_024;
/// Bytes of one call's header list.
pub const HEADERS_LIMIT_BYTES: u32 = 16 * 1_024;
/// Bytes that one connection may send ahead of what is read.
pub const CONNECTION_WINDOW_BYTES: u32 = 8 * 1_024 * 1_024;
/// Bytes that one call may send ahead of what is read.
pub const STREAM_WINDOW_BYTES: u32 = 1_024 * 1_024;
/// A connection that is silent is asked whether it lives.
pub const KEEPALIVE_INTERVAL_MS: u64 = 20_000;
/// And cut when it does not answer.
pub const KEEPALIVE_LIMIT_MS: u64 = 10_000;
/// A wait after a refused accept, so that a lack of file descriptors is not answered by a busy loop.
pub const ACCEPT_PAUSE_MS: u64 = 100;
/// Items of one page.
pub const PAGE_LIMIT_ITEMS: usize = 100;
/// Characters of a page token.
pub const PAGE_TOKEN_LIMIT_CHARS: usize = 2_048;
/// Characters of a request id.
pub const REQUEST_ID_LIMIT_CHARS: usize = 64;
/// For how long after its making a repeated request shows an access key's secret: as long as the contract calls it idempotent.
pub const SECRET_SHOWN_AGAIN_LIMIT_MS: u64 = 600_000;
/// Characters of an event that TestEventPattern takes: EventBridge's entry limit.
pub const TEST_EVENT_LIMIT_BYTES: usize = 1_048_576;
/// Characters of an event pattern on the wire, as model's `PATTERN_LIMIT_CHARS`.
pub const PATTERN_LIMIT_BYTES: usize = 4 * 4_096;
/// Longest wait of a receive.
pub const RECEIVE_WAIT_LIMIT_SECONDS: u32 = 20;
/// A pause of a receive that waits, after a group had something visible and gave nothing.
pub const RECEIVE_PAUSE_MS: u64 = 100;
/// Messages of one receive.
pub const RECEIVE_LIMIT_MESSAGES: u32 = 10;
/// Receipts of one deletion.
pub const DELETE_LIMIT_RECEIPTS: usize = 10;
/// Characters of a receipt handle.
pub const RECEIPT_LIMIT_CHARS: usize = 1_024;
/// Bytes of the messages in one answer.
pub const RECEIVE_LIMIT_BYTES: usize = 3 * 1_024 * 1_024;
/// Bytes of the events in one page of dead letters.
pub const LETTERS_LIMIT_BYTES: usize = 3 * 1_024 * 1_024;
/// How long a caller is asked to wait when too much waits already.
pub const BUSY_RETRY_MS: u64 = 250;
/// Streams of one connection, below its streams of all kinds.
pub const CONNECTION_LIMIT_SUBSCRIPTIONS: usize = 64;
/// Streams of one node.
pub const NODE_LIMIT_SUBSCRIPTIONS: usize = 1_024;
/// How long a client is asked to wait before it opens a stream again: a node that stops needs a moment to start.
pub const STREAM_RETRY_MS: u64 = 1_000;
/// Streams are looked at so often, for those whose client does not read.
pub const STALL_LOOK_INTERVAL_MS: u64 = 1_000;
/// A stream that nobody asks for an answer for so long stalls: its client's windows are full.
pub const STALLED_LIMIT_MS: u64 = 300_000;
/// The same once the node is about to stop.
pub const STALLED_DRAINING_LIMIT_MS: u64 = 3_000;
/// Time for the first request of a stream.
pub const SUBSCRIBE_START_LIMIT_MS: u64 = 10_000;
/// Messages that may be outstanding on one stream.
pub const SUBSCRIBE_LIMIT_CREDITS: u32 = SUBSCRIBE_CREDITS_MAX_COUNT;
/// Receipts of one request on a stream.
pub const SUBSCRIBE_LIMIT_RECEIPTS: usize = 100;
/// A stream that waits looks around so often, whatever it hears: at its caller, its queue, its leaders.
pub const SUBSCRIBE_LOOK_INTERVAL_MS: u64 = 10_000;
/// First pause of a stream after messages could not be asked for; it doubles from there.
pub const SUBSCRIBE_PAUSE_FIRST_MS: u64 = 250;
/// Longest pause that the doubling reaches.
pub const SUBSCRIBE_PAUSE_LIMIT_MS: u64 = 4_000;
/// Messages that could not be opened come again after this.
pub const SUBSCRIBE_GIVEN_BACK_MS: u64 = 4_000;
/// Events that a tail shows in a second, unless its caller says otherwise.
pub const TAIL_DEFAULT_RATE_EVENTS: u32 = 100;
/// Events that a tail shows in a second at most.
pub const TAIL_LIMIT_RATE_EVENTS: u32 = 1_000;
/// A tail says at most so often what it did not show.
pub const TAIL_SKIPPED_INTERVAL_MS: u64 = 1_000;
/// A tail lets others work after it has looked at so much without showing any of it.
pub const TAIL_TURN_LIMIT_BYTES: usize = 64 * 1_024;
/// A tail that waits looks around so often: at its caller and its bus.
pub const TAIL_LOOK_INTERVAL_MS: u64 = 10_000;

/// So often a change is decided and proposed before its caller is told that what decides keeps changing.
pub const CONFLICTS_LIMIT_COUNT: u32 = 3;

/// So far ahead of this node's clock a session may begin: as much as clocks of one cluster may differ, and then some.
pub const SESSION_AHEAD_LIMIT_MS: u64 = 300_000;
/// Seconds of a session (`API_AssumeRole`).
pub const SESSION_MIN_SECONDS: u32 = 900;
/// Seconds of the longest session (`API_AssumeRole`).
pub const SESSION_LIMIT_SECONDS: u32 = 43_200;
/// Characters of a session's name, and of a source identity.
pub const SESSION_NAME_LIMIT_CHARS: usize = 64;
/// Characters of an external id.
pub const EXTERNAL_ID_LIMIT_CHARS: usize = 1_224;
/// Actions that one simulation decides.
pub const SIMULATION_LIMIT_ACTIONS: usize = 32;
/// Resources that each of them is decided on.
pub const SIMULATION_LIMIT_RESOURCES: usize = 32;
/// Decisions of one simulation. Each takes a bounded number of steps, some milliseconds at most.
pub const SIMULATION_LIMIT_DECISIONS: usize = 64;
/// Simulations at once.
pub const SIMULATIONS_LIMIT_COUNT: usize = 1;
/// Keys that a simulation is given.
pub const SIMULATION_LIMIT_KEYS: usize = 64;
/// Values of one of them.
pub const SIMULATION_LIMIT_VALUES: usize = 64;
/// Policies that a simulation is given.
pub const SIMULATION_LIMIT_POLICIES: usize = 8;
/// Statements that all results of one simulation show.
pub const SIMULATION_LIMIT_STATEMENTS: usize = 2_048;
/// Seconds of a session that says nothing else.
pub const SESSION_DEFAULT_SECONDS: u32 = 3_600;
/// Seconds of a session that was assumed from a session.
pub const SESSION_CHAINED_LIMIT_SECONDS: u32 = 3_600;

/// Identities, or buses, whose rate is known at once; one that has not called for a second is forgotten.
pub const RATES_LIMIT_KEYS: usize = 65_536;

/// Characters of a statement id that the shorthand takes (`API_PutPermission`).
pub const STATEMENT_ID_LIMIT_CHARS: usize = 64;

/// Characters of a name that a decision looks at, before anybody has said that it can be one. No name has more.
pub const NAME_TEXT_LIMIT_CHARS: usize = 256;

/// Characters of a join token's id.
pub const JOIN_TOKEN_ID_LIMIT_CHARS: usize = 64;
/// Members that a join token names: enough that some are up when it is used.
pub const JOIN_TOKEN_MEMBERS_LIMIT_COUNT: usize = 16;

// Whatever waits is polled more often.
const _: () =
    assert!(TAIL_LOOK_INTERVAL_MS * 3 < STALLED_LIMIT_MS && SUBSCRIBE_LOOK_INTERVAL_MS * 3 < STALLED_LIMIT_MS);
// Calls have deadlines of up to a minute: none is cut by a retirement or its arrival.
const _: () = assert!(RETIRE_GRACE_MS > ATTEMPT_DEADLINE_MAX_MS && ARRIVAL_LIMIT_MS > ATTEMPT_DEADLINE_MAX_MS);
const _: () = assert!(CONNECTION_LIMIT_SUBSCRIPTIONS < CONNECTION_LIMIT_STREAMS as usize);
const _: () = assert!(CONNECTION_LIMIT_SUBSCRIPTIONS < NODE_LIMIT_SUBSCRIPTIONS);
const _: () = assert!(NAME_TEXT_LIMIT_CHARS >= bascule_model::limits::BUS_NAME_LIMIT_CHARS);
const _: () = assert!(RECEIVE_LIMIT_MESSAGES <= SUBSCRIBE_LIMIT_CREDITS);
const _: () = assert!(SUBSCRIBE_PAUSE_FIRST_MS <= SUBSCRIBE_PAUSE_LIMIT_MS);
