//! What a frame seals: the bytes of a delivery, and what travels with them.

use std::fmt;

use bytes::Bytes;
use prost::Message;

/// The plain text of a frame, as [`encode`](crate::codec::encode) writes it. No machine ever reads one.
#[derive(Clone, PartialEq, Eq, Message)]
#[prost(skip_debug)]
pub struct Payload {
    /// The event as JSON text, or what a transformation made of it.
    #[prost(bytes = "bytes", tag = "1")]
    pub body: Bytes,
    /// The entry's trace header, or empty; queues hand it on as `AWSTraceHeader`.
    #[prost(string, tag = "2")]
    pub trace_header: String,
}

/// What is sealed on disk does not appear in a log either.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};

    #[test]
    fn a_payload_comes_back_and_shows_nothing() {
        let payload = Payload { body: Bytes::from_static(b"{}"), trace_header: "Root=1-5e".to_owned() };
        assert_eq!(decode::<Payload>(&encode(&payload)), Ok(payload.clone()));
        assert_eq!(format!("{payload:?}"), "Payload(2 bytes)");
    }
}
