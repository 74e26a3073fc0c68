//! The ports: what the machines and the rooms around them ask of each other, as traits that the daemon introduces.
//!
//! In: nothing.
//! Out: traits and the plain values that cross them.
//! Never: a word of RocksDB, openraft or tonic.

pub mod ask;
pub mod cluster;
pub mod follow;
pub mod log;
pub mod propose;
pub mod snapshots;
pub mod tables;
pub mod views;
