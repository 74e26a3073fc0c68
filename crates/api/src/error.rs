//! What can go wrong between a caller and the contract.

use bascule_model::ambient::NoEntropy;
use tonic::Code;

use crate::status::Refusal;

/// Why there is no answer, or no answer of ours.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The cluster refused, and said why.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// A status that something else made: a proxy, the connection, or a newer catalogue.
    #[error("the call failed with code `{code:?}` and no reason of the catalogue: {message}")]
    Foreign {
        /// Its code.
        code: Code,
        /// Its message.
        message: String,
    },
    /// The endpoint is no address of the form `https://host:port`.
    #[error("`{endpoint}` is no address of the form `https://host:port`")]
    Endpoint {
        /// The endpoint.
        endpoint: String,
    },
    /// Certificate, key or CA cannot be used together.
    #[error("the certificate, its key or the ca for `{endpoint}` cannot be used")]
    Credentials {
        /// The endpoint they are for.
        endpoint: String,
        /// What the transport says.
        source: tonic::transport::Error,
    },
    /// There is no connection.
    #[error("`{endpoint}` cannot be reached")]
    Unreachable {
        /// The endpoint.
        endpoint: String,
        /// What the transport says.
        source: tonic::transport::Error,
    },
    /// A connection did not come about in time; nothing was sent.
    #[error("`{endpoint}` was not connected to within `{deadline_ms}` ms")]
    Silent {
        /// The endpoint.
        endpoint: String,
        /// The time that passed, in milliseconds.
        deadline_ms: u64,
    },
    /// A session token that cannot stand in a header. It is not shown.
    #[error("the session token has characters that no token has")]
    Token,
    /// The deadline passed; a write may have happened.
    #[error("there was no answer within `{deadline_ms}` ms")]
    Deadline {
        /// The deadline that passed, in milliseconds.
        deadline_ms: u64,
    },
    /// Retrying needs chance, and there is none.
    #[error("the wait before the next attempt could not be chosen")]
    Entropy(#[from] NoEntropy),
}
