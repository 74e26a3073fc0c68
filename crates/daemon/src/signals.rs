//! The signals that the daemon hears: to stop, to stop at once, to reload.

use tokio::signal::unix::{Signal, SignalKind, signal};

use rustix::process::{Signal as Sent, getpid, kill_process};

use crate::error::Error;

/// Caught from when this is made, so that none ends a start half-way by its default action.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Catches SIGTERM, SIGINT and SIGHUP.
    ///
    /// # Errors
    /// [`Error::System`].
    pub fn catch() -> Result<Self, Error> {
        let catch = |kind| signal(kind).map_err(|source| Error::System { what: "a signal handler", source });
        Ok(Self {
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
            hangup: catch(SignalKind::hangup())?,
        })
    }

    /// Waits for SIGTERM or SIGINT and gives its name.
    pub async fn stop(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// Waits for a signal of any kind.
    pub async fn any(&mut self) -> Heard {
        tokio::select! {
            _ = self.terminate.recv() => Heard::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Heard::Stop("SIGINT"),
            _ = self.hangup.recv() => Heard::Reload,
        }
    }
}

/// A signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// To stop, by this name.
    Stop(&'static str),
    /// To reload.
    Reload,
}

/// Ends the process at once: nothing that it still holds may delay that, not even what runs at its exit.
pub fn end_at_once() -> ! {
    // An exit would wait for the threads of the databases.
    let _ = kill_process(getpid(), Sent::KILL);
    std::process::abort()
}
