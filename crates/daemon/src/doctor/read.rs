//! What is looked at before anything is judged: the system, the disk, files, certificates, ports.
//!
//! In: settings, the system's own files, clocks.
//! Out: readings; what cannot be seen has its reason in its place.
//! Never: a verdict, a lock taken, a file changed but one that is made and removed for the probe, a key kept.

pub mod disk;
pub mod folder;
pub mod host;
pub mod peers;
pub mod ports;
pub mod trust;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::config::Settings;
use crate::doctor::readings::{Configuration, Holder, Node, Readings, Seen};
use crate::error::Error;
use crate::ground::Air;
use crate::limits::SYSTEM_FILE_LIMIT_BYTES;

/// Looks at everything.
pub fn read(configuration: Configuration, settings: Option<&Settings>, air: &Air) -> Readings {
    let node = settings.map(|settings| node(settings, air));
    let running = match node.as_ref().map(|node| node.folder.holder) {
        Some(Holder::Process(id)) => Some(id),
        _ => None,
    };
    let host = host::read(running, &*air.clock);
    Readings { configuration, host, node }
}

fn node(settings: &Settings, air: &Air) -> Node {
    let folder = folder::read(settings);
    let ports = ports::read(settings.listen);
    Node {
        disk: disk::read(&settings.node.data),
        log_folder: folder::log(settings),
        keys: folder::keys(settings),
        root_key: folder::root_key(settings, &folder.state, air),
        trust: trust::read(settings, air),
        peers: peers::read(settings, air),
        ports,
        connections: settings.limits.connections as u64,
        election_min_ms: settings.timing.election_min_ms,
        folder,
    }
}

/// A file of the system as text.
fn text_of(path: &Path) -> Seen<String> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(SYSTEM_FILE_LIMIT_BYTES).read_to_string(&mut text));
    read.map(|_| text).map_err(|error| format!("`{}` cannot be read: {error}", path.display()))
}

/// An error of a room with what led to it.
fn told(error: impl Into<Error>) -> String {
    error.into().chain()
}
