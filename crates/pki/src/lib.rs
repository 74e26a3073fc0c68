//! Certificates: the cluster's own CA, hot-reloaded TLS configurations, principal from a certificate.
//!
//! In: PEM texts or files, TCP connections, the clock, serial numbers from the caller.
//! Out: encrypted streams with verified peers, client configurations, leaves, revocation lists, expiry facts, join tokens.
//! Never: a connection without a client certificate on a listener (but for a node that joins, which may do that alone), a resumed
//! session, a key in a log, its own clock.

pub mod authority;
pub mod client;
pub mod error;
pub mod identity;
pub mod inventory;
pub mod joining;
pub mod limits;
mod material;
pub mod node;
pub mod peer;
pub mod peering;
pub mod request;
pub mod secret;
pub mod server;
pub mod spiffe;
pub mod stream;
pub mod token;
mod watch;

pub use error::{Error, Refusal};
pub use material::Source;

#[cfg(test)]
mod tests;
