//! The machine: what a process may have on it, its clock, and where its memory may end up.

use crate::doctor::finding::{Check, Finding};
use crate::doctor::judge::bytes;
use crate::doctor::readings::{Host, Limit, Seen};
use crate::limits::{CLOCK_LEAST_MS, CLOCK_MOST_MS, OPEN_FILES_SPARE_COUNT, OPEN_FILES_WANTED_COUNT};

/// All checks of the machine, for a node of so many connections.
pub fn all(host: &Host, connections: Option<u64>) -> [Finding; 6] {
    [open_files(host, connections), clock(host), clock_sync(host), core_dumps(host), swap(host), memory(host)]
}

fn open_files(host: &Host, connections: Option<u64>) -> Finding {
    const CHECK: Check = Check::OpenFiles;
    let limit = match &host.open_files_limit {
        Ok(Some(limit)) => *limit,
        Ok(None) => return Finding::ok(CHECK, "no limit"),
        Err(why) => return Finding::skipped(CHECK, why),
    };
    let seen = format!("{limit} may be open");
    let advice = format!(
        "raise the limit to {OPEN_FILES_WANTED_COUNT}: `LimitNOFILE=` in the unit, `--ulimit nofile=` of a container"
    );
    match connections.map(|count| count.saturating_add(OPEN_FILES_SPARE_COUNT)) {
        Some(needed) if limit < needed => {
            let seen = format!("{seen}, fewer than the {needed} that `limits.connections` and the databases need");
            Finding::fail(CHECK, seen, advice)
        }
        _ if limit < OPEN_FILES_WANTED_COUNT => Finding::warn(CHECK, seen, advice),
        _ => Finding::ok(CHECK, seen),
    }
}

fn clock(host: &Host) -> Finding {
    const CHECK: Check = Check::Clock;
    let seen = format!("it says {}", host.wall.rfc3339_seconds());
    if (CLOCK_LEAST_MS..CLOCK_MOST_MS).contains(&host.wall.0) {
        return Finding::ok(CHECK, seen);
    }
    Finding::fail(CHECK, seen, "set the clock, and let a time service keep it: `timedatectl set-ntp true`")
}

fn clock_sync(host: &Host) -> Finding {
    const CHECK: Check = Check::ClockSync;
    match &host.synchronised {
        Ok(true) => Finding::ok(CHECK, "systemd-timesyncd has set it since the machine started"),
        Ok(false) => Finding::warn(
            CHECK,
            "systemd-timesyncd runs and has not set it yet",
            "see `timedatectl timesync-status`: its servers may be out of reach",
        ),
        Err(why) => Finding::skipped(CHECK, why),
    }
}

fn core_dumps(host: &Host) -> Finding {
    const CHECK: Check = Check::CoreDumps;
    let (limit, pattern) = match (&host.core_limit_bytes, &host.core_pattern) {
        (Ok(limit), Ok(pattern)) => (*limit, pattern.as_str()),
        (Err(why), _) | (_, Err(why)) => return Finding::skipped(CHECK, why),
    };
    let advice = "set `LimitCORE=0` in the unit, or `ulimit -c 0` before the start";
    match (limit, pattern.strip_prefix('|')) {
        (Some(0), None) => Finding::ok(CHECK, "none are written"),
        // It keeps to the limit of the process, though the kernel would not make it.
        (Some(0), Some(program)) if program.contains("systemd-coredump") => Finding::ok(CHECK, "none are written"),
        (Some(0), Some(_)) => Finding::warn(
            CHECK,
            "the kernel hands them to a program, whatever the limit of the process is",
            "see that the program named in /proc/sys/kernel/core_pattern keeps none of basculed",
        ),
        (Some(limit), _) => Finding::warn(CHECK, format!("up to {} of one is written", bytes(limit)), advice),
        (None, _) => Finding::warn(CHECK, "a crash writes all memory", advice),
    }
}

fn swap(host: &Host) -> Finding {
    const CHECK: Check = Check::Swap;
    let swaps = match &host.swaps {
        Ok(swaps) => swaps,
        Err(why) => return Finding::skipped(CHECK, why),
    };
    if swaps.is_empty() {
        return Finding::ok(CHECK, "there is none");
    }
    let seen = format!("pages may go to {}", swaps.join(", "));
    if host.swap_limit_bytes == Ok(Some(0)) {
        return Finding::ok(CHECK, "there is some, which the control group keeps the daemon from");
    }
    Finding::warn(CHECK, seen, "set `MemorySwapMax=0` in the unit, encrypt the swap, or turn it off")
}

/// Information, and never more: what is enough depends on what the node does.
fn memory(host: &Host) -> Finding {
    const CHECK: Check = Check::MemoryLimit;
    let number =
        |seen: &Seen<u64>| seen.as_ref().map_or_else(|_| "an unknown amount".to_owned(), |count| bytes(*count));
    let machine = number(&host.memory_bytes);
    match &host.memory_limit_bytes {
        Ok(limit) => match limit_below(*limit, &host.memory_bytes) {
            Some(limit) => Finding::ok(CHECK, format!("{}, of {machine} of the machine", bytes(limit))),
            None => Finding::ok(CHECK, format!("none but the {machine} of the machine")),
        },
        Err(why) => Finding::skipped(CHECK, why),
    }
}

/// A limit that the machine itself does not reach is none.
fn limit_below(limit: Limit, machine: &Seen<u64>) -> Limit {
    limit.filter(|limit| machine.as_ref().map_or(true, |all| limit < all))
}
