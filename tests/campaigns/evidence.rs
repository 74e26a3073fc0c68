//! The page that a campaign leaves: commit, command, machine, seed, figures, verdict.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::Context as _;
use bascule_tests::Outcome;
use bascule_tests::ledger::Account;

use crate::arguments::{Arguments, Name};
use crate::campaign::Verdict;
use crate::figures::{self, Round};

/// Lines of a finding on a page.
const SHOWN_LINES: usize = 20;
/// Characters of each.
const SHOWN_CHARS: usize = 160;

/// What is told.
pub struct Page<'a> {
    /// The commit that was checked out when it began.
    pub commit: &'a str,
    /// What was asked for.
    pub arguments: &'a Arguments,
    /// Every round.
    pub rounds: &'a [Round],
    /// The account at the end.
    pub account: &'a Account,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub verdict: Verdict,
}

/// The verdict in words.
#[must_use]
pub fn verdict(page: &Page<'_>) -> String {
    let (rounds, blows) = (page.rounds.len(), page.rounds.iter().map(|round| round.blows).sum::<u64>());
    let lost: u64 = page.account.lost.values().sum();
    match (page.verdict, page.arguments.planted) {
        (Verdict::Passed, false) => {
            format!("PASSED: {rounds} rounds, {blows} blows, 0 of {} deliveries lost", page.account.owed)
        }
        (Verdict::Passed, true) => {
            format!(
                "PASSED: the planted fault was found in round {rounds}: {lost} of {} deliveries lost",
                page.account.owed
            )
        }
        (_, false) => format!("FAILED in round {rounds}"),
        (_, true) => format!("FAILED: a fault was planted, and {rounds} rounds did not find it"),
    }
}

/// Writes the page, if one is wanted.
///
/// # Errors
/// It cannot be written.
pub fn write(page: &Page<'_>) -> Outcome {
    keep(page.arguments, &text(page))
}

/// Writes a page of this text, if one is wanted.
///
/// # Errors
/// It cannot be written.
pub fn keep(arguments: &Arguments, text: &str) -> Outcome {
    let Some(folder) = &arguments.evidence else { return Ok(()) };
    let planted = match (arguments.planted, arguments.forgetful) {
        (true, _) => "-planted",
        (_, true) => "-forgetful",
        _ => "",
    };
    let path = folder.join(format!("{}{planted}.md", arguments.name.word()));
    fs::create_dir_all(folder)?;
    fs::write(&path, text).with_context(|| format!("`{}`", path.display()))
}

fn text(page: &Page<'_>) -> String {
    let Arguments { name, seed, typed, planted, .. } = page.arguments;
    let what = match name {
        Name::Crash | Name::Queue | Name::Rotation | Name::Failover => {
            "SIGKILL to the daemon under 8 producers, then a start on the same folder; every fourth time once more at once."
        }
        Name::PowerCut => {
            "The daemon's folder lies on an ext4 of its own, which is shut down without a flush (`EXT4_IOC_SHUTDOWN`) under 8\n\
             producers: synced bytes stay, all others are gone. Then a mount and a start on what is left."
        }
    };
    let control = if *planted {
        "\nThe daemon of this run acknowledges without a sync (`BASCULE_PLANT=no-sync`): the campaign passes if it finds the loss.\n"
    } else {
        ""
    };
    let wrong: Vec<String> = page.rounds.iter().flat_map(|round| &round.wrong).map(|wrong| finding(wrong)).collect();
    format!(
        "# Campaign `{}`{}\n\n{what}\n{control}\n\
         Targets: webhooks that answer at once, after 250 ms, every fourth time with 500, with 410 (dead letters into a queue), with\n\
         503 (given up, the bus's own table); a queue with a consumer; a rule with a webhook and a queue; and a rule that is deleted\n\
         before, at or after the blow. After each round everything is waited for, and acknowledged ∧ matched = delivered ∪\n\
         dead-lettered ∪ pending ∪ cancelled is checked event by event; queues are drained, dead letters read.\n\n\
         | | |\n|---|---|\n| commit | {}, {} |\n| command | `./x campaign {typed}` |\n| seed | {seed} |\n| machine | {} |\n| rounds | {}, in {} s |\n\n\
         {}\n**{}**\n{}",
        name.word(),
        if *planted { ", with a planted fault" } else { "" },
        page.commit,
        profile(),
        machine(),
        page.rounds.len(),
        page.took.as_secs(),
        figures::table(page.rounds),
        verdict(page),
        wrong.concat(),
    )
}

/// A finding, as a page shows it.
#[must_use]
pub fn finding(wrong: &str) -> String {
    format!("\n```text\n{}\n```\n", shortened(wrong))
}

/// A page shows the beginning of what is long; the run itself showed all of it.
fn shortened(text: &str) -> String {
    let lines = text.trim_end().lines().take(SHOWN_LINES).map(|line| match line.char_indices().nth(SHOWN_CHARS) {
        Some((at, _)) => format!("{} …", &line[..at]),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The commit that is checked out, and how much differs from it.
#[must_use]
pub fn commit() -> String {
    let git = |words: &[&str]| {
        let output = Command::new("git").args(words).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let changes = git(&["status", "--porcelain"]).unwrap_or_default().lines().count();
    match changes {
        0 => commit,
        some => format!("{commit} with {some} files that are not committed"),
    }
}

/// How the programs of this run were built, by this one, which is built with them.
#[must_use]
pub const fn profile() -> &'static str {
    if cfg!(debug_assertions) { "development build" } else { "release build" }
}

/// Processors, memory, kernel, and the file system of temporary folders.
#[must_use]
pub fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let model = value(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let processors = available_parallelism().map_or(0, usize::from);
    let memory_kib =
        value(&read("/proc/meminfo"), "MemTotal").and_then(|text| text.trim_end_matches(" kB").parse::<u64>().ok());
    let memory_gib = memory_kib.unwrap_or_default() / 1_048_576;
    let kernel = read("/proc/sys/kernel/osrelease");
    let system = file_system(&read("/proc/self/mounts"), &std::env::temp_dir());
    format!("{processors} × {model}, {memory_gib} GiB, Linux {}, {system}", kernel.trim())
}

/// The type of the file system that holds a path.
fn file_system(mounts: &str, path: &Path) -> String {
    let rows = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let holding = rows.filter(|row| row.len() > 2 && path.starts_with(row[1])).max_by_key(|row| row[1].len());
    holding.map_or_else(|| "unknown file system".to_owned(), |row| row[2].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_holds_a_path() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tm xfs rw 0 0\n";
        assert_eq!(file_system(mounts, Path::new("/tmp/x")), "tmpfs");
        assert_eq!(file_system(mounts, Path::new("/home")), "ext4");
        assert_eq!(file_system("", Path::new("/home")), "unknown file system");
    }
}
