//! Listeners: bytes to calls.
//!
//! In: connections.
//! Out: requests with their connection's peer beside them.
//! Never: a decision about a request.

mod connections;
mod cut;
pub mod grpc;
mod pace;
mod retire;
mod secured;
mod unheard;

pub use connections::Bounds;
pub(crate) use cut::Cut;
pub(crate) use retire::Retire;
