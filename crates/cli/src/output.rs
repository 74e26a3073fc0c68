//! Answers as text: one view, written as a table for people, or as JSON or YAML for programs.
//!
//! In: messages of the contract.
//! Out: lines on a writer that the caller hands in.
//! Never: a secret, but for an access key's when it is made, a control character of somebody else in a table, or a write to the terminal behind the caller's back.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::limits::CELL_MAX_CHARS;
use crate::output::record::{Item, Record};

pub mod access_key;
pub mod authorization;
pub mod bus;
pub mod cluster;
pub mod connection;
pub mod dead_letter;
pub mod delivery;
pub mod destination;
pub mod document;
pub mod event;
pub mod folder;
pub mod organization;
pub mod owed;
pub mod pattern;
pub mod policy;
pub mod principal;
pub mod queue;
pub mod record;
pub mod rule;
pub mod session;
pub mod target;
pub mod tree;
pub mod yaml;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns for people.
    Table,
    /// The same with more columns, and no text cut short.
    Wide,
    /// One JSON document with EventBridge's names.
    Json,
    /// One JSON object on a line: of a list, one for each item.
    Jsonl,
    /// One YAML document with the names of the JSON.
    Yaml,
}

impl Format {
    /// Whether people read it, not programs.
    pub fn is_for_people(self) -> bool {
        matches!(self, Self::Table | Self::Wide)
    }
}

/// A column of a list: its head, and the path of its value in each record.
pub type Column = (&'static str, &'static str);

/// One piece of an answer for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A line.
    Line(String),
    /// Lines that belong together.
    Block(Vec<String>),
    /// A text that is written as it is.
    Raw(String),
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

/// An answer in every form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// For people.
    pub parts: Vec<Part>,
    /// For people who want to see more, where there is more.
    pub wide: Option<Vec<Part>>,
    /// For programs.
    pub json: Record,
    /// Where `json` holds the items, if it is a list.
    pub items: Option<&'static str>,
    /// Whether all was written while it came, so that nothing is left to write.
    pub is_written: bool,
}

impl View {
    /// Something for people and something for programs.
    pub fn new(parts: Vec<Part>, json: Record) -> Self {
        Self { parts, wide: None, json, items: None, is_written: false }
    }

    /// Nothing: all that there was to tell was written while it came.
    pub fn written() -> Self {
        Self { is_written: true, ..Self::new(Vec::new(), Record::new()) }
    }

    /// One line for people.
    pub fn line(text: impl Into<String>, json: Record) -> Self {
        Self::new(vec![Part::Line(text.into())], json)
    }

    /// Everything about one thing.
    pub fn one(record: Record) -> Self {
        Self::new(vec![Part::Fields(record.flat())], record)
    }

    /// Many things: `key` holds them in JSON, `more` are the columns that a wide table has beside the others, `none` is said to
    /// people when there are none.
    pub fn list(key: &'static str, records: Vec<Record>, columns: &[Column], more: &[Column], none: &str) -> Self {
        let all = [columns, more].concat();
        let (part, wide) = match records.is_empty() {
            true => (Part::Line(none.to_owned()), None),
            false => (rows(&records, columns), Some(vec![whole_rows(&records, &all)])),
        };
        let items = records.into_iter().map(Item::Record).collect();
        Self { wide, ..Self::new(vec![part], Record::new().items(key, items)) }.of_items(key)
    }

    /// The same view as a list, whose items `key` holds in JSON.
    #[must_use]
    pub fn of_items(self, key: &'static str) -> Self {
        Self { items: Some(key), ..self }
    }

    /// Whether it is a list without items.
    pub fn is_empty_list(&self) -> bool {
        let listed = self.items.and_then(|key| self.json.get(key));
        matches!(listed, Some(Item::List(items)) if items.is_empty())
    }

    /// Adds a piece for people.
    pub fn add(&mut self, part: Part) {
        if let Some(wide) = &mut self.wide {
            wide.push(part.clone());
        }
        self.parts.push(part);
    }

    /// Writes it, with a line break at its end.
    ///
    /// # Errors
    /// What the system says about `to`.
    pub fn write(&self, format: Format, colour: bool, to: &mut dyn Write) -> io::Result<()> {
        match format {
            _ if self.is_written => Ok(()),
            Format::Table => people(&self.parts, colour, to),
            Format::Wide => people(self.wide.as_ref().unwrap_or(&self.parts), colour, to),
            Format::Jsonl => {
                let listed = self.items.and_then(|key| self.json.get(key));
                match listed {
                    Some(Item::List(items)) => items.iter().try_for_each(|item| json_line(item, to)),
                    _ => json_line(&self.json, to),
                }
            }
            Format::Json | Format::Yaml => program(&self.json, format, to),
        }
    }
}

fn people(parts: &[Part], colour: bool, to: &mut dyn Write) -> io::Result<()> {
    for (at, part) in parts.iter().enumerate() {
        // Things of several lines are set apart, lines are not.
        let apart = |part: &Part| !matches!(part, Part::Line(_));
        if at > 0 && (apart(part) || apart(&parts[at - 1])) {
            writeln!(to)?;
        }
        part.write(colour, to)?;
    }
    Ok(())
}

/// Records as rows, long texts cut short.
pub fn rows(records: &[Record], columns: &[Column]) -> Part {
    rows_with(records, columns, cut)
}

/// Records as rows, every text whole.
pub fn whole_rows(records: &[Record], columns: &[Column]) -> Part {
    rows_with(records, columns, str::to_owned)
}

fn rows_with(records: &[Record], columns: &[Column], text: fn(&str) -> String) -> Part {
    let cell = |record: &Record, path: &str| match record.get(path) {
        Some(item) => text(&item.to_string()),
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
            Part::Block(lines) => return lines.iter().try_for_each(|line| writeln!(to, "{}", visible(line))),
            Part::Raw(text) => return to.write_all(text.as_bytes()),
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

/// Writes one document for programs.
///
/// # Errors
/// What the system says about `to`.
pub fn program(record: &Record, format: Format, to: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Yaml => to.write_all(yaml::text(record)?.as_bytes()),
        Format::Jsonl => json_line(record, to),
        _ => writeln!(to, "{}", safe(&serde_json::to_string_pretty(record)?)),
    }
}

fn json_line(item: &impl Serialize, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "{}", safe(&serde_json::to_string(item)?))
}

/// JSON with the characters escaped that it lets through and a terminal obeys. They occur within texts only, where the escape
/// means the same.
pub fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c != '\n' && obeyed(c) {
            true => safe.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => safe.push(c),
        }
    }
    safe
}

/// Whether a terminal obeys the character instead of showing it.
fn obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with its control characters spelled out: whoever published it does not rule the reader's terminal.
pub fn visible(text: &str) -> String {
    let spelled = |c: char| match obeyed(c) {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(spelled).collect()
}

/// A cell's text, shortened.
pub fn cut(text: &str) -> String {
    match text.char_indices().nth(CELL_MAX_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
