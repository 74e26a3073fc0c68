//! Holds the view: takes effects from the control group's apply, builds aside on a thread of its own, swaps whole.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use bascule_model::ambient::{Spawn, TaskKind};
use bascule_model::uid::ControlIndex;
use bascule_statemachine::control::state::{Effect, State};
use bascule_statemachine::ports::views::Views;

use crate::freshness::Freshness;
use crate::limits::VIEW_WAIT_LIMIT_MS;
use crate::view::View;

#[derive(Default)]
struct Waiting {
    rebuilt: Option<(ControlIndex, State)>,
    /// Bounded by what the control group has on its way: apply waits for nobody, and the thread is never slower for long.
    effects: Vec<Effect>,
    index: ControlIndex,
    stopped: bool,
}

/// The one root. Readers take it once a call and never wait for a builder.
pub struct Viewer {
    root: ArcSwap<View>,
    reached: watch::Sender<ControlIndex>,
    waiting: Mutex<Waiting>,
    wake: Condvar,
    freshness: Freshness,
}

impl Viewer {
    /// An empty view, and the thread that keeps it.
    #[must_use]
    pub fn start(spawn: &dyn Spawn) -> Arc<Self> {
        let viewer = Arc::new(Self {
            root: ArcSwap::default(),
            reached: watch::Sender::default(),
            waiting: Mutex::default(),
            wake: Condvar::new(),
            freshness: Freshness::default(),
        });
        let building = Arc::clone(&viewer);
        spawn.block(TaskKind::Leading, Box::new(move || building.build()));
        viewer
    }

    /// The view as of now.
    #[must_use]
    pub fn now(&self) -> Arc<View> {
        self.root.load_full()
    }

    /// The view once it has reached `index`; `None` if that takes too long. An index of an older incarnation is reached.
    pub async fn reached(&self, index: ControlIndex) -> Option<Arc<View>> {
        self.reached_within(index, VIEW_WAIT_LIMIT_MS).await
    }

    /// As [`Viewer::reached`], within `limit_ms` milliseconds.
    pub async fn reached_within(&self, index: ControlIndex, limit_ms: u64) -> Option<Arc<View>> {
        let mut reached = self.reached.subscribe();
        let waiting = reached.wait_for(|at| *at >= index);
        match tokio::time::timeout(Duration::from_millis(limit_ms), waiting).await {
            Ok(Ok(_)) => Some(self.now()),
            _ => None,
        }
    }

    /// How fresh it is.
    #[must_use]
    pub const fn freshness(&self) -> &Freshness {
        &self.freshness
    }

    /// Told of every change of the view.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<ControlIndex> {
        self.reached.subscribe()
    }

    /// Lets the thread end.
    pub fn stop(&self) {
        self.waiting.lock().stopped = true;
        self.wake.notify_all();
    }

    fn build(&self) {
        loop {
            let (rebuilt, effects, index) = {
                let mut waiting = self.waiting.lock();
                while waiting.rebuilt.is_none() && waiting.index <= *self.reached.borrow() && !waiting.stopped {
                    self.wake.wait(&mut waiting);
                }
                if waiting.stopped {
                    return;
                }
                (waiting.rebuilt.take(), std::mem::take(&mut waiting.effects), waiting.index)
            };
            let mut next = match rebuilt {
                Some((index, state)) => View::of(index, state),
                None => View::clone(&self.root.load()),
            };
            next.absorb_all(effects);
            next.index = index;
            self.root.store(Arc::new(next));
            self.reached.send_replace(index);
        }
    }
}

impl Views for Viewer {
    fn rebuild(&self, index: ControlIndex, state: State) {
        let mut waiting = self.waiting.lock();
        waiting.effects.clear();
        waiting.rebuilt = Some((index, state));
        waiting.index = index;
        self.wake.notify_all();
    }

    fn applied(&self, index: ControlIndex, effects: Vec<Effect>) {
        let mut waiting = self.waiting.lock();
        waiting.effects.extend(effects);
        waiting.index = index;
        self.wake.notify_all();
    }
}
