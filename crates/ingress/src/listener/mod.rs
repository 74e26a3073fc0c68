//! Listeners: bytes to calls.
//!
//! In: connections.
//! Out: requests with their connection's peer beside them.
//! Never: a decision about a request.

pub mod grpc;
mod secured;
mod unheard;
