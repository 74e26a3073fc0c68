//! Client tokens: what a put says, and what a group remembers.

use bytes::Bytes;
use prost::Message;

/// A client token, as its caller's group remembers it.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Token {
    /// Uid of the bus.
    #[prost(uint64, tag = "1")]
    pub bus: u64,
    /// MAC of the principal's account and the token, sixteen bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub mac: Bytes,
    /// MAC of the content, sixteen bytes.
    #[prost(bytes = "bytes", tag = "3")]
    pub content: Bytes,
    /// Id of the event that it is put with, sixteen bytes.
    #[prost(bytes = "bytes", tag = "4")]
    pub event_id: Bytes,
    /// For how long it is remembered, milliseconds of group time.
    #[prost(uint64, tag = "5")]
    pub kept_ms: u64,
    /// MAC of a token of the same bus that is of no more use and is forgotten, sixteen bytes; or empty.
    #[prost(bytes = "bytes", tag = "6")]
    pub replaces: Bytes,
}

/// Row of `Tokens`.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct TokenRow {
    /// Id of the event that was put with it first, sixteen bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub event_id: Bytes,
    /// MAC of that put's content, sixteen bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub content: Bytes,
    /// From when on it is as if it had never been, group time.
    #[prost(uint64, tag = "3")]
    pub until_ms: u64,
}
