//! Subkeys of sealers that were seen to be true, a bounded number of them, the oldest dropped first.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::cipher::Subkey;

/// Subkeys by sealer.
pub(crate) struct Subkeys<const N: usize> {
    seen: RwLock<Seen<N>>,
    limit_subkeys: usize,
}

struct Seen<const N: usize> {
    by_sealer: BTreeMap<[u8; N], Arc<Subkey>>,
    order: VecDeque<[u8; N]>,
}

impl<const N: usize> Subkeys<N> {
    pub(crate) fn new(limit_subkeys: usize) -> Self {
        Self { seen: RwLock::new(Seen { by_sealer: BTreeMap::new(), order: VecDeque::new() }), limit_subkeys }
    }

    pub(crate) fn get(&self, sealer: &[u8; N]) -> Option<Arc<Subkey>> {
        self.seen.read().by_sealer.get(sealer).cloned()
    }

    /// Only what opened something goes in: made-up sealers must not push out true ones.
    pub(crate) fn remember(&self, sealer: [u8; N], subkey: &Arc<Subkey>) {
        let mut seen = self.seen.write();
        if seen.by_sealer.insert(sealer, subkey.clone()).is_none() {
            seen.order.push_back(sealer);
        }
        while seen.order.len() > self.limit_subkeys {
            if let Some(oldest) = seen.order.pop_front() {
                seen.by_sealer.remove(&oldest);
            }
        }
    }
}

impl<const N: usize> fmt::Debug for Subkeys<N> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Subkeys(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn the_oldest_goes_first() {
        let subkeys = Subkeys::<1>::new(2);
        let secret = Secret::new([1; 32]);
        for sealer in [[1], [2], [2], [3]] {
            let subkey = Subkey::derive(&secret, &sealer, "x", &[]).unwrap();
            subkeys.remember(sealer, &Arc::new(subkey));
        }
        let left: Vec<bool> = [[1], [2], [3]].iter().map(|sealer| subkeys.get(sealer).is_some()).collect();
        assert_eq!(left, [false, true, true]);
    }
}
