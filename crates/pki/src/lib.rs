//! Certificates: the cluster's own CA, hot-reloaded TLS configurations, principal from a certificate.
//!
//! In: PEM texts or files, TCP connections, the clock, serial numbers from the caller.
//! Out: encrypted streams with verified peers, client configurations, leaves, revocation lists, expiry facts.
//! Never: a connection without a client certificate on a listener, a resumed session, a key in a log, its own clock.

pub mod authority;
pub mod client;
pub mod error;
pub mod identity;
pub mod inventory;
pub mod limits;
mod material;
pub mod peer;
pub mod secret;
pub mod server;
pub mod spiffe;
pub mod stream;
mod watch;

pub use error::{Error, Refusal};
pub use material::Source;

#[cfg(test)]
mod tests;
