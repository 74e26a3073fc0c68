//! The data folder and the files with keys: looked at without taking the folder's lock, so that a start beside this is not refused.

use std::fs::{self, File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bascule_keyring::node_keys::{self, NodeKeys};
use bascule_keyring::provider::local::Local;
use rustix::fs::{major, minor};

use crate::certificates;
use crate::config::Settings;
use crate::doctor::read::{text_of, told};
use crate::doctor::readings::{Access, DataFolder, Holder, KeyFile, LogFolder, Opened, Seen, State};
use crate::error::Error;
use crate::folder;
use crate::ground::{self, Air};

const PERMISSION_BITS: u32 = 0o7777;

/// Looks at the data folder.
pub fn read(settings: &Settings) -> DataFolder {
    let path = settings.node.data.clone();
    let access = match fs::metadata(&path) {
        Ok(facts) => Ok(access(&facts)),
        Err(error) => Err(error.to_string()),
    };
    DataFolder { state: state(settings, &path), holder: holder(&folder::lock_of(&path)), access, path }
}

fn access(facts: &Metadata) -> Access {
    Access { mode: facts.permissions().mode() & PERMISSION_BITS, owner: facts.uid() }
}

fn state(settings: &Settings, path: &Path) -> State {
    match fs::read_dir(path).map(|mut inside| inside.next().is_none()) {
        Ok(true) => return State::Unmade,
        Ok(false) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return State::Unmade,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return State::Unseen(unseen(path)),
        Err(error) => return State::Wrong(format!("`{}` cannot be listed: {error}", path.display())),
    }
    let known = folder::identity(path).and_then(|known| ground::agree(settings, &known).map(|()| known));
    match known {
        Ok(known) => State::Made { cluster: known.cluster.to_string() },
        Err(Error::File { source, .. }) if source.kind() == ErrorKind::PermissionDenied => State::Unseen(unseen(path)),
        Err(error) => State::Wrong(error.chain()),
    }
}

fn unseen(path: &Path) -> String {
    format!("this user may not read `{}`: run this as root or as the daemon's user", path.display())
}

/// Who holds the lock, by the kernel's list of locks.
fn holder(lock: &Path) -> Holder {
    let Ok(facts) = fs::metadata(lock) else { return Holder::Nobody };
    let Ok(locks) = text_of(Path::new("/proc/locks")) else { return Holder::Nobody };
    let device = format!("{:02x}:{:02x}", major(facts.dev()), minor(facts.dev()));
    match listed(&locks, |at| at == format!("{device}:{}", facts.ino())) {
        // Some file systems are known to the list by another device: then the name of the program must do.
        Holder::Nobody => match listed(&locks, |at| at.ends_with(&format!(":{}", facts.ino()))) {
            Holder::Process(id) if named(id) => Holder::Process(id),
            _ => Holder::Nobody,
        },
        found => found,
    }
}

/// Whether the program of this process is called as this one is.
fn named(id: u32) -> bool {
    text_of(Path::new(&format!("/proc/{id}/comm"))).is_ok_and(|name| name.trim() == env!("CARGO_BIN_NAME"))
}

/// The holder of the first whole-file lock at such a place, which is `device:inode`.
fn listed(locks: &str, wanted: impl Fn(&str) -> bool) -> Holder {
    let row = locks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut held = row.filter(|row| row.get(1) == Some(&"FLOCK") && row.get(5).is_some_and(|at| wanted(at)));
    match held.next() {
        None => Holder::Nobody,
        // A process of another namespace is listed without its id.
        Some(row) => match row.get(4).and_then(|id| id.parse().ok()) {
            None | Some(0) => Holder::Somebody,
            Some(id) => Holder::Process(id),
        },
    }
}

/// Looks at the folder of the log target's files.
pub fn log(settings: &Settings) -> Option<LogFolder> {
    let path = settings.delivery.log_folder.clone()?;
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    Some(LogFolder { inside: real(&path).starts_with(real(&settings.node.data)), access: there(&path), path })
}

/// Looks at every file with a key that this configuration speaks of.
pub fn keys(settings: &Settings) -> Vec<KeyFile> {
    let wrapped = settings.node.data.join(node_keys::FILE_NAME);
    let mut paths = vec![(settings.root_key.clone(), true), (settings.tls.key.clone(), true), (wrapped, true)];
    if !settings.tls.foreign {
        paths.extend(certificates::spare_keys(&settings.tls.folder).into_iter().map(|path| (path, false)));
    }
    paths.into_iter().map(|(path, needed)| key(path, needed)).collect()
}

fn key(path: PathBuf, needed: bool) -> KeyFile {
    KeyFile { access: there(&path), path, needed }
}

/// Mode and owner of what may not be there.
fn there(path: &Path) -> Seen<Option<Access>> {
    match fs::metadata(path) {
        Ok(facts) => Ok(Some(access(&facts))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("`{}` cannot be looked at: {error}", path.display())),
    }
}

/// Tries whether the root key opens the folder's keys; both are let go of at once.
pub fn root_key(settings: &Settings, state: &State, air: &Air) -> Seen<Opened> {
    match state {
        State::Made { .. } => {}
        State::Unseen(why) => return Err(why.clone()),
        State::Unmade => return Err("there is no data yet that it would open".to_owned()),
        State::Wrong(_) => return Err("the data folder is not as it must be".to_owned()),
    }
    let (path, data) = (&settings.root_key, &settings.node.data);
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(unseen(path)),
        _ => {}
    }
    let opened = || {
        let cluster = folder::identity(data)?.cluster;
        let root = Local::load(path, data, Arc::clone(&air.entropy))?;
        NodeKeys::load(data, cluster, &root)?;
        Ok::<(), Error>(())
    };
    Ok(opened().map_or_else(|error| Opened::No(told(error)), |()| Opened::Yes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_lock_is_found_in_the_kernels_list() {
        let locks = "1: FLOCK  ADVISORY  WRITE 11017 fe:00:10011233 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 12 fe:00:7 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 0 fe:01:8 0 EOF\n\
                     4: FLOCK  ADVISORY  WRITE -1 fe:01:9 0 EOF\n";
        for (device, inode, expected) in [
            ("fe:00", 10_011_233, Holder::Process(11_017)),
            ("fe:01", 10_011_233, Holder::Nobody),
            ("fe:00", 7, Holder::Nobody),
            ("fe:01", 8, Holder::Somebody),
            ("fe:01", 9, Holder::Somebody),
        ] {
            let wanted = format!("{device}:{inode}");
            assert_eq!(listed(locks, |at| at == wanted), expected, "{wanted}");
        }
    }

    #[test]
    fn a_lock_that_is_held_here_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        assert_eq!(holder(&path), Holder::Nobody);
        let file = File::create(&path).unwrap();
        assert_eq!(holder(&path), Holder::Nobody);
        file.try_lock().unwrap();
        // Some file systems show another device in the kernel's list; where this one does not, it is seen.
        assert!(matches!(holder(&path), Holder::Nobody | Holder::Process(_)));
    }
}
