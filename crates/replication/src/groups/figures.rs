//! Every group as its figures show it: where it stands at this node, and what it did here since the start.

use bascule_model::uid::{GroupId, NodeId};

use crate::group::{Group, Replica, Role, Standing};
use crate::groups::Groups;
use crate::machine::Machine;
use crate::tally::Counts;

/// One group at this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// The group.
    pub group: GroupId,
    /// What this node is in it.
    pub role: Role,
    /// Who leads it, as far as is known here.
    pub leader: Option<NodeId>,
    /// Where it stands here.
    pub standing: Standing,
    /// How far the others are; empty unless this node leads it.
    pub followers: Vec<Replica>,
    /// What it did here.
    pub counts: Counts,
}

fn figures<M: Machine>(id: GroupId, group: &Group<M>, node: NodeId) -> Figures {
    let mut followers = group.replicas();
    followers.retain(|replica| replica.node != node);
    Figures {
        group: id,
        role: group.role(),
        leader: group.leader(),
        standing: group.standing(),
        followers,
        counts: group.counts(),
    }
}

impl Groups {
    /// Every group, the control group first.
    #[must_use]
    pub fn figures(&self) -> Vec<Figures> {
        let control = figures(GroupId::CONTROL, &self.control.group, self.node);
        let shards = self.shards.iter().map(|(id, shard)| figures(*id, &shard.group, self.node));
        [control].into_iter().chain(shards).collect()
    }
}
