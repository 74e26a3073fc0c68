//! Every bound of this room, each with its unit last in its name.

/// Frames or rows sealed under one sealer; then another one is drawn.
pub const SEALER_LIMIT_FRAMES: u64 = 1 << 32;
/// Payload of one frame; a Raft entry is no larger.
pub const PAYLOAD_LIMIT_BYTES: usize = 2 * 1024 * 1024;
/// Slots of one frame: its bus and the archives with a key of their own.
pub const FRAME_LIMIT_SLOTS: usize = 128;
/// Data keys held open at once; the least recently used one goes first and can be put back.
pub const DATA_KEYS_LIMIT_KEYS: usize = 16_384;
/// Subkeys of seen sealers kept for one data key.
pub const DATA_KEY_LIMIT_SUBKEYS: usize = 64;
/// Subkeys of seen sealers kept for the at-rest key; one is made at each start of a node, and rows live long.
pub const AT_REST_LIMIT_SUBKEYS: usize = 1_024;
/// A wrapped key, whatever its provider makes of it.
pub const WRAPPED_LIMIT_BYTES: usize = 8 * 1024;
/// The local `keys` file: its head and two wrapped keys.
pub const NODE_KEYS_LIMIT_BYTES: usize = 64 + 2 * WRAPPED_LIMIT_BYTES;
/// A session's token: as text it is a third longer, and stands in a header list of at most 16 KiB.
pub const SESSION_TOKEN_LIMIT_BYTES: usize = 6 * 1024;

// A counter fills the low 64 bits of a nonce, or 32 bits of a row's head: no sealer may outlive either.
const _: () = assert!(SEALER_LIMIT_FRAMES <= 1 << 32);
// The count of slots is one byte.
const _: () = assert!(FRAME_LIMIT_SLOTS <= u8::MAX as usize);
