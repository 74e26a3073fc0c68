//! The account: what each rule must match, what arrived where, and whether the two agree.
//!
//! An event that was put twice, since the first put was never answered, may have been stored twice; what arrives of the first is
//! told apart by its mark and stands in a column of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use bascule_tests::Outcome;
use bascule_tests::client::Client;
use bascule_tests::ledger::{Arrived, Counts, read_event};
use bascule_tests::receiver::Receiver;

use crate::BUS;
use crate::script::Script;
use crate::setup;
use crate::storm::Puts;

/// What was found of one target.
#[derive(Debug, Default)]
pub struct Seen {
    /// Every event that it was given, once for each time it took it.
    pub taken: Vec<Arrived>,
    /// Every event of it among the dead letters.
    pub dead: Vec<Arrived>,
    /// What the daemon counts.
    pub counts: Counts,
}

/// One row of the table: one target of one rule.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Row {
    /// `rule → target`.
    pub name: String,
    /// Events that the rule must match.
    pub expected: u64,
    /// Acknowledged events that it matched, by the daemon's own count.
    pub matched: u64,
    /// Acknowledged events that arrived.
    pub delivered: u64,
    /// Arrivals beyond an event's first.
    pub repeated: u64,
    /// Acknowledged events that are dead letters.
    pub dead: u64,
    /// Events that were stored although their put was never answered, and arrived or are dead letters.
    pub unanswered: u64,
    /// Acknowledged and matched, and neither delivered nor dead.
    pub missing: u64,
    /// Arrived, and nobody put it.
    pub strange: u64,
}

impl Row {
    /// Whether it is as it must be.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.matched == self.expected && self.delivered + self.dead == self.expected && self.missing + self.strange == 0
    }
}

/// Looks everywhere.
///
/// # Errors
/// A file cannot be read, or the daemon refuses.
pub async fn look(client: &Client, script: &Script, receiver: &Receiver) -> Outcome<BTreeMap<String, Seen>> {
    let mut all = BTreeMap::new();
    let letters = client.dead_letters(BUS).await?;
    for rule in &script.rules {
        for target in &rule.targets {
            let mut seen = Seen { counts: client.counts(BUS, &rule.name, &target.id).await?, ..Seen::default() };
            if let Some(path) = setup::path(rule, target) {
                let taken = receiver.at(&path)?.into_iter().filter(|record| record.is_taken());
                seen.taken = taken.map(|record| Arrived { id: record.event_id, mark: record.mark }).collect();
            }
            if let Some(queue) = &target.queue {
                let messages = client.drain(queue).await?;
                seen.taken = messages.iter().filter_map(|message| read_event(&message.body)).collect();
            }
            let own = letters.iter().filter(|letter| {
                letter.rule_arn.ends_with(&format!("/{}", rule.name)) && letter.target_id == target.id
            });
            seen.dead = own.filter_map(|letter| read_event(&letter.event)).collect();
            all.insert(name(&rule.name, &target.id), seen);
        }
    }
    Ok(all)
}

fn name(rule: &str, target: &str) -> String {
    format!("{rule} → {target}")
}

/// The table.
#[must_use]
pub fn rows(script: &Script, puts: &Puts, seen: &BTreeMap<String, Seen>) -> Vec<Row> {
    let targets = script.rules.iter().flat_map(|rule| rule.targets.iter().map(move |target| (rule, target)));
    let nothing = Seen::default();
    let rows = targets.map(|(rule, target)| {
        let name = name(&rule.name, &target.id);
        let seen = seen.get(&name).unwrap_or(&nothing);
        row(name, rule.expected, puts, seen)
    });
    rows.collect()
}

fn row(name: String, expected: u64, puts: &Puts, seen: &Seen) -> Row {
    let acknowledged: BTreeSet<&str> = puts.ids.values().map(String::as_str).collect();
    let mut row = Row { name, expected, ..Row::default() };
    let (mut unanswered, mut arrived) = (BTreeSet::new(), BTreeSet::new());
    for event in &seen.taken {
        row.repeated += u64::from(!arrived.insert(event.id.as_str()));
    }
    let dead: BTreeSet<&str> = seen.dead.iter().map(|event| event.id.as_str()).collect();
    for event in seen.taken.iter().chain(&seen.dead) {
        match puts.ids.get(&event.mark) {
            Some(id) => row.strange += u64::from(*id != event.id),
            // A first put without an answer has the number of a line; of anything else nothing is known.
            None if event.mark.parse::<usize>().is_ok() => drop(unanswered.insert(event.mark.as_str())),
            None => row.strange += 1,
        }
    }
    row.delivered = arrived.intersection(&acknowledged).count() as u64;
    row.dead = dead.difference(&arrived).filter(|id| acknowledged.contains(*id)).count() as u64;
    row.unanswered = unanswered.len() as u64;
    row.matched = sum(&seen.counts).saturating_sub(row.unanswered);
    row.missing = row.matched.max(expected).saturating_sub(row.delivered + row.dead);
    row
}

fn sum(counts: &Counts) -> u64 {
    counts.delivered + counts.dead_lettered + counts.pending + counts.cancelled + counts.expired
}

/// Writes the table and gives how many rows are right.
///
/// # Errors
/// Nobody takes it.
pub fn write(rows: &[Row], out: &mut dyn Write) -> io::Result<usize> {
    let mut total = Row { name: "all".to_owned(), ..Row::default() };
    let head = ["rule → target", "expected", "matched", "delivered", "repeated", "dead", "unanswered", "missing"];
    line(out, head.map(str::to_owned), "")?;
    for row in rows {
        let verdict = if row.is_right() { "" } else { "  WRONG" };
        let strange = if row.strange > 0 { format!(" ({} from nowhere)", row.strange) } else { String::new() };
        line(out, cells(row), &format!("{verdict}{strange}"))?;
        total.expected += row.expected;
        total.matched += row.matched;
        total.delivered += row.delivered;
        total.repeated += row.repeated;
        total.dead += row.dead;
        total.unanswered += row.unanswered;
        total.missing += row.missing;
    }
    line(out, cells(&total), "")?;
    writeln!(
        out,
        "expected: tests/demo/expected.tsv. matched: acknowledged events, by the daemon's count. repeated: arrivals beyond the\n\
         first. unanswered: stored before the kill although their puts were never answered; they were put again and\n\
         arrived twice, as two events."
    )?;
    Ok(rows.iter().filter(|row| row.is_right()).count())
}

fn cells(row: &Row) -> [String; 8] {
    let numbers = [row.expected, row.matched, row.delivered, row.repeated, row.dead, row.unanswered, row.missing];
    let mut cells = numbers.map(|number| number.to_string()).into_iter();
    let mut next = || cells.next().unwrap_or_default();
    [row.name.clone(), next(), next(), next(), next(), next(), next(), next()]
}

fn line(out: &mut dyn Write, cells: [String; 8], verdict: &str) -> io::Result<()> {
    let [name, numbers @ ..] = cells;
    write!(out, "{name:<33}")?;
    for (number, width) in numbers.iter().zip([9, 9, 10, 9, 6, 11, 9]) {
        write!(out, "{number:>width$}")?;
    }
    writeln!(out, "{verdict}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(mark: &str, id: &str) -> Arrived {
        Arrived { mark: mark.to_owned(), id: id.to_owned() }
    }

    /// Two acknowledged at once, one again after an unanswered put; all three match.
    fn check(taken: &[(&str, &str)], dead: &[(&str, &str)], counted: u64) -> Row {
        let pairs = [("1", "a"), ("2", "b"), ("3-again", "d")];
        let ids = pairs.map(|(mark, id)| (mark.to_owned(), id.to_owned())).into();
        let all = |pairs: &[(&str, &str)]| pairs.iter().map(|(mark, id)| arrived(mark, id)).collect();
        let counts = Counts { delivered: counted, ..Counts::default() };
        let seen = Seen { taken: all(taken), dead: all(dead), counts };
        row("r → t".to_owned(), 3, &Puts { ids, ..Puts::default() }, &seen)
    }

    #[test]
    fn what_is_right_is_right_and_what_is_planted_is_found() {
        let all = [("1", "a"), ("2", "b"), ("3-again", "d")];
        assert!(check(&all, &[], 3).is_right());
        assert!(check(&all[..2], &all[2..], 3).is_right(), "a dead letter is accounted for");
        let twice = check(&[&all[..], &all[..1]].concat(), &[], 3);
        assert_eq!((twice.repeated, twice.is_right()), (1, true));
        let stored = check(&[&all[..], &[("3", "c")]].concat(), &[], 4);
        assert_eq!((stored.unanswered, stored.matched, stored.is_right()), (1, 3, true));
        let lost = check(&all[..2], &[], 3);
        assert_eq!((lost.missing, lost.is_right()), (1, false));
        assert!(!check(&all[..2], &[], 2).is_right(), "a match too few");
        assert!(!check(&all, &[], 4).is_right(), "a match too many");
        assert_eq!(check(&[&all[..], &[("2", "z")]].concat(), &[], 4).strange, 1);
        assert_eq!(check(&[&all[..], &[("x-again", "z")]].concat(), &[], 4).strange, 1);
    }

    #[test]
    fn the_table_says_which_row_is_wrong() {
        let rows = [check(&[("1", "a")], &[], 3), Row { name: "x → y".to_owned(), ..Row::default() }];
        let mut text = Vec::new();
        assert_eq!(write(&rows, &mut text).unwrap(), 1);
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text.lines().filter(|line| line.ends_with("WRONG")).count(), 1, "{text}");
    }
}
