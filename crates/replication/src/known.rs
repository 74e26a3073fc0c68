//! What this node has heard of the others: where they are, what their clocks say, what they lead.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use bascule_api::peer::v1::{GreetAnswer, GreetRequest, GroupState};
use bascule_model::time::{BootMillis, Millis};
use bascule_model::uid::NodeId;

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
