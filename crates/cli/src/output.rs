//! Answers as text: one view, written as a table for people or as one JSON document for programs.
//!
//! In: messages of the contract.
//! Out: lines on a writer that the caller hands in.
//! Never: a secret, a control character of somebody else in a table, or a write to the terminal behind the caller's back.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::limits::CELL_MAX_CHARS;
use crate::output::record::{Item, Record};

pub mod bus;
pub mod connection;
pub mod dead_letter;
pub mod delivery;
pub mod destination;
pub mod event;
pub mod queue;
pub mod record;
pub mod rule;
pub mod target;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns for people.
    Table,
    /// One JSON document with EventBridge's names.
    Json,
}

/// A column of a list: its head, and the path of its value in each record.
pub type Column = (&'static str, &'static str);

/// One piece of an answer for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A line.
    Line(String),
    /// A name and a value on each line.
    Fields(Vec<(String, String)>),
    /// Columns under heads.
    Rows {
        /// The heads.
        head: Vec<&'static str>,
        /// The cells of each row.
        rows: Vec<Vec<String>>,
    },
}

/// An answer in both forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// For people.
    pub parts: Vec<Part>,
    /// For programs.
    pub json: Record,
}

impl View {
    /// One line for people.
    pub fn line(text: impl Into<String>, json: Record) -> Self {
        Self { parts: vec![Part::Line(text.into())], json }
    }

    /// Everything about one thing.
    pub fn one(record: Record) -> Self {
        Self { parts: vec![Part::Fields(record.flat())], json: record }
    }

    /// Many things: `key` holds them in JSON, `none` is said to people when there are none.
    pub fn list(key: &'static str, records: Vec<Record>, columns: &[Column], none: &str) -> Self {
        let part = match records.is_empty() {
            true => Part::Line(none.to_owned()),
            false => rows(&records, columns),
        };
        let items = records.into_iter().map(Item::Record).collect();
        Self { parts: vec![part], json: Record::new().items(key, items) }
    }

    /// Writes it, with a line break at its end.
    ///
    /// # Errors
    /// What the system says about `to`.
    pub fn write(&self, format: Format, colour: bool, to: &mut dyn Write) -> io::Result<()> {
        if format == Format::Json {
            return json(&self.json, to);
        }
        for (at, part) in self.parts.iter().enumerate() {
            // Things of several lines are set apart, lines are not.
            let apart = |part: &Part| !matches!(part, Part::Line(_));
            if at > 0 && (apart(part) || apart(&self.parts[at - 1])) {
                writeln!(to)?;
            }
            part.write(colour, to)?;
        }
        Ok(())
    }
}

/// Records as rows.
pub fn rows(records: &[Record], columns: &[Column]) -> Part {
    let cell = |record: &Record, path: &str| match record.get(path) {
        Some(item) => cut(&item.to_string()),
        None => "-".to_owned(),
    };
    let rows = records.iter().map(|record| columns.iter().map(|(_, path)| cell(record, path)).collect());
    Part::Rows { head: columns.iter().map(|(head, _)| *head).collect(), rows: rows.collect() }
}

impl Part {
    fn write(&self, colour: bool, to: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new();
        // No wrapping: lines stay whole for grep, and a width would have to be asked of the terminal.
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        match self {
            Part::Line(text) => return writeln!(to, "{}", visible(text)),
            Part::Fields(fields) => {
                for (name, value) in fields {
                    table.add_row([visible(&format!("{name}:")), visible(value)]);
                }
            }
            Part::Rows { head, rows } => {
                table.add_row(head);
                for row in rows {
                    table.add_row(row.iter().map(|cell| visible(cell)));
                }
            }
        }
        let headed = matches!(self, Part::Rows { .. });
        for (at, line) in table.lines().enumerate() {
            // The preset pads both sides of each cell.
            let line = line.strip_prefix(' ').unwrap_or(&line).trim_end();
            match colour && headed && at == 0 {
                true => writeln!(to, "\u{1b}[1m{line}\u{1b}[0m")?,
                false => writeln!(to, "{line}")?,
            }
        }
        Ok(())
    }
}

/// Writes one JSON document.
///
/// # Errors
/// What the system says about `to`.
pub fn json(record: &impl Serialize, to: &mut dyn Write) -> io::Result<()> {
    let text = serde_json::to_string_pretty(record)?;
    // JSON lets these through, and a terminal obeys them; they occur within texts only, where the escape means the same.
    let obeyed = |c: char| ('\u{7f}'..='\u{9f}').contains(&c);
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match obeyed(c) {
            true => safe.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => safe.push(c),
        }
    }
    writeln!(to, "{safe}")
}

/// The text with its control characters spelled out: whoever published it does not rule the reader's terminal.
pub fn visible(text: &str) -> String {
    let spelled = |c: char| match c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(spelled).collect()
}

/// A cell's text, shortened.
fn cut(text: &str) -> String {
    match text.char_indices().nth(CELL_MAX_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
