//! Verdicts on patterns and events as records.

use bascule_api::v1::Rule;
use bascule_pattern::explain::{Explanation, Mismatch};

use crate::output::record::{Item, Record};
use crate::output::{Column, Part, View};

/// What became of one pattern and one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The event matches.
    Match,
    /// It does not, and why.
    No(Explanation),
    /// The rule has no pattern.
    NoPattern,
    /// It cannot be decided.
    Wrong(String),
}

impl Verdict {
    fn word(&self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::No(_) => "no match",
            Self::NoPattern => "no pattern",
            Self::Wrong(_) => "error",
        }
    }

    fn add(&self, record: Record) -> Record {
        let record = record.flag("Result", *self == Self::Match).text("Verdict", self.word());
        match self {
            Self::Match | Self::NoPattern => record,
            Self::Wrong(error) => record.text("Note", error),
            Self::No(why) => {
                let note = match why.alternatives_count {
                    0 | 1 => String::new(),
                    count => format!("none of the {count} alternatives held"),
                };
                let first = why.mismatches.first().map(mismatch).unwrap_or_default();
                let others = why.mismatches.iter().skip(1).map(|it| Item::Record(mismatch(it))).collect();
                record.record("Mismatch", first).text("Note", &note).list("OtherMismatches", others)
            }
        }
    }
}

fn mismatch(it: &Mismatch) -> Record {
    Record::new().text("Path", &it.path).text("Expected", &it.expected).text("Found", &it.found.to_string())
}

const WHY: [Column; 5] = [
    ("VERDICT", "Verdict"),
    ("PATH", "Mismatch.Path"),
    ("EXPECTED", "Mismatch.Expected"),
    ("FOUND", "Mismatch.Found"),
    ("NOTE", "Note"),
];
const MORE: [Column; 1] = [("OTHERS", "OtherMismatches")];

/// One verdict: a word, and why.
pub fn one(verdict: &Verdict) -> View {
    let mut parts = vec![Part::Line(verdict.word().to_owned())];
    match verdict {
        Verdict::No(why) => {
            if why.alternatives_count > 1 {
                parts.push(Part::Line(format!("none of the {} alternatives held:", why.alternatives_count)));
            }
            parts.extend(why.mismatches.iter().map(|it| Part::Line(it.to_string())));
        }
        Verdict::Wrong(error) => parts.push(Part::Line(error.clone())),
        Verdict::Match | Verdict::NoPattern => {}
    }
    let json = match verdict {
        Verdict::Match => Record::new().flag("Result", true),
        other => other.add(Record::new()),
    };
    View::new(parts, json)
}

/// A verdict on each event, by the event's name.
pub fn events(verdicts: &[(String, Verdict)]) -> View {
    let records = verdicts.iter().map(|(name, verdict)| verdict.add(Record::new().text("Event", name))).collect();
    let columns = [[("EVENT", "Event")].as_slice(), &WHY].concat();
    let mut view = View::list("Results", records, &columns, &MORE, "no events");
    let matched = verdicts.iter().filter(|(_, verdict)| *verdict == Verdict::Match).count();
    view.add(Part::Line(format!("{matched} of {} events matched", verdicts.len())));
    view
}

/// A verdict on each rule.
pub fn rules(rules: &[Rule], verdicts: &[Verdict]) -> View {
    let of = |rule: &Rule, verdict: &Verdict| {
        let record = Record::new().text("Rule", &rule.name);
        verdict.add(record.choice("State", rule.state().as_str_name(), "RULE_STATE_"))
    };
    let records = rules.iter().zip(verdicts).map(|(rule, verdict)| of(rule, verdict)).collect();
    let columns = [[("RULE", "Rule"), ("STATE", "State")].as_slice(), &WHY].concat();
    let mut view = View::list("Results", records, &columns, &MORE, "the bus has no rules");
    let matched = verdicts.iter().filter(|verdict| **verdict == Verdict::Match).count();
    view.add(Part::Line(format!("{matched} of {} rules matched", verdicts.len())));
    view
}
