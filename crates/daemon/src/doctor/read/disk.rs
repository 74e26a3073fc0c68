//! The disk under the data folder, or under the place where it will be; and a probe of how long it takes to sync.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, statfs, statvfs};

use crate::ambient::System;
use crate::doctor::readings::Disk;
use crate::limits::{PROBE_LIMIT_MS, PROBE_LIMIT_SYNCS, PROBE_WRITE_BYTES};

/// Looks at the disk of `data`.
pub fn read(data: &Path) -> Disk {
    let at = standing(data);
    let failed = |error: rustix::io::Errno| format!("`{}` cannot be looked at: {error}", at.display());
    let counts = statvfs(&at).map_err(failed);
    // The number is 32 bits wide, whatever the type.
    let kind = statfs(&at).map(|seen| (seen.f_type as u64) & 0xFFFF_FFFF).map_err(failed);
    Disk {
        kind,
        read_only: counts.as_ref().is_ok_and(|seen| seen.f_flag.contains(StatVfsMountFlags::RDONLY)),
        bytes: counts.as_ref().map_err(String::clone).map(|seen| {
            let of = |blocks: u64| blocks.saturating_mul(seen.f_frsize);
            (of(seen.f_bavail), of(seen.f_blocks))
        }),
        inodes: counts.map(|seen| (seen.f_favail, seen.f_files)),
        syncs_us: probe(&at, &System).map_err(|error| format!("nothing can be written in `{}`: {error}", at.display())),
        at,
    }
}

/// The folder itself, or the nearest one above it that is there.
fn standing(data: &Path) -> PathBuf {
    let there = data.ancestors().find(|path| path.is_dir());
    there.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// Microseconds of each sync of a small file, until the time for it is over.
fn probe(folder: &Path, clock: &System) -> io::Result<Vec<u64>> {
    let mut file = passing(folder)?;
    let page = [0xB5; PROBE_WRITE_BYTES];
    let began = clock.monotonic_us();
    let mut syncs = Vec::with_capacity(PROBE_LIMIT_SYNCS);
    while syncs.len() < PROBE_LIMIT_SYNCS && clock.monotonic_us() - began < PROBE_LIMIT_MS * 1_000 {
        file.write_all(&page)?;
        let before = clock.monotonic_us();
        file.sync_data()?;
        syncs.push(clock.monotonic_us() - before);
    }
    Ok(syncs)
}

/// A file without a name: whatever ends this process, nothing is left.
fn passing(folder: &Path) -> io::Result<File> {
    let path = folder.join(format!(".basculed-doctor-{}", std::process::id()));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_syncs_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let syncs = probe(folder.path(), &System).unwrap();
        assert!(!syncs.is_empty() && syncs.len() <= PROBE_LIMIT_SYNCS);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(probe(&folder.path().join("none"), &System).is_err());
    }

    #[test]
    fn what_is_not_there_yet_is_looked_at_from_above() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(standing(&folder.path().join("a/b")), folder.path());
        assert_eq!(standing(folder.path()), folder.path());
        assert_eq!(standing(Path::new("nowhere/at/all")), Path::new("."));
        let disk = read(&folder.path().join("a"));
        assert!(disk.kind.is_ok() && disk.bytes.is_ok_and(|(free, all)| free <= all) && !disk.read_only);
    }
}
