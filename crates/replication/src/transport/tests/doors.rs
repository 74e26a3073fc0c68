//! Who gets in, what each can reach, and who is cut.

use tokio::net::TcpStream;
use tonic::Code;

use bascule_pki::joining::JoinTls;
use bascule_pki::secret::write_private;
use bascule_pki::stream::TlsStream;

use super::*;
use crate::transport::joining;
use crate::transport::limits::{JOIN_LIMIT_CONNECTIONS, JOIN_MESSAGE_LIMIT_BYTES, NODE_LIMIT_CONNECTIONS};
use crate::transport::wire::Wire;

const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);

async fn dial(one: &Listening, tls: &PeerTls) -> Result<TlsStream, bascule_pki::Error> {
    let tcp = TcpStream::connect(&one.address).await.unwrap();
    tls.connect(tcp, ONE, PATIENCE).await.map(|(stream, _)| stream)
}

async fn wire(stream: TlsStream) -> Wire {
    let (wire, drive, _) = Wire::over(stream, Arc::new(Tasks)).await.unwrap();
    tokio::spawn(drive);
    wire
}

fn joiner(world: &World) -> JoinTls {
    JoinTls::new(CLUSTER, world.authority.fingerprint_sha256().unwrap(), &time()).unwrap()
}

fn wish(word: &[u8], zone: &str) -> JoinRequest {
    JoinRequest { token_secret: word.to_vec().into(), zone: zone.to_owned(), ..JoinRequest::default() }
}

#[tokio::test]
async fn a_strangers_call_never_arrives() {
    let (world, other) = (World::new(), World::new());
    let one = world.listens(1, Memory::default()).await;
    other.book.0.lock().insert(ONE, one.address.clone());
    let stranger = other.calls(other.tls(2));
    for _ in 0..3 {
        let outcome = soon("a refusal", stranger.vote(ONE, vote(3))).await;
        assert!(matches!(outcome, Err(PeerError::Unreachable { .. })), "{outcome:?}");
    }
    // Nor one that is meant for another node.
    world.book.0.lock().insert(NodeId(3), one.address.clone());
    let outcome = soon("a refusal", world.calls(world.tls(2)).vote(NodeId(3), vote(3))).await;
    assert!(matches!(outcome, Err(PeerError::Unreachable { .. })), "{outcome:?}");
    // Nor one of a node that is no member.
    one.strangers.lock().insert(TWO);
    let removed = world.calls(world.tls(2));
    let outcome = soon("a refusal", removed.vote(ONE, vote(3))).await;
    assert_eq!(outcome, Err(PeerError::Removed { peer: ONE }));
    let requests = Box::pin(stream::once(future::ready(append(1, 1, 0))));
    let refused = match soon("a refusal", removed.append(ONE, requests)).await {
        Ok(mut answers) => answers.next().await.map(Result::err),
        Err(error) => Some(Some(error)),
    };
    assert_eq!(refused, Some(Some(PeerError::Removed { peer: ONE })));
    assert!(one.memory.heard().is_empty(), "{:?}", one.memory.heard());
    one.stops().await;
}

#[tokio::test]
async fn a_node_that_moved_is_found_where_it_says_that_it_is() {
    let world = World::new();
    let one = world.listens(1, Memory::default()).await;
    let other = World::new().listens(1, Memory::default()).await;
    let nobody = {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        socket.local_addr().unwrap().to_string()
    };
    // Nobody is at the old address, or somebody else: another node of the cluster, or a stranger.
    let three = world.listens(3, Memory::default()).await;
    for old in [&nobody, &three.address, &other.address] {
        let moved = Moved { old: old.clone(), new: world.book.clone() };
        let answer = soon("an answer", world.calls_by(world.tls(2), Arc::new(moved)).vote(ONE, vote(3))).await;
        assert!(answer.is_ok(), "{old}: {answer:?}");
    }
    for listening in [one, three, other] {
        listening.stops().await;
    }
}

#[tokio::test]
async fn neither_door_leads_to_the_other() {
    let world = World::new();
    let one = world.listens(1, Memory::default()).await;
    let node = wire(dial(&one, &world.tls(2)).await.unwrap()).await;
    let status = node.clone().join().join(wish(WORD, "z")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    let tcp = TcpStream::connect(&one.address).await.unwrap();
    let joins = wire(joiner(&world).connect(tcp, PATIENCE).await.unwrap()).await;
    let status = joins.clone().raft().vote(vote(3)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    let status = joins.clone().backbone().greet(GreetRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(one.memory.heard().is_empty());
    let long = wish(&[0; JOIN_MESSAGE_LIMIT_BYTES], "z");
    assert_eq!(joins.clone().join().join(long).await.unwrap_err().code(), Code::OutOfRange);
    assert_eq!(joins.join().join(wish(WORD, "z")).await.unwrap().into_inner().node, 5);
    one.stops().await;
}

#[tokio::test]
async fn who_joins_hears_whether_to_ask_elsewhere() {
    use joining::Error::{Elsewhere, Refused};
    let world = World::new();
    let one = world.listens(1, Memory::default()).await;
    let tls = joiner(&world);
    let ask =
        |word: &'static [u8], zone: &'static str| joining::join(&one.address, &tls, wish(word, zone), Arc::new(Tasks));
    assert_eq!(ask(WORD, "z").await.unwrap().node, 5);
    assert!(matches!(ask(b"other", "z").await, Err(Refused { .. })));
    assert!(matches!(ask(WORD, "").await, Err(Refused { .. })));
    assert!(matches!(ask(WORD, "busy").await, Err(Elsewhere { .. })));
    let other = World::new();
    let theirs = joining::join(&one.address, &joiner(&other), wish(WORD, "z"), Arc::new(Tasks)).await;
    assert!(matches!(theirs, Err(Elsewhere { .. })), "{theirs:?}");
    let address = one.address.clone();
    one.stops().await;
    assert!(matches!(joining::join(&address, &tls, wish(WORD, "z"), Arc::new(Tasks)).await, Err(Elsewhere { .. })));
}

#[tokio::test]
async fn each_has_so_many_places() {
    let world = World::new();
    let one = world.listens(1, Memory::default()).await;
    let two = world.tls(2);
    let mut held = Vec::new();
    for _ in 0..NODE_LIMIT_CONNECTIONS {
        held.push(dial(&one, &two).await.unwrap());
    }
    assert!(dial(&one, &two).await.is_err());
    // Another node has its own, and joiners theirs.
    held.push(dial(&one, &world.tls(3)).await.unwrap());
    let joins = async || {
        let tcp = TcpStream::connect(&one.address).await.unwrap();
        joiner(&world).connect(tcp, PATIENCE).await
    };
    let mut joining = Vec::new();
    for _ in 0..JOIN_LIMIT_CONNECTIONS {
        joining.push(joins().await.unwrap());
    }
    assert!(joins().await.is_err());
    assert!(dial(&one, &world.tls(4)).await.is_ok());
    held.remove(0);
    let again = async {
        while dial(&one, &two).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon("a place that is free again", again).await;
    drop(joining);
    one.stops().await;
}

/// A stream of appends that is open and has been answered once.
async fn open(connections: &Connections) -> Flow<Result<AppendAnswer, PeerError>> {
    let requests = stream::once(future::ready(append(1, 1, 0))).chain(stream::pending());
    let mut answers = connections.append(ONE, Box::pin(requests)).await.unwrap();
    assert!(soon("an answer", answers.next()).await.unwrap().is_ok());
    answers
}

#[tokio::test]
async fn whoever_is_revoked_or_no_member_any_more_is_cut() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let own = world.issued(1);
    std::fs::write(at("chain"), &own.certificate_pem).unwrap();
    std::fs::write(at("ca"), world.authority.certificate_pem()).unwrap();
    write_private(&at("key"), &own.key).unwrap();
    let source = Source::Files {
        chain: at("chain"),
        key: at("key"),
        authorities: at("ca"),
        crls: Vec::new(),
        own_crl: Some(at("crl")),
    };
    let tls = Arc::new(PeerTls::load(CLUSTER, source, time()).unwrap());
    let one = world.listens_with(1, Memory::default(), tls).await;
    let leaf = world.issued(2);
    let two = world.calls(Arc::new(PeerTls::load(CLUSTER, world.source(leaf.clone()), time()).unwrap()));
    let three = world.calls(world.tls(3));
    let (mut of_two, mut of_three) = (open(&two).await, open(&three).await);
    std::fs::write(at("crl"), world.list(&leaf)).unwrap();
    until("the list is read", || one.tls.material().refresh().unwrap()).await;
    let cut = soon("the cut of who is revoked", of_two.next()).await;
    assert!(matches!(cut, Some(Err(PeerError::Broken { .. }))), "{cut:?}");
    assert!(soon("a refusal", two.vote(ONE, vote(3))).await.is_err_and(|error| error.nothing_done()));
    assert!(three.vote(ONE, vote(3)).await.is_ok());
    one.strangers.lock().insert(NodeId(3));
    let cut = soon("the cut of who is no member", of_three.next()).await;
    assert!(matches!(cut, Some(Err(PeerError::Broken { .. }))), "{cut:?}");
    one.stops().await;
}

#[tokio::test]
async fn a_caller_lets_go_of_a_peer_that_is_none_any_more() {
    let world = World::new();
    let one = world.listens(1, Memory::default()).await;
    let two = world.calls(world.tls(2));
    let mut answers = open(&two).await;
    world.book.0.lock().remove(&ONE);
    let cut = soon("the cut", answers.next()).await;
    assert!(matches!(cut, Some(Err(PeerError::Broken { .. }))), "{cut:?}");
    until("the stream is gone there", || one.memory.open.load(Ordering::SeqCst) == 0).await;
    one.stops().await;
}
