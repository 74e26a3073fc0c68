//! What is shipped beside the programs: the unit, the examples, the pages made by the daemon, and what runbooks name.
//!
//! In: deploy/, config/, docs/, and the daemon's own words.
//! Out: a failure for whatever systemd, the daemon or the code does not know.
//! Never: a unit installed, a service started, a file of the tree changed.

mod deploy {
    mod doctor;
    mod examples;
    mod offline;
    mod runbooks;
    mod units;
}
