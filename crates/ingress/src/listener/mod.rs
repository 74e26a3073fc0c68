//! Listeners: bytes to calls.
//!
//! In: connections.
//! Out: requests with their connection's peer beside them.
//! Never: a decision about a request.

mod cut;
pub mod grpc;
mod secured;
mod unheard;

pub(crate) use cut::Cut;
