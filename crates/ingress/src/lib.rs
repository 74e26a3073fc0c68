//! Listeners, the typed stack, one handler file per API family, and faults to wire in one file.
//!
//! In: bytes of strangers over mTLS.
//! Out: calls that were authenticated, authorised and checked, in that order by type; answers, or refusals with their reason.
//! Never: a target, a table, a proposal of a caller without leave, or an answer without a deadline.

mod family;
pub mod limits;
pub mod listener;
pub mod operation;
mod page;
pub mod rooms;
pub mod stack;
mod wire;
