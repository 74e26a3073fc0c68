//! The figures as tables: on the terminal and, with where they are from, as a page.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use bascule_tests::Outcome;

use crate::figures::{Figures, Spread, Verdict};
use crate::machine;
use crate::rows::{ROWS, Sample};

/// Shows the tables.
///
/// # Errors
/// The system's.
pub fn show(figures: &Figures) -> Outcome {
    Ok(io::stdout().lock().write_all(tables(figures).as_bytes())?)
}

/// The page.
pub fn text(figures: &Figures) -> String {
    let command = ["./x bench cluster"].into_iter().chain(figures.words.iter().map(String::as_str));
    let command: Vec<&str> = command.collect();
    format!(
        "# Three nodes beside three of NATS JetStream\n\n\
         `{}` at {}, release build, {}; it took {} s. NATS 2.15.1, one stream of three replicas, `sync_interval: always`. Both with TLS 1.3\n\
         for clients and between nodes, clients in Rust, six connections, on one machine, with load and the other side's idle nodes beside.\n\
         Events of 1 KiB. Ours: three nodes in three zones, 12 groups, one rule of 1,000 matches, a log target writes into memory; clients at\n\
         all nodes. NATS': clients at the stream's leader, one subject, a pull consumer that confirms 500 at once.\n\
         {} rounds, interleaved; medians and ranges over the rounds; ratios within a round.\n\n{}",
        command.join(" "),
        figures.commit,
        figures.machine,
        figures.took.as_secs(),
        figures.rounds.len(),
        tables(figures),
    )
}

fn tables(figures: &Figures) -> String {
    let mut out = String::new();
    // Writing into a text does not fail.
    let _ = goals(&mut out, figures);
    if !figures.rounds.is_empty() {
        let _ = rows(&mut out, figures);
    }
    if !figures.synced.is_empty() {
        let _ = syncs(&mut out, figures);
    }
    out
}

fn goals(out: &mut String, figures: &Figures) -> std::fmt::Result {
    writeln!(out, "| goal | what | ours | beside | ratio | goal | |\n|---|---|---|---|---|---|---|")?;
    for verdict in figures.verdicts() {
        let Verdict { goal, what, ours, beside, figure, limit, is_reached } = verdict;
        let word = match is_reached {
            Some(true) => "reached",
            Some(false) => "NOT REACHED",
            None => "not known",
        };
        let (ours, beside, figure) = (whole(ours), whole(beside), fine(figure));
        writeln!(out, "| {goal} | {what} | {ours} | {beside} | {figure} | {limit} | {word} |")?;
    }
    writeln!(out)
}

fn rows(out: &mut String, figures: &Figures) -> std::fmt::Result {
    writeln!(
        out,
        "| row | events/s | p50, µs | p99, µs | servers' µs/event | clients' µs/event | idle side, % of a core | others, % of the machine | \
         not delivered at the end | until it was, ms |\n|---|---|---|---|---|---|---|---|---|---|"
    )?;
    let bare = |share| whole(Spread::of(figures.bare(share)));
    let syncs = whole(Spread::of(figures.rounds.iter().map(|round| round.bare.rate())));
    writeln!(out, "| append and fdatasync | {syncs} | {} | {} | | | | | | |", bare(0.5), bare(0.99))?;
    for row in &ROWS {
        let over = |figure: &dyn Fn(&Sample) -> f64| figures.over(row.name, figure);
        let Some(rate) = over(&|sample| sample.calls.rate()) else { continue };
        let each = |seconds: f64, sample: &Sample| seconds * 1e6 / sample.calls.events as f64;
        let share = |seconds: f64, sample: &Sample| seconds * 100.0 / sample.calls.took.as_secs_f64();
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            row.name,
            whole(Some(rate)),
            whole(over(&|sample| sample.calls.at(0.5))),
            whole(over(&|sample| sample.calls.at(0.99))),
            whole(over(&|sample| each(sample.spent.servers, sample))),
            whole(over(&|sample| each(sample.spent.clients, sample))),
            whole(over(&|sample| share(sample.spent.beside, sample))),
            whole(over(&|sample| share(sample.spent.strangers, sample) / machine::processors() as f64)),
            whole(over(&|sample| sample.behind as f64)),
            whole(over(&|sample| sample.drained.as_secs_f64() * 1e3)),
        )?;
    }
    writeln!(out)
}

fn syncs(out: &mut String, figures: &Figures) -> std::fmt::Result {
    writeln!(out, "| under a tracer | events/s | syncs/s, three nodes | syncs per event |\n|---|---|---|---|")?;
    for synced in &figures.synced {
        let (events, syncs, took) = (synced.events as f64, synced.syncs as f64, synced.took.as_secs_f64());
        writeln!(out, "| {} | {:.0} | {:.0} | {:.2} |", synced.row, events / took, syncs / took, syncs / events)?;
    }
    writeln!(out)
}

fn whole(spread: Option<Spread>) -> String {
    spread.map_or_else(String::new, |Spread { median, least, most }| format!("{median:.0} ({least:.0}–{most:.0})"))
}

fn fine(spread: Option<Spread>) -> String {
    spread.map_or_else(String::new, |Spread { median, least, most }| format!("{median:.2} ({least:.2}–{most:.2})"))
}
