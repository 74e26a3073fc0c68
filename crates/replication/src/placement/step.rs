//! How one group comes from where it stands to where it is to be: replace first, remove last, one step at a time.

use std::collections::BTreeSet;

use bascule_model::uid::NodeId;
use bascule_statemachine::ports::cluster::{Action, Assignment, Step};

/// Steps of one group beyond which a plan is not spelled out: each node is added, or removed, or led by, once.
const STEPS_LIMIT_COUNT: usize = 256;

/// Where a group really stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Sets of voters of which each must agree: one, or two in the middle of a change.
    pub configs: Vec<BTreeSet<NodeId>>,
    /// Who follows without a vote.
    pub learners: BTreeSet<NodeId>,
    /// Who leads; steps are its to take.
    pub leader: Option<NodeId>,
}

impl Membership {
    /// How a group stands that has come to its assignment.
    #[must_use]
    pub fn at(assignment: &Assignment) -> Self {
        Self {
            configs: vec![assignment.voters.iter().copied().collect()],
            learners: assignment.learners.clone(),
            leader: assignment.voters.first().copied(),
        }
    }

    /// How it stands when an action is done.
    #[must_use]
    pub fn after(mut self, action: &Action) -> Self {
        match action {
            Action::AddLearner(node) => drop(self.learners.insert(*node)),
            Action::RemoveLearner(node) => drop(self.learners.remove(node)),
            Action::TransferLeader(node) => self.leader = Some(*node),
            Action::ChangeVoters(voters) => {
                let before: BTreeSet<NodeId> = self.configs.drain(..).flatten().collect();
                self.learners = self.learners.union(&before).copied().filter(|node| !voters.contains(node)).collect();
                self.configs.push(voters.clone());
                self.leader = self.leader.filter(|leader| voters.contains(leader));
            }
        }
        self
    }
}

/// What the group's leader is to do next; `None` if there is nothing, or nothing before others have caught up.
///
/// Whoever is to come is added first, then votes all at once by joint consensus, and only then somebody goes: there are never
/// fewer voters than the lesser of before and after. A leader that is to go hands over first.
#[must_use]
pub fn next_step(now: &Membership, wanted: &Assignment, caught_up: &BTreeSet<NodeId>) -> Option<Action> {
    let leader = now.leader?;
    let voters = now.configs.last()?;
    if now.configs.len() > 1 {
        // The leader before died in the middle: its change goes on.
        return Some(Action::ChangeVoters(voters.clone()));
    }
    let target: BTreeSet<NodeId> = wanted.voters.iter().copied().collect();
    let all = target.union(&wanted.learners);
    if let Some(missing) = all.copied().find(|node| !voters.contains(node) && !now.learners.contains(node)) {
        return Some(Action::AddLearner(missing));
    }
    let is_ready = |node: &NodeId| voters.contains(node) && caught_up.contains(node);
    if target != *voters {
        let ready = target.iter().all(|node| voters.contains(node) || caught_up.contains(node));
        if target.contains(&leader) {
            if ready {
                return Some(Action::ChangeVoters(target));
            }
        } else if let Some(heir) = wanted.voters.iter().copied().find(is_ready) {
            return Some(Action::TransferLeader(heir));
        } else {
            // Nobody who stays votes yet: the leader votes on beside those who come, until one of them leads.
            let both = target.iter().copied().chain([leader]).collect();
            return (ready && both != *voters).then_some(Action::ChangeVoters(both));
        }
    }
    let first = wanted.voters.first().copied().filter(|first| *first != leader && is_ready(first));
    if let Some(first) = first {
        return Some(Action::TransferLeader(first));
    }
    let over = now.learners.iter().copied().find(|node| !wanted.learners.contains(node));
    over.filter(|_| target == *voters).map(Action::RemoveLearner)
}

/// All steps from one assignment to another, if everybody catches up.
pub(super) fn all(before: Option<&Assignment>, after: &Assignment) -> Vec<Step> {
    let mut steps = Vec::new();
    let Some(mut now) = before.map(Membership::at) else {
        return steps;
    };
    let everybody = after.voters.iter().copied().collect();
    while steps.len() < STEPS_LIMIT_COUNT {
        let Some(action) = next_step(&now, after, &everybody) else {
            break;
        };
        now = now.after(&action);
        steps.push(Step { group: after.group, action });
    }
    steps
}
