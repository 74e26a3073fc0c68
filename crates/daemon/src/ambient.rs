//! The system's clocks, chance and tasks: the one place where they are taken from the air.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::rand::{GetRandomFlags, getrandom};
use rustix::time::{ClockId, Timespec, clock_gettime};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;

use bascule_model::ambient::{Clock, Entropy, NoEntropy, Pending, Spawn, TaskKind};
use bascule_model::time::{BootMillis, Millis};

use crate::limits::{BLOCKING_LIMIT_THREADS, RAFT_LIMIT_THREADS};

/// The system's clocks and random bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl System {
    /// Microseconds of `CLOCK_MONOTONIC`, which systemd compares its own with.
    #[must_use]
    pub fn monotonic_us(self) -> u64 {
        let now = clock_gettime(ClockId::Monotonic);
        whole(now.tv_sec) * 1_000_000 + whole(now.tv_nsec) / 1_000
    }
}

impl Clock for System {
    fn wall(&self) -> Millis {
        Millis(millis(clock_gettime(ClockId::Realtime)))
    }

    fn boot(&self) -> BootMillis {
        // Read in user space by the vDSO, some 30 ns: cheap enough for every put.
        BootMillis(millis(clock_gettime(ClockId::Boottime)))
    }
}

impl Entropy for System {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        let mut filled = 0;
        while filled < buffer.len() {
            match getrandom(&mut buffer[filled..], GetRandomFlags::empty()) {
                Ok(0) => return Err(NoEntropy),
                Ok(more) => filled += more,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return Err(NoEntropy),
            }
        }
        Ok(())
    }
}

fn millis(time: Timespec) -> u64 {
    whole(time.tv_sec) * 1_000 + whole(time.tv_nsec) / 1_000_000
}

/// A clock before its epoch reads as the epoch.
fn whole(part: i64) -> u64 {
    u64::try_from(part).unwrap_or_default()
}

/// A task that ended although the daemon needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Which kind.
    pub kind: TaskKind,
    /// Whether it panicked; else it returned before it was told to.
    pub panicked: bool,
}

/// Where the end of a task is told that the daemon cannot go on without.
#[derive(Debug, Clone)]
pub struct Ends {
    stopping: Arc<AtomicBool>,
    first: watch::Sender<Option<Ended>>,
}

impl Default for Ends {
    fn default() -> Self {
        Self { stopping: Arc::default(), first: watch::Sender::new(None) }
    }
}

impl Ends {
    /// From now on tasks may return.
    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Waits for the first end that matters.
    pub async fn first(&self) -> Ended {
        let mut first = self.first.subscribe();
        loop {
            if let Some(ended) = *first.borrow_and_update() {
                return ended;
            }
            // The sender lives in this very value.
            let _ = first.changed().await;
        }
    }

    fn tell(&self, ended: Ended) {
        self.first.send_if_modified(|first| {
            let new = first.is_none();
            first.get_or_insert(ended);
            new
        });
    }
}

/// How long tasks of the kind [`TaskKind::Leading`] live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leads {
    /// As long as a term: they may return.
    Terms,
    /// As long as a group: one that returns has lost its group.
    Groups,
}

/// Starts tasks on one runtime.
#[derive(Debug, Clone)]
pub struct Tasks {
    runtime: Handle,
    ends: Ends,
    leads: Leads,
}

impl Tasks {
    /// Tasks of `runtime`, whose ends `ends` hears of.
    #[must_use]
    pub fn on(runtime: &Handle, ends: &Ends, leads: Leads) -> Self {
        Self { runtime: runtime.clone(), ends: ends.clone(), leads }
    }

    fn guard(&self, kind: TaskKind) -> Guard {
        let returns = match kind {
            TaskKind::Listener | TaskKind::Proposer | TaskKind::Sync | TaskKind::Membership => false,
            TaskKind::Leading => self.leads == Leads::Terms,
            TaskKind::Call | TaskKind::Attempt | TaskKind::Upkeep => true,
        };
        Guard { kind, returns, ends: self.ends.clone() }
    }
}

impl Spawn for Tasks {
    fn spawn(&self, kind: TaskKind, work: Pending<'static, ()>) {
        let guard = self.guard(kind);
        self.runtime.spawn(async move {
            // Moved in, so that it is dropped when the work ends, by whatever way.
            let _guard = guard;
            work.await;
        });
    }

    fn block(&self, kind: TaskKind, work: Box<dyn FnOnce() + Send>) {
        let guard = self.guard(kind);
        let work = move || {
            let _guard = guard;
            work();
        };
        match kind {
            TaskKind::Call | TaskKind::Attempt | TaskKind::Upkeep => drop(self.runtime.spawn_blocking(work)),
            // These live long, and would fill the pool of those that do not.
            TaskKind::Listener | TaskKind::Proposer | TaskKind::Leading | TaskKind::Sync | TaskKind::Membership => {
                let name = format!("{kind:?}").to_ascii_lowercase();
                if let Err(error) = thread::Builder::new().name(name).spawn(work) {
                    tracing::error!(%error, ?kind, "a thread could not be started");
                }
            }
        }
    }
}

/// Dropped when its task ends.
struct Guard {
    kind: TaskKind,
    returns: bool,
    ends: Ends,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let panicked = thread::panicking();
        let needed = match self.kind {
            TaskKind::Listener | TaskKind::Proposer | TaskKind::Leading | TaskKind::Sync | TaskKind::Membership => true,
            TaskKind::Call | TaskKind::Attempt | TaskKind::Upkeep => false,
        };
        let early = !self.returns && !self.ends.stopping.load(Ordering::Acquire);
        if panicked && !needed {
            tracing::error!(kind = ?self.kind, "a task panicked; the daemon goes on without it");
        }
        if needed && (panicked || early) {
            self.ends.tell(Ended { kind: self.kind, panicked });
        }
    }
}

/// A runtime with threads of this name.
///
/// # Errors
/// The system's.
pub fn runtime(name: &'static str, threads: Option<usize>) -> std::io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    builder.enable_all().thread_name(name).max_blocking_threads(BLOCKING_LIMIT_THREADS).build()
}

/// Threads of the Raft runtime on this machine.
#[must_use]
pub fn raft_threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).clamp(1, RAFT_LIMIT_THREADS)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn clocks_go_on_and_chance_differs() {
        let (wall, boot) = (System.wall(), System.boot());
        assert!(wall.0 > 1_700_000_000_000, "{wall:?}");
        thread::sleep(Duration::from_millis(5));
        assert!((4..5_000).contains(&System.boot().since(boot)));
        let (mut one, mut two) = ([0; 300], [0; 300]);
        System.fill(&mut one).unwrap();
        System.fill(&mut two).unwrap();
        assert_ne!(one, two);
        assert!(one.iter().any(|byte| *byte != 0) && one[290..] != [0; 10]);
    }

    enum Act {
        Returns,
        Panics,
    }

    fn check(kind: TaskKind, leads: Leads, act: Act, stopping: bool, expected: Option<bool>) {
        let runtime = runtime("test", Some(1)).unwrap();
        let ends = Ends::default();
        if stopping {
            ends.stopping();
        }
        let tasks = Tasks::on(runtime.handle(), &ends, leads);
        let panics = matches!(act, Act::Panics);
        tasks.spawn(kind, Box::pin(async move { assert!(!panics, "planted") }));
        let told = runtime.block_on(async { tokio::time::timeout(Duration::from_millis(100), ends.first()).await });
        let told = told.ok().map(|ended| (ended.kind, ended.panicked));
        assert_eq!(told, expected.map(|panicked| (kind, panicked)), "{kind:?} {leads:?} {stopping}");
    }

    #[test]
    fn only_ends_that_matter_are_told() {
        use Leads::{Groups, Terms};
        check(TaskKind::Listener, Terms, Act::Returns, false, Some(false));
        check(TaskKind::Listener, Terms, Act::Returns, true, None);
        check(TaskKind::Listener, Terms, Act::Panics, true, Some(true));
        check(TaskKind::Proposer, Groups, Act::Returns, false, Some(false));
        check(TaskKind::Leading, Terms, Act::Returns, false, None);
        check(TaskKind::Leading, Terms, Act::Panics, false, Some(true));
        check(TaskKind::Leading, Groups, Act::Returns, false, Some(false));
        check(TaskKind::Membership, Groups, Act::Returns, false, Some(false));
        check(TaskKind::Call, Terms, Act::Panics, false, None);
        check(TaskKind::Attempt, Terms, Act::Returns, false, None);
        check(TaskKind::Upkeep, Terms, Act::Panics, false, None);
    }
}
