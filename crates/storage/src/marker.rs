//! The `synced` marker: a small file beside the databases that says, per group, what was acknowledged as synced.
//!
//! One file with two slots is enough. Until its next sync every rewrite goes to the same slot; only after a sync has
//! succeeded do writes move to the other one. So whatever a power cut does to the slot being written, the other holds
//! the last synced state, and a slot is taken only if its checksum fits. Both slots share an inode, but no block, since
//! each begins at a multiple of 64 KiB. The file itself is made whole under another name and renamed.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bascule_model::time::BootMillis;
use bascule_model::uid::GroupId;
use bytes::Bytes;

use crate::error::Error;
use crate::limits::{MARKER_SLOT_BYTES, MARKER_SYNC_MS};
use crate::record;

const MAGIC: &[u8; 4] = b"BSM\x01";
const HEAD_BYTES: usize = 4 + 4 + 4;

/// Where the marker lies: a file, or the simulation's stand-in.
pub trait SlotFile: Send {
    /// The whole file, `None` if there is none.
    ///
    /// # Errors
    /// The system's.
    fn read(&self) -> io::Result<Option<Vec<u8>>>;
    /// Makes the file with these contents, whole and synced or not at all.
    ///
    /// # Errors
    /// The system's.
    fn create(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Writes into the file, which may tear.
    ///
    /// # Errors
    /// The system's.
    fn write_at(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()>;
    /// Returns when all writes are on disk.
    ///
    /// # Errors
    /// The system's; what is on disk is then unknown.
    fn sync(&mut self) -> io::Result<()>;
}

/// The marker file of a node's data folder.
pub struct MarkerFile {
    path: PathBuf,
    file: Option<File>,
}

impl MarkerFile {
    /// The file at `path`, opened on first use.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None }
    }

    fn file(&mut self) -> io::Result<&File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => OpenOptions::new().read(true).write(true).open(&self.path)?,
        };
        Ok(self.file.insert(file))
    }
}

impl SlotFile for MarkerFile {
    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        match std::fs::read(&self.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn create(&mut self, bytes: &[u8]) -> io::Result<()> {
        let new = self.path.with_extension("new");
        std::fs::write(&new, bytes)?;
        File::open(&new)?.sync_all()?;
        std::fs::rename(&new, &self.path)?;
        self.file = None;
        match self.path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }

    fn write_at(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        self.file()?.write_all_at(bytes, offset as u64)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file()?.sync_data()
    }
}

/// What the marker says of one group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// How many votes were saved so far, and the last.
    pub vote: Option<(u64, Bytes)>,
    /// Index and encoded id of the last record.
    pub last: Option<(u64, Bytes)>,
}

/// The marker in memory, with the file behind it.
pub struct Marker {
    file: Box<dyn SlotFile>,
    marks: BTreeMap<GroupId, Mark>,
    /// How often a group's mark was lowered since the start: what was submitted before must not raise it again.
    lowered: BTreeMap<GroupId, u64>,
    number: u64,
    slot: usize,
    dirty: bool,
    synced_at: BootMillis,
}

impl Marker {
    /// Reads the marker; hands `file` back if there is none yet.
    ///
    /// # Errors
    /// [`Error::MarkerDamaged`], [`Error::Open`].
    pub fn open(mut file: Box<dyn SlotFile>, now: BootMillis) -> Result<Result<Self, Box<dyn SlotFile>>, Error> {
        let Some(bytes) = file.read().map_err(failed)? else {
            return Ok(Err(file));
        };
        let slots = [0, 1].map(|slot| bytes.get(slot * MARKER_SLOT_BYTES..).and_then(parse));
        let (slot, number, marks) = match slots {
            [Some((a, marks)), Some((b, _))] if a > b => (0, a, marks),
            [_, Some((b, marks))] => (1, b, marks),
            [Some((a, marks)), None] => (0, a, marks),
            [None, None] => return Err(Error::MarkerDamaged),
        };
        // What a killed process wrote may still be in the page cache only; from here on it counts as the synced slot.
        file.sync().map_err(failed)?;
        Ok(Ok(Self { file, marks, lowered: BTreeMap::new(), number, slot: 1 - slot, dirty: false, synced_at: now }))
    }

    /// Makes a marker anew that says `marks`.
    ///
    /// # Errors
    /// [`Error::Open`].
    pub fn create(mut file: Box<dyn SlotFile>, marks: BTreeMap<GroupId, Mark>, now: BootMillis) -> Result<Self, Error> {
        let mut bytes = image(1, &marks).map_err(failed)?;
        bytes.resize(2 * MARKER_SLOT_BYTES, 0);
        file.create(&bytes).map_err(failed)?;
        Ok(Self { file, marks, lowered: BTreeMap::new(), number: 1, slot: 1, dirty: false, synced_at: now })
    }

    /// The file again, to make the marker anew.
    #[must_use]
    pub fn into_file(self) -> Box<dyn SlotFile> {
        self.file
    }

    /// What is said of each group.
    #[must_use]
    pub fn marks(&self) -> &BTreeMap<GroupId, Mark> {
        &self.marks
    }

    /// Takes what one sync made safe: per group how often it had been lowered at submission, and the new mark's parts.
    ///
    /// # Errors
    /// The system's; nothing more may then be acknowledged.
    pub fn raise(&mut self, synced: impl IntoIterator<Item = (GroupId, u64, Mark)>) -> io::Result<()> {
        for (group, lowered, mark) in synced {
            let entry = self.marks.entry(group).or_default();
            if mark.vote.is_some() {
                entry.vote = mark.vote;
            }
            if mark.last.is_some() && lowered == self.lowered.get(&group).copied().unwrap_or_default() {
                entry.last = mark.last;
            }
        }
        self.rewrite()
    }

    /// Lowers a group's mark to the record before a truncation and syncs it; no effect if it stands there or below.
    /// Returns how often the group was lowered.
    ///
    /// # Errors
    /// The system's; the log must then not be truncated.
    pub fn lower(&mut self, group: GroupId, last: Option<(u64, Bytes)>, now: BootMillis) -> io::Result<u64> {
        let count = self.lowered.entry(group).or_default();
        *count += 1;
        let count = *count;
        let entry = self.marks.entry(group).or_default();
        let below = last.as_ref().map(|(index, _)| *index);
        if entry.last.as_ref().map(|(index, _)| *index) > below {
            entry.last = last;
            self.rewrite()?;
            self.sync(now)?;
        }
        Ok(count)
    }

    /// Syncs the file if something was written and the last sync is a second old.
    ///
    /// # Errors
    /// The system's.
    pub fn settle(&mut self, now: BootMillis) -> io::Result<()> {
        if self.dirty && now.since(self.synced_at) >= MARKER_SYNC_MS { self.sync(now) } else { Ok(()) }
    }

    /// Syncs the file if something was written.
    ///
    /// # Errors
    /// The system's.
    pub fn stop(&mut self, now: BootMillis) -> io::Result<()> {
        if self.dirty { self.sync(now) } else { Ok(()) }
    }

    fn rewrite(&mut self) -> io::Result<()> {
        self.number += 1;
        let bytes = image(self.number, &self.marks)?;
        self.dirty = true;
        self.file.write_at(self.slot * MARKER_SLOT_BYTES, &bytes)
    }

    fn sync(&mut self, now: BootMillis) -> io::Result<()> {
        self.file.sync()?;
        self.slot = 1 - self.slot;
        self.dirty = false;
        self.synced_at = now;
        Ok(())
    }
}

fn failed(error: io::Error) -> Error {
    Error::Open { what: "synced marker", why: error.to_string() }
}

/// Magic, length, checksum, then number and marks.
fn image(number: u64, marks: &BTreeMap<GroupId, Mark>) -> io::Result<Vec<u8>> {
    let mut body = number.to_be_bytes().to_vec();
    for (group, mark) in marks {
        body.extend_from_slice(&group.0.to_be_bytes());
        for half in [&mark.vote, &mark.last] {
            match half {
                None => body.push(0),
                Some((number, bytes)) => {
                    body.push(1);
                    body.extend_from_slice(&number.to_be_bytes());
                    body.extend_from_slice(&record::field(bytes));
                }
            }
        }
    }
    let length = u32::try_from(body.len()).ok().filter(|_| HEAD_BYTES + body.len() <= MARKER_SLOT_BYTES);
    let Some(length) = length else {
        return Err(io::Error::other("the marks of all groups do not fit a slot"));
    };
    let sum = crc32c::crc32c_append(crc32c::crc32c(&length.to_be_bytes()), &body);
    Ok([MAGIC, &length.to_be_bytes(), &sum.to_be_bytes(), &body[..]].concat())
}

fn parse(slot: &[u8]) -> Option<(u64, BTreeMap<GroupId, Mark>)> {
    let rest = slot.strip_prefix(MAGIC)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let body = rest.get(..u32::from_be_bytes(*length) as usize)?;
    if crc32c::crc32c_append(crc32c::crc32c(length), body) != u32::from_be_bytes(*sum) {
        return None;
    }
    let (number, mut rest) = body.split_first_chunk::<8>()?;
    let mut marks = BTreeMap::new();
    while let Some((group, behind)) = rest.split_first_chunk::<4>() {
        let (vote, behind) = parse_half(behind)?;
        let (last, behind) = parse_half(behind)?;
        marks.insert(GroupId(u32::from_be_bytes(*group)), Mark { vote, last });
        rest = behind;
    }
    rest.is_empty().then_some((u64::from_be_bytes(*number), marks))
}

type Half = Option<(u64, Bytes)>;

fn parse_half(bytes: &[u8]) -> Option<(Half, &[u8])> {
    match bytes.split_first()? {
        (0, rest) => Some((None, rest)),
        (1, rest) => {
            let (number, rest) = rest.split_first_chunk::<8>()?;
            let (field, rest) = record::take_field(rest).ok()?;
            Some((Some((u64::from_be_bytes(*number), Bytes::copy_from_slice(field))), rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(index: u64) -> Mark {
        Mark { vote: Some((index, Bytes::from_static(b"vote"))), last: Some((index, Bytes::from_static(b"id"))) }
    }

    fn open(path: &Path) -> Result<Marker, Error> {
        Marker::open(Box::new(MarkerFile::at(path)), BootMillis(0)).map(|found| found.ok().unwrap())
    }

    #[test]
    fn a_slot_torn_at_any_length_leaves_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("synced");
        let mut marker = Marker::create(Box::new(MarkerFile::at(&path)), BTreeMap::new(), BootMillis(0)).unwrap();
        // Two synced rewrites, so that both slots hold something older before the torn one.
        for index in [5, 6] {
            marker.raise([(GroupId(1), 0, mark(index))]).unwrap();
            marker.stop(BootMillis(1)).unwrap();
        }
        let before = std::fs::read(&path).unwrap();
        marker.raise([(GroupId(1), 0, mark(7))]).unwrap();
        let offset = marker.slot * MARKER_SLOT_BYTES;
        let written = image(marker.number, &marker.marks).unwrap();
        for length in 0..=written.len() {
            let mut torn = before.clone();
            torn[offset..offset + length].copy_from_slice(&written[..length]);
            // The rest of the slot may have become anything.
            torn[offset + length..offset + length.max(200)].fill(0xee);
            std::fs::write(&path, &torn).unwrap();
            let last = open(&path).unwrap().marks()[&GroupId(1)].last.as_ref().unwrap().0;
            assert_eq!(last, if length == written.len() { 7 } else { 6 }, "length {length}");
        }
        std::fs::write(&path, b"rubbish").unwrap();
        assert!(matches!(open(&path), Err(Error::MarkerDamaged)));
    }

    #[test]
    fn rewrites_stay_in_one_slot_until_a_sync() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("synced");
        let mut marker = Marker::create(Box::new(MarkerFile::at(&path)), BTreeMap::new(), BootMillis(0)).unwrap();
        let mut slots = Vec::new();
        for (index, now) in [(1, 100), (2, 999), (3, 1_000), (4, 1_500), (5, 2_000)] {
            slots.push(marker.slot);
            marker.raise([(GroupId(1), 0, mark(index))]).unwrap();
            marker.settle(BootMillis(now)).unwrap();
        }
        assert_eq!(slots, [1, 1, 1, 0, 0]);
        assert_eq!(marker.slot, 1);
    }

    #[test]
    fn what_was_submitted_before_a_lowering_does_not_raise() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("synced");
        let mut marker = Marker::create(Box::new(MarkerFile::at(&path)), BTreeMap::new(), BootMillis(0)).unwrap();
        marker.raise([(GroupId(1), 0, mark(9))]).unwrap();
        let count = marker.lower(GroupId(1), mark(4).last, BootMillis(1)).unwrap();
        assert_eq!(open(&path).unwrap().marks()[&GroupId(1)].last, mark(4).last);
        marker.raise([(GroupId(1), 0, mark(9))]).unwrap();
        assert_eq!(marker.marks()[&GroupId(1)].last, mark(4).last);
        marker.raise([(GroupId(1), count, mark(5))]).unwrap();
        assert_eq!(marker.marks()[&GroupId(1)].last, mark(5).last);
    }
}
