//! The port through which the control group keeps a node's view: effects as they are applied, or everything anew.

use bascule_model::uid::ControlIndex;

use crate::control::state::{Effect, State};

/// Holds the view. Calls come from the group's apply in order of index, so they must return at once.
pub trait Views: Send + Sync {
    /// Everything as of `index`: after a start or an installed snapshot.
    fn rebuild(&self, index: ControlIndex, state: State);

    /// What the entries up to `index` changed.
    fn applied(&self, index: ControlIndex, effects: Vec<Effect>);
}
