//! What must hold of every history, whatever happened in it: one file for each.
//!
//! In: the history, what arrived, and the rows of all nodes after everything was healed.
//! Out: what is wrong, in words.
//! Never: a look at how it came to that.

mod delivered;
mod fenced;
mod linearizable;
mod nothing_else;
mod one_leader;
mod order;
mod queue;
mod repeats;
mod replicas;

use std::sync::Arc;

use bascule_model::uid::GroupId;
use bascule_statemachine::overlay::InMemory;

use super::run::Scene;

/// Looks at a scene, and says what is wrong.
type Check = fn(&Scene) -> Vec<String>;

/// Everything that is wrong.
pub(crate) fn all(scene: &Scene) -> Vec<String> {
    let checks: [(&str, Check); 9] = [
        ("I1", delivered::check),
        ("I2", nothing_else::check),
        ("I3", order::check),
        ("I4", repeats::check),
        ("fencing", fenced::check),
        ("I5", replicas::check),
        ("I6", linearizable::check),
        ("one leader", one_leader::check),
        ("queue", queue::check),
    ];
    let named = |(name, check): &(&str, Check)| {
        check(scene).into_iter().map(|wrong| format!("{name}: {wrong}")).collect::<Vec<_>>()
    };
    checks.iter().flat_map(named).collect()
}

/// The rows of a group as its leader has them; of the node that has applied most, if nobody leads.
pub(crate) fn leaders_rows(scene: &Scene, group: GroupId) -> Option<Arc<InMemory>> {
    let nodes = scene.client.nodes.lock();
    let running = nodes.iter().filter_map(|node| node.running.as_ref());
    let of = running.filter_map(|running| {
        let states = running.groups.states();
        let state = states.into_iter().find(|state| state.group == group.0)?;
        Some((state.leads, state.applied, running.rows.rows(group)))
    });
    of.max_by_key(|(leads, applied, _)| (*leads, *applied)).map(|(_, _, rows)| rows)
}
