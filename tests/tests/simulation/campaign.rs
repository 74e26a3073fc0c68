//! Seeds on several threads, each of which runs one at a time; a campaign of as many as fit, and what it says meanwhile.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::evidence::{Found, Sums};
use super::plants::{PLANTS, Plant};
use super::run::{Report, simulate};
use super::seeds::told;

/// Seeds that each planted fault gets in a campaign.
const PLANT_SEEDS: u64 = 25;
/// Of so many seeds one is run twice, and must be the same history.
const TWICE_EVERY: u64 = 50;
/// How often a campaign says how far it is.
const PROGRESS: Duration = Duration::from_secs(30);
/// A seed that takes longer than this does not end.
const SEED_LIMIT: Duration = Duration::from_secs(900);

type Work = Box<dyn Iterator<Item = (u64, Plant)> + Send>;

/// What the threads share.
struct Shared {
    work: Mutex<Work>,
    /// What each of them runs, and since when.
    running: Mutex<BTreeMap<usize, (u64, Instant)>>,
}

impl Shared {
    fn next(&self, job: usize) -> Option<(u64, Plant)> {
        let next = self.work.lock().next();
        let mut running = self.running.lock();
        match next {
            Some((seed, _)) => drop(running.insert(job, (seed, Instant::now()))),
            None => drop(running.remove(&job)),
        }
        next
    }

    /// A seed that takes too long.
    fn stuck(&self) -> Option<u64> {
        self.running.lock().values().find(|(_, since)| since.elapsed() > SEED_LIMIT).map(|(seed, _)| *seed)
    }
}

/// Runs everything on so many threads, and hands over what came of it, in the order in which it ends. An error names a seed that does not
/// end; its thread is left behind.
pub(crate) fn run_all(jobs: usize, work: Work, mut heard: impl FnMut(Option<Report>)) -> Result<(), u64> {
    let shared = Arc::new(Shared { work: Mutex::new(work), running: Mutex::default() });
    let (done, reports) = mpsc::sync_channel(2 * jobs);
    for job in 0..jobs {
        let (shared, done) = (Arc::clone(&shared), done.clone());
        let work = move || {
            while let Some((seed, plant)) = shared.next(job) {
                if done.send(once_or_twice(seed, plant)).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name(format!("seeds-{job}")).spawn(work).unwrap();
    }
    drop(done);
    loop {
        match reports.recv_timeout(Duration::from_secs(1)) {
            Ok(report) => heard(Some(report)),
            Err(RecvTimeoutError::Timeout) => heard(None),
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        if let Some(seed) = shared.stuck() {
            return Err(seed);
        }
    }
}

fn once_or_twice(seed: u64, plant: Plant) -> Report {
    let mut report = simulate(seed, plant);
    if plant == Plant::Nothing && seed.is_multiple_of(TWICE_EVERY) && report.wrong.is_empty() {
        let again = simulate(seed, plant);
        if again.hash != report.hash {
            let pairs = report.lines.iter().zip(&again.lines).enumerate();
            let differs = pairs.into_iter().find(|(_, (one, other))| one != other);
            report.wrong.push(format!("one seed was two histories: {differs:?}"));
        }
    }
    report
}

/// How a campaign goes on while it does.
struct Progress {
    began: Instant,
    said: Instant,
}

impl Progress {
    fn begin() -> Self {
        let now = Instant::now();
        Self { began: now, said: now }
    }

    fn look(&mut self, sums: &Sums) {
        if self.said.elapsed() >= PROGRESS {
            self.said = Instant::now();
            let took_s = self.began.elapsed().as_secs();
            let _ = writeln!(std::io::stderr(), "simulation: {} in {took_s} s", sums.so_far(took_s));
        }
    }
}

/// Every planted fault, and then as many seeds from `first` on as fit; writes the page of evidence.
pub(crate) fn campaign(first: u64, minutes: u64, jobs: usize) {
    let mut sums = Sums::default();
    let mut progress = Progress::begin();
    let plants = PLANTS.into_iter().flat_map(|plant| (1..=PLANT_SEEDS).map(move |seed| (seed, plant)));
    let mut found: BTreeMap<usize, Found> = (0..PLANTS.len()).map(|at| (at, Found::new(PLANTS[at]))).collect();
    let stuck = run_all(jobs, Box::new(plants), |report| {
        if let Some(report) = report {
            found.values_mut().filter(|found| found.plant == report.shape.plant).for_each(|found| found.add(&report));
        }
    });
    sums.does_not_end(stuck.err());
    let _ = writeln!(
        std::io::stderr(),
        "simulation: {} of {} plants found",
        found.values().filter(|found| found.is_found()).count(),
        PLANTS.len()
    );
    let found: Vec<Found> = found.into_values().collect();
    let (began, limit) = (Instant::now(), Duration::from_secs(minutes * 60));
    let work = (first..).take_while(move |_| began.elapsed() < limit).map(|seed| (seed, Plant::Nothing));
    let stuck = run_all(jobs, Box::new(work), |report| {
        if let Some(report) = report {
            if !report.wrong.is_empty() {
                let _ = writeln!(std::io::stderr(), "{}", told(&report));
            }
            sums.add(&report);
        }
        progress.look(&sums);
    });
    sums.does_not_end(stuck.err());
    sums.write(first, minutes, jobs, began.elapsed().as_secs(), &found);
    let missed: Vec<_> = found.iter().filter(|found| !found.is_found()).map(|found| found.plant).collect();
    assert!(missed.is_empty(), "not found in {PLANT_SEEDS} seeds: {missed:?}");
    assert!(sums.failed().is_empty(), "{}", sums.failed().join("\n"));
}
