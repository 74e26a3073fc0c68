//! Envelope encryption: sealed frames, data keys per bus, at-rest, index and handle keys.
//!
//! In: payloads, rows and names with their place; wrapped keys; chance through `bascule_model::ambient::Entropy`.
//! Out: frames, sealed rows, MACs, wrapped keys; and plain bytes only to whoever names the right place and key.
//! Never: a nonce used twice, a secret in a message or in `Debug`, a key in the clear inside the data folder, a fallback
//! to another key.

pub mod atrest;
mod cipher;
pub mod context;
pub mod data_keys;
pub mod error;
pub mod frame;
pub mod limits;
pub mod mac;
pub mod node_keys;
mod nonce;
pub mod provider;
pub mod sealer;
pub mod secret;
pub mod session;
mod subkeys;
#[cfg(test)]
mod testing;
pub mod webhook;
