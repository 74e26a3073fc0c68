//! The disk under the data folder: what it is, how long it takes to sync, how much of it is left.

use crate::doctor::finding::{Check, Finding};
use crate::doctor::judge::bytes;
use crate::doctor::readings::Disk;
use crate::limits::{
    DISK_FREE_AMPLE_BYTES, DISK_FREE_LEAST_BYTES, DISK_FREE_WANTED_BYTES, DISK_FREE_WANTED_PERCENT, INODES_LEAST_COUNT,
    INODES_WANTED_COUNT, SYNC_BAD_US, SYNC_GOOD_US, SYNC_UNREAL_US,
};

/// What a kind of file system is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worth {
    /// It keeps what it synced.
    Keeps,
    /// It is gone with the power, or with the container.
    Forgets,
    /// What a sync means there is another machine's affair.
    Elsewhere,
}

/// Magic numbers as statfs(2) lists them.
const KINDS: [(u64, &str, Worth); 16] = [
    (0xEF53, "ext4", Worth::Keeps),
    (0x5846_5342, "xfs", Worth::Keeps),
    (0x9123_683E, "btrfs", Worth::Keeps),
    (0x2FC1_2FC1, "zfs", Worth::Keeps),
    (0xF2F5_2010, "f2fs", Worth::Keeps),
    (0xCA45_1A4E, "bcachefs", Worth::Keeps),
    (0x0102_1994, "tmpfs", Worth::Forgets),
    (0x8584_58F6, "ramfs", Worth::Forgets),
    (0x794C_7630, "overlay", Worth::Forgets),
    (0x6969, "nfs", Worth::Elsewhere),
    (0xFF53_4D42, "cifs", Worth::Elsewhere),
    (0xFE53_4D42, "smb", Worth::Elsewhere),
    (0x0102_1997, "9p", Worth::Elsewhere),
    (0x6573_5546, "fuse", Worth::Elsewhere),
    (0x00C3_6400, "ceph", Worth::Elsewhere),
    (0x0BD0_0BD0, "lustre", Worth::Elsewhere),
];

/// All checks of the disk.
pub fn all(disk: &Disk, election_min_ms: u64) -> [Finding; 4] {
    [kind(disk), syncs(disk, election_min_ms), space(disk), inodes(disk)]
}

fn kind(disk: &Disk) -> Finding {
    const CHECK: Check = Check::FileSystem;
    let magic = match &disk.kind {
        Ok(magic) => *magic,
        Err(why) => return Finding::skipped(CHECK, why),
    };
    let at = disk.at.display();
    if disk.read_only {
        let seen = format!("`{at}` is mounted for reading alone");
        return Finding::fail(
            CHECK,
            seen,
            "mount it for writing; if the kernel changed it, look for disk errors in its log",
        );
    }
    let Some((_, name, worth)) = KINDS.iter().find(|(number, ..)| *number == magic) else {
        let seen = format!("`{at}` is of a kind that is not known here, {magic:#x}");
        return Finding::warn(CHECK, seen, "use ext4 or xfs, on which this is tried");
    };
    let seen = format!("`{at}` is {name}");
    match worth {
        Worth::Keeps => Finding::ok(CHECK, seen),
        Worth::Forgets => {
            let advice =
                "put `node.data` on a disk of its own: what is here is gone with the power or with the container";
            Finding::warn(CHECK, seen, advice)
        }
        Worth::Elsewhere => {
            let advice = "put `node.data` on a local disk: here another machine or process says what a sync is worth";
            Finding::warn(CHECK, seen, advice)
        }
    }
}

fn syncs(disk: &Disk, election_min_ms: u64) -> Finding {
    const CHECK: Check = Check::SyncLatency;
    let mut syncs = match &disk.syncs_us {
        Ok(syncs) => syncs.clone(),
        Err(why) => return Finding::skipped(CHECK, why),
    };
    syncs.sort_unstable();
    let (Some(median), Some(worst)) = (syncs.get(syncs.len() / 2).copied(), syncs.last().copied()) else {
        return Finding::skipped(CHECK, "no sync ended in time");
    };
    let seen = format!(
        "{} syncs of 4 KiB in `{}`: median {}, worst {}",
        syncs.len(),
        disk.at.display(),
        millis(median),
        millis(worst)
    );
    let election_us = election_min_ms.saturating_mul(1_000);
    if median > SYNC_BAD_US {
        let advice = "put `node.data` on another disk: every acknowledgement waits at least so long";
        return Finding::fail(CHECK, seen, advice);
    }
    if worst > election_us / 2 {
        let advice = format!(
            "see what else writes to this disk, or raise `raft.election_min_ms` ({election_min_ms}) to more \
                 than twice the worst"
        );
        return Finding::warn(CHECK, seen, advice);
    }
    if median > SYNC_GOOD_US {
        let advice = "put `node.data` on a disk that syncs within 10 ms: a server's SSD, or a controller \
             whose cache has a battery";
        return Finding::warn(CHECK, seen, advice);
    }
    if median < SYNC_UNREAL_US {
        let advice = "no disk is so quick: see that nothing on the way (a virtual disk's cache, a preloaded \
             library) drops syncs";
        return Finding::warn(CHECK, seen, advice);
    }
    Finding::ok(CHECK, seen)
}

fn millis(us: u64) -> String {
    format!("{:.2} ms", us as f64 / 1_000.0)
}

fn space(disk: &Disk) -> Finding {
    const CHECK: Check = Check::DiskSpace;
    let (free, all) = match &disk.bytes {
        Ok(counts) => *counts,
        Err(why) => return Finding::skipped(CHECK, why),
    };
    let seen = format!("{} of {} are free at `{}`", bytes(free), bytes(all), disk.at.display());
    let part = (all / 100).saturating_mul(DISK_FREE_WANTED_PERCENT);
    let wanted = part.clamp(DISK_FREE_WANTED_BYTES, DISK_FREE_AMPLE_BYTES);
    let advice = format!("free some or grow the disk, to {} or more: docs/runbooks/disk-full.md", bytes(wanted));
    match free {
        _ if free < DISK_FREE_LEAST_BYTES => Finding::fail(CHECK, seen, advice),
        _ if free < wanted => Finding::warn(CHECK, seen, advice),
        _ => Finding::ok(CHECK, seen),
    }
}

fn inodes(disk: &Disk) -> Finding {
    const CHECK: Check = Check::Inodes;
    let advice = "remove files that nobody needs, or make the file system anew with more inodes";
    match &disk.inodes {
        Err(why) => Finding::skipped(CHECK, why),
        Ok((_, 0)) => Finding::ok(CHECK, "this file system makes them as it needs them"),
        Ok((free, all)) => {
            let seen = format!("{free} of {all} are free");
            match *free {
                ..INODES_LEAST_COUNT => Finding::fail(CHECK, seen, advice),
                INODES_LEAST_COUNT..INODES_WANTED_COUNT => Finding::warn(CHECK, seen, advice),
                _ => Finding::ok(CHECK, seen),
            }
        }
    }
}
