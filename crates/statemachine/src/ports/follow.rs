//! The port through which a shard group tells delivery that it leads, and what its apply left to do.

use bascule_model::uid::GroupId;

use crate::shard::reply::Effect;

/// Carries out what only a leader may. Calls come from the group's apply, so they must return at once.
pub trait Follow: Send + Sync {
    /// An entry of this node's own `term` is applied: what was committed before it is readable.
    fn leading(&self, group: GroupId, term: u64);

    /// This node no longer leads the group, or the group stops here.
    fn stopped(&self, group: GroupId);

    /// Entries up to `index` are readable, and did this.
    fn applied(&self, group: GroupId, index: u64, effects: Vec<Effect>);
}
