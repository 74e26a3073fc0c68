//! What the machine says: processor time of processes and of everybody, load, a bare append and fdatasync, syncs that were traced.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bascule_tests::Outcome;

use crate::load::Calls;

/// Ticks of `/proc` a second, on every architecture that Linux still has.
const TICKS_PER_SECOND: f64 = 100.0;
/// Bytes of a bare append: those of an event.
const BLOCK_BYTES: usize = 1_024;

/// Processor time, in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// Of the servers that are measured.
    pub servers: f64,
    /// Of this process: all clients.
    pub clients: f64,
    /// Of the servers that stand beside and have nothing to do.
    pub beside: f64,
    /// Of everybody else on the machine.
    pub strangers: f64,
}

/// A moment from which on processor time is counted.
pub struct Watch<'a> {
    servers: &'a [u32],
    beside: &'a [u32],
    at: [f64; 4],
}

impl<'a> Watch<'a> {
    /// From now on.
    ///
    /// # Errors
    /// `/proc` is not there, or a process is not.
    pub fn start(servers: &'a [u32], beside: &'a [u32]) -> Outcome<Self> {
        Ok(Self { servers, beside, at: read(servers, beside)? })
    }

    /// What was spent since.
    ///
    /// # Errors
    /// As [`Watch::start`].
    pub fn stop(&self) -> Outcome<Spent> {
        let now = read(self.servers, self.beside)?;
        let [servers, clients, beside, all] = [0, 1, 2, 3].map(|nth| now[nth] - self.at[nth]);
        let strangers = (all - servers - clients - beside).max(0.0);
        Ok(Spent { servers, clients, beside, strangers })
    }
}

fn read(servers: &[u32], beside: &[u32]) -> Outcome<[f64; 4]> {
    let sum = |pids: &[u32]| pids.iter().map(|pid| of(&pid.to_string())).sum::<Outcome<f64>>();
    Ok([sum(servers)?, of("self")?, sum(beside)?, busy()?])
}

fn of(process: &str) -> Outcome<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).with_context(|| format!("process {process}"))?;
    // The name may hold spaces: what counts comes behind its closing parenthesis.
    let (_, rest) = text.rsplit_once(')').context("no name")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).context("no times");
    Ok((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

/// Of all processors together, idle and waiting left out.
fn busy() -> Outcome<f64> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().context("no line of all processors")?;
    let ticks: Vec<f64> = line.split_ascii_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    let waiting: f64 = ticks.iter().skip(3).take(2).sum();
    Ok((ticks.iter().take(8).sum::<f64>() - waiting) / TICKS_PER_SECOND)
}

/// Processors.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The machine in one line.
pub fn described() -> String {
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or_else(String::new, |(_, value)| value.trim().to_owned())
    };
    let cpu = field(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default(), "model name");
    let memory = field(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), "MemTotal");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} × {cpu}, {memory}, Linux {}", processors(), kernel.trim())
}

/// The commit that is checked out, and whether files differ from it.
pub fn commit() -> String {
    let git = |words: &[&str]| {
        let done = Command::new("git").args(words).stdin(Stdio::null()).output().ok()?;
        Some(String::from_utf8_lossy(&done.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "no commit".to_owned());
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).unwrap_or_default();
    match changed.lines().count() {
        0 => commit,
        count => format!("{commit} with {count} files that are not committed"),
    }
}

/// Appends and syncs for `span`, as the least that durability costs here and now.
///
/// # Errors
/// The disk's.
pub fn fdatasync(folder: &Path, span: Duration) -> Outcome<Calls> {
    let mut file = File::create(folder.join("bare"))?;
    let (block, began, mut times) = ([7_u8; BLOCK_BYTES], Instant::now(), Vec::new());
    while began.elapsed() < span {
        let at = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        times.push(u64::try_from(at.elapsed().as_micros())?);
    }
    let count = times.len() as u64;
    Calls::of(times, count, began.elapsed())
}

/// A program that is started under a tracer which sees its syncs and nothing else.
pub struct Traced {
    /// What is started in its place: the process has the same number as it would have without.
    pub program: PathBuf,
    folder: PathBuf,
}

impl Traced {
    /// For `program`, with everything in `folder`; `None` where there is no tracer.
    ///
    /// # Errors
    /// The disk's.
    pub fn of(program: &Path, folder: &Path) -> Outcome<Option<Self>> {
        let there = Command::new("strace").arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).status();
        if !there.is_ok_and(|status| status.success()) {
            return Ok(None);
        }
        fs::create_dir_all(folder)?;
        let script = folder.join("traced");
        // With a filter in the kernel, calls of other kinds run at full speed; `-D` leaves the process a child of ours.
        let text = format!(
            "#!/bin/sh\nexec strace -D -f --seccomp-bpf -qq -e trace=fsync,fdatasync,sync_file_range,msync,syncfs -o '{}'/syncs.$$ -- '{}' \"$@\"\n",
            folder.display(),
            program.display()
        );
        fs::write(&script, text)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        Ok(Some(Self { program: script, folder: folder.to_owned() }))
    }

    /// Syncs so far, of all processes.
    ///
    /// # Errors
    /// The disk's.
    pub fn count(&self) -> Outcome<u64> {
        let mut count = 0;
        for file in fs::read_dir(&self.folder)? {
            let path = file?.path();
            if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("syncs.")) {
                continue;
            }
            let lines = BufReader::new(File::open(path)?).lines().map_while(Result::ok);
            // A call during which another thread called is written twice.
            count += lines.filter(|line| line.contains("sync") && !line.contains("resumed>")).count() as u64;
        }
        Ok(count)
    }
}
