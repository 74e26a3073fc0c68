//! Three nodes of ours beside three NATS servers, on one machine at the same moment: events of 1 KiB, synced on a majority before
//! every acknowledgement, delivery on, TLS for clients and peers.
//!
//! On our side one rule of 1,000 matches each event, it is sealed, and a log target writes it into memory; the peer matches and
//! encrypts nothing, and one consumer takes what it stores. Rounds are interleaved; shown are medians over the rounds, and their
//! range; ratios are those of the same round. `./x bench cluster --help` says what can be asked for.

mod arguments;
mod figures;
mod gaps;
mod load;
mod machine;
mod nats;
mod ours;
mod page;
mod rows;

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bascule_tests::Outcome;
use bascule_tests::binaries::Program;

use crate::arguments::Arguments;
use crate::figures::{Figures, Synced};
use crate::gaps::Fault;
use crate::machine::Traced;
use crate::nats::Nats;
use crate::ours::Ours;
use crate::rows::{ROWS, Sides};

/// The variable that names the peer's program.
const PEER_ENV: &str = "BASCULE_BENCH_NATS";
/// Before anything is measured.
const WARM_UP: Duration = Duration::from_secs(2);
/// Rows of which syncs are counted: 128 and 1 in flight, batches.
const COUNTED: [usize; 7] = [0, 1, 2, 3, 4, 5, 6];

/// A word to whoever watches.
///
/// # Errors
/// The system's.
pub fn say(text: &str) -> Outcome {
    Ok(writeln!(io::stderr(), "{text}")?)
}

/// Folders of a run: on the disk of the work, and in memory for what is discarded.
struct Folders {
    disk: tempfile::TempDir,
    memory: tempfile::TempDir,
}

impl Folders {
    fn make() -> Outcome<Self> {
        // Beside the build, so that it is the disk of the work and no memory file system.
        let near = env::current_exe()?;
        let near = near.parent().context("the benchmark's own binary lies nowhere")?;
        let disk = tempfile::Builder::new().prefix("bench-").tempdir_in(near)?;
        let shm = Path::new("/dev/shm");
        let memory = if shm.is_dir() { shm.to_owned() } else { env::temp_dir() };
        Ok(Self { disk, memory: tempfile::Builder::new().prefix("bascule-bench-").tempdir_in(memory)? })
    }

    fn discarded(&self, name: &str) -> Outcome<PathBuf> {
        let folder = self.memory.path().join(name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

async fn load(arguments: &Arguments, folders: &Folders, peer: Option<&Path>, figures: &mut Figures) -> Outcome {
    say("forming both clusters")?;
    let home = folders.disk.path();
    let ours = Arc::new(Ours::form(&home.join("ours"), &folders.discarded("ours")?, None).await?);
    let nats = match peer {
        Some(program) => Some(Arc::new(Nats::form(&home.join("nats"), program).await?)),
        None => None,
    };
    let mut sides = Sides::new(ours, nats);
    if arguments.wants_load() {
        for place in [0, 1] {
            if !ROWS[place].is_of_peer() || peer.is_some() {
                sides.measure(ROWS[place], WARM_UP).await?;
            }
        }
        for nth in 1..=arguments.rounds {
            let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
            say(&format!("round {nth} of {}, load {}", arguments.rounds, load.trim()))?;
            figures.rounds.push(sides.round(&arguments.only, nth, arguments.span, home).await?);
        }
        // Now already, since what follows takes longer.
        page::show(figures)?;
    }
    let Sides { ours, nats, .. } = sides;
    let (Some(mut ours), mut nats) = (Arc::into_inner(ours), nats.and_then(Arc::into_inner)) else {
        anyhow::bail!("a caller is left");
    };
    if arguments.wants_kills() && arguments.kills > 0 {
        figures.kills = gaps::measure(&mut ours, nats.as_mut(), Fault::Kill, arguments.kills).await?;
    }
    if arguments.wants_pauses() && arguments.pauses > 0 {
        figures.pauses = gaps::measure(&mut ours, nats.as_mut(), Fault::Pause, arguments.pauses).await?;
    }
    ours.nodes.end()
}

/// Counts syncs over clusters of their own, which a tracer slows: nothing is timed there.
async fn count(arguments: &Arguments, folders: &Folders, peer: Option<&Path>, figures: &mut Figures) -> Outcome {
    say("counting syncs, each side in a cluster under a tracer")?;
    let home = folders.disk.path();
    let traced = Traced::of(&Program::Daemon.find()?, &home.join("traced-ours"))?;
    let Some(traced) = traced else { return say("NO TRACER (strace): SYNCS ARE NOT COUNTED") };
    let binary = Some(traced.program.clone());
    let ours = Arc::new(Ours::form(&home.join("counted-ours"), &folders.discarded("counted")?, binary).await?);
    let mut traces = vec![traced];
    let nats = match peer {
        Some(program) => {
            let traced = Traced::of(program, &home.join("traced-nats"))?.context("the tracer is gone")?;
            let nats = Nats::form(&home.join("counted-nats"), &traced.program).await?;
            traces.push(traced);
            Some(Arc::new(nats))
        }
        None => None,
    };
    let mut sides = Sides::new(ours, nats);
    for place in COUNTED {
        let row = ROWS[place];
        if row.is_of_peer() && peer.is_none() {
            continue;
        }
        let trace = &traces[usize::from(row.is_of_peer())];
        let before = trace.count()?;
        let calls = sides.measure(row, arguments.span).await?.calls;
        figures.synced.push(Synced {
            row: row.name,
            syncs: trace.count()? - before,
            events: calls.events,
            took: calls.took,
        });
    }
    match Arc::into_inner(sides.ours) {
        Some(ours) => ours.nodes.end(),
        None => anyhow::bail!("a caller is left"),
    }
}

async fn run(arguments: &Arguments) -> Outcome {
    let began = Instant::now();
    let folders = Folders::make()?;
    let peer = env::var_os(PEER_ENV).map(PathBuf::from);
    if peer.is_none() {
        say("THE PEER IS NOT HERE: FIGURES WITHOUT RATIOS")?;
    }
    let mut figures = Figures::new(machine::commit(), machine::described(), env::args().skip(1).collect());
    load(arguments, &folders, peer.as_deref(), &mut figures).await?;
    if arguments.wants_load() && arguments.counts {
        count(arguments, &folders, peer.as_deref(), &mut figures).await?;
    }
    figures.took = began.elapsed();
    page::show(&figures)?;
    if let Some(folder) = &arguments.evidence {
        fs::write(folder.join("cluster-bench.md"), page::text(&figures))?;
    }
    Ok(())
}

fn main() -> Outcome {
    let Some(arguments) = Arguments::read(env::args().skip(1))? else { return Ok(()) };
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(&arguments))
}
