//! The two machines as groups run them: entries decoded, applied, and their effects told to the ports.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use bytes::Bytes;

use bascule_model::uid::{ControlIndex, GroupId};
use bascule_statemachine::codec;
use bascule_statemachine::overlay::Overlay;
use bascule_statemachine::ports::follow::Follow;
use bascule_statemachine::ports::tables::Read;
use bascule_statemachine::ports::views::Views;
use bascule_statemachine::{control, shard};

use crate::machine::{Answer, ApplyError, Machine, Place};

/// The control machine.
pub struct ControlMachine {
    views: Arc<dyn Views>,
    /// Of the rows, for entries that hold no command.
    incarnation: AtomicU16,
}

impl ControlMachine {
    /// Keeps `views`, which are told of everything after `at`.
    #[must_use]
    pub fn new(views: Arc<dyn Views>, at: ControlIndex) -> Self {
        Self { views, incarnation: AtomicU16::new(at.incarnation()) }
    }
}

impl Machine for ControlMachine {
    type Effects = (ControlIndex, Vec<control::state::Effect>);

    fn apply(
        &self,
        rows: &mut Overlay<'_>,
        place: Place,
        command: &Bytes,
    ) -> Result<(Answer, Self::Effects), ApplyError> {
        let index = place.index;
        let entry =
            codec::decode(command).map_err(|source| ApplyError::Codec { group: GroupId::CONTROL, index, source })?;
        let at = control::Place { index, term: place.term };
        let (reply, effects) =
            control::apply(rows, at, &entry).map_err(|source| ApplyError::Control { index, source })?;
        // The place of this entry, even if the reply is the first one's to a repeated request.
        let here = control::index_of(rows, index).map_err(|source| ApplyError::Control { index, source })?;
        Ok((Answer::Control(reply), (here, effects)))
    }

    fn installed(&self, rows: &dyn Read, place: Place) -> Result<(), ApplyError> {
        let failed = |source| ApplyError::Control { index: place.index, source };
        let state = control::state::all(rows).map_err(failed)?;
        let at = control::index_of(rows, place.index).map_err(failed)?;
        self.incarnation.store(at.incarnation(), Ordering::Release);
        self.views.rebuild(at, state);
        Ok(())
    }

    fn written(&self, place: Place, effects: Vec<Self::Effects>) {
        if let Some((last, _)) = effects.last() {
            self.incarnation.store(last.incarnation(), Ordering::Release);
        }
        // A blank entry changes nothing and counts all the same: whoever waits for the group's last index waits for this.
        let Some(index) = ControlIndex::new(self.incarnation.load(Ordering::Acquire), place.index) else {
            return;
        };
        self.views.applied(index, effects.into_iter().flat_map(|(_, effects)| effects).collect());
    }
}

/// A shard group's machine.
pub struct ShardMachine {
    group: GroupId,
    follow: Arc<dyn Follow>,
}

impl ShardMachine {
    /// The machine of `group`.
    #[must_use]
    pub fn new(group: GroupId, follow: Arc<dyn Follow>) -> Self {
        Self { group, follow }
    }
}

impl Machine for ShardMachine {
    type Effects = Vec<shard::reply::Effect>;

    fn apply(
        &self,
        rows: &mut Overlay<'_>,
        place: Place,
        command: &Bytes,
    ) -> Result<(Answer, Self::Effects), ApplyError> {
        let (group, index) = (self.group, place.index);
        let entry = codec::decode(command).map_err(|source| ApplyError::Codec { group, index, source })?;
        // A layer of its own: a machine that cannot go on leaves half a change behind.
        let applied =
            shard::apply(rows, place.term, &entry).map_err(|source| ApplyError::Shard { group, index, source })?;
        Ok((Answer::Shard(applied.replies), applied.effects))
    }

    // Only a leader follows a group, and no leader is sent a snapshot.
    fn installed(&self, _: &dyn Read, _: Place) -> Result<(), ApplyError> {
        Ok(())
    }

    fn written(&self, place: Place, effects: Vec<Self::Effects>) {
        self.follow.applied(self.group, place.index, effects.concat());
    }
}
