//! Private keys: a type that does not show itself, and files that only their owner can read.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::limits::{KEY_FILE_MAX_MODE_BITS, PEM_FILE_MAX_BYTES};

/// A private key as PEM (PKCS#8, SEC1 or PKCS#1). It is in no `Debug` output and in no error, and wiped when dropped.
#[derive(Clone)]
pub struct PrivateKey {
    pem: Zeroizing<String>,
}

impl PrivateKey {
    /// Takes a key from PEM.
    ///
    /// # Errors
    /// [`Error::BadPem`] when the text holds no private key.
    pub fn from_pem(pem: String) -> Result<Self, Error> {
        let key = Self { pem: Zeroizing::new(pem) };
        key.der()?;
        Ok(key)
    }

    /// Reads a key from a file that only its owner can read.
    ///
    /// # Errors
    /// [`Error::KeyTooOpen`] when the file's mode grants more than `0600`; [`Error::File`], [`Error::TooLarge`] and
    /// [`Error::BadPem`] when it cannot be read.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        // Asked of the open file, so that nobody can swap the path between the question and the reading.
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
        if mode & !KEY_FILE_MAX_MODE_BITS != 0 {
            return Err(Error::KeyTooOpen { path: path.to_owned(), mode });
        }
        Self::from_pem(read_capped(file, path)?)
    }

    /// The key as PEM, for [`write_private`] and nothing else.
    pub fn expose_pem(&self) -> &str {
        &self.pem
    }

    pub(crate) fn der(&self) -> Result<PrivateKeyDer<'static>, Error> {
        PrivateKeyDer::from_pem_slice(self.pem.as_bytes()).map_err(|_| Error::BadPem { what: "private key" })
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(hidden)")
    }
}

/// Writes a private key into a new file of mode `0600` and syncs the file and its folder.
///
/// # Errors
/// [`Error::File`] when the file exists already (nothing is overwritten) or the disk refuses.
pub fn write_private(path: &Path, key: &PrivateKey) -> Result<(), Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(KEY_FILE_MAX_MODE_BITS).open(path).map_err(failed)?;
    file.write_all(key.pem.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Without the folder's sync a power cut may lose the name of a key that is already in use.
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| Error::File { path: folder.to_owned(), source })
}

/// Reads a text file of at most [`PEM_FILE_MAX_BYTES`].
pub(crate) fn read_public(path: &Path) -> Result<String, Error> {
    let file = File::open(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    read_capped(file, path)
}

fn read_capped(file: File, path: &Path) -> Result<String, Error> {
    let mut text = String::new();
    file.take(PEM_FILE_MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|source| Error::File { path: path.to_owned(), source })?;
    if text.len() as u64 > PEM_FILE_MAX_BYTES {
        return Err(Error::TooLarge { path: path.to_owned(), limit_bytes: PEM_FILE_MAX_BYTES });
    }
    Ok(text)
}
