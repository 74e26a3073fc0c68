//! Entries to publish: read from lines of JSON with EventBridge's names, and gathered into puts within the limits.

use std::path::PathBuf;

use bascule_api::v1::PutEventsRequestEntry;
use bascule_model::time::Millis;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::limits::{BATCH_MAX_BYTES, BATCH_MAX_COUNT, ENTRY_TIME_BYTES};

/// One entry and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its line in the file, counted from 1; 1 for an entry of the command line.
    pub line: u64,
    /// What to publish.
    pub wire: PutEventsRequestEntry,
}

/// Where entries come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// One entry, complete.
    One(Box<PutEventsRequestEntry>),
    /// A file with an entry on each line; `-` for the standard input.
    File(PathBuf),
}

/// An entry as a line of JSON has it. The detail keeps its text: numbers and order are the publisher's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Line<'a> {
    #[serde(default)]
    source: String,
    #[serde(default)]
    detail_type: String,
    #[serde(borrow, default)]
    detail: Option<&'a RawValue>,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(borrow, default)]
    time: Option<&'a RawValue>,
    #[serde(default)]
    event_bus_name: String,
    #[serde(default)]
    trace_header: String,
}

/// Reads one line; none for an empty one. The error is for people and quotes nothing of the detail.
///
/// # Errors
/// What is wrong with the line.
pub fn parse(line: &[u8]) -> Result<Option<PutEventsRequestEntry>, String> {
    let text = std::str::from_utf8(line).map_err(|_| "the line is no utf-8 text".to_owned())?;
    // A byte order mark before the first line is an editor's.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    if text.is_empty() {
        return Ok(None);
    }
    let read: Line<'_> = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
    let detail = match read.detail.map(RawValue::get) {
        None | Some("null") => String::new(),
        Some(text) if text.starts_with('"') => {
            serde_json::from_str(text).map_err(|_| "`Detail` is no text of JSON".to_owned())?
        }
        Some(text) => text.to_owned(),
    };
    let mut wire = PutEventsRequestEntry {
        source: read.source,
        detail_type: read.detail_type,
        detail,
        resources: read.resources,
        event_bus_name: read.event_bus_name,
        trace_header: read.trace_header,
        ..Default::default()
    };
    match read.time.map(RawValue::get) {
        None | Some("null") => {}
        Some(text) => at(&mut wire, time(text)?),
    }
    Ok(Some(wire))
}

/// The parser's message without the place, which counts within the line and would be taken for that of the file.
fn unreadable(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let bare = text.split(" at line ").next().unwrap_or(&text);
    let column = error.column();
    match error.classify() {
        serde_json::error::Category::Data => bare.to_owned(),
        _ => format!("the line is no JSON: {bare}, at column {column}"),
    }
}

/// The time of an entry, in seconds since 1970: RFC 3339 text, or a number as EventBridge's wire has it.
fn time(json: &str) -> Result<u64, String> {
    let wrong = || format!("`Time` {json} is neither an RFC 3339 text nor seconds since 1970");
    if let Ok(text) = serde_json::from_str::<String>(json) {
        return seconds(&text).map_err(|_| wrong());
    }
    // Fractions are dropped, as the cluster does.
    let whole = json.split('.').next().unwrap_or(json);
    whole.parse().map_err(|_| wrong())
}

/// Seconds since 1970 of an RFC 3339 text.
///
/// # Errors
/// What is wrong with it.
pub fn seconds(text: &str) -> Result<u64, String> {
    Millis::parse(text).map(|millis| millis.0 / 1_000).map_err(|error| error.to_string())
}

/// Sets when an entry happened.
pub fn at(wire: &mut PutEventsRequestEntry, seconds: u64) {
    wire.time.get_or_insert_default().seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
}

/// What an entry counts, by the rule of PutEvents.
pub fn size(wire: &PutEventsRequestEntry) -> usize {
    let time = if wire.time.is_some() { ENTRY_TIME_BYTES } else { 0 };
    let resources: usize = wire.resources.iter().map(String::len).sum();
    time + wire.source.len() + wire.detail_type.len() + wire.detail.len() + resources
}

/// Gathers entries into puts, in order.
#[derive(Debug, Default)]
pub struct Gather {
    held: Vec<Entry>,
    held_bytes: usize,
}

impl Gather {
    /// Adds an entry. Answers a put that is ready to go: the entries before this one, when this one would fill it over
    /// its limit, or all when their count is reached. An entry over the limit alone goes alone; the cluster says so.
    pub fn add(&mut self, entry: Entry) -> Vec<Vec<Entry>> {
        let bytes = size(&entry.wire);
        let mut ready = Vec::new();
        // The cluster demands strictly less.
        if !self.held.is_empty() && self.held_bytes + bytes >= BATCH_MAX_BYTES {
            ready.extend(self.rest());
        }
        self.held_bytes += bytes;
        self.held.push(entry);
        if self.held.len() == BATCH_MAX_COUNT {
            ready.extend(self.rest());
        }
        ready
    }

    /// The entries that are left; none when there are none.
    pub fn rest(&mut self) -> Option<Vec<Entry>> {
        self.held_bytes = 0;
        let held = std::mem::take(&mut self.held);
        Some(held).filter(|held| !held.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> String {
        match parse(line.as_bytes()) {
            Ok(None) => "nothing".to_owned(),
            Ok(Some(it)) => {
                let time = it.time.as_ref().map(|time| time.seconds);
                let (bus, trace) = (&it.event_bus_name, &it.trace_header);
                format!("{}|{}|{}|{:?}|{time:?}|{bus}|{trace}", it.source, it.detail_type, it.detail, it.resources)
            }
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn lines_are_entries_or_say_why_not() {
        let names =
            "expected one of `Source`, `DetailType`, `Detail`, `Resources`, `Time`, `EventBusName`, `TraceHeader`";
        let rows = [
            ("", "nothing".to_owned()),
            ("  \t", "nothing".to_owned()),
            (r#"{"Source":"a","DetailType":"b","Detail":"{\"x\":1}"}"#, r#"a|b|{"x":1}|[]|None||"#.to_owned()),
            (
                r#"{"Source":"a","DetailType":"b","Detail":{"x": 1.0, "y":10000000000000000001}}"#,
                r#"a|b|{"x": 1.0, "y":10000000000000000001}|[]|None||"#.to_owned(),
            ),
            (
                r#"{"Source":"a","DetailType":"b","Detail":{},"Resources":["r"],"Time":"2026-11-23T09:30:00Z","EventBusName":"o","TraceHeader":"t"}"#,
                r#"a|b|{}|["r"]|Some(1795426200)|o|t"#.to_owned(),
            ),
            (r#"{"Source":"a","Time":1795426200.75}"#, "a|||[]|Some(1795426200)||".to_owned()),
            (r#"{"Source":"a","Time":null,"Detail":null}"#, "a|||[]|None||".to_owned()),
            ("\u{feff}{\"Source\":\"a\"}", "a|||[]|None||".to_owned()),
            (r#"{"Detail":[1]}"#, "||[1]|[]|None||".to_owned()),
            (r#"{"source":"a"}"#, format!("error: unknown field `source`, {names}")),
            (r#"{"Source":"a","Source":"b"}"#, "error: duplicate field `Source`".to_owned()),
            (r#"{"Source":7}"#, "error: invalid type: integer `7`, expected a string".to_owned()),
            (
                r#"{"Source":"a","Time":"yesterday"}"#,
                "error: `Time` \"yesterday\" is neither an RFC 3339 text nor seconds since 1970".to_owned(),
            ),
            (
                r#"{"Source":"a","Time":-5}"#,
                "error: `Time` -5 is neither an RFC 3339 text nor seconds since 1970".to_owned(),
            ),
            (r#"{"Source":"a""#, "error: the line is no JSON: EOF while parsing an object, at column 13".to_owned()),
            (
                r#"{"Source":"a"} {"Source":"b"}"#,
                "error: the line is no JSON: trailing characters, at column 16".to_owned(),
            ),
        ];
        for (line, expected) in rows {
            assert_eq!(told(line), expected, "{line}");
        }
        assert!(parse(b"{\"Source\":\"\xff\"}").is_err());
        // A detail may be a thousand levels deep.
        let deep = format!("{}1{}", "{\"a\":".repeat(999), "}".repeat(999));
        let entry = parse(format!("{{\"Source\":\"a\",\"Detail\":{deep}}}").as_bytes()).unwrap().unwrap();
        assert_eq!(entry.detail, deep);
    }

    fn entry(line: u64, bytes: usize) -> Entry {
        let wire = PutEventsRequestEntry { detail: "x".repeat(bytes), ..Default::default() };
        Entry { line, wire }
    }

    #[test]
    fn puts_are_full_but_within_the_limits() {
        let mib = 1024 * 1024;
        let rows: [(&[usize], &[&[u64]]); 7] = [
            (&[], &[]),
            (&[1], &[&[1]]),
            (&[1; 10], &[&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]),
            (&[1; 12], &[&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], &[11, 12]]),
            (&[mib / 2, mib / 2 - 1, 5], &[&[1, 2], &[3]]),
            (&[mib / 2, mib / 2, 5], &[&[1], &[2, 3]]),
            (&[5, mib, 5], &[&[1], &[2], &[3]]),
        ];
        for (sizes, expected) in rows {
            let mut gather = Gather::default();
            let mut puts = Vec::new();
            for (at, bytes) in sizes.iter().enumerate() {
                puts.extend(gather.add(entry(at as u64 + 1, *bytes)));
            }
            puts.extend(gather.rest());
            let lines: Vec<Vec<u64>> = puts.iter().map(|put| put.iter().map(|entry| entry.line).collect()).collect();
            assert_eq!(lines, expected, "{sizes:?}");
        }
    }

    #[test]
    fn sizes_are_those_of_put_events() {
        let mut wire = PutEventsRequestEntry {
            source: "ab".to_owned(),
            detail_type: "ü".to_owned(),
            detail: "{}".to_owned(),
            resources: vec!["abc".to_owned(), "d".to_owned()],
            event_bus_name: "does not count".to_owned(),
            trace_header: "nor this".to_owned(),
            ..Default::default()
        };
        assert_eq!(size(&wire), 10);
        at(&mut wire, 7);
        assert_eq!(size(&wire), 24);
    }
}
