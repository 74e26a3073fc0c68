//! Raft groups behind the ports: openraft over storage's logs and tables, with its types named here alone.
//!
//! In: the ports `Log`, `Tables` and `Snapshots`, the machines of `statemachine`, and what peers ask.
//! Out: the node's groups running, the ports `Propose`, `Ask` and `Cluster` whoever leads, and calls of the ports `Views` and `Follow`.
//! Never: RocksDB, openraft's own serialisation, or a decision that belongs to a machine.

pub mod alone;
pub mod clocks;
pub mod encode;
pub mod group;
pub mod groups;
pub mod known;
pub mod limits;
pub mod logstore;
pub mod machine;
pub mod machines;
pub mod network;
pub mod peers;
pub mod placement;
mod proposer;
pub mod questions;
pub mod raft;
mod rounds;
pub mod runtime;
mod stamp;
pub mod tally;
mod time;
pub mod transport;
mod wire;

#[cfg(test)]
mod tests;
