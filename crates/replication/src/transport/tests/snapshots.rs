//! Snapshots: whole or not at all, and few at a time.

use super::*;
use crate::transport::limits::NODE_LIMIT_SNAPSHOTS;

const ONE: NodeId = NodeId(1);

fn parts(count: usize) -> Flow<Result<SnapshotPart, PeerError>> {
    let part = || SnapshotPart { head: None, chunk: vec![7; 1_048_576].into() };
    Box::pin(stream::iter((0..count).map(move |_| Ok(part()))))
}

fn broke() -> PeerError {
    PeerError::Broken { peer: ONE, why: "the disk".to_owned() }
}

#[tokio::test]
async fn a_snapshot_comes_whole_or_is_known_to_be_broken() {
    let world = World::new();
    let one = world.listens(1, Memory { snapshots_go: watch::Sender::new(true), ..Memory::default() }).await;
    let two = world.calls(world.tls(2));
    soon("a snapshot", two.snapshot(ONE, parts(20))).await.unwrap();
    let failing = parts(3).chain(stream::once(future::ready(Err(broke())))).chain(parts(1));
    let failed = soon("a failed snapshot", two.snapshot(ONE, Box::pin(failing))).await;
    assert_eq!(failed.map(drop), Err(broke()));
    until("the receiver knows", || one.memory.heard().len() == 2).await;
    let heard: Vec<_> = one.memory.heard().into_iter().map(|(_, what)| what).collect();
    assert_eq!(heard, ["a snapshot of 20971520 bytes", "a snapshot broke"]);
    // One that is given up is no shorter one.
    let endless = parts(2).chain(stream::pending());
    let given_up = tokio::spawn({
        let two = Arc::clone(&two);
        async move { two.snapshot(ONE, Box::pin(endless)).await }
    });
    until("it has begun", || one.memory.snapshots_begun.load(Ordering::SeqCst) == 3).await;
    given_up.abort();
    until("the receiver knows", || one.memory.heard().len() == 3).await;
    assert_eq!(one.memory.heard()[2].1, "a snapshot broke");
    soon("another", two.snapshot(ONE, parts(1))).await.unwrap();
    one.stops().await;
}

#[tokio::test]
async fn snapshots_take_turns_and_hold_up_no_call() {
    let world = World::new();
    let one = world.listens(1, Memory::default()).await;
    let begun = |count: usize| {
        let memory = Arc::clone(&one.memory);
        move || memory.snapshots_begun.load(Ordering::SeqCst) == count
    };
    let sends = |connections: &Arc<Connections>| {
        let connections = Arc::clone(connections);
        tokio::spawn(async move { connections.snapshot(ONE, parts(1)).await })
    };
    let (two, three, four) = (world.calls(world.tls(2)), world.calls(world.tls(3)), world.calls(world.tls(4)));
    let mut running = vec![sends(&two), sends(&two)];
    until("one has begun", begun(1)).await;
    running.push(sends(&three));
    until("another node's has begun", begun(NODE_LIMIT_SNAPSHOTS)).await;
    // As many come in as may: a third node is told so, and nothing of its own was done.
    let refused = soon("a refusal", four.snapshot(ONE, parts(1))).await;
    assert!(matches!(refused, Err(PeerError::Refused { .. })), "{refused:?}");
    for connections in [&two, &three, &four] {
        assert!(soon("a vote", connections.vote(ONE, vote(3))).await.is_ok());
    }
    // The second of the same node waits here, and is not refused there.
    assert!(begun(NODE_LIMIT_SNAPSHOTS)() && running.iter().all(|one| !one.is_finished()));
    one.memory.snapshots_go.send_replace(true);
    for done in running {
        soon("a snapshot", done).await.unwrap().unwrap();
    }
    assert!(begun(3)());
    one.stops().await;
}
