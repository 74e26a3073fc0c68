//! What this node has heard of the others: where they are, what their clocks say, what they lead.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use bascule_api::peer::v1::{GreetAnswer, GreetRequest, GroupState};
use bascule_model::time::{BootMillis, Millis};
use bascule_model::uid::{GroupId, NodeId};

use crate::clocks::Reading;

/// What was heard last of one node.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// Where its peers find it, by its own word.
    pub address: String,
    /// Its build.
    pub build: String,
    /// Its clock.
    pub clock: Reading,
    /// When its process began, by its own clock; the epoch for one that does not say.
    pub began: Millis,
    /// Its groups.
    pub groups: Vec<GroupState>,
}

/// Everything that was heard. Bounded by the number of members.
#[derive(Default)]
pub(crate) struct Known(Mutex<BTreeMap<NodeId, Heard>>);

impl Known {
    /// Keeps what a node said when it greeted, or was greeted.
    pub(crate) fn heard(&self, node: NodeId, heard: Heard) {
        self.0.lock().insert(node, heard);
    }

    /// Forgets whoever is no member.
    pub(crate) fn keep(&self, is_member: impl Fn(NodeId) -> bool) {
        self.0.lock().retain(|node, _| is_member(*node));
    }

    /// Where a node said that it is.
    pub(crate) fn address(&self, node: NodeId) -> Option<String> {
        self.0.lock().get(&node).map(|heard| heard.address.clone())
    }

    /// Who said within `limit_ms` that it leads the group; of two, the one with the later term.
    pub(crate) fn leader(&self, group: GroupId, now: BootMillis, limit_ms: u64) -> Option<NodeId> {
        let known = self.0.lock();
        let of_late = known.iter().filter(|(_, heard)| now.since(heard.clock.boot) <= limit_ms);
        let claims = of_late.filter_map(|(node, heard)| {
            let leads = heard.groups.iter().find(|state| state.group == group.0 && state.leads)?;
            Some((leads.term, *node))
        });
        claims.max().map(|(_, node)| node)
    }

    /// Everybody, ascending.
    pub(crate) fn all(&self) -> BTreeMap<NodeId, Heard> {
        self.0.lock().clone()
    }
}

impl Heard {
    /// Of a caller, whose clock was read a little before `now`.
    pub(crate) fn of_request(request: &GreetRequest, now: BootMillis) -> Self {
        Self {
            address: request.address.clone(),
            build: request.build.clone(),
            clock: Reading { wall: Millis(request.clock_ms), boot: now },
            began: Millis(request.began_ms),
            groups: request.groups.clone(),
        }
    }

    /// Of whoever was called between two moments; its clock was read in the middle, as far as one can tell.
    pub(crate) fn of_answer(answer: GreetAnswer, began: BootMillis, ended: BootMillis) -> Self {
        let boot = BootMillis(began.0 + ended.since(began) / 2);
        let clock = Reading { wall: Millis(answer.clock_ms), boot };
        let began = Millis(answer.began_ms);
        Self { address: answer.address, build: answer.build, clock, began, groups: answer.groups }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_lead_that_was_heard_of_late_counts() {
        let known = Known::default();
        let heard = |at, group, term, leads| Heard {
            address: String::new(),
            build: String::new(),
            clock: Reading { wall: Millis(0), boot: BootMillis(at) },
            began: Millis(0),
            groups: vec![GroupState { group, term, leads, ..GroupState::default() }],
        };
        let check = |now, expected: Option<u64>| {
            assert_eq!(known.leader(GroupId(7), BootMillis(now), 1_000), expected.map(NodeId), "at {now}");
        };
        check(0, None);
        known.heard(NodeId(1), heard(0, 7, 3, true));
        known.heard(NodeId(2), heard(500, 7, 2, true));
        known.heard(NodeId(3), heard(500, 7, 9, false));
        known.heard(NodeId(4), heard(500, 8, 9, true));
        check(900, Some(1));
        check(1_200, Some(2));
        check(1_600, None);
    }
}
