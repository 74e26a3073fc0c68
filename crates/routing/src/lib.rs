//! One node's view, what it lets whom do, and the one put path: envelope → match → seal → pick a group → propose.
//!
//! In: effects of the control group, entries that ingress has authorised, frames that somebody may read.
//! Out: a view that is swapped whole, acknowledged events, opened payloads.
//! Never: a listener, a target, a table, a right that the view cannot show, or an acknowledgement before the group's log is durable.

pub mod access_keys;
pub mod credentials;
mod detail;
pub mod envelope;
pub mod error;
pub mod freshness;
pub mod limits;
pub mod membership;
mod pick;
pub mod put;
pub mod realm;
pub mod rights;
pub mod shipped;
pub mod stamp;
pub mod tap;
pub mod transform;
pub mod vault;
mod verdicts;
pub mod view;
pub mod viewer;
pub mod wanted;
