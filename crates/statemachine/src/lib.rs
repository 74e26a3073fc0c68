//! The replicated truth: two deterministic machines, command in, reply and effects out, and the ports around them.
//!
//! In: committed commands with the leader's time, and the rows that a group holds.
//! Out: row changes, replies, and effects as values that only a leader carries out.
//! Never: a clock, chance, the environment, the network, a disk, or async code.

pub mod codec;
pub mod control;
pub mod key;
pub mod limits;
pub mod overlay;
pub mod ports;
pub mod register;
pub mod shard;
