//! Every limit of this room, with its unit last in its name.

/// Longest SPIFFE ID accepted, as the SPIFFE ID standard (section 2.3) sets it.
pub const SPIFFE_ID_MAX_BYTES: usize = 2_048;
/// Longest trust domain accepted, as the SPIFFE ID standard (section 2.1) sets it.
pub const TRUST_DOMAIN_MAX_BYTES: usize = 255;
/// Largest PEM file read: a revocation list of about 100,000 entries fits.
pub const PEM_FILE_MAX_BYTES: u64 = 8 * 1_024 * 1_024;
/// The only permission bits that a private key's file may have.
pub const KEY_FILE_MAX_MODE_BITS: u32 = 0o600;

const _: () = assert!(TRUST_DOMAIN_MAX_BYTES < SPIFFE_ID_MAX_BYTES);
