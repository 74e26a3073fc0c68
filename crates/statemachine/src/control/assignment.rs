//! Assignments: which nodes are to have which group. The groups themselves follow, step by step.

use std::collections::{BTreeMap, BTreeSet};

use bascule_model::fault::{Fault, Kind};
use bascule_model::uid::GroupId;

use crate::codec::control as wire;
use crate::codec::control::NodeState;
use crate::codec::control::rows::{AssignmentRow, NodeRow};
use crate::control::desk::{Desk, Stop};
use crate::control::limits::VOTERS_LEAST_COUNT;
use crate::control::reply::Done;
use crate::control::state::assignment_key;
use crate::control::{cluster, membership};
use crate::register::Table;

/// All of them or none. A plan that was made of other nodes or other assignments is refused.
pub(super) fn assign(desk: &mut Desk<'_, '_>, assign: &wire::Assign) -> Result<Done, Stop> {
    membership::of_cluster(desk)?;
    if desk.if_changed_at != desk.meta.placement_at {
        return Err(Fault::ConcurrentModification { kind: Kind::Cluster, name: cluster::id(desk) }.into());
    }
    if !assign.assignments.is_sorted_by(|a, b| a.group < b.group) {
        let count = assign.assignments.len().to_string();
        return Err(Fault::invalid("Assignments", "they must ascend by group", &count).into());
    }
    let nodes = desk.list::<NodeRow>(Table::Nodes)?.into_iter().map(|row| (row.id, row.state())).collect();
    let least = if membership::usable(desk)? >= VOTERS_LEAST_COUNT { VOTERS_LEAST_COUNT } else { 1 };
    for assignment in &assign.assignments {
        let old = old(desk, assignment.group)?;
        check(assignment, &old, &nodes, least)?;
        if *assignment != old {
            desk.meta.placement_at = desk.index.0;
            desk.put(AssignmentRow { assignment: Some(assignment.clone()), changed_at: desk.index.0 });
        }
    }
    Ok(Done::default())
}

/// Every group, ascending; the control group first.
pub(super) fn groups(desk: &Desk<'_, '_>) -> Vec<u32> {
    [GroupId::CONTROL.0].into_iter().chain(desk.meta.groups.iter().copied()).collect()
}

/// Refuses to let a node go that is to have a group.
pub(super) fn unless_assigned(desk: &Desk<'_, '_>, row: &NodeRow) -> Result<(), Stop> {
    let rows = desk.list::<AssignmentRow>(Table::Assignments)?;
    let has =
        |assignment: &&wire::Assignment| assignment.voters.contains(&row.id) || assignment.learners.contains(&row.id);
    match rows.iter().filter_map(|row| row.assignment.as_ref()).find(has) {
        None => Ok(()),
        Some(assignment) => {
            let reason = format!("can't go since it is to have {}.", GroupId(assignment.group));
            Err(membership::stands(row, reason))
        }
    }
}

fn old(desk: &Desk<'_, '_>, group: u32) -> Result<wire::Assignment, Stop> {
    let row = desk.get::<AssignmentRow>(&assignment_key(group))?;
    let missing = || Fault::invalid("Assignments", "the cluster has no such group", &group.to_string());
    Ok(row.and_then(|row| row.assignment).ok_or_else(missing)?)
}

fn check(
    assignment: &wire::Assignment,
    old: &wire::Assignment,
    nodes: &BTreeMap<u64, NodeState>,
    least: usize,
) -> Result<(), Stop> {
    let group = GroupId(assignment.group);
    let refused =
        |field: &str, reason: String, value: u64| Err(Fault::invalid(field, reason, &value.to_string()).into());
    let count = assignment.voters.len();
    if !matches!(count, 1 | 3 | 5) || count < least {
        let reason = format!("{group} must have 1, 3 or 5, and at least {least}");
        return refused("Voters", reason, count as u64);
    }
    if !assignment.learners.is_sorted() {
        return refused("Learners", format!("those of {group} must ascend"), assignment.learners.len() as u64);
    }
    let mut named = BTreeSet::new();
    if let Some(twice) = assignment.voters.iter().chain(&assignment.learners).find(|node| !named.insert(**node)) {
        return refused("Voters", format!("{group} names it twice"), *twice);
    }
    for node in &assignment.voters {
        let state = nodes.get(node).copied();
        // Who is to leave votes until somebody else does.
        let stays = state == Some(NodeState::Leaving) && old.voters.contains(node);
        if !stays && !matches!(state, Some(NodeState::Active | NodeState::Draining)) {
            return refused("Voters", format!("{group} can't have this node vote"), *node);
        }
    }
    for node in &assignment.learners {
        let state = nodes.get(node).copied();
        let stays = state == Some(NodeState::Leaving) && (old.voters.contains(node) || old.learners.contains(node));
        if !stays && !matches!(state, Some(NodeState::Joining | NodeState::Active | NodeState::Draining)) {
            return refused("Learners", format!("{group} can't have this node follow"), *node);
        }
    }
    Ok(())
}
