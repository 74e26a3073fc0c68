//! Everything that was measured, and what the goals say of it. Pure.

use std::time::Duration;

use crate::gaps::Gaps;
use crate::rows::{ROWS, Round, Sample};

/// Syncs of one side while a row ran under the tracer.
#[derive(Debug, Clone)]
pub struct Synced {
    /// The row.
    pub row: &'static str,
    /// Of all its servers.
    pub syncs: u64,
    /// Events that were acknowledged.
    pub events: u64,
    /// How long it took.
    pub took: Duration,
}

/// Median, least and most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Half are below.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl Spread {
    /// Of these; `None` of none.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut all: Vec<f64> = figures.into_iter().filter(|figure| figure.is_finite()).collect();
        all.sort_by(f64::total_cmp);
        Some(Self { median: *all.get(all.len() / 2)?, least: *all.first()?, most: *all.last()? })
    }
}

/// A goal, what was measured for it, and whether it is reached.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The goal's id.
    pub goal: &'static str,
    /// What is measured.
    pub what: &'static str,
    /// Our figure.
    pub ours: Option<Spread>,
    /// The peer's, or what it is held against.
    pub beside: Option<Spread>,
    /// What the goal speaks of.
    pub figure: Option<Spread>,
    /// The goal in words.
    pub limit: &'static str,
    /// Whether the median is within it; unknown where something is missing.
    pub is_reached: Option<bool>,
}

/// Everything.
#[derive(Debug, Clone)]
pub struct Figures {
    /// The commit.
    pub commit: String,
    /// The machine.
    pub machine: String,
    /// What was asked for.
    pub words: Vec<String>,
    /// Rounds of load.
    pub rounds: Vec<Round>,
    /// Leaders killed.
    pub kills: Gaps,
    /// Leaders that stood still.
    pub pauses: Gaps,
    /// Syncs.
    pub synced: Vec<Synced>,
    /// How long all of it took.
    pub took: Duration,
}

impl Figures {
    /// Nothing yet.
    pub fn new(commit: String, machine: String, words: Vec<String>) -> Self {
        let (kills, pauses) = (Gaps::default(), Gaps::default());
        let words = words.into_iter().filter(|word| word != "--bench").collect();
        Self { commit, machine, words, rounds: Vec::new(), kills, pauses, synced: Vec::new(), took: Duration::ZERO }
    }

    /// A figure of a row in each round.
    pub fn each<'a>(&'a self, row: &'a str, figure: impl Fn(&Sample) -> f64 + 'a) -> impl Iterator<Item = f64> + 'a {
        let place = ROWS.iter().position(|known| known.name == row);
        let of = move |round: &Round| round.samples.get(place?)?.as_ref().map(&figure);
        self.rounds.iter().map(move |round| of(round).unwrap_or(f64::NAN))
    }

    /// The same over all rounds.
    pub fn over(&self, row: &str, figure: impl Fn(&Sample) -> f64) -> Option<Spread> {
        Spread::of(self.each(row, figure))
    }

    /// What the disk took in each round, in microseconds.
    pub fn bare(&self, share: f64) -> impl Iterator<Item = f64> + '_ {
        self.rounds.iter().map(move |round| round.bare.at(share))
    }

    fn ratio(&self, ours: &str, peer: &str, figure: impl Fn(&Sample) -> f64) -> Option<Spread> {
        Spread::of(self.each(ours, &figure).zip(self.each(peer, &figure)).map(|(ours, peer)| ours / peer))
    }

    fn against_peer(
        &self,
        (goal, what, limit): (&'static str, &'static str, &'static str),
        (ours, peer): (&str, &str),
        figure: impl Fn(&Sample) -> f64,
        holds: impl Fn(f64) -> bool,
    ) -> Verdict {
        let ratio = self.ratio(ours, peer, &figure);
        Verdict {
            goal,
            what,
            ours: self.over(ours, &figure),
            beside: self.over(peer, &figure),
            figure: ratio,
            limit,
            is_reached: ratio.map(|ratio| holds(ratio.median)),
        }
    }

    /// What the goals say.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let rate = |sample: &Sample| sample.calls.rate();
        let p99 = |sample: &Sample| sample.calls.at(0.99);
        let batches = ("PD2", "events/s, batches of 10, 16 open; NATS' batches", "≥ 4 (stretch 8)");
        let singles = ("PD2", "the same; NATS with 160 single messages open", "≥ 4 (stretch 8)");
        let mut all = vec![
            self.against_peer(
                ("PD1", "events/s, 128 open", "≥ 1.3 (stretch 2)"),
                ("put, 128 open", "NATS, 128 open"),
                rate,
                |ratio| ratio >= 1.3,
            ),
            self.against_peer(batches, ("put of 10, 16 open", "NATS, batches of 10, 16 open"), rate, |ratio| {
                ratio >= 4.0
            }),
            self.against_peer(singles, ("put of 10, 16 open", "NATS, 160 open"), rate, |ratio| ratio >= 4.0),
            self.one_in_flight(),
            self.against_peer(
                ("PD3", "p99 in µs, 1 open", "≤ 1 (stretch 0.6)"),
                ("put, 1 open", "NATS, 1 open"),
                p99,
                |ratio| ratio <= 1.0,
            ),
            self.unmatched(),
        ];
        all.extend(self.gaps());
        all.retain(|verdict| verdict.ours.is_some());
        all
    }

    /// The median against 1.5 × what the disk took in the same round and half a millisecond.
    fn one_in_flight(&self) -> Verdict {
        let p50 = |sample: &Sample| sample.calls.at(0.5);
        let goals: Vec<f64> = self.bare(0.5).map(|bare| 1.5 * bare + 500.0).collect();
        let figure = Spread::of(self.each("put, 1 open", p50).zip(&goals).map(|(ours, goal)| ours / goal));
        Verdict {
            goal: "PD3",
            what: "p50 in µs, 1 open, against 1.5 × fdatasync p50 + 500",
            ours: self.over("put, 1 open", p50),
            beside: Spread::of(goals),
            figure,
            limit: "≤ 1",
            is_reached: figure.map(|figure| figure.median <= 1.0),
        }
    }

    fn unmatched(&self) -> Verdict {
        let cpu = |sample: &Sample| sample.spent.servers * 1e6 / sample.calls.events as f64;
        let (ours, beside) = ("unmatched of 10, 16 open", "put of 10, 16 open");
        let figure = self.ratio(ours, beside, cpu);
        Verdict {
            goal: "PD5",
            what: "servers' µs of processor per unmatched event, against a matched one's",
            ours: self.over(ours, cpu),
            beside: self.over(beside, cpu),
            figure,
            limit: "≤ 0.2 (stretch 0.1)",
            is_reached: figure.map(|figure| figure.median <= 0.2),
        }
    }

    fn gaps(&self) -> Vec<Verdict> {
        // Twice the longest election and half a second, with the timing that is the default.
        let bound = |gaps: &[f64], half: f64, most: f64| {
            Spread::of(gaps.iter().copied()).map(|gap| (half == 0.0 || gap.median < half) && gap.most < most)
        };
        let of = |goal, what, ours: &[f64], peer: &[f64], limit, is_reached| Verdict {
            goal,
            what,
            ours: Spread::of(ours.iter().copied()),
            beside: Spread::of(peer.iter().copied()),
            figure: Spread::of(ours.iter().zip(peer).map(|(ours, peer)| ours / peer)),
            limit,
            is_reached,
        };
        let (kills, pauses) = (&self.kills, &self.pauses);
        let (free, bound_to_one) = ("p50 < 500, max < 1,500 ms", "max ≤ 2,300 ms");
        vec![
            of("PD7a", "leader killed: puts, ms", &kills.puts, &kills.peer, free, bound(&kills.puts, 500.0, 1_500.0)),
            of(
                "PD7b",
                "leader killed: control, ms",
                &kills.control,
                &kills.peer,
                bound_to_one,
                bound(&kills.control, 0.0, 2_300.0),
            ),
            of("PD8", "leader still: puts, ms", &pauses.puts, &pauses.peer, free, bound(&pauses.puts, 500.0, 1_500.0)),
            of(
                "PD8",
                "leader still: control, ms",
                &pauses.control,
                &pauses.peer,
                bound_to_one,
                bound(&pauses.control, 0.0, 2_300.0),
            ),
        ]
    }
}
