//! Limits of the transport between nodes, each with its unit last in its name.

/// Largest message: what the contract allows, and what the wire adds to it.
pub const MESSAGE_LIMIT_BYTES: usize = 8 * 1_048_576 + 65_536;
/// Largest request of a node that joins.
pub const JOIN_MESSAGE_LIMIT_BYTES: usize = 65_536;
/// Time for a TCP connection to a peer.
pub const CONNECT_LIMIT_MS: u64 = 2_000;
/// Time for a TLS handshake, in either direction.
pub const HANDSHAKE_LIMIT_MS: u64 = 5_000;
/// Connections of the listener at once, those in their handshake among them; more are closed.
pub const LISTENER_LIMIT_CONNECTIONS: usize = 256;
/// Connections of one node at once. It needs two; a node that was cut off comes again before its old ones are found dead.
pub const NODE_LIMIT_CONNECTIONS: usize = 8;
/// Handshakes at once, so that strangers cannot take all places.
pub const LISTENER_LIMIT_HANDSHAKES: usize = 64;
/// Handshakes of one address at once.
pub const ADDRESS_LIMIT_HANDSHAKES: usize = 16;
/// Connections of nodes that join at once: whoever makes one has shown nothing yet.
pub const JOIN_LIMIT_CONNECTIONS: usize = 4;
/// So many of them may come at once after a while without any,
pub const JOIN_BURST_LIMIT_CONNECTIONS: u64 = 8;
/// and then one in so long.
pub const JOIN_INTERVAL_MS: u64 = 1_000;
/// A node that joins is done within this, or cut.
pub const JOIN_AGE_LIMIT_MS: u64 = 30_000;
/// Bytes that such a connection may send ahead of what is read.
pub const JOIN_WINDOW_BYTES: u32 = 65_536;
/// What a node has open that is removed is cut after this: as long as most of what it sent on for its callers takes.
pub const REMOVED_GRACE_MS: u64 = 3_000;
/// A connection that it makes later lives for so long: enough to be told,
pub const REMOVED_AGE_LIMIT_MS: u64 = 2_000;
/// by so many calls at once.
pub const REMOVED_LIMIT_STREAMS: u32 = 16;
/// Calls on one connection at once: each group appends in one, and members ask each other much.
pub const CONNECTION_LIMIT_STREAMS: u32 = 1_024;
/// Calls that go out to one peer at once, streams aside, which are one for each group.
pub const LINK_LIMIT_CALLS: usize = 512;
/// Bytes that one connection may send ahead of what is read.
pub const CONNECTION_WINDOW_BYTES: u32 = 8 * 1_048_576;
/// Bytes that one call may send ahead of what is read: so little that many calls which are not read leave the connection to others.
pub const STREAM_WINDOW_BYTES: u32 = 262_144;
/// Bytes of one call that wait to be sent.
pub const SEND_BUFFER_BYTES: usize = 1_048_576;
/// Bytes of one call's header list.
pub const HEADERS_LIMIT_BYTES: u32 = 16 * 1_024;
/// Calls that were reset before they were looked at; one more ends the connection (CVE-2023-44487). Peers cancel whole groups' calls.
pub const CONNECTION_LIMIT_RESETS_PENDING: usize = 512;
/// Calls that this side reset for what the other sent on them; one more ends the connection (CVE-2025-8671).
pub const CONNECTION_LIMIT_RESETS_LOCAL: usize = 1_024;
/// A connection that is silent is asked whether it lives,
pub const KEEPALIVE_INTERVAL_MS: u64 = 1_000;
/// and is dead if it does not answer.
pub const KEEPALIVE_LIMIT_MS: u64 = 3_000;
/// Each connection's certificate and membership are looked at so often.
pub const LOOK_INTERVAL_MS: u64 = 1_000;
/// Time for the calls of a connection once the node stops.
pub const STOP_LIMIT_MS: u64 = 1_000;
/// A wait after a refused accept, so that a lack of file descriptors is not answered by a busy loop.
pub const ACCEPT_PAUSE_MS: u64 = 100;
/// First pause before a peer is called again; it doubles from there.
pub const BACKOFF_FIRST_MS: u64 = 50;
/// Longest pause that the doubling reaches.
pub const BACKOFF_LIMIT_MS: u64 = 1_000;
/// How long a call waits for a connection to a peer that has not failed.
pub const FIRST_WAIT_LIMIT_MS: u64 = 1_000;
/// A connection that lived for less has failed, as one that was never made.
pub const STEADY_MS: u64 = 1_000;
/// Snapshots to one peer, or from one, at once.
pub const PEER_LIMIT_SNAPSHOTS: usize = 1;
/// Snapshots in one direction at once.
pub const NODE_LIMIT_SNAPSHOTS: usize = 2;
/// Bytes of a reason that is told to a peer.
pub const REASON_LIMIT_BYTES: usize = 512;
/// Time of a whole attempt to join by one member.
pub const JOIN_CALL_LIMIT_MS: u64 = 20_000;

const _: () = assert!(crate::limits::ENTRY_LIMIT_BYTES < MESSAGE_LIMIT_BYTES);
const _: () = assert!(NODE_LIMIT_CONNECTIONS >= 2 && NODE_LIMIT_CONNECTIONS < LISTENER_LIMIT_CONNECTIONS);
const _: () = assert!(LISTENER_LIMIT_HANDSHAKES < LISTENER_LIMIT_CONNECTIONS);
const _: () = assert!(ADDRESS_LIMIT_HANDSHAKES < LISTENER_LIMIT_HANDSHAKES);
// Sixteen groups that nobody reads take half of a connection.
const _: () = assert!(32 * STREAM_WINDOW_BYTES <= CONNECTION_WINDOW_BYTES);
const _: () = assert!(BACKOFF_FIRST_MS <= BACKOFF_LIMIT_MS && JOIN_CALL_LIMIT_MS < JOIN_AGE_LIMIT_MS);
