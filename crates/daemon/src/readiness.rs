//! Whether this node serves: the phase it is in, and whether its groups are led and its view has a cluster.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use bascule_model::ambient::Clock;
use bascule_replication::groups::Groups;
use bascule_routing::viewer::Viewer;
use bascule_statemachine::ports::propose::Propose;

/// What the daemon does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Rooms are built, logs recovered.
    Starting,
    /// Calls are served.
    Serving,
    /// No new calls are taken.
    Stopping,
}

/// What is asked whether the node is ready; held weakly, so that asking keeps nothing alive.
struct Watched {
    groups: Weak<Groups>,
    viewer: Weak<Viewer>,
    shards: usize,
    clock: Arc<dyn Clock>,
}

/// Shared by the daemon, which sets it, and the admin listener, which asks.
pub struct Readiness {
    inner: Mutex<(Phase, Option<Watched>)>,
}

impl Default for Readiness {
    fn default() -> Self {
        Self { inner: Mutex::new((Phase::Starting, None)) }
    }
}

impl Readiness {
    /// Everything is up.
    pub fn serving(&self, groups: &Arc<Groups>, viewer: &Arc<Viewer>, shards: usize, clock: Arc<dyn Clock>) {
        let watched = Watched { groups: Arc::downgrade(groups), viewer: Arc::downgrade(viewer), shards, clock };
        *self.inner.lock().unwrap_or_else(PoisonError::into_inner) = (Phase::Serving, Some(watched));
    }

    /// The stop begins.
    pub fn stopping(&self) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).0 = Phase::Stopping;
    }

    /// Ready, or why not.
    ///
    /// # Errors
    /// The reason, for people.
    pub fn ask(&self) -> Result<(), String> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        match (&inner.0, &inner.1) {
            (Phase::Starting, _) | (Phase::Serving, None) => Err("the node is starting".to_owned()),
            (Phase::Stopping, _) => Err("the node is stopping".to_owned()),
            (Phase::Serving, Some(watched)) => watched.ask(),
        }
    }
}

impl Watched {
    fn ask(&self) -> Result<(), String> {
        let (Some(groups), Some(viewer)) = (self.groups.upgrade(), self.viewer.upgrade()) else {
            return Err("the groups have stopped".to_owned());
        };
        if groups.control_leader().is_none() {
            return Err("the control group has no leader that is known here".to_owned());
        }
        let led = groups.led().len() + groups.elsewhere().len();
        if led < self.shards {
            return Err(format!("{led} of {} shard groups have a leader that is known here", self.shards));
        }
        if viewer.now().cluster.is_none() {
            return Err("the view has no cluster".to_owned());
        }
        viewer.freshness().check(self.clock.boot()).map_err(|stale| stale.to_string())
    }
}
