//! The doors: who is let in, what they may do, and what becomes of bytes that are none of the contract's.
//!
//! In: a daemon; callers with certificates of every kind and none; garbage.
//! Out: refusals, the same for every operation of the contract, and a daemon that goes on.
//! Never: a list of operations that is not proved complete against the contract's descriptors.

mod doors {
    mod accounts;
    mod attacks;
    mod attacks_http2;
    mod attacks_names;
    mod attacks_pace;
    mod attacks_tls;
    mod callers;
    mod contract;
    mod escalations;
    mod garbage;
    mod handshakes;
    mod issued;
    mod rates;
    mod raw;
    mod rights;
    mod services;
    mod sessions;
    mod wire;
}
