//! What is played: the events, the rules with their targets, and how often each rule must match.

use anyhow::{Context as _, ensure};
use bascule_api::v1::PutEventsRequestEntry;
use bascule_tests::Outcome;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

const EVENTS: &str = include_str!("events.jsonl");
const RULES: &str = include_str!("rules.json");
const EXPECTED: &str = include_str!("expected.tsv");

/// Everything.
#[derive(Debug)]
pub struct Script {
    /// One entry a line.
    pub events: Vec<Event>,
    /// In order of `rules.json`.
    pub rules: Vec<Rule>,
}

/// An entry of the file. Its detail's text is kept as it stands there.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    source: String,
    detail_type: String,
    event_bus_name: String,
    detail: Box<RawValue>,
    #[serde(default)]
    resources: Vec<String>,
    /// The line as it stands in the file.
    #[serde(skip)]
    line: String,
}

/// A rule and its targets.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Which operators it shows.
    pub description: String,
    /// Its pattern.
    pub pattern: Value,
    /// Where to.
    pub targets: Vec<Target>,
    /// How many of the events it must match, counted by another program.
    #[serde(skip)]
    pub expected: u64,
}

/// A target: a destination of the receiver, or a queue.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Target {
    /// Its id.
    pub id: String,
    /// `fast`, `slow` or `gone`.
    pub destination: Option<String>,
    /// The queue's name.
    pub queue: Option<String>,
}

impl Script {
    /// Reads the three files.
    ///
    /// # Errors
    /// One of them is not what it must be.
    pub fn read() -> Outcome<Self> {
        let events = EVENTS.lines().enumerate().map(|(at, line)| Event::read(at, line));
        let mut rules: Vec<Rule> = serde_json::from_str(RULES).context("rules.json")?;
        for rule in &mut rules {
            let row = EXPECTED
                .lines()
                .map(|line| line.split('\t'))
                .find_map(|mut row| (row.next() == Some(rule.name.as_str())).then(|| row.next()?.parse().ok())?);
            rule.expected = row.with_context(|| format!("expected.tsv has no `{}`", rule.name))?;
        }
        Ok(Self { events: events.collect::<Outcome<_>>()?, rules })
    }
}

impl Event {
    fn read(at: usize, line: &str) -> Outcome<Self> {
        let mut event: Self = serde_json::from_str(line).with_context(|| format!("events.jsonl line {}", at + 1))?;
        let begins = event.detail.get().starts_with(&format!("{{\"mark\":\"{}\",", at + 1));
        ensure!(begins, "events.jsonl line {}: its detail does not begin with its mark", at + 1);
        line.clone_into(&mut event.line);
        Ok(event)
    }

    /// As a put of its own, under the mark of the file.
    #[must_use]
    pub fn entry(&self) -> PutEventsRequestEntry {
        PutEventsRequestEntry {
            source: self.source.clone(),
            detail_type: self.detail_type.clone(),
            detail: self.detail.get().to_owned(),
            resources: self.resources.clone(),
            event_bus_name: self.event_bus_name.clone(),
            ..PutEventsRequestEntry::default()
        }
    }

    /// As a line of a file, under another mark: so that it can be told from the same event put before.
    #[must_use]
    pub fn line_again(&self, number: usize) -> String {
        self.line.replacen(&format!("\"mark\":\"{number}\""), &format!("\"mark\":\"{}\"", again(number)), 1)
    }
}

/// The mark of the second put of an event; the first one's is the number of its line.
#[must_use]
pub fn again(number: usize) -> String {
    format!("{number}-again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_belong_together() {
        let script = Script::read().unwrap();
        assert_eq!((script.events.len(), script.rules.len()), (1_000, 12));
        assert_eq!(EXPECTED.lines().count(), script.rules.len());
        assert!(script.rules.iter().all(|rule| rule.expected > 20), "each rule has something to show");
        assert_eq!(script.rules.iter().map(|rule| rule.targets.len()).max(), Some(2));
        let line = script.events[6].line_again(7);
        assert!(line.contains("\"Detail\":{\"mark\":\"7-again\","), "{line}");
        serde_json::from_str::<Value>(&line).unwrap();
    }
}
