//! One event against 1 to 1,000,000 rules, warm: our matcher beside our plain evaluator, which looks at every rule.
//!
//! Events and rules are drawn from fixed seeds in the shape of the parcels that event-ruler benchmarks on. Rounds are interleaved;
//! shown are medians over the rounds, and their range, of the thread's own processor time. Both must give the same matches. Allocations are counted outside the timed
//! rounds, by an allocator that all rows pay for alike. `BASCULE_BENCH_ROUNDS` and `BASCULE_BENCH_RULES_MAX` make it shorter.

mod parcels;

use std::hint::black_box;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bascule_pattern::matcher::{Matcher, Scratch};
use bascule_pattern::{Event, Pattern};

use crate::parcels::Parcel;

const EVENTS: usize = 4_000;
const STRETCH: Duration = Duration::from_millis(100);
/// Rules beyond which the plain evaluator is asked about few events.
const PLAIN_PAIRS: usize = 400_000;

/// Time that this thread had a processor: what others do beside it counts less than with a clock.
fn spent() -> Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = text.split_whitespace().next().unwrap_or_default().parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

struct Row {
    name: String,
    count: usize,
    patterns: Vec<Arc<Pattern>>,
    matcher: Matcher,
    build: Duration,
    matched: usize,
    allocations: u64,
    ours: Vec<f64>,
    plain: Vec<f64>,
}

impl Row {
    fn new(name: &str, texts: &[String], events: &[Parcel], scratch: &mut Scratch) -> Result<Self> {
        let patterns: Vec<Arc<Pattern>> =
            texts.iter().map(|text| Pattern::parse(text).map(Arc::new)).collect::<Result<_, _>>()?;
        let rules: Vec<(u32, Arc<Pattern>)> = (0..).zip(patterns.iter().cloned()).collect();
        // The kernel tells processor time in steps that are longer than small builds.
        let began = Instant::now();
        let matcher = Matcher::build(rules);
        let build = began.elapsed();
        let mut found = Vec::with_capacity(1_000);
        let mut matched = 0;
        for event in events {
            matcher.find(&event.line, scratch, &mut found)?;
            matched += found.len();
        }
        for event in &events[..plain_events(patterns.len()).min(50)] {
            matcher.find(&event.line, scratch, &mut found)?;
            ensure!(found == plainly(&patterns, &event.line)?, "{name}: the evaluator differs on {}", event.line);
        }
        let info = allocation_counter::measure(|| {
            for event in events {
                let _ = black_box(matcher.find(&event.line, scratch, &mut found));
            }
        });
        let (count, allocations) = (patterns.len(), info.count_total);
        Ok(Self {
            name: name.to_owned(),
            count,
            patterns,
            matcher,
            build,
            matched,
            allocations,
            ours: vec![],
            plain: vec![],
        })
    }

    fn round(&mut self, events: &[Parcel], scratch: &mut Scratch) -> Result<()> {
        let (began, mut seen, mut found) = (spent()?, 0, Vec::new());
        while spent()? - began < STRETCH {
            for event in events {
                self.matcher.find(black_box(&event.line), scratch, &mut found)?;
                seen += 1;
            }
        }
        self.ours.push((spent()? - began).as_nanos() as f64 / f64::from(seen));
        let few = plain_events(self.count);
        let began = spent()?;
        for event in &events[..few] {
            black_box(plainly(&self.patterns, black_box(&event.line))?);
        }
        self.plain.push((spent()? - began).as_nanos() as f64 / few as f64);
        Ok(())
    }
}

fn plain_events(rules: usize) -> usize {
    (PLAIN_PAIRS / rules.max(1)).clamp(2, 400)
}

fn plainly(patterns: &[Arc<Pattern>], line: &str) -> Result<Vec<u32>> {
    let event = Event::parse(line)?;
    let mut found = Vec::new();
    for (number, pattern) in (0..).zip(patterns) {
        if pattern.matches(&event)? {
            found.push(number);
        }
    }
    Ok(found)
}

fn median(of: &[f64]) -> (f64, f64, f64) {
    let mut sorted = of.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[sorted.len() / 2], sorted[0], sorted[sorted.len() - 1])
}

fn main() -> Result<()> {
    let (rounds, most) = (setting("BASCULE_BENCH_ROUNDS", 7), setting("BASCULE_BENCH_RULES_MAX", 1_000_000));
    let events = parcels::parcels(EVENTS);
    let bytes = events.iter().map(|event| event.line.len()).sum::<usize>() / EVENTS;
    let mut scratch = Scratch::default();
    let counts = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000].into_iter().filter(|count| *count <= most);
    let mut rows = vec![Row::new("none", &[], &events, &mut scratch)?];
    for count in counts {
        rows.push(Row::new("exact", &parcels::exact(&events, count), &events, &mut scratch)?);
        if count <= 100_000 {
            rows.push(Row::new("mixed", &parcels::mixed(&events, count), &events, &mut scratch)?);
        }
        if count == 10_000 {
            rows.push(Row::new("wild", &parcels::wild(count), &events, &mut scratch)?);
        }
    }
    for _ in 0..rounds {
        for row in &mut rows {
            row.round(&events, &mut scratch)?;
        }
    }
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{EVENTS} events of {bytes} bytes, whole text validated; {rounds} rounds: median (range), ns an event\n"
    )?;
    writeln!(
        out,
        "| rules | matcher | evaluator | ratio | matches an event | allocations | bytes a rule | built, rules/s |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    for row in &rows {
        let ((ours, low, high), (plain, ..)) = (median(&row.ours), median(&row.plain));
        let count = row.count.max(1) as f64;
        writeln!(
            out,
            "| {} {} | {ours:.0} ({low:.0}–{high:.0}) | {plain:.0} | {:.1} | {:.3} | {} | {:.0} | {:.0} |",
            row.name,
            row.count,
            plain / ours,
            row.matched as f64 / EVENTS as f64,
            row.allocations,
            row.matcher.heap_bytes() as f64 / count,
            count / row.build.as_secs_f64(),
        )?;
    }
    changes(&mut out, &rows)
}

/// One rule more and one less, on the largest sets.
fn changes(out: &mut impl Write, rows: &[Row]) -> Result<()> {
    writeln!(out, "\n| rules | one added, µs: p50, p99, most | one removed, µs: p50, p99, most |\n|---|---|---|")?;
    for row in rows.iter().filter(|row| row.count >= 1_000) {
        let mut matcher = row.matcher.clone();
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for number in 0..2_000_u32 {
            let pattern = Arc::clone(&row.patterns[number as usize % row.count]);
            let (before, began) = (matcher.clone(), Instant::now());
            matcher.change([], [(2_000_000 + number, pattern)]);
            added.push(began.elapsed().as_nanos() as f64 / 1_000.0);
            drop(before);
            let (before, began) = (matcher.clone(), Instant::now());
            matcher.change([number], []);
            removed.push(began.elapsed().as_nanos() as f64 / 1_000.0);
            drop(before);
        }
        let tell = |times: &mut Vec<f64>| {
            times.sort_by(f64::total_cmp);
            format!(
                "{:.1}, {:.1}, {:.1}",
                times[times.len() / 2],
                times[times.len() * 99 / 100],
                times[times.len() - 1]
            )
        };
        writeln!(out, "| {} {} | {} | {} |", row.name, row.count, tell(&mut added), tell(&mut removed))?;
    }
    Ok(())
}
