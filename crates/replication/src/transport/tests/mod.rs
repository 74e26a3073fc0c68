//! Transports of several nodes on loopback, each with its certificate, and behind each port a node that only remembers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, future, stream};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::watch;

use bascule_api::peer::v1::append_answer::Result as Appended;
use bascule_api::peer::v1::{
    AppendAnswer, AppendRequest, AskAnswer, AskRequest, GreetAnswer, GreetRequest, HandOverAnswer, HandOverRequest,
    JoinAnswer, JoinRequest, LogId, Matched, ProposeAnswer, ProposeRequest, ReadIndexAnswer, ReadIndexRequest,
    SnapshotAnswer, SnapshotPart, TransferAnswer, TransferRequest, Vote, VoteAnswer, VoteRequest,
};
use bascule_model::ambient::{Clock, Entropy, NoEntropy, Pending, Spawn, TaskKind};
use bascule_model::id::ClusterId;
use bascule_model::time::{BootMillis, Millis};
use bascule_model::uid::NodeId;
use bascule_pki::authority::{Authority, Issued, Validity};
use bascule_pki::peering::PeerTls;
use bascule_pki::{Source, inventory, node};

use crate::peers::{Flow, PeerError, Peers};
use crate::transport::admission::{Admission, Refusal};
use crate::transport::connections::{Connections, Directory, Ports};
use crate::transport::service::{Options, Service};

mod calls;
mod doors;
mod snapshots;

const NOW_S: i64 = 1_900_000_000;
const LONG: Validity = Validity { not_before_unix_s: NOW_S - 86_400, not_after_unix_s: NOW_S + 86_400 };
const CLUSTER: ClusterId = ClusterId([7; 16]);
/// Far more than anything here takes: what is not there by then never comes.
const PATIENCE: Duration = Duration::from_secs(20);

/// The wall stands, the boot clock goes on.
struct Time(Instant);

impl Clock for Time {
    fn wall(&self) -> Millis {
        Millis(NOW_S as u64 * 1_000)
    }
    fn boot(&self) -> BootMillis {
        BootMillis(10_000 + self.0.elapsed().as_millis() as u64)
    }
}

fn time() -> Arc<dyn Clock> {
    Arc::new(Time(Instant::now()))
}

struct Chance;

impl Entropy for Chance {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        buffer.fill(0x55);
        Ok(())
    }
}

struct Tasks;

impl Spawn for Tasks {
    fn spawn(&self, _: TaskKind, work: Pending<'static, ()>) {
        tokio::spawn(work);
    }
    fn block(&self, _: TaskKind, work: Box<dyn FnOnce() + Send>) {
        tokio::task::spawn_blocking(work);
    }
}

/// Terms with a meaning: what becomes of a vote in them.
const REFUSED: u64 = 1_001;
const BROKEN: u64 = 1_002;
const HANGS: u64 = 1_003;

/// A node that remembers what it heard, and from whom.
#[derive(Default)]
struct Memory {
    heard: Mutex<Vec<(NodeId, String)>>,
    /// Calls that hang now.
    hanging: AtomicUsize,
    /// Streams of appends that are open.
    open: AtomicUsize,
    /// Appends are not read.
    deaf: bool,
    /// A snapshot waits for this many to have begun.
    snapshots_begun: AtomicUsize,
    snapshots_go: watch::Sender<bool>,
}

impl Memory {
    fn note(&self, peer: NodeId, what: impl Into<String>) {
        self.heard.lock().push((peer, what.into()));
    }

    fn heard(&self) -> Vec<(NodeId, String)> {
        self.heard.lock().clone()
    }
}

/// Counts while it lives.
struct Counted(Arc<Memory>, fn(&Memory) -> &AtomicUsize);

impl Counted {
    fn new(memory: &Arc<Memory>, which: fn(&Memory) -> &AtomicUsize) -> Self {
        which(memory).fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(memory), which)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.1)(&self.0).fetch_sub(1, Ordering::SeqCst);
    }
}

struct Inner(Arc<Memory>);

fn matched(group: u32, index: u64) -> AppendAnswer {
    let last = Some(LogId { term: u64::from(group), index });
    AppendAnswer { result: Some(Appended::Matched(Matched { last })) }
}

fn refused<T: Send + 'static>(peer: NodeId) -> Pending<'static, Result<T, PeerError>> {
    Box::pin(future::ready(Err(PeerError::Refused { peer, why: "not here".to_owned() })))
}

impl Peers for Inner {
    fn append(
        &self,
        peer: NodeId,
        requests: Flow<AppendRequest>,
    ) -> Pending<'_, Result<Flow<Result<AppendAnswer, PeerError>>, PeerError>> {
        self.0.note(peer, "append");
        let open = Counted::new(&self.0, |memory| &memory.open);
        let answers: Flow<Result<AppendAnswer, PeerError>> = if self.0.deaf {
            Box::pin(stream::once(async move {
                let _kept = (requests, open);
                future::pending().await
            }))
        } else {
            let memory = Arc::clone(&self.0);
            Box::pin(requests.map(move |request| {
                let _ = &open;
                let index = request.previous.as_ref().map_or(0, |id| id.index);
                memory.note(peer, format!("{}/{index}", request.group));
                Ok(matched(request.group, index))
            }))
        };
        Box::pin(future::ready(Ok(answers)))
    }

    fn vote(&self, peer: NodeId, request: VoteRequest) -> Pending<'_, Result<VoteAnswer, PeerError>> {
        let term = request.vote.as_ref().map_or(0, |vote| vote.term);
        self.0.note(peer, format!("vote {term}"));
        Box::pin(async move {
            match term {
                REFUSED => Err(PeerError::Refused { peer, why: "no such group".to_owned() }),
                BROKEN => Err(PeerError::Broken { peer, why: "half done".to_owned() }),
                HANGS => {
                    let _counted = Counted::new(&self.0, |memory| &memory.hanging);
                    future::pending().await
                }
                _ => Ok(VoteAnswer { vote: request.vote, granted: true, last: None }),
            }
        })
    }

    fn snapshot(
        &self,
        peer: NodeId,
        mut parts: Flow<Result<SnapshotPart, PeerError>>,
    ) -> Pending<'_, Result<SnapshotAnswer, PeerError>> {
        Box::pin(async move {
            self.0.snapshots_begun.fetch_add(1, Ordering::SeqCst);
            let mut bytes = 0;
            while let Some(part) = parts.next().await {
                match part {
                    Ok(part) => bytes += part.chunk.len(),
                    Err(error) => {
                        self.0.note(peer, "a snapshot broke");
                        return Err(error);
                    }
                }
            }
            let _ = self.0.snapshots_go.subscribe().wait_for(|go| *go).await;
            self.0.note(peer, format!("a snapshot of {bytes} bytes"));
            Ok(SnapshotAnswer { vote: None })
        })
    }

    fn transfer(&self, peer: NodeId, _: TransferRequest) -> Pending<'_, Result<TransferAnswer, PeerError>> {
        self.0.note(peer, "transfer");
        refused(peer)
    }

    fn greet(&self, peer: NodeId, request: GreetRequest) -> Pending<'_, Result<GreetAnswer, PeerError>> {
        self.0.note(peer, format!("greet of {}", request.node));
        Box::pin(future::ready(Ok(GreetAnswer { node: request.node, ..GreetAnswer::default() })))
    }

    fn propose(&self, peer: NodeId, request: ProposeRequest) -> Pending<'_, Result<ProposeAnswer, PeerError>> {
        self.0.note(peer, format!("propose {}", request.commands.len()));
        Box::pin(future::ready(Ok(ProposeAnswer::default())))
    }

    fn read_index(&self, peer: NodeId, _: ReadIndexRequest) -> Pending<'_, Result<ReadIndexAnswer, PeerError>> {
        self.0.note(peer, "read index");
        Box::pin(future::ready(Ok(ReadIndexAnswer { index: 7, leader: 0 })))
    }

    fn ask(&self, peer: NodeId, request: AskRequest) -> Pending<'_, Result<AskAnswer, PeerError>> {
        self.0.note(peer, "ask");
        Box::pin(future::ready(Ok(AskAnswer { answer: request.question })))
    }

    fn hand_over(&self, peer: NodeId, _: HandOverRequest) -> Pending<'_, Result<HandOverAnswer, PeerError>> {
        self.0.note(peer, "hand over");
        refused(peer)
    }
}

/// Lets in whoever says the right word.
struct Gate;

const WORD: &[u8] = b"sesame";

impl Admission for Gate {
    fn admit(&self, request: JoinRequest) -> Pending<'_, Result<JoinAnswer, Refusal>> {
        let answer = match (&request.token_secret[..], request.zone.as_str()) {
            (WORD, "") => Err(Refusal::Invalid { why: "no zone".to_owned() }),
            (WORD, "busy") => Err(Refusal::NotNow { why: "no leader".to_owned() }),
            (WORD, _) => Ok(JoinAnswer { node: 5, ..JoinAnswer::default() }),
            _ => Err(Refusal::Denied),
        };
        Box::pin(future::ready(answer))
    }
}

/// Where nodes are said to be.
#[derive(Clone, Default)]
struct Book(Arc<Mutex<BTreeMap<NodeId, String>>>);

/// An address at which nobody is, written down for everybody; and where they say that they are.
struct Moved {
    old: String,
    new: Book,
}

impl Directory for Book {
    fn addresses(&self, peer: NodeId) -> Vec<String> {
        self.0.lock().get(&peer).cloned().into_iter().collect()
    }
}

impl Directory for Moved {
    fn addresses(&self, peer: NodeId) -> Vec<String> {
        [self.old.clone()].into_iter().chain(self.new.addresses(peer)).collect()
    }
}

/// One cluster's authority.
struct World {
    authority: Authority,
    book: Book,
}

impl World {
    fn new() -> Self {
        Self { authority: Authority::create("test", LONG, [1; 16]).unwrap(), book: Book::default() }
    }

    fn issued(&self, number: u64) -> Issued {
        let leaf = node::leaf(CLUSTER, NodeId(number), &[]).unwrap();
        self.authority.issue(&leaf, LONG, [number as u8; 16]).unwrap()
    }

    fn source(&self, own: Issued) -> Source {
        let authorities = self.authority.certificate_pem().to_owned();
        Source::Pem { chain: own.certificate_pem, key: own.key, authorities, crls: Vec::new() }
    }

    fn tls(&self, number: u64) -> Arc<PeerTls> {
        Arc::new(PeerTls::load(CLUSTER, self.source(self.issued(number)), time()).unwrap())
    }

    /// A list of what this certificate's serial number is.
    fn list(&self, revoked: &Issued) -> String {
        let serial = inventory::of_pem(&revoked.certificate_pem).unwrap()[0].serial.clone();
        self.authority.revocation_list(&[serial], 1, LONG).unwrap()
    }

    /// A node that listens.
    async fn listens(&self, number: u64, memory: Memory) -> Listening {
        self.listens_with(number, memory, self.tls(number)).await
    }

    async fn listens_with(&self, number: u64, memory: Memory, tls: Arc<PeerTls>) -> Listening {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap().to_string();
        self.book.0.lock().insert(NodeId(number), address.clone());
        let (memory, strangers) = (Arc::new(memory), Arc::new(Mutex::new(BTreeSet::new())));
        let outside = Arc::clone(&strangers);
        let service = Service::new(Options {
            socket,
            tls: Arc::clone(&tls),
            peers: Arc::new(Inner(Arc::clone(&memory))),
            admission: Arc::new(Gate),
            is_member: Arc::new(move |node| !outside.lock().contains(&node)),
            spawn: Arc::new(Tasks),
            clock: time(),
        });
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(service.run(stopped));
        Listening { address, memory, strangers, tls, stop, running }
    }

    /// The calling side of a node.
    fn calls(&self, tls: Arc<PeerTls>) -> Arc<Connections> {
        self.calls_by(tls, Arc::new(self.book.clone()))
    }

    fn calls_by(&self, tls: Arc<PeerTls>, directory: Arc<dyn Directory>) -> Arc<Connections> {
        Connections::new(Ports { tls, directory, spawn: Arc::new(Tasks), clock: time(), entropy: Arc::new(Chance) })
    }
}

struct Listening {
    address: String,
    memory: Arc<Memory>,
    strangers: Arc<Mutex<BTreeSet<NodeId>>>,
    tls: Arc<PeerTls>,
    stop: watch::Sender<bool>,
    running: tokio::task::JoinHandle<()>,
}

impl Listening {
    async fn stops(self) {
        self.stop.send_replace(true);
        tokio::time::timeout(PATIENCE, self.running).await.unwrap().unwrap();
    }
}

/// Waits until something holds.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "never: {what}");
}

async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => panic!("never: {what}"),
    }
}

fn vote(term: u64) -> VoteRequest {
    VoteRequest { group: 1, vote: Some(Vote { term, node: 2, committed: false }), ..VoteRequest::default() }
}

fn append(group: u32, index: u64, payload: usize) -> AppendRequest {
    use bascule_api::peer::v1::Entry;
    let id = Some(LogId { term: 1, index });
    let entries = (payload > 0).then(|| Entry { id, payload: vec![7; payload].into(), clear: true });
    AppendRequest { group, previous: id, entries: entries.into_iter().collect(), ..AppendRequest::default() }
}
