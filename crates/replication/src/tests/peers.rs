//! A group of three over a wire in memory: it forms, goes on without its leader, and takes in whoever lost everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bascule_api::peer::v1::{
    AppendAnswer, AppendRequest, AskAnswer, AskRequest, GreetAnswer, GreetRequest, HandOverAnswer, HandOverRequest,
    ProposeAnswer, ProposeRequest, ReadIndexAnswer, ReadIndexRequest, SnapshotAnswer, SnapshotPart, TransferAnswer,
    TransferRequest, VoteAnswer, VoteRequest,
};
use bascule_model::ambient::Pending;
use bascule_model::uid::NodeId;
use bascule_statemachine::ports::log::Log;
use bascule_statemachine::ports::tables::Tables;
use futures_util::StreamExt;

use super::{GROUP, LIMIT, MemoryLog, MemoryTables, Recorder, echo, machine, proposal, row};
use crate::group::{Group, Inbound, Timing};
use crate::logstore::LogStore;
use crate::peers::{Flow, PeerError, Peers};
use crate::raft::Peer;

const TIMING: Timing = Timing { heartbeat_ms: 50, election_min_ms: 200, election_max_ms: 400 };

/// Joins nodes; whoever is not in it cannot be reached.
#[derive(Default)]
struct Wire(Mutex<BTreeMap<NodeId, Group<Recorder>>>);

/// One node's end of it.
struct End {
    node: NodeId,
    wire: Arc<Wire>,
}

impl End {
    fn to(&self, peer: NodeId) -> Result<Group<Recorder>, PeerError> {
        let nodes = self.wire.0.lock().unwrap();
        let cut = || PeerError::Unreachable { peer, why: "it is not on the wire".to_owned() };
        if !nodes.contains_key(&self.node) {
            return Err(cut());
        }
        nodes.get(&peer).cloned().ok_or_else(cut)
    }
}

fn none<T: Send + 'static>(peer: NodeId) -> Pending<'static, Result<T, PeerError>> {
    Box::pin(async move { Err(PeerError::Refused { peer, why: "this wire carries Raft alone".to_owned() }) })
}

impl Peers for End {
    fn append(
        &self,
        peer: NodeId,
        requests: Flow<AppendRequest>,
    ) -> Pending<'_, Result<Flow<Result<AppendAnswer, PeerError>>, PeerError>> {
        Box::pin(async move {
            let (node, wire) = (self.node, Arc::clone(&self.wire));
            let group = self.to(peer)?;
            // A node that is cut off in the middle hears nothing more.
            let answers = group.append(self.node, requests).map(move |answer| {
                let nodes = wire.0.lock().unwrap();
                let joined = nodes.contains_key(&node) && nodes.contains_key(&peer);
                if joined { answer } else { Err(PeerError::Broken { peer, why: "the wire was cut".to_owned() }) }
            });
            let answers: Flow<Result<AppendAnswer, PeerError>> = Box::pin(answers);
            Ok(answers)
        })
    }

    fn vote(&self, peer: NodeId, request: VoteRequest) -> Pending<'_, Result<VoteAnswer, PeerError>> {
        Box::pin(async move { self.to(peer)?.vote(self.node, request).await })
    }

    fn snapshot(
        &self,
        peer: NodeId,
        mut parts: Flow<Result<SnapshotPart, PeerError>>,
    ) -> Pending<'_, Result<SnapshotAnswer, PeerError>> {
        Box::pin(async move {
            let head = parts.next().await.unwrap()?.head.unwrap();
            self.to(peer)?.install(self.node, head, parts).await
        })
    }

    fn transfer(&self, peer: NodeId, request: TransferRequest) -> Pending<'_, Result<TransferAnswer, PeerError>> {
        Box::pin(async move { self.to(peer)?.transfer(self.node, request).await })
    }

    fn greet(&self, peer: NodeId, _: GreetRequest) -> Pending<'_, Result<GreetAnswer, PeerError>> {
        none(peer)
    }

    fn propose(&self, peer: NodeId, _: ProposeRequest) -> Pending<'_, Result<ProposeAnswer, PeerError>> {
        none(peer)
    }

    fn read_index(&self, peer: NodeId, _: ReadIndexRequest) -> Pending<'_, Result<ReadIndexAnswer, PeerError>> {
        none(peer)
    }

    fn ask(&self, peer: NodeId, _: AskRequest) -> Pending<'_, Result<AskAnswer, PeerError>> {
        none(peer)
    }

    fn hand_over(&self, peer: NodeId, _: HandOverRequest) -> Pending<'_, Result<HandOverAnswer, PeerError>> {
        none(peer)
    }
}

struct Node {
    id: NodeId,
    group: Group<Recorder>,
    tables: MemoryTables,
}

async fn start(wire: &Arc<Wire>, id: NodeId, copies: &MemoryTables) -> Node {
    let tables = copies.beside();
    let peers = Arc::new(End { node: id, wire: Arc::clone(wire) });
    let store = LogStore::new(Arc::new(MemoryLog::default()) as Arc<dyn Log>, GROUP);
    let machine = machine(&tables, Recorder::default());
    let group = Group::start(GROUP, id, TIMING, store, machine, peers).await.unwrap();
    wire.0.lock().unwrap().insert(id, group.clone());
    Node { id, group, tables }
}

/// A group of three with node 1 in the lead.
async fn three(wire: &Arc<Wire>) -> Vec<Node> {
    let copies = MemoryTables::default();
    let mut nodes = Vec::new();
    for id in 1..=3 {
        nodes.push(start(wire, NodeId(id), &copies).await);
    }
    let first = &nodes[0].group;
    first.form(NodeId(1), Peer::default()).await.unwrap();
    first.led(NodeId(1), LIMIT).await.unwrap();
    for id in [2, 3] {
        first.add_learner(NodeId(id), Peer::default()).await.unwrap();
    }
    until(|| first.replicas().iter().filter(|replica| replica.caught_up).count() == 3).await;
    first.set_voters(&BTreeSet::from([1, 2, 3].map(NodeId))).await.unwrap();
    nodes
}

async fn until(mut holds: impl FnMut() -> bool) {
    let looking = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, looking).await.expect("it never came to that");
}

fn cut(wire: &Wire, node: NodeId) {
    wire.0.lock().unwrap().remove(&node);
}

#[tokio::test]
async fn a_group_of_three_goes_on_without_its_leader() {
    let wire = Arc::new(Wire::default());
    let nodes = three(&wire).await;
    let old = nodes[0].group.holds().expect("a leader that a quorum confirms");
    let (place, answer) = nodes[0].group.propose(proposal(1), None).await.unwrap();
    assert_eq!(answer, echo(&proposal(1).bytes));
    for node in &nodes[1..] {
        node.group.applied(place.index, LIMIT).await.unwrap();
        assert_eq!(node.tables.view(GROUP).unwrap().get(&row(place.index)).unwrap(), Some(proposal(1).bytes));
        let told = node.group.propose(proposal(9), None).await;
        let led = |leader| leader == Some(NodeId(1));
        assert!(
            matches!(told, Err(bascule_statemachine::ports::propose::ProposeError::NotLeading { leader, .. }) if led(leader)),
            "{told:?}"
        );
    }
    cut(&wire, NodeId(1));
    until(|| nodes[1..].iter().any(|node| node.group.holds().is_some())).await;
    let next = nodes[1..].iter().find(|node| node.group.holds().is_some()).unwrap();
    assert!(next.group.holds().unwrap() > old);
    // Before the next one led, the old one's lease had ended.
    assert_eq!(nodes[0].group.holds(), None);
    assert!(nodes[0].group.read_index().await.is_err(), "a read of the cut off leader");
    let (place, _) = next.group.propose(proposal(2), None).await.unwrap();
    assert!(next.group.read_index().await.unwrap() >= place.index);
    // The old leader comes back, follows, and has what it missed.
    wire.0.lock().unwrap().insert(NodeId(1), nodes[0].group.clone());
    nodes[0].group.applied(place.index, LIMIT).await.unwrap();
    assert_eq!(nodes[0].tables.view(GROUP).unwrap().get(&row(place.index)).unwrap(), Some(proposal(2).bytes));
    // Handed over, it leads again.
    until(|| next.group.replicas().iter().all(|replica| replica.caught_up)).await;
    next.group.hand_over(NodeId(1)).await.unwrap();
    until(|| nodes[0].group.holds().is_some()).await;
    for node in nodes {
        node.group.stop().await;
    }
}

#[tokio::test]
async fn whoever_lost_everything_is_sent_the_rows() {
    let wire = Arc::new(Wire::default());
    let nodes = three(&wire).await;
    let first = &nodes[0].group;
    let mut last = 0;
    for number in 0..100 {
        let (place, _) = first.propose(proposal(number), None).await.unwrap();
        last = place.index;
    }
    // Flushed and purged: the log alone brings nobody up to date any more.
    first.snapshot().await.unwrap();
    let whole: BTreeSet<NodeId> = BTreeSet::from([1, 2].map(NodeId));
    first.set_voters(&whole).await.unwrap();
    first.remove_learner(NodeId(3)).await.unwrap();
    cut(&wire, NodeId(3));
    let fourth = start(&wire, NodeId(4), &nodes[0].tables).await;
    first.add_learner(fourth.id, Peer::default()).await.unwrap();
    fourth.group.applied(last, LIMIT).await.unwrap();
    let there = |node: &Node| node.tables.rows.lock().unwrap().0.clone();
    assert_eq!(there(&fourth), there(&nodes[0]));
    until(|| first.replicas().iter().any(|replica| replica.node == NodeId(4) && replica.caught_up)).await;
    first.set_voters(&BTreeSet::from([1, 2, 4].map(NodeId))).await.unwrap();
    cut(&wire, NodeId(2));
    let (place, _) = first.propose(proposal(7), None).await.unwrap();
    fourth.group.applied(place.index, LIMIT).await.unwrap();
    for node in nodes.into_iter().chain([fourth]) {
        node.group.stop().await;
    }
}
