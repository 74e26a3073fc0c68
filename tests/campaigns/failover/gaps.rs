//! Tables of gaps, beside the goals that speak of them. Pure.

use std::fmt::Write;
use std::time::Duration;

use crate::failover::board::Gaps;
use crate::failover::page::Strike;
use crate::failover::plan::{Fault, Role};

/// PD7a: of unkeyed puts half of the gaps are shorter,
const PUT_MEDIAN_GOAL_MS: u128 = 500;
/// and all are shorter than this.
const PUT_MOST_GOAL_MS: u128 = 1_500;
/// PD7b: twice the longest election and a half second.
const CONTROL_MOST_GOAL_MS: u128 = 2 * 900 + 500;

/// Which gap is meant.
type Figure = fn(&Gaps) -> Duration;

/// The half, 99 of 100, and the most, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Spread {
    count: usize,
    median: u128,
    most_of_100: u128,
    most: u128,
}

impl Spread {
    fn of(strikes: &[&Strike], figure: Figure) -> Option<Self> {
        let mut all: Vec<u128> = strikes.iter().map(|strike| figure(&strike.gaps).as_millis()).collect();
        all.sort_unstable();
        let count = all.len();
        // The least that so many of a hundred do not exceed.
        let at = |of_100: usize| all.get((count * of_100).div_ceil(100).saturating_sub(1)).copied();
        Some(Self { count, median: at(50)?, most_of_100: at(99)?, most: at(100)? })
    }
}

/// The goals' table and that of every fault and role.
#[must_use]
pub fn tables(strikes: &[Strike]) -> String {
    format!("{}\n{}", goals(strikes), by_fault_and_role(strikes))
}

fn goals(strikes: &[Strike]) -> String {
    let mut text =
        "| gap without acknowledgement, ms | faults | p50 | p99 | max | goal | |\n|---|---|---|---|---|---|---|\n"
            .to_owned();
    let leads_control = |strike: &Strike| matches!(strike.role, Role::Control | Role::Both);
    let leads_shards = |strike: &Strike| matches!(strike.role, Role::Shards | Role::Both);
    let is_cut =
        |strike: &Strike| matches!(strike.fault, Fault::Pause | Fault::CutOff | Fault::CutOneWay | Fault::Flapping);
    let is_killed = |strike: &Strike| strike.fault == Fault::Kill;
    let puts: Figure = |gaps| gaps.puts;
    let control: Figure = |gaps| gaps.control;
    let mut row =
        |name: &str, figure: Figure, median_goal: Option<u128>, most_goal: u128, which: &dyn Fn(&Strike) -> bool| {
            let own: Vec<&Strike> = strikes.iter().filter(|strike| which(strike)).collect();
            let Some(Spread { count, median, most_of_100, most }) = Spread::of(&own, figure) else { return };
            let is_reached = most <= most_goal && median_goal.is_none_or(|goal| median <= goal);
            let goal = median_goal.map(|goal| format!("p50 < {goal}, ")).unwrap_or_default();
            let verdict = if is_reached { "reached" } else { "missed" };
            // A String takes everything.
            let _ = writeln!(
                text,
                "| {name} | {count} | {median} | {most_of_100} | {most} | {goal}max < {most_goal} | {verdict} |"
            );
        };
    let (median, most) = (Some(PUT_MEDIAN_GOAL_MS), PUT_MOST_GOAL_MS);
    row("PD7a: a leader of shards killed, puts", puts, median, most, &|strike| {
        is_killed(strike) && leads_shards(strike)
    });
    row("PD7b: the leader of control killed, control plane", control, None, CONTROL_MOST_GOAL_MS, &|strike| {
        is_killed(strike) && leads_control(strike)
    });
    row("PD8: a leader of shards paused or cut off, puts", puts, median, most, &|strike| {
        is_cut(strike) && leads_shards(strike)
    });
    row(
        "PD8: the leader of control paused or cut off, control plane",
        control,
        None,
        CONTROL_MOST_GOAL_MS,
        &|strike| is_cut(strike) && leads_control(strike),
    );
    text
}

fn by_fault_and_role(strikes: &[Strike]) -> String {
    let mut text =
        "| p50 / p99 / max, ms | faults | puts | puts of one producer | control plane |\n|---|---|---|---|---|\n"
            .to_owned();
    for fault in Fault::ALL {
        for role in Role::ALL {
            let own: Vec<&Strike> =
                strikes.iter().filter(|strike| strike.fault == fault && strike.role == role).collect();
            let cell = |figure: Figure| {
                Spread::of(&own, figure)
                    .map(|Spread { median, most_of_100, most, .. }| format!("{median} / {most_of_100} / {most}"))
            };
            let cells = (cell(|gaps| gaps.puts), cell(|gaps| gaps.producer), cell(|gaps| gaps.control));
            if let (Some(puts), Some(producer), Some(control)) = cells {
                let (fault, role, count) = (fault.word(), role.word(), own.len());
                let _ = writeln!(text, "| {fault}, {role} | {count} | {puts} | {producer} | {control} |");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failover::page::tests::strike;

    #[test]
    fn gaps_stand_beside_their_goals() {
        let mut strikes: Vec<Strike> = (1..=100).map(|nth| strike(Fault::Kill, Role::Shards, nth)).collect();
        strikes.push(strike(Fault::Kill, Role::Both, 1_400));
        strikes.push(strike(Fault::Kill, Role::Control, 1_600));
        strikes.push(strike(Fault::Pause, Role::Shards, 1_600));
        strikes.push(strike(Fault::CutOff, Role::Control, 50));
        let text = tables(&strikes);
        for row in [
            "| PD7a: a leader of shards killed, puts | 101 | 51 | 100 | 1400 | p50 < 500, max < 1500 | reached |",
            "| PD7b: the leader of control killed, control plane | 2 | 2800 | 3200 | 3200 | max < 2300 | missed |",
            "| PD8: a leader of shards paused or cut off, puts | 1 | 1600 | 1600 | 1600 | p50 < 500, max < 1500 | missed |",
            "| PD8: the leader of control paused or cut off, control plane | 1 | 100 | 100 | 100 | max < 2300 | reached |",
            "| kill, leader of shards | 100 | 50 / 99 / 100 | 51 / 100 / 101 | 100 / 198 / 200 |",
        ] {
            assert!(text.contains(row), "{row}: {text}");
        }
        assert!(!text.contains("flapping"), "{text}");
    }
}
