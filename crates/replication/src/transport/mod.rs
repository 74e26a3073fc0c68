//! What carries the port between nodes: gRPC over one mutual TLS connection for each pair, direction and purpose.
//!
//! In: a bound socket, the node's certificates, the node's own `Peers` and `Admission`, where its peers are and who is a member.
//! Out: what comes in, handed on with the caller that its certificate names; `Connections`, the port for what goes out.
//! Never: a caller taken from a message, a node's call on a joiner's connection or the reverse, a wait for a peer that is gone, or a
//! connection that outlives its certificate or its node's membership.

pub mod admission;
pub mod connections;
mod doors;
pub mod joining;
pub mod limits;
mod link;
mod outcome;
mod places;
pub mod service;
mod severed;
mod wire;
mod work;

/// Formats of logs, tables and commands that this build reads and writes; nodes with different ones do not speak.
pub const FORMAT: u32 = 1;

#[cfg(test)]
mod tests;
