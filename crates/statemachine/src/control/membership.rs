//! Commands about the cluster's nodes: the first, what they say of themselves, and the states of their lives.

use bascule_model::fault::{Fault, Kind};
use bascule_model::limits::{CLUSTER_NODES_LIMIT_COUNT, NODE_ADDRESS_LIMIT_CHARS, NODE_NAMES_LIMIT_COUNT};
use bascule_model::name::ZoneName;

use crate::codec::control as wire;
use crate::codec::control::rows::{AssignmentRow, NodeRow};
use crate::codec::control::{NodeFacts, NodeState};
use crate::control::desk::{Desk, Stop, room};
use crate::control::limits::{BUILD_LIMIT_CHARS, SERIAL_LIMIT_BYTES, VOTERS_LEAST_COUNT};
use crate::control::organization::digits;
use crate::control::reply::Done;
use crate::control::state::node_key;
use crate::control::{Error, assignment};
use crate::register::Table;

/// The first node has every group. Whoever comes later comes by a token.
pub(super) fn first(desk: &mut Desk<'_, '_>, first: &wire::AdmitFirst) -> Result<Done, Stop> {
    of_cluster(desk)?;
    if let Some(row) = desk.list::<NodeRow>(Table::Nodes)?.first() {
        return Err(Fault::already_exists(Kind::Node, row.id.to_string()).into());
    }
    if first.node == 0 {
        return Err(Fault::invalid("Node", "it must be 1 or more", "0").into());
    }
    admitted(desk, first.node, &first.zone, first.facts.as_ref(), NodeState::Active)?;
    for group in assignment::groups(desk) {
        let assignment = Some(wire::Assignment { group, voters: vec![first.node], learners: Vec::new() });
        desk.put(AssignmentRow { assignment, changed_at: desk.index.0 });
    }
    Ok(Done::about(first.node))
}

/// A node that never was; gives its id.
///
/// INVARIANT CO-11: an id of a node is never used again, since rows of nodes stay.
pub(super) fn joins(desk: &mut Desk<'_, '_>, zone: &str, facts: Option<&NodeFacts>) -> Result<u64, Stop> {
    let nodes = desk.list::<NodeRow>(Table::Nodes)?;
    let there = nodes.iter().filter(|row| row.state() != NodeState::Gone).count();
    room("nodes of the cluster", u32::try_from(there).unwrap_or(u32::MAX), CLUSTER_NODES_LIMIT_COUNT)?;
    let id = nodes.iter().map(|row| row.id).max().unwrap_or_default().checked_add(1).ok_or(Error::Exhausted)?;
    admitted(desk, id, zone, facts, NodeState::Joining)?;
    Ok(id)
}

fn admitted(
    desk: &mut Desk<'_, '_>,
    id: u64,
    zone: &str,
    facts: Option<&NodeFacts>,
    state: NodeState,
) -> Result<(), Stop> {
    ZoneName::parse(zone)?;
    let facts = checked(facts)?;
    let row = NodeRow { id, zone: zone.to_owned(), facts: Some(facts.clone()), ..NodeRow::default() };
    put(desk, NodeRow { state: state as i32, joined_ms: desk.now_ms, ..row });
    Ok(())
}

/// What a node says of itself moves nothing that a plan is made of.
pub(super) fn announce(desk: &mut Desk<'_, '_>, announce: &wire::AnnounceNode) -> Result<Done, Stop> {
    of_cluster(desk)?;
    let row = need(desk, announce.node)?;
    if row.state() == NodeState::Gone {
        return Err(stands(&row, "is gone.".to_owned()));
    }
    let mut facts = checked(announce.facts.as_ref())?.clone();
    let old = row.facts.clone().unwrap_or_default();
    if facts.serial.is_empty() {
        facts.serial = old.serial.clone();
    }
    if facts != old {
        desk.put(NodeRow { facts: Some(facts), ..row });
    }
    Ok(Done::about(announce.node))
}

/// The state that it has already is as good as reached.
pub(super) fn change(desk: &mut Desk<'_, '_>, change: &wire::ChangeNode) -> Result<Done, Stop> {
    of_cluster(desk)?;
    let to = NodeState::try_from(change.state).map_err(|_| Error::NewerCommand)?;
    let row = need(desk, change.node)?;
    desk.unless_changed(Kind::Node, &row.id.to_string(), row.changed_at)?;
    let from = row.state();
    if from == to {
        return Ok(Done::about(row.id));
    }
    if !follows(from, to) {
        return Err(stands(&row, format!("can't become `{}` since it is `{}`.", word(to), word(from))));
    }
    if from == NodeState::Active {
        another_leads(desk, &row, to)?;
    }
    match to {
        NodeState::Leaving if is_usable(&row) => enough_are_left(desk, &row)?,
        NodeState::Gone => assignment::unless_assigned(desk, &row)?,
        _ => {}
    }
    put(desk, NodeRow { state: to as i32, ..row });
    Ok(Done::about(change.node))
}

/// Which state may come after which. A node that joins and never comes up leaves as well.
const fn follows(from: NodeState, to: NodeState) -> bool {
    use NodeState::{Active, Draining, Gone, Joining, Leaving};
    matches!(
        (from, to),
        (Joining, Active | Leaving) | (Active, Draining | Leaving) | (Draining, Active | Leaving) | (Leaving, Gone)
    )
}

/// INVARIANT CO-12: once a node is active, one always is.
fn another_leads(desk: &Desk<'_, '_>, row: &NodeRow, to: NodeState) -> Result<(), Stop> {
    let nodes = desk.list::<NodeRow>(Table::Nodes)?;
    if nodes.iter().any(|other| other.id != row.id && other.state() == NodeState::Active) {
        return Ok(());
    }
    Err(stands(row, format!("can't become `{}` since no other node is active.", word(to))))
}

/// INVARIANT CO-13: a cluster that once had nodes for three voters keeps as many.
fn enough_are_left(desk: &Desk<'_, '_>, row: &NodeRow) -> Result<(), Stop> {
    let now = usable(desk)?;
    let left = now.saturating_sub(1);
    if left >= VOTERS_LEAST_COUNT || (now < VOTERS_LEAST_COUNT && left > 0) {
        return Ok(());
    }
    let reason = format!(
        "can't leave since `{left}` nodes would be left, and groups have {} voters: admit another first.",
        VOTERS_LEAST_COUNT.min(now)
    );
    Err(stands(row, reason))
}

/// Nodes that replicas may be on.
pub(super) fn usable(desk: &Desk<'_, '_>) -> Result<usize, Stop> {
    Ok(desk.list::<NodeRow>(Table::Nodes)?.iter().filter(|row| is_usable(row)).count())
}

fn is_usable(row: &NodeRow) -> bool {
    matches!(row.state(), NodeState::Active | NodeState::Draining)
}

/// The word of a state in messages.
const fn word(state: NodeState) -> &'static str {
    match state {
        NodeState::Unspecified => "unspecified",
        NodeState::Joining => "joining",
        NodeState::Active => "active",
        NodeState::Draining => "draining",
        NodeState::Leaving => "leaving",
        NodeState::Gone => "gone",
    }
}

/// The node of this id.
pub(super) fn need(desk: &Desk<'_, '_>, id: u64) -> Result<NodeRow, Stop> {
    Ok(desk.get(&node_key(id))?.ok_or_else(|| Fault::not_found(Kind::Node, id.to_string()))?)
}

/// Nodes are the cluster's, and so its first account's.
pub(super) fn of_cluster(desk: &Desk<'_, '_>) -> Result<(), Stop> {
    if desk.account == desk.meta.account {
        return Ok(());
    }
    let reason = format!("the cluster belongs to account `{}`", digits(desk.meta.account));
    Err(Fault::invalid("Account", reason, &digits(desk.account)).into())
}

pub(super) fn stands(row: &NodeRow, reason: String) -> Stop {
    Fault::InvalidState { kind: Kind::Node, name: row.id.to_string(), reason }.into()
}

fn put(desk: &mut Desk<'_, '_>, row: NodeRow) {
    desk.meta.placement_at = desk.index.0;
    desk.put(NodeRow { changed_ms: desk.now_ms, changed_at: desk.index.0, ..row });
}

/// Counts and sizes; whoever proposed it knows that addresses are addresses.
fn checked(facts: Option<&NodeFacts>) -> Result<&NodeFacts, Stop> {
    let facts = facts.ok_or_else(|| Fault::invalid("Address", "it must be there", ""))?;
    for (field, address) in [("Address", &facts.address), ("ApiAddress", &facts.api_address)] {
        Fault::unless_at_most(field, address, NODE_ADDRESS_LIMIT_CHARS)?;
    }
    if facts.address.is_empty() {
        return Err(Fault::invalid("Address", "it must be there", "").into());
    }
    if facts.names.len() > NODE_NAMES_LIMIT_COUNT {
        let count = facts.names.len() as u64;
        return Err(Fault::limit("names of a node", count, NODE_NAMES_LIMIT_COUNT as u64).into());
    }
    facts.names.iter().try_for_each(|name| Fault::unless_at_most("Names", name, NODE_ADDRESS_LIMIT_CHARS))?;
    Fault::unless_at_most("Build", &facts.build, BUILD_LIMIT_CHARS)?;
    if facts.serial.len() > SERIAL_LIMIT_BYTES {
        return Err(
            Fault::limit("bytes of a serial number", facts.serial.len() as u64, SERIAL_LIMIT_BYTES as u64).into()
        );
    }
    Ok(facts)
}
