//! I5: once everything is applied, all replicas of a group have the same rows.

use std::collections::BTreeMap;

use super::super::nemesis::groups;
use super::super::run::Scene;

pub(super) fn check(scene: &Scene) -> Vec<String> {
    let nodes = scene.client.nodes.lock();
    let mut wrong = Vec::new();
    for group in groups(&scene.ground.shards) {
        let mut hashes: BTreeMap<(Vec<u8>, String), Vec<u64>> = BTreeMap::new();
        let leader = nodes.iter().find_map(|node| {
            let running = node.running.as_ref()?;
            running.groups.states().into_iter().find(|state| state.group == group.0 && state.leads)
        });
        let Some(leader) = leader else {
            wrong.push(format!("nobody leads {group}"));
            continue;
        };
        for replica in &leader.replicas {
            let found = nodes.iter().find(|node| node.id.0 == replica.node);
            if let Some(running) = found.and_then(|node| node.running.as_ref()) {
                let (hash, applied) = running.rows.hash(group);
                hashes.entry((applied.log_id.to_vec(), hash)).or_default().push(replica.node);
            }
        }
        if hashes.len() > 1 {
            let told: Vec<String> = hashes
                .iter()
                .map(|((applied, hash), nodes)| format!("{nodes:?} at {} {}", hex::encode(applied), &hash[..8]))
                .collect();
            wrong.push(format!("replicas of {group} differ: {}", told.join(", ")));
        }
    }
    wrong
}
