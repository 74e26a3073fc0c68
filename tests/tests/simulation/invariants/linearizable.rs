//! I6: changes and reads of the control group are linearizable, name by name.

use std::collections::BTreeSet;

use super::super::linear;
use super::super::run::Scene;

pub(super) fn check(scene: &Scene) -> Vec<String> {
    let calls = scene.history.calls();
    let names: BTreeSet<u64> = calls.iter().map(|call| call.name).collect();
    let of = |name: u64| calls.iter().copied().filter(|call| call.name == name).collect::<Vec<_>>();
    names.into_iter().filter_map(|name| linear::check(&of(name)).err()).collect()
}
