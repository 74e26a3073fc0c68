//! Where leaders take the time from: this node's clocks, what a quorum's say, and what was stamped before.

use std::sync::Arc;

use parking_lot::Mutex;

use bascule_model::ambient::Clock;
use bascule_model::time::{BootMillis, Millis};
use bascule_model::uid::GroupId;
use bascule_statemachine::ports::tables::Tables;
use bascule_statemachine::{control, shard};

use crate::clocks::Reading;
use crate::limits::HEARD_LIMIT_MS;
use crate::stamp::{Agreed, Stamper};

/// The time of one node's leads.
pub(crate) struct Times {
    clock: Arc<dyn Clock>,
    tables: Arc<dyn Tables>,
    heard: Mutex<Heard>,
}

/// What the greetings said last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// There is nobody else.
    Alone,
    /// A quorum's time at a moment.
    Median(Reading),
    /// Too few clocks were heard.
    Nothing,
}

impl Times {
    pub(crate) fn new(clock: Arc<dyn Clock>, tables: Arc<dyn Tables>) -> Arc<Self> {
        Arc::new(Self { clock, tables, heard: Mutex::new(Heard::Nothing) })
    }

    /// From now on this is what others say.
    pub(crate) fn heard(&self, heard: Heard) {
        *self.heard.lock() = heard;
    }

    /// Wall and boot clock.
    fn now(&self) -> (Millis, BootMillis) {
        (self.clock.wall(), self.clock.boot())
    }

    /// Whose word there is for the time of now.
    fn agreed(&self) -> Agreed {
        match *self.heard.lock() {
            Heard::Alone => Agreed::Alone,
            Heard::Nothing => Agreed::Unknown,
            Heard::Median(reading) => {
                let age_ms = self.clock.boot().since(reading.boot);
                if age_ms > HEARD_LIMIT_MS { Agreed::Unknown } else { Agreed::Median(reading.wall.plus(age_ms)) }
            }
        }
    }

    /// What a group's rows say was stamped last. Rows that cannot be read stop the group elsewhere, and here stand for nothing: apply
    /// never lets a stamp go back.
    fn last(&self, group: GroupId) -> Millis {
        let Ok(rows) = self.tables.view(group) else { return Millis(0) };
        if group == GroupId::CONTROL {
            let meta = control::state::meta(&*rows).ok().flatten();
            return Millis(meta.map_or(0, |meta| meta.time_ms));
        }
        Millis(shard::read::meta(&*rows).map_or(0, |meta| meta.time_ms))
    }
}

/// The time of one group: what is stamped on its entries here, and what whoever leads it here goes by.
pub(crate) struct GroupTime {
    group: GroupId,
    times: Arc<Times>,
    /// With the term that was asked for last.
    stamper: Mutex<(u64, Stamper)>,
}

impl GroupTime {
    pub(crate) fn new(group: GroupId, times: Arc<Times>) -> Arc<Self> {
        let stamper = Stamper::after(times.last(group), times.now().1);
        Arc::new(Self { group, times, stamper: Mutex::new((0, stamper)) })
    }

    /// The time of now, as an entry of `term` is stamped with it.
    pub(crate) fn now(&self, term: u64) -> Millis {
        let (led, stamper) = &mut *self.stamper.lock();
        let (wall, boot) = self.times.now();
        if *led != term {
            *led = term;
            stamper.seen(self.times.last(self.group), boot);
        }
        stamper.stamp(term, wall, boot, self.times.agreed())
    }
}
