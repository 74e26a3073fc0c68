//! Production's replication, statemachines and delivery books under one seed: simulated time, network and disks, faults, and what must
//! hold whatever happens.
//!
//! In: a seed.
//! Out: what is wrong with the history that follows from it, or nothing.
//! Never: a real clock, real chance, a file, a socket.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

mod simulation {
    mod campaign;
    mod chance;
    mod clients;
    mod clock;
    mod disk;
    mod evidence;
    mod follower;
    mod history;
    mod invariants;
    mod linear;
    mod log;
    mod nemesis;
    mod network;
    mod node;
    mod plants;
    mod rows;
    mod run;
    mod seeds;
}
