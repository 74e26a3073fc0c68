//! Nodes of the cluster, the tokens by which others join, and which groups each is to have, as a view has them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use bascule_model::uid::{GroupId, NodeId, Uid};
use bascule_statemachine::codec::control::NodeState;
use bascule_statemachine::codec::control::rows::{AssignmentRow, JoinTokenRow, NodeRow};
use bascule_statemachine::ports::cluster::Assignment;

/// Everything about nodes as of one control index.
#[derive(Debug, Clone, Default)]
pub struct Members {
    nodes: BTreeMap<NodeId, Arc<NodeRow>>,
    tokens: BTreeMap<Uid, Arc<JoinTokenRow>>,
    assignments: BTreeMap<GroupId, Arc<Assignment>>,
}

impl Members {
    pub(crate) fn put_node(&mut self, row: NodeRow) {
        self.nodes.insert(NodeId(row.id), Arc::new(row));
    }

    /// What tells a good secret from a bad one is apply's alone.
    pub(crate) fn put_token(&mut self, row: JoinTokenRow) {
        self.tokens.insert(Uid(row.uid), Arc::new(JoinTokenRow { secret_hash: Bytes::new(), ..row }));
    }

    pub(crate) fn put_assignment(&mut self, row: &AssignmentRow) {
        if let Some(assignment) = &row.assignment {
            self.assignments.insert(GroupId(assignment.group), Arc::new(Assignment::of(assignment)));
        }
    }

    pub(crate) fn delete_token(&mut self, uid: Uid) {
        self.tokens.remove(&uid);
    }

    /// A node, also one that is gone.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Arc<NodeRow>> {
        self.nodes.get(&id)
    }

    /// Every node that ever was, ascending.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<NodeRow>> {
        self.nodes.values()
    }

    /// Whether the node is one of the cluster: known, and not gone.
    #[must_use]
    pub fn is_member(&self, id: NodeId) -> bool {
        self.node(id).is_some_and(|row| row.state() != NodeState::Gone)
    }

    /// Whether the node may be one of the cluster: it is known and not gone, or it came after everybody whom this view knows. A view
    /// that is behind must let in whoever brings what it lacks, and no id of a node is ever used again.
    #[must_use]
    pub fn may_be_member(&self, id: NodeId) -> bool {
        let newest = self.nodes.last_key_value().map(|(newest, _)| *newest);
        self.is_member(id) || newest.is_none_or(|newest| id > newest)
    }

    /// Where the node's peers find it, `host:port`.
    #[must_use]
    pub fn address(&self, id: NodeId) -> Option<&str> {
        self.node(id)?.facts.as_ref().map(|facts| facts.address.as_str())
    }

    /// Join tokens in order of creation, without what tells a good secret.
    pub fn tokens(&self) -> impl Iterator<Item = &Arc<JoinTokenRow>> {
        self.tokens.values()
    }

    /// The join token of this uid, the same way.
    #[must_use]
    pub fn token(&self, uid: Uid) -> Option<&Arc<JoinTokenRow>> {
        self.tokens.get(&uid)
    }

    /// Which nodes the group is to have.
    #[must_use]
    pub fn assignment(&self, group: GroupId) -> Option<&Arc<Assignment>> {
        self.assignments.get(&group)
    }

    /// Which nodes each group is to have, ascending by group.
    pub fn assignments(&self) -> impl Iterator<Item = &Arc<Assignment>> {
        self.assignments.values()
    }
}

#[cfg(test)]
mod tests {
    use bascule_model::fault::Kind;
    use bascule_model::uid::ControlIndex;
    use bascule_statemachine::codec::control as wire;
    use bascule_statemachine::control::state::{Effect, Row, State};

    use super::*;
    use crate::view::View;

    fn node(id: u64, state: NodeState) -> NodeRow {
        let facts = wire::NodeFacts { address: format!("n{id}:6473"), ..wire::NodeFacts::default() };
        NodeRow { id, zone: "a".to_owned(), state: state as i32, facts: Some(facts), ..NodeRow::default() }
    }

    fn rows() -> Vec<Row> {
        let assignment = wire::Assignment { group: 1, voters: vec![2, 1, 3], learners: vec![4] };
        let secret_hash = Bytes::from_static(&[7; 32]);
        vec![
            Row::Node(node(1, NodeState::Active)),
            Row::Node(node(2, NodeState::Gone)),
            Row::JoinToken(JoinTokenRow { uid: 9, id: "t".to_owned(), secret_hash, ..JoinTokenRow::default() }),
            Row::Assignment(AssignmentRow { assignment: Some(assignment), changed_at: 5 }),
        ]
    }

    #[test]
    fn a_view_has_nodes_by_effects_and_as_a_whole() {
        let (mut kept, mut state) = (View::default(), State::default());
        for row in rows() {
            let effect = Effect::Upsert(Box::new(row));
            kept.absorb(effect.clone());
            state.absorb(effect);
        }
        for view in [&kept, &View::of(ControlIndex(5), state)] {
            let members = &view.members;
            assert_eq!([1, 2, 3].map(|id| members.is_member(NodeId(id))), [true, false, false]);
            assert_eq!([1, 2, 3].map(|id| members.may_be_member(NodeId(id))), [true, false, true]);
            assert_eq!((members.nodes().count(), members.address(NodeId(2))), (2, Some("n2:6473")));
            let token = members.token(Uid(9)).unwrap();
            assert_eq!((token.id.as_str(), token.secret_hash.len(), members.tokens().count()), ("t", 0, 1));
            let assignment = members.assignment(GroupId(1)).unwrap();
            assert_eq!(assignment.voters, [2, 1, 3].map(NodeId));
            assert_eq!((members.assignments().count(), members.assignment(GroupId(0))), (1, None));
        }
        kept.absorb(Effect::Delete { kind: Kind::JoinToken, uid: Uid(9) });
        assert!(kept.members.token(Uid(9)).is_none());
    }
}
