//! What a cluster should hold, as a folder of YAML: read, written, compared with what is there.
//!
//! In: files with EventBridge's names, the lists of a cluster.
//! Out: files that are the same bytes for the same setup, and the steps from one setup to another.
//! Never: a secret in a file; a reference says where `apply` finds it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::folder::document::{Bus, Connection, Destination, Document, Queue};
use crate::inputs;
use crate::limits::{FOLDER_FILE_MAX_BYTES, FOLDER_FILES_MAX_COUNT};
use crate::output::yaml;

pub mod differ;
pub mod document;
pub mod live;
pub mod parse;
pub mod secret;
pub mod step;
pub mod words;

/// Head of the files that are written, and by which a file that is not needed any more is known as ours.
const HEAD: &str = "# Written by `bascule export`.\n";
/// Folder of the files that hold a bus each.
const BUSES: &str = "buses";

/// What an export may write over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Files that an export wrote.
    OwnFiles,
    /// Any file.
    Anything,
}

/// Everything that a folder or a cluster holds, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Setup {
    /// Queues.
    pub queues: BTreeMap<String, Queue>,
    /// Buses with their rules and targets.
    pub buses: BTreeMap<String, Bus>,
    /// Connections.
    pub connections: BTreeMap<String, Connection>,
    /// API destinations.
    pub destinations: BTreeMap<String, Destination>,
}

impl Setup {
    /// Reads every `.yaml` and `.yml` file in a folder and the folders in it.
    ///
    /// # Errors
    /// What is wrong with which file, and the line.
    pub fn read(dir: &Path) -> Result<Self, Error> {
        let mut paths = Vec::new();
        files(dir, &mut paths)?;
        if paths.is_empty() {
            let problem = format!("there is no `.yaml` file in `{}`", dir.display());
            return Err(Error::Argument { flag: "DIR", problem });
        }
        let (mut setup, mut places) = (Self::default(), BTreeMap::new());
        for path in paths {
            let text = inputs::text("file", &path, FOLDER_FILE_MAX_BYTES)?;
            setup.add(parse::document(&path, &text)?, &path, &mut places)?;
        }
        Ok(setup)
    }

    fn add(
        &mut self,
        document: Document,
        path: &Path,
        places: &mut BTreeMap<(&'static str, String), PathBuf>,
    ) -> Result<(), Error> {
        let mut once = |kind: &'static str, name: &str| match places.insert((kind, name.to_owned()), path.to_owned()) {
            Some(before) => Err(Error::Folder {
                path: path.to_owned(),
                line: 1,
                problem: format!("the {kind} `{name}` is there twice, also in `{}`", before.display()),
                hint: "keep one of them".to_owned(),
            }),
            None => Ok(()),
        };
        if let Some(bus) = document.event_bus {
            once("bus", &bus.name)?;
            for rule in &bus.rules {
                once("rule", &format!("{}/{}", bus.name, rule.name))?;
                for target in &rule.targets {
                    once("target", &format!("{}/{}/{}", bus.name, rule.name, target.id))?;
                }
            }
            self.buses.insert(bus.name.clone(), bus.normal());
        }
        for queue in document.queues {
            once("queue", &queue.name)?;
            self.queues.insert(queue.name.clone(), queue.normal());
        }
        for connection in document.connections {
            once("connection", &connection.name)?;
            self.connections.insert(connection.name.clone(), connection.normal());
        }
        for destination in document.api_destinations {
            once("destination", &destination.name)?;
            self.destinations.insert(destination.name.clone(), destination.normal());
        }
        Ok(())
    }

    /// The files of this setup, by their path within the folder.
    ///
    /// # Errors
    /// A text that YAML cannot say.
    pub fn files(&self) -> io::Result<BTreeMap<PathBuf, String>> {
        let mut files = BTreeMap::new();
        let mut add = |path: PathBuf, document: Document| -> io::Result<()> {
            files.insert(path, format!("{HEAD}{}", yaml::text(&document)?));
            Ok(())
        };
        for bus in self.buses.values() {
            // No name has a `~`, so that no two buses share a file.
            let name = format!("{}.yaml", bus.name.replace('/', "~"));
            add(Path::new(BUSES).join(name), Document { event_bus: Some(bus.clone()), ..Document::default() })?;
        }
        if !self.queues.is_empty() {
            let queues = self.queues.values().cloned().collect();
            add("queues.yaml".into(), Document { queues, ..Document::default() })?;
        }
        if !self.connections.is_empty() {
            let connections = self.connections.values().cloned().collect();
            add("connections.yaml".into(), Document { connections, ..Document::default() })?;
        }
        if !self.destinations.is_empty() {
            let api_destinations = self.destinations.values().cloned().collect();
            add("destinations.yaml".into(), Document { api_destinations, ..Document::default() })?;
        }
        Ok(files)
    }

    /// Writes the files, and removes those of an earlier export that are not needed any more. Answers the paths written.
    ///
    /// # Errors
    /// [`Error::Unwritable`]; before anything is written, a file in the way that no export wrote.
    pub fn write(&self, dir: &Path, over: Over) -> Result<Vec<PathBuf>, Error> {
        let unwritable = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Unwritable { what: "file", path, source }
        };
        let files = self.files()?;
        fs::create_dir_all(dir.join(BUSES)).map_err(unwritable(dir))?;
        let mut before = Vec::new();
        self::files(dir, &mut before)?;
        let is_ours =
            |path: &Path| inputs::text("file", path, FOLDER_FILE_MAX_BYTES).is_ok_and(|text| text.starts_with(HEAD));
        let is_written = |path: &Path| path.strip_prefix(dir).is_ok_and(|within| files.contains_key(within));
        if let Some(path) = before.iter().find(|path| over == Over::OwnFiles && is_written(path) && !is_ours(path)) {
            let problem = format!("`{}` was not written by an export; `--overwrite` replaces it", path.display());
            return Err(Error::Argument { flag: "DIR", problem });
        }
        for path in before.iter().filter(|path| !is_written(path) && is_ours(path)) {
            fs::remove_file(path).map_err(unwritable(path))?;
        }
        let mut written = Vec::new();
        for (within, text) in files {
            let path = dir.join(within);
            let next = path.with_extension("yaml.next");
            fs::write(&next, text).and_then(|()| fs::rename(&next, &path)).map_err(unwritable(&path))?;
            written.push(path);
        }
        Ok(written)
    }
}

/// The YAML files of a folder, in the order of their paths. Links are not followed, so that the walk ends.
fn files(dir: &Path, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    let unreadable = |source| Error::Unreadable { what: "folder", path: dir.to_owned(), source };
    let mut entries = fs::read_dir(dir).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(unreadable)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type().map_err(unreadable)?);
        if kind.is_dir() {
            files(&path, found)?;
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            found.push(path);
        }
        if found.len() > FOLDER_FILES_MAX_COUNT {
            let problem = format!("there are more than {FOLDER_FILES_MAX_COUNT} files in it");
            return Err(Error::Argument { flag: "DIR", problem });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
