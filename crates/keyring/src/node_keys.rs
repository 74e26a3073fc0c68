//! The local `keys` file inside the data folder: the at-rest key and the index key, wrapped by the root key.
//!
//! Layout, format 1: `bascule keys` (12), format (1), cluster id (16), then for each key its id (16), the length of its
//! wrapped form (4, big endian) and that form, then the first 8 bytes of SHA-256 over all before.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

use bascule_model::ambient::{Entropy, NoEntropy};
use bascule_model::id::ClusterId;
use bascule_model::uid::Uid;

use crate::cipher;
use crate::error::{Error, OpenError};
use crate::limits::NODE_KEYS_LIMIT_BYTES;
use crate::provider::local::{io_at, parent, read_up_to, sync_folder, write_new};
use crate::provider::{KeyContext, KeyPurpose, Provider, WrappedKey};
use crate::secret::{KeyId, Secret};

/// Its name in the data folder.
pub const FILE_NAME: &str = "keys";

const MAGIC: &[u8; 12] = b"bascule keys";
const FORMAT: u8 = 1;
const CHECK_BYTES: usize = 8;

/// The keys that a node needs to read its own disk.
#[derive(Debug)]
pub struct NodeKeys {
    /// Seals rows and log records.
    pub at_rest: Secret,
    /// MACs names, ordering keys and tokens.
    pub index: Secret,
}

impl NodeKeys {
    /// Fresh ones, at `init`.
    ///
    /// # Errors
    /// [`NoEntropy`].
    pub fn draw(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        Ok(Self { at_rest: Secret::draw(entropy)?, index: Secret::draw(entropy)? })
    }

    /// Writes the `keys` file into `data_folder`, wrapped by `root`, and syncs it. It never replaces one.
    ///
    /// # Errors
    /// [`Error::Io`], also if the file is there already; the provider's.
    pub fn create(
        &self,
        data_folder: &Path,
        cluster: ClusterId,
        root: &dyn Provider,
        entropy: &dyn Entropy,
    ) -> Result<(), Error> {
        let path = data_folder.join(FILE_NAME);
        write_new(&path, &self.render(cluster, root, entropy)?).map_err(io_at(&path))?;
        sync_folder(data_folder)
    }

    /// Replaces the `keys` file at once with the same keys under another root key.
    ///
    /// # Errors
    /// [`Error::Io`] and the provider's; then the old file stands.
    pub fn rewrap(
        &self,
        data_folder: &Path,
        cluster: ClusterId,
        root: &dyn Provider,
        entropy: &dyn Entropy,
    ) -> Result<(), Error> {
        let path = data_folder.join(FILE_NAME);
        let next = data_folder.join(format!("{FILE_NAME}.next"));
        let bytes = self.render(cluster, root, entropy)?;
        // A crash may have left one; it was never in force.
        match fs::remove_file(&next) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(io_at(&next)(error)),
            _ => {}
        }
        write_new(&next, &bytes).map_err(io_at(&next))?;
        fs::rename(&next, &path).map_err(io_at(&path))?;
        sync_folder(parent(&path))
    }

    /// Reads the `keys` file of `data_folder`.
    ///
    /// # Errors
    /// [`Error::NotAKeyFile`] for an altered file or another cluster's; [`Error::Io`]; the provider's.
    pub fn load(data_folder: &Path, cluster: ClusterId, root: &dyn Provider) -> Result<Self, Error> {
        let path = data_folder.join(FILE_NAME);
        let mut buffer = vec![0; NODE_KEYS_LIMIT_BYTES + 1];
        let length = File::open(&path).and_then(|mut file| read_up_to(&mut file, &mut buffer)).map_err(io_at(&path))?;
        let parsed = parse(&buffer[..length], cluster)?.ok_or(Error::NotAKeyFile { path })?;
        let [(at_rest, at_rest_form), (index, index_form)] = parsed;
        Ok(Self {
            at_rest: root.unwrap(&context(cluster, at_rest, KeyPurpose::AtRest), &at_rest_form)?,
            index: root.unwrap(&context(cluster, index, KeyPurpose::Index), &index_form)?,
        })
    }

    fn render(&self, cluster: ClusterId, root: &dyn Provider, entropy: &dyn Entropy) -> Result<Vec<u8>, Error> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(FORMAT);
        bytes.extend_from_slice(&cluster.0);
        for (secret, purpose) in [(&self.at_rest, KeyPurpose::AtRest), (&self.index, KeyPurpose::Index)] {
            let id = KeyId::draw(entropy)?;
            let wrapped = root.wrap(&context(cluster, id, purpose), secret)?;
            let length = u32::try_from(wrapped.as_bytes().len()).map_err(|_| Error::CipherRefused)?;
            bytes.extend_from_slice(id.as_bytes());
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(wrapped.as_bytes());
        }
        bytes.extend_from_slice(&check(&bytes));
        Ok(bytes)
    }
}

const fn context(cluster: ClusterId, key: KeyId, purpose: KeyPurpose) -> KeyContext {
    KeyContext { cluster, owner: Uid(0), key, purpose }
}

fn check(bytes: &[u8]) -> [u8; CHECK_BYTES] {
    let whole = cipher::digest("bascule keys file", &[bytes]);
    let mut first = [0; CHECK_BYTES];
    first.copy_from_slice(&whole[..CHECK_BYTES]);
    first
}

type Entry = (KeyId, WrappedKey);

/// The file's two keys, at-rest first; `None` if it is not whole; a newer format is an error of its own.
fn parse(bytes: &[u8], cluster: ClusterId) -> Result<Option<[Entry; 2]>, Error> {
    let Some((format, _)) = bytes.strip_prefix(MAGIC).and_then(|rest| rest.split_first()) else {
        return Ok(None);
    };
    if *format != FORMAT {
        return Err(OpenError::UnknownVersion { version: *format }.into());
    }
    Ok(parse_first(bytes, cluster))
}

fn parse_first(bytes: &[u8], cluster: ClusterId) -> Option<[Entry; 2]> {
    let (body, sum) = bytes.split_last_chunk::<CHECK_BYTES>()?;
    if check(body) != *sum {
        return None;
    }
    let rest = body.get(MAGIC.len() + 1..)?.strip_prefix(&cluster.0)?;
    let (at_rest, rest) = entry(rest)?;
    let (index, rest) = entry(rest)?;
    rest.is_empty().then_some([at_rest, index])
}

fn entry(bytes: &[u8]) -> Option<(Entry, &[u8])> {
    let (id, rest) = bytes.split_first_chunk::<{ KeyId::LEN_BYTES }>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (form, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    Some(((KeyId::from_slice(id)?, WrappedKey::new(form.to_vec())?), rest))
}

#[cfg(test)]
mod tests;
