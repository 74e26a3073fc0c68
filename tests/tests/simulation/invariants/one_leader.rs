//! A term has one leader, and a voter one vote in it.

use super::super::run::Scene;

pub(super) fn check(scene: &Scene) -> Vec<String> {
    let mut wrong = scene.ground.leads.twice();
    wrong.extend(scene.ground.network.voted_twice());
    wrong
}
