//! The figures of rounds, and what they come to. Pure.

use std::fmt::Write;

/// What one round was like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Round {
    /// Entries that were acknowledged.
    pub acknowledged: u64,
    /// Entries of which nobody knows.
    pub unknown: u64,
    /// Entries that were refused.
    pub refused: u64,
    /// Deliveries that the acknowledged entries were owed.
    pub owed: u64,
    /// Deliveries beyond the first.
    pub repeats: u64,
    /// Blows: kills or power cuts.
    pub blows: u64,
    /// From the blow until the daemon served again, in milliseconds.
    pub back_ms: u64,
    /// From the last put until nothing was pending, in milliseconds.
    pub settled_ms: u64,
    /// What was wrong, in words; nothing if all is accounted for.
    pub wrong: Vec<String>,
}

/// A column of the table: its head, and a round's figure.
type Column = (&'static str, fn(&Round) -> u64);

/// What a table shows, as sum, least, median and most.
const COLUMNS: [Column; 8] = [
    ("blows", |round| round.blows),
    ("acknowledged", |round| round.acknowledged),
    ("unknown", |round| round.unknown),
    ("refused", |round| round.refused),
    ("deliveries owed", |round| round.owed),
    ("repeats", |round| round.repeats),
    ("serving again after, ms", |round| round.back_ms),
    ("all settled after, ms", |round| round.settled_ms),
];

/// One line for whoever watches.
#[must_use]
pub fn line(number: u32, round: &Round) -> String {
    let verdict = if round.wrong.is_empty() { "all accounted for" } else { "NOT IN ORDER" };
    format!(
        "round {number:>3}: {} acknowledged, {} unknown, {} owed, {} repeats, back in {} ms, settled in {} ms: {verdict}",
        round.acknowledged, round.unknown, round.owed, round.repeats, round.back_ms, round.settled_ms
    )
}

/// The table of a page.
#[must_use]
pub fn table(rounds: &[Round]) -> String {
    let mut text = "| a round | least | median | most | all rounds |\n|---|---|---|---|---|\n".to_owned();
    for (head, figure) in COLUMNS {
        let mut figures: Vec<u64> = rounds.iter().map(figure).collect();
        figures.sort_unstable();
        let [least, median, most] = [0, figures.len() / 2, figures.len().saturating_sub(1)]
            .map(|at| figures.get(at).copied().unwrap_or_default());
        let sum: u64 = figures.iter().sum();
        let sum = if head.ends_with("ms") { "–".to_owned() } else { sum.to_string() };
        // A String takes everything.
        let _ = writeln!(text, "| {head} | {least} | {median} | {most} | {sum} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_least_median_most_and_sum() {
        let round = |acknowledged| Round { acknowledged, back_ms: acknowledged, ..Round::default() };
        let text = table(&[round(5), round(1), round(9)]);
        assert!(text.contains("| acknowledged | 1 | 5 | 9 | 15 |"), "{text}");
        assert!(text.contains("| serving again after, ms | 1 | 5 | 9 | – |"), "{text}");
        assert_eq!(table(&[]).lines().count(), 2 + COLUMNS.len());
    }
}
