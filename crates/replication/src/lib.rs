//! Raft groups behind the ports: openraft over storage's logs and tables, with its types named here alone.
//!
//! In: the ports `Log`, `Tables` and `Snapshots`, and the machines of `statemachine`.
//! Out: openraft's log store and state machine for one group each.
//! Never: RocksDB, openraft's own serialisation, or a decision that belongs to a machine.

pub mod alone;
pub mod encode;
pub mod group;
pub mod logstore;
pub mod machine;
pub mod raft;

#[cfg(test)]
mod tests;
