//! A disk whose power can be cut: a file system in a file, mounted over a loop device, that is shut down without a flush.
//!
//! The shutdown is the file system's own (`EXT4_IOC_SHUTDOWN`, without flushing the journal): what was synced is there after the
//! next mount, what was not is gone. `perl`, which every Debian has, makes the call, since this package has no `unsafe`.

use std::env;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use bascule_tests::Outcome;

/// Set in the process that has a mount namespace of its own.
const OWN_ENV: &str = "BASCULE_OWN_MOUNTS";
/// The size that the file system believes to have; the file is sparse.
const IMAGE_BYTES: u64 = 4 << 30;
/// `_IOR('X', 125, __u32)` and `EXT4_GOING_FLAGS_NOLOGFLUSH`.
const SHUTDOWN: &str = r#"open(my $f, "<", $ARGV[0]) or die "open: $!\n"; my $flags = pack("L", 2);
defined(ioctl($f, 0x8004587d, $flags)) or die "ioctl: $!\n";"#;

/// A disk in a file. Dropping it unmounts it.
#[derive(Debug)]
pub struct Disk {
    image: PathBuf,
    mount: PathBuf,
}

/// Why power cannot be cut here; none if it can.
#[must_use]
pub fn why_not() -> Option<String> {
    if !rustix::process::getuid().is_root() {
        return Some("mounting takes root".to_owned());
    }
    let missing = ["mkfs.ext4", "mount", "umount", "perl", "unshare"].into_iter().find(|program| !is_there(program));
    if let Some(program) = missing {
        return Some(format!("`{program}` is not there"));
    }
    // Whether loop devices can be had at all is known by trying alone.
    let tried = tempfile::tempdir().map_err(anyhow::Error::from).and_then(|folder| {
        let run = |words: &[&str]| succeed(Command::new(words[0]).args(&words[1..]).current_dir(folder.path()));
        fs::create_dir(folder.path().join("mnt"))?;
        fs::File::create(folder.path().join("image"))?.set_len(64 << 20)?;
        run(&["mkfs.ext4", "-q", "-F", "image"])?;
        run(&["unshare", "-m", "sh", "-c", "mount -o loop image mnt && umount mnt"])
    });
    tried.err().map(|error| format!("{error:#}"))
}

fn is_there(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    // A root shell without login may lack the folders of administration.
    env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).any(|folder| folder.join(program).is_file())
}

/// Goes on as the same program in a mount namespace of its own.
///
/// # Errors
/// The system's.
pub fn enter_own_namespace() -> Outcome {
    if env::var_os(OWN_ENV).is_some() {
        return Ok(());
    }
    let mut command = Command::new("unshare");
    command.arg("-m").arg(env::current_exe()?).args(env::args_os().skip(1)).env(OWN_ENV, "1");
    Err(command.exec()).context("`unshare` cannot be run")
}

impl Disk {
    /// Makes one in the file `image`, mounted and empty at `mount`.
    ///
    /// # Errors
    /// The system's.
    pub fn make(image: &Path, mount: &Path) -> Outcome<Self> {
        fs::create_dir_all(mount)?;
        fs::File::create(image)?.set_len(IMAGE_BYTES)?;
        succeed(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(image))?;
        let disk = Self { image: image.to_owned(), mount: mount.to_owned() };
        disk.mount()?;
        // The daemon makes its folder only where nothing is.
        fs::remove_dir(mount.join("lost+found"))?;
        Ok(disk)
    }

    /// Writes down everything up to now, so that a cut takes what comes later alone.
    ///
    /// # Errors
    /// The system's.
    pub fn flush(&self) -> Outcome {
        succeed(Command::new("sync").arg("-f").arg(&self.mount))
    }

    /// Cuts the power: nothing that is not synced by now reaches the disk any more.
    ///
    /// # Errors
    /// The system's.
    pub fn cut(&self) -> Outcome {
        succeed(Command::new("perl").args(["-e", SHUTDOWN]).arg(&self.mount))
    }

    /// Power is back: mounted anew, with what was synced.
    ///
    /// # Errors
    /// The system's; for instance if a process still has a file of it open.
    pub fn back(&self) -> Outcome {
        succeed(Command::new("umount").arg(&self.mount))?;
        self.mount()
    }

    fn mount(&self) -> Outcome {
        succeed(Command::new("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.mount))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The namespace takes the mount with it if this fails.
        let _ = succeed(Command::new("umount").arg("-l").arg(&self.mount));
    }
}

fn succeed(command: &mut Command) -> Outcome {
    let path = format!("{}:/usr/sbin:/sbin", env::var("PATH").unwrap_or_default());
    let output = command.env("PATH", path).stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("`{}` cannot be run", command.get_program().display()))?;
    if !output.status.success() {
        bail!("{command:?} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
