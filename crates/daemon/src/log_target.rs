//! Where log targets write: a file for each log group, or this process's own log. One JSON line for each delivery.
//!
//! Names of log groups come from strangers: they become file names letter by letter, and no letter of a path survives.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bascule_delivery::target::log::{Line, Sink};
use bascule_model::ambient::Clock;
use bascule_model::id;
use rustix::fs::OFlags;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{Error, file};
use crate::folder;
use crate::limits::{LOG_TARGET_LIMIT_FILES, LOG_TARGET_NAME_LIMIT_CHARS};
use crate::telemetry::line::stamp;

/// One file for each log group.
pub struct Files {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    open: Mutex<Open>,
}

/// Open files by name, each with when it was last written, as a count.
#[derive(Default)]
struct Open {
    files: BTreeMap<String, (File, u64)>,
    writes: u64,
}

impl Files {
    /// Files in `folder`, which is made if it is not there; nothing of users may lie plain in `data`.
    ///
    /// # Errors
    /// [`Error::LogFolderInside`], [`Error::File`].
    pub fn within(folder: &Path, data: &Path, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        folder::make(folder)?;
        let real = folder.canonicalize().map_err(file("found", folder))?;
        let data = data.canonicalize().map_err(file("found", data))?;
        if real.starts_with(&data) {
            return Err(Error::LogFolderInside { folder: real, data });
        }
        Ok(Self { folder: real, clock, open: Mutex::default() })
    }

    /// Closes all files, so that the next lines go to new ones where somebody has moved the old ones away.
    pub fn reopen(&self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).files.clear();
    }

    fn append(&self, name: String, line: &[u8]) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.writes += 1;
        let now = open.writes;
        if !open.files.contains_key(&name) {
            let path = self.folder.join(&name);
            let no_links = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
            let file = OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(no_links).open(path)?;
            if open.files.len() >= LOG_TARGET_LIMIT_FILES {
                let idle = open.files.iter().min_by_key(|(_, (_, last))| *last).map(|(name, _)| name.clone());
                idle.map(|idle| open.files.remove(&idle));
            }
            open.files.insert(name.clone(), (file, now));
        }
        let Some((file, last)) = open.files.get_mut(&name) else {
            return Err(io::Error::other("the file is not open"));
        };
        *last = now;
        let written = file.write_all(line);
        if written.is_err() {
            // What a failed write left half done ends with the next line's own beginning, not in its middle.
            let _ = file.write_all(b"\n");
            open.files.remove(&name);
        }
        written
    }
}

impl Sink for Files {
    fn write(&self, line: Line<'_>) -> io::Result<()> {
        let text = render(&line, &stamp(self.clock.wall()), None);
        self.append(file_name(line.group), text.as_bytes())
    }
}

/// Lines of this process's own log. They are written whatever its level is: a delivery that is counted as made must be there.
pub struct OwnLog {
    clock: Arc<dyn Clock>,
}

impl OwnLog {
    /// The standard error.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }
}

impl Sink for OwnLog {
    fn write(&self, line: Line<'_>) -> io::Result<()> {
        let text = render(&line, &stamp(self.clock.wall()), Some("log target"));
        io::stderr().lock().write_all(text.as_bytes())
    }
}

/// One line; `message` makes it one of a log that has others.
fn render(line: &Line<'_>, ts: &str, message: Option<&str>) -> String {
    let text = |text: &str| Value::String(text.to_owned());
    // Whatever is no JSON is written as a text: a line must stay one line, and one object. In JSON a bare line end is but space.
    let event = match serde_json::from_str::<&RawValue>(line.event) {
        Ok(raw) => raw.get().replace(['\n', '\r'], " "),
        Err(_) => text(line.event).to_string(),
    };
    let (group, id) = (text(line.group), text(&line.delivery_id.to_string()));
    let head = message.map_or_else(String::new, |message| {
        format!("\"level\":\"INFO\",\"target\":\"basculed::log_target\",\"msg\":{},", text(message))
    });
    format!("{{\"ts\":{},{head}\"group\":{group},\"delivery_id\":{id},\"event\":{event}}}\n", text(ts))
}

/// The file of a log group: what is plain stays, everything else becomes `%` and two digits, and what is too long ends in a hash.
fn file_name(group: &str) -> String {
    let mut name = String::new();
    for (at, byte) in group.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || byte == b'.' && at > 0;
        if plain {
            name.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(name, "%{byte:02x}");
        }
    }
    if name.len() > LOG_TARGET_NAME_LIMIT_CHARS {
        let hash = id::hash("log group", &[group.as_bytes()]);
        name.truncate(LOG_TARGET_NAME_LIMIT_CHARS);
        name.push('~');
        for byte in hash {
            let _ = write!(name, "{byte:02x}");
        }
    }
    name + ".jsonl"
}

#[cfg(test)]
mod tests {
    use bascule_model::id::DeliveryId;

    use super::*;
    use crate::ambient::System;

    fn line<'a>(group: &'a str, event: &'a str) -> Line<'a> {
        Line { group, event, delivery_id: DeliveryId([5; 16]) }
    }

    #[test]
    fn names_of_strangers_become_harmless_file_names() {
        let long = "x".repeat(600);
        for (group, expected) in [
            ("orders", "orders.jsonl"),
            ("/aws/events/orders", "%2faws%2fevents%2forders.jsonl"),
            ("..", "%2e..jsonl"),
            ("../../etc/passwd", "%2e.%2f..%2fetc%2fpasswd.jsonl"),
            (".hidden", "%2ehidden.jsonl"),
            ("a\0b\n", "a%00b%0a.jsonl"),
            ("ü%", "%c3%bc%25.jsonl"),
            ("", ".jsonl"),
        ] {
            assert_eq!(file_name(group), expected, "{group}");
        }
        let (one, two) = (file_name(&long), file_name(&format!("{long}y")));
        assert!(one != two && one.len() < 255 && !one.contains('/'), "{one} {two}");
    }

    #[test]
    fn each_delivery_is_one_line_of_json() {
        for (event, expected) in [
            ("{\"a\":1.10}", "{\"a\":1.10}"),
            ("{\n \"a\": 1\r\n}", "{  \"a\": 1  }"),
            ("no json\n{", "\"no json\\n{\""),
            ("1} {2", "\"1} {2\""),
        ] {
            for message in [None, Some("m")] {
                let text = render(&line("g\"", event), "now", message);
                let parsed: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&text).unwrap();
                assert_eq!(parsed["event"].get(), expected, "{event}");
                assert_eq!(parsed["group"].get(), "\"g\\\"\"");
                assert!(text.ends_with("}\n") && text.matches('\n').count() == 1, "{text}");
            }
        }
    }

    #[test]
    fn lines_go_to_their_groups_file_and_few_are_open() {
        let outer = tempfile::tempdir().unwrap();
        let (folder, data) = (outer.path().join("logs"), outer.path().join("data"));
        std::fs::create_dir(&data).unwrap();
        let files = Files::within(&folder, &data, Arc::new(System)).unwrap();
        for round in 0..2 {
            for group in 0..LOG_TARGET_LIMIT_FILES + 9 {
                files.write(line(&format!("g{group}"), "{}")).unwrap();
            }
            assert_eq!(files.open.lock().unwrap().files.len(), LOG_TARGET_LIMIT_FILES, "round {round}");
        }
        assert_eq!(std::fs::read_to_string(folder.join("g3.jsonl")).unwrap().lines().count(), 2);
        files.reopen();
        std::fs::rename(folder.join("g3.jsonl"), folder.join("old")).unwrap();
        files.write(line("g3", "{}")).unwrap();
        assert_eq!(std::fs::read_to_string(folder.join("g3.jsonl")).unwrap().lines().count(), 1);
        std::os::unix::fs::symlink(data.join("x"), folder.join("link.jsonl")).unwrap();
        assert!(files.write(line("link", "{}")).is_err(), "a link was followed");
    }

    #[test]
    fn the_data_folder_takes_no_lines() {
        let outer = tempfile::tempdir().unwrap();
        let data = outer.path().join("data");
        std::fs::create_dir(&data).unwrap();
        std::os::unix::fs::symlink(&data, outer.path().join("logs")).unwrap();
        for folder in [data.join("logs"), outer.path().join("logs/deep")] {
            let made = Files::within(&folder, &data, Arc::new(System));
            assert!(matches!(made, Err(Error::LogFolderInside { .. })), "{}", folder.display());
        }
    }
}
