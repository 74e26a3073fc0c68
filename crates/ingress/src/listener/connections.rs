//! The connections of a listener: how many there are, and which of them may go on.
//!
//! In: each connection's address, peer and pace; once a second, the time.
//! Out: places, refused beyond what one address may have; connections that are retired or cut, whoever reads them or not.
//! Never: a wait of a connection for another one's look, or a connection that is not counted.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter};
use parking_lot::Mutex;
use tokio::sync::OwnedSemaphorePermit;

use bascule_model::ambient::Clock;
use bascule_model::time::BootMillis;
use bascule_pki::peer::Peer;
use bascule_pki::server::ServerTls;

use crate::limits::{
    ADDRESS_LIMIT_HANDSHAKES, LOOK_INTERVAL_MS, LOOKS_TURN_LIMIT_CONNECTIONS, RETIRE_EARLY_LIMIT_MS, RETIRE_EARLY_PART,
    RETIRE_GRACE_MS, RETIRE_SPREAD_PART, UNFINISHED_LIMIT_MS,
};
use crate::listener::cut::Cut;
use crate::listener::retire::Retire;

/// How many connections one address may have, and how old they grow.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Connections of one address at once, those in their handshake among them; of IPv6, of one network of 64 bits.
    pub address_limit_connections: usize,
    /// A connection is retired at this age at the latest.
    pub age_limit_ms: u64,
}

/// The connections of one listener.
pub(super) struct Connections {
    bounds: Bounds,
    clock: Arc<dyn Clock>,
    open: Mutex<Open>,
    refused: Counter<u64>,
    ended: Counter<u64>,
}

#[derive(Default)]
struct Open {
    next: u64,
    live: BTreeMap<u64, Arc<Live>>,
    addresses: BTreeMap<IpAddr, Held>,
}

#[derive(Default)]
struct Held {
    all: usize,
    shaking: usize,
}

/// A connection's place, from its accept on, until it is dropped.
pub(super) struct Seat {
    connections: Arc<Connections>,
    network: IpAddr,
    shaking: bool,
    live: Option<u64>,
    _place: OwnedSemaphorePermit,
}

/// A connection after its handshake, as it is looked at from outside.
pub(super) struct Live {
    pub(super) peer: Arc<Peer>,
    pub(super) cut: Cut,
    pub(super) retire: Retire,
    /// Since when something is unfinished that should not be, in milliseconds since boot; 0 for nothing.
    pub(super) unfinished_ms: AtomicU64,
    retire_at: BootMillis,
}

/// What becomes of a connection.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    GoesOn,
    Retires,
    Ends(&'static str),
}

impl Connections {
    pub(super) fn new(bounds: Bounds, clock: Arc<dyn Clock>, meter: &Meter) -> Arc<Self> {
        let refused = meter
            .u64_counter("bascule.connections.refused")
            .with_description("Connections that were closed before or in their handshake, by reason.")
            .build();
        let ended = meter
            .u64_counter("bascule.connections.ended")
            .with_description("Connections that this node ended, by reason.")
            .build();
        Arc::new(Self { bounds, clock, open: Mutex::default(), refused, ended })
    }

    /// A place for a connection from there; none if that address has as many as it may.
    pub(super) fn seat(self: &Arc<Self>, from: IpAddr, place: OwnedSemaphorePermit) -> Option<Seat> {
        let network = network(from);
        let mut open = self.open.lock();
        let held = open.addresses.entry(network).or_default();
        if held.all >= self.bounds.address_limit_connections || held.shaking >= ADDRESS_LIMIT_HANDSHAKES {
            return None;
        }
        held.all += 1;
        held.shaking += 1;
        drop(open);
        Some(Seat { connections: Arc::clone(self), network, shaking: true, live: None, _place: place })
    }

    /// A connection was closed before it was one.
    pub(super) fn refused(&self, reason: &'static str) {
        self.refused.add(1, &[KeyValue::new("reason", reason)]);
    }

    /// A connection ended itself by what it sent.
    pub(super) fn ended(&self, reason: &'static str) {
        self.ended.add(1, &[KeyValue::new("reason", reason)]);
    }

    pub(super) fn now(&self) -> BootMillis {
        self.clock.boot()
    }

    /// Looks at every connection, for ever: whoever is known no more is cut, whether its certificate ended, was revoked, or has no
    /// authority any more, and whatever is or is not sent on it.
    pub(super) async fn watch(&self, tls: &ServerTls) {
        loop {
            tokio::time::sleep(Duration::from_millis(LOOK_INTERVAL_MS)).await;
            let live: Vec<_> = self.open.lock().live.values().cloned().collect();
            for (at, one) in live.iter().enumerate() {
                // After a reload each takes a verification.
                if at % LOOKS_TURN_LIMIT_CONNECTIONS == LOOKS_TURN_LIMIT_CONNECTIONS - 1 {
                    tokio::task::yield_now().await;
                }
                self.look(one, tls);
            }
        }
    }

    fn look(&self, live: &Live, tls: &ServerTls) {
        let known = tls.recheck(&live.peer);
        match live.fate(known.is_ok(), self.clock.boot()) {
            Fate::GoesOn => {}
            Fate::Retires => live.retire.ask(),
            Fate::Ends(reason) => {
                let why = known.err().map(|error| error.to_string());
                tracing::info!(reason, why, "a connection is cut");
                self.ended(reason);
                live.cut.now();
                // Whatever does not hear of the cut, since it does not read.
                live.retire.ask();
            }
        }
    }
}

impl Live {
    fn fate(&self, known: bool, now: BootMillis) -> Fate {
        let unfinished_ms = self.unfinished_ms.load(Ordering::Relaxed);
        if !known {
            Fate::Ends("unknown")
        } else if unfinished_ms > 0 && now.since(BootMillis(unfinished_ms)) > UNFINISHED_LIMIT_MS {
            Fate::Ends("slow")
        } else if now < self.retire_at {
            Fate::GoesOn
        } else if now.since(self.retire_at) > RETIRE_GRACE_MS {
            Fate::Ends("retired")
        } else {
            Fate::Retires
        }
    }
}

impl Seat {
    /// The handshake is done.
    pub(super) fn shaken(&mut self, peer: Arc<Peer>) -> Arc<Live> {
        let Connections { bounds, clock, open, .. } = &*self.connections;
        let (now, wall_ms) = (clock.boot(), clock.wall().0);
        let left_ms = u64::try_from(peer.not_after_unix_s).unwrap_or(0).saturating_mul(1_000).saturating_sub(wall_ms);
        let mut open = open.lock();
        let key = open.next;
        open.next += 1;
        let live = Arc::new(Live {
            peer,
            cut: Cut::default(),
            retire: Retire::default(),
            unfinished_ms: AtomicU64::new(now.0.max(1)),
            retire_at: BootMillis(now.0.saturating_add(retires_in_ms(left_ms, bounds.age_limit_ms, key))),
        });
        open.live.insert(key, Arc::clone(&live));
        if let Some(held) = open.addresses.get_mut(&self.network) {
            held.shaking -= 1;
        }
        (self.live, self.shaking) = (Some(key), false);
        live
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.connections.open.lock();
        if let Some(key) = self.live {
            open.live.remove(&key);
        }
        if let Some(held) = open.addresses.get_mut(&self.network) {
            held.all -= 1;
            held.shaking -= usize::from(self.shaking);
            if held.all == 0 {
                open.addresses.remove(&self.network);
            }
        }
    }
}

/// When a connection is retired, from its handshake on: before its certificate ends, so that a client that has another by then loses
/// no call; and at its age, not all at once. A certificate that is almost over is left to its end, or clients would come again and
/// again with it.
fn retires_in_ms(left_ms: u64, age_limit_ms: u64, key: u64) -> u64 {
    let aged = age_limit_ms - (age_limit_ms / RETIRE_SPREAD_PART) * (key % 8) / 8;
    let early_ms = (left_ms / RETIRE_EARLY_PART).min(RETIRE_EARLY_LIMIT_MS);
    if early_ms < LOOK_INTERVAL_MS { aged } else { aged.min(left_ms - early_ms) }
}

/// What counts as one address: whoever has one of IPv6 has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => IpAddr::V6((six.to_bits() & !u128::from(u64::MAX)).into()),
        four => four,
    }
}

#[cfg(test)]
mod tests;
