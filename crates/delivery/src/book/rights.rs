//! What rights do to a lane: while nothing may be delivered nothing starts, and what was refused is due when they change.

use bascule_model::time::Millis;
use bascule_model::uid::{Sequence, Uid};
use bascule_statemachine::codec::shard::{Owed as OwedRow, Why};

use crate::book::track::{Standing, Track};
use crate::book::{Book, Scope};
use crate::limits::RIGHTS_LOOK_MS;
use crate::pacing::Owed;
use crate::target::code::Code;

impl Book {
    /// Whether anything may be delivered to a target now, or why not; `true` if that is news. What is forbidden starts no attempts.
    pub fn permit(&mut self, uid: Uid, permitted: Result<(), String>) -> bool {
        let Some(track) = self.tracks.get_mut(&uid).filter(|track| !track.gone) else { return false };
        let before = track.forbidden.is_some();
        track.forbidden = permitted.err();
        track.forbidden.is_some() != before
    }

    /// Rights of a target changed: what a policy refused is asked about again.
    pub fn rights_moved(&mut self, uid: Uid, now: Millis) {
        if let Some(track) = self.tracks.get_mut(&uid) {
            track.rights_moved(now);
        }
    }

    /// When a reference that a policy refused is due: at once, if rights changed since.
    #[must_use]
    pub fn refused_until(&self, target: Uid, due: Millis) -> Millis {
        self.tracks.get(&target).map_or(due, |track| track.refused_until(due))
    }
}

impl Track {
    /// Whether the rows are to say another reason: a lane is forbidden as soon as anything is owed to it, and no longer than that.
    pub(super) fn is_misspoken(&self) -> bool {
        match self.standing {
            Standing::Attached => self.forbidden.is_some() && !self.held.is_empty(),
            _ => self.forbidden.is_some() != (self.told == Some(Why::Forbidden)),
        }
    }

    /// When the next attempt may start; `None` until something else happens.
    pub(super) fn starts_at(&self, now: Millis) -> Option<Millis> {
        if self.forbidden.is_some() { None } else { self.lane.wake_at(now) }
    }

    /// A policy refused an attempt, of which `row` is to be written if it is parked by itself.
    pub(super) fn refuse(&mut self, scope: Scope, message: String, row: OwedRow) {
        match scope {
            // The lane is detached with all that it owes, this one too.
            Scope::Lane => self.forbidden = Some(message),
            Scope::Single => {
                self.last_refusal = Some(message);
                let fault = Code::NoPermissions.word().to_owned();
                self.parks.insert(Sequence(row.sequence), OwedRow { fault, ..row });
            }
        }
    }

    /// Why a policy keeps a delivery back, if one does.
    pub(super) fn refusal(&self, owed: &Owed) -> Option<&str> {
        let alone = || self.last_refusal.as_deref().unwrap_or("no policy allows its event");
        self.forbidden.as_deref().or_else(|| owed.refused.then(alone))
    }

    /// What a policy refused is due again, wherever it is.
    fn rights_moved(&mut self, now: Millis) {
        self.rights_at = now;
        self.lane.hurry(now);
        if let Some(due) = self.rest_due {
            self.rest_due = Some(due.min(now));
        }
    }

    /// When a reference is due that was refused [`RIGHTS_LOOK_MS`] before `due`.
    fn refused_until(&self, due: Millis) -> Millis {
        if due <= self.rights_at.plus(RIGHTS_LOOK_MS) { due.min(self.rights_at) } else { due }
    }
}
