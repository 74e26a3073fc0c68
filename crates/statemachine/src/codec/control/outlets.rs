//! Where events go: API destinations and queues, as commands have them.

use prost::Message;

/// A new API destination.
#[derive(Clone, PartialEq, Message)]
pub struct Destination {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Free text.
    #[prost(string, tag = "2")]
    pub description: String,
    /// Name of its connection.
    #[prost(string, tag = "3")]
    pub connection: String,
    /// Where to.
    #[prost(string, tag = "4")]
    pub endpoint: String,
    /// For example `POST`.
    #[prost(string, tag = "5")]
    pub method: String,
    /// Calls a second.
    #[prost(uint32, tag = "6")]
    pub rate_per_second: u32,
}

/// New settings of an API destination; what is absent stays.
#[derive(Clone, PartialEq, Message)]
pub struct UpdateDestination {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Free text.
    #[prost(string, optional, tag = "2")]
    pub description: Option<String>,
    /// Name of its connection.
    #[prost(string, optional, tag = "3")]
    pub connection: Option<String>,
    /// Where to.
    #[prost(string, optional, tag = "4")]
    pub endpoint: Option<String>,
    /// For example `POST`.
    #[prost(string, optional, tag = "5")]
    pub method: Option<String>,
    /// Calls a second.
    #[prost(uint32, optional, tag = "6")]
    pub rate_per_second: Option<u32>,
}

/// A new queue. One of the same name and settings answers with its uid.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Queue {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// For how long a received message is hidden, milliseconds.
    #[prost(uint64, tag = "2")]
    pub visibility_ms: u64,
    /// For how long a message is kept, milliseconds.
    #[prost(uint64, tag = "3")]
    pub retention_ms: u64,
    /// ARN of the queue for messages that were received too often, or empty.
    #[prost(string, tag = "4")]
    pub redrive_to: String,
    /// After how many receives.
    #[prost(uint32, tag = "5")]
    pub redrive_after: u32,
}
