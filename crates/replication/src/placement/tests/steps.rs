//! One group's next step, from where it stands.

use bascule_statemachine::ports::cluster::Action;

use super::*;

fn set(nodes: &[u64]) -> BTreeSet<NodeId> {
    nodes.iter().copied().map(NodeId).collect()
}

fn wanted(voters: &[u64], learners: &[u64]) -> Assignment {
    let voters = voters.iter().copied().map(NodeId).collect();
    Assignment { group: GroupId(1), voters, learners: set(learners) }
}

#[test]
fn the_next_step_follows_from_where_a_group_stands() {
    let add = |node| Some(Action::AddLearner(NodeId(node)));
    let remove = |node| Some(Action::RemoveLearner(NodeId(node)));
    let lead = |node| Some(Action::TransferLeader(NodeId(node)));
    let vote = |nodes: &[u64]| Some(Action::ChangeVoters(set(nodes)));
    // Voters, learners, leader; voters and learners wanted; who is caught up; the step.
    for (voters, learners, leader, to, follow, caught_up, step) in [
        (&[1, 2, 3][..], &[][..], 1, &[1, 2, 3][..], &[][..], &[1, 2, 3][..], None),
        // The preferred leader leads, as soon as it can.
        (&[1, 2, 3], &[], 1, &[2, 1, 3], &[], &[1, 2, 3], lead(2)),
        (&[1, 2, 3], &[], 1, &[2, 1, 3], &[], &[1, 3], None),
        // One to three: both are added, both catch up, both vote at once.
        (&[1], &[], 1, &[1, 2, 3], &[], &[1], add(2)),
        (&[1], &[2], 1, &[1, 2, 3], &[], &[1], add(3)),
        (&[1], &[2, 3], 1, &[1, 2, 3], &[], &[1, 2], None),
        (&[1], &[2, 3], 1, &[1, 2, 3], &[], &[1, 2, 3], vote(&[1, 2, 3])),
        // One is replaced: added, then voting in its place, then removed.
        (&[1, 2, 3], &[], 1, &[1, 2, 4], &[], &[1, 2, 3], add(4)),
        (&[1, 2, 3], &[4], 1, &[1, 2, 4], &[], &[1, 2, 3], None),
        (&[1, 2, 3], &[4], 1, &[1, 2, 4], &[], &[1, 2, 4], vote(&[1, 2, 4])),
        (&[1, 2, 4], &[3], 1, &[1, 2, 4], &[], &[1, 2, 4], remove(3)),
        // A leader that goes hands over before, whoever has not caught up yet.
        (&[1, 2, 3], &[4], 3, &[1, 2, 4], &[], &[2, 3], lead(2)),
        (&[1, 2, 3], &[4], 3, &[1, 2, 4], &[], &[1, 2, 3, 4], lead(1)),
        // While it waits for a replica, the right one leads.
        (&[1, 2, 3], &[4], 1, &[2, 1, 4], &[], &[1, 2, 3], lead(2)),
        // Nobody stays: the old leader votes beside the new ones until one of them leads.
        (&[1], &[2], 1, &[2], &[], &[1], None),
        (&[1], &[2], 1, &[2], &[], &[1, 2], vote(&[1, 2])),
        (&[1, 2], &[], 1, &[2], &[], &[1], None),
        (&[1, 2], &[], 1, &[2], &[], &[1, 2], lead(2)),
        (&[1, 2], &[], 2, &[2], &[1], &[1, 2], vote(&[2])),
        (&[2], &[1], 2, &[2], &[1], &[1, 2], None),
        (&[1, 2, 3], &[4, 5, 6], 1, &[4, 5, 6], &[], &[4, 5, 6], vote(&[1, 4, 5, 6])),
        // Who only follows is added and removed without a vote.
        (&[1, 2, 3], &[5], 1, &[1, 2, 3], &[4, 5], &[1, 2, 3], add(4)),
        (&[1, 2, 3], &[4, 5], 1, &[1, 2, 3], &[4], &[1, 2, 3], remove(5)),
        // Without a leader nobody takes a step.
        (&[1, 2, 3], &[], 0, &[1, 2, 4], &[], &[1, 2, 3], None),
    ] {
        let leader = Some(NodeId(leader)).filter(|leader| leader.0 != 0);
        let now = Membership { configs: vec![set(voters)], learners: set(learners), leader };
        assert_eq!(next_step(&now, &wanted(to, follow), &set(caught_up)), step, "{now:?} to {to:?} {follow:?}");
    }
}

#[test]
fn a_change_in_the_middle_goes_on() {
    let configs = vec![set(&[1, 2, 3]), set(&[1, 2, 4])];
    let now = Membership { configs, learners: BTreeSet::new(), leader: Some(NodeId(1)) };
    for to in [wanted(&[1, 2, 4], &[]), wanted(&[5, 6, 7], &[])] {
        let step = next_step(&now, &to, &set(&[]));
        assert_eq!(step, Some(Action::ChangeVoters(set(&[1, 2, 4]))));
        let after = now.clone().after(&step.unwrap());
        assert_eq!((after.configs, after.learners), (vec![set(&[1, 2, 4])], set(&[3])));
    }
}

#[test]
fn a_plan_spells_its_steps_out() {
    let mut three = nodes("abc");
    let all = carried_out(&founded(1), &plan(&three, &shards(1), &founded(1), 3));
    three.push(node(4, "c", NodeState::Active));
    three[2].state = NodeState::Leaving;
    let plan = plan(&three, &shards(1), &all, 3);
    for group in [0, 1] {
        let steps: Vec<&Action> =
            plan.steps.iter().filter(|step| step.group == GroupId(group)).map(|step| &step.action).collect();
        let expected =
            [Action::AddLearner(NodeId(4)), Action::ChangeVoters(set(&[1, 2, 4])), Action::RemoveLearner(NodeId(3))];
        assert_eq!(steps, expected.iter().collect::<Vec<_>>(), "{group}");
    }
}
