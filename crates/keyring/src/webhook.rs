//! Signatures of delivered webhooks, as Standard Webhooks has them (<https://www.standardwebhooks.com/>).

use crate::cipher;

/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 32;

/// HMAC-SHA-256 under a receiver's secret over `id.timestamp.body`; `timestamp` is in seconds since the Unix epoch.
#[must_use]
pub fn sign(secret: &[u8], id: &str, timestamp: u64, body: &[u8]) -> [u8; SIGNATURE_BYTES] {
    cipher::hmac_sha256(secret, &[id.as_bytes(), b".", timestamp.to_string().as_bytes(), b".", body])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Made with `openssl dgst -sha256 -hmac key`, so by other code than ours.
    #[test]
    fn the_signature_is_the_hmac_of_id_timestamp_and_body() {
        let made = sign(b"key", "msg_1", 1_700_000_000, br#"{"a":1}"#);
        assert_eq!(hex(&made), "29282fd124a05b31b92cf9e6f6d7d62517c1956a80a87cfe3a539b82ca508bf8");
        assert_ne!(made, sign(b"key", "msg_1", 1_700_000_001, br#"{"a":1}"#));
        assert_ne!(made, sign(b"kez", "msg_1", 1_700_000_000, br#"{"a":1}"#));
    }
}
