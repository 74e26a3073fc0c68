//! The wires between nodes: a relay of TCP for each ordered pair, which can be cut and healed in each direction.
//!
//! In: an address to listen at for each caller and called, and where the called one really listens.
//! Out: the bytes of each connection, in order, as long as the wire is whole.
//! Never: a byte that is lost within a connection. What was sent into a cut waits, as TCP would send it again; and who connects
//! over a cut hears nothing, as over a broken wire.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::Outcome;

/// Bytes that a relay holds of one direction of a connection.
const HELD_BYTES: usize = 64 * 1024;

/// Who calls whom, by number.
pub type Pair = (u64, u64);

/// The ways by which bytes may not go: sender and receiver.
type Cuts = BTreeSet<Pair>;

/// All wires. Dropping them closes every connection.
#[derive(Debug)]
pub struct Links {
    places: BTreeMap<Pair, SocketAddr>,
    cuts: Arc<watch::Sender<Cuts>>,
    stop: Option<watch::Sender<bool>>,
    thread: Option<JoinHandle<()>>,
    fault: Arc<Mutex<Option<io::Error>>>,
}

impl Links {
    /// Relays for every ordered pair of these nodes, each with the address where it takes its peers.
    ///
    /// # Errors
    /// The system's.
    pub fn between(nodes: &[(u64, SocketAddr)]) -> Outcome<Self> {
        let mut places = BTreeMap::new();
        let mut listeners = Vec::new();
        for (caller, _) in nodes {
            for (called, target) in nodes.iter().filter(|(called, _)| called != caller) {
                let listener = StdListener::bind(("127.0.0.1", 0)).context("a relay has no port")?;
                listener.set_nonblocking(true)?;
                places.insert((*caller, *called), listener.local_addr()?);
                listeners.push(((*caller, *called), listener, *target));
            }
        }
        let cuts = Arc::new(watch::channel(Cuts::new()).0);
        let (stop, stopped) = watch::channel(false);
        let fault = Arc::new(Mutex::default());
        let (watched, told) = (Arc::clone(&cuts), Arc::clone(&fault));
        // In a thread of their own: a test that waits for a process must not hold up what its nodes say to each other.
        let thread = thread::spawn(move || {
            if let Err(error) = relay_all(listeners, &watched, stopped) {
                *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
        });
        Ok(Self { places, cuts, stop: Some(stop), thread: Some(thread), fault })
    }

    /// Where `caller` finds `called`.
    ///
    /// # Errors
    /// There is no such pair, or the relays have ended.
    pub fn place(&self, caller: u64, called: u64) -> Outcome<SocketAddr> {
        if let Some(error) = self.fault.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error).context("the relays between nodes have ended");
        }
        let place = self.places.get(&(caller, called)).copied();
        place.with_context(|| format!("there is no wire from node {caller} to node {called}"))
    }

    /// Lets nothing more go from `sender` to `receiver`; what goes the other way still does.
    pub fn cut(&self, sender: u64, receiver: u64) {
        self.cuts.send_modify(|cuts| {
            cuts.insert((sender, receiver));
        });
    }

    /// Cuts a node off from all others, both ways.
    pub fn cut_off(&self, node: u64) {
        let ends = |pair: &&Pair| pair.0 == node || pair.1 == node;
        let pairs: Vec<Pair> = self.places.keys().filter(ends).copied().collect();
        self.cuts.send_modify(|cuts| cuts.extend(pairs));
    }

    /// Cuts what a node sends to all others; it still hears them.
    pub fn cut_outward(&self, node: u64) {
        let pairs: Vec<Pair> = self.places.keys().filter(|pair| pair.0 == node).copied().collect();
        self.cuts.send_modify(|cuts| cuts.extend(pairs));
    }

    /// Heals every cut.
    pub fn heal(&self) {
        self.cuts.send_modify(Cuts::clear);
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It ends with its runtime; what it could say, nobody hears any more.
            let _ = thread.join();
        }
    }
}

fn relay_all(
    listeners: Vec<(Pair, StdListener, SocketAddr)>,
    cuts: &Arc<watch::Sender<Cuts>>,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        for (pair, listener, target) in listeners {
            tokio::spawn(accept(pair, TcpListener::from_std(listener)?, target, Arc::clone(cuts)));
        }
        // An error says that the sender is gone, which is what is waited for.
        let _ = stopped.changed().await;
        Ok(())
    })
}

async fn accept(pair: Pair, listener: TcpListener, target: SocketAddr, cuts: Arc<watch::Sender<Cuts>>) {
    while let Ok((near, _)) = listener.accept().await {
        tokio::spawn(connect(pair, near, target, cuts.subscribe()));
    }
}

async fn connect(pair: Pair, near: TcpStream, target: SocketAddr, mut cuts: watch::Receiver<Cuts>) {
    let back = (pair.1, pair.0);
    // Its first packet and the answer to it.
    if cuts.wait_for(|cuts| !cuts.contains(&pair) && !cuts.contains(&back)).await.is_err() {
        return;
    }
    // Dropped, `near` is closed: nobody listens there.
    let Ok(far) = TcpStream::connect(target).await else { return };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    tokio::join!(carry(pair, near_read, far_write, cuts.clone()), carry(back, far_read, near_write, cuts));
}

/// One direction, until its sender has no more to say or its receiver is gone.
async fn carry(way: Pair, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut cuts: watch::Receiver<Cuts>) {
    let mut held = vec![0; HELD_BYTES];
    loop {
        let count = from.read(&mut held).await.unwrap_or(0);
        // Looked at after the read: what comes while the wire is cut stays here.
        if cuts.wait_for(|cuts| !cuts.contains(&way)).await.is_err() || count == 0 {
            return;
        }
        if to.write_all(&held[..count]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream as Plain;
    use std::time::Duration;

    use super::*;

    /// What the reader has within a while, as far as it came.
    fn hear(from: &mut Plain, bytes: usize, within: Duration) -> usize {
        from.set_read_timeout(Some(within)).unwrap();
        let mut all = vec![0; bytes];
        from.read_exact(&mut all).map_or(0, |()| bytes)
    }

    #[test]
    fn a_cut_holds_bytes_in_its_direction_alone_and_healing_gives_them() {
        let (long, short) = (Duration::from_secs(10), Duration::from_millis(200));
        let (one, two) = (StdListener::bind("127.0.0.1:0").unwrap(), StdListener::bind("127.0.0.1:0").unwrap());
        let nodes = [(1, one.local_addr().unwrap()), (2, two.local_addr().unwrap())];
        let links = Links::between(&nodes).unwrap();
        let mut near = Plain::connect(links.place(1, 2).unwrap()).unwrap();
        let (mut far, _) = two.accept().unwrap();
        near.write_all(b"abc").unwrap();
        assert_eq!(hear(&mut far, 3, long), 3);
        links.cut(1, 2);
        near.write_all(b"de").unwrap();
        assert_eq!(hear(&mut far, 2, short), 0, "the way there is cut");
        far.write_all(b"f").unwrap();
        assert_eq!(hear(&mut near, 1, long), 1, "the way back is not");
        links.heal();
        assert_eq!(hear(&mut far, 2, long), 2, "what was held comes");
        links.cut_off(2);
        near.write_all(b"g").unwrap();
        far.write_all(b"h").unwrap();
        assert_eq!((hear(&mut far, 1, short), hear(&mut near, 1, short)), (0, 0), "both ways are cut");
        links.heal();
        assert_eq!((hear(&mut far, 1, long), hear(&mut near, 1, long)), (1, 1), "and healed");
        links.cut_outward(2);
        near.write_all(b"i").unwrap();
        far.write_all(b"j").unwrap();
        assert_eq!((hear(&mut far, 1, long), hear(&mut near, 1, short)), (1, 0), "it hears, and is not heard");
    }
}
