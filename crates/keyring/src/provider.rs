//! The port of those who wrap keys, and what a wrapped key is bound to.
//!
//! In: a secret and its owner; or a wrapped key, from control state or the local `keys` file.
//! Out: wrapped bytes that are worthless without the provider's key; or the secret.
//! Never: a fallback to another key, or a wrapped key accepted for another owner or purpose.

use bascule_model::id::ClusterId;
use bascule_model::uid::Uid;

use crate::error::Error;
use crate::limits::WRAPPED_LIMIT_BYTES;
use crate::secret::{KeyId, Secret};

pub mod local;

/// What a key is for. An append-only register: a number is never reused or given another meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum KeyPurpose {
    /// Content keys of a bus's or an archive's frames.
    Data = 1,
    /// What lies on this cluster's disks.
    AtRest = 2,
    /// MACs of names, ordering keys and tokens.
    Index = 3,
    /// MACs of receipt handles and page tokens.
    Handle = 4,
}

/// Whose key it is; unwrapping under any other context fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyContext {
    /// The cluster.
    pub cluster: ClusterId,
    /// The bus or archive; zero for keys of the whole cluster.
    pub owner: Uid,
    /// The key's id.
    pub key: KeyId,
    /// Its purpose.
    pub purpose: KeyPurpose,
}

impl KeyContext {
    /// Every field at a fixed width, so that no two contexts share their bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = b"bascule wrapped key".to_vec();
        bytes.push(self.purpose as u8);
        bytes.extend_from_slice(&self.cluster.0);
        bytes.extend_from_slice(&self.owner.0.to_be_bytes());
        bytes.extend_from_slice(self.key.as_bytes());
        bytes
    }
}

/// What a provider made of a key: not secret, at most 8 KiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey(Vec<u8>);

impl WrappedKey {
    /// Takes bytes as they came from control state or a file; `None` above 8 KiB.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() <= WRAPPED_LIMIT_BYTES).then_some(Self(bytes))
    }

    /// The bytes to store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A holder of keys that wrap keys. Calls may block: run them through `Spawn::block`.
pub trait Provider: Send + Sync {
    /// Its name in errors and in configuration.
    fn name(&self) -> &'static str;

    /// Wraps `secret`, bound to `context`.
    ///
    /// # Errors
    /// [`Error::ProviderUnavailable`], [`Error::Entropy`].
    fn wrap(&self, context: &KeyContext, secret: &Secret) -> Result<WrappedKey, Error>;

    /// Unwraps what [`Provider::wrap`] made for the same `context`.
    ///
    /// # Errors
    /// [`Error::WrongWrap`] (terminal); [`Error::OtherProviderKey`], [`Error::ProviderUnavailable`] and
    /// [`Error::Open`] with an unknown version (not terminal).
    fn unwrap(&self, context: &KeyContext, wrapped: &WrappedKey) -> Result<Secret, Error>;
}
