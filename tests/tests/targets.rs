//! Targets that fail in every way: retries as the policy says, dead letters as EventBridge has them, and nobody else held up.
//!
//! In: a daemon, and a receiver that answers 500, hangs, closes or asks for a pause, and heals.
//! Out: what arrived when, and what dead letters say of what did not.
//! Never: a guess about time: only what must come before what, and what must not come at all.

mod targets {
    mod connections;
    mod dead_letters;
    mod isolation;
    mod parameters;
}
