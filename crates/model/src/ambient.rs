//! What a room may ask of the world around it: time, chance and tasks, each behind a port that the daemon fills.

use std::future::Future;
use std::pin::Pin;

use crate::time::{BootMillis, Millis};

/// A boxed future that a port returns.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Two clocks: the wall's, for stamps that people read, and the boot clock, for leases and durations.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch. It may jump; never use it for a duration.
    fn wall(&self) -> Millis;
    /// Milliseconds since boot, suspended time included (`CLOCK_BOOTTIME`). It never goes back.
    fn boot(&self) -> BootMillis;
}

/// A source of chance that is fit for keys.
pub trait Entropy: Send + Sync {
    /// Fills the whole buffer with unpredictable bytes.
    ///
    /// # Errors
    /// [`NoEntropy`] when the system's source failed; the caller must not go on with what the buffer holds.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy>;
}

/// The system's source of chance failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no random bytes")]
pub struct NoEntropy;

/// Starts tasks under a closed kind, so that only the daemon decides what a task's failure means.
pub trait Spawn: Send + Sync {
    /// Starts `work` under `kind`; it ends with the daemon, or earlier by itself.
    fn spawn(&self, kind: TaskKind, work: Pending<'static, ()>);
    /// Runs `work` on a thread that may block, under `kind`.
    fn block(&self, kind: TaskKind, work: Box<dyn FnOnce() + Send>);
}

/// Every kind of background work there is, each with what its end means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskKind {
    /// Shares one connection or call with a client: its failure ends that call only.
    Call,
    /// Serves a listener: its end stops the daemon.
    Listener,
    /// A group's proposer: its end stops the daemon.
    Proposer,
    /// A leader's follow or queue service of one group: its end stops the daemon, the group's next leader goes on.
    Leading,
    /// One delivery attempt: its failure is an outcome.
    Attempt,
    /// The thread that syncs the Raft logs: its end stops the daemon, since nothing may be acknowledged without it.
    Sync,
    /// Upkeep that may be repeated later: its failure is logged.
    Upkeep,
    /// Greets the other members: its end stops the daemon, and no later start under the same id would go better.
    Membership,
}
