//! The page of a failover's campaign: every fault with its figures, the gaps, the account. Pure but for the machine's description.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crate::arguments::Arguments;
use crate::evidence;
use crate::failover::nodes::{GROUPS, UNCONFIRMED_DELIVERIES};
use crate::failover::plan::{Fault, Role};

/// What one fault was like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strike {
    /// What was done.
    pub fault: Fault,
    /// To whom.
    pub role: Role,
    /// The victim's number.
    pub node: u64,
    /// The group by which it was chosen.
    pub group: u32,
    /// Groups that it led.
    pub leads: usize,
    /// Puts that were not answered at that moment: of all nodes, and of the victim.
    pub unanswered: (u64, u64),
    /// The group's term before and after.
    pub terms: (u64, u64),
    /// The longest time without an acknowledged put, from the fault until all was whole again.
    pub put_gap: Duration,
    /// The same of writes of the control plane.
    pub control_gap: Duration,
    /// Entries that were acknowledged since the fault before.
    pub acknowledged: u64,
    /// Terms that shard groups went on: their failovers, with elections that nobody won.
    pub failovers: u64,
    /// Deliveries to the receiver beyond the first.
    pub repeats: u64,
    /// From the fault until all replicas were there and had caught up.
    pub whole_after: Duration,
    /// What was wrong.
    pub wrong: Vec<String>,
}

impl Strike {
    /// The most that may be repeated.
    #[must_use]
    pub const fn repeats_limit(&self) -> u64 {
        self.failovers * UNCONFIRMED_DELIVERIES
    }

    /// Whether a leader died: what the goals of failover speak of.
    fn is_of_a_killed_leader(&self, is_one: impl Fn(Role) -> bool) -> bool {
        self.fault == Fault::Kill && is_one(self.role)
    }
}

/// One line for whoever watches.
#[must_use]
pub fn line(number: usize, of: usize, strike: &Strike) -> String {
    let verdict = if strike.wrong.is_empty() { "in order" } else { "NOT IN ORDER" };
    format!(
        "fault {number:>3} of {of}: {} of node {}, {} (group {}, leads {}), {} unanswered ({} there), term {} to {}, gap {} ms, control {} ms, \
         {} acknowledged before, {} repeats of {}, whole after {} ms: {verdict}",
        strike.fault.word(),
        strike.node,
        strike.role.word(),
        strike.group,
        strike.leads,
        strike.unanswered.0,
        strike.unanswered.1,
        strike.terms.0,
        strike.terms.1,
        strike.put_gap.as_millis(),
        strike.control_gap.as_millis(),
        strike.acknowledged,
        strike.repeats,
        strike.repeats_limit(),
        strike.whole_after.as_millis(),
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

/// Least, median and most.
fn spread(mut figures: Vec<u128>) -> Option<[u128; 3]> {
    figures.sort_unstable();
    Some([*figures.first()?, figures[figures.len() / 2], *figures.last()?])
}

/// The gaps that the goals PD7a and PD7b speak of, and those of every other fault.
#[must_use]
pub fn gaps(strikes: &[Strike]) -> String {
    let mut text =
        "| gap without acknowledgement, ms | faults | least | p50 | max |\n|---|---|---|---|---|\n".to_owned();
    let mut row = |name: &str, figures: Vec<u128>| {
        let count = figures.len();
        if let Some([least, median, most]) = spread(figures) {
            // A String takes everything.
            let _ = writeln!(text, "| {name} | {count} | {least} | {median} | {most} |");
        }
    };
    let of = |which: &dyn Fn(&Strike) -> bool, figure: fn(&Strike) -> Duration| {
        strikes.iter().filter(|strike| which(strike)).map(|strike| figure(strike).as_millis()).collect::<Vec<_>>()
    };
    let shards = |strike: &Strike| strike.leads > 0 && strike.is_of_a_killed_leader(|_| true);
    row("PD7a: unkeyed puts, a leader killed", of(&shards, |strike| strike.put_gap));
    let control = |strike: &Strike| strike.is_of_a_killed_leader(|role| role == Role::ControlLeader);
    row("PD7b: control plane, its leader killed", of(&control, |strike| strike.control_gap));
    for fault in Fault::ALL {
        let own = |strike: &Strike| strike.fault == fault;
        row(&format!("{}, unkeyed puts", fault.word()), of(&own, |strike| strike.put_gap));
        row(&format!("{}, control plane", fault.word()), of(&own, |strike| strike.control_gap));
    }
    text
}

/// How many of each, by fault and role.
fn counts(strikes: &[Strike]) -> String {
    let mut rows: BTreeMap<Fault, [usize; 3]> = BTreeMap::new();
    for strike in strikes {
        let at = Role::ALL.iter().position(|role| *role == strike.role).unwrap_or_default();
        rows.entry(strike.fault).or_default()[at] += 1;
    }
    let mut text = "| fault | leader of control | leader of a shard | follower |\n|---|---|---|---|\n".to_owned();
    for (fault, [control, shard, follower]) in rows {
        let _ = writeln!(text, "| {} | {control} | {shard} | {follower} |", fault.word());
    }
    text
}

fn all(strikes: &[Strike]) -> String {
    let head = "| | fault | role | node | group | unanswered | term | acknowledged before | put gap, ms | control gap, ms | whole after, ms | repeats |";
    let mut text = format!("{head}\n|{}\n", "---|".repeat(12));
    for (number, strike) in (1..).zip(strikes) {
        let _ = writeln!(
            text,
            "| {number} | {} | {} | {} | {} | {} | {} → {} | {} | {} | {} | {} | {} of {} |",
            strike.fault.word(),
            strike.role.word(),
            strike.node,
            strike.group,
            strike.unanswered.0,
            strike.terms.0,
            strike.terms.1,
            strike.acknowledged,
            strike.put_gap.as_millis(),
            strike.control_gap.as_millis(),
            strike.whole_after.as_millis(),
            strike.repeats,
            strike.repeats_limit(),
        );
    }
    text
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
        "# Campaign `failover`{}\n\nThree daemons in three zones, {GROUPS} shard groups. 5 producers put batches of ten without a key, each over all nodes, and repeat\n\
         what certainly was not written; one writes tags, one after the other; consumers empty a queue with a fifth\n\
         of the events; a receiver takes the others. Nodes talk through links that can be cut. Faults and victims are drawn by the seed; each waits for 1,000\n\
         acknowledged events since the one before. After each, all replicas must have caught up and every event acknowledged by then\n\
         must have arrived within 30 s; at times all callers are held, and every event and every written tag is looked for.\n{control}\n\
         A gap is the longest time without any acknowledgement between the fault and the moment when all replicas have caught up.\n\
         The bound of repeats is {UNCONFIRMED_DELIVERIES} for each term that a shard group went on.\n\n\
         | | |\n|---|---|\n| commit | {}, development build |\n| command | `./x campaign {typed}` |\n| seed | {seed} |\n| machine | {} |\n| took | {} s |\n\n\
         {}\n{}\n| figure | count |\n|---|---|\n{figures}\n**{}**\n{wrong}\n## Every fault\n\n{}",
        if *planted { ", with a planted fault" } else { "" },
        page.commit,
        evidence::machine(),
        page.took.as_secs(),
        counts(page.strikes),
        gaps(page.strikes),
        verdict(page),
        all(page.strikes),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strike(fault: Fault, role: Role, gap_ms: u64) -> Strike {
        Strike {
            fault,
            role,
            node: 1,
            group: 0,
            leads: 2,
            unanswered: (8, 3),
            terms: (4, 5),
            put_gap: Duration::from_millis(gap_ms),
            control_gap: Duration::from_millis(2 * gap_ms),
            acknowledged: 1_200,
            failovers: 2,
            repeats: 7,
            whole_after: Duration::from_millis(900),
            wrong: Vec::new(),
        }
    }

    #[test]
    fn gaps_are_those_of_killed_leaders_and_of_each_fault() {
        let strikes = [
            strike(Fault::Kill, Role::ControlLeader, 100),
            strike(Fault::Kill, Role::ShardLeader, 300),
            strike(Fault::Kill, Role::ControlLeader, 200),
            strike(Fault::Pause, Role::ControlLeader, 900),
        ];
        let text = gaps(&strikes);
        for row in [
            "| PD7a: unkeyed puts, a leader killed | 3 | 100 | 200 | 300 |",
            "| PD7b: control plane, its leader killed | 2 | 200 | 400 | 400 |",
            "| pause, control plane | 1 | 1800 | 1800 | 1800 |",
        ] {
            assert!(text.contains(row), "{row}: {text}");
        }
        assert!(!text.contains("flapping"), "{text}");
        assert!(counts(&strikes).contains("| kill | 2 | 1 | 0 |"));
        assert!(all(&strikes).contains("| 4 → 5 | 1200 | 100 | 200 | 900 | 7 of 512 |"), "{}", all(&strikes));
    }
}
