//! The contract: generated code of `proto/`, the catalogue of error reasons, statuses with details, and the client.
//!
//! In: `.proto` files at build time; a [`status::Refusal`] or a gRPC status at run time.
//! Out: servers' and clients' stubs, a descriptor set for reflection, and (feature `client`) a connected session.
//! Never: a decision about a request, a file, or a secret in a Debug or an error.

#[cfg(any(feature = "client", test))]
pub mod client;
pub mod error;
pub mod limits;
pub mod reasons;
mod redact;
pub mod status;
pub mod time;

#[cfg(test)]
mod tests;

/// The public contract, `bascule.v1`: generated, see the comments of `proto/bascule/v1`.
pub mod v1 {
    #![allow(missing_docs, clippy::all, clippy::too_many_lines, clippy::large_futures)]
    tonic::include_proto!("bascule.v1");
}

/// Contracts for operators.
pub mod admin {
    /// The operators' contract, `bascule.admin.v1`: generated, see the comments of `proto/bascule/admin/v1`.
    pub mod v1 {
        #![allow(missing_docs, clippy::all, clippy::too_many_lines, clippy::large_futures)]
        tonic::include_proto!("bascule.admin.v1");
    }
}

/// Contracts for those who say who may do what.
pub mod iam {
    /// The contract of principals, policies and the organisation, `bascule.iam.v1`: generated, see the comments of
    /// `proto/bascule/iam/v1`.
    pub mod v1 {
        #![allow(missing_docs, clippy::all, clippy::too_many_lines, clippy::large_futures)]
        tonic::include_proto!("bascule.iam.v1");
    }
}

/// What nodes of one cluster say to each other: no part of the contract.
pub mod peer {
    /// The private calls between nodes, `bascule.peer.v1`: generated, see the comments of `proto/bascule/peer/v1`.
    pub mod v1 {
        #![allow(missing_docs, clippy::all, clippy::too_many_lines, clippy::large_futures)]
        tonic::include_proto!("bascule.peer.v1");
    }
}

/// An encoded `google.protobuf.FileDescriptorSet` of the whole contract with its imports and comments, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("bascule");
