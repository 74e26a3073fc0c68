//! From the checkpoint to the target: follow, lanes, pacing, attempts, targets, and the leader's side of queues.
//!
//! In: leads and effects of shard groups, their rows, the view.
//! Out: attempts, and commands that say how they ended; answers for whoever asks a leader.
//! Never: an attempt for a term that is over, a decision in a shell, a payload opened for anybody but its target.

mod attempt;
pub mod book;
mod burial;
mod clock;
pub mod desk;
mod follower;
pub mod leads;
mod letter;
pub mod limits;
mod lookup;
mod meters;
pub mod pacing;
pub mod reading;
mod retention;
mod rights;
pub mod service;
pub mod target;
