//! The page of a failover's campaign: every fault with its figures, the gaps, the account. Pure but for the machine's description.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crate::arguments::Arguments;
use crate::evidence;
use crate::failover::board::Gaps;
use crate::failover::cluster::{GROUPS, UNCONFIRMED_DELIVERIES};
use crate::failover::gaps;
use crate::failover::plan::{Fault, Role};

/// What one fault was like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strike {
    /// What was done.
    pub fault: Fault,
    /// What the victim was.
    pub role: Role,
    /// Its number.
    pub node: u64,
    /// The groups that it led, or of a follower those that it followed, each with its term before and after.
    pub groups: Vec<(u32, u64, u64)>,
    /// Puts that were not answered at that moment: of all nodes, and of the victim.
    pub unanswered: (usize, usize),
    /// The longest times without an acknowledgement, from the fault until all was whole again.
    pub gaps: Gaps,
    /// Entries that were acknowledged since the fault before.
    pub acknowledged: u64,
    /// Terms that all groups went on since the fault before.
    pub terms: u64,
    /// Those of the shard groups: each ends at most one lead.
    pub leads_ended: u64,
    /// Deliveries to the receiver beyond the first, since the fault before.
    pub repeats: u64,
    /// The most that there may be.
    pub repeats_limit: u64,
    /// From the fault's end, the start of the killed included, until all replicas were there and had caught up.
    pub whole_after: Duration,
    /// From then until everything acknowledged had arrived.
    pub drained_after: Duration,
    /// What was slow, and is not wrong.
    pub slow: Vec<String>,
    /// What was wrong.
    pub wrong: Vec<String>,
}

/// What shard groups may repeat when so many of their terms have ended: each of them what was not confirmed.
#[must_use]
pub const fn repeats_of(leads_ended: u64) -> u64 {
    leads_ended * UNCONFIRMED_DELIVERIES
}

impl Strike {
    fn terms_text(&self) -> String {
        let text = |(group, before, after): &(u32, u64, u64)| format!("{group}: {before}→{after}");
        self.groups.iter().map(text).collect::<Vec<_>>().join(", ")
    }

    fn verdict(&self) -> &'static str {
        match (self.wrong.is_empty(), self.slow.is_empty()) {
            (true, true) => "in order",
            (true, false) => "slow",
            (false, _) => "NOT IN ORDER",
        }
    }
}

/// One line for whoever watches.
#[must_use]
pub fn line(number: usize, of: usize, strike: &Strike) -> String {
    format!(
        "fault {number:>3} of {of}: {} of node {}, {} ({}), {} unanswered ({} there), gaps {} ms (one producer {}, control {}), \
         {} acknowledged before, {} terms, {} repeats of {}, whole after {} ms, drained {} ms later: {}",
        strike.fault.word(),
        strike.node,
        strike.role.word(),
        strike.terms_text(),
        strike.unanswered.0,
        strike.unanswered.1,
        strike.gaps.puts.as_millis(),
        strike.gaps.producer.as_millis(),
        strike.gaps.control.as_millis(),
        strike.acknowledged,
        strike.terms,
        strike.repeats,
        strike.repeats_limit,
        strike.whole_after.as_millis(),
        strike.drained_after.as_millis(),
        strike.verdict(),
    )
}

/// Everything that is told.
pub struct Page<'a> {
    /// The commit that was checked out when it began.
    pub commit: &'a str,
    /// What was asked for.
    pub arguments: &'a Arguments,
    /// Faults that were planned.
    pub planned: usize,
    /// Every fault.
    pub strikes: &'a [Strike],
    /// The last findings, of no single fault.
    pub wrong: &'a [String],
    /// Figures of the whole, with their names.
    pub figures: Vec<(String, u64)>,
    /// How long it took.
    pub took: Duration,
    /// Whether it passed.
    pub has_passed: bool,
}

/// The verdict in words.
#[must_use]
pub fn verdict(page: &Page<'_>) -> String {
    let done = format!("{} of {} faults", page.strikes.len(), page.planned);
    match (page.has_passed, page.arguments.planted) {
        (true, false) => {
            format!("PASSED: {done}, no acknowledged event and no acknowledged write lost, repeats within the bound")
        }
        (true, true) => format!("PASSED: the planted fault was found after {done}"),
        (false, false) => format!("FAILED after {done}, seed {}", page.arguments.seed),
        (false, true) => format!("FAILED: a fault was planted, and {done} did not find it"),
    }
}

/// How many of each, by fault and role.
fn counts(strikes: &[Strike]) -> String {
    let mut rows: BTreeMap<Fault, [usize; Role::ALL.len()]> = BTreeMap::new();
    for strike in strikes {
        let at = Role::ALL.iter().position(|role| *role == strike.role).unwrap_or_default();
        rows.entry(strike.fault).or_default()[at] += 1;
    }
    let names = Role::ALL.map(Role::word).join(" | ");
    let mut text = format!("| fault | {names} | all |\n|{}\n", "---|".repeat(Role::ALL.len() + 2));
    for (fault, row) in rows {
        let cells = row.map(|count| count.to_string()).join(" | ");
        // A String takes everything.
        let _ = writeln!(text, "| {} | {cells} | {} |", fault.word(), row.iter().sum::<usize>());
    }
    text
}

/// How often so many terms went by.
fn terms(strikes: &[Strike]) -> String {
    let mut rows: BTreeMap<Fault, Vec<u64>> = BTreeMap::new();
    for strike in strikes {
        rows.entry(strike.fault).or_default().push(strike.terms);
    }
    let mut text = "| terms of all groups, a fault | faults | least | p50 | most |\n|---|---|---|---|---|\n".to_owned();
    for (fault, mut row) in rows {
        row.sort_unstable();
        let (least, median, most) = (row[0], row[row.len() / 2], row[row.len() - 1]);
        let _ = writeln!(text, "| {} | {} | {least} | {median} | {most} |", fault.word(), row.len());
    }
    text
}

fn all(strikes: &[Strike]) -> String {
    let head = "| | fault | victim | node | its groups' terms | unanswered (there) | acknowledged before | puts' gap | one producer's | control's | terms | repeats | whole after | drained | |";
    let mut text = format!("{head}\n|{}\n", "---|".repeat(15));
    for (number, strike) in (1..).zip(strikes) {
        let _ = writeln!(
            text,
            "| {number} | {} | {} | {} | {} | {} ({}) | {} | {} | {} | {} | {} | {} of {} | {} | {} | {} |",
            strike.fault.word(),
            strike.role.word(),
            strike.node,
            strike.terms_text(),
            strike.unanswered.0,
            strike.unanswered.1,
            strike.acknowledged,
            strike.gaps.puts.as_millis(),
            strike.gaps.producer.as_millis(),
            strike.gaps.control.as_millis(),
            strike.terms,
            strike.repeats,
            strike.repeats_limit,
            strike.whole_after.as_millis(),
            strike.drained_after.as_millis(),
            strike.verdict(),
        );
    }
    text
}

/// What is slow and not wrong.
fn slow(strikes: &[Strike]) -> String {
    let rows = (1..).zip(strikes).flat_map(|(number, strike)| strike.slow.iter().map(move |slow| (number, slow)));
    let text: String = rows.map(|(number, slow)| format!("- fault {number}: {slow}\n")).collect();
    if text.is_empty() { "Nothing was slow.\n".to_owned() } else { format!("Slow, and not wrong:\n\n{text}") }
}

/// What is the same on every page.
fn introduction() -> String {
    format!(
        "Three daemons in three zones, {GROUPS} shard groups. 8 producers put batches of ten without a key or token over all nodes by the client\n\
         library (`api::client::endpoints`), which gives a node 1 s to answer, goes to the next one when one fails and repeats what certainly was not\n\
         written; one caller writes tags, one after the other, in the same way; consumers empty a queue with a fifth of the events; a receiver takes\n\
         the others. Nodes talk through wires that can be cut. Power is cut in a second cluster of the same kind, whose disks are file systems in\n\
         files; the first one's folders lie on the machine's own, so that its gaps are what they are there. Faults are drawn by the seed, and their victims by what nodes lead at that moment, for\n\
         which now and then a node is drained before, so that there is one that leads nothing, or two things;\n\
         each waits for 1,000 acknowledged events since the one before, and for a put that its victim has not answered. After each, all replicas must\n\
         catch up and every event acknowledged by then must arrive; every tenth time all callers are held, and every event and every written tag is\n\
         looked for.\n\n\
         A gap is the longest time without an acknowledgement between the fault and the moment when all replicas have caught up: of all producers\n\
         together, of the one producer that waited longest, and of the writer of tags. The API has no ordering keys yet, so that PD7b is measured\n\
         by the control plane alone.\n\n\
         **The bound of repeats.** A lead delivers again only what an earlier lead had attempted and not confirmed by a checkpoint, and of that there\n\
         is never more than `max_unconfirmed_deliveries` ({UNCONFIRMED_DELIVERIES} here; DL-2). A lead lasts for a part of one term. So a shard group repeats at most\n\
         {UNCONFIRMED_DELIVERIES} deliveries for each term that it goes on; what a fault does not use of that may still come while the next one is looked at.\n",
    )
}

/// The page.
#[must_use]
pub fn text(page: &Page<'_>) -> String {
    let Arguments { seed, typed, planted, .. } = page.arguments;
    let control = if *planted {
        "\nThe daemons of this run acknowledge without a sync (`BASCULE_PLANT=no-sync`): the campaign passes if it finds the loss.\n"
    } else {
        ""
    };
    let figures =
        page.figures.iter().fold(String::new(), |text, (name, count)| text + &format!("| {name} | {count} |\n"));
    let wrong = page.strikes.iter().flat_map(|strike| &strike.wrong).chain(page.wrong);
    let wrong: String = wrong.map(|wrong| evidence::finding(wrong)).collect();
    format!(
        "# Campaign `failover`{}\n\n{}{control}\n\
         | | |\n|---|---|\n| commit | {}, {} |\n| command | `./x campaign {typed}` |\n| seed | {seed} |\n| machine | {} |\n| took | {} s |\n\n\
         **{}**\n{wrong}\n| figure | count |\n|---|---|\n{figures}\n{}\n{}\n{}\n{}\n## Every fault\n\nTimes in milliseconds.\n\n{}",
        if *planted { ", with a planted fault" } else { "" },
        introduction(),
        page.commit,
        evidence::profile(),
        evidence::machine(),
        page.took.as_secs(),
        verdict(page),
        gaps::tables(page.strikes),
        counts(page.strikes),
        terms(page.strikes),
        slow(page.strikes),
        all(page.strikes),
    )
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A strike whose control gap is twice that of its puts.
    pub fn strike(fault: Fault, role: Role, gap_ms: u64) -> Strike {
        let ms = Duration::from_millis;
        Strike {
            fault,
            role,
            node: 1,
            groups: vec![(0, 4, 5), (2, 7, 7)],
            unanswered: (8, 3),
            gaps: Gaps { puts: ms(gap_ms), producer: ms(gap_ms + 1), control: ms(2 * gap_ms) },
            acknowledged: 1_200,
            terms: 3,
            leads_ended: 2,
            repeats: 7,
            repeats_limit: repeats_of(2),
            whole_after: ms(900),
            drained_after: ms(50),
            slow: Vec::new(),
            wrong: Vec::new(),
        }
    }

    #[test]
    fn a_page_counts_and_lists() {
        let strikes = [
            strike(Fault::Kill, Role::Control, 100),
            strike(Fault::Kill, Role::Shards, 300),
            Strike { slow: vec!["it took its time".to_owned()], terms: 9, ..strike(Fault::Kill, Role::Control, 200) },
        ];
        assert!(counts(&strikes).contains("| kill | 2 | 1 | 0 | 0 | 3 |"), "{}", counts(&strikes));
        assert!(terms(&strikes).contains("| kill | 3 | 3 | 3 | 9 |"), "{}", terms(&strikes));
        let row = "| kill | leader of control | 1 | 0: 4→5, 2: 7→7 | 8 (3) | 1200 | 100 | 101 | 200 | 3 | 7 of 512 | 900 | 50 | in order |";
        assert!(all(&strikes).contains(row), "{}", all(&strikes));
        assert!(slow(&strikes).contains("- fault 3: it took its time"));
        assert!(slow(&strikes[..1]).starts_with("Nothing"));
    }
}
