//! Following: things that come one after the other, until somebody has enough of them.
//!
//! In: things as they come, and signals.
//! Out: each on the standard output at once, and whether anybody still reads.
//! Never: something held back until there is more, a failure because the reader went away, or a signal that waits for a reader.

use std::future::pending;
use std::io;
use std::os::fd::BorrowedFd;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::Error;

/// Where something is written that may have to wait: whoever waits for it can hear of other things meanwhile.
pub type Outlet = Box<dyn AsyncWrite + Send + Unpin>;

/// An outlet to an open file, such as the standard output. It writes in a thread that is let go of when the process ends, so that
/// nobody waits for a reader who does not read.
///
/// # Errors
/// There are too many open files.
pub fn outlet(to: BorrowedFd<'_>) -> io::Result<Outlet> {
    let file = std::fs::File::from(to.try_clone_to_owned()?);
    Ok(Box::new(tokio::fs::File::from_std(file)))
}

/// Whether whoever reads still does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// It does.
    Reads,
    /// It has had enough, `| head` for instance: that is no failure.
    Left,
}

/// Writes one thing and waits until it is gone. If the wait is given up, it may be written all the same, in part or later.
///
/// # Errors
/// [`Error::Output`], but for a reader that went away.
pub async fn show(to: &mut Outlet, bytes: &[u8]) -> Result<Reader, Error> {
    let written = async {
        to.write_all(bytes).await?;
        to.flush().await
    };
    match written.await {
        Ok(()) => Ok(Reader::Reads),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Left),
        Err(error) => Err(Error::Output(error)),
    }
}

/// Whether somebody wants the command to end: Ctrl-C, or SIGTERM. From its making on they no longer end the process by themselves, so
/// that each must be heard: the first ends the command in order, a second one what it still waits for.
#[derive(Debug)]
pub struct Stop {
    /// None where the signal cannot be caught: there it ends the process as always.
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
}

impl Stop {
    /// Hears signals from now on.
    pub fn heed() -> Self {
        let caught = |kind| signal(kind).ok();
        Self { interrupt: caught(SignalKind::interrupt()), terminate: caught(SignalKind::terminate()) }
    }

    /// Returns at the next signal, also if it came since the last one.
    pub async fn asked(&mut self) {
        tokio::select! {
            () = next(&mut self.interrupt) => {}
            () = next(&mut self.terminate) => {}
        }
    }
}

async fn next(signal: &mut Option<Signal>) {
    let heard = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if heard.is_none() {
        pending().await
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::os::fd::AsFd;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_reader_may_leave() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut to = outlet(file.as_file().as_fd()).unwrap();
        assert_eq!(show(&mut to, b"one\n").await.unwrap(), Reader::Reads);
        assert_eq!(fs::read(file.path()).unwrap(), b"one\n");
        let (left, pipe) = io::pipe().unwrap();
        drop(left);
        assert_eq!(show(&mut outlet(pipe.as_fd()).unwrap(), b"one\n").await.unwrap(), Reader::Left);
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let failed = show(&mut outlet(full.as_fd()).unwrap(), b"one\n").await.unwrap_err();
        assert!(matches!(&failed, Error::Output(source) if source.kind() == io::ErrorKind::StorageFull), "{failed:?}");
    }

    #[tokio::test]
    async fn whoever_waits_for_a_reader_can_give_up() {
        let (reader, pipe) = io::pipe().unwrap();
        let mut to = outlet(pipe.as_fd()).unwrap();
        let much = vec![b'x'; 1024 * 1024];
        let written = tokio::time::timeout(Duration::from_millis(20), show(&mut to, &much)).await;
        assert!(written.is_err(), "{written:?}");
        // The runtime of this test waits for the thread.
        drop(reader);
    }
}
