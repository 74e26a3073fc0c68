//! The provider without a service: a key file outside the data folder, readable by its owner alone.
//!
//! The file is one line: `bascule-key-1`, the key as 64 hex digits, and 32 hex digits derived from the key, which are
//! both its check and its public id.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bascule_model::ambient::Entropy;
use zeroize::Zeroizing;

use crate::cipher::{self, COMMITMENT_BYTES, Subkey, TAG_BYTES};
use crate::error::{Error, OpenError};
use crate::provider::{KeyContext, Provider, WrappedKey};
use crate::secret::Secret;

const HEAD: &[u8; 14] = b"bascule-key-1 ";
const KEY_DIGITS: usize = 2 * Secret::LEN_BYTES;
const ID_BYTES: usize = 16;
const FILE_BYTES: usize = HEAD.len() + KEY_DIGITS + 1 + 2 * ID_BYTES + 1;
/// The most that a key file may allow.
const MODE: u32 = 0o600;
const PERMISSION_BITS: u32 = 0o7777;

const FORMAT: u8 = 1;
const SALT_BYTES: usize = 32;
const WRAPPED_BYTES: usize = 1 + ID_BYTES + SALT_BYTES + COMMITMENT_BYTES + Secret::LEN_BYTES + TAG_BYTES;
const LABEL: &str = "bascule local wrap";

/// A provider key from a local file.
pub struct Local {
    secret: Secret,
    id: [u8; ID_BYTES],
    entropy: Arc<dyn Entropy>,
}

impl Local {
    /// Takes a key that is not, or not yet, in a file.
    #[must_use]
    pub fn new(secret: Secret, entropy: Arc<dyn Entropy>) -> Self {
        let id = id_of(&secret);
        Self { secret, id, entropy }
    }

    /// Reads the key file at `path`, which may be a link.
    ///
    /// # Errors
    /// [`Error::KeyInsideData`], [`Error::KeyFileOpen`], [`Error::NotAKeyFile`], [`Error::Io`].
    pub fn load(path: &Path, data_folder: &Path, entropy: Arc<dyn Entropy>) -> Result<Self, Error> {
        let real = canonical(path)?;
        refuse_inside(&real, data_folder)?;
        // Checks and reading go through one handle, so that nothing is swapped in between.
        let mut file = File::open(&real).map_err(io_at(path))?;
        let facts = file.metadata().map_err(io_at(path))?;
        if !facts.is_file() {
            return Err(Error::NotAKeyFile { path: path.to_owned() });
        }
        let mode = facts.permissions().mode() & PERMISSION_BITS;
        if mode & !MODE != 0 {
            return Err(Error::KeyFileOpen { path: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new([0; FILE_BYTES + 1]);
        let length = read_up_to(&mut file, &mut text[..]).map_err(io_at(path))?;
        let secret = parse(&text[..length]).ok_or_else(|| Error::NotAKeyFile { path: path.to_owned() })?;
        Ok(Self::new(secret, entropy))
    }

    /// Writes `secret` to a new file of mode 0600 and syncs file and folder. It never replaces a file.
    ///
    /// # Errors
    /// [`Error::KeyInsideData`]; [`Error::Io`], also if the file is there already.
    pub fn create(path: &Path, data_folder: &Path, secret: Secret, entropy: Arc<dyn Entropy>) -> Result<Self, Error> {
        let folder = parent(path);
        refuse_inside(&canonical(folder)?, data_folder)?;
        let text = render(&secret);
        write_new(path, &text).map_err(io_at(path))?;
        sync_folder(folder)?;
        Ok(Self::new(secret, entropy))
    }

    /// The key's public id, as hex.
    #[must_use]
    pub fn id(&self) -> String {
        hex::encode(self.id)
    }

    /// The key itself, for handing it to another member over an authenticated session.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }
}

impl Provider for Local {
    fn name(&self) -> &'static str {
        "local"
    }

    fn wrap(&self, context: &KeyContext, secret: &Secret) -> Result<WrappedKey, Error> {
        let mut salt = [0; SALT_BYTES];
        self.entropy.fill(&mut salt)?;
        let subkey = Subkey::derive(&self.secret, &salt, LABEL, &self.id)?;
        let mut bytes = Vec::with_capacity(WRAPPED_BYTES);
        bytes.push(FORMAT);
        bytes.extend_from_slice(&self.id);
        bytes.extend_from_slice(&salt);
        bytes.extend_from_slice(subkey.commitment());
        let associated = [&context.encode(), &bytes[..]].concat();
        let start = bytes.len();
        bytes.extend_from_slice(secret.expose());
        // The salt makes the subkey new for each wrap, so its counter stays at zero.
        let tag = subkey.seal(0, &associated, &mut bytes[start..])?;
        bytes.extend_from_slice(&tag);
        WrappedKey::new(bytes).ok_or(Error::CipherRefused)
    }

    fn unwrap(&self, context: &KeyContext, wrapped: &WrappedKey) -> Result<Secret, Error> {
        let bytes = wrapped.as_bytes();
        match bytes.first() {
            Some(&FORMAT) if bytes.len() == WRAPPED_BYTES => {}
            Some(&FORMAT) | None => return Err(Error::WrongWrap),
            Some(&version) => return Err(OpenError::UnknownVersion { version }.into()),
        }
        let (clear, sealed) = bytes.split_at(WRAPPED_BYTES - Secret::LEN_BYTES - TAG_BYTES);
        let (id, rest) = clear[1..].split_at(ID_BYTES);
        if id != self.id {
            return Err(Error::OtherProviderKey { wanted: hex::encode(id), present: self.id() });
        }
        let (salt, commitment) = rest.split_at(SALT_BYTES);
        let subkey = Subkey::derive(&self.secret, salt, LABEL, &self.id)?;
        if !subkey.commits_to(commitment) {
            return Err(Error::WrongWrap);
        }
        let associated = [&context.encode(), clear].concat();
        let opened = subkey.open(0, &associated, sealed).map_err(|_| Error::WrongWrap)?;
        Secret::from_slice(&opened).ok_or(Error::WrongWrap)
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Local({})", self.id())
    }
}

/// The folder that a file stands in; a bare name stands in the current one.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes the file with mode 0600, fails if it is there, and takes it away again if it could not be written whole.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a key file would refuse every later start; its own failure changes nothing.
        let _ = fs::remove_file(path);
    }
    written
}

pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|handle| handle.sync_all()).map_err(io_at(folder))
}

pub(crate) fn io_at(path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::Io { path, source }
}

/// Reads until the buffer is full or the file ends; the buffer is the caller's to wipe, and none is made here.
pub(crate) fn read_up_to(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

fn canonical(path: &Path) -> Result<PathBuf, Error> {
    path.canonicalize().map_err(io_at(path))
}

fn refuse_inside(real: &Path, data_folder: &Path) -> Result<(), Error> {
    let folder = canonical(data_folder)?;
    if real.starts_with(&folder) {
        return Err(Error::KeyInsideData { path: real.to_owned(), folder });
    }
    Ok(())
}

fn id_of(secret: &Secret) -> [u8; ID_BYTES] {
    cipher::MacKey::new(secret).mac("bascule provider key id", &[])
}

fn render(secret: &Secret) -> Zeroizing<Vec<u8>> {
    // Reserved whole: a vector that grew would leave a copy of the key behind.
    let mut text = Zeroizing::new(Vec::with_capacity(FILE_BYTES));
    let mut digits = Zeroizing::new([0; KEY_DIGITS]);
    // 32 bytes are 64 digits, so this cannot fail; zeros in their place would be refused at load.
    let _ = hex::encode_to_slice(secret.expose(), &mut digits[..]);
    text.extend_from_slice(HEAD);
    text.extend_from_slice(&digits[..]);
    text.push(b' ');
    text.extend_from_slice(hex::encode(id_of(secret)).as_bytes());
    text.push(b'\n');
    text
}

fn parse(text: &[u8]) -> Option<Secret> {
    let rest = text.strip_prefix(HEAD)?.strip_suffix(b"\n")?;
    let (digits, rest) = rest.split_at_checked(KEY_DIGITS)?;
    let mut key = Zeroizing::new([0; Secret::LEN_BYTES]);
    hex::decode_to_slice(digits, &mut key[..]).ok()?;
    let secret = Secret::new(*key);
    let id = hex::encode(id_of(&secret));
    cipher::equal(rest.strip_prefix(b" ")?, id.as_bytes()).then_some(secret)
}

#[cfg(test)]
mod tests;
