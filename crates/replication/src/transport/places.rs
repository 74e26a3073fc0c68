//! How many connections there are at the peers' port, and whose.
//!
//! A stranger can take a part of the handshakes and none of the nodes' places; a node can take its own places and no other's.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use bascule_model::time::BootMillis;
use bascule_model::uid::NodeId;

use crate::transport::limits::{
    ADDRESS_LIMIT_HANDSHAKES, JOIN_BURST_LIMIT_CONNECTIONS, JOIN_INTERVAL_MS, JOIN_LIMIT_CONNECTIONS,
    LISTENER_LIMIT_CONNECTIONS, LISTENER_LIMIT_HANDSHAKES, NODE_LIMIT_CONNECTIONS,
};

/// All places of a listener.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    shaking: usize,
    addresses: BTreeMap<IpAddr, usize>,
    nodes: BTreeMap<NodeId, usize>,
    joining: usize,
    /// When the rate of joins is at rest again.
    joins_rest_at: BootMillis,
}

/// The place of one connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    holder: Holder,
}

#[derive(Debug)]
enum Holder {
    Shaking(IpAddr),
    Node(NodeId),
    Nobody,
}

/// The place of a node that joins, beside its connection's.
#[derive(Debug)]
pub(super) struct JoinPlace(Arc<Places>);

impl Places {
    /// A place for a handshake from there.
    pub(super) fn shake(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let from = network(from);
        let mut taken = self.0.lock();
        let address = taken.addresses.get(&from).copied().unwrap_or(0);
        if taken.all >= LISTENER_LIMIT_CONNECTIONS
            || taken.shaking >= LISTENER_LIMIT_HANDSHAKES
            || address >= ADDRESS_LIMIT_HANDSHAKES
        {
            return None;
        }
        taken.all += 1;
        taken.shaking += 1;
        taken.addresses.insert(from, address + 1);
        Some(Place { places: Arc::clone(self), holder: Holder::Shaking(from) })
    }

    /// A place for a node that joins. Refused ones do not count against the rate.
    pub(super) fn join(self: &Arc<Self>, now: BootMillis) -> Option<JoinPlace> {
        let mut taken = self.0.lock();
        let rest_at = taken.joins_rest_at.max(now);
        let next = BootMillis(rest_at.0 + JOIN_INTERVAL_MS);
        if taken.joining >= JOIN_LIMIT_CONNECTIONS || next.since(now) > JOIN_BURST_LIMIT_CONNECTIONS * JOIN_INTERVAL_MS
        {
            return None;
        }
        taken.joining += 1;
        taken.joins_rest_at = next;
        Some(JoinPlace(Arc::clone(self)))
    }
}

impl Place {
    /// The handshake is done, and it was this node. `false` if the node has as many connections as it may.
    pub(super) fn settle(&mut self, node: NodeId) -> bool {
        let places = Arc::clone(&self.places);
        let mut taken = places.0.lock();
        taken.shaken(&self.holder);
        let own = taken.nodes.entry(node).or_default();
        if *own >= NODE_LIMIT_CONNECTIONS {
            self.holder = Holder::Nobody;
            return false;
        }
        *own += 1;
        self.holder = Holder::Node(node);
        true
    }

    /// The handshake is done, and it was somebody who joins.
    pub(super) fn settle_joining(&mut self) {
        let places = Arc::clone(&self.places);
        places.0.lock().shaken(&self.holder);
        self.holder = Holder::Nobody;
    }
}

impl Taken {
    fn shaken(&mut self, holder: &Holder) {
        if let Holder::Shaking(from) = holder {
            self.shaking -= 1;
            less(&mut self.addresses, from);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock();
        taken.all -= 1;
        taken.shaken(&self.holder);
        if let Holder::Node(node) = &self.holder {
            less(&mut taken.nodes, node);
        }
    }
}

impl Drop for JoinPlace {
    fn drop(&mut self) {
        self.0.0.lock().joining -= 1;
    }
}

/// What counts as one address: whoever has one of IPv6 has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => IpAddr::V6((six.to_bits() & !u128::from(u64::MAX)).into()),
        four => four,
    }
}

fn less<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn strangers_take_no_nodes_place_and_a_node_no_others() {
        let places = Arc::new(Places::default());
        let shaking: Vec<_> = (0..ADDRESS_LIMIT_HANDSHAKES).map(|_| places.shake(from(1)).unwrap()).collect();
        assert!(places.shake(from(1)).is_none() && places.shake("::ffff:10.0.0.1".parse().unwrap()).is_none());
        let others: Vec<_> = (2..).map_while(|last| places.shake(from(last))).collect();
        assert_eq!(shaking.len() + others.len(), LISTENER_LIMIT_HANDSHAKES);
        drop((shaking, others));
        let of = |node| {
            let mut place = places.shake(from(1)).unwrap();
            place.settle(NodeId(node)).then_some(place)
        };
        let two: Vec<_> = std::iter::from_fn(|| of(2)).collect();
        assert_eq!(two.len(), NODE_LIMIT_CONNECTIONS);
        let mut held: Vec<_> = std::iter::from_fn(|| of(3)).collect();
        for node in 4.. {
            if places.0.lock().all == LISTENER_LIMIT_CONNECTIONS {
                break;
            }
            held.push(of(node).unwrap());
        }
        assert!(places.shake(from(9)).is_none());
        drop(two);
        assert!(of(2).is_some());
        drop(held);
        let taken = places.0.lock();
        assert_eq!((taken.all, taken.shaking), (0, 0));
        assert!(taken.nodes.is_empty() && taken.addresses.is_empty());
    }

    #[test]
    fn who_joins_has_few_places_and_a_rate() {
        let places = Arc::new(Places::default());
        let held: Vec<_> = std::iter::from_fn(|| places.join(BootMillis(5_000))).collect();
        assert_eq!(held.len(), JOIN_LIMIT_CONNECTIONS);
        drop(held);
        let again = (0..100).filter(|_| places.join(BootMillis(5_000)).is_some()).count();
        assert_eq!(again as u64, JOIN_BURST_LIMIT_CONNECTIONS - JOIN_LIMIT_CONNECTIONS as u64);
        for (now, expected) in [(5_999, 0), (6_000, 1), (6_500, 0), (8_000, 2), (100_000, 8)] {
            let came = (0..100).filter(|_| places.join(BootMillis(now)).is_some()).count();
            assert_eq!(came, expected, "{now}");
        }
        let mut place = places.shake(from(1)).unwrap();
        place.settle_joining();
        assert_eq!(places.0.lock().shaking, 0);
    }
}
