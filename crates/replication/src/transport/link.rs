//! The way to one peer: a connection that is made when somebody wants it, and made again after a pause when it fails.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};

use bascule_model::ambient::{Clock, Entropy, Pending, Spawn, TaskKind};
use bascule_model::time::BootMillis;
use bascule_model::uid::NodeId;
use bascule_pki::peer::Peer;
use bascule_pki::peering::PeerTls;

use crate::peers::PeerError;
use crate::transport::connections::Directory;
use crate::transport::limits::{
    BACKOFF_FIRST_MS, BACKOFF_LIMIT_MS, CONNECT_LIMIT_MS, FIRST_WAIT_LIMIT_MS, HANDSHAKE_LIMIT_MS, LINK_LIMIT_CALLS,
    LOOK_INTERVAL_MS, PEER_LIMIT_SNAPSHOTS, STEADY_MS,
};
use crate::transport::outcome::chain;
use crate::transport::severed::Cut;
use crate::transport::wire::{Drive, Wire};

/// What every link needs.
pub(super) struct Means {
    pub(super) tls: Arc<PeerTls>,
    pub(super) directory: Arc<dyn Directory>,
    pub(super) spawn: Arc<dyn Spawn>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
}

/// The way to one peer, for one purpose.
pub(super) struct Link {
    peer: NodeId,
    means: Arc<Means>,
    state: Mutex<State>,
    /// Unary calls that may be open.
    pub(super) calls: Arc<Semaphore>,
    /// Snapshots that may be on their way.
    pub(super) snapshots: Arc<Semaphore>,
}

type Outcome = Option<Result<Wire, String>>;

#[derive(Default)]
struct State {
    wire: Option<Wire>,
    attempt: Option<watch::Receiver<Outcome>>,
    /// In a row; 0 while a connection has lived for a while.
    failures: u32,
    /// Why the last one failed.
    why: String,
    not_before: BootMillis,
}

/// A connection that was made.
struct Dialed {
    wire: Wire,
    drive: Drive,
    cut: Arc<Cut>,
    server: Peer,
}

/// An address at which there was no connection.
struct Missed {
    why: String,
    next: Next,
}

/// Whether the next address is worth a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Address,
    Nothing,
}

/// What a call finds.
enum Found {
    Wire(Wire),
    Attempt(watch::Receiver<Outcome>),
    Nothing(String),
}

impl Link {
    pub(super) fn new(peer: NodeId, means: Arc<Means>) -> Arc<Self> {
        Arc::new(Self {
            peer,
            means,
            state: Mutex::default(),
            calls: Arc::new(Semaphore::new(LINK_LIMIT_CALLS)),
            snapshots: Arc::new(Semaphore::new(PEER_LIMIT_SNAPSHOTS)),
        })
    }

    /// The connection. Where there is none and the peer is not known to fail, the attempt is waited for; else an attempt goes on
    /// beside, and the call fails at once: whoever could ask another peer must not wait for a dead one.
    ///
    /// # Errors
    /// [`PeerError::Unreachable`].
    pub(super) fn wire(self: &Arc<Self>) -> Pending<'_, Result<Wire, PeerError>> {
        Box::pin(self.waited())
    }

    async fn waited(self: &Arc<Self>) -> Result<Wire, PeerError> {
        let unreachable = |why| PeerError::Unreachable { peer: self.peer, why };
        let mut attempt = match self.find() {
            Found::Wire(wire) => return Ok(wire),
            Found::Nothing(why) => return Err(unreachable(why)),
            Found::Attempt(attempt) => attempt,
        };
        let told = async {
            loop {
                if let Some(outcome) = attempt.borrow_and_update().clone() {
                    return outcome;
                }
                if attempt.changed().await.is_err() {
                    return Err("the attempt was given up".to_owned());
                }
            }
        };
        match tokio::time::timeout(Duration::from_millis(FIRST_WAIT_LIMIT_MS), told).await {
            Ok(outcome) => outcome.map_err(unreachable),
            Err(_) => Err(unreachable(format!("it is not connected within {FIRST_WAIT_LIMIT_MS} ms"))),
        }
    }

    fn find(self: &Arc<Self>) -> Found {
        let now = self.means.clock.boot();
        let mut state = self.state.lock();
        if let Some(wire) = &state.wire {
            // The one that drives it notes its end, with the pause that follows.
            return if wire.is_closed() {
                Found::Nothing("its connection ends".to_owned())
            } else {
                Found::Wire(wire.clone())
            };
        }
        // An attempt whose task was lost without an outcome is none.
        state.attempt = state.attempt.take().filter(|attempt| attempt.has_changed().is_ok());
        if state.attempt.is_none() && now < state.not_before {
            return Found::Nothing(state.why.clone());
        }
        let attempt = match &state.attempt {
            Some(attempt) => attempt.clone(),
            None => {
                let (told, attempt) = watch::channel(None);
                state.attempt = Some(attempt.clone());
                let link = Arc::clone(self);
                let work = async move {
                    let outcome = link.attempt().await;
                    told.send_replace(Some(outcome));
                };
                self.means.spawn.spawn(TaskKind::Call, Box::pin(work));
                attempt
            }
        };
        if state.failures > 0 { Found::Nothing(state.why.clone()) } else { Found::Attempt(attempt) }
    }

    async fn attempt(self: &Arc<Self>) -> Result<Wire, String> {
        let made = self.dial().await;
        let now = self.means.clock.boot();
        let mut state = self.state.lock();
        state.attempt = None;
        match made {
            Ok(Dialed { wire, drive, cut, server }) => {
                state.wire = Some(wire.clone());
                let link = Arc::clone(self);
                let work = async move { link.live(drive, &cut, &server, now).await };
                self.means.spawn.spawn(TaskKind::Call, Box::pin(work));
                Ok(wire)
            }
            Err(why) => {
                if state.failures == 0 {
                    tracing::info!(peer = self.peer.0, why, "a peer cannot be reached");
                }
                self.failed(&mut state, now, why.clone());
                Err(why)
            }
        }
    }

    /// Tries one address after the other: a node that has moved is found where it says that it is, whatever was written down before.
    async fn dial(&self) -> Result<Dialed, String> {
        let mut whys = Vec::new();
        for address in self.means.directory.addresses(self.peer) {
            match self.dial_at(&address).await {
                Ok(dialed) => return Ok(dialed),
                Err(Missed { why, next }) => {
                    whys.push(format!("`{address}`: {why}"));
                    if next == Next::Nothing {
                        break;
                    }
                }
            }
        }
        Err(if whys.is_empty() { "its address is not known".to_owned() } else { whys.join("; ") })
    }

    async fn dial_at(&self, address: &str) -> Result<Dialed, Missed> {
        let Means { tls, spawn, .. } = &*self.means;
        let limit = Duration::from_millis(CONNECT_LIMIT_MS);
        let elsewhere = |why| Missed { why, next: Next::Address };
        let tcp = match tokio::time::timeout(limit, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => tcp,
            Ok(Err(error)) => return Err(elsewhere(error.to_string())),
            Err(_) => return Err(elsewhere(format!("it does not answer within {CONNECT_LIMIT_MS} ms"))),
        };
        let _ = tcp.set_nodelay(true);
        let shaken = tls.connect(tcp, self.peer, Duration::from_millis(HANDSHAKE_LIMIT_MS)).await;
        let (stream, server) = shaken.map_err(|error| Missed {
            why: chain(&error),
            // Somebody is there and says nothing: the node itself, most likely, which hangs.
            next: if matches!(error, bascule_pki::Error::HandshakeTimeout { .. }) {
                Next::Nothing
            } else {
                Next::Address
            },
        })?;
        let wired = Wire::over(stream, Arc::clone(spawn)).await;
        let (wire, drive, cut) = wired.map_err(|error| Missed { why: chain(&error), next: Next::Nothing })?;
        Ok(Dialed { wire, drive, cut, server })
    }

    /// Drives a connection to its end: its own, its certificate's, or the peer's membership's.
    async fn live(&self, drive: Drive, cut: &Cut, server: &Peer, since: BootMillis) {
        let why = tokio::select! {
            ended = drive => match ended {
                Ok(()) => "its connection ended".to_owned(),
                Err(error) => format!("its connection broke: {}", chain(&error)),
            },
            why = self.judged(server) => {
                tracing::warn!(peer = self.peer.0, why, "a connection to a peer is cut");
                cut.now();
                why
            }
        };
        let now = self.means.clock.boot();
        let mut state = self.state.lock();
        state.wire = None;
        if now.since(since) < STEADY_MS {
            self.failed(&mut state, now, why);
        } else {
            tracing::info!(peer = self.peer.0, why, "a peer is gone");
            (state.failures, state.not_before, state.why) = (0, BootMillis(0), why);
        }
    }

    async fn judged(&self, server: &Peer) -> String {
        loop {
            tokio::time::sleep(Duration::from_millis(LOOK_INTERVAL_MS)).await;
            if let Err(error) = self.means.tls.recheck(server) {
                return chain(&error);
            }
            if self.means.directory.addresses(self.peer).is_empty() {
                return "it is no member any more".to_owned();
            }
        }
    }

    fn failed(&self, state: &mut State, now: BootMillis, why: String) {
        let mut chance = [0; 2];
        // Without chance there is no jitter, which is no reason not to wait.
        let _ = self.means.entropy.fill(&mut chance);
        let pause_ms = pause_ms(state.failures, u16::from_be_bytes(chance));
        state.failures = state.failures.saturating_add(1);
        state.not_before = BootMillis(now.0.saturating_add(pause_ms));
        state.why = why;
    }
}

/// The pause after `failures` earlier ones: from a half of what has doubled so often to all of it, as `chance` says.
fn pause_ms(failures: u32, chance: u16) -> u64 {
    let whole = BACKOFF_FIRST_MS.saturating_mul(1 << failures.min(16)).min(BACKOFF_LIMIT_MS);
    whole / 2 + (whole - whole / 2) * u64::from(chance) / u64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_limit_with_jitter() {
        for (failures, chance, expected) in [
            (0, 0, 25),
            (0, u16::MAX, 50),
            (1, u16::MAX, 100),
            (2, 0, 100),
            (4, u16::MAX, 800),
            (5, u16::MAX, 1_000),
            (5, 0, 500),
            (u32::MAX, u16::MAX, 1_000),
        ] {
            assert_eq!(pause_ms(failures, chance), expected, "{failures} {chance}");
        }
    }
}
