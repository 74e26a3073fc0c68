//! Time: one paused clock for all, and what each node's own clocks make of it.

use parking_lot::Mutex;
use std::sync::Arc;

use bascule_model::ambient::Clock;
use bascule_model::time::{BootMillis, Millis};

/// Milliseconds since the Unix epoch at which every simulation begins.
const EPOCH_MS: u64 = 1_700_000_000_000;

/// The time that tokio moves.
#[derive(Clone, Copy)]
pub(crate) struct Time(tokio::time::Instant);

impl Time {
    pub(crate) fn begin() -> Self {
        Self(tokio::time::Instant::now())
    }

    /// Milliseconds since the simulation began.
    pub(crate) fn ms(self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}

/// One node's clocks. The wall's may jump and run fast or slow; the boot clock is true. Clones share it.
#[derive(Clone)]
pub(crate) struct NodeClock {
    time: Time,
    /// How far the wall's clock is off, milliseconds, and by how many millionths it runs fast.
    wall: Arc<Mutex<(i64, i64)>>,
}

impl NodeClock {
    pub(crate) fn new(time: Time, off_ms: i64, fast_ppm: i64) -> Self {
        Self { time, wall: Arc::new(Mutex::new((off_ms, fast_ppm))) }
    }

    pub(crate) fn set_off(&self, off_ms: i64) {
        self.wall.lock().0 = off_ms;
    }
}

impl Clock for NodeClock {
    fn wall(&self) -> Millis {
        let (off_ms, fast_ppm) = *self.wall.lock();
        let elapsed = i64::try_from(self.time.ms()).unwrap();
        let now = i64::try_from(EPOCH_MS).unwrap() + elapsed + elapsed * fast_ppm / 1_000_000 + off_ms;
        Millis(u64::try_from(now).unwrap_or_default())
    }

    fn boot(&self) -> BootMillis {
        BootMillis(1_000_000 + self.time.ms())
    }
}

/// The clock of the thread that syncs logs: it stands, so that nothing depends on when that thread has its turn.
pub(crate) struct Standing;

impl Clock for Standing {
    fn wall(&self) -> Millis {
        Millis(EPOCH_MS)
    }

    fn boot(&self) -> BootMillis {
        BootMillis(1)
    }
}
