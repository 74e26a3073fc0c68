//! The account of three zones: what was acknowledged, what arrived, and what did not.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use bascule_tests::ledger::{Arrived, Fate};
use bascule_tests::traffic::Sent;

use crate::zones::setup::RULES;

/// What became of all puts.
#[derive(Debug)]
pub struct Puts {
    sent: Vec<Sent>,
}

impl Puts {
    /// Of these.
    #[must_use]
    pub const fn of(sent: Vec<Sent>) -> Self {
        Self { sent }
    }

    fn count(&self, wanted: impl Fn(&Fate) -> bool) -> usize {
        self.sent.iter().filter(|sent| wanted(&sent.put.fate)).count()
    }

    /// How many were acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        self.count(|fate| matches!(fate, Fate::Acknowledged(_)))
    }

    /// Of how many nobody knows.
    #[must_use]
    pub fn unknown(&self) -> usize {
        self.count(|fate| matches!(fate, Fate::Unknown(_)))
    }

    /// How many were refused in the end.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.count(|fate| matches!(fate, Fate::Refused(_)))
    }

    /// Ids of the acknowledged events of these detail types.
    #[must_use]
    pub fn owed(&self, detail_types: &[&str]) -> BTreeSet<&str> {
        let of = self.sent.iter().filter(|sent| detail_types.contains(&sent.detail_type.as_str()));
        let ids = of.filter_map(|sent| match &sent.put.fate {
            Fate::Acknowledged(id) => Some(id.as_str()),
            _ => None,
        });
        ids.collect()
    }

    /// Marks of the puts of these detail types of which nobody knows.
    fn open(&self, detail_types: &[&str]) -> BTreeSet<&str> {
        let of = self.sent.iter().filter(|sent| detail_types.contains(&sent.detail_type.as_str()));
        of.filter(|sent| matches!(sent.put.fate, Fate::Unknown(_))).map(|sent| sent.put.mark.as_str()).collect()
    }
}

/// One row: one rule with its target.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Row {
    name: String,
    /// Acknowledged events that the rule takes.
    acknowledged: u64,
    /// Of these, how many arrived.
    delivered: u64,
    /// Arrivals beyond an event's first.
    repeated: u64,
    /// Acknowledged, and did not arrive.
    missing: u64,
    /// Puts of unknown outcome that the rule takes.
    unknown: u64,
    /// Of these, how many arrived.
    stored: u64,
    /// Arrived, and nobody put it, or not as this event.
    strange: u64,
}

/// All rows, and how much may be repeated.
#[derive(Debug)]
pub struct Account {
    rows: Vec<Row>,
    repeats_limit: u64,
}

impl Account {
    /// From what producers were told and what arrived by each rule.
    #[must_use]
    pub fn of(puts: &Puts, seen: &BTreeMap<&'static str, Vec<Arrived>>, repeats_limit: u64) -> Self {
        let rows = RULES.iter().map(|rule| {
            let arrived = seen.get(rule.name).map_or(&[][..], Vec::as_slice);
            row(rule.name, &puts.owed(rule.detail_types), &puts.open(rule.detail_types), arrived)
        });
        Self { rows: rows.collect(), repeats_limit }
    }

    fn total(&self) -> Row {
        let mut total = Row { name: "all".to_owned(), ..Row::default() };
        for row in &self.rows {
            total.acknowledged += row.acknowledged;
            total.delivered += row.delivered;
            total.repeated += row.repeated;
            total.missing += row.missing;
            total.unknown += row.unknown;
            total.stored += row.stored;
            total.strange += row.strange;
        }
        total
    }

    /// Whether nothing is missing, nothing came from nowhere, and no more was repeated than may be. An account of nothing is not
    /// right.
    #[must_use]
    pub fn is_right(&self) -> bool {
        let total = self.total();
        total.acknowledged > 0 && total.missing + total.strange == 0 && total.repeated <= self.repeats_limit
    }

    /// Writes the table.
    ///
    /// # Errors
    /// Nobody takes it.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let head = ["rule → target", "acknowledged", "delivered", "repeated", "missing", "unknown", "stored"];
        line(out, head.map(str::to_owned), "")?;
        for row in self.rows.iter().chain([&self.total()]) {
            let verdict = if row.missing + row.strange > 0 { "  WRONG" } else { "" };
            let strange = if row.strange > 0 { format!(" ({} from nowhere)", row.strange) } else { String::new() };
            line(out, cells(row), &format!("{verdict}{strange}"))?;
        }
        writeln!(
            out,
            "repeated: arrivals beyond the first, at most {}. unknown: puts that nobody answered for sure, none of which was repeated;\n\
             stored: those of them that arrived. Each stands in every row whose rule takes it.",
            self.repeats_limit
        )
    }
}

fn row(name: &str, owed: &BTreeSet<&str>, open: &BTreeSet<&str>, arrived: &[Arrived]) -> Row {
    let mut row = Row { name: name.to_owned(), acknowledged: owed.len() as u64, ..Row::default() };
    row.unknown = open.len() as u64;
    let (mut ids, mut stored) = (BTreeSet::new(), BTreeSet::new());
    for event in arrived {
        let is_first = ids.insert(event.id.as_str());
        row.repeated += u64::from(!is_first);
        if open.contains(event.mark.as_str()) {
            // Put once: two ids under its mark are one too many.
            row.strange += u64::from(is_first && !stored.insert(event.mark.as_str()));
        } else if !owed.contains(event.id.as_str()) {
            row.strange += 1;
        }
    }
    row.stored = stored.len() as u64;
    row.delivered = owed.iter().filter(|id| ids.contains(*id)).count() as u64;
    row.missing = row.acknowledged - row.delivered;
    row
}

fn cells(row: &Row) -> [String; 7] {
    let numbers = [row.acknowledged, row.delivered, row.repeated, row.missing, row.unknown, row.stored];
    let [a, b, c, d, e, f] = numbers.map(|number| number.to_string());
    [row.name.clone(), a, b, c, d, e, f]
}

fn line(out: &mut dyn Write, cells: [String; 7], verdict: &str) -> io::Result<()> {
    let [name, numbers @ ..] = cells;
    write!(out, "{name:<20}")?;
    for (number, width) in numbers.iter().zip([13, 11, 10, 9, 9, 8]) {
        write!(out, "{number:>width$}")?;
    }
    writeln!(out, "{verdict}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two acknowledged, one unknown.
    fn check(arrived: &[(&str, &str)]) -> Row {
        let arrived: Vec<Arrived> =
            arrived.iter().map(|(mark, id)| Arrived { mark: (*mark).to_owned(), id: (*id).to_owned() }).collect();
        row("r", &BTreeSet::from(["a", "b"]), &BTreeSet::from(["3"]), &arrived)
    }

    fn is_right(row: Row, repeats_limit: u64) -> bool {
        Account { rows: vec![row], repeats_limit }.is_right()
    }

    #[test]
    fn what_is_right_is_right_and_what_is_planted_is_found() {
        let all = [("1", "a"), ("2", "b")];
        assert!(is_right(check(&all), 0));
        let lost = check(&all[..1]);
        assert_eq!((lost.delivered, lost.missing), (1, 1));
        assert!(!is_right(lost, 9));
        let twice = check(&[&all[..], &all[..1]].concat());
        assert_eq!(twice.repeated, 1);
        assert!(is_right(twice.clone(), 1) && !is_right(twice, 0), "the bound holds");
        let stored = check(&[&all[..], &[("3", "c")]].concat());
        assert_eq!((stored.unknown, stored.stored), (1, 1));
        assert!(is_right(stored, 0));
        assert!(!is_right(check(&[&all[..], &[("3", "c"), ("3", "d")]].concat()), 9), "one put, two events");
        assert!(!is_right(check(&[&all[..], &[("4", "z")]].concat()), 9), "nobody put it");
        assert!(!is_right(Row::default(), 9), "an account of nothing");
    }

    #[test]
    fn the_table_says_which_row_is_wrong() {
        let account = Account { rows: vec![check(&[("1", "a"), ("2", "b")]), check(&[])], repeats_limit: 0 };
        let mut text = Vec::new();
        account.write(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text.lines().filter(|line| line.ends_with("WRONG")).count(), 2, "a row and the sum: {text}");
    }
}
