//! References to secrets: where one is found when it is needed, and the names that an export makes up for them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use bascule_api::v1::Secret;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::folder::document::Connection;
use crate::inputs::Inputs;
use crate::limits::SECRET_MAX_BYTES;

/// What the names of variables begin with that an export makes up.
const PREFIX: &str = "BASCULE_SECRET_";

/// Where a secret is found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Reference {
    /// In that variable of the environment.
    Env(String),
    /// In that file.
    File(PathBuf),
}

impl Reference {
    /// The variable, if it is one.
    pub fn variable(&self) -> Option<String> {
        match self {
            Self::Env(name) => Some(name.clone()),
            Self::File(_) => None,
        }
    }

    /// Resolves a file against the folder of the file that names it.
    pub fn settle(&mut self, folder: &Path) {
        if let Self::File(path) = self {
            *path = folder.join(&*path);
        }
    }
}

/// The secrets that were found.
#[derive(Default)]
pub struct Secrets(BTreeMap<Reference, Secret>);

impl Secrets {
    /// Finds the secrets of these connections.
    ///
    /// # Errors
    /// [`Error::SecretsMissing`] with all that are not there; what is wrong with a file, never what it holds.
    pub fn find(
        connections: &[Connection],
        variable: impl Fn(&str) -> Option<OsString>,
        inputs: &mut Inputs,
    ) -> Result<Self, Error> {
        let (mut found, mut missing) = (Self::default(), BTreeSet::new());
        for connection in connections {
            let mut copy = connection.clone();
            for (_, reference) in copy.secrets_mut() {
                let secret = match &*reference {
                    Reference::File(path) => inputs.secret("File", path)?,
                    Reference::Env(name) => {
                        let value = variable(name).filter(|value| !value.is_empty());
                        let Some(value) = value.and_then(|value| value.into_string().ok()) else {
                            missing.insert((connection.name.clone(), name.clone()));
                            continue;
                        };
                        if value.len() as u64 > SECRET_MAX_BYTES {
                            let problem = format!("it has more than {SECRET_MAX_BYTES} bytes");
                            return Err(Error::SecretVariable { name: name.clone(), problem });
                        }
                        Secret { value }
                    }
                };
                found.0.insert(reference.clone(), secret);
            }
        }
        match missing.is_empty() {
            true => Ok(found),
            false => Err(Error::SecretsMissing { missing: missing.into_iter().collect() }),
        }
    }

    /// The secret of a reference, if it was found.
    pub fn get(&self, reference: &Reference) -> Option<Secret> {
        self.0.get(reference).cloned()
    }
}

/// Gives the references of an export their names: variables that tell connection and secret, each name once.
pub fn name(connections: &mut BTreeMap<String, Connection>) {
    let mut taken = BTreeSet::new();
    for (connection, it) in connections {
        for (what, reference) in it.secrets_mut() {
            let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
            let name: String = format!("{connection}_{what}").chars().map(plain).collect();
            let mut unique = format!("{PREFIX}{name}");
            let mut count = 1;
            while !taken.insert(unique.clone()) {
                count += 1;
                unique = format!("{PREFIX}{name}_{count}");
            }
            *reference = Reference::Env(unique);
        }
    }
}
