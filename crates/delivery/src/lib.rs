//! From the checkpoint to the target: so far, when and how often a lane attempts what it owes.
//!
//! In: what a lane owes, reports of attempts, the time and chance as arguments.
//! Out: attempts to start, verdicts, and when to look again.
//! Never: a decision in the shell, or a clock in the decision.

pub mod pacing;
