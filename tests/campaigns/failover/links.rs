//! The network between nodes: every connection of one to another goes through a link, which can hold back what either sends.
//!
//! A cut link loses no bytes and closes nothing, as a network that drops packets: what was sent arrives once it is healed, or its
//! sender gives up before.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use bascule_tests::Outcome;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Bytes that are taken at once.
const CHUNK_BYTES: usize = 16 * 1_024;

/// A direction between two nodes, by their numbers.
type Way = (u64, u64);

/// All links of a cluster. Dropping them closes them.
pub struct Links {
    gates: BTreeMap<Way, Arc<watch::Sender<bool>>>,
    addresses: BTreeMap<Way, SocketAddr>,
    _tasks: JoinSet<()>,
}

impl Links {
    /// Links between all nodes, each with the address where it really listens to its peers.
    ///
    /// # Errors
    /// The system's.
    pub async fn between(nodes: &BTreeMap<u64, SocketAddr>) -> Outcome<Self> {
        let ways =
            || nodes.keys().flat_map(|from| nodes.keys().filter(move |to| *to != from).map(move |to| (*from, *to)));
        let gates: BTreeMap<Way, _> = ways().map(|way| (way, Arc::new(watch::Sender::new(true)))).collect();
        let (mut addresses, mut tasks) = (BTreeMap::new(), JoinSet::new());
        for (from, to) in ways() {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            addresses.insert((from, to), listener.local_addr()?);
            let gate = |way: Way| gates.get(&way).map(|gate| gate.subscribe()).context("no such way");
            tasks.spawn(accept(listener, nodes[&to], gate((from, to))?, gate((to, from))?));
        }
        Ok(Self { gates, addresses, _tasks: tasks })
    }

    /// Where `from` finds `to`.
    #[must_use]
    pub fn address(&self, from: u64, to: u64) -> Option<SocketAddr> {
        self.addresses.get(&(from, to)).copied()
    }

    /// Holds back, or lets through, what this node sends.
    pub fn outward(&self, node: u64, gate: Gate) {
        self.turn(gate, |(from, _)| from == node);
    }

    /// The same of all that it sends and is sent.
    pub fn around(&self, node: u64, gate: Gate) {
        self.turn(gate, |(from, to)| from == node || to == node);
    }

    fn turn(&self, gate: Gate, which: impl Fn(Way) -> bool) {
        for (_, sender) in self.gates.iter().filter(|(way, _)| which(**way)) {
            sender.send_replace(gate == Gate::Open);
        }
    }
}

/// Whether bytes go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// They do.
    Open,
    /// They wait.
    Shut,
}

async fn accept(listener: TcpListener, to: SocketAddr, there: watch::Receiver<bool>, back: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(join(stream, to, there.clone(), back.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection. Its end on either side is its end on both.
async fn join(near: TcpStream, to: SocketAddr, mut there: watch::Receiver<bool>, mut back: watch::Receiver<bool>) {
    // Neither the request for a connection nor the answer to it goes through a cut.
    if !open(&mut there).await || !open(&mut back).await {
        return;
    }
    let Ok(far) = TcpStream::connect(to).await else { return };
    // Without this small messages wait for each other; a link must not be slower than the network.
    if near.set_nodelay(true).and_then(|()| far.set_nodelay(true)).is_err() {
        return;
    }
    let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
    tokio::select! {
        () = pump(near_read, far_write, there) => {}
        () = pump(far_read, near_write, back) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut gate: watch::Receiver<bool>) {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let Ok(count) = from.read(&mut chunk).await else { return };
        // An end is news too, and waits as all others.
        if !open(&mut gate).await || count == 0 || to.write_all(&chunk[..count]).await.is_err() {
            return;
        }
    }
}

/// Waits until the gate is open; `false`: it is gone.
async fn open(gate: &mut watch::Receiver<bool>) -> bool {
    gate.wait_for(|is_open| *is_open).await.is_ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Sends one byte and says whether its echo comes back soon.
    async fn echoes(stream: &mut TcpStream) -> bool {
        stream.write_all(b"x").await.unwrap();
        let mut byte = [0];
        tokio::time::timeout(Duration::from_millis(200), stream.read_exact(&mut byte)).await.is_ok()
    }

    #[tokio::test]
    async fn what_is_held_back_arrives_once_the_link_is_healed() {
        let server = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = server.local_addr().unwrap();
        let _server = tokio::spawn(async move {
            let (mut stream, _) = server.accept().await.unwrap();
            let mut byte = [0];
            while stream.read_exact(&mut byte).await.is_ok() {
                stream.write_all(&byte).await.unwrap();
            }
        });
        let links = Links::between(&BTreeMap::from([(1, address), (2, address)])).await.unwrap();
        let mut stream = TcpStream::connect(links.address(1, 2).unwrap()).await.unwrap();
        assert!(echoes(&mut stream).await);
        for (cut, node) in [(Links::around as fn(&Links, u64, Gate), 1), (Links::outward, 1), (Links::outward, 2)] {
            cut(&links, node, Gate::Shut);
            assert!(!echoes(&mut stream).await, "{node}");
            cut(&links, node, Gate::Open);
            let mut byte = [0];
            stream.read_exact(&mut byte).await.unwrap();
            assert!(echoes(&mut stream).await, "{node}");
        }
    }
}
