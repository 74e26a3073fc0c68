//! Raft groups behind the ports: openraft over storage's logs and tables, with its types named here alone.
//!
//! In: the ports `Log`, `Tables` and `Snapshots`, and the machines of `statemachine`.
//! Out: the node's groups running, the port `Propose`, and calls of the ports `Views` and `Follow`.
//! Never: RocksDB, openraft's own serialisation, or a decision that belongs to a machine.

pub mod alone;
pub mod encode;
pub mod group;
pub mod groups;
pub mod limits;
pub mod logstore;
pub mod machine;
pub mod machines;
mod proposer;
pub mod raft;
mod stamp;

#[cfg(test)]
mod tests;
