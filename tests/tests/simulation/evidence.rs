//! The page that a campaign of seeds writes: what was run, and what was found.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;

use super::plants::Plant;
use super::run::Report;

/// Failures that were found by earlier runs, by hand.
const FOUND: &str = include_str!("found.md");
/// Failed seeds that the page tells of.
const TOLD_LIMIT_SEEDS: usize = 50;

/// How a planted fault was found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) plant: Plant,
    seeds: usize,
    found: usize,
    first: Option<u64>,
    by: &'static str,
}

impl Found {
    pub(crate) const fn new(plant: Plant) -> Self {
        Self { plant, seeds: 0, found: 0, first: None, by: "" }
    }

    pub(crate) fn add(&mut self, report: &Report) {
        self.seeds += 1;
        let Some(wrong) = report.wrong.first() else { return };
        self.found += 1;
        if self.first.is_none_or(|first| report.shape.seed < first) {
            self.first = Some(report.shape.seed);
            self.by = finder(wrong);
        }
    }

    pub(crate) const fn is_found(&self) -> bool {
        self.found > 0
    }
}

/// What found it, in a word.
fn finder(wrong: &str) -> &'static str {
    let names = ["I1", "I2", "I3", "I4", "I5", "I6", "I10", "fencing", "one leader", "queue"];
    let named = names.into_iter().find(|name| wrong.starts_with(&format!("{name}: ")));
    named.unwrap_or(if wrong.contains("openraft") { "openraft's own checks, which panic" } else { "a panic" })
}

/// Sums over all seeds.
#[derive(Default)]
pub(crate) struct Sums {
    seeds: usize,
    operations: usize,
    least_operations: Option<usize>,
    deliveries: usize,
    simulated_ms: u64,
    faults: BTreeMap<String, usize>,
    least_faults: Option<usize>,
    failed: BTreeMap<u64, String>,
}

impl Sums {
    pub(crate) fn add(&mut self, report: &Report) {
        self.seeds += 1;
        self.operations += report.operations;
        let least = |so_far: Option<usize>, now: usize| Some(so_far.map_or(now, |least| least.min(now)));
        self.least_operations = least(self.least_operations, report.operations);
        self.least_faults = least(self.least_faults, report.faults.len());
        self.deliveries += report.delivered;
        self.simulated_ms += report.simulated_ms;
        for fault in &report.faults {
            *self.faults.entry(format!("{fault:?}")).or_default() += 1;
        }
        if !report.wrong.is_empty() {
            let wrong = report.wrong.join("; ").replace('\n', " ");
            let told = format!("`{:?}`, faults `{:?}`: {wrong}", report.shape, report.faults);
            self.failed.insert(report.shape.seed, told);
        }
    }

    /// A seed that was given up.
    pub(crate) fn does_not_end(&mut self, seed: Option<u64>) {
        self.failed.extend(seed.map(|seed| (seed, format!("seed {seed} does not end"))));
    }

    pub(crate) fn failed(&self) -> Vec<&str> {
        self.failed.values().map(String::as_str).collect()
    }

    /// In one line.
    pub(crate) fn so_far(&self, took_s: u64) -> String {
        let (seeds, failed) = (self.seeds, self.failed.len());
        format!("{seeds} seeds, {} a minute, {failed} failed", seeds as u64 * 60 / took_s.max(1))
    }

    /// Writes `docs/evidence/simulation.md`.
    pub(crate) fn write(&self, first: u64, minutes: u64, jobs: usize, took_s: u64, found: &[Found]) {
        let mut page = String::from(HEAD);
        let build = if cfg!(debug_assertions) { "development build" } else { "release build" };
        let rows = [
            ("commit", format!("{}, {build}", commit())),
            ("command", format!("`./x campaign simulation --seed {first} --minutes {minutes} --jobs {jobs}`")),
            ("machine", machine()),
            ("seeds", format!("{} from {first} on", self.seeds)),
            (
                "took",
                format!("{took_s} s, {} seeds a minute on {jobs} threads", self.seeds as u64 * 60 / took_s.max(1)),
            ),
            ("simulated", format!("{} s", self.simulated_ms / 1_000)),
            ("operations of clients", least(self.operations, self.least_operations)),
            ("deliveries", self.deliveries.to_string()),
            ("faults", least(self.faults.values().sum(), self.least_faults)),
            ("**seeds that failed**", format!("**{}**", self.failed.len())),
        ];
        page.push_str("| | |\n|---|---|\n");
        rows.iter().for_each(|(name, value)| writeln!(page, "| {name} | {value} |").unwrap());
        page.push_str("\n| fault | times |\n|---|---|\n");
        self.faults.iter().for_each(|(name, count)| writeln!(page, "| {name} | {count} |").unwrap());
        page.push('\n');
        self.tell_failed(&mut page);
        page.push_str(PLANTED);
        for Found { plant, seeds, found, first, by } in found {
            let first = first.map_or("**never**".to_owned(), |first| first.to_string());
            writeln!(page, "| {} | {found} of {seeds} | {first} | {by} |", plant.words()).unwrap();
        }
        page.push('\n');
        page.push_str(FOUND);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/evidence/simulation.md");
        std::fs::write(path, page).unwrap();
    }

    fn tell_failed(&self, page: &mut String) {
        if self.failed.is_empty() {
            return;
        }
        page.push_str("Seeds that failed; `./x campaign simulation --seed N --seeds 1` shows one with the end of its history.\n\n");
        for failed in self.failed.values().take(TOLD_LIMIT_SEEDS) {
            writeln!(page, "- {failed}").unwrap();
        }
        if self.failed.len() > TOLD_LIMIT_SEEDS {
            writeln!(page, "- and {} more", self.failed.len() - TOLD_LIMIT_SEEDS).unwrap();
        }
        page.push('\n');
    }
}

fn least(sum: usize, least: Option<usize>) -> String {
    format!("{sum}, no seed fewer than {}", least.unwrap_or_default())
}

fn commit() -> String {
    let git = |words: &[&str]| {
        let out = Command::new("git").args(words).output().ok()?;
        Some(String::from_utf8_lossy(&out.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_default();
    match git(&["status", "--porcelain"]).unwrap_or_default().lines().count() {
        0 => commit,
        some => format!("{commit} with {some} files that are not committed"),
    }
}

fn machine() -> String {
    let processors = available_parallelism().map_or(0, usize::from);
    let facts = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = facts.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    format!("{processors} × {}", model.map_or("unknown processor", |(_, model)| model))
}

const HEAD: &str = "# Campaign `simulation`

Clusters of three or five nodes in one process, from one seed each: production's replication, machines, logs and delivery books over
simulated time, network and disks. Each seed forms its cluster, hurts it at least five times under load, heals it, and demands that
everything comes to rest: every acknowledged event delivered or dead, nothing else delivered, repeats within their bound, all
replicas equal, the control group linearizable, one leader a term. Some seeds take a node in and let one go meanwhile. A seed with fewer
than 200 operations or five faults fails; of fifty seeds one is run twice, and fails if it was not the same history, line by line.

";

const PLANTED: &str = "## Planted faults

Each must be found within the seeds that it gets, from the first on; a fault that is found by no seed fails the campaign.

| planted | seeds that find it | the first | by |
|---|---|---|---|
";
