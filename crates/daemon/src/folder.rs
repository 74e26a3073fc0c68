//! The data folder: whose it is, that one process uses it at a time, and where in it what lies.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bascule_model::arn::Scope;
use bascule_model::id::ClusterId;
use bascule_model::name::AccountId;
use bascule_model::uid::{GroupId, NodeId};
use serde::{Deserialize, Serialize};

use crate::error::{Error, file};
use crate::limits::{GROUPS_LIMIT_COUNT, IDENTITY_LIMIT_BYTES};

const LOCK: &str = "lock";
const IDENTITY: &str = "identity";
const LOG: &str = "log";
const TABLES: &str = "tables";
const MARKER: &str = "synced";
const SEVERAL: &str = "several";
const FORMAT: u32 = 1;

/// Whether the cluster was begun: its first start proposes `Init`, and no later one ever does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Begun {
    /// `init` made the folder; no start has succeeded yet.
    New,
    /// `Init` is applied here: the node forms no group any more.
    Formed,
    /// The node joined a cluster that others had begun, and no start has succeeded yet: it never proposes `Init`, and forms no group.
    Joined,
    /// The same, after a start that succeeded.
    Member,
}

impl Begun {
    /// Whether others had begun the cluster.
    #[must_use]
    pub const fn by_others(self) -> bool {
        matches!(self, Self::Joined | Self::Member)
    }

    /// Once a start has succeeded.
    #[must_use]
    pub const fn started(self) -> Self {
        if self.by_others() { Self::Member } else { Self::Formed }
    }
}

/// What never changes about a node, in the clear: ids, a count, and where its cluster's resources stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The cluster.
    pub cluster: ClusterId,
    /// The node.
    pub node: NodeId,
    /// How many shard groups there are.
    pub groups: u32,
    /// Partition, region and account of the cluster's ARNs.
    pub scope: Scope,
    /// How far it has come.
    pub begun: Begun,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    cluster: String,
    node: u64,
    groups: u32,
    partition: String,
    region: String,
    account: String,
    begun: Begun,
}

impl Identity {
    /// The shard groups, ascending.
    #[must_use]
    pub fn shards(&self) -> Vec<GroupId> {
        (1..=self.groups).map(GroupId).collect()
    }

    fn render(&self) -> Result<Vec<u8>, serde_json::Error> {
        let written = Written {
            format: FORMAT,
            cluster: self.cluster.to_string(),
            node: self.node.0,
            groups: self.groups,
            partition: self.scope.partition().to_owned(),
            region: self.scope.region().to_owned(),
            account: self.scope.account().to_string(),
            begun: self.begun,
        };
        let mut bytes = serde_json::to_vec(&written)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let head: Head = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if head.format != FORMAT {
            return Err(format!("it has format {}, this build reads {FORMAT}", head.format));
        }
        let written: Written = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let cluster = ClusterId::parse(&written.cluster).ok_or("its cluster id is none")?;
        if written.node == 0 || written.groups == 0 || u64::from(written.groups) > GROUPS_LIMIT_COUNT {
            return Err("a number in it is out of bounds".to_owned());
        }
        let account = AccountId::parse(&written.account).map_err(|fault| fault.to_string())?;
        let scope = Scope::new(&written.partition, &written.region, account).map_err(|fault| fault.to_string())?;
        Ok(Self { cluster, node: NodeId(written.node), groups: written.groups, scope, begun: written.begun })
    }
}

/// A data folder that this process alone uses, until it is dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder, empty but for its lock.
    ///
    /// # Errors
    /// [`Error::Present`] if something is in it, [`Error::InUse`], [`Error::File`].
    pub fn create(path: &Path) -> Result<Self, Error> {
        make(path)?;
        let folder = Self::lock(path)?;
        let inside = fs::read_dir(path).map_err(file("listed", path))?;
        let present: Vec<PathBuf> =
            inside.flatten().map(|entry| entry.path()).filter(|entry| !entry.ends_with(LOCK)).collect();
        if present.is_empty() { Ok(folder) } else { Err(Error::Present { present }) }
    }

    /// Takes a folder that `init` made.
    ///
    /// # Errors
    /// [`Error::NotInitialised`], [`Error::InUse`], [`Error::File`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        // Nothing is made in a place that is empty since its disk is not mounted, not even a lock.
        match fs::metadata(path.join(IDENTITY)) {
            Ok(_) => Self::lock(path),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::NotInitialised { folder: path.to_owned() }),
            Err(error) => Err(file("read", &path.join(IDENTITY))(error)),
        }
    }

    fn lock(path: &Path) -> Result<Self, Error> {
        let at = path.join(LOCK);
        let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&at);
        let lock = opened.map_err(file("opened", &at))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse { folder: path.to_owned() }),
            Err(TryLockError::Error(error)) => Err(file("locked", &at)(error)),
        }
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the log database lies.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.path.join(LOG)
    }

    /// Where the table database lies.
    #[must_use]
    pub fn tables(&self) -> PathBuf {
        self.path.join(TABLES)
    }

    /// A file that is there once the node has seen another of its cluster, and then for good.
    #[must_use]
    pub fn several(&self) -> PathBuf {
        self.path.join(SEVERAL)
    }

    /// Where the marker lies.
    #[must_use]
    pub fn marker(&self) -> PathBuf {
        self.path.join(MARKER)
    }

    /// Whose it is.
    ///
    /// # Errors
    /// As [`identity`].
    pub fn identity(&self) -> Result<Identity, Error> {
        identity(&self.path)
    }

    /// Writes whose it is, whole or not at all.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn set_identity(&self, identity: &Identity) -> Result<(), Error> {
        let (path, next) = (self.path.join(IDENTITY), self.path.join(format!("{IDENTITY}.next")));
        let bytes = identity.render().map_err(|error| file("written", &path)(error.into()))?;
        replace(&path, &next, &bytes).map_err(file("written", &path))
    }
}

/// Whose the data folder at `folder` is; it may be in use. What a begun cluster must have is looked for, so that a part that
/// vanished is not begun anew.
///
/// # Errors
/// [`Error::NotInitialised`], [`Error::NotWhole`], [`Error::File`].
pub fn identity(folder: &Path) -> Result<Identity, Error> {
    let path = folder.join(IDENTITY);
    let mut bytes = Vec::new();
    let opened = File::open(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::NotInitialised { folder: folder.to_owned() },
        _ => file("read", &path)(error),
    })?;
    opened.take(IDENTITY_LIMIT_BYTES).read_to_end(&mut bytes).map_err(file("read", &path))?;
    let broken = |why: String| Error::NotWhole { folder: folder.to_owned(), why };
    let identity = Identity::parse(&bytes).map_err(|why| broken(format!("its file `{IDENTITY}`: {why}")))?;
    if identity.begun == identity.begun.started() {
        // A missing marker is storage's to judge, which can be told to accept a loss.
        for part in [LOG, TABLES] {
            if !folder.join(part).join("CURRENT").exists() {
                return Err(broken(format!("its cluster was begun, yet there is no database in `{part}`")));
            }
        }
    }
    Ok(identity)
}

/// Where the lock of a data folder lies.
#[must_use]
pub fn lock_of(folder: &Path) -> PathBuf {
    folder.join(LOCK)
}

/// Makes a folder for its owner alone, with whatever is missing above it.
///
/// # Errors
/// [`Error::File`].
pub fn make(path: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(file("made", path))
}

/// Writes a new file of this mode and syncs it; never replaces one.
///
/// # Errors
/// [`Error::File`].
pub fn write_new(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), Error> {
    let write = || {
        let mut out = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        out.write_all(bytes)?;
        out.sync_all()?;
        sync_parent(path)
    };
    write().map_err(file("written", path))
}

/// Replaces `path` at once by way of `next`.
///
/// # Errors
/// The system's; then the old file stands.
pub fn replace(path: &Path, next: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(next)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    fs::rename(next, path)?;
    sync_parent(path)
}

fn sync_parent(path: &Path) -> std::io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(begun: Begun) -> Identity {
        let scope = Scope::new("aws", "us-east-1", AccountId::default()).unwrap();
        Identity { cluster: ClusterId([7; 16]), node: NodeId(3), groups: 12, scope, begun }
    }

    #[test]
    fn an_identity_is_read_back_and_anything_else_is_refused() {
        let text = String::from_utf8(identity(Begun::New).render().unwrap()).unwrap();
        for begun in [Begun::New, Begun::Formed, Begun::Joined, Begun::Member] {
            assert_eq!(Identity::parse(&identity(begun).render().unwrap()), Ok(identity(begun)));
        }
        for (from, to) in [
            ("\"format\":1", "\"format\":2"),
            ("\"new\"", "\"old\""),
            ("\"node\":3", "\"node\":0"),
            ("\"groups\":12", "\"groups\":0"),
            ("0707-", "0707"),
            ("\"us-east-1\"", "\"moon\""),
            ("\"000000000000\"", "\"0\""),
            ("{", "{\"more\":1,"),
            ("}", ""),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            assert!(Identity::parse(changed.as_bytes()).is_err(), "{changed}");
        }
    }

    #[test]
    fn a_folder_is_made_once_and_used_by_one() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("a/data");
        assert!(matches!(Folder::open(&path), Err(Error::NotInitialised { .. })));
        assert!(!path.exists(), "a look made something");
        let folder = Folder::create(&path).unwrap();
        assert!(matches!(Folder::create(&path), Err(Error::InUse { .. })));
        folder.set_identity(&identity(Begun::New)).unwrap();
        assert!(matches!(Folder::open(&path), Err(Error::InUse { .. })));
        drop(folder);
        assert!(matches!(Folder::create(&path), Err(Error::Present { .. })));
        assert_eq!(Folder::open(&path).unwrap().identity().unwrap(), identity(Begun::New));
    }

    #[test]
    fn what_a_begun_cluster_lost_is_not_begun_anew() {
        let outer = tempfile::tempdir().unwrap();
        let folder = Folder::create(outer.path()).unwrap();
        folder.set_identity(&identity(Begun::Joined)).unwrap();
        assert_eq!(folder.identity().unwrap(), identity(Begun::Joined), "nothing is there before the first start");
        folder.set_identity(&identity(Begun::Joined.started())).unwrap();
        assert!(folder.identity().unwrap_err().to_string().contains("no database in `log`"));
        folder.set_identity(&identity(Begun::Formed)).unwrap();
        for (part, other) in [(folder.log(), "log"), (folder.tables(), "tables")] {
            let lacks = folder.identity().unwrap_err();
            assert!(lacks.to_string().contains(&format!("no database in `{other}`")), "{lacks}");
            fs::create_dir(&part).unwrap();
            fs::write(part.join("CURRENT"), b"").unwrap();
        }
        assert_eq!(folder.identity().unwrap(), identity(Begun::Formed));
    }
}
