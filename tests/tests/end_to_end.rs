//! One daemon as its users see it: events go in over mTLS, and come out where rules send them.
//!
//! In: a daemon, a receiver and the `bascule` command as processes of their own.
//! Out: what arrived, against what was put.
//! Never: a look inside the daemon: what cannot be seen from outside is not promised.

mod end_to_end {
    mod access_keys;
    mod admin;
    mod batches;
    mod events;
    mod hops;
    mod inputs;
    mod organizations;
    mod permissions;
    mod principals;
    mod queues;
    mod redrive;
    mod removal;
    mod restart;
    mod roles;
    mod rules;
    mod schedules;
    mod subscribe;
    mod tags;
    mod tail;
    mod webhooks;
}
