//! Every limit of this room, with its unit last in its name.

/// Longest SPIFFE ID accepted, as the SPIFFE ID standard (section 2.3) sets it.
pub const SPIFFE_ID_MAX_BYTES: usize = 2_048;
/// Longest trust domain accepted, as the SPIFFE ID standard (section 2.1) sets it.
pub const TRUST_DOMAIN_MAX_BYTES: usize = 255;
/// Largest PEM file read: a revocation list of about 100,000 entries fits.
pub const PEM_FILE_MAX_BYTES: u64 = 8 * 1_024 * 1_024;
/// The only permission bits that a private key's file may have.
pub const KEY_FILE_MAX_MODE_BITS: u32 = 0o600;

/// Longest DNS name, RFC 1035.
pub const DNS_NAME_MAX_BYTES: usize = 253;
/// Longest label of one.
pub const DNS_LABEL_MAX_BYTES: usize = 63;
/// Files that were refused and have not changed are read again after so many looks.
pub const REFUSED_LOOKS_COUNT: u32 = 10;
/// Longest request for a certificate, as PEM.
pub const REQUEST_MAX_BYTES: usize = 8 * 1_024;
/// Longest text of a join token: all members with the longest names fit.
pub const TOKEN_MAX_CHARS: usize = 8 * 1_024;
/// Longest id of a join token.
pub const TOKEN_ID_MAX_BYTES: usize = 64;
/// Most members that a join token names.
pub const TOKEN_MEMBERS_MAX_COUNT: usize = 16;
/// Longest address of a peer, `host:port`.
pub const ADDRESS_MAX_BYTES: usize = 255;

const _: () = assert!(TOKEN_MEMBERS_MAX_COUNT * (ADDRESS_MAX_BYTES + 1) * 4 / 3 + 512 < TOKEN_MAX_CHARS);
// A length is one byte.
const _: () = assert!(TOKEN_ID_MAX_BYTES <= ADDRESS_MAX_BYTES && ADDRESS_MAX_BYTES < 256);
const _: () = assert!(TRUST_DOMAIN_MAX_BYTES < SPIFFE_ID_MAX_BYTES);
