//! Why something was not sealed, opened, wrapped or loaded; no variant holds or hints at a secret.

use std::io;
use std::path::PathBuf;

use bascule_model::ambient::NoEntropy;

use crate::secret::KeyId;

/// Why a frame, a row or a record was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Not what was sealed here: altered, cut short, or sealed for another place. Terminal.
    #[error("the seal is broken or belongs elsewhere")]
    Unauthentic,
    /// No key of any slot is at hand. Not terminal: the key may come back.
    #[error("data key `{key}` is not available")]
    KeyUnavailable {
        /// The key of the first slot.
        key: KeyId,
    },
    /// A newer format. Not terminal: a newer build reads it.
    #[error("sealed in format `{version}`, which this build does not know")]
    UnknownVersion {
        /// The first byte.
        version: u8,
    },
}

/// Why this room refused anything but an opening.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No random bytes, so nothing was sealed.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The bytes were not what was sealed, or of an unknown format.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A frame needs at least one slot.
    #[error("no data key to seal for")]
    NoSlots,
    /// More slots than a frame holds.
    #[error("`{count}` data keys to seal for, at most `{limit_slots}`")]
    TooManySlots {
        /// Slots asked for.
        count: usize,
        /// The bound.
        limit_slots: usize,
    },
    /// The same key twice.
    #[error("data key `{key}` twice in one frame")]
    DuplicateSlot {
        /// That key.
        key: KeyId,
    },
    /// The frame has no slot for this key.
    #[error("the frame has no slot for data key `{key}`")]
    NoSuchSlot {
        /// That key.
        key: KeyId,
    },
    /// A payload larger than a frame holds.
    #[error("payload of `{bytes}` bytes, at most `{limit_bytes}`")]
    PayloadTooLong {
        /// Its length.
        bytes: usize,
        /// The bound.
        limit_bytes: usize,
    },
    /// The cipher refused; its library gives no reason.
    #[error("the cipher refused to seal")]
    CipherRefused,
    /// Wrapped by another provider key than the one at hand. Not terminal.
    #[error("wrapped by provider key `{wanted}`, but `{present}` is loaded")]
    OtherProviderKey {
        /// Who wrapped it, as hex.
        wanted: String,
        /// Who was asked, as hex.
        present: String,
    },
    /// The wrapped key is no key of this owner, purpose and id, or was altered. Terminal.
    #[error("the wrapped key is broken or belongs to another owner")]
    WrongWrap,
    /// The provider did not answer or refused for now. Not terminal.
    #[error("key provider `{provider}` is unavailable")]
    ProviderUnavailable {
        /// Its name.
        provider: &'static str,
    },
    /// A key file lies where a copy or a backup of the data would take it along.
    #[error("key file `{}` lies inside the data folder `{}`", path.display(), folder.display())]
    KeyInsideData {
        /// The file, links resolved.
        path: PathBuf,
        /// The folder, links resolved.
        folder: PathBuf,
    },
    /// Others than the owner may reach the key file.
    #[error("key file `{}` has mode `{mode:04o}`, must be `0600` or less", path.display())]
    KeyFileOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds no key of a known format, or its check does not fit.
    #[error("`{}` is not a whole key file of a known format", path.display())]
    NotAKeyFile {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("key file `{}`", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
