//! Calls between nodes: who they are from, their order, their end, and what is known of those that fail.

use super::*;
use crate::transport::limits::MESSAGE_LIMIT_BYTES;
use crate::transport::outcome;
use crate::transport::wire::Wire;

const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);

#[tokio::test]
async fn calls_arrive_as_the_node_of_the_certificate() {
    let world = World::new();
    let one = world.listens(1, Memory::default()).await;
    let two = world.calls(world.tls(2));
    let greeted = two.greet(ONE, GreetRequest { node: 2, ..GreetRequest::default() }).await.unwrap();
    assert_eq!(greeted.node, 2);
    assert!(two.vote(ONE, vote(3)).await.unwrap().granted);
    assert_eq!(two.read_index(ONE, ReadIndexRequest {}).await.unwrap().index, 7);
    let asked = two.ask(ONE, AskRequest { question: b"why"[..].into() }).await.unwrap();
    assert_eq!(&asked.answer[..], b"why");
    two.propose(ONE, ProposeRequest { commands: vec![1; 5].into(), ..ProposeRequest::default() }).await.unwrap();
    for refused in [
        two.transfer(ONE, TransferRequest::default()).await.map(drop),
        two.hand_over(ONE, HandOverRequest::default()).await.map(drop),
        two.vote(ONE, vote(REFUSED)).await.map(drop),
        // Another node's name over this one's certificate.
        two.greet(ONE, GreetRequest { node: 3, ..GreetRequest::default() }).await.map(drop),
    ] {
        assert!(matches!(refused, Err(PeerError::Refused { peer: ONE, .. })), "{refused:?}");
    }
    assert!(matches!(two.vote(ONE, vote(BROKEN)).await, Err(PeerError::Broken { .. })));
    let heard = one.memory.heard();
    let expected =
        ["greet of 2", "vote 3", "read index", "ask", "propose 5", "transfer", "hand over", "vote 1001", "vote 1002"];
    assert_eq!(heard, expected.map(|what| (TWO, what.to_owned())));
    one.stops().await;
}

#[tokio::test]
async fn appends_of_many_groups_keep_their_order_on_one_connection() {
    const GROUPS: u32 = 13;
    const REQUESTS: u64 = 200;
    let world = World::new();
    let one = world.listens(1, Memory::default()).await;
    let two = world.calls(world.tls(2));
    let group = async |group: u32| {
        let requests = stream::iter((0..REQUESTS).map(move |index| append(group, index, 1_000)));
        let answers: Vec<_> = two.append(ONE, Box::pin(requests)).await.unwrap().collect().await;
        let expected: Vec<_> = (0..REQUESTS).map(|index| Ok(matched(group, index))).collect();
        assert_eq!(answers, expected, "{group}");
    };
    soon("all appends", future::join_all((0..GROUPS).map(group))).await;
    let heard = one.memory.heard();
    for group in 0..GROUPS {
        let prefix = format!("{group}/");
        let own: Vec<_> = heard.iter().filter_map(|(_, what)| what.strip_prefix(&prefix)).collect();
        let expected: Vec<_> = (0..REQUESTS).map(|index| index.to_string()).collect();
        assert_eq!(own, expected, "{group}");
    }
    assert_eq!(heard.iter().filter(|(_, what)| what == "append").count(), GROUPS as usize);
    one.stops().await;
}

#[tokio::test]
async fn what_is_dropped_here_ends_there() {
    let world = World::new();
    let one = world.listens(1, Memory::default()).await;
    let two = world.calls(world.tls(2));
    let requests = stream::once(future::ready(append(1, 1, 0))).chain(stream::pending());
    let mut answers = two.append(ONE, Box::pin(requests)).await.unwrap();
    assert_eq!(soon("an answer", answers.next()).await, Some(Ok(matched(1, 1))));
    assert_eq!(one.memory.open.load(Ordering::SeqCst), 1);
    drop(answers);
    until("the stream is gone", || one.memory.open.load(Ordering::SeqCst) == 0).await;
    let hangs = {
        let two = Arc::clone(&two);
        tokio::spawn(async move { two.vote(ONE, vote(HANGS)).await })
    };
    until("a call hangs", || one.memory.hanging.load(Ordering::SeqCst) == 1).await;
    hangs.abort();
    until("the call is gone", || one.memory.hanging.load(Ordering::SeqCst) == 0).await;
    // The connection goes on.
    assert!(two.vote(ONE, vote(3)).await.is_ok());
    one.stops().await;
}

#[tokio::test]
async fn what_never_left_is_told_from_what_may_have_been_done() {
    let world = World::new();
    let two = world.calls(world.tls(2));
    let unreachable =
        |outcome: Result<VoteAnswer, PeerError>| matches!(outcome, Err(PeerError::Unreachable { peer: ONE, .. }));
    assert!(unreachable(two.vote(ONE, vote(3)).await), "without an address");
    // Nobody listens where it is said to be.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    world.book.0.lock().insert(ONE, free.to_string());
    for _ in 0..3 {
        assert!(unreachable(soon("a refusal", two.vote(ONE, vote(3))).await));
    }
    let one = world.listens(1, Memory::default()).await;
    // Known to fail, it is tried again beside calls that fail at once.
    let mut failed = 0;
    while let Err(error) = two.vote(ONE, vote(3)).await {
        assert!(matches!(error, PeerError::Unreachable { .. }), "{error:?}");
        failed += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(failed < 4_000);
    }
    let hangs = tokio::spawn({
        let two = Arc::clone(&two);
        async move { two.vote(ONE, vote(HANGS)).await }
    });
    let requests = stream::once(future::ready(append(1, 1, 0))).chain(stream::pending());
    let mut answers = two.append(ONE, Box::pin(requests)).await.unwrap();
    assert!(soon("an answer", answers.next()).await.unwrap().is_ok());
    until("a call hangs", || one.memory.hanging.load(Ordering::SeqCst) == 1).await;
    one.stops().await;
    let broken = soon("the call's end", hangs).await.unwrap();
    assert!(matches!(broken, Err(PeerError::Broken { peer: ONE, .. })), "{broken:?}");
    assert!(matches!(soon("the stream's end", answers.next()).await, Some(Err(PeerError::Broken { .. }))));
    assert_eq!(soon("nothing more", answers.next()).await, None);
    let gone = soon("a refusal", two.vote(ONE, vote(3))).await;
    assert!(unreachable(gone));
}

#[tokio::test]
async fn a_message_that_is_too_large_harms_nobody_else() {
    let world = World::new();
    let one = world.listens(1, Memory::default()).await;
    let two = world.calls(world.tls(2));
    let large = |bytes: usize| ProposeRequest { commands: vec![0; bytes].into(), ..ProposeRequest::default() };
    let refused = two.propose(ONE, large(MESSAGE_LIMIT_BYTES)).await;
    assert!(matches!(refused, Err(PeerError::Refused { .. })), "{refused:?}");
    two.propose(ONE, large(8 * 1_048_576)).await.unwrap();
    // Whoever sends it anyway is refused there, and the other calls of its connection go on.
    let tcp = tokio::net::TcpStream::connect(&one.address).await.unwrap();
    let (stream, _) = world.tls(3).connect(tcp, ONE, PATIENCE).await.unwrap();
    let (wire, drive, _) = Wire::over(stream, Arc::new(Tasks)).await.unwrap();
    tokio::spawn(drive);
    let mut raft = wire.clone().raft().max_encoding_message_size(usize::MAX);
    let mut backbone = wire.backbone().max_encoding_message_size(usize::MAX);
    let requests = stream::once(future::ready(append(1, 1, 0))).chain(stream::pending());
    let mut answers = raft.append(requests).await.unwrap().into_inner();
    assert_eq!(soon("an answer", answers.message()).await.unwrap(), Some(matched(1, 1)));
    let status = soon("a refusal", backbone.propose(large(MESSAGE_LIMIT_BYTES + 1))).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::OutOfRange, "{status:?}");
    assert!(matches!(outcome::error(ONE, &status), PeerError::Broken { .. }));
    let broken = soon("a stream's end", async {
        let mut answers = raft.append(stream::iter([append(1, 1, MESSAGE_LIMIT_BYTES)])).await?.into_inner();
        answers.message().await
    });
    assert!(!matches!(broken.await, Ok(Some(_))));
    assert!(raft.vote(vote(3)).await.is_ok());
    let heard = one.memory.heard();
    assert_eq!(heard.iter().filter(|(_, what)| what.starts_with("propose")).count(), 1, "{heard:?}");
    one.stops().await;
}

#[tokio::test]
async fn who_does_not_read_holds_up_its_own_calls_alone() {
    let world = World::new();
    let one = world.listens(1, Memory { deaf: true, ..Memory::default() }).await;
    let two = world.calls(world.tls(2));
    let mut held = Vec::new();
    let sent = Arc::new(AtomicUsize::new(0));
    for group in 0..16 {
        let sent = Arc::clone(&sent);
        let endless = stream::iter(0..).map(move |index| {
            sent.fetch_add(1, Ordering::SeqCst);
            append(group, index, 65_536)
        });
        held.push(two.append(ONE, Box::pin(endless)).await.unwrap());
    }
    // What is written ahead has an end: the windows are full.
    let mut last = 0;
    until("the windows are full", || {
        std::mem::replace(&mut last, sent.load(Ordering::SeqCst)) == sent.load(Ordering::SeqCst) && last > 0
    })
    .await;
    for term in 1..20 {
        assert!(soon("a vote", two.vote(ONE, vote(term))).await.is_ok());
    }
    assert!(sent.load(Ordering::SeqCst) < 16 * 64, "{sent:?}");
    one.stops().await;
}

#[tokio::test]
async fn a_peer_that_is_gone_without_a_word_is_found_dead() {
    let world = World::new();
    let one = world.listens(1, Memory::default()).await;
    // Between the two stands somebody who stops passing anything on.
    let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.book.0.lock().insert(ONE, relay.local_addr().unwrap().to_string());
    let (cut, cuts) = watch::channel(false);
    let to = one.address.clone();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut near, _)) = relay.accept().await {
            let mut far = tokio::net::TcpStream::connect(&to).await.unwrap();
            let mut cuts = cuts.clone();
            kept.push(tokio::spawn(async move {
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    _ = cuts.wait_for(|cut| *cut) => {}
                }
                let _open = (near, far);
                future::pending::<()>().await;
            }));
        }
    });
    let two = world.calls(world.tls(2));
    let hangs = tokio::spawn({
        let two = Arc::clone(&two);
        async move { two.vote(ONE, vote(HANGS)).await }
    });
    until("a call hangs", || one.memory.hanging.load(Ordering::SeqCst) == 1).await;
    cut.send_replace(true);
    let broken = soon("the call's end", hangs).await.unwrap();
    assert!(matches!(broken, Err(PeerError::Broken { .. })), "{broken:?}");
    // The other side finds it too, and lets go of the call.
    until("the call is gone", || one.memory.hanging.load(Ordering::SeqCst) == 0).await;
    one.stops().await;
}
