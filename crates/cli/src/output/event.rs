//! What became of published entries: counts, ids, failures, and what is unknown; and events as they are looked at.

use std::io::{self, Write};

use bascule_api::v1::TailedEvent;
use serde_json::Value;

use crate::limits::FAILURES_SHOWN_MAX_COUNT;
use crate::output::record::{Item, Record};
use crate::output::{Format, Part, View, cut, program, rows, safe, visible};

/// What became of one entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Accepted; the id is empty when it was only validated.
    Accepted {
        /// Its event's id.
        id: String,
    },
    /// Refused.
    Failed {
        /// A reason of the error catalogue.
        code: String,
        /// What is wrong, for people.
        message: String,
    },
    /// It may have been published or not.
    Unknown,
}

/// What became of all entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Entries that were accepted.
    pub accepted_count: u64,
    /// Entries that were refused, and lines that are none.
    pub failed_count: u64,
    /// Entries whose outcome is unknown.
    pub unknown_count: u64,
    /// Lines and fates: those of failed and unknown entries, and of accepted ones where ids are kept.
    pub fates: Vec<(u64, Fate)>,
    /// From this line on nothing was sent.
    pub not_sent_from: Option<u64>,
    /// Highest control index of the views that decided.
    pub control_index: u64,
    /// Whether the ids of accepted entries are kept.
    pub keeps_ids: bool,
    /// Whether nothing was to be published.
    pub is_validated_only: bool,
}

impl Report {
    /// Writes down what became of the entry of a line.
    pub fn add(&mut self, line: u64, fate: Fate) {
        match &fate {
            Fate::Accepted { .. } => self.accepted_count += 1,
            Fate::Failed { .. } => self.failed_count += 1,
            Fate::Unknown => self.unknown_count += 1,
        }
        if self.keeps_ids || !matches!(fate, Fate::Accepted { .. }) {
            self.fates.push((line, fate));
        }
    }

    /// The counts, for people.
    pub fn summary(&self) -> String {
        let word = if self.is_validated_only { "would be accepted" } else { "accepted" };
        let mut summary = format!("{} {word}, {} failed", self.accepted_count, self.failed_count);
        if self.unknown_count > 0 {
            summary.push_str(&format!(", {} unknown", self.unknown_count));
        }
        summary
    }

    /// The report in both forms; lines are put in order.
    pub fn view(mut self) -> View {
        self.fates.sort();
        let mut parts = vec![Part::Line(self.summary())];
        // Only a single entry's id is of use to people.
        if let [(_, Fate::Accepted { id })] = self.fates.as_slice()
            && !id.is_empty()
        {
            parts.push(Part::Line(format!("event id {id}")));
        }
        if self.unknown_count > 0 {
            let lines = ranges(self.fates.iter().filter(|(_, fate)| *fate == Fate::Unknown).map(|(line, _)| *line));
            parts.push(Part::Line(format!("unknown, maybe published: {lines}; not repeated")));
        }
        if let Some(line) = self.not_sent_from {
            parts.push(Part::Line(format!("not sent: from line {line} on")));
        }
        let failures: Vec<Record> =
            self.fates.iter().filter(|(_, fate)| matches!(fate, Fate::Failed { .. })).map(record).collect();
        if !failures.is_empty() {
            let columns = [("LINE", "Line"), ("CODE", "ErrorCode"), ("MESSAGE", "ErrorMessage")];
            parts.push(rows(&failures[..failures.len().min(FAILURES_SHOWN_MAX_COUNT)], &columns));
        }
        if let Some(more) = failures.len().checked_sub(FAILURES_SHOWN_MAX_COUNT).filter(|more| *more > 0) {
            parts.push(Part::Line(format!("and {more} more failures; `-o json` lists them all")));
        }
        View::new(parts, self.json())
    }

    fn json(&self) -> Record {
        let json = Record::new()
            .number("AcceptedEntryCount", self.accepted_count)
            .number("FailedEntryCount", self.failed_count)
            .number("UnknownEntryCount", self.unknown_count)
            .items("Entries", self.fates.iter().map(|fate| Item::Record(record(fate))).collect());
        let json = match self.not_sent_from {
            Some(line) => json.number("NotSentFromLine", line),
            None => json,
        };
        json.number("ControlIndex", self.control_index)
    }
}

fn record((line, fate): &(u64, Fate)) -> Record {
    let record = Record::new().number("Line", *line);
    match fate {
        Fate::Accepted { id } => record.text("EventId", id),
        Fate::Failed { code, message } => record.text("ErrorCode", code).text("ErrorMessage", message),
        Fate::Unknown => record.text("ErrorCode", "OUTCOME_UNKNOWN"),
    }
}

/// Line numbers in order, neighbours joined: `lines 3, 11 to 20`.
fn ranges(lines: impl Iterator<Item = u64>) -> String {
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for line in lines {
        match joined.last_mut() {
            Some((_, last)) if *last + 1 == line => *last = line,
            _ => joined.push((line, line)),
        }
    }
    let text = |(first, last): &(u64, u64)| match first == last {
        true => first.to_string(),
        false => format!("{first} to {last}"),
    };
    let word = if matches!(joined.as_slice(), [(first, last)] if first == last) { "line" } else { "lines" };
    format!("{word} {}", joined.iter().map(text).collect::<Vec<_>>().join(", "))
}

/// An event that came through a tail: for people its time, source, type, id and detail on a line; for programs the event itself, JSON
/// on a line. YAML has a document for each.
///
/// # Errors
/// What the system says about `to`.
pub fn tailed(event: &TailedEvent, format: Format, to: &mut dyn Write) -> io::Result<()> {
    let whole = match format {
        Format::Json | Format::Jsonl => return writeln!(to, "{}", safe(&packed(&event.event))),
        Format::Yaml => {
            writeln!(to, "---")?;
            let record = Record::new().text("EventId", &event.event_id).text("Event", &event.event);
            return program(&record, format, to);
        }
        Format::Wide => true,
        Format::Table => false,
    };
    let value: Value = serde_json::from_str(&event.event).unwrap_or_default();
    let field = |name: &str| value.get(name).and_then(Value::as_str).map_or_else(|| "-".to_owned(), visible);
    let detail = value.get("detail").map(Value::to_string).unwrap_or_default();
    let detail = visible(&detail);
    let detail = if whole { detail } else { cut(&detail) };
    let (time, source, kind) = (field("time"), field("source"), field("detail-type"));
    writeln!(to, "{time}  {source}  {kind}  {}  {detail}", visible(&event.event_id))
}

/// JSON without the white space between its parts, and nothing else changed: numbers and repeated keys stay what they are.
fn packed(text: &str) -> String {
    let mut packed = String::with_capacity(text.len());
    let (mut inside, mut escaped) = (false, false);
    for c in text.chars() {
        if inside || !c.is_ascii_whitespace() {
            packed.push(c);
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' => inside = !inside,
            _ => {}
        }
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_packed_and_stays_what_it_is() {
        for (text, expected) in [
            (
                r#"{ "a" : 1.50 , "b c" : " \" \\" , "b c":[ 1e3 ,null ] }"#,
                r#"{"a":1.50,"b c":" \" \\","b c":[1e3,null]}"#,
            ),
            ("{\n\t\"a\"\r\n:{}}", r#"{"a":{}}"#),
            ("", ""),
        ] {
            assert_eq!(packed(text), expected);
        }
    }

    #[test]
    fn a_tailed_event_is_a_line() {
        let text =
            r#"{"time":"2026-01-02T03:04:05Z","source":"shop","detail-type":"Paid\u001b[2J","detail":{ "n": 1 }}"#;
        let event = TailedEvent { event_id: "i".to_owned(), event: text.to_owned() };
        let json = r#"{"time":"2026-01-02T03:04:05Z","source":"shop","detail-type":"Paid\u001b[2J","detail":{"n":1}}"#;
        for (format, expected) in [
            (Format::Table, "2026-01-02T03:04:05Z  shop  Paid\\u{1b}[2J  i  {\"n\":1}\n".to_owned()),
            (Format::Jsonl, format!("{json}\n")),
            (Format::Json, format!("{json}\n")),
        ] {
            let mut out = Vec::new();
            tailed(&event, format, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{format:?}");
        }
        let mut out = Vec::new();
        tailed(&event, Format::Yaml, &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().starts_with("---\nEventId: i\nEvent: "));
    }
}
