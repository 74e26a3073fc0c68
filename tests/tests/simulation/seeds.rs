//! Which seeds are run, and what is asked of each.

use std::io::Write;

use super::evidence::Sums;
use super::plants::{PLANTS, Plant};
use super::run::{Report, simulate};

fn told(report: &Report) -> String {
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

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

/// A fixed range of seeds, all of which must hold; with `BASCULE_SIMULATION_MINUTES`, as many as fit.
#[test]
fn seeds_hold() {
    match number("BASCULE_SIMULATION_MINUTES", 0) {
        0 => smoke(),
        minutes => campaign(minutes),
    }
}

fn smoke() {
    let (first, count) = (number("BASCULE_SIMULATION_SEED", 1), number("BASCULE_SIMULATION_SEEDS", 5));
    // Behind the range those that once failed.
    for seed in (first..first + count).chain([1_010]) {
        let began = std::time::Instant::now();
        let report = simulate(seed, Plant::Nothing);
        let _ = writeln!(
            std::io::stderr(),
            "seed {seed}: {} operations, {} deliveries, {} ms simulated in {:?}, {:?}",
            report.operations,
            report.delivered,
            report.simulated_ms,
            began.elapsed(),
            report.faults
        );
        assert!(report.wrong.is_empty(), "{}", told(&report));
        assert!(report.operations >= 200, "{}", report.operations);
        assert!(report.faults.len() >= 5);
    }
}

/// Writes the page of evidence.
fn campaign(minutes: u64) {
    let first = number("BASCULE_SIMULATION_SEED", 1_000);
    let began = std::time::Instant::now();
    let mut sums = Sums::default();
    for seed in first.. {
        if began.elapsed().as_secs() >= minutes * 60 {
            break;
        }
        let report = simulate(seed, Plant::Nothing);
        let outcome = if report.wrong.is_empty() { String::new() } else { told(&report) };
        let _ = writeln!(std::io::stderr(), "seed {seed}: {} operations {outcome}", report.operations);
        sums.add(&report);
    }
    sums.write(first, minutes, began.elapsed().as_secs());
    assert!(sums.failed().is_empty(), "{}", sums.failed().join("\n"));
}

/// The same seed gives the same history.
#[test]
fn one_seed_is_one_history() {
    let seed = 3;
    let one = simulate(seed, Plant::Nothing);
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
