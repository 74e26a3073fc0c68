//! Limits of a process, swaps, the control group, the clock: as the kernel tells them in its files.

use std::path::{Path, PathBuf};

use bascule_model::ambient::Clock;
use rustix::process::{Resource, getrlimit};

use crate::doctor::read::text_of;
use crate::doctor::readings::{Host, Limit, Seen};
use crate::limits::CGROUP_LIMIT_LEVELS;

const CGROUPS: &str = "/sys/fs/cgroup";
/// systemd-timesyncd makes the folder when it starts, and the file in it when it has set the clock.
const TIMESYNC: &str = "/run/systemd/timesync";

/// Looks at the machine, and at the limits of the running daemon, or of this process where none runs.
pub fn read(running: Option<u32>, clock: &dyn Clock) -> Host {
    let process = running.map_or_else(|| "self".to_owned(), |id| id.to_string());
    let limits = match running {
        Some(_) => text_of(Path::new(&format!("/proc/{process}/limits"))).map(|text| of_process(&text)),
        None => Ok((getrlimit(Resource::Nofile).current, getrlimit(Resource::Core).current)),
    };
    let (open_files_limit, core_limit_bytes) = match limits {
        Ok((files, core)) => (Ok(files), Ok(core)),
        Err(why) => (Err(why.clone()), Err(why)),
    };
    let groups = text_of(Path::new(&format!("/proc/{process}/cgroup")));
    let limit = |one: &str, two: &str| groups.clone().and_then(|text| of_group(&text, one, two));
    Host {
        open_files_limit,
        core_limit_bytes,
        core_pattern: text_of(Path::new("/proc/sys/kernel/core_pattern")).map(|text| text.trim().to_owned()),
        swaps: text_of(Path::new("/proc/swaps")).map(|text| swaps(&text)),
        swap_limit_bytes: limit("", "memory.swap.max"),
        memory_limit_bytes: limit("memory.limit_in_bytes", "memory.max"),
        memory_bytes: text_of(Path::new("/proc/meminfo")).and_then(|text| memory(&text)),
        wall: clock.wall(),
        synchronised: synchronised(Path::new(TIMESYNC)),
    }
}

/// Open files and core size of a `limits` file, the soft ones.
fn of_process(text: &str) -> (Limit, Limit) {
    let soft = |name: &str| {
        let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
        rest.split_whitespace().next()?.parse().ok()
    };
    (soft("Max open files"), soft("Max core file size"))
}

/// The names in the first column, below the heading.
fn swaps(text: &str) -> Vec<String> {
    text.lines().skip(1).filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect()
}

fn memory(text: &str) -> Seen<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kilobytes: Option<u64> = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
    kilobytes.map(|count| count * 1_024).ok_or_else(|| "`/proc/meminfo` does not say it".to_owned())
}

/// The least limit of a group and all above it: `one` is the file's name in version 1, `two` in version 2; an empty name is none.
fn of_group(text: &str, one: &str, two: &str) -> Seen<Limit> {
    let (base, group, name) = placed(text, one, two).ok_or("no control group says it")?;
    let mut at = base.join(group.trim_start_matches('/'));
    let mut least: Limit = None;
    let mut found = false;
    for _ in 0..CGROUP_LIMIT_LEVELS {
        if let Ok(text) = text_of(&at.join(name)) {
            found = true;
            let here: Limit = text.trim().parse().ok();
            least = [least, here].into_iter().flatten().min();
        }
        if at == base || !at.pop() {
            break;
        }
    }
    // The root of version 2 has no such file, and no limit; a group that cannot be seen at all is another matter.
    if found || base.join(name).is_file() || base.join("cgroup.controllers").is_file() {
        Ok(least)
    } else {
        Err("no control group says it".to_owned())
    }
}

/// Where the groups of memory hang, which of them it is, and the file's name there.
fn placed<'a>(text: &'a str, one: &'a str, two: &'a str) -> Option<(PathBuf, &'a str, &'a str)> {
    let fields = || text.lines().map(|line| line.splitn(3, ':').collect::<Vec<_>>());
    let first = fields().find_map(|fields| match fields.as_slice() {
        [_, controllers, path] if controllers.split(',').any(|name| name == "memory") => Some(*path),
        _ => None,
    });
    if let Some(path) = first {
        return (!one.is_empty()).then(|| (Path::new(CGROUPS).join("memory"), path, one));
    }
    let second = fields().find_map(|fields| match fields.as_slice() {
        ["0", "", path] => Some(*path),
        _ => None,
    });
    second.map(|path| (PathBuf::from(CGROUPS), path, two))
}

fn synchronised(folder: &Path) -> Seen<bool> {
    if folder.join("synchronized").exists() {
        return Ok(true);
    }
    if folder.is_dir() {
        return Ok(false);
    }
    Err("systemd-timesyncd does not run, and others leave no mark: see `chronyc tracking` or `ntpq -p`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max core file size        0                    unlimited            bytes     \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(of_process(limits), (Some(1_024), Some(0)));
        assert_eq!(
            of_process("Max open files            unlimited            unlimited            files"),
            (None, None)
        );
        let heading = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
        assert!(swaps(heading).is_empty());
        assert_eq!(swaps(&format!("{heading}/dev/dm-1   partition\t8388604\t0\t-2\n")), ["/dev/dm-1"]);
        assert_eq!(memory("MemTotal:       24576 kB\nMemFree: 1 kB\n"), Ok(24_576 * 1_024));
        assert!(memory("").is_err());
    }

    #[test]
    fn the_group_of_memory_is_found_in_both_versions() {
        let two = "0::/system.slice/basculed.service\n";
        let one = "3:cpuset:/\n4:memory,hugetlb:/box/7\n0::/\n";
        for (text, expected) in [
            (two, Some(("/sys/fs/cgroup", "/system.slice/basculed.service", "two"))),
            (one, Some(("/sys/fs/cgroup/memory", "/box/7", "one"))),
            ("", None),
        ] {
            let found = placed(text, "one", "two");
            let found = found.as_ref().map(|(base, group, name)| (base.to_str().unwrap(), *group, *name));
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(placed(one, "", "two"), None);
    }

    #[test]
    fn the_mark_of_a_set_clock_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        assert!(synchronised(&folder.path().join("none")).is_err());
        assert_eq!(synchronised(folder.path()), Ok(false));
        std::fs::write(folder.path().join("synchronized"), b"").unwrap();
        assert_eq!(synchronised(folder.path()), Ok(true));
    }

    #[test]
    fn this_machine_can_be_looked_at() {
        let host = read(None, &crate::ambient::System);
        assert!(host.open_files_limit.is_ok() && host.memory_bytes.is_ok_and(|bytes| bytes > 0));
        // The limits of a process are those that it has itself.
        let own = read(Some(std::process::id()), &crate::ambient::System);
        assert_eq!((own.open_files_limit, own.core_limit_bytes), (host.open_files_limit, host.core_limit_bytes));
    }
}
