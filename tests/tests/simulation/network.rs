//! The network between nodes: ordered streams that are slow, stall and break, and calls whose answer may never come.
//!
//! As TCP under TLS has it: nothing comes twice, nothing overtakes within a stream, and a stream that broke never goes on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use bascule_api::peer::v1::append_answer;
use bascule_api::peer::v1::{
    AppendAnswer, AppendRequest, AskAnswer, AskRequest, GreetAnswer, GreetRequest, HandOverAnswer, HandOverRequest,
    Matched, ProposeAnswer, ProposeRequest, ReadIndexAnswer, ReadIndexRequest, SnapshotAnswer, SnapshotPart,
    TransferAnswer, TransferRequest, VoteAnswer, VoteRequest,
};
use bascule_model::ambient::Pending;
use bascule_model::uid::NodeId;
use bascule_replication::groups::Groups;
use bascule_replication::peers::{Flow, PeerError, Peers};

use super::chance::Chance;
use super::plants::Plant;

/// Messages of one stream on their way.
const STREAM_LIMIT_MESSAGES: usize = 32;
/// How long somebody waits for a packet that was lost before the connection counts as broken.
const STALL_LIMIT: Duration = Duration::from_secs(8);

/// One direction between two nodes.
#[derive(Default)]
struct Link {
    cut: Mutex<bool>,
    /// Connections over it break when this moves.
    age: Mutex<u64>,
    changed: Notify,
}

impl Link {
    fn age(&self) -> u64 {
        *self.age.lock()
    }

    fn breaks(&self) {
        *self.age.lock() += 1;
        self.changed.notify_waiters();
    }

    /// Returns once packets pass; `false` if the connection broke before.
    async fn passes(&self, age: u64) -> bool {
        loop {
            let changed = self.changed.notified();
            if self.age() != age {
                return false;
            }
            if !*self.cut.lock() {
                return true;
            }
            changed.await;
        }
    }

    async fn broken(&self, age: u64) {
        loop {
            let changed = self.changed.notified();
            if self.age() != age {
                return;
            }
            changed.await;
        }
    }
}

/// How slow packets are now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    /// From and to how many microseconds.
    pub(crate) delay_us: (u64, u64),
    /// Calls in a thousand whose packets are lost for good.
    pub(crate) lost_per_mille: u64,
}

/// What a voter said in a term: at most one name.
pub(crate) type Votes = BTreeMap<(u32, u64, NodeId), u64>;

struct State {
    up: BTreeMap<NodeId, Arc<Groups>>,
    links: BTreeMap<(NodeId, NodeId), Arc<Link>>,
    weather: Weather,
    votes: Votes,
    twice: Vec<String>,
}

/// The whole network. Clones share it.
#[derive(Clone)]
pub(crate) struct Network {
    state: Arc<Mutex<State>>,
    chance: Chance,
    plant: Plant,
}

impl Network {
    pub(crate) fn new(chance: Chance, weather: Weather, plant: Plant) -> Self {
        let (votes, twice) = (Votes::new(), Vec::new());
        let state = State { up: BTreeMap::new(), links: BTreeMap::new(), weather, votes, twice };
        Self { state: Arc::new(Mutex::new(state)), chance, plant }
    }

    /// One node's end of it.
    pub(crate) fn end(&self, node: NodeId) -> Arc<dyn Peers> {
        Arc::new(End { node, network: self.clone() })
    }

    pub(crate) fn plug_in(&self, node: NodeId, groups: Arc<Groups>) {
        self.state.lock().up.insert(node, groups);
    }

    /// The node is gone: everything that it has open breaks.
    pub(crate) fn unplug(&self, node: NodeId) {
        let links: Vec<Arc<Link>> = {
            let mut state = self.state.lock();
            state.up.remove(&node);
            let of = state.links.iter().filter(|((from, to), _)| *from == node || *to == node);
            of.map(|(_, link)| Arc::clone(link)).collect()
        };
        links.iter().for_each(|link| link.breaks());
    }

    /// Lets packets of one direction through, or not.
    pub(crate) fn cut(&self, from: NodeId, to: NodeId, cut: bool) {
        let link = self.link(from, to);
        *link.cut.lock() = cut;
        link.changed.notify_waiters();
    }

    /// Breaks the connections between two nodes.
    pub(crate) fn reset(&self, one: NodeId, other: NodeId) {
        self.link(one, other).breaks();
        self.link(other, one).breaks();
    }

    pub(crate) fn set_weather(&self, weather: Weather) {
        self.state.lock().weather = weather;
    }

    /// Voters that gave two votes in one term, in words.
    pub(crate) fn voted_twice(&self) -> Vec<String> {
        self.state.lock().twice.clone()
    }

    fn link(&self, from: NodeId, to: NodeId) -> Arc<Link> {
        Arc::clone(self.state.lock().links.entry((from, to)).or_default())
    }

    fn delay(&self) -> Duration {
        let (least, most) = self.state.lock().weather.delay_us;
        Duration::from_micros(self.chance.within(least, most.max(least + 1)))
    }

    fn loses(&self) -> bool {
        let lost = self.state.lock().weather.lost_per_mille;
        self.chance.per_mille(lost)
    }

    fn find(&self, peer: NodeId) -> Result<Arc<Groups>, PeerError> {
        let found = self.state.lock().up.get(&peer).cloned();
        found.ok_or_else(|| PeerError::Unreachable { peer, why: "nobody listens there".to_owned() })
    }

    fn note_vote(&self, voter: NodeId, request: &VoteRequest, answer: &VoteAnswer) {
        let Some(asked) = request.vote.as_ref().filter(|_| answer.granted && !request.tentative) else { return };
        let mut state = self.state.lock();
        let first = *state.votes.entry((request.group, asked.term, voter)).or_insert(asked.node);
        if first != asked.node {
            let (group, term) = (request.group, asked.term);
            let text = format!("node {} voted for {first} and {} in term {term} of group {group}", voter.0, asked.node);
            state.twice.push(text);
        }
    }
}

/// A message and when it arrives.
type Timed<T> = (Instant, T);

struct End {
    node: NodeId,
    network: Network,
}

fn broken(peer: NodeId, why: &str) -> PeerError {
    PeerError::Broken { peer, why: why.to_owned() }
}

impl End {
    /// One call: there, done there whether anybody waits or not, and back.
    async fn call<T: Send + 'static>(
        &self,
        peer: NodeId,
        work: impl FnOnce(Arc<Groups>) -> Pending<'static, Result<T, PeerError>>,
    ) -> Result<T, PeerError> {
        let network = &self.network;
        if !network.state.lock().up.contains_key(&self.node) {
            // A node without power asks for nothing; what is left of it here must not spin.
            sleep(STALL_LIMIT).await;
            return Err(PeerError::Unreachable { peer, why: "this node is down".to_owned() });
        }
        if let Err(error) = network.find(peer) {
            sleep(network.delay()).await;
            return Err(error);
        }
        let (there, back) = (network.link(self.node, peer), network.link(peer, self.node));
        let ages = (there.age(), back.age());
        sleep(network.delay()).await;
        let lost = network.loses();
        let arrived = !lost && timeout(STALL_LIMIT, there.passes(ages.0)).await.unwrap_or(false);
        if !arrived {
            if lost {
                sleep(STALL_LIMIT).await;
            }
            return Err(broken(peer, "the connection broke on the way there"));
        }
        let groups = network.find(peer)?;
        let (done, result) = oneshot::channel();
        let work = work(groups);
        tokio::spawn(async move {
            // Who asked may have gone away.
            let _ = done.send(work.await);
        });
        let result = tokio::select! {
            biased;
            () = back.broken(ages.1) => return Err(broken(peer, "the connection broke")),
            result = result => result.map_err(|_| broken(peer, "the node went down"))?,
        };
        sleep(network.delay()).await;
        if network.loses() || !timeout(STALL_LIMIT, back.passes(ages.1)).await.unwrap_or(false) {
            sleep(STALL_LIMIT).await;
            return Err(broken(peer, "the connection broke on the way back"));
        }
        result
    }

    /// What comes in on one side goes out on the other, later and in order, until the connection breaks.
    fn carry<T: Send + 'static>(&self, from: NodeId, to: NodeId, mut messages: Flow<T>) -> Flow<T> {
        let (network, link) = (self.network.clone(), self.network.link(from, to));
        let age = link.age();
        let (send, mut receive) = mpsc::channel::<Timed<T>>(STREAM_LIMIT_MESSAGES);
        let sending = Arc::clone(&link);
        let pump = network.clone();
        tokio::spawn(async move {
            let mut last = Instant::now();
            loop {
                let message = tokio::select! {
                    biased;
                    () = sending.broken(age) => return,
                    () = send.closed() => return,
                    message = messages.next() => message,
                };
                let Some(message) = message else { return };
                last = last.max(Instant::now() + pump.delay());
                if send.send((last, message)).await.is_err() {
                    return;
                }
            }
        });
        let come = stream::poll_fn(move |context| receive.poll_recv(context));
        Box::pin(stream::unfold(Some((Box::pin(come), link)), move |state| async move {
            let (mut come, link) = state?;
            let (at, message) = tokio::select! {
                biased;
                () = link.broken(age) => return None,
                next = come.next() => next?,
            };
            sleep_until(at).await;
            link.passes(age).await.then_some((message, Some((come, link))))
        }))
    }

    /// A liar in the follower's name.
    fn lies(&self, peer: NodeId, requests: Flow<AppendRequest>) -> Flow<Result<AppendAnswer, PeerError>> {
        let there = self.carry(self.node, peer, requests);
        Box::pin(there.map(|request| {
            let last = request.entries.last().and_then(|entry| entry.id).or(request.previous);
            Ok(AppendAnswer { result: Some(append_answer::Result::Matched(Matched { last })) })
        }))
    }
}

impl Peers for End {
    fn append(
        &self,
        peer: NodeId,
        requests: Flow<AppendRequest>,
    ) -> Pending<'_, Result<Flow<Result<AppendAnswer, PeerError>>, PeerError>> {
        Box::pin(async move {
            let network = &self.network;
            // A connection takes its time, also where nobody listens.
            sleep(network.delay()).await;
            let groups = network.find(peer)?;
            if network.find(self.node).is_err() {
                sleep(STALL_LIMIT).await;
                return Err(broken(peer, "this node is down"));
            }
            if network.plant == Plant::AckBeforeQuorum && network.chance.per_mille(200) {
                return Ok(self.lies(peer, requests));
            }
            let requests = self.carry(self.node, peer, requests);
            let (send, mut receive) = mpsc::channel(STREAM_LIMIT_MESSAGES);
            let node = self.node;
            tokio::spawn(async move {
                match groups.append(node, requests).await {
                    Ok(mut answers) => loop {
                        let answer = tokio::select! {
                            biased;
                            () = send.closed() => return,
                            answer = answers.next() => answer,
                        };
                        let Some(answer) = answer else { return };
                        if send.send(answer).await.is_err() {
                            return;
                        }
                    },
                    Err(error) => drop(send.send(Err(error)).await),
                }
            });
            let answers = stream::poll_fn(move |context| receive.poll_recv(context));
            let answers = self.carry(peer, self.node, Box::pin(answers));
            let end = stream::once(async move { Err(broken(peer, "the stream ended")) });
            let answers: Flow<Result<AppendAnswer, PeerError>> = Box::pin(answers.chain(end));
            Ok(answers)
        })
    }

    fn vote(&self, peer: NodeId, request: VoteRequest) -> Pending<'_, Result<VoteAnswer, PeerError>> {
        let (node, network) = (self.node, self.network.clone());
        Box::pin(self.call(peer, move |groups| {
            Box::pin(async move {
                let answer = groups.vote(node, request).await?;
                network.note_vote(peer, &request, &answer);
                Ok(answer)
            })
        }))
    }

    fn snapshot(
        &self,
        peer: NodeId,
        parts: Flow<Result<SnapshotPart, PeerError>>,
    ) -> Pending<'_, Result<SnapshotAnswer, PeerError>> {
        let node = self.node;
        Box::pin(async move {
            let parts: Vec<_> = parts.collect().await;
            let parts: Flow<Result<SnapshotPart, PeerError>> = Box::pin(stream::iter(parts));
            self.call(peer, move |groups| Box::pin(async move { groups.snapshot(node, parts).await })).await
        })
    }

    fn transfer(&self, peer: NodeId, request: TransferRequest) -> Pending<'_, Result<TransferAnswer, PeerError>> {
        let node = self.node;
        Box::pin(self.call(peer, move |groups| Box::pin(async move { groups.transfer(node, request).await })))
    }

    fn greet(&self, peer: NodeId, request: GreetRequest) -> Pending<'_, Result<GreetAnswer, PeerError>> {
        let node = self.node;
        Box::pin(self.call(peer, move |groups| Box::pin(async move { groups.greet(node, request).await })))
    }

    fn propose(&self, peer: NodeId, request: ProposeRequest) -> Pending<'_, Result<ProposeAnswer, PeerError>> {
        let node = self.node;
        Box::pin(self.call(peer, move |groups| Box::pin(async move { Peers::propose(&*groups, node, request).await })))
    }

    fn read_index(&self, peer: NodeId, request: ReadIndexRequest) -> Pending<'_, Result<ReadIndexAnswer, PeerError>> {
        let node = self.node;
        Box::pin(self.call(peer, move |groups| Box::pin(async move { groups.read_index(node, request).await })))
    }

    fn ask(&self, peer: NodeId, request: AskRequest) -> Pending<'_, Result<AskAnswer, PeerError>> {
        let node = self.node;
        Box::pin(self.call(peer, move |groups| Box::pin(async move { groups.ask(node, request).await })))
    }

    fn hand_over(&self, peer: NodeId, request: HandOverRequest) -> Pending<'_, Result<HandOverAnswer, PeerError>> {
        let node = self.node;
        Box::pin(
            self.call(peer, move |groups| Box::pin(async move { Peers::hand_over(&*groups, node, request).await })),
        )
    }
}
