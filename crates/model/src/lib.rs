//! The nouns that every room speaks: ids, ARNs, buses, rules, targets, principals, events, limits, and the closed list of faults.
//!
//! In: nothing; this room depends on no other.
//! Out: plain values with their validity in their types.
//! Never: I/O, a clock, chance, or a wire format; the edges have their own wire twins.

pub mod ambient;
pub mod arn;
pub mod bus;
pub mod connection;
pub mod destination;
pub mod event;
pub mod fault;
pub mod id;
pub mod identity;
pub mod limits;
pub mod name;
pub mod organization;
pub mod policy;
pub mod principal;
pub mod queue;
pub mod rule;
pub mod schedule;
pub mod tag;
pub mod target;
pub mod time;
pub mod uid;
