//! Whether the files of a source have changed since they were last read, and stand still.
//!
//! In: what the system says of each file.
//! Out: the moment to read them: once they were seen alike twice after a change.
//! Never: a reading of files that still move, whose half may be a list without its end.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::limits::REFUSED_LOOKS_COUNT;
use crate::material::Source;

/// What a file was when it was looked at; none where there is no file.
pub(crate) type Stamp = Option<(u64, u64, u64, i64, i64, i64, i64)>;

/// What was seen of a source's files.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    seen: Vec<Stamp>,
    standing: Standing,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Standing {
    /// Read as they are.
    #[default]
    Read,
    /// They have changed.
    Changed,
    /// They were refused so many looks ago.
    Refused(u32),
}

impl Watch {
    /// What is there now is about to be read.
    pub(crate) fn reading(&mut self, stamps: Vec<Stamp>) {
        *self = Self { seen: stamps, standing: Standing::Read };
    }

    /// What was read last is refused: it is read again after a while, since a refusal may pass with time.
    pub(crate) fn refused(&mut self) {
        self.standing = Standing::Refused(0);
    }

    /// Looks once. Whether it is time to read.
    pub(crate) fn look(&mut self, stamps: Vec<Stamp>) -> bool {
        if stamps != self.seen {
            *self = Self { seen: stamps, standing: Standing::Changed };
            return false;
        }
        match &mut self.standing {
            Standing::Read => false,
            Standing::Changed => true,
            Standing::Refused(looks) => {
                *looks += 1;
                *looks >= REFUSED_LOOKS_COUNT
            }
        }
    }
}

/// What the system says of a source's files now; nothing of texts, which never change.
pub(crate) fn stamps(source: &Source) -> Vec<Stamp> {
    match source {
        Source::Pem { .. } => Vec::new(),
        Source::Files { chain, key, authorities, crls, own_crl } => {
            let given = [chain, key, authorities].into_iter().chain(crls).chain(own_crl);
            given.map(|path| stamp(path)).collect()
        }
    }
}

/// Of the file that a link leads to. A file that is replaced is another one, whatever its time says; one that is written to has
/// another time, as fine as the file system keeps it.
fn stamp(path: &Path) -> Stamp {
    let facts = fs::metadata(path).ok()?;
    let (changed, written) = ((facts.ctime(), facts.ctime_nsec()), (facts.mtime(), facts.mtime_nsec()));
    Some((facts.dev(), facts.ino(), facts.size(), changed.0, changed.1, written.0, written.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Vec<Stamp> {
        vec![Some((1, 1, 1, second, 0, second, 0)), None]
    }

    #[test]
    fn files_are_read_once_they_stand_still() {
        let mut watch = Watch::default();
        watch.reading(at(1));
        assert!(!watch.look(at(1)));
        // They move, and move on, and stand.
        for (second, expected) in [(2, false), (3, false), (3, true), (3, true)] {
            assert_eq!(watch.look(at(second)), expected, "{second}");
        }
        watch.reading(at(3));
        assert!(!watch.look(at(3)));
        // One that goes is a change too.
        assert!(!watch.look(vec![None, None]));
        assert!(watch.look(vec![None, None]));
    }

    #[test]
    fn what_is_refused_is_read_again_after_a_while() {
        let mut watch = Watch::default();
        watch.reading(at(1));
        watch.refused();
        let reads = (0..REFUSED_LOOKS_COUNT).filter(|_| watch.look(at(1))).count();
        assert_eq!(reads, 1);
        // And at once when something changes.
        watch.reading(at(1));
        watch.refused();
        assert!(!watch.look(at(2)));
        assert!(watch.look(at(2)));
    }
}
