//! The page that a campaign of seeds writes: what was run, and what was found.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use super::run::Report;

/// Failures that were found while the simulation was written, by hand.
const FOUND: &str = include_str!("found.md");

/// Sums over all seeds.
#[derive(Default)]
pub(crate) struct Sums {
    seeds: usize,
    operations: usize,
    deliveries: usize,
    simulated_ms: u64,
    faults: BTreeMap<String, usize>,
    failed: Vec<String>,
}

impl Sums {
    pub(crate) fn add(&mut self, report: &Report) {
        self.seeds += 1;
        self.operations += report.operations;
        self.deliveries += report.delivered;
        self.simulated_ms += report.simulated_ms;
        for fault in &report.faults {
            *self.faults.entry(format!("{fault:?}")).or_default() += 1;
        }
        if !report.wrong.is_empty() {
            let wrong = report.wrong.join("; ").replace('\n', " ");
            self.failed.push(format!("`{:?}`, faults `{:?}`: {wrong}", report.shape, report.faults));
        }
    }

    pub(crate) fn failed(&self) -> &[String] {
        &self.failed
    }

    /// Writes `docs/evidence/simulation.md`.
    pub(crate) fn write(&self, first: u64, minutes: u64, took_s: u64) {
        let mut page = String::from(HEAD);
        let rows = [
            ("commit", commit()),
            ("command", format!("`./x campaign simulation --seed {first} --minutes {minutes}`")),
            ("seeds", format!("{} from {first} on", self.seeds)),
            ("took", format!("{took_s} s")),
            ("simulated", format!("{} s", self.simulated_ms / 1_000)),
            ("operations of clients", self.operations.to_string()),
            ("deliveries", self.deliveries.to_string()),
            ("faults", self.faults.values().sum::<usize>().to_string()),
            ("seeds that failed", self.failed.len().to_string()),
        ];
        page.push_str("| | |\n|---|---|\n");
        rows.iter().for_each(|(name, value)| writeln!(page, "| {name} | {value} |").unwrap());
        page.push_str("\n| fault | times |\n|---|---|\n");
        self.faults.iter().for_each(|(name, count)| writeln!(page, "| {name} | {count} |").unwrap());
        page.push('\n');
        for failed in &self.failed {
            writeln!(page, "- {failed}").unwrap();
        }
        if !self.failed.is_empty() {
            page.push('\n');
        }
        page.push_str(FOUND);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/evidence/simulation.md");
        std::fs::write(path, page).unwrap();
    }
}

fn commit() -> String {
    let git = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    git.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned()).unwrap_or_default()
}

const HEAD: &str = "# Campaign `simulation`

Clusters of three or five nodes in one process, from one seed each: production's replication, machines, logs and delivery books over
simulated time, network and disks. Each seed forms its cluster, hurts it at least five times under load, heals it, and demands that
everything comes to rest: every acknowledged event delivered or dead, nothing else delivered, repeats within their bound, all
replicas equal, the control group linearizable, one leader a term. Some seeds take a node in and let one go meanwhile.

";
