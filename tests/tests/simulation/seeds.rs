//! Which seeds are run, and what is asked of each.

use std::io::Write;
use std::thread::available_parallelism;

use super::campaign::{campaign, run_all};
use super::plants::{PLANTS, Plant};
use super::run::{Report, simulate};

/// Seeds that did not hold once; the page says why.
const ONCE_FAILED: [u64; 2] = [1_010, 1_028];

pub(crate) fn told(report: &Report) -> String {
    let tail = report.lines.iter().rev().take(60).rev().cloned().collect::<Vec<_>>().join("\n");
    format!(
        "{:?}\n{:?}\noperations {}, deliveries {}, {} ms\n{}\n--- history\n{tail}",
        report.shape,
        report.faults,
        report.operations,
        report.delivered,
        report.simulated_ms,
        report.wrong.join("\n")
    )
}

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("`{name}` is `{value}`, which is no number")))
}

/// A fixed range of seeds, all of which must hold; with `BASCULE_SIMULATION_MINUTES`, as many as fit.
#[test]
fn seeds_hold() {
    let cores = available_parallelism().map_or(1, usize::from);
    let jobs = number("BASCULE_SIMULATION_JOBS").map_or(cores, |jobs| usize::try_from(jobs).unwrap().max(1));
    let first = number("BASCULE_SIMULATION_SEED");
    match number("BASCULE_SIMULATION_MINUTES") {
        Some(minutes) => campaign(first.unwrap_or(1_000), minutes, jobs),
        None => fixed(first, number("BASCULE_SIMULATION_SEEDS"), jobs),
    }
}

/// Of what nobody asked for the first few, and behind them those that once failed.
fn fixed(first: Option<u64>, count: Option<u64>, jobs: usize) {
    let once_failed = ONCE_FAILED.into_iter().filter(move |_| first.is_none());
    let first = first.unwrap_or(1);
    let seeds = (first..first + count.unwrap_or(5)).chain(once_failed);
    let mut failed = Vec::new();
    let stuck = run_all(jobs, Box::new(seeds.map(|seed| (seed, Plant::Nothing))), |report| {
        let Some(report) = report else { return };
        let outcome = if report.wrong.is_empty() { "holds" } else { "FAILED" };
        let _ = writeln!(
            std::io::stderr(),
            "seed {}: {outcome}, {} operations, {} deliveries, {} ms simulated, {:?}",
            report.shape.seed,
            report.operations,
            report.delivered,
            report.simulated_ms,
            report.faults
        );
        if !report.wrong.is_empty() {
            failed.push(told(&report));
        }
    });
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    assert_eq!(stuck, Ok(()), "a seed does not end");
}

/// The same seed gives the same history, whatever runs beside it.
#[test]
fn one_seed_is_one_history() {
    let seed = 3;
    let beside = std::thread::spawn(move || simulate(seed + 1, Plant::Nothing));
    let one = simulate(seed, Plant::Nothing);
    beside.join().unwrap();
    let other = simulate(seed, Plant::Nothing);
    if let Some((at, (one, other))) =
        one.lines.iter().zip(&other.lines).enumerate().find(|(_, (one, other))| one != other)
    {
        panic!("seed {seed}: line {at} is\n{one}\nand then\n{other}");
    }
    assert_eq!(one.hash, other.hash, "seed {seed}");
}

fn found(plant: Plant, within: u64) {
    assert!(PLANTS.contains(&plant));
    for seed in 1..=within {
        let report = simulate(seed, plant);
        if let Some(wrong) = report.wrong.first() {
            let _ = writeln!(std::io::stderr(), "{plant:?}: seed {seed}: {wrong}");
            return;
        }
    }
    panic!("{plant:?} was not found in {within} seeds");
}

#[test]
fn records_acknowledged_before_they_are_synced_are_found() {
    found(Plant::AckBeforeSync, 20);
}

#[test]
fn entries_acknowledged_before_a_quorum_has_them_are_found() {
    found(Plant::AckBeforeQuorum, 20);
}

#[test]
fn a_vote_that_is_forgotten_is_found() {
    found(Plant::LostVote, 40);
}

#[test]
fn entries_applied_twice_are_found() {
    found(Plant::DoubleApply, 20);
}

#[test]
fn stale_reads_are_found() {
    found(Plant::StaleRead, 20);
}

#[test]
fn exceptions_that_checkpoints_forget_are_found() {
    found(Plant::DroppedException, 40);
}
